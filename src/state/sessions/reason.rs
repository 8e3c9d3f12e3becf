//! Why a running session is ended, or told something, by somebody else.

use crate::pure::session::termination::Cause;

/// Why a session is stirred from outside. A later reason replaces an earlier one of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CutReason {
    /// The server went down, and sessions may stay: those it has not answered yet do better
    /// elsewhere.
    ServerLeft = 3,
    /// `on-marked-up shutdown-backup-sessions`.
    ServerUp,
    /// The server is further behind than the session's route allows.
    Lagging,
    /// The server is no longer what the session's route leads to.
    RoleLost,
    /// `on-marked-down shutdown-sessions`; one that is dead has lost its role, too, and this is why.
    ServerDown,
    /// The server claims a role that it is not believed to have.
    Fenced,
    /// An operator takes the server out of service.
    Maintenance,
    /// An operator.
    Killed,
}

impl CutReason {
    /// The reason of this code; `None` for 0.
    pub(in crate::state) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            3 => Self::ServerLeft,
            4 => Self::ServerUp,
            5 => Self::Lagging,
            6 => Self::RoleLost,
            7 => Self::ServerDown,
            8 => Self::Fenced,
            9 => Self::Maintenance,
            10.. => Self::Killed,
            0..=2 => return None,
        })
    }

    /// What the log says ended the session.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::ServerLeft
            | Self::ServerDown
            | Self::Lagging
            | Self::RoleLost
            | Self::Fenced
            | Self::Maintenance => Cause::ServerDown,
            Self::ServerUp => Cause::ServerUp,
            Self::Killed => Cause::Killed,
        }
    }
}
