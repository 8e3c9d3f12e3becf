//! Changes of who is primary of a group.

use crate::config::model::LogLevel;
use crate::pure::role::fence::Refusal;
use crate::pure::role::stall::Stall;
use crate::pure::role::stray::Stray;
use crate::telemetry::failover::Record;

/// A change of who is primary.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleChange {
    /// A server is.
    Primary {
        /// Its name.
        server: String,
        /// Its history.
        history: String,
    },
    /// Nobody is.
    NoPrimary {
        /// Who was.
        was: String,
    },
    /// A server claims to be, and is kept out.
    Refused {
        /// Its name.
        server: String,
        /// Why.
        why: Refusal,
    },
    /// The one that a switchover took over from still claims to be, and gets no writes: as planned.
    Replaced {
        /// Its name.
        server: String,
    },
    /// A failover is over; what was measured of it.
    Over(Box<Record>),
    /// What was missing in a failover that is over became known, or why it never will.
    Settled(Box<Record>),
    /// An operator has another server take over.
    Planned {
        /// Who is primary.
        from: String,
        /// Who is to be.
        to: String,
    },
    /// That is given up.
    GivenUp {
        /// Who was to be primary.
        to: String,
        /// Why, and what that leaves.
        why: String,
        /// Nobody is primary after it.
        is_leaderless: bool,
    },
    /// A server lives and does not let its check in: what it said counts on.
    LetOut {
        /// Its name.
        server: String,
        /// What it says.
        why: String,
        /// The check and it found no TLS to speak.
        is_tls: bool,
    },
    /// It does again.
    LetIn {
        /// Its name.
        server: String,
    },
    /// A server that was kept out is not any more: it follows, is believed, or is none of the group.
    Unfenced {
        /// Its name.
        server: String,
    },
    /// A server follows, and is no copy of the newest primary.
    Astray {
        /// Its name.
        server: String,
        /// Why.
        why: Stray,
    },
    /// It is one again, or takes writes itself.
    Follows {
        /// Its name.
        server: String,
    },
    /// Nothing is written to the primary.
    Hangs {
        /// Its name.
        server: String,
        /// What is the matter.
        why: Stall,
    },
    /// It is written to again, or is primary no more.
    GoesOn {
        /// Its name.
        server: String,
    },
    /// A witness says that the primary is none: it gets no new sessions.
    Disputed {
        /// Its name.
        server: String,
        /// Who says what.
        why: String,
    },
    /// Nobody says so any more, or it is primary no more.
    Undisputed {
        /// Its name.
        server: String,
    },
    /// What was remembered of primaries counts no more: an operator said so.
    Cleared,
}

impl RoleChange {
    /// Severity of the log line.
    pub(super) fn level(&self) -> LogLevel {
        match self {
            Self::Over(record) | Self::Settled(record) if record.is_missed() => LogLevel::Warning,
            Self::Primary { .. }
            | Self::Over(_)
            | Self::Settled(_)
            | Self::Planned { .. }
            | Self::LetIn { .. }
            | Self::Replaced { .. }
            | Self::Unfenced { .. }
            | Self::Follows { .. }
            | Self::GoesOn { .. }
            | Self::Undisputed { .. }
            | Self::Cleared => LogLevel::Notice,
            Self::GivenUp { is_leaderless: false, .. } | Self::Astray { .. } => LogLevel::Warning,
            Self::GivenUp { .. }
            | Self::NoPrimary { .. }
            | Self::Refused { .. }
            | Self::LetOut { .. }
            | Self::Hangs { .. }
            | Self::Disputed { .. } => LogLevel::Alert,
        }
    }

    /// The log line, without its end.
    pub(super) fn line(&self, backend: &str) -> String {
        match self {
            Self::Primary { server, history } => {
                format!("Server {backend}/{server} is primary ({history}).")
            }
            Self::NoPrimary { was } => {
                format!("Backend {backend} has no primary; {was} was it last.")
            }
            Self::Refused { server, why } => {
                format!("Server {backend}/{server} claims to be primary and is kept out: {why}.")
            }
            Self::Replaced { server } => format!(
                "Server {backend}/{server} was taken over from as planned and is kept out until it follows."
            ),
            Self::Over(record) => record.line(),
            Self::Settled(record) => record.settled_line(),
            Self::Planned { from, to } => {
                format!("Backend {backend}: {to} is to take over from {from}.")
            }
            Self::GivenUp { to, why, .. } => {
                format!("Backend {backend}: {to} does not take over: {why}.")
            }
            Self::LetOut { server, why, is_tls: true } => format!(
                "Server {backend}/{server} lives and its check has no TLS with it ({why}): what it \
                 said before counts on."
            ),
            Self::LetOut { server, why, is_tls: false } => format!(
                "Server {backend}/{server} lives and refuses the login of its check ({why}): what it \
                 said before counts on."
            ),
            Self::LetIn { server } => {
                format!("Server {backend}/{server} lets its check in again.")
            }
            Self::Unfenced { server } => {
                format!("Server {backend}/{server} is not kept out any more.")
            }
            Self::Astray { server, why } => {
                format!("Server {backend}/{server} is no copy of the newest primary: {why}.")
            }
            Self::Follows { server } => {
                format!("Server {backend}/{server} has what the newest primary has again.")
            }
            Self::Hangs { server, why } => {
                format!("Server {backend}/{server} is primary and takes no writes: {why}.")
            }
            Self::GoesOn { server } => {
                format!("Server {backend}/{server} does not keep writes waiting any more.")
            }
            Self::Disputed { server, why } => {
                format!("Server {backend}/{server} is primary and gets no new sessions: {why}.")
            }
            Self::Undisputed { server } => {
                format!("Server {backend}/{server} is disputed as primary no more.")
            }
            Self::Cleared => {
                format!("Backend {backend} forgets its primaries: whoever claims alone is primary.")
            }
        }
    }
}
