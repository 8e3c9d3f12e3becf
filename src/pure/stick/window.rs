//! How many events the last period had, of two counts: HAProxy's approximation.
//!
//! ```text
//!   previous period      current period
//! |--------------------|-------------x------|      rate = current + previous × (rest / period)
//!                      began        now
//! ```

use std::time::{Duration, Instant};

/// Events of the current period and of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When the current period began; `None`: nothing ever happened.
    began: Option<Instant>,
    current: u64,
    previous: u64,
}

impl Window {
    /// `count` events happen.
    pub fn add(&mut self, count: u64, period: Duration, now: Instant) {
        let Some(began) = self.began else {
            *self = Self { began: Some(now), current: count, previous: 0 };
            return;
        };
        let elapsed = now.saturating_duration_since(began);
        if elapsed < period {
            self.current = self.current.saturating_add(count);
        } else if elapsed < period * 2 {
            *self = Self { began: Some(began + period), current: count, previous: self.current };
        } else {
            *self = Self { began: Some(now), current: count, previous: 0 };
        }
    }

    /// As if `count` events had just happened, and none before.
    pub const fn set(&mut self, count: u64, now: Instant) {
        *self = Self { began: Some(now), current: count, previous: 0 };
    }

    /// Events of the last period before `now`.
    #[must_use]
    pub fn rate(&self, period: Duration, now: Instant) -> u64 {
        let Some(began) = self.began else { return 0 };
        let elapsed = now.saturating_duration_since(began);
        let (current, previous, rest) = if elapsed < period {
            (self.current, self.previous, period - elapsed)
        } else if elapsed < period * 2 {
            (0, self.current, period * 2 - elapsed)
        } else {
            return 0;
        };
        // A single event is not forgotten by rounding before its time.
        if current == 0 && previous <= 1 {
            return previous;
        }
        let whole = period.as_millis().max(1);
        let share = u128::from(previous) * rest.as_millis() / whole;
        current.saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
    }
}
