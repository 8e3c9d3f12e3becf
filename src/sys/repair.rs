//! Closing a TCP connection without telling the peer.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Puts a TCP socket into repair mode (`TCP_REPAIR`, made for checkpoint and restore): closing it
/// then sends nothing.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`; `ENOPROTOOPT` for another kind of socket.
pub fn enter(socket: &impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("4 bytes");
    // SAFETY: the kernel reads `len` bytes of one int that outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_REPAIR,
            (&raw const on).cast(),
            len,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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
