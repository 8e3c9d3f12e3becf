//! Who follows the newest primary: only one that does may take over from it with less than it had.
//!
//! That a server refuses writes does not mean that it follows anybody. What counts as following:
//!
//! | database | one that was primary before | any other |
//! |---|---|---|
//! | Postgres | it is on the newest timeline | the same |
//! | MariaDB, clusters | it replicates; it has what the newest primary had when it took over, and all it has, or something it wrote since | it replicates |
//! | MySQL, whose account may see its channels | as MariaDB | it replicates |
//! | MySQL, whose account may not | the former, and something the newest primary wrote since | it refuses writes |

use std::collections::BTreeSet;

use super::{Fence, History, Reading, Role};

impl Fence {
    /// Whether this is said by a replica of the newest primary, or of nobody knows whom.
    pub(super) fn follows_newest(&self, server: &str, reading: &Reading) -> bool {
        let newest = self.memory.incumbent.as_ref().map(|(_, newest)| newest);
        replicates(reading)
            && self.is_of_cluster(&reading.history)
            && newest.is_none_or(|newest| reading.off_timeline(newest).is_none())
            && (!self.memory.former.contains(server) || self.is_led(reading))
    }

    /// Whether one that follows has shown that it is the newest primary it follows. Of Postgres' its
    /// timeline tells.
    pub(super) fn is_led(&self, reading: &Reading) -> bool {
        let newest = self.memory.incumbent.as_ref().map(|(_, newest)| newest);
        let (Some(History::Mysql { server, executed: known }), Some(began), Some(executed)) =
            (newest, &self.memory.began, reading.history.executed())
        else {
            return reading.role.follows();
        };
        let is_alike = executed.lacks(known) == 0 && executed.foreign_to(known, *server) == 0;
        let is_complete = reading.replicates == Some(true) && is_alike;
        replicates(reading)
            && executed.lacks(began) == 0
            && (is_complete || executed.has_news_of(*server, known, began))
    }

    /// A loose one follows nobody any more, while the primary is there: its replication broke, or somebody
    /// ended it. It is no reason to stop writes, and what is written from now on it has not.
    pub(super) fn note_stop(&mut self, server: &str, role: Role) {
        let was_loose = self.readings.get(server).is_some_and(|had| had.role == Role::Loose);
        let is_there = |one: &str| !self.silent.contains(one) && !self.mute.contains(one);
        let is_led = self.primary().is_some_and(|one| one != server && is_there(one));
        if role != Role::Primary {
            self.stopped.remove(server);
        } else if was_loose && is_led && self.heir() != Some(server) {
            self.stopped.insert(server.to_owned());
            self.revision += u64::from(self.memory.followers.remove(server));
        }
    }

    /// Those that follow, as far as they say.
    pub(super) fn replicas(&self) -> BTreeSet<String> {
        let replicas = self.readings.iter().filter(|(_, reading)| replicates(reading));
        replicas.map(|(server, _)| server.clone()).collect()
    }

    /// Whether a server is to take over by an operator's will, and lacks nothing of what the one before
    /// had.
    pub(super) fn is_full_heir(&self, server: &str, history: &History) -> bool {
        let newest = self.memory.incumbent.as_ref().map(|(_, newest)| newest);
        let known = newest.and_then(History::executed);
        self.heir() == Some(server)
            && known.zip(history.executed()).is_some_and(|(known, has)| has.lacks(known) == 0)
    }
}

/// Whether one follows, and does not say that it applies nothing.
fn replicates(reading: &Reading) -> bool {
    reading.role.follows() && reading.replicates != Some(false)
}

#[cfg(test)]
mod tests {
    use super::super::Refusal;
    use super::super::tests::{mariadb_pair, my};
    use super::*;
    use crate::pure::role::Role::{Primary, Replica};
    use crate::pure::role::gtid::GtidSet;

    fn idle(server: u128, executed: &str) -> Reading {
        Reading { replicates: Some(false), ..my(Replica, server, executed) }
    }

    /// `b` took over from `a`, which had two transactions more, and wrote something.
    fn taken_over() -> Fence {
        let mut fence = mariadb_pair();
        fence.handle_lost("a");
        fence.handle_reading("b", my(Primary, 2, "0-1-98"));
        fence.handle_reading("b", my(Primary, 2, "0-2-200"));
        fence
    }

    #[test]
    fn an_old_primary_that_refuses_writes_and_follows_nobody_stays_out() {
        let mut fence = taken_over();
        fence.handle_reading("a", idle(1, "0-1-100"));
        assert!(fence.memory().former.contains("a"));
        fence.handle_reading("a", my(Primary, 1, "0-1-100"));
        assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
        fence.handle_lost("b");
        assert_eq!(fence.primary(), None, "it lacks what the newest had");
    }

    #[test]
    fn an_old_primary_follows_once_it_has_what_the_new_one_wrote() {
        let silent = |executed| Reading { replicates: None, ..my(Replica, 1, executed) };
        for (reading, follows) in [
            (idle(1, "0-2-200"), false),
            // Its thread runs, and nothing comes.
            (my(Replica, 1, "0-1-100"), false),
            (my(Replica, 1, "0-1-250"), false),
            (my(Replica, 1, "0-2-97"), false),
            (my(Replica, 1, "0-2-99"), true),
            (my(Replica, 1, "0-2-200"), true),
            (silent("0-1-250"), false),
            (silent("0-2-150"), true),
        ] {
            let mut fence = taken_over();
            fence.handle_reading("a", reading.clone());
            assert_eq!(!fence.memory().former.contains("a"), follows, "{reading:?}");
        }
        // Nothing was written since: what replicates and lacks nothing follows.
        let mut fence = mariadb_pair();
        fence.handle_lost("a");
        fence.handle_reading("b", my(Primary, 2, "0-1-100"));
        fence.handle_reading("a", silent("0-1-100"));
        assert!(fence.memory().former.contains("a"), "or is what it was");
        fence.handle_reading("a", my(Replica, 1, "0-1-100"));
        assert!(fence.memory().former.is_empty());
    }

    #[test]
    fn a_loose_one_whose_replication_breaks_stops_nobody() {
        let mut fence = mariadb_pair();
        fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
        // It even has something of its own.
        fence.handle_reading("b", my(Primary, 2, "0-2-101"));
        assert_eq!((fence.primary(), fence.refusal("b")), (Some("a"), Some(Refusal::Stopped)));
        fence.handle_reading("a", my(Primary, 1, "0-1-150"));
        assert_eq!(fence.primary(), Some("a"));
        fence.handle_lost("a");
        assert_eq!((fence.primary(), fence.refusal("b")), (None, Some(Refusal::Older)));
        // It follows again.
        fence.handle_reading("a", my(Primary, 1, "0-1-150"));
        fence.handle_reading("b", my(Role::Loose, 2, "0-1-150"));
        fence.handle_lost("a");
        fence.handle_reading("b", my(Primary, 2, "0-1-150"));
        assert_eq!(fence.primary(), Some("b"));
    }

    #[test]
    fn sets_of_mysql_show_who_follows() {
        let uuid = |n: u8| format!("00000000-0000-0000-0000-{n:012}");
        let set =
            |a: &str, b: &str| GtidSet::mysql(&format!("{}:{a},{}:{b}", uuid(1), uuid(2))).unwrap();
        let reading = |role, server, executed: GtidSet| {
            let position = executed.count();
            Reading::new(role, History::Mysql { server, executed }, position)
        };
        for (executed, follows) in [
            (set("1-100", "1"), false),
            (set("1-100", "1-2"), true),
            (set("1-97", "1-9"), false),
            (set("1-90", "1"), false),
        ] {
            let mut fence = Fence::default();
            fence.handle_reading("a", reading(Primary, 1, set("1-98", "1")));
            fence.handle_reading("b", reading(Replica, 2, set("1-98", "1")));
            // As planned: it refuses writes, and follows nobody.
            fence.handle_reading("a", reading(Replica, 1, set("1-98", "1")));
            fence.handle_reading("b", reading(Primary, 2, set("1-98", "1")));
            assert!(fence.memory().former.contains("a"));
            let mut planned = fence.clone();
            fence.handle_reading("b", reading(Primary, 2, set("1-98", "1-9")));
            fence.handle_reading("a", reading(Replica, 1, executed.clone()));
            assert_eq!(!fence.memory().former.contains("a"), follows, "{executed}");
            // Where the account sees its channels, nothing has to be written.
            let mut idle = planned.clone();
            let says = |replicates| Reading {
                replicates: Some(replicates),
                ..reading(Replica, 1, set("1-98", "1"))
            };
            idle.handle_reading("a", says(false));
            assert!(idle.memory().former.contains("a"));
            idle.handle_reading("a", says(true));
            assert!(!idle.memory().former.contains("a"));
            // On its way back, before anything was written.
            planned.set_heir(Some("a".to_owned()));
            planned.handle_reading("b", reading(Replica, 2, set("1-98", "1")));
            planned.handle_reading("a", reading(Primary, 1, set("1-98", "1")));
            assert_eq!(planned.primary(), Some("a"));
        }
    }
}
