//! What happened to servers, backends and the process: facts, in HAProxy's words.
//!
//! An event carries the facts and the log targets they concern; [`Event::line`] is the sentence
//! that HAProxy logs and prints (compared with 2.6.12). Sending is `notify`'s.

mod news;
mod role;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::model::{Log, LogLevel};

pub use news::{News, Turn};
pub use role::RoleChange;

/// Something an operator wants to hear of.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it happened, wall clock.
    pub at: SystemTime,
    /// The log of the proxy concerned, or of the process.
    pub log: Log,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A server's state changed.
    Server(ServerChange),
    /// A check's result changed (`option log-health-checks`).
    Check(CheckResult),
    /// Who is primary changed, in this backend.
    Role(Arc<str>, RoleChange),
    /// The last server of a backend went.
    NoServer {
        /// The backend.
        backend: Arc<str>,
        /// Whether it is half of a `listen` section.
        is_listen: bool,
    },
    /// A proxy stopped for good.
    ProxyStopped {
        /// The proxy.
        proxy: Arc<str>,
        /// Connections it accepted.
        frontend_conns: u64,
        /// Sessions its servers were given.
        backend_conns: u64,
    },
    /// A line of a report that standard error has already.
    Report(String),
    /// Anything else about the process: a reload, a limit that was reached, messages lost.
    Notice {
        /// How urgent.
        level: LogLevel,
        /// One line, without a newline.
        text: String,
    },
}

/// A server's change of state and what is left of its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerChange {
    /// The backend.
    pub backend: Arc<str>,
    /// The server.
    pub server: Arc<str>,
    /// Whether it is a backup.
    pub backup: bool,
    /// Its new state.
    pub change: Change,
    /// Why.
    pub reason: Reason,
    /// Active servers that may serve now.
    pub active: u32,
    /// Backup servers that may serve now.
    pub backups: u32,
    /// Sessions on the server.
    pub sessions: u32,
    /// Sessions taken from its queue to other servers.
    pub requeued: u32,
    /// Sessions that wait for the server.
    pub queued: u32,
}

/// A server's new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Takes no sessions.
    Down {
        /// It took none by load balancing before either.
        was_draining: bool,
    },
    /// Takes sessions.
    Up,
    /// Takes only sessions that belong to it (`NOLB`).
    Stopping,
    /// An operator put it into maintenance; it was up.
    EntersMaintenance {
        /// It took no sessions by load balancing before either.
        was_draining: bool,
    },
    /// Its name is not resolved any more, for this reason; it was up.
    LosesAddress {
        /// In HAProxy's words.
        why: &'static str,
    },
    /// Its name is not resolved any more; it was down.
    LosesAddressDown {
        /// In HAProxy's words.
        why: &'static str,
    },
    /// An operator put it into maintenance; it was down.
    EntersMaintenanceDown,
    /// An operator drains it.
    EntersDrain {
        /// It takes sessions that belong to it.
        up: bool,
    },
    /// It keeps being drained by an operator.
    RemainsInDrain,
    /// It keeps being drained by what it tracks only.
    RemainsInTrackedDrain,
    /// It stays in maintenance by an operator.
    RemainsInMaintenance,
    /// It stays in maintenance by what it tracks only.
    RemainsInTrackedMaintenance,
    /// Left maintenance.
    LeavesMaintenance {
        /// It takes sessions, as far as checks know.
        up: bool,
        /// It is drained.
        draining: bool,
        /// An operator had put it there, and not only what it tracks.
        forced: bool,
    },
    /// Left drain.
    LeavesDrain {
        /// It takes sessions.
        up: bool,
    },
}

/// Why a server changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing more to say (the check was logged by itself, or an operator asked).
    Unsaid,
    /// A check.
    Check(Finding),
    /// `set server … health`.
    Cli,
    /// The same on the statistics page.
    Page,
    /// The server it tracks, `backend/server`, changed.
    Tracked(Arc<str>),
    /// An earlier process left it so.
    Saved,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `Layer4 connection problem` and the like.
    pub description: &'static str,
    /// Status of the protocol: HTTP status, MySQL error number.
    pub code: Option<i64>,
    /// Excerpt or error text, unescaped.
    pub info: Option<Vec<u8>>,
    /// How long the check took.
    pub duration: Option<Duration>,
}

/// A check's result, for `option log-health-checks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// The backend.
    pub backend: Arc<str>,
    /// The server.
    pub server: Arc<str>,
    /// Whether it is a backup.
    pub backup: bool,
    /// Who was asked.
    pub asked: Asked,
    /// What the check said.
    pub outcome: Outcome,
    /// In detail.
    pub finding: Finding,
    /// `2/3 UP`: passed or failed checks in a row, of how many, and the state.
    pub status: String,
}

/// Who was asked about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The server, by its health check.
    Check,
    /// Its agent.
    Agent,
}

/// What a check said of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Passed.
    Succeeded,
    /// Passed for sessions that belong to the server.
    Conditionally,
    /// Failed.
    Failed,
}

/// What a section with servers is called.
fn section(is_listen: bool) -> &'static str {
    if is_listen { "proxy" } else { "backend" }
}

impl Event {
    /// Severity of the log line.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        match &self.what {
            What::Server(change) => match change.change {
                Change::Down { was_draining: false }
                | Change::EntersMaintenance { was_draining: false }
                | Change::LosesAddress { .. } => LogLevel::Alert,
                _ => LogLevel::Notice,
            },
            What::Check(_) | What::Report(_) => LogLevel::Notice,
            What::Role(_, change) => change.level(),
            What::NoServer { .. } => LogLevel::Emerg,
            What::ProxyStopped { .. } => LogLevel::Warning,
            What::Notice { level, .. } => *level,
        }
    }

    /// The log line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.what {
            What::Server(change) => change.line(),
            What::Check(result) => result.line(),
            What::Role(backend, change) => change.line(backend),
            What::NoServer { backend, is_listen } => {
                format!("{} {backend} has no server available!", section(*is_listen))
            }
            What::ProxyStopped { proxy, frontend_conns, backend_conns } => format!(
                "Proxy {proxy} stopped (cumulated conns: FE: {frontend_conns}, \
                 BE: {backend_conns})."
            ),
            What::Notice { text, .. } | What::Report(text) => text.clone(),
        }
    }

    /// Says the event on standard error, through `tracing`, as HAProxy does: changes of servers
    /// are warnings there, and the loss of a backend is an alert.
    pub fn announce(&self) {
        match &self.what {
            What::NoServer { backend, is_listen } => {
                tracing::error!("{} '{backend}' has no server available!", section(*is_listen));
            }
            What::Report(_) => {}
            What::Notice { level, text } => match level {
                LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Err => {
                    tracing::error!("{text}");
                }
                LogLevel::Warning | LogLevel::Notice => tracing::warn!("{text}"),
                LogLevel::Info => tracing::info!("{text}"),
                LogLevel::Debug => tracing::debug!("{text}"),
            },
            _ => tracing::warn!("{}", self.line()),
        }
    }
}

impl ServerChange {
    /// The log line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let kind = if self.backup { "Backup Server" } else { "Server" };
        let mut line = format!("{kind} {}/{} ", self.backend, self.server);
        match self.change {
            Change::Down { .. } => {
                line.push_str("is DOWN");
                self.reason.append(&mut line);
                self.append_left(&mut line);
            }
            Change::Up => {
                line.push_str("is UP");
                self.reason.append(&mut line);
                self.append_online(&mut line);
            }
            Change::Stopping => {
                line.push_str("is stopping");
                self.reason.append(&mut line);
                self.append_online(&mut line);
            }
            Change::EntersMaintenance { .. } => {
                line.push_str("is going DOWN for maintenance");
                self.reason.append(&mut line);
                self.append_left(&mut line);
            }
            Change::LosesAddress { why } => {
                line.push_str(&format!("is going DOWN for maintenance ({why})"));
                self.append_left(&mut line);
            }
            Change::LosesAddressDown { why } => {
                line.push_str(&format!("was DOWN and now enters maintenance ({why})."));
            }
            Change::EntersMaintenanceDown => {
                self.because(&mut line, "was DOWN and now enters maintenance")
            }
            Change::EntersDrain { up } => {
                line.push_str("enters drain state");
                self.reason.append(&mut line);
                if up {
                    self.append_online(&mut line);
                } else {
                    self.append_left(&mut line);
                }
            }
            Change::RemainsInDrain => line.push_str("remains in forced drain mode."),
            Change::RemainsInTrackedDrain => {
                self.because(&mut line, "is leaving forced drain but remains in drain mode");
            }
            Change::RemainsInMaintenance => line.push_str("remains in forced maintenance."),
            Change::RemainsInTrackedMaintenance => {
                self.because(&mut line, "is leaving forced maintenance but remains in maintenance");
            }
            Change::LeavesMaintenance { up, draining, forced } => {
                let checks = if up { "UP" } else { "DOWN" };
                let admin = if draining { "DRAIN" } else { "READY" };
                let forced = if forced { "forced " } else { "" };
                line.push_str(&format!("is {checks}/{admin} (leaving {forced}maintenance)."));
            }
            Change::LeavesDrain { up } => {
                let state = if up { "UP" } else { "DOWN" };
                line.push_str(&format!("is {state} (leaving forced drain)."));
            }
        }
        line
    }

    /// A sentence that ends with its reason.
    fn because(&self, line: &mut String, what: &str) {
        line.push_str(what);
        self.reason.append(line);
        line.push('.');
    }

    /// What is left after a server went.
    fn append_left(&self, line: &mut String) {
        let Self { active, backups, sessions, requeued, queued, .. } = self;
        line.push_str(&format!(
            ". {active} active and {backups} backup servers left.{} {sessions} sessions active, \
             {requeued} requeued, {queued} remaining in queue.",
            self.running_on_backup(),
        ));
    }

    /// What is there after a server came.
    fn append_online(&self, line: &mut String) {
        let Self { active, backups, requeued, queued, .. } = self;
        line.push_str(&format!(
            ". {active} active and {backups} backup servers online.{} {requeued} sessions \
             requeued, {queued} total in queue.",
            self.running_on_backup(),
        ));
    }

    fn running_on_backup(&self) -> &'static str {
        if self.active == 0 && self.backups > 0 { " Running on backup." } else { "" }
    }
}

impl CheckResult {
    fn line(&self) -> String {
        let kind = if self.backup { "backup server" } else { "server" };
        let asked = match self.asked {
            Asked::Check => "Health",
            Asked::Agent => "Agent",
        };
        let outcome = match self.outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Conditionally => "conditionally succeeded",
            Outcome::Failed => "failed",
        };
        let mut line =
            format!("{asked} check for {kind} {}/{} {outcome}", self.backend, self.server);
        self.finding.append(&mut line);
        line.push_str(&format!(", status: {}.", self.status));
        line
    }
}

impl Reason {
    fn append(&self, line: &mut String) {
        match self {
            Self::Unsaid => {}
            Self::Check(finding) => finding.append(line),
            Self::Cli => line.push_str(", changed from CLI"),
            Self::Page => line.push_str(", changed from Web interface"),
            Self::Saved => line.push_str(", changed from server-state after a reload"),
            Self::Tracked(tracked) => line.push_str(&format!(" via {tracked}")),
        }
    }
}

impl Finding {
    fn append(&self, line: &mut String) {
        line.push_str(", reason: ");
        line.push_str(self.description);
        if let Some(code) = self.code {
            line.push_str(&format!(", code: {code}"));
        }
        if let Some(info) = self.info.as_deref().filter(|info| !info.is_empty()) {
            line.push_str(&format!(", info: \"{}\"", escape_excerpt(info)));
        }
        if let Some(duration) = self.duration {
            line.push_str(&format!(", check duration: {}ms", duration.as_millis()));
        }
    }
}

/// A server's bytes as text: what is not printable ASCII, and the quote, as `<0A>` (HAProxy 2.6).
#[must_use]
pub fn escape_excerpt(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte == b'"' || !(b' '..=b'~').contains(&byte) {
            // Writing to a string cannot fail.
            let _ = write!(text, "<{byte:02X}>");
        } else {
            text.push(char::from(byte));
        }
    }
    text
}

#[cfg(test)]
mod tests;
