//! Where clients are sent.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    AgentCheck, BackendRules, Balance, Check, HashKey, Http, InitAddr, Keepalive, Log, LogProto,
    Observe, ProxyTlv, Redispatch, Resolve, ServerSocket, ServerTls, Source,
};
use crate::pure::id::{Name, ProxyId, ServerId};
use crate::pure::role::fence::OnConflict;
use crate::pure::role::route::RoleRoute;
use crate::pure::role::stay::Stays;
use crate::pure::role::witness::Agree;
use crate::pure::sample::Expr;
use crate::pure::weight::Weight;

/// A `backend`, or the back half of a `listen` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its name.
    pub name: Name,
    /// Its number in statistics.
    pub id: ProxyId,
    /// That number is written, not counted.
    pub has_own_id: bool,
    /// How a server is picked.
    pub balance: Balance,
    /// What `balance hash` and `balance rdp-cookie` hash.
    pub balance_key: Option<BalanceKey>,
    /// `on_conflict`: what to do while two servers claim to be primary.
    pub on_conflict: OnConflict,
    /// `agree`: how many of a server's checks it takes to end its sessions.
    pub agree: Agree,
    /// `sessions`: what becomes of those of a server in trouble, where routes by role lead to it.
    pub stays: Stays,
    /// `switchover`: how the primary is changed on purpose.
    pub switchover: Option<super::Switchover>,
    /// `drill`: what a drill does to the primary.
    pub drill: Option<super::Drill>,
    /// `option allbackups`: all backups serve when no active server may, not only the first.
    pub allbackups: bool,
    /// Routes by role that frontends have to it, each once.
    pub routes: Vec<RoleRoute>,
    /// Servers in file order; names are unique.
    pub servers: Vec<Server>,
    /// `dispatch` and `option transparent`: where clients go without load balancing, if no rule sends
    /// them to one of `servers`.
    pub direct: Option<Box<Server>>,
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
    /// `option persist`: a server that a stick table names is tried even if it is down.
    pub persist: bool,
    /// `persist rdp-cookie`: the name of the cookie of remote desktops that says which server a client
    /// had.
    pub rdp_cookie: Option<Box<str>>,
    /// `option abortonclose`: a client that closes while it waits for a server gives its place up
    /// even if it has sent something.
    pub abortonclose: bool,
    /// `option independent-streams`: what is sent to a server does not keep it from timing out.
    pub independent_streams: bool,
    /// `option tcp-smart-connect`: the acknowledgement of a connection may wait for data.
    pub tcp_smart_connect: bool,
    /// Where connections to its servers come from.
    pub source: Option<Source>,
    /// `fullconn`, shown as the session limit of the backend: with as many sessions its servers take
    /// all that their `maxconn` allows. `None`: a tenth of what the frontends that lead here may have.
    pub fullconn: Option<NonZeroU32>,
    /// `option log-health-checks`: every change of a check's result is logged.
    pub log_health_checks: bool,
    /// Where server state lines go.
    pub log: Log,
    /// Its rules.
    pub rules: BackendRules,
    /// Where its servers find what they were before.
    pub load_state: LoadState,
    /// `mode http`: the page it answers with.
    pub http: Option<Box<Http>>,
}

impl Backend {
    /// Where connections to `server` come from.
    #[must_use]
    pub fn source_of<'a>(&'a self, server: &'a Server) -> Option<&'a Source> {
        server.socket.source.as_ref().or(self.source.as_ref())
    }
}

/// What of a session is hashed.
#[derive(Clone, Debug, PartialEq)]
pub struct BalanceKey {
    /// As written after `balance`.
    pub text: String,
    /// The same, understood.
    pub expr: Expr,
}

impl BalanceKey {
    /// `balance rdp-cookie`.
    #[must_use]
    pub fn is_rdp_cookie(&self) -> bool {
        self.text.starts_with("rdp-cookie")
    }
}

/// Timeouts of the server side; `None` is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// Until a connection attempt succeeds.
    pub connect: Option<Duration>,
    /// Inactivity.
    pub server: Option<Duration>,
    /// Inactivity once the server's side is half closed; `None`: as before.
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
    /// Whether that was written.
    pub has_own_id: bool,
    /// Where it listens.
    pub address: ServerAddr,
    /// The host name it was resolved from, where one was written, after `ipv4@` or `ipv6@` where that
    /// restricts it.
    pub hostname: Option<String>,
    /// How its name is followed while running.
    pub resolve: Option<Resolve>,
    /// `init-addr`: ways to its first address, tried in order.
    pub init_addr: Vec<InitAddr>,
    /// Share of new sessions.
    pub weight: Weight,
    /// Used only when no active server may be picked.
    pub backup: bool,
    /// Starts in maintenance.
    pub disabled: bool,
    /// `non-stick`: no stick table notes that a session had it.
    pub non_stick: bool,
    /// Concurrent sessions; more wait in the queue.
    pub maxconn: Option<NonZeroU32>,
    /// Concurrent sessions while its backend is empty, below `maxconn`; the limit rises to that as
    /// the backend fills up to `fullconn`.
    pub minconn: Option<NonZeroU32>,
    /// Sessions that may wait for this very server.
    pub maxqueue: Option<NonZeroU32>,
    /// Whole seconds until it gets all of its share after it came up.
    pub slowstart: Option<Duration>,
    /// What its place on the ring of consistent hashing depends on.
    pub hash_key: HashKey,
    /// Its health check.
    pub check: Option<Check>,
    /// Checks beside it, which say only whether new sessions go there and whether it keeps those it
    /// has.
    pub witnesses: Vec<Check>,
    /// `track`: it is what this server is.
    pub track: Option<Track>,
    /// Its agent.
    pub agent: Option<AgentCheck>,
    /// Sessions that cannot connect count against it; only with a check.
    pub observe: Option<Observe>,
    /// What happens to its sessions when it goes down.
    pub on_marked_down: OnMarkedDown,
    /// What happens to sessions on backups when it comes up.
    pub on_marked_up: OnMarkedUp,
    /// Header sent before the client's bytes.
    pub send_proxy: Option<ProxyHeader>,
    /// Extensions of the header in version 2 that the operator made up.
    pub proxy_tlvs: Vec<ProxyTlv>,
    /// TCP_USER_TIMEOUT of server connections.
    pub tcp_ut: Option<Duration>,
    /// Options of its sockets.
    pub socket: ServerSocket,
    /// How log lines are told apart, where it belongs to a ring.
    pub log_proto: LogProto,
    /// Sessions speak TLS to it.
    pub tls: Option<Box<ServerTls>>,
}

/// A server that another one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its backend.
    pub backend: Name,
    /// Its name.
    pub server: Name,
}

impl std::fmt::Display for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.backend, self.server)
    }
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
    /// An end of an inherited socket pair, over which connections are handed to the server.
    Sockpair(i32),
    /// Nothing is known but the port: the name is not resolved.
    Unresolved {
        /// The port; `None`: the client's, plus the offset, or a service record's.
        port: Option<u16>,
        /// Added to the client's destination port.
        offset: i32,
    },
}

impl Server {
    /// Whether `other` is the same server as far as its place goes: its address, or the name that is
    /// followed while running.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (&self.resolve, &other.resolve) {
            (Some(own), Some(others)) => {
                own.fqdn == others.fqdn && self.address.at(None) == other.address.at(None)
            }
            _ => self.address == other.address,
        }
    }
}

impl ServerAddr {
    /// It as text, for people, programs and tables; empty where that is no fixed place.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::TcpClientPort { ip, .. } => ip.to_string(),
            Self::Unix(path) => path.display().to_string(),
            Self::Abstract(name) => format!("abns@{}", String::from_utf8_lossy(name)),
            Self::Sockpair(_) | Self::Unresolved { .. } => String::new(),
        }
    }

    /// The same port at another address; without one, unresolved.
    #[must_use]
    pub fn at(&self, ip: Option<std::net::IpAddr>) -> Self {
        let (port, offset) = match *self {
            Self::Tcp(address) => (Some(address.port()), 0),
            Self::TcpClientPort { offset, .. } => (None, offset),
            Self::Unresolved { port, offset } => (port, offset),
            Self::Unix(_) | Self::Abstract(_) | Self::Sockpair(_) => return self.clone(),
        };
        match (ip, port) {
            (Some(ip), Some(port)) => Self::Tcp((ip, port).into()),
            (Some(ip), None) => Self::TcpClientPort { ip, offset },
            (None, port) => Self::Unresolved { port, offset },
        }
    }

    /// Its IP address, if it has one.
    #[must_use]
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::TcpClientPort { ip, .. } => Some(*ip),
            Self::Unix(_) | Self::Abstract(_) | Self::Sockpair(_) | Self::Unresolved { .. } => None,
        }
    }

    /// Whether a part of it is what the client connected to: the port, or the address of a server
    /// that has none of its own (`0.0.0.0`, `*`).
    #[must_use]
    pub fn follows_client(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_unspecified(),
            Self::TcpClientPort { .. } => true,
            Self::Unix(_) | Self::Abstract(_) | Self::Sockpair(_) | Self::Unresolved { .. } => {
                false
            }
        }
    }

    /// Whether it is only a name so far.
    #[must_use]
    pub const fn is_unresolved(&self) -> bool {
        matches!(self, Self::Unresolved { .. })
    }
}

/// `load-server-state-from-file`: where a backend's servers find what they were before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LoadState {
    /// Nowhere: they start afresh.
    #[default]
    None,
    /// In the file of `global`.
    Global,
    /// In a file of its own, with this name (`server-state-file-name`).
    Local(PathBuf),
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
    /// `send-proxy-v2-ssl`: with what is known of the client's TLS session.
    V2Ssl,
    /// `send-proxy-v2-ssl-cn`: and with the name in its certificate.
    V2SslCn,
}
