//! What is known of a session once it is over (or, with `option logasap`, once it is connected).
//!
//! A record is plain values and shared strings: building one allocates nothing, so that the data
//! path can afford one a session. Nothing is formatted here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::model::{LogLevel, SessionLog};
use crate::pure::session::termination::Termination;
use crate::pure::tls;
use crate::pure::wire::netscaler;
use crate::pure::wire::proxy::Refusal;

/// One session, as its log line and the statistics need it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where and how the frontend logs: the settings the session was accepted under.
    pub log: Arc<SessionLog>,
    /// Who connected.
    pub client: Client,
    /// The address the client connected to; `None` on a Unix socket.
    pub destination: Option<SocketAddr>,
    /// When the connection was accepted, wall clock.
    pub accepted: SystemTime,
    /// Time from accept until a server slot was had; `None`: the session never got that far.
    pub queue: Option<Duration>,
    /// Time the connection to the server took, retries included; `None`: never connected.
    pub connect: Option<Duration>,
    /// Time from accept to the end.
    pub total: Duration,
    /// Name of the frontend.
    pub frontend: Arc<str>,
    /// Name of the backend; `None`: the frontend has none or a rule ended the session before.
    pub backend: Option<Arc<str>>,
    /// Name of the last server tried; `None`: no server was assigned.
    pub server: Option<Arc<str>>,
    /// The request it answered, in `mode http`.
    pub exchange: Option<Box<Exchange>>,
    /// Whether the client spoke TLS to us.
    pub tls: bool,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// How it ended.
    pub termination: Termination,
    /// Connections open when the record was made, this one included.
    pub connections: Connections,
    /// Connection attempts after the first.
    pub retries: u32,
    /// Whether another server was tried than the one assigned first.
    pub redispatched: bool,
    /// 1 and the sessions that the server's queue let go while this one waited in it; 0: it did
    /// not wait there.
    pub server_queue: u32,
    /// The same of the backend's queue.
    pub backend_queue: u32,
    /// `set-log-level`: the line's severity.
    pub level: Option<LogLevel>,
    /// Whether the session is over.
    pub moment: Moment,
    /// The connection was closed for its PROXY header or TLS handshake before it became a session.
    pub refusal: Option<Refused>,
    /// What a format of its own asks beside; `None` where the frontend has none.
    pub details: Option<Box<Details>>,
}

/// What stands for a request where none came.
pub const NO_REQUEST: &str = "<BADREQ>";

/// A request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `GET / HTTP/1.1`, or [`NO_REQUEST`].
    pub line: String,
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// When its first byte came.
    pub begun: SystemTime,
    /// Time until then, from the beginning of the session or the end of the last answer.
    pub idle: Duration,
    /// Time until its head was whole; `None`: it never was.
    pub request: Option<Duration>,
    /// Time until the answer was made; `None`: nobody had to make it.
    pub response: Option<Duration>,
}

/// What only some formats show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// The values of the format's samples, in their order, as text.
    pub samples: Vec<Option<String>>,
    /// What `tcp-request content capture` kept, by the frontend's rules; `None`: the rule was not
    /// reached.
    pub captures: Vec<Option<String>>,
    /// What `unique-id-format` made, where the format shows it.
    pub unique_id: Option<Box<str>>,
    /// Those of `log-format-sd`.
    pub structured: Vec<Option<String>>,
    /// Our side of the connection to the server.
    pub source: Option<SocketAddr>,
    /// The server's side of it.
    pub server: Option<SocketAddr>,
    /// Name of the TLS suite and version of the client's connection.
    pub tls: Option<(&'static str, &'static str)>,
    /// Time until the client's PROXY header and TLS handshake were there.
    pub handshake: Duration,
    /// Number of the session in the process.
    pub number: u64,
}

/// A connection that was closed before it became a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was wrong.
    pub why: Why,
    /// The listener's name; without one its number within the frontend, from 1.
    pub listener: Arc<str>,
}

/// What was wrong before a connection became a session; shown as HAProxy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Its PROXY header.
    #[error(transparent)]
    Proxy(#[from] Refusal),
    /// Its header of NetScaler's client IP insertion.
    #[error(transparent)]
    Netscaler(#[from] netscaler::Refusal),
    /// Its TLS handshake.
    #[error(transparent)]
    Tls(#[from] tls::refusal::Refusal),
}

/// Who connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// An IPv4 or IPv6 client; IPv4-mapped IPv6 addresses are shown as such, as in HAProxy.
    Tcp(SocketAddr),
    /// A client of a Unix socket, told by the number of its listener within the frontend, from 1.
    Unix {
        /// `luid` in HAProxy's words.
        listener: u32,
    },
}

/// Open connections, at the end of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Of the process.
    pub process: u32,
    /// Of the frontend.
    pub frontend: u32,
    /// Of the backend.
    pub backend: u32,
    /// Of the server.
    pub server: u32,
}

/// When a record was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// At accept: frontends without `option tcplog` log then ([`LogFormat::Connect`]).
    ///
    /// [`LogFormat::Connect`]: crate::config::model::LogFormat::Connect
    Accepted,
    /// At the session's end.
    #[default]
    End,
    /// Once the server was connected (`option logasap`); duration and bytes are still growing.
    Connected,
}
