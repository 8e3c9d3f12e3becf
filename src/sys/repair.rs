//! Closing a TCP connection without telling the peer.

use std::io;
use std::os::fd::AsFd;

use super::sockopt::set;

/// Puts a TCP socket into repair mode (`TCP_REPAIR`, made for checkpoint and restore): closing it
/// then sends nothing.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`; `ENOPROTOOPT` for another kind of socket.
pub fn enter(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn only_tcp_sockets_enter() {
        let (socket, _) = UnixStream::pair().unwrap();
        assert!(enter(&socket).is_err());
    }
}
