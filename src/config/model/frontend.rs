//! Where clients connect.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Bind, FrontendRules, Http, Inherited, Keepalive, Log, SocketBuffers, automatic_ids};
use crate::pure::id::{Name, ProxyId};
use crate::pure::log_format::Format;
use crate::pure::role::hold::Hold;
use crate::pure::role::route::RoleRoute;

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
    /// `role`: which servers of the backend its sessions may go to; `None`: all that may be picked.
    pub role: Option<RoleRoute>,
    /// `rto`: how long a failover may take.
    pub rto: Option<std::time::Duration>,
    /// `rpo`: what a new primary may lack, in bytes of WAL or transactions.
    pub rpo: Option<u64>,
    /// `hold`: clients are kept waiting, connected, while no server may be picked; `None`: they are
    /// refused at once.
    pub hold: Option<Hold>,
    /// Concurrent connections of this frontend; `None`: only the process' limit counts.
    pub maxconn: Option<NonZeroU32>,
    /// Client-side timeouts.
    pub timeouts: ClientTimeouts,
    /// Keepalive on client connections.
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`: closes with RST.
    pub nolinger: bool,
    /// `rate-limit sessions`: sessions a second that are begun; beyond, they wait in the kernel.
    pub rate_limit_sessions: Option<NonZeroU32>,
    /// `option socket-stats`: listeners are counted one by one.
    pub socket_stats: bool,
    /// `option independent-streams`: what is sent to a client does not keep it from timing out.
    pub independent_streams: bool,
    /// `option tcp-smart-accept`: acknowledgements to clients may wait for data.
    pub tcp_smart_accept: bool,
    /// The session log.
    pub log: SessionLog,
    /// Its rules.
    pub rules: FrontendRules,
    /// `mode http`: it answers requests itself. `None`: it relays bytes.
    pub http: Option<Box<Http>>,
}

impl Frontend {
    /// The numbers of its listeners in statistics, in the order of `binds`: those that were written,
    /// and the next free ones for the others.
    #[must_use]
    pub fn listener_ids(&self) -> Vec<u32> {
        let written: Vec<_> = self.binds.iter().map(|bind| bind.id.map(NonZeroU32::get)).collect();
        automatic_ids(&written, 1)
    }

    /// What accepted connections take over from its listening sockets.
    #[must_use]
    pub fn inherited(&self, buffers: SocketBuffers) -> Inherited {
        Inherited {
            keepalive: self.keepalive,
            nolinger: self.nolinger,
            smart_accept: self.tcp_smart_accept,
            buffers,
        }
    }
}

/// Timeouts of the client side; `None` is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// Inactivity.
    pub client: Option<Duration>,
    /// Inactivity once the client's side is half closed; `None`: as before.
    pub client_fin: Option<Duration>,
    /// Until the client's PROXY header and TLS handshake are done; defaults to `client`.
    pub client_hs: Option<Duration>,
    /// Until the head of a request is there; `None`: as `client`.
    pub http_request: Option<Duration>,
    /// Until the next request begins; `None`: as `http_request`.
    pub http_keep_alive: Option<Duration>,
}

/// What is logged of each session, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionLog {
    /// Where to; lines about the frontend go there, too.
    pub to: Log,
    /// The line.
    pub format: LogFormat,
    /// `error-log-format`: the line of a connection that was refused before it was a session.
    pub error_format: Option<Box<Format>>,
    /// `log-format-sd`: the structured data of targets that have it (RFC 5424 §6.3).
    pub structured: Option<Box<Format>>,
    /// `unique-id-format`: what `%ID` shows.
    pub unique_id: Option<Box<Format>>,
    /// `option dontlognull`: sessions without a byte from the client are not logged.
    pub dontlognull: bool,
    /// `option dontlog-normal`: only sessions that went wrong are logged.
    pub dontlog_normal: bool,
    /// `option log-separate-errors`: sessions that went wrong are logged at `err`.
    pub separate_errors: bool,
    /// `option logasap`: logged once the server is connected.
    pub logasap: bool,
}

impl SessionLog {
    /// Whether a line is written once the server is connected: by the option, and where it shows
    /// nothing that the rest of the session adds to.
    #[must_use]
    pub fn is_early(&self) -> bool {
        let formats = || self.format.written().into_iter().chain(self.structured.as_deref());
        let known = self.format.written().is_some() && !formats().any(Format::shows_the_end);
        self.logasap || known
    }
}

/// Line formats.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LogFormat {
    /// `Connect from 127.0.0.1:40916 to 127.0.0.1:19121 (fe/TCP)`, without `option tcplog`.
    #[default]
    Connect,
    /// `option tcplog`.
    Tcp,
    /// `option tcplog clf`.
    TcpClf(Box<Format>),
    /// `option httplog`.
    Http(Box<Format>),
    /// `log-format`.
    Custom(Box<Format>),
}

impl LogFormat {
    /// The format that has to be filled in, if it is none of those that are known by heart.
    #[must_use]
    pub fn written(&self) -> Option<&Format> {
        match self {
            Self::Connect | Self::Tcp => None,
            Self::TcpClf(format) | Self::Http(format) | Self::Custom(format) => Some(format),
        }
    }
}

/// The process's own HTTP listener: metrics, `/health` and `/ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The section's name; `stats` in TOML.
    pub name: Name,
    /// Listening sockets.
    pub binds: Vec<Bind>,
    /// Path of the Prometheus exporter.
    pub metrics_path: String,
}
