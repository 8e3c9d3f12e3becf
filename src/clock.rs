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
