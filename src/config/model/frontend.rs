//! Where clients connect.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Bind, FrontendRules, Keepalive, LogTarget};
use crate::pure::id::{Name, ProxyId};

/// A `frontend`, or the front half of a `listen` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontend {
    /// Its name.
    pub name: Name,
    /// Its number in statistics.
    pub id: ProxyId,
    /// Listening sockets.
    pub binds: Vec<Bind>,
    /// `default_backend`; `None`: every session ends with `SC` and `<NOSRV>`, as in HAProxy.
    pub backend: Option<Name>,
    /// Concurrent connections of this frontend; `None`: only the process' limit counts.
    pub maxconn: Option<NonZeroU32>,
    /// Client-side timeouts.
    pub timeouts: ClientTimeouts,
    /// Keepalive on client connections.
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`: closes with RST.
    pub nolinger: bool,
    /// The session log.
    pub log: SessionLog,
    /// Its rules.
    pub rules: FrontendRules,
}

/// Timeouts of the client side; `None` is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// Inactivity.
    pub client: Option<Duration>,
    /// Inactivity once the client's side is half closed; defaults to `client`.
    pub client_fin: Option<Duration>,
    /// Until the client's PROXY header and TLS handshake are done; defaults to `client`.
    pub client_hs: Option<Duration>,
}

/// What is logged of each session, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionLog {
    /// Targets, `log global` already replaced by the global ones.
    pub targets: Vec<LogTarget>,
    /// The line.
    pub format: LogFormat,
    /// `option dontlognull`: sessions without a byte from the client are not logged.
    pub dontlognull: bool,
    /// `option dontlog-normal`: only sessions that went wrong are logged.
    pub dontlog_normal: bool,
    /// `option log-separate-errors`: sessions that went wrong are logged at `err`.
    pub separate_errors: bool,
    /// `option logasap`: logged once the server is connected.
    pub logasap: bool,
}

/// Line formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `Connect from 127.0.0.1:40916 to 127.0.0.1:19121 (fe/TCP)`, without `option tcplog`.
    #[default]
    Connect,
    /// `option tcplog`.
    Tcp,
}

/// An HTTP listener for `/metrics`, `/health` and `/ready`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// The section's name; `stats` in TOML.
    pub name: Name,
    /// Listening sockets.
    pub binds: Vec<Bind>,
    /// Path of the Prometheus exporter.
    pub metrics_path: String,
}
