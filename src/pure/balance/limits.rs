//! How many sessions a server takes at once: `maxconn`, `minconn` and `fullconn`, slow start,
//! `maxqueue`.

use std::num::NonZeroU32;

use super::live_set::{Member, ServerIndex};

/// The limits of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `maxconn`: sessions it takes while its backend is full.
    pub max: NonZeroU32,
    /// `minconn`: sessions it takes while its backend is empty; `None`: no fewer than `max`.
    pub min: Option<NonZeroU32>,
    /// `maxqueue`: sessions that may wait for it; `None`: any number.
    pub queue: Option<NonZeroU32>,
    /// What slow start leaves of the limit, in hundredths; of which one session is always left.
    pub ramp_percent: u8,
}

/// How busy a backend is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Its sessions, waiting ones included.
    pub sessions: u32,
    /// `fullconn`.
    pub full: NonZeroU32,
}

impl Limits {
    /// No limit but `maxconn`.
    #[must_use]
    pub const fn fixed(max: NonZeroU32) -> Self {
        Self { max, min: None, queue: None, ramp_percent: 100 }
    }

    /// Whether the limit depends on how busy the backend is.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.min.is_some_and(|min| min != self.max)
    }

    /// Sessions the server takes now: between `min` and `max` in proportion to the backend's.
    #[must_use]
    pub fn sessions(&self, crowd: Crowd) -> u32 {
        let max = self.max.get();
        let now = match self.min {
            Some(min) if self.is_dynamic() && crowd.sessions < crowd.full.get() => {
                let share =
                    u64::from(crowd.sessions) * u64::from(max) / u64::from(crowd.full.get());
                u32::try_from(share).unwrap_or(max).max(min.get())
            }
            _ => max,
        };
        if self.ramp_percent >= 100 {
            return now;
        }
        let ramped = u64::from(now) * u64::from(self.ramp_percent) / 100;
        u32::try_from(ramped).unwrap_or(now).max(1)
    }
}

/// The members whose limits depend on how busy the backend is.
pub(super) fn dynamic(members: &[Member]) -> Vec<ServerIndex> {
    let is_dynamic = |member: &&Member| member.limits.is_some_and(|limits| limits.is_dynamic());
    members.iter().filter(is_dynamic).map(|member| member.server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_crowd_and_the_ramp() {
        let of = |value| NonZeroU32::new(value).unwrap();
        let limits = |min, max, ramp_percent| Limits {
            max: of(max),
            min: NonZeroU32::new(min),
            queue: None,
            ramp_percent,
        };
        // (min, max, ramp, sessions, fullconn, limit)
        for (min, max, ramp, sessions, full, want) in [
            (0, 10, 100, 1, 100, 10),
            (10, 10, 100, 1, 100, 10),
            (2, 10, 100, 1, 100, 2),
            (2, 10, 100, 19, 100, 2),
            (2, 10, 100, 30, 100, 3),
            (2, 10, 100, 99, 100, 9),
            (2, 10, 100, 100, 100, 10),
            (2, 10, 100, 101, 100, 10),
            (2, 10, 50, 100, 100, 5),
            (0, 10, 9, 1, 1, 1),
            (0, 10, 0, 1, 1, 1),
            (20, 10, 100, 1, 100, 20),
        ] {
            let limit = limits(min, max, ramp).sessions(Crowd { sessions, full: of(full) });
            assert_eq!(limit, want, "{min} {max} {ramp} {sessions}/{full}");
        }
    }
}
