//! Letting the kernel choose a source port when the destination is known.

use std::io;
use std::os::fd::AsFd;

use super::sockopt::set;

/// Makes `bind` to port 0 take an address only (`IP_BIND_ADDRESS_NO_PORT`, ip(7)): `connect` then
/// finds a port that is free towards that destination, so that one source address has as many
/// connections to each server as there are ports, instead of to all of them together. Call it
/// before `bind`; it serves IPv6 sockets, too.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 4.2.
pub fn choose_at_connect(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn the_port_is_chosen_after_bind() {
        let addrs: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into()];
        for addr in addrs {
            let source = SocketAddr::new(addr, 0);
            let socket = Socket::new(Domain::for_address(source), Type::STREAM, None).unwrap();
            choose_at_connect(&socket).unwrap();
            socket.bind(&source.into()).unwrap();
            assert_eq!(socket.local_addr().unwrap().as_socket().map(|a| a.port()), Some(0));
        }
    }
}
