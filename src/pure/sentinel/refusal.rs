//! How long a database that let its check not in is left alone.
//!
//! Each login that is refused is a line of its log, some lock accounts that fail too often, and what
//! has to change first is done by people: an account, a certificate, room for one session more.

use std::time::{Duration, Instant};

use super::super::health::verdict::Verdict;

/// From a refused login to the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// The same after some of them: it doubles up to this. So long it may take until a login that is
/// allowed again is noticed.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A login was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    verdict: Verdict,
    at: Instant,
    pause: Duration,
}

impl Refusal {
    /// A login was refused at `now` by `verdict`, and the one before as `before` says.
    #[must_use]
    pub fn new(verdict: Verdict, now: Instant, before: Option<&Self>) -> Self {
        let pause = before.map_or(PAUSE, |before| (2 * before.pause).min(PAUSE_MAX));
        Self { verdict, at: now, pause }
    }

    /// What is said instead of another login; `None` when it is time for one.
    #[must_use]
    pub fn said(&self, now: Instant) -> Option<Verdict> {
        let is_fresh = now.saturating_duration_since(self.at) < self.pause;
        is_fresh.then(|| self.verdict.clone())
    }

    /// Whether it is long enough ago for another login where there is a reason: sessions of clients end
    /// all the time, and with TLS nobody sees why.
    #[must_use]
    pub fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::health::verdict::CheckStatus;

    #[test]
    fn who_is_refused_again_and_again_stays_away_for_longer_and_not_for_ever() {
        let verdict = Verdict::new(CheckStatus::L7Status);
        let (mut now, mut before) = (Instant::now(), None);
        for seconds in [1, 2, 4, 5, 5] {
            let refusal = Refusal::new(verdict.clone(), now, before.as_ref());
            let pause = Duration::from_secs(seconds);
            assert_eq!(refusal.said(now + pause - Duration::from_millis(1)), Some(verdict.clone()));
            assert_eq!(refusal.said(now + pause), None);
            assert!(!refusal.is_old(now + PAUSE - Duration::from_millis(1)));
            assert!(refusal.is_old(now + PAUSE));
            (now, before) = (now + pause, Some(refusal));
        }
    }
}
