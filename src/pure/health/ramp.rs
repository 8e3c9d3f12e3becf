//! Slow start: what a server gets that has just come up, from little to all of its share.
//!
//! Seconds are counted whole and steps are HAProxy's: the weight rises in sixteenths, the first of
//! them at once, and the limit on sessions in hundredths from 0 (of which one session is left).
//!
//! ```text
//!   weight   1/16 ── 2/16 ── … ── 16/16      (16·elapsed + lasts) / lasts
//!   limit      0 % ── … ── 99 % ── 100 %      100·elapsed / lasts
//!            since                since + lasts
//! ```

use std::time::{Duration, Instant};

/// The slow start of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    since: Instant,
    /// Whole seconds, at least 1.
    lasts_s: u64,
}

impl Ramp {
    /// Steps of the weight.
    pub const STEPS: u16 = 16;

    /// A slow start that began at `since`; one of less than a second is none.
    #[must_use]
    pub fn new(since: Instant, lasts: Duration) -> Option<Self> {
        let lasts_s = lasts.as_secs();
        (lasts_s > 0).then_some(Self { since, lasts_s })
    }

    /// Seconds gone; `None` once it is over.
    fn elapsed_s(&self, now: Instant) -> Option<u64> {
        let elapsed_s = now.saturating_duration_since(self.since).as_secs();
        (elapsed_s < self.lasts_s).then_some(elapsed_s)
    }

    /// Whether the server gets all of its share.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.elapsed_s(now).is_none()
    }

    /// Sixteenths of its weight, 1 to 16.
    #[must_use]
    pub fn step(&self, now: Instant) -> u16 {
        let steps = u64::from(Self::STEPS);
        let step = self
            .elapsed_s(now)
            .map(|elapsed| elapsed.saturating_mul(steps).saturating_add(self.lasts_s))
            .map_or(steps, |sum| (sum / self.lasts_s).min(steps));
        u16::try_from(step).unwrap_or(Self::STEPS)
    }

    /// Hundredths of its limit on sessions, 0 to 100.
    #[must_use]
    pub fn percent(&self, now: Instant) -> u8 {
        let percent =
            self.elapsed_s(now).map_or(100, |elapsed| elapsed.saturating_mul(100) / self.lasts_s);
        u8::try_from(percent).unwrap_or(100)
    }

    /// When it is to be looked at again; `None` once it is over.
    #[must_use]
    pub fn next_step(&self, now: Instant) -> Option<Instant> {
        let elapsed_s = self.elapsed_s(now)?;
        self.since.checked_add(Duration::from_secs(elapsed_s + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_and_percents_are_haproxys() {
        let start = Instant::now();
        let ramp = Ramp::new(start, Duration::from_secs(10)).unwrap();
        // (milliseconds, sixteenths, percent)
        for (ms, step, percent) in [
            (0, 1, 0),
            (999, 1, 0),
            (1_000, 2, 10),
            (4_500, 7, 40),
            (5_000, 9, 50),
            (9_999, 15, 90),
            (10_000, 16, 100),
        ] {
            let now = start + Duration::from_millis(ms);
            assert_eq!((ramp.step(now), ramp.percent(now)), (step, percent), "{ms} ms");
        }
        assert!(Ramp::new(start, Duration::from_millis(999)).is_none());
    }

    proptest! {
        #[test]
        fn a_slow_start_never_falls_back_and_ends(lasts_s in 1..100_000u64, probes in prop::collection::vec(0..200_000u64, 1..40)) {
            let start = Instant::now();
            let ramp = Ramp::new(start, Duration::from_secs(lasts_s)).unwrap();
            let mut probes = probes;
            probes.sort_unstable();
            let (mut step, mut percent) = (1, 0);
            for at_s in probes {
                let now = start + Duration::from_secs(at_s);
                prop_assert!(ramp.step(now) >= step && ramp.percent(now) >= percent);
                (step, percent) = (ramp.step(now), ramp.percent(now));
                prop_assert!(step <= 16 && percent <= 100);
                prop_assert_eq!(ramp.is_over(now), at_s >= lasts_s);
                prop_assert_eq!(ramp.next_step(now).is_none(), ramp.is_over(now));
                prop_assert!(ramp.next_step(now).is_none_or(|next| next > now));
            }
        }
    }
}
