//! What the clients saw, counted. Told the time, never asks for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How far back the percentiles look.
const WINDOW: Duration = Duration::from_secs(1);

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Primary,
    Backup,
}

impl Who {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }

    /// Whose greeting this is, to the last byte.
    pub(super) fn said(bytes: &[u8]) -> Option<Self> {
        let name = bytes.strip_prefix(b"hello from ")?.strip_suffix(b"\n")?;
        [Self::Primary, Self::Backup].into_iter().find(|who| who.name().as_bytes() == name)
    }
}

/// How a client's connection went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This server's name, and a clean end.
    Answered(Who),
    /// A server's name, and then a reset: the client has its answer.
    Cut,
    /// No answer, or a broken one.
    Failed(String),
}

/// One client's connection.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) begun: Instant,
    /// Not before `begun`.
    pub(super) ended: Instant,
    pub(super) outcome: Outcome,
}

impl Visit {
    fn took(&self) -> Duration {
        self.ended - self.begun
    }

    /// Whether `who` answered, at `since` or later.
    pub(super) fn answered(&self, who: Who, since: Instant) -> bool {
        self.outcome == Outcome::Answered(who) && self.ended >= since
    }
}

/// The count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) primary: u64,
    pub(super) backup: u64,
    pub(super) cut: u64,
    pub(super) errors: u64,
    /// Each kind of error with how often it came.
    pub(super) reasons: BTreeMap<String, u64>,
    /// Who answered last.
    pub(super) serving: Option<Who>,
    /// The longest a client waited.
    pub(super) longest: Duration,
    /// The same since [`Tally::mark`].
    pub(super) longest_lately: Duration,
    recent: VecDeque<(Instant, Duration)>,
}

impl Tally {
    /// Counts `visit`. Where it failed in a way that was not seen before, yields that.
    pub(super) fn count<'a>(&mut self, visit: &'a Visit) -> Option<&'a str> {
        self.longest = self.longest.max(visit.took());
        self.longest_lately = self.longest_lately.max(visit.took());
        self.recent.push_back((visit.ended, visit.took()));
        match &visit.outcome {
            Outcome::Answered(who) => {
                match who {
                    Who::Primary => self.primary += 1,
                    Who::Backup => self.backup += 1,
                }
                self.serving = Some(*who);
                None
            }
            Outcome::Cut => {
                self.cut += 1;
                None
            }
            Outcome::Failed(reason) => {
                self.errors += 1;
                let times = self.reasons.entry(reason.clone()).or_default();
                *times += 1;
                (*times == 1).then_some(reason)
            }
        }
    }

    /// Forgets who waited how long lately.
    pub(super) fn mark(&mut self) {
        self.longest_lately = Duration::ZERO;
    }

    /// Connections that have ended.
    pub(super) fn connections(&self) -> u64 {
        self.primary + self.backup + self.cut + self.errors
    }

    /// Median and 99th percentile of the last second's connections; `None` without any.
    pub(super) fn percentiles(&mut self, now: Instant) -> Option<(Duration, Duration)> {
        while self.recent.front().is_some_and(|&(at, _)| at + WINDOW < now) {
            self.recent.pop_front();
        }
        let mut took: Vec<Duration> = self.recent.iter().map(|&(_, took)| took).collect();
        took.sort_unstable();
        let last = took.len().checked_sub(1)?;
        Some((took[last / 2], took[last * 99 / 100]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(at: Instant, ms: u64, outcome: Outcome) -> Visit {
        Visit { begun: at, ended: at + Duration::from_millis(ms), outcome }
    }

    #[test]
    fn names_are_read_to_the_last_byte() {
        assert_eq!(Who::said(b"hello from primary\n"), Some(Who::Primary));
        assert_eq!(Who::said(b"hello from backup\n"), Some(Who::Backup));
        for bytes in [&b""[..], b"\n", b"backup\n", b"hello from backup", b"hello from other\n"] {
            assert_eq!(Who::said(bytes), None);
        }
    }

    #[test]
    fn each_outcome_counts_once() {
        let (mut tally, at) = (Tally::default(), Instant::now());
        let refused = || Outcome::Failed("refused".to_owned());
        assert_eq!(tally.count(&visit(at, 1, Outcome::Answered(Who::Primary))), None);
        assert_eq!(tally.count(&visit(at, 1, Outcome::Answered(Who::Backup))), None);
        assert_eq!(tally.count(&visit(at, 9, Outcome::Cut)), None);
        assert_eq!(tally.count(&visit(at, 1, refused())), Some("refused"));
        assert_eq!(tally.count(&visit(at, 1, refused())), None);
        assert_eq!((tally.primary, tally.backup, tally.cut, tally.errors), (1, 1, 1, 2));
        assert_eq!((tally.connections(), tally.reasons["refused"]), (5, 2));
        assert_eq!((tally.serving, tally.longest.as_millis()), (Some(Who::Backup), 9));
        tally.mark();
        tally.count(&visit(at, 2, Outcome::Cut));
        assert_eq!((tally.longest.as_millis(), tally.longest_lately.as_millis()), (9, 2));
    }

    #[test]
    fn percentiles_forget_what_is_older_than_the_window() {
        let (mut tally, at) = (Tally::default(), Instant::now());
        assert_eq!(tally.percentiles(at), None);
        for ms in 1..=101 {
            tally.count(&visit(at, ms, Outcome::Answered(Who::Primary)));
        }
        let ms = Duration::from_millis;
        assert_eq!(tally.percentiles(at + ms(101)), Some((ms(51), ms(100))));
        assert_eq!(tally.percentiles(at + ms(1101)), Some((ms(101), ms(101))));
        assert_eq!(tally.percentiles(at + ms(1102)), None);
    }

    #[test]
    fn an_answer_before_the_event_is_not_its_answer() {
        let at = Instant::now();
        let visit = visit(at, 5, Outcome::Answered(Who::Backup));
        let after = |ms| at + Duration::from_millis(ms);
        assert!(visit.answered(Who::Backup, after(5)));
        assert!(!visit.answered(Who::Backup, after(6)));
        assert!(!visit.answered(Who::Primary, after(0)));
    }
}
