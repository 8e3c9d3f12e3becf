//! What a server is to the others of its backend.

use crate::pure::role::lag::Lag;
use crate::pure::role::route::Part;
use crate::telemetry::failover::{Outcome, Record};

/// What a server is, where routes by role lead to its backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// What it is.
    pub state: RoleState,
    /// How far a replica is behind, if that is known.
    pub lag: Option<Lag>,
    /// It lives and refuses the login of its check: this is what it was before.
    pub is_mute: bool,
}

/// What a server is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleState {
    /// It takes writes.
    Primary,
    /// It follows.
    Replica,
    /// It follows, and not the newest primary's history.
    Stray,
    /// It claims to be primary and is kept out.
    Fenced,
    /// The same, as a switchover took over from it: that is as planned.
    Replaced,
    /// It said nothing, or is heard no more.
    Unknown,
}

impl RoleState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Primary, Self::Replica, Self::Stray, Self::Fenced, Self::Replaced, Self::Unknown];

    /// The same as a part, for one that is behind by `lag`.
    #[must_use]
    pub const fn part(self, lag: Option<Lag>) -> Part {
        match self {
            Self::Primary => Part::Primary,
            Self::Replica => Part::Replica(lag),
            Self::Stray => Part::Stray(lag),
            Self::Fenced | Self::Replaced | Self::Unknown => Part::Unknown,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Stray => "stray",
            Self::Fenced => "fenced",
            Self::Replaced => "replaced",
            Self::Unknown => "unknown",
        }
    }
}

/// A backend's failovers.
#[derive(Clone, Debug, Default)]
pub struct Failovers {
    /// How many are on record, of each outcome in the order of [`Outcome::ALL`].
    pub counts: [u64; Outcome::ALL.len()],
    /// The last one; what was given up is none.
    pub last: Option<Record>,
}

/// What became of clients of a backend that were held, or were to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hold {
    /// Held now; they are among those in the queue.
    pub held: u32,
    /// Refused, as many as may be were held.
    pub refused: u64,
    /// Held for all of their time, in vain.
    pub expired: u64,
}
