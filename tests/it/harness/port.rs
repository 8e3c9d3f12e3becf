//! Free TCP ports that stay ours until the test process ends.
//!
//! A port from the kernel's ephemeral range may be taken by any outgoing connection between its
//! choice and its use, so ports are taken below that range. Test processes that run side by side
//! keep out of each other's way by holding an abstract Unix socket named after the port.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::Mutex;

/// Where ports are taken from: above the well-known ones, below Linux's ephemeral range (32768).
const RANGE: std::ops::Range<u16> = 12_000..32_000;

static HELD: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port on 127.0.0.1 that nobody listens on and no other test gets.
pub(crate) fn free_port() -> u16 {
    for _ in 0..1_000 {
        let port = fastrand::u16(RANGE);
        let name = format!("evenkeel-it-port-{port}");
        let Ok(lock) =
            UnixAddr::from_abstract_name(name).and_then(|name| UnixListener::bind_addr(&name))
        else {
            continue;
        };
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_err() {
            continue;
        }
        HELD.lock().unwrap().push(lock);
        return port;
    }
    panic!("no free port between {} and {}", RANGE.start, RANGE.end);
}

/// An address on 127.0.0.1 that nobody listens on and no other test gets.
pub(crate) fn free_addr() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// Whether somebody listens on TCP `port`, asked without connecting to it.
pub(crate) fn is_listening(port: u16) -> bool {
    let needle = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table).unwrap_or_default().lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().unwrap_or_default();
            // State 0A is LISTEN (include/net/tcp_states.h).
            local.ends_with(&needle) && fields.nth(1) == Some("0A")
        })
    })
}
