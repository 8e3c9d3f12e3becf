//! Whether one that follows has what its primary has, or something else.
//!
//! How far a server has come says nothing where it went another way: after a failover a standby of
//! Postgres that still follows the old primary may be further than the new one. A server is a *stray*
//! while one of these holds:
//!
//! | database | known by |
//! |---|---|
//! | Postgres | it is on another timeline than the newest primary, or was not seen to follow that one |
//! | Postgres | it had more than the primary, asked later |
//! | MySQL | it had transactions of others which the primary, asked later, has not |
//! | MariaDB | the same within a domain where the primary has others of the same numbers |
//! | MariaDB | it wrote such itself, and nothing of others with a higher number came since |
//!
//! Those of MySQL serve reads all the same: most such transactions are an operator's, and tell nothing
//! of how far the others go. So do those of MariaDB that wrote them themselves, which say what they applied
//! of others. Else only the last number of a domain is known, which says nothing then: one that had gone
//! another way stays astray when the primary has passed its number, until it moves.

use std::fmt;

use super::gtid::GtidSet;
use super::{History, Reading};

/// Two servers that numbered different transactions alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    domain: u32,
    /// Who wrote its last of the domain, and that one's number.
    own: (u32, u64),
    /// The same of the primary, when they were compared.
    primary: (u32, u64),
}

/// Why one that follows is not taken for a copy of the newest primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// Postgres: it is on another timeline.
    Timeline {
        /// Its own.
        own: u32,
        /// The newest primary's.
        newest: u32,
    },
    /// Postgres: which timeline it follows is not shown to the account, and this is the newest one it
    /// is known to have been on.
    Unseen {
        /// Its own, or before its own.
        own: u32,
        /// The newest primary's.
        newest: u32,
    },
    /// Postgres: it has so many bytes of WAL that the primary has not.
    Ahead(u64),
    /// MySQL: it has so many transactions that are neither the primary's own nor known to it.
    Errant(u64),
    /// MariaDB: it has others than the primary within a domain.
    Forked(Fork),
    /// MariaDB: it wrote them itself, and says what it applied of others.
    Own(Fork),
}

impl Stray {
    /// Whether how far it has come tells nothing of what it lacks.
    #[must_use]
    pub const fn is_elsewhere(self) -> bool {
        !matches!(self, Self::Errant(_) | Self::Own(_))
    }

    /// Whether it stayed on what was before the newest primary, for certain.
    #[must_use]
    pub const fn stayed(self) -> bool {
        matches!(self, Self::Timeline { own, newest } if own < newest)
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeline { own, newest } => {
                write!(f, "it follows timeline {own} and the newest primary is on {newest}")
            }
            Self::Unseen { own, newest } => write!(
                f,
                "only seen on timeline {own} and the newest primary is on {newest}; pg_read_all_stats shows more"
            ),
            Self::Ahead(bytes) => write!(f, "it has {bytes} bytes of WAL that the primary has not"),
            Self::Forked(Fork { domain, own, primary }) => write!(
                f,
                "it has {domain}-{}-{}, which the primary has not, and the primary had {domain}-{}-{}: how far \
                 it is behind is not known",
                own.0, own.1, primary.0, primary.1
            ),
            Self::Own(Fork { domain, own, .. }) => {
                write!(f, "it wrote {domain}-{}-{} itself, which the primary has not", own.0, own.1)
            }
            Self::Errant(1) => f.write_str("it has a transaction that the primary has not"),
            Self::Errant(count) => {
                write!(f, "it has {count} transactions that the primary has not")
            }
        }
    }
}

impl Reading {
    /// How far one that follows has come on the newest primary's way, from which it went astray like
    /// this; 0 where it has nothing that counts, and `None` where that is not known: of one that is just
    /// promoted counts what it was heard to have before, and one that has replayed nothing yet does not
    /// say how far it is.
    #[must_use]
    pub fn reached(&self, stray: Option<Stray>) -> Option<u64> {
        match stray {
            Some(Stray::Timeline { own, newest }) if own > newest => None,
            Some(Stray::Unseen { .. }) => None,
            Some(stray) if stray.is_elsewhere() => Some(0),
            _ => Some(self.position).filter(|&at| at > 0),
        }
    }

    /// Whether one that follows is on another timeline than `newest`, the newest primary's history.
    #[must_use]
    pub fn off_timeline(&self, newest: &History) -> Option<Stray> {
        let (History::Postgres { timeline: own, .. }, History::Postgres { timeline: newest, .. }) =
            (&self.history, newest)
        else {
            return None;
        };
        let (own, newest) = (*own, *newest);
        match (own == newest, self.is_floor && own < newest) {
            (true, _) => None,
            (false, true) => Some(Stray::Unseen { own, newest }),
            (false, false) => Some(Stray::Timeline { own, newest }),
        }
    }

    /// Whether it had what `primary`, which was asked after it, has not; transactions of the primary
    /// itself do not count, which it may send before it has them.
    #[must_use]
    pub fn ahead_of(&self, primary: &Self) -> Option<Stray> {
        let stray = match (&self.history, &primary.history) {
            (
                History::Mysql { executed: ours, .. },
                History::Mysql { executed: theirs, server },
            ) => match ours.fork_from(theirs, *server) {
                Some(fork) if self.wrote(fork) => return Some(Stray::Own(fork)),
                Some(fork) => return Some(Stray::Forked(fork)),
                None => Stray::Errant(ours.foreign_to(theirs, *server)),
            },
            _ => Stray::Ahead(self.position.saturating_sub(primary.position)),
        };
        (!matches!(stray, Stray::Errant(0) | Stray::Ahead(0))).then_some(stray)
    }

    /// Whether it says what it applied of others, and this is none of that.
    fn wrote(&self, fork: Fork) -> bool {
        let History::Mysql { server, .. } = &self.history else { return false };
        self.applied.is_some() && u128::from(fork.own.0) == *server
    }

    /// The way that it had gone while the primary had not come as far: it still does where it has not moved,
    /// or only by its own hand, and the primary has nothing of that.
    #[must_use]
    pub fn stays_forked(&self, primary: &Self, before: Stray) -> Option<Stray> {
        let (Stray::Forked(fork) | Stray::Own(fork)) = before else { return None };
        let Fork { domain, own, .. } = fork;
        let last = |reading: &Self| match &reading.history {
            History::Mysql { executed: GtidSet::Mariadb(domains), .. } => {
                domains.get(&domain).copied()
            }
            _ => None,
        };
        let has_it = last(primary).is_some_and(|(writer, at)| writer == own.0 && at >= own.1);
        let is_there = match last(self) {
            Some((writer, at)) if self.wrote(fork) => writer == own.0 && at >= own.1,
            at => at == Some(own),
        };
        (is_there && !has_it).then_some(before)
    }

    /// What it lacks of what `had` has: bytes of WAL, or transactions.
    ///
    /// # Errors
    /// It went another way, so that nobody can say.
    pub fn lacks(&self, had: &Self) -> Result<u64, Stray> {
        if let Some(stray @ Stray::Timeline { .. }) = self.off_timeline(&had.history) {
            return Err(stray);
        }
        Ok(match (&had.history, &self.history) {
            (History::Mysql { executed: had, .. }, History::Mysql { executed: has, .. }) => {
                has.lacks(had)
            }
            _ => had.position.saturating_sub(self.position),
        })
    }
}

impl GtidSet {
    /// MariaDB: a domain where this has gone another way than `primary`, the set of `server`: it is as far,
    /// by another's hand. What `server` wrote itself may be on its way.
    #[must_use]
    pub fn fork_from(&self, primary: &Self, server: u128) -> Option<Fork> {
        let (Self::Mariadb(ours), Self::Mariadb(theirs)) = (self, primary) else { return None };
        ours.iter().find_map(|(&domain, &own)| {
            let primary = *theirs.get(&domain)?;
            let is_other = own.0 != primary.0 && u128::from(own.0) != server;
            (is_other && own.1 >= primary.1).then_some(Fork { domain, own, primary })
        })
    }

    /// MariaDB: this set of `server`, by what it `applied` in place of what it wrote last itself where the
    /// last of `other` is another's. `None`: these are none of MariaDB's.
    #[must_use]
    pub fn without_own(&self, server: u128, applied: &Self, other: &Self) -> Option<Self> {
        let (Self::Mariadb(ours), Self::Mariadb(applied), Self::Mariadb(theirs)) =
            (self, applied, other)
        else {
            return None;
        };
        let certain = ours.iter().filter_map(|(domain, own)| {
            let is_own = u128::from(own.0) == server;
            let is_other = theirs.get(domain).is_some_and(|last| last.0 != own.0);
            let last = if is_own && is_other { applied.get(domain)? } else { own };
            Some((*domain, *last))
        });
        Some(Self::Mariadb(certain.collect()))
    }

    /// How many transactions of others than `server`, which has the set `other`, are not in that. Of
    /// MariaDB's only the last of each domain is known.
    #[must_use]
    pub fn foreign_to(&self, other: &Self, server: u128) -> u64 {
        match (self, other) {
            (Self::Mysql(ours), Self::Mysql(_)) => {
                let foreign = ours.iter().filter(|(source, _)| source.uuid != server);
                let foreign =
                    foreign.map(|(source, intervals)| (source.clone(), intervals.clone()));
                other.lacks(&Self::Mysql(foreign.collect()))
            }
            (Self::Mariadb(ours), Self::Mariadb(theirs)) => {
                let foreign = ours.iter().filter(|(_, (last, _))| u128::from(*last) != server);
                foreign.fold(0, |sum: u64, (domain, &(last, sequence))| {
                    let more = match theirs.get(domain) {
                        None => sequence,
                        // The same number, given twice.
                        Some(&(one, same)) if same == sequence => u64::from(one != last),
                        Some(&(_, reached)) => sequence.saturating_sub(reached),
                    };
                    sum.saturating_add(more)
                })
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    fn pg(timeline: u32, position: u64, is_floor: bool) -> Reading {
        let history = History::Postgres { system: 1, timeline };
        Reading { is_floor, ..Reading::new(Role::Replica, history, position) }
    }

    fn my(server: u128, executed: GtidSet) -> Reading {
        let position = executed.count();
        let history = History::Mysql { server, executed };
        Reading::new(Role::Replica, history, position)
    }

    fn errant(replica: &Reading, primary: &Reading) -> u64 {
        match replica.ahead_of(primary) {
            None => 0,
            Some(Stray::Errant(count)) => count,
            Some(Stray::Forked(fork)) => fork.own.1,
            Some(stray) => panic!("{stray:?}"),
        }
    }

    #[test]
    fn another_timeline_is_another_history_however_far_it_goes() {
        let newest = pg(2, 100, false);
        let rows = [
            (pg(2, 100, false), None, Ok(0)),
            (pg(2, 90, true), None, Ok(10)),
            (pg(1, 900, false), Some(Stray::Timeline { own: 1, newest: 2 }), Err(())),
            (pg(1, 90, true), Some(Stray::Unseen { own: 1, newest: 2 }), Ok(10)),
            // A floor above the primary's is none to hope for.
            (pg(3, 100, true), Some(Stray::Timeline { own: 3, newest: 2 }), Err(())),
        ];
        for (reading, stray, lacks) in rows {
            assert_eq!(reading.off_timeline(&newest.history), stray, "{reading:?}");
            assert_eq!(reading.lacks(&newest).map_err(drop), lacks, "{reading:?}");
        }
        assert_eq!(pg(2, 130, false).ahead_of(&newest), Some(Stray::Ahead(30)));
        assert_eq!(pg(2, 90, false).ahead_of(&newest), None);
    }

    #[test]
    fn transactions_of_others_that_the_primary_lacks_are_foreign() {
        let mariadb = |text| GtidSet::mariadb(text).unwrap();
        let primary = my(1, mariadb("0-1-100,5-9-7"));
        let rows = [
            ("0-1-100,5-9-7", 0),
            ("0-1-90", 0),
            // The primary's own, which it may have sent before it has them.
            ("0-1-105", 0),
            // Another's numbers are no position.
            ("0-3-105", 105),
            ("0-3-100", 100),
            ("5-9-9", 2),
            ("5-2-9", 9),
            // Overtaken: nobody can tell.
            ("0-3-99", 0),
            ("0-1-100,3-3-4", 4),
        ];
        for (text, ahead) in rows {
            assert_eq!(errant(&my(2, mariadb(text)), &primary), ahead, "{text}");
        }
        let uuid = |n: u8| format!("00000000-0000-0000-0000-{n:012}");
        let mysql = |sets: &[(u8, &str)]| {
            let text = sets.iter().map(|(n, set)| format!("{}:{set},", uuid(*n)));
            GtidSet::mysql(&text.collect::<String>()).unwrap()
        };
        let primary = my(1, mysql(&[(1, "1-100"), (2, "1-5")]));
        let rows: [(&[(u8, &str)], u64); 4] = [
            (&[(1, "1-100"), (2, "1-5")], 0),
            (&[(1, "1-120")], 0),
            (&[(1, "1-90"), (2, "1-8")], 3),
            (&[(1, "1-100"), (3, "1-2:9")], 3),
        ];
        for (sets, ahead) in rows {
            assert_eq!(errant(&my(2, mysql(sets)), &primary), ahead, "{sets:?}");
        }
        assert_eq!(errant(&my(2, mariadb("0-3-9")), &primary), 0, "they have nothing to compare");
    }
}
