//! Whether the process has run: one that stood still (SIGSTOP, a debugger, a machine that was stopped)
//! believes what may be over. Who was primary before may have been replaced meanwhile, so that nothing
//! is written to it before it was asked again.
//!
//! A task beats; whoever writes looks how long ago that was, which costs a clock of the kernel's last
//! tick and two loads. Time that stood still counts for nobody who waits for a primary, either.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock;

/// Who was not heard for this long did not run. Nobody finds another primary in less, and a thread that
/// has much to do is not this late.
pub const STILL_MIN: Duration = Duration::from_secs(1);

/// What is known of it. Nothing is in doubt before the first beat.
#[derive(Debug, Default)]
pub struct Waking {
    /// The last beat, in nanoseconds of [`clock::coarse`]; 0: nobody beats.
    beat: AtomicU64,
    /// It stood still, and the servers were not all asked since.
    is_asking: AtomicBool,
    /// How long it stood still in all, in nanoseconds.
    stood: AtomicU64,
}

impl Waking {
    /// The process runs at `now`. How long it stood still before, if it did: it is in doubt from then
    /// on, until [`trust`](Self::trust).
    pub fn beat(&self, now: Duration) -> Option<Duration> {
        let before = self.beat.load(Ordering::Acquire);
        let still = now.saturating_sub(Duration::from_nanos(before));
        let still = (before > 0 && still > STILL_MIN).then_some(still);
        if let Some(still) = still {
            self.is_asking.store(true, Ordering::Release);
            self.stood.fetch_add(nanos(still), Ordering::AcqRel);
        }
        self.beat.store(nanos(now).max(1), Ordering::Release);
        still
    }

    /// The servers were asked again.
    pub fn trust(&self) {
        self.is_asking.store(false, Ordering::Release);
    }

    /// Nobody beats any more.
    pub fn stop(&self) {
        self.beat.store(0, Ordering::Release);
        self.trust();
    }

    /// Whether what is believed of servers may be over.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.is_in_doubt_at(clock::coarse())
    }

    fn is_in_doubt_at(&self, now: Duration) -> bool {
        let beat = self.beat.load(Ordering::Acquire);
        let is_late = || now.saturating_sub(Duration::from_nanos(beat)) > STILL_MIN;
        beat > 0 && (self.is_asking.load(Ordering::Acquire) || is_late())
    }

    /// How long it stood still since the start, in all.
    #[must_use]
    pub fn stood(&self) -> Duration {
        Duration::from_nanos(self.stood.load(Ordering::Acquire))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stood_still_is_in_doubt_until_the_servers_were_asked() {
        let (at, waking) = (Duration::from_secs, Waking::default());
        assert!(!waking.is_in_doubt_at(at(50)), "nobody beats");
        assert_eq!(waking.beat(at(100)), None);
        assert!(!waking.is_in_doubt_at(at(101)));
        assert!(waking.is_in_doubt_at(at(102)), "a worker may be the first to run");
        assert_eq!(waking.beat(at(110)), Some(at(10)));
        assert!(waking.is_in_doubt_at(at(110)));
        assert_eq!(waking.beat(at(111)), None);
        assert!(waking.is_in_doubt_at(at(111)), "they were not asked yet");
        waking.trust();
        assert!(!waking.is_in_doubt_at(at(111)));
        assert_eq!(waking.stood(), at(10));
        waking.stop();
        assert!(!waking.is_in_doubt_at(at(500)));
    }
}
