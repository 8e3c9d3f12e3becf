//! What a new primary lacks of the one before is a floor while that one is away: it could write after
//! it was heard last. Once it answers again as it was left, what it has says how much that was.
//!
//! What it says is taken for that only where nothing speaks against it:
//!
//! | database | it had | not known for good |
//! |---|---|---|
//! | Postgres, not stopped in order | up to where its recovery ended | that is before what it was heard to have |
//! | Postgres, stopped in order | up to the checkpoint that ended it | the same, or it made another one since |
//! | Postgres, runs on, or nobody heard its run before | no more than all it has now | it has less than it was heard to have |
//! | Postgres, silent when it was lost, started again since | no more than that | the same |
//! | Postgres | | it follows, or has another history: it was rewound or rebuilt |
//! | Postgres | | where the new one left what it wrote was not heard |
//! | MySQL, MariaDB | all it has now; no more than that where it was silent when it was lost | it has less than it was heard to have, or is another server |
//! | MySQL, MariaDB | | it follows, or has what the new one wrote: it may have been rebuilt |
//! | MariaDB | | the new one wrote in a domain before it was heard, so that it covers what it lacks |
//!
//! A Postgres writes on its own, too: what one that runs on, or was started again, has now is not what it
//! had when the new one took over.

use super::gtid::GtidSet;
use super::incident::{Incident, Unseen};
use super::{History, Reading, Role};

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// Who was primary.
    from: String,
    /// What it said last.
    had: History,
    position: u64,
    /// Postgres: where the recovery ended that its run began with, and what tells that run from others.
    run: (Option<u64>, Option<u64>),
    /// What the next one said first.
    next: History,
    reached: u64,
    is_fork: bool,
    was_heard: bool,
    /// It ended when it was lost.
    had_ended: bool,
}

/// What came of a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// What the next one lacked.
    Exact {
        /// Bytes of WAL, or transactions.
        missing: u64,
        /// How far the one before had come, where that is the figure's.
        had: u64,
    },
    /// The next one lacked no more than this: the one before ran on, and what it wrote since is among it.
    AtMost(u64),
    /// Nobody will know, for this reason.
    Never(&'static str),
}

const FOLLOWS: &str = "it follows by now, so that what it had of its own may be gone";
const ANOTHER: &str = "it has another history than it had";
const LESS: &str = "it has less than it had";
const SINCE: &str = "it was started again, and what it wrote since hides where it had stopped";

impl Doubt {
    /// What is not known of a failover that is over. `None`: all is, or nothing can be compared.
    #[must_use]
    pub fn of(incident: &Incident) -> Option<Self> {
        let next = incident.next.as_ref().filter(|_| incident.is_taken_over())?;
        let is_floor = !incident.is_ours() && next.lacks.is_some() && !next.is_synchronous;
        is_floor.then(|| Self {
            from: incident.from.clone(),
            had: incident.history.clone(),
            position: incident.position,
            run: (incident.recovered, incident.started),
            next: next.history.clone(),
            reached: next.reached,
            is_fork: next.is_fork,
            was_heard: next.was_heard,
            had_ended: incident.has_ended,
        })
    }

    /// The same of one that nobody saw. Of what took over before this process heard it as a replica it is not
    /// known where it left what the one before wrote.
    #[must_use]
    pub fn of_unseen(unseen: &Unseen) -> Option<Self> {
        let can_be_known = match (&unseen.before, &unseen.history) {
            (History::Postgres { system: before, .. }, History::Postgres { system: after, .. }) => {
                before == after && unseen.is_fork
            }
            (History::Mysql { executed, .. }, History::Mysql { .. }) => {
                unseen.followed && executed.count() > 0
            }
            _ => false,
        };
        can_be_known.then(|| Self {
            from: unseen.from.clone(),
            had: unseen.before.clone(),
            position: 0,
            run: (None, None),
            next: unseen.history.clone(),
            reached: unseen.reached,
            is_fork: unseen.is_fork,
            was_heard: unseen.is_fork,
            had_ended: false,
        })
    }

    /// Who was primary: what that says settles it.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// What follows from what the one that was primary says after the failover.
    #[must_use]
    pub fn settle(&self, reading: &Reading) -> Settled {
        let is_alone = matches!(reading.role, Role::Primary | Role::Replica);
        if !is_alone || reading.replicates == Some(true) {
            return Settled::Never(FOLLOWS);
        }
        match (&self.had, &reading.history, &self.next) {
            (History::Postgres { .. }, History::Postgres { .. }, _) => {
                self.settle_postgres(reading)
            }
            (
                History::Mysql { server: one, executed: had },
                History::Mysql { server, executed },
                History::Mysql { server: next, executed: began },
            ) if one == server => {
                let settled = settle_mysql(had, executed, (*next, began));
                bound(settled, !self.had_ended && had.lacks(executed) > 0)
            }
            _ => Settled::Never(ANOTHER),
        }
    }

    fn settle_postgres(&self, reading: &Reading) -> Settled {
        if reading.role != Role::Primary {
            return Settled::Never(FOLLOWS);
        }
        if reading.history != self.had {
            return Settled::Never(ANOTHER);
        }
        let (recovered, started) = self.run;
        let may_run_on = started.is_none_or(|started| {
            (reading.recovered, reading.started) == (recovered, Some(started))
        });
        let had = match reading.recovered.or(reading.stopped) {
            _ if may_run_on => reading.position,
            Some(end) => end,
            None if reading.position >= self.position => return Settled::Never(SINCE),
            None => return Settled::Never(LESS),
        };
        if had < self.position {
            return Settled::Never(LESS);
        }
        match had.saturating_sub(self.reached) {
            missing if !self.is_fork && (missing > 0 || !self.was_heard) => {
                Settled::Never("where the new primary left what it wrote was not heard")
            }
            missing => {
                let may_be_later = (may_run_on || !self.had_ended) && had > self.position;
                bound(Settled::Exact { missing, had }, may_be_later)
            }
        }
    }
}

/// What is missing of one that may have written some of that after the new one took over.
const fn bound(settled: Settled, may_be_later: bool) -> Settled {
    match settled {
        Settled::Exact { missing, .. } if missing > 0 && may_be_later => Settled::AtMost(missing),
        settled => settled,
    }
}

/// Of one that had `had` and has `has`, after `next`, which had `began` when it took over.
fn settle_mysql(had: &GtidSet, has: &GtidSet, (next, began): (u128, &GtidSet)) -> Settled {
    if has.lacks(had) > 0 {
        return Settled::Never(LESS);
    }
    let lacks = has.foreign_to(began, next);
    if began.lacks(has) > lacks {
        return Settled::Never(
            "it has what the new primary wrote since, and may have been rebuilt",
        );
    }
    if has.is_covered_by(began, next, had) {
        return Settled::Never("the new primary had written before it was heard");
    }
    Settled::Exact { missing: lacks, had: has.count() }
}

impl GtidSet {
    /// MariaDB: whether the last transaction of a domain in `other` is one of `server`'s own that may
    /// hide what it lacks of this set; one that `known` has as its last, too, hides nothing.
    fn is_covered_by(&self, other: &Self, server: u128, known: &Self) -> bool {
        let (Self::Mariadb(ours), Self::Mariadb(theirs), Self::Mariadb(known)) =
            (self, other, known)
        else {
            return false;
        };
        theirs.iter().any(|(domain, last)| {
            let is_own = u128::from(last.0) == server;
            let is_common = [ours, known].iter().any(|set| set.get(domain) == Some(last));
            is_own && ours.contains_key(domain) && !is_common
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn settled(had: &Reading, next: &Reading, heard: u64, now: &Reading) -> Settled {
        let at = Instant::now();
        let history = had.history.clone();
        let mut incident = Incident {
            recovered: had.recovered,
            started: had.started,
            has_ended: true,
            ..Incident::new("a".to_owned(), history, had.position, (at, at))
        };
        assert_eq!(Doubt::of(&incident), None, "nobody is primary");
        incident.handle_primary(at, "b", next, Some(heard));
        let planned = Incident { paused_at: Some(at), ..incident.clone() };
        assert_eq!(Doubt::of(&planned), None, "it was stopped on purpose");
        let mut synchronous = incident.clone();
        synchronous.next.as_mut().unwrap().is_synchronous = true;
        assert_eq!(Doubt::of(&synchronous), None, "what counts is known");
        let doubt = Doubt::of(&incident).unwrap();
        assert_eq!(doubt.from(), "a");
        doubt.settle(now)
    }

    fn pg(timeline: u32, position: u64, recovered: Option<u64>) -> Reading {
        let history = History::Postgres { system: 1, timeline };
        let role = Role::Primary;
        Reading { recovered, ..Reading::new(role, history, position) }
    }

    #[test]
    fn an_old_postgres_that_is_as_it_was_left_says_how_much_it_had() {
        use Settled::{AtMost, Never};
        let exact = |missing, had| Settled::Exact { missing, had };
        let (started, other_start) = (Some(1), Some(2));
        let had = Reading { started, ..pg(1, 1000, Some(10)) };
        let on = |position| Reading { position, ..had.clone() };
        let again =
            |position, stopped| Reading { started: other_start, stopped, ..pg(1, position, None) };
        let next = pg(2, 1200, Some(1050));
        let not_heard = Never("where the new primary left what it wrote was not heard");
        let follows = Reading { role: Role::Replica, ..pg(1, 1070, None) };
        let other =
            Reading { history: History::Postgres { system: 2, timeline: 1 }, ..pg(1, 1070, None) };
        for (next, now, expected) in [
            // It was killed: what its recovery added is nobody's.
            (&next, pg(1, 1180, Some(1050)), exact(0, 1050)),
            (&next, pg(1, 1180, Some(1070)), exact(20, 1070)),
            // It was stopped in order: what it wrote when it started is nobody's.
            (&next, again(1180, Some(1040)), exact(0, 1040)),
            (&next, again(1180, Some(1070)), exact(20, 1070)),
            (&next, again(1180, None), Never(SINCE)),
            // It runs on.
            (&next, on(1070), AtMost(20)),
            (&next, on(1040), exact(0, 1040)),
            (&pg(2, 1200, None), on(1070), not_heard),
            // It lost, or was given, something else.
            (&next, pg(1, 1180, Some(990)), Never(LESS)),
            (&next, pg(1, 900, None), Never(LESS)),
            (&next, pg(1, 900, Some(10)), Never(LESS)),
            (&next, on(900), Never(LESS)),
            (&next, again(1180, Some(900)), Never(LESS)),
            (&next, pg(3, 1180, Some(1070)), Never(ANOTHER)),
            (&next, other, Never(ANOTHER)),
            (&next, follows, Never(FOLLOWS)),
            // The new one was started again before it was heard.
            (&pg(2, 1200, None), pg(1, 1180, Some(1070)), not_heard),
            (&pg(2, 1200, None), pg(1, 1180, Some(1000)), exact(0, 1000)),
        ] {
            assert_eq!(settled(&had, next, 1000, &now), expected, "{now:?}");
        }
    }

    #[test]
    fn who_was_silent_when_it_was_lost_may_have_written_since() {
        let at = Instant::now();
        let settle = |had: &Reading, next: &Reading, now: &Reading| {
            let times = (at, at);
            let mut incident =
                Incident::new("a".to_owned(), had.history.clone(), had.position, times);
            incident.started = had.started;
            incident.handle_primary(at, "b", next, Some(1));
            Doubt::of(&incident).unwrap().settle(now)
        };
        let had = Reading { started: Some(1), ..pg(1, 1000, None) };
        let again = |recovered| Reading { started: Some(2), ..pg(1, 1180, Some(recovered)) };
        let next = pg(2, 1200, Some(1050));
        assert_eq!(settle(&had, &next, &again(1070)), Settled::AtMost(20));
        assert_eq!(settle(&had, &next, &again(1040)), Settled::Exact { missing: 0, had: 1040 });
        let mariadb =
            |server, last: u64| my(server, GtidSet::mariadb(&format!("0-1-{last}")).unwrap());
        let [had, next] = [mariadb(1, 100), mariadb(2, 98)];
        assert_eq!(settle(&had, &next, &mariadb(1, 103)), Settled::AtMost(5));
        // What it was heard to have it had.
        assert_eq!(settle(&had, &next, &mariadb(1, 100)), Settled::Exact { missing: 2, had: 100 });
    }

    #[test]
    fn a_new_primary_that_was_not_heard_before_may_hide_what_it_lacks() {
        let at = Instant::now();
        let had = pg(1, 1000, None);
        let mut incident =
            Incident::new("a".to_owned(), had.history.clone(), had.position, (at, at));
        incident.handle_primary(at, "b", &pg(2, 1200, Some(1050)), None);
        let settled = Doubt::of(&incident).unwrap().settle(&pg(1, 1180, Some(1070)));
        assert!(matches!(settled, Settled::Never(_)), "{settled:?}");
    }

    #[test]
    fn what_nobody_saw_is_settled_where_the_next_one_was_heard_to_leave() {
        let history = |timeline| History::Postgres { system: 1, timeline };
        let begun = |heard| {
            let remembered = ("a".to_owned(), history(1));
            Unseen::of(remembered, ("b".to_owned(), pg(2, 1200, Some(1050))), heard)
        };
        for heard in [None, Some(0), Some(1060)] {
            assert_eq!(Doubt::of_unseen(&begun(heard)), None, "{heard:?}");
        }
        let doubt = Doubt::of_unseen(&begun(Some(1000))).unwrap();
        let settle = |position, started, recovered| {
            doubt.settle(&Reading { started, ..pg(1, position, recovered) })
        };
        // Which run of it that was nobody heard.
        assert_eq!(settle(1040, Some(5), None), Settled::Exact { missing: 0, had: 1040 });
        for recovered in [None, Some(10), Some(1060)] {
            assert_eq!(settle(1070, Some(5), recovered), Settled::AtMost(20), "{recovered:?}");
        }
        assert_eq!(doubt.settle(&pg(3, 1070, None)), Settled::Never(ANOTHER));
    }

    fn my(server: u128, executed: GtidSet) -> Reading {
        let (role, position) = (Role::Primary, executed.count());
        let history = History::Mysql { server, executed };
        Reading::new(role, history, position)
    }

    #[test]
    fn transactions_that_an_old_primary_has_of_its_own_are_counted() {
        use Settled::Never;
        let is_never = |settled| matches!(settled, Never(_));
        let missing = |settled| match settled {
            Settled::Exact { missing, .. } => Some(missing),
            _ => None,
        };
        let mariadb = |server, text| my(server, GtidSet::mariadb(text).unwrap());
        let had = mariadb(1, "0-1-100");
        let idle =
            Reading { role: Role::Replica, replicates: Some(false), ..mariadb(1, "0-1-103") };
        let follows = Reading { replicates: Some(true), ..idle.clone() };
        let loose = Reading { role: Role::Loose, ..follows.clone() };
        for (next, now, expected) in [
            ("0-1-100", mariadb(1, "0-1-100"), Some(0)),
            ("0-1-98", mariadb(1, "0-1-103"), Some(5)),
            ("0-1-100", idle, Some(3)),
            ("0-1-100", follows, None),
            ("0-1-100", loose, None),
            ("0-1-100", mariadb(1, "0-1-90"), None),
            ("0-1-100", mariadb(9, "0-1-103"), None),
            // It follows already, or was rebuilt.
            ("0-1-100", mariadb(1, "0-2-105"), None),
            // The new one wrote, and hides how far it had come.
            ("0-2-105", mariadb(1, "0-1-103"), None),
            ("0-2-101", mariadb(1, "0-1-103"), None),
        ] {
            let settled = settled(&had, &mariadb(2, next), 1, &now);
            assert_eq!(missing(settled), expected, "{next} {now:?}");
        }
        // It had written before, as they both know.
        let both = mariadb(1, "0-2-90");
        let settle = |now| settled(&both, &mariadb(2, "0-2-90"), 1, &mariadb(1, now));
        assert_eq!([settle("0-2-90"), settle("0-1-92")].map(missing), [Some(0), Some(2)]);
        let uuid = |n: u8| format!("00000000-0000-0000-0000-{n:012x}");
        let mysql = |server, a: &str, b: &str| {
            my(server, GtidSet::mysql(&format!("{}:{a},{}:{b}", uuid(1), uuid(2))).unwrap())
        };
        let had = mysql(1, "1-100", "1-5");
        for (next, now, expected) in [
            (mysql(2, "1-100", "1-5"), mysql(1, "1-100", "1-5"), Some(0)),
            // What the new one wrote at once hides nothing.
            (mysql(2, "1-98", "1-9"), mysql(1, "1-103", "1-5"), Some(5)),
            (mysql(2, "1-100", "1-5"), mysql(1, "1-103", "1-7"), None),
            (mysql(2, "1-100", "1-5"), mysql(1, "1-99", "1-5"), None),
        ] {
            let settled = settled(&had, &next, 1, &now);
            assert_eq!(missing(settled), expected, "{now:?}");
        }
        let other = pg(1, 7, None);
        assert!(is_never(settled(&had, &mysql(2, "1-100", "1-5"), 1, &other)));
    }
}
