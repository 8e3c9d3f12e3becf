//! Where and how a server is checked, from its settings.

use std::net::SocketAddr;

use super::driver::{Ends, Target, TargetAddr, Timing};
use crate::config::model::{Check, ProxyHeader, Server, ServerAddr};
use crate::pure::wire::proxy::Endpoints;
use crate::pure::wire::proxy_v1;
use crate::pure::wire::proxy_v2::{self, Checksum};

/// The target of a server's check. `source` is the backend's local address.
pub(super) fn target(server: &Server, check: &Check, source: Option<SocketAddr>) -> Target {
    Target {
        addr: addr(server, check),
        source,
        send_proxy: check.send_proxy.is_some(),
        proxy_header: match check.send_proxy {
            Some(ProxyHeader::V2) => header_v2,
            Some(ProxyHeader::V1) | None => header_v1,
        },
        timing: Timing {
            inter: check.inter,
            connect: check.timeout_connect,
            answer: check.timeout,
        },
    }
}

fn addr(server: &Server, check: &Check) -> TargetAddr {
    let with_port = |ip, port| {
        let port = check.port.map_or(port, std::num::NonZeroU16::get);
        TargetAddr::Tcp(SocketAddr::new(ip, port))
    };
    if let Some(addr) = check.addr {
        let own = match server.address {
            ServerAddr::Tcp(address) => address.port(),
            _ => 0,
        };
        let port = if addr.port() == 0 { own } else { addr.port() };
        return with_port(addr.ip(), port);
    }
    match &server.address {
        ServerAddr::Tcp(address) => with_port(address.ip(), address.port()),
        // Loading refuses a check without a port here.
        ServerAddr::TcpClientPort { ip, .. } => with_port(*ip, 0),
        ServerAddr::Unix(path) => TargetAddr::Unix(path.clone()),
        ServerAddr::Abstract(name) => TargetAddr::Abstract(name.clone()),
    }
}

/// A check speaks for itself: version 1 with its own addresses, version 2 as LOCAL (seen of 2.6).
fn header_v1(ends: Option<Ends>) -> Vec<u8> {
    let endpoints = ends.map_or(Endpoints::Own, |(src, dst)| Endpoints::Tcp { src, dst });
    proxy_v1::encode(&endpoints)
}

fn header_v2(_: Option<Ends>) -> Vec<u8> {
    proxy_v2::encode(&Endpoints::Own, Checksum::Absent, &[])
        .expect("a header without extensions is never too long")
}
