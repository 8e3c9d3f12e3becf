//! What the log says of a webhook that does not take what it is sent.
//!
//! ```text
//! works ── fails, a minute after it was said last ──> told ── works: said ──> works
//!   ^ └─── fails before that: counted ───┐
//!   └────────────────────────────────────┘
//! ```
//! One that stays away is told of once, however often it is tried. One that takes every other attempt,
//! as a receiver does that lets only so many through, is told of each minute, and not for each event.

use std::time::{Duration, Instant};

/// From one line of trouble to the next.
const PAUSE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// When it was said last.
    said_at: Option<Instant>,
    /// It was said, and has not worked since.
    is_told: bool,
    /// Attempts that failed since, and were not told of.
    passed_over: u64,
}

impl Trouble {
    /// An attempt failed. `Some`: it is to be said, with how many failed before that nobody was told of.
    pub(super) fn handle_failed(&mut self, now: Instant) -> Option<u64> {
        if self.is_told {
            return None;
        }
        if self.said_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            self.passed_over += 1;
            return None;
        }
        (self.said_at, self.is_told) = (Some(now), true);
        Some(std::mem::take(&mut self.passed_over))
    }

    /// An attempt went well. Whether that is to be said.
    pub(super) const fn handle_sent(&mut self) -> bool {
        std::mem::replace(&mut self.is_told, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_when_it_begins_and_each_minute_at_most() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut trouble = Trouble::default();
        assert!(!trouble.handle_sent());
        assert_eq!(trouble.handle_failed(at(0)), Some(0));
        assert_eq!(trouble.handle_failed(at(300)), None, "it was said, and nothing changed");
        assert!(trouble.handle_sent() && !trouble.handle_sent());
        // Every other attempt fails.
        assert_eq!(trouble.handle_failed(at(301)), Some(0));
        assert!(trouble.handle_sent());
        for second in 302..361 {
            assert_eq!(trouble.handle_failed(at(second)), None, "{second}");
            assert!(!trouble.handle_sent());
        }
        assert_eq!(trouble.handle_failed(at(361)), Some(59));
        assert!(trouble.handle_sent());
        // It goes away just then, for good.
        assert_eq!(trouble.handle_failed(at(362)), None);
        assert_eq!(trouble.handle_failed(at(421)), Some(1));
        assert_eq!(trouble.handle_failed(at(500)), None);
    }
}
