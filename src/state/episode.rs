//! Saying something once where it happens thousands of times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Quiet time after which the same trouble is a new one.
const QUIET: Duration = Duration::from_secs(10);

/// A trouble that comes in episodes.
#[derive(Debug, Default)]
pub struct Episode {
    /// Milliseconds of uptime when it was seen last, plus 1; 0: never.
    last_ms: AtomicU64,
}

impl Episode {
    /// The trouble is there at `uptime`; whether an episode of it begins.
    #[must_use]
    pub fn begins(&self, uptime: Duration) -> bool {
        let now_ms = u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let last_ms = self.last_ms.fetch_max(now_ms, Ordering::Relaxed);
        last_ms == 0 || u128::from(now_ms.saturating_sub(last_ms)) >= QUIET.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_lasts_until_ten_quiet_seconds_have_passed() {
        let episode = Episode::default();
        let rows = [(0, true), (0, false), (9_999, false), (19_998, false), (29_998, true)];
        for (uptime_ms, begins) in rows {
            assert_eq!(episode.begins(Duration::from_millis(uptime_ms)), begins, "{uptime_ms}");
        }
    }
}
