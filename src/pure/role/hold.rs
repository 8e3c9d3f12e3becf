//! The hold: how many clients wait, connected, for a server to come, for how long, and how fast
//! they go on once there is one.
//!
//! A database that has just become primary has cold caches and a process to start for each client:
//! those who were held do not come all at once but by a *meter*, one each interval. Who leaves sets
//! when the next one may, so that clients of routes with different rates share one meter.
//!
//! ```text
//!   due:      |<- every ->|<- every ->|<- every ->|
//!   leaves:   1           2           3  4           (3 was late; 4 is not punished for that)
//! ```
//! Bound: who was late makes others come earlier by `ARREARS_MAX` at most, so that a machine that
//! stood still lets no crowd go.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How far behind its beat the meter may be and still catch up: a few ticks of the timer, which wakes
/// once a millisecond at best.
const ARREARS_MAX: Duration = Duration::from_millis(10);

/// What a rate counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// `/s`
    Second,
    /// `/m`
    Minute,
}

/// `attach_rate`: clients that leave the hold in a second or a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachRate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub per: Per,
}

impl AttachRate {
    /// From one client to the next.
    #[must_use]
    pub fn interval(self) -> Duration {
        let seconds = match self.per {
            Per::Second => 1,
            Per::Minute => 60,
        };
        Duration::from_secs(seconds) / self.count.get()
    }

    /// Reads `200/s` or `30/m`; `None` where it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let per = match unit {
            "s" => Per::Second,
            "m" => Per::Minute,
            _ => return None,
        };
        let is_number = !count.is_empty() && count.bytes().all(|digit| digit.is_ascii_digit());
        let count = count.parse().ok().filter(|_| is_number)?;
        Some(Self { count, per })
    }
}

impl fmt::Display for AttachRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            Per::Second => 's',
            Per::Minute => 'm',
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// `hold` of a frontend, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// `hold`: the longest wait.
    pub time: Duration,
    /// `hold_max`: clients that wait at once for the servers of one route; more are refused.
    pub max: NonZeroU32,
    /// `attach_rate`; `None`: all go on at once.
    pub rate: Option<AttachRate>,
}

/// When the next of those who are held may go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    due: Option<Instant>,
}

impl Meter {
    /// Whether one may go on at `now`.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// When the next one may go on; `None`: at once.
    #[must_use]
    pub const fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// One went on at `now`, by a route with this rate.
    pub fn handle_left(&mut self, now: Instant, rate: Option<AttachRate>) {
        let Some(rate) = rate else { return };
        let earliest = now.checked_sub(ARREARS_MAX).unwrap_or(now);
        let beat = self.due.map_or(now, |due| due.max(earliest));
        self.due = Some(beat + rate.interval());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, us) in [("200/s", 5_000), ("1/s", 1_000_000), ("30/m", 2_000_000)] {
            let rate = AttachRate::parse(text).unwrap();
            assert_eq!(rate.to_string(), text);
            assert_eq!(rate.interval(), Duration::from_micros(us), "{text}");
        }
        for text in
            ["", "200", "/s", "0/s", "-1/s", "+1/s", "200/h", "200 /s", "2.5/s", "9999999999/s"]
        {
            assert_eq!(AttachRate::parse(text), None, "{text}");
        }
    }

    /// How many leave by `now` if as many as may do at each of these moments.
    fn released(meter: &mut Meter, rate: AttachRate, now: Instant) -> u32 {
        let mut left = 0;
        while meter.is_open(now) {
            meter.handle_left(now, Some(rate));
            left += 1;
        }
        left
    }

    #[test]
    fn one_leaves_at_once_and_the_others_by_the_beat() {
        let start = Instant::now();
        let rate = AttachRate::parse("200/s").unwrap();
        let mut meter = Meter::default();
        let mut looks = Vec::new();
        for ms in [0, 1, 4, 5, 11, 15, 500] {
            looks.push(released(&mut meter, rate, start + Duration::from_millis(ms)));
        }
        // At 500 ms it is nearly half a second late: 10 ms of that count.
        assert_eq!(looks, [1, 0, 0, 1, 1, 1, 3]);
        let mut meter = Meter::default();
        meter.handle_left(start, None);
        assert!(meter.is_open(start), "a route without a rate costs nobody time");
    }

    proptest! {
        #[test]
        fn no_more_leave_than_the_rate_allows(
            count in 1..5_000u32,
            steps_us in prop::collection::vec(0..200_000u64, 1..60),
        ) {
            let rate = AttachRate { count: NonZeroU32::new(count).unwrap(), per: Per::Second };
            let start = Instant::now();
            let (mut meter, mut now, mut left) = (Meter::default(), start, 0);
            for us in steps_us {
                now += Duration::from_micros(us);
                left += released(&mut meter, rate, now);
                let passed = now - start + ARREARS_MAX;
                let most = passed.as_nanos() / rate.interval().as_nanos() + 1;
                prop_assert!(u128::from(left) <= most, "{left} in {passed:?}");
            }
        }
    }
}
