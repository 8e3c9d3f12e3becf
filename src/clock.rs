//! The only reader of clocks, and the one sleep that may have no end.
//!
//! Everything else takes `now` as an argument or asks here, so that tests and simulations own time.

use std::num::NonZeroU64;
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use jiff::tz::TimeZone;

/// Monotonic time.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// An instant in eight bytes, an absent one included, for what there are many of. Never before the first
/// of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(NonZeroU64);

impl Stamp {
    /// Monotonic time.
    #[must_use]
    pub fn now() -> Self {
        now().into()
    }

    /// It as a number, for [`of_bits`](Self::of_bits).
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.get()
    }

    /// What [`bits`](Self::bits) said.
    #[must_use]
    pub fn of_bits(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// The same moment.
    #[must_use]
    pub fn instant(self) -> Instant {
        *FIRST + Duration::from_nanos(self.0.get())
    }
}

impl From<Instant> for Stamp {
    fn from(instant: Instant) -> Self {
        let nanos = instant.saturating_duration_since(*FIRST).as_nanos();
        // 64 bits of nanoseconds are 584 years.
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        Self::of_bits(nanos)
    }
}

/// What moments are counted from.
static FIRST: LazyLock<Instant> = LazyLock::new(now);

/// Monotonic time as of the kernel's last tick, some milliseconds old, since a moment of its own: what
/// is asked for with each message.
#[must_use]
pub fn coarse() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    Duration::try_from(time).unwrap_or_default()
}

/// Wall-clock time, for people and log lines only: it may jump.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The time zone of this machine (`TZ`, else `/etc/localtime`), as the first caller found it: below a
/// `chroot` there is none to be found, so that the first call belongs before it.
#[must_use]
pub fn zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(TimeZone::system).clone()
}

/// When the system started, by the clock that [`now`] reads: all its processes mean the same moment.
#[must_use]
pub fn system_start() -> Option<Instant> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now().checked_sub(Duration::try_from(time).ok()?)
}

/// Sleeps for `limit`, or for ever where there is none.
///
/// # Cancel safety
/// Safe.
pub(crate) async fn sleep_or_forever(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_started_once() {
        let (before, after) = (system_start().unwrap(), system_start().unwrap());
        let off = before.max(after) - before.min(after);
        assert!(off < Duration::from_secs(1) && before < now(), "{off:?}");
    }
}
