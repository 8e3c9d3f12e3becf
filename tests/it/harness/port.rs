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
    // States as in include/net/tcp_states.h.
    sockets().iter().any(|it| (it.port, it.state) == (port, 0x0A))
}

/// Whether an established connection has bytes that its end at `port` did not read.
pub(crate) fn has_unread(port: u16) -> bool {
    sockets().iter().any(|it| (it.port, it.state) == (port, 0x01) && it.unread > 0)
}

/// A TCP socket of this network namespace.
struct Socket {
    port: u16,
    state: u8,
    unread: u32,
}

fn sockets() -> Vec<Socket> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let lines = tables.iter().flatten().flat_map(|table| table.lines().skip(1));
    let hex = |word: Option<&str>| u32::from_str_radix(word?, 16).ok();
    lines
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some(Socket {
                port: hex(words.get(1)?.split(':').nth(1))?.try_into().ok()?,
                state: hex(words.get(3).copied())?.try_into().ok()?,
                unread: hex(words.get(4)?.split(':').nth(1))?,
            })
        })
        .collect()
}
