//! What is seen of the process from outside at one instant, as plain values.
//!
//! The rows and their fields are those of HAProxy's `show info` and `show stat` that mean something
//! for TCP; every view (Prometheus, CSV, JSON, HTML) prints from here. Counters are cumulated since
//! the process started and never go down; `Option` is HAProxy's empty column.

mod nameserver;
mod requests;
mod role;
mod table;
mod tls;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::pure::id::{ProxyId, ServerId};
use crate::pure::role::witness::Say;
use crate::telemetry::outbox::Count;

pub use nameserver::{Nameserver, QUESTIONS};
pub use requests::Requests;
pub use role::{Failovers, Hold, Role, RoleState};
pub use table::Table;
pub use tls::{Handshakes, Tls};

/// Everything at one instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The process.
    pub process: Process,
    /// Frontends in file order.
    pub frontends: Vec<Frontend>,
    /// Backends in file order.
    pub backends: Vec<Backend>,
    /// Numbers of both, merged as their sections are written.
    pub order: Vec<ProxyId>,
    /// Name servers of all `resolvers` sections, in file order.
    pub nameservers: Vec<Nameserver>,
    /// Stick tables.
    pub tables: Vec<Table>,
    /// What became of events for webhooks.
    pub webhooks: Vec<Count>,
    /// Worker by worker.
    pub workers: Vec<crate::state::sessions::Share>,
}

/// The process: `show info`.
#[derive(Clone, Debug)]
pub struct Process {
    /// Version of the program.
    pub version: String,
    /// The HAProxy version it stands for.
    pub claimed_version: &'static str,
    /// When that was released, `2025/05/28`.
    pub claimed_date: &'static str,
    /// Process id.
    pub pid: u32,
    /// `node`, or the host name.
    pub node: String,
    /// `description`.
    pub description: Option<String>,
    /// When it started, wall clock.
    pub started: SystemTime,
    /// How long ago that was.
    pub uptime: Duration,
    /// Worker threads.
    pub threads: u32,
    /// Descriptors the process may open.
    pub max_fds: u64,
    /// Descriptors the configuration needs at most.
    pub max_sockets: u64,
    /// `maxconn` in force.
    pub max_connections: u32,
    /// `maxconn` the configuration or the descriptor limit allows.
    pub hard_max_connections: u32,
    /// Open client connections and how they come; the rate's limit is `maxconnrate`.
    pub connections: Load,
    /// Sessions and how they come; the rate's limit is `maxsessrate`.
    pub sessions: Load,
    /// TLS.
    pub tls: Tls,
    /// Pipes for splice.
    pub pipes: Pipes,
    /// Bytes sent to either side.
    pub bytes_out: u64,
    /// Those of them that went through a pipe.
    pub spliced_bytes_out: u64,
    /// Bytes sent per second, since the last look.
    pub bytes_out_rate: u64,
    /// Tasks alive on the workers.
    pub tasks: u64,
    /// Tasks from other threads that wait for a worker.
    pub run_queue: u64,
    /// Share of the time since the last look that the workers slept, 0 to 100.
    pub idle_percent: u8,
    /// Whether a graceful stop is under way.
    pub stopping: bool,
    /// Connections and listeners that keep the process alive.
    pub jobs: u64,
    /// Those of them that a graceful stop does not end.
    pub unstoppable_jobs: u64,
    /// Open listeners.
    pub listeners: u32,
    /// Log lines lost.
    pub dropped_logs: u64,
    /// What outlives the process cannot be written to `state_dir`.
    pub is_state_unsaved: bool,
    /// Whether workers spin instead of sleeping.
    pub busy_polling: bool,
    /// Name lookups that failed.
    pub failed_resolutions: u64,
    /// Warnings said since the start.
    pub warnings: u64,
    /// Times that `maxconn` of the process was reached.
    pub maxconn_reached: u64,
}

/// Pipes for splice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipes {
    /// `maxpipes`; 0: unset.
    pub max: u32,
    /// Open, in use or about to be used again.
    pub open: u32,
}

/// How many there are of something that comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Now.
    pub current: u32,
    /// Most at a time.
    pub max: u32,
    /// Most that are let in; `None`: no limit of its own.
    pub limit: Option<u32>,
    /// All since the start.
    pub total: u64,
    /// New ones in the last second.
    pub rate: u32,
    /// Most in one second.
    pub rate_max: u32,
    /// Most that are let in per second; 0: no limit.
    pub rate_limit: u32,
}

/// Bytes of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// From clients.
    pub r#in: u64,
    /// To clients.
    pub out: u64,
}

/// What was refused, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// `dreq`: sessions that content rules rejected.
    pub requests: u64,
    /// `dresp`: sessions that response rules rejected.
    pub responses: u64,
    /// `dcon`: connections that connection rules rejected.
    pub connections: u64,
    /// `dses`: connections that session rules rejected.
    pub sessions: u64,
}

/// What frontends and listeners have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Intake {
    /// Sessions; `limit` is the effective `maxconn`. Of a listener, which knows nothing else, `total`
    /// counts connections.
    pub sessions: Load,
    /// Their bytes.
    pub bytes: Bytes,
    /// Their TLS.
    pub handshakes: Handshakes,
    /// What was refused.
    pub denied: Denied,
    /// `ereq`: clients that left or broke the protocol before a backend was chosen.
    pub request_errors: u64,
    /// `eint`: sessions ended by the proxy's own failures.
    pub internal_errors: u64,
}

/// A frontend's row.
#[derive(Clone, Debug)]
pub struct Frontend {
    /// Its name.
    pub name: Arc<str>,
    /// Its number.
    pub id: ProxyId,
    /// Whether it takes connections.
    pub status: FrontendStatus,
    /// Its sessions.
    pub intake: Intake,
    /// Accepted connections.
    pub connections: Load,
    /// Requests, in `mode http`.
    pub requests: Option<Requests>,
    /// Its listeners; shown by themselves with `option socket-stats`.
    pub listeners: Vec<Listener>,
}

/// Whether a frontend takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontendStatus {
    /// Yes.
    Open,
    /// Not now (SIGTTOU).
    Paused,
    /// Never again.
    Stopped,
}

/// A listener's row.
#[derive(Clone, Debug)]
pub struct Listener {
    /// `name` of the bind, or `sock-1`, `sock-2`, ….
    pub name: Arc<str>,
    /// Its number within the frontend, from 1.
    pub id: u32,
    /// Where it listens.
    pub address: String,
    /// Whether it takes connections.
    pub status: ListenerStatus,
    /// What came in there.
    pub intake: Intake,
}

/// Whether a listener takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerStatus {
    /// Yes.
    Open,
    /// Its own limit is reached.
    Full,
    /// The limit of its frontend or of the process is reached.
    Waiting,
}

/// What backends and servers have in common.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Waiting sessions now and at most; `limit` is `maxqueue`. Rates and total are unused.
    pub queue: Load,
    /// Sessions; `limit` is `fullconn` of a backend, `maxconn` of a server.
    pub sessions: Load,
    /// Their bytes.
    pub bytes: Bytes,
    /// Their TLS.
    pub handshakes: Handshakes,
    /// What was refused.
    pub denied: Denied,
    /// `econ`: sessions that got no connection after all retries.
    pub connection_errors: u64,
    /// `eresp`: servers that reset.
    pub response_errors: u64,
    /// `wretr`: connection attempts repeated on the same server.
    pub retries: u64,
    /// `wredis`: connection attempts that went to another server.
    pub redispatches: u64,
    /// `connect`: connection attempts.
    pub connection_attempts: u64,
    /// `cli_abrt`: transfers the client ended in disorder.
    pub client_aborts: u64,
    /// `srv_abrt`: transfers the server ended in disorder.
    pub server_aborts: u64,
    /// `eint`: sessions ended by the proxy's own failures.
    pub internal_errors: u64,
    /// `lbtot`: times it was chosen by load balancing.
    pub loadbalanced: u64,
    /// Time since the last session began; `None`: there was none.
    pub last_session: Option<Duration>,
    /// Time since its state last changed.
    pub last_change: Duration,
    /// All time it was down.
    pub downtime: Duration,
    /// `chkdown`: times it went down.
    pub downs: u64,
    /// Weight in force: configured weight, slow start and state considered. Of a backend: the sum.
    pub weight: u32,
    /// Weight as the user wrote it. Of a backend: the sum.
    pub user_weight: u32,
    /// Averages over the last 1024 sessions.
    pub time_average: Times,
    /// Highest values seen.
    pub time_max: Times,
}

/// Times of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In the queue.
    pub queue: Duration,
    /// Connecting.
    pub connect: Duration,
    /// Until the response; always zero for TCP.
    pub response: Duration,
    /// From accept to end.
    pub total: Duration,
}

/// A backend's row and its servers'.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name.
    pub name: Arc<str>,
    /// Its number.
    pub id: ProxyId,
    /// The policy's word, `roundrobin` and the like.
    pub algo: &'static str,
    /// Whether it can serve.
    pub up: bool,
    /// Whether it must be able to serve for the process to be ready: a frontend sends to it.
    pub required: bool,
    /// Its failovers that are on record; `None`: no route by role leads here.
    pub failovers: Option<Failovers>,
    /// Clients that wait for a server to come; `None`: nobody asks for that.
    pub hold: Option<Hold>,
    /// Active servers that may serve now.
    pub active: u32,
    /// Backup servers that may serve now.
    pub backups: u32,
    /// Counters.
    pub service: Service,
    /// Requests, in `mode http`.
    pub requests: Option<Requests>,
    /// Servers in file order.
    pub servers: Vec<Server>,
}

/// A server's row.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: Arc<str>,
    /// Its number within the backend.
    pub id: ServerId,
    /// Where it listens, `127.0.0.1:3306`.
    pub address: String,
    /// What it is to the others; `None`: nobody asks.
    pub role: Option<Role>,
    /// What its checks beside the first one say.
    pub witnesses: Vec<Say>,
    /// Its state.
    pub status: ServerStatus,
    /// HAProxy's text for it, `UP 1/2`.
    pub status_text: String,
    /// Whether it is a backup.
    pub backup: bool,
    /// Share of weight and `maxconn` in a slow start, in percent; `None`: not in one.
    pub throttle_percent: Option<u8>,
    /// A session was there. HAProxy counts connections that it could keep for later as used and
    /// needed: in TCP mode none, and one, from the first session on.
    pub was_used: bool,
    /// `hanafail`: times that its failed sessions had consequences; `None` without `observe`.
    pub detections: Option<u64>,
    /// The server it tracks, `backend/server`.
    pub tracked: Option<String>,
    /// Its check; `None`: it has none.
    pub check: Option<Check>,
    /// Its agent; `None`: it has none.
    pub agent: Option<Agent>,
    /// Counters.
    pub service: Service,
}

/// What a server's agent said last.
#[derive(Clone, Debug)]
pub struct Agent {
    /// HAProxy's code; `None`: it said nothing yet.
    pub status: Option<&'static str>,
    /// Whether it is being asked now.
    pub running: bool,
    /// How long it took.
    pub duration: Option<Duration>,
    /// The status in words.
    pub description: &'static str,
    /// Its words, or what went wrong; escaped.
    pub info: String,
    /// Whether the server is up as far as it knows.
    pub up: bool,
}

/// A server's state: what it may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStatus {
    /// Nothing.
    Down,
    /// Everything.
    Up,
    /// Nothing: an operator took it out.
    Maint,
    /// Only what belongs to it: an operator drains it, or its weight is 0.
    Drain,
    /// Only what belongs to it: its check says so.
    Nolb,
}

/// The last check of a server.
#[derive(Clone, Debug)]
pub struct Check {
    /// HAProxy's code, `L4OK` and the like; `None`: the first check has not ended.
    pub status: Option<&'static str>,
    /// Whether one is running now.
    pub running: bool,
    /// Status of the protocol: HTTP status, MySQL error number.
    pub code: Option<i64>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// The status in words, `Layer4 check passed`.
    pub description: &'static str,
    /// Excerpt or error text, escaped.
    pub info: String,
    /// Passing checks that bring it up.
    pub rise: u16,
    /// Failing checks that take it down.
    pub fall: u16,
    /// 0 to `rise + fall - 1`; up from `rise`.
    pub health: u16,
    /// `chkfail`: failed checks while it was up.
    pub failures: u64,
}
