//! The only reader of clocks, and the one sleep that may have no end.
//!
//! Everything else takes `now` as an argument or asks here, so that tests and simulations own time.

use std::time::{Duration, Instant, SystemTime};

/// Monotonic time.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time, for people and log lines only: it may jump.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// How long after the system's start `at` is: all processes of a system mean the same by it.
#[must_use]
pub fn since_start(at: Instant) -> Duration {
    let (now, since) = (now(), system_uptime());
    match at.checked_duration_since(now) {
        Some(later) => since + later,
        None => since.saturating_sub(now.saturating_duration_since(at)),
    }
}

/// The moment so long after the system's start, if that is over.
#[must_use]
pub fn at(since_start: Duration) -> Option<Instant> {
    let ago = system_uptime().checked_sub(since_start)?;
    now().checked_sub(ago)
}

/// By the clock that [`now`] reads.
fn system_uptime() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
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
    fn times_since_the_start_lead_back_to_their_moments() {
        let before = now();
        let back = at(since_start(before)).unwrap();
        let off = back.max(before) - back.min(before);
        assert!(off < Duration::from_secs(1), "{off:?}");
        assert_eq!(at(since_start(before) + Duration::from_secs(3600)), None);
    }
}
