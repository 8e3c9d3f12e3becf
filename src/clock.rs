//! The only reader of clocks.
//!
//! Everything else takes `now` as an argument or asks here, so that tests and simulations own time.

use std::time::{Instant, SystemTime};

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
