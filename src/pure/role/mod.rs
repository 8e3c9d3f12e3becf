//! What the databases of a group are to each other: primary, replica, or neither.
//!
//! A *reading* is what one server says of itself at one moment; whether it is believed is the
//! fence's decision ([`fence`]), and how far a replica is behind is measured by our own clock
//! ([`lag`]), so that neither a server's clock nor its own idea of lag is trusted.

pub mod copies;
pub mod doubt;
pub mod fence;
pub mod gtid;
pub mod hold;
pub mod incident;
pub mod lag;
pub mod route;
pub mod stall;
pub mod stay;
pub mod stray;
pub mod witness;

use std::fmt;

use copies::{Copies, Shortage};
use gtid::GtidSet;

/// What a server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows a primary and takes none.
    Replica,
    /// It follows one, and would take writes.
    Loose,
    /// It takes writes as every member of its cluster does, which keeps them alike.
    Member,
}

impl Role {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Loose => "loose",
            Self::Member => "member",
        }
    }

    /// Whether it follows another.
    #[must_use]
    pub const fn follows(self) -> bool {
        matches!(self, Self::Replica | Self::Loose)
    }
}

/// Whose data a server has, and how often a primary of it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Postgres.
    Postgres {
        /// `pg_control_system()`: the same on all servers of a cluster.
        system: u64,
        /// Counts up with each promotion.
        timeline: u32,
    },
    /// MySQL or MariaDB.
    Mysql {
        /// `server_uuid`, or MariaDB's `server_id`: every server has its own.
        server: u128,
        /// The transactions it has.
        executed: GtidSet,
    },
}

impl History {
    /// MySQL: the transactions it has.
    fn executed(&self) -> Option<&GtidSet> {
        match self {
            Self::Mysql { executed, .. } => Some(executed),
            Self::Postgres { .. } => None,
        }
    }

    /// Postgres: its timeline.
    const fn timeline(&self) -> Option<u32> {
        match self {
            Self::Postgres { timeline, .. } => Some(*timeline),
            Self::Mysql { .. } => None,
        }
    }

    /// Whether both are of one primary of the same cluster and time, however far each goes.
    fn is_as_old_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mysql { server: one, .. }, Self::Mysql { server, .. }) => one == server,
            _ => self == other,
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { system, timeline } => {
                write!(f, "timeline {timeline} of cluster {system}")
            }
            Self::Mysql { executed, .. } => write!(f, "transactions {executed}"),
        }
    }
}

/// What a server said of itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it says it is.
    pub role: Role,
    /// Whose data it has.
    pub history: History,
    /// How much of it: bytes of WAL written or replayed (Postgres), or transactions.
    pub position: u64,
    /// Postgres: the timeline of one that follows may be newer, as far as the account may see.
    pub is_floor: bool,
    /// Postgres, of one that takes writes: where the recovery that it began with ended, be that of a
    /// standby or of one that had not been stopped in order. `None`: it had none, or does not say.
    pub recovered: Option<u64>,
    /// Postgres: what tells one run of it from the next. It is the time of its start by its own clock,
    /// which is no time here.
    pub started: Option<u64>,
    /// Postgres, of one that takes writes and began with no recovery: where the run before it stopped in
    /// order. `None`: it has written too much since to say.
    pub stopped: Option<u64>,
    /// Postgres: who has what is committed, as far as that is certain.
    pub copies: Option<Copies>,
    /// Postgres, of one that takes writes: standbys it waits for with each commit, and does not have.
    pub shortage: Option<Shortage>,
    /// Postgres, of one that takes writes: from those alone who ask for it (`default_transaction_read_only`),
    /// as one does that a switchover took over from.
    pub is_read_only: bool,
    /// Whether it applies what another sends; `None`: it does not say.
    pub replicates: Option<bool>,
    /// MariaDB: the last of what it applied of others. Numbers of its own may be above it.
    pub applied: Option<Box<GtidSet>>,
}

impl Reading {
    /// One that says no more than this.
    #[must_use]
    pub const fn new(role: Role, history: History, position: u64) -> Self {
        Self {
            role,
            history,
            position,
            is_floor: false,
            recovered: None,
            started: None,
            stopped: None,
            copies: None,
            shortage: None,
            is_read_only: false,
            replicates: None,
            applied: None,
        }
    }

    /// Postgres, of one that has just become primary and had come as far as `heard` when it was heard
    /// as a standby: where it left what others wrote, to the byte.
    #[must_use]
    pub fn fork(&self, heard: u64) -> Option<u64> {
        self.recovered.filter(|at| (heard..=self.position).contains(at))
    }

    /// Its place among the positions of `primary`, which it follows. Transactions of its own, or of
    /// a primary before, do not make it look further than it is.
    #[must_use]
    pub fn position_behind(&self, primary: &Self) -> u64 {
        match (&self.history, &primary.history) {
            (
                History::Mysql { executed: ours, server },
                History::Mysql { executed: theirs, .. },
            ) => {
                let applied = self.applied.as_deref();
                let ours = applied.and_then(|applied| ours.without_own(*server, applied, theirs));
                let lacks = ours.as_ref().or(self.history.executed()).map(|it| it.lacks(theirs));
                primary.position.saturating_sub(lacks.unwrap_or_default())
            }
            _ => self.position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mariadb(gtids: &str) -> Reading {
        let executed = GtidSet::mariadb(gtids).unwrap();
        let position = executed.count();
        let history = History::Mysql { server: 1, executed };
        Reading::new(Role::Replica, history, position)
    }

    #[test]
    fn transactions_of_its_own_do_not_hide_what_a_replica_lacks() {
        let primary = mariadb("0-1-100");
        for (replica, expected) in [
            ("0-1-100", 100),
            ("0-1-90", 90),
            // Its count is above the primary's.
            ("0-1-90,7-2-500", 90),
            ("", 0),
        ] {
            assert_eq!(mariadb(replica).position_behind(&primary), expected, "{replica}");
        }
        // What it wrote last itself says nothing of what it applied.
        let wrote = |own: &str, applied: &str| {
            let mut reading = mariadb(own);
            if let History::Mysql { server, .. } = &mut reading.history {
                *server = 2;
            }
            Reading { applied: GtidSet::mariadb(applied).map(Box::new), ..reading }
        };
        for (own, applied, expected) in [
            ("0-1-100", "0-1-100", 100),
            ("0-2-105", "0-1-100", 100),
            ("0-2-105", "0-1-90", 90),
            ("0-2-95", "0-1-90", 90),
            ("0-1-95", "0-1-95", 95),
            ("0-2-95", "", 0),
        ] {
            assert_eq!(wrote(own, applied).position_behind(&primary), expected, "{own} {applied}");
        }
        // It was primary, and the next one has written nothing yet.
        assert_eq!(wrote("0-2-100", "").position_behind(&mariadb("0-2-100")), 100);
        let postgres = |position| {
            let history = History::Postgres { system: 1, timeline: 1 };
            Reading::new(Role::Replica, history, position)
        };
        assert_eq!(postgres(70).position_behind(&postgres(90)), 70);
    }
}
