//! Where clients are sent.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::{BackendRules, Balance, Check, Keepalive, LogTarget, Redispatch, ServerTls};
use crate::pure::id::{Name, ProxyId, ServerId};
use crate::pure::weight::Weight;

/// A `backend`, or the back half of a `listen` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its name.
    pub name: Name,
    /// Its number in statistics.
    pub id: ProxyId,
    /// How a server is picked.
    pub balance: Balance,
    /// `option allbackups`: all backups serve when no active server may, not only the first.
    pub allbackups: bool,
    /// Servers in file order; names are unique.
    pub servers: Vec<Server>,
    /// Connection attempts after the first.
    pub retries: u32,
    /// When a retry may change servers that are still up.
    pub redispatch: Redispatch,
    /// Server-side timeouts.
    pub timeouts: ServerTimeouts,
    /// Keepalive on server connections.
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`: closes with RST.
    pub nolinger: bool,
    /// Local address of server and check connections.
    pub source: Option<SocketAddr>,
    /// `fullconn`, shown as the session limit of the backend.
    pub fullconn: Option<NonZeroU32>,
    /// `option log-health-checks`: every change of a check's result is logged.
    pub log_health_checks: bool,
    /// Targets of server state lines, `log global` already replaced.
    pub log: Vec<LogTarget>,
    /// Its rules.
    pub rules: BackendRules,
}

/// Timeouts of the server side; `None` is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// Until a connection attempt succeeds.
    pub connect: Option<Duration>,
    /// Inactivity.
    pub server: Option<Duration>,
    /// Inactivity once the server's side is half closed; defaults to `server`.
    pub server_fin: Option<Duration>,
    /// Inactivity of both sides once data may flow; replaces client and server where set.
    pub tunnel: Option<Duration>,
    /// Wait for a server slot; defaults to `connect`.
    pub queue: Option<Duration>,
}

/// A `server` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its name.
    pub name: Name,
    /// Its number in statistics.
    pub id: ServerId,
    /// Where it listens.
    pub address: ServerAddr,
    /// The host name it was resolved from, where one was written, after `ipv4@` or `ipv6@` where that
    /// restricts it.
    pub hostname: Option<String>,
    /// Share of new sessions.
    pub weight: Weight,
    /// Used only when no active server may be picked.
    pub backup: bool,
    /// Starts in maintenance.
    pub disabled: bool,
    /// Concurrent sessions; more wait in the queue.
    pub maxconn: Option<NonZeroU32>,
    /// Its health check.
    pub check: Option<Check>,
    /// What happens to its sessions when it goes down.
    pub on_marked_down: OnMarkedDown,
    /// What happens to sessions on backups when it comes up.
    pub on_marked_up: OnMarkedUp,
    /// Header sent before the client's bytes.
    pub send_proxy: Option<ProxyHeader>,
    /// TCP_USER_TIMEOUT of server connections.
    pub tcp_ut: Option<Duration>,
    /// Sessions speak TLS to it.
    pub tls: Option<Box<ServerTls>>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddr {
    /// A fixed address and port.
    Tcp(SocketAddr),
    /// The port is the one the client connected to, plus an offset.
    TcpClientPort {
        /// The server's address.
        ip: std::net::IpAddr,
        /// Added to the client's destination port; 0 where no port was written.
        offset: i32,
    },
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix stream socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

/// `on-marked-down`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMarkedDown {
    /// Sessions go on.
    #[default]
    Keep,
    /// `shutdown-sessions`.
    ShutdownSessions,
}

/// `on-marked-up`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMarkedUp {
    /// Sessions go on.
    #[default]
    Keep,
    /// `shutdown-backup-sessions`.
    ShutdownBackupSessions,
}

/// PROXY protocol versions that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `send-proxy`.
    V1,
    /// `send-proxy-v2`.
    V2,
}
