//! Listening sockets and options of sockets on either side.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::BindTls;

/// One listening socket. A port range became one `Bind` a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// `name`, the listener's name in statistics.
    pub name: Option<String>,
    /// Where to listen.
    pub address: ListenAddr,
    /// Concurrent connections of this listener; beyond, they wait in the kernel's backlog.
    pub maxconn: Option<NonZeroU32>,
    /// Length of the kernel's accept queue.
    pub backlog: NonZeroU32,
    /// A PROXY header is mandatory on every connection.
    pub accept_proxy: bool,
    /// TCP_USER_TIMEOUT of accepted connections.
    pub tcp_ut: Option<Duration>,
    /// SO_BINDTODEVICE.
    pub interface: Option<String>,
    /// IPV6_V6ONLY; `None` leaves the system's default.
    pub v6only: Option<bool>,
    /// Ownership of a Unix socket.
    pub unix: UnixPermissions,
    /// Clients speak TLS.
    pub tls: Option<Box<BindTls>>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket; the file is made by us.
    Unix(PathBuf),
    /// A Unix stream socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
    /// An inherited listening descriptor.
    Fd(i32),
}

/// Who may connect to a Unix socket; `None` leaves what the umask gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnixPermissions {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner, as written (a name or a number).
    pub user: Option<String>,
    /// Group, as written (a name or a number).
    pub group: Option<String>,
}

/// SO_KEEPALIVE and its timing; `None` leaves the kernel's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Idle time before the first probe, whole seconds.
    pub idle: Option<Duration>,
    /// Time between probes, whole seconds.
    pub intvl: Option<Duration>,
    /// Unanswered probes before the connection is dropped.
    pub cnt: Option<NonZeroU32>,
}
