//! Whether a database that answers the session that is held with it takes new ones, too.
//!
//! Its *door* is knocked at beside the session now and then: a new connection must get its first
//! answer in time. One knock goes on at a time; when the next is due, [`Door::next_knock`] says, and
//! what came of it [`Door::handle_knock`] is told.
//!
//! | knock | the door |
//! |---|---|
//! | was answered, or a session was begun | open |
//! | was answered: nobody gets in this way (a wrong password, no place left) | open, and left alone for a while |
//! | failed, and a client that is new was answered meanwhile | open: the row before it is long |
//! | failed | shut to those who asked for at most as many failures in a row |
//! | could not be made, or was looked after too late | as before |
//!
//! **Invariants** (`tests/sim`). A door is shut by failures in a row alone, and one answer opens it.
//! Between two knocks there is the distance that is asked for, unless the first failed.

use std::time::{Duration, Instant};

use super::super::health::verdict::{CheckStatus, Verdict};

/// What is said of a server whose door is shut.
pub const SHUT: &str = "answers its sessions, takes no new ones";

/// From a knock that was refused to the next one, at least: each is a line of the database's log, and
/// some lock out who is refused too often.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// Time that is over while nobody looks for longer than this says nothing of the database: this process
/// stood still. Timers are late by milliseconds, those of a machine that is overrun by tens.
const LAPSE_MAX: Duration = Duration::from_millis(250);

/// How far apart knocks are where nothing else is asked for; never closer than checks.
pub mod apart {
    use std::time::Duration;

    /// Postgres: a connection that says nothing and ends what it would say; the answer is the end of the other side.
    pub const POSTGRES: Duration = Duration::from_secs(1);

    /// MySQL: a whole login, for it counts those who leave before.
    pub const MYSQL: Duration = Duration::from_secs(5);
}

/// What came of a knock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knock {
    /// It was answered.
    Answered,
    /// It was answered: this account, or one session more, is not let in.
    Refused,
    /// It was not answered, or nobody listens.
    Failed(Verdict),
    /// It was not made, or nobody looked in time.
    Void,
}

impl Knock {
    /// What a knock came to of which nobody looked after for `lapse` at a time, at most.
    #[must_use]
    pub fn judged(found: Result<(), Verdict>, lapse: Duration) -> Self {
        let Err(verdict) = found else { return Self::Answered };
        let is_late = lapse > LAPSE_MAX;
        match verdict.status {
            _ if verdict.unasked => Self::Void,
            _ if verdict.refused => Self::Refused,
            CheckStatus::L4Timeout | CheckStatus::L7Timeout if is_late => Self::Void,
            CheckStatus::L4Timeout
            | CheckStatus::L7Timeout
            | CheckStatus::L4Con
            | CheckStatus::SocketError => Self::Failed(verdict),
            // It said something, if not what was expected.
            _ => Self::Answered,
        }
    }
}

/// How a door is to be knocked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How far apart.
    pub every: Duration,
    /// The same after a failure.
    pub again: Duration,
    /// The database writes each connection down: only who waits for an answer is reason for one.
    pub is_noted: bool,
    /// Somebody waits for a first answer for longer than it may take.
    pub is_awaited: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Door {
    /// When a session was begun or a knock was over last.
    tried_at: Instant,
    is_refused: bool,
    /// Knocks in a row that failed.
    failed: u32,
    /// When the last of those before was over where they come as often as is asked for, else when the first
    /// of these began: so long nobody knew.
    since: Instant,
    /// When the first of them began.
    failing_at: Instant,
    /// What the last of them found.
    found: Option<Verdict>,
}

impl Door {
    /// The door of a database with which a session was begun at `now`.
    #[must_use]
    pub const fn open(now: Instant) -> Self {
        Self {
            tried_at: now,
            is_refused: false,
            failed: 0,
            since: now,
            failing_at: now,
            found: None,
        }
    }

    /// When to knock; `None`: not at all for now.
    #[must_use]
    pub fn next_knock(&self, manner: Manner) -> Option<Instant> {
        if self.failed > 0 {
            return Some(self.tried_at + manner.again);
        }
        if manner.is_noted && !manner.is_awaited {
            return None;
        }
        let pause = if self.is_refused { REFUSED_PAUSE } else { Duration::ZERO };
        Some(self.tried_at + manner.every.max(pause))
    }

    /// A knock is over that was made in this manner. Whether it failed.
    pub fn handle_knock(&mut self, now: Instant, knock: Knock, manner: Manner) -> bool {
        match knock {
            Knock::Answered => *self = Self::open(now),
            Knock::Refused => *self = Self { is_refused: true, ..Self::open(now) },
            Knock::Void => self.tried_at = now,
            Knock::Failed(verdict) => {
                if self.failed == 0 {
                    self.failing_at = now.checked_sub(verdict.duration).unwrap_or(now);
                    if manner.is_noted || self.is_refused {
                        self.since = self.failing_at;
                    }
                }
                (self.tried_at, self.found) = (now, Some(verdict));
                self.failed = self.failed.saturating_add(1);
                return true;
            }
        }
        false
    }

    /// Somebody else's new session was answered at `at`, the last of those so far: where that was while knocks
    /// failed, they stand in a long row, or are not meant.
    pub fn handle_client(&mut self, at: Instant) {
        if self.failed > 0 && at > self.failing_at {
            *self = Self { tried_at: self.tried_at, ..Self::open(at) };
        }
    }

    /// The verdict on a database that answers its session, where `fall` knocks in a row failed.
    #[must_use]
    pub fn verdict(&self, fall: u32) -> Option<Verdict> {
        let found = self.found.as_ref().filter(|_| self.failed >= fall.max(1))?;
        let mut verdict = Verdict::new(found.status).with_info(SHUT.as_bytes());
        (verdict.duration, verdict.shut) = (found.duration, Some(self.since));
        Some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANNER: Manner = Manner {
        every: Duration::from_secs(1),
        again: Duration::from_millis(200),
        is_noted: false,
        is_awaited: false,
    };

    fn failed() -> Knock {
        Knock::Failed(Verdict::new(CheckStatus::L7Timeout))
    }

    #[test]
    fn a_door_is_shut_by_failures_in_a_row() {
        let start = Instant::now();
        let mut door = Door::open(start);
        let mut knock = |knock| {
            let is_news = door.handle_knock(start, knock, MANNER);
            (is_news, door.verdict(1).is_some(), door.verdict(2).is_some())
        };
        assert_eq!(knock(failed()), (true, true, false));
        assert_eq!(knock(Knock::Answered), (false, false, false));
        assert_eq!(knock(failed()), (true, true, false));
        assert_eq!(knock(Knock::Void), (false, true, false));
        assert_eq!(knock(failed()), (true, true, true));
        assert_eq!(knock(Knock::Void), (false, true, true));
        assert_eq!(knock(Knock::Refused), (false, false, false));
        assert_eq!(knock(failed()), (true, true, false));
        let verdict = door.verdict(1).unwrap();
        assert!(
            verdict.shut == Some(start) && verdict.status == CheckStatus::L7Timeout,
            "{verdict:?}"
        );
        assert_eq!(verdict.info(), SHUT);
    }

    #[test]
    fn it_is_shut_since_it_was_open_last_or_since_nobody_answered() {
        let start = Instant::now();
        let noted = Manner { is_noted: true, is_awaited: true, ..MANNER };
        for (before, manner, since) in [
            (Knock::Answered, MANNER, 10),
            // Nobody had knocked for long.
            (Knock::Answered, noted, 27),
            (Knock::Refused, MANNER, 27),
        ] {
            let after = |seconds| start + Duration::from_secs(seconds);
            let mut door = Door::open(start);
            door.handle_knock(after(10), before, manner);
            let mut silent = Verdict::new(CheckStatus::L7Timeout);
            silent.duration = Duration::from_secs(3);
            for at in [30, 40] {
                door.handle_knock(after(at), Knock::Failed(silent.clone()), manner);
            }
            assert_eq!(door.verdict(2).unwrap().shut, Some(after(since)), "{manner:?}");
        }
    }

    #[test]
    fn one_that_lets_others_in_is_not_shut() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut silent = Verdict::new(CheckStatus::L7Timeout);
        silent.duration = Duration::from_secs(3);
        let mut door = Door::open(start);
        let mut fail = |at, client| {
            door.handle_knock(after(at), Knock::Failed(silent.clone()), MANNER);
            door.handle_client(after(client));
            (door.verdict(1).is_some(), door.verdict(2).is_some())
        };
        assert_eq!(fail(4, 0), (true, false), "before it began to fail");
        assert_eq!(fail(8, 5), (false, false));
        assert_eq!(fail(12, 5), (true, false));
        assert_eq!(fail(16, 9), (true, true), "it is known already");
        assert_eq!(fail(20, 18), (false, false));
        let next = door.next_knock(MANNER);
        assert_eq!(next, Some(after(21)), "no sooner than those before");
    }

    #[test]
    fn knocks_keep_their_distance() {
        let start = Instant::now();
        let noted = Manner { is_noted: true, ..MANNER };
        let awaited = Manner { is_awaited: true, ..noted };
        let after = |knocks: &[Knock], manner: Manner| {
            let mut door = Door::open(start);
            for knock in knocks {
                door.handle_knock(start, knock.clone(), manner);
            }
            door.next_knock(manner).map(|at| at - start)
        };
        for (knocks, due) in [
            (&[][..], MANNER.every),
            (&[Knock::Answered], MANNER.every),
            (&[Knock::Void], MANNER.every),
            (&[Knock::Refused], REFUSED_PAUSE),
            (&[Knock::Refused, Knock::Answered], MANNER.every),
            (&[failed()], MANNER.again),
            (&[failed(), Knock::Void], MANNER.again),
        ] {
            assert_eq!(after(knocks, MANNER), Some(due), "{knocks:?}");
            assert_eq!(after(knocks, awaited), Some(due), "{knocks:?}");
            // What failed once is worth a line, for it is about to be known.
            let due = Some(due).filter(|due| *due == MANNER.again);
            assert_eq!(after(knocks, noted), due, "{knocks:?}");
        }
    }

    #[test]
    fn what_was_said_is_an_answer_and_what_was_not_heard_in_time_is_nothing() {
        let (soon, late) = (LAPSE_MAX, LAPSE_MAX + Duration::from_millis(1));
        let of = Verdict::new;
        let failed = |status| Knock::Failed(of(status));
        for (status, lapse, expected) in [
            (CheckStatus::L4Timeout, soon, failed(CheckStatus::L4Timeout)),
            (CheckStatus::L7Timeout, soon, failed(CheckStatus::L7Timeout)),
            (CheckStatus::L7Timeout, late, Knock::Void),
            (CheckStatus::L4Timeout, late, Knock::Void),
            (CheckStatus::L4Con, late, failed(CheckStatus::L4Con)),
            (CheckStatus::SocketError, soon, failed(CheckStatus::SocketError)),
            (CheckStatus::L7Status, soon, Knock::Answered),
            (CheckStatus::L7Response, soon, Knock::Answered),
            (CheckStatus::L6Response, soon, Knock::Answered),
        ] {
            let found = Knock::judged(Err(of(status)), lapse);
            assert_eq!(found, expected, "{status:?} {lapse:?}");
        }
        assert_eq!(Knock::judged(Ok(()), late), Knock::Answered);
        let mut refused = of(CheckStatus::L7Status);
        refused.refused = true;
        assert_eq!(Knock::judged(Err(refused), soon), Knock::Refused);
        let mut ours = of(CheckStatus::L4Con);
        ours.unasked = true;
        assert_eq!(Knock::judged(Err(ours), soon), Knock::Void);
    }
}
