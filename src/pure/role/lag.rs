//! How far replicas are behind, by our own clock.
//!
//! The primary's positions are noted as they are read. A replica at position *r* is behind by the
//! time since the primary was first seen beyond *r*: it needs no clock of a server, no privilege
//! and no traffic, is 0 on an idle pair, and grows while a replica is stuck, whatever it says.
//!
//! Bound: `SAMPLES_MAX` positions. When they are full, pairs of them are merged so that a lag
//! may be overstated, never understated.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Positions kept: about 100 s of a primary that writes and is asked ten times a second, at full
/// resolution, and any time at less.
const SAMPLES_MAX: usize = 1024;

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Since the primary was seen to have what the replica has not.
    pub time: Duration,
    /// It may be more: the replica has not reached what the primary had when that was first heard.
    pub is_least: bool,
    /// What it has not: bytes of WAL (Postgres), or transactions.
    pub amount: u64,
}

impl Lag {
    /// Whether it is known to be no more than `max`.
    #[must_use]
    pub fn is_within(&self, max: Duration) -> bool {
        self.time <= max && !self.is_least
    }
}

/// The positions of one primary over time.
#[derive(Clone, Debug, Default)]
pub struct LagClock {
    /// Times and positions, both rising.
    samples: VecDeque<(Instant, u64)>,
    /// The first position of all.
    first: u64,
}

impl LagClock {
    /// The primary was at `position` at `now`. One that went back is another history: what was
    /// noted is forgotten.
    pub fn handle_primary(&mut self, now: Instant, position: u64) {
        match self.samples.back() {
            Some(&(_, last)) if last == position => return,
            Some(&(_, last)) if last > position => self.samples.clear(),
            _ => {}
        }
        if self.samples.is_empty() {
            self.first = position;
        }
        if self.samples.len() == SAMPLES_MAX {
            self.thin();
        }
        self.samples.push_back((now, position));
    }

    /// Another server is primary.
    pub fn handle_changed(&mut self) {
        self.samples.clear();
    }

    /// How far a replica at `position` is behind; `None` before anything is known of a primary.
    #[must_use]
    pub fn lag(&self, now: Instant, position: u64) -> Option<Lag> {
        let &(_, newest) = self.samples.back()?;
        let beyond = self.samples.partition_point(|&(_, reached)| reached <= position);
        let time = self
            .samples
            .get(beyond)
            .map_or(Duration::ZERO, |&(since, _)| now.saturating_duration_since(since));
        Some(Lag { time, is_least: position < self.first, amount: newest.saturating_sub(position) })
    }

    /// Halves what is kept: of each pair the earlier time and the later position.
    fn thin(&mut self) {
        let pairs = self.samples.len() / 2;
        for pair in 0..pairs {
            let (time, _) = self.samples[2 * pair];
            let (_, position) = self.samples[2 * pair + 1];
            self.samples[pair] = (time, position);
        }
        self.samples.truncate(pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(positions: impl IntoIterator<Item = u64>) -> (Instant, LagClock) {
        let start = Instant::now();
        let mut clock = LagClock::default();
        for (second, position) in positions.into_iter().enumerate() {
            clock.handle_primary(start + Duration::from_secs(second as u64), position);
        }
        (start, clock)
    }

    #[test]
    fn a_replica_is_behind_since_the_primary_went_on() {
        let (start, clock) = clock([100, 100, 110, 130]);
        let now = start + Duration::from_secs(10);
        let rows = [
            (90, 10, 40),
            (100, 8, 30),
            (105, 8, 25),
            (110, 7, 20),
            (129, 7, 1),
            (130, 0, 0),
            (200, 0, 0),
        ];
        for (position, secs, amount) in rows {
            let is_least = position < 100;
            let expected = Lag { time: Duration::from_secs(secs), is_least, amount };
            assert_eq!(clock.lag(now, position), Some(expected), "at {position}");
        }
    }

    #[test]
    fn nothing_is_known_before_a_primary_was_read() {
        assert_eq!(LagClock::default().lag(Instant::now(), 5), None);
    }

    #[test]
    fn an_idle_primary_costs_nothing_and_its_replica_has_no_lag() {
        let (start, clock) = clock(std::iter::repeat_n(7, 10_000));
        assert_eq!(clock.samples.len(), 1);
        assert_eq!(clock.lag(start + Duration::from_secs(99_999), 7), Some(Lag::default()));
    }

    #[test]
    fn a_full_clock_overstates_and_never_understates() {
        let (start, clock) = clock(0..100_000);
        assert!(clock.samples.len() <= SAMPLES_MAX);
        let now = start + Duration::from_secs(100_000);
        for position in [0, 1, 50_000, 99_000, 99_998] {
            let truth = Duration::from_secs(100_000 - position - 1);
            let found = clock.lag(now, position).unwrap();
            assert!(found.time >= truth, "{position}: {found:?}");
            assert_eq!(found.amount, 99_999 - position);
        }
        assert_eq!(clock.lag(now, 99_999).unwrap().time, Duration::ZERO);
    }

    #[test]
    fn a_position_that_goes_back_begins_anew() {
        let (start, clock) = clock([1000, 10]);
        let now = start + Duration::from_secs(2);
        assert_eq!(clock.lag(now, 10), Some(Lag::default()));
        let behind = clock.lag(now, 9).unwrap();
        assert_eq!((behind.time, behind.is_least), (Duration::from_secs(1), true));
    }
}
