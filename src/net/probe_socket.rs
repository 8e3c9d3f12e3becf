//! Sockets of health checks: open, not yet connected.
//!
//! Not [`super::connect`]'s, because a check wants what a session never does: to be seen by the
//! server as little as its question allows, and to be told each refusal of the system by itself.

use std::io;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::listen::abstract_address;

/// How the connection of a check begins and ends; without meaning on a Unix socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Nothing is said on it: the last packet of the handshake stays here until the reset takes
    /// its place, and the server never sees the connection.
    pub unseen: bool,
    /// It is closed with a reset.
    pub reset: bool,
    /// What is sent first must not hold back what follows until it is acknowledged.
    pub nodelay: bool,
}

/// Opens a non-blocking stream socket for an address of `domain`.
///
/// # Errors
/// What the system refused.
pub fn open(domain: Domain, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), None)?;
    if domain == Domain::UNIX {
        return Ok(socket);
    }
    if options.unseen {
        socket.set_tcp_quickack(false)?;
    }
    if options.reset {
        socket.set_linger(Some(Duration::ZERO))?;
    }
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    Ok(socket)
}

/// The address of a Unix socket.
#[must_use]
pub fn unix_address(path: &Path) -> SockAddr {
    SockAddr::unix(path).unwrap_or_else(|_| nowhere())
}

/// The address of a Unix socket in the abstract namespace: the one sessions connect to.
#[must_use]
pub fn abstract_unix_address(name: &[u8]) -> SockAddr {
    abstract_address(name).unwrap_or_else(|_| nowhere())
}

/// In place of a name that is too long, which loading refuses: connect() refuses it, too.
fn nowhere() -> SockAddr {
    SockAddr::unix("").expect("an empty path is short enough")
}
