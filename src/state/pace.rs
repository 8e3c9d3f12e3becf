//! A limit on how many of something may come in a second.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::counters::Rate;

/// Events a second that are let in; it may change at any time.
#[derive(Debug, Default)]
pub struct Pace(AtomicU32);

impl Pace {
    /// Lets `per_second` in; `None` is no limit.
    #[must_use]
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        Self(AtomicU32::new(per_second.map_or(0, NonZeroU32::get)))
    }

    /// Lets `per_second` in from now on; 0 is no limit.
    pub fn set(&self, per_second: u32) {
        self.0.store(per_second, Ordering::Relaxed);
    }

    /// Events a second that are let in; 0 is no limit.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// How long to wait at `now`, time since the process started, before there may be room for one
    /// more event of `rate`; `None`: there is. Without a limit `now` is not asked.
    #[must_use]
    pub fn wait(&self, rate: &Rate, now: impl FnOnce() -> Duration) -> Option<Duration> {
        match self.limit() {
            0 => None,
            limit => rate.room_after(limit, now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_within_a_second_and_over_its_edge() {
        let (pace, rate) = (Pace::default(), Rate::default());
        assert_eq!(pace.wait(&rate, || unreachable!("nobody asks the time")), None);
        pace.set(10);
        let mut now = Duration::from_secs(5);
        let mut came = Vec::new();
        while now < Duration::from_secs(9) {
            match pace.wait(&rate, || now) {
                None => {
                    rate.tick(now);
                    came.push(now);
                }
                Some(wait) => {
                    assert!(wait >= Duration::from_millis(1));
                    now += wait;
                }
            }
        }
        let within = |from: u64| {
            let second = Duration::from_millis(from)..Duration::from_millis(from + 1000);
            came.iter().filter(|&at| second.contains(at)).count()
        };
        assert_eq!(within(5_000), 10, "a burst is let in at once");
        for from in (5_100..8_000).step_by(100) {
            assert!(within(from) <= 11, "{from}: {came:?}");
        }
        assert!(within(7_000) >= 9, "{came:?}");
    }
}
