//! A limit on concurrent connections, as counters without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// Connections that are inside, and how many may be.
#[derive(Debug)]
pub struct Gate {
    current: AtomicU32,
    limit: AtomicU32,
    max: AtomicU32,
    freed: Notify,
}

impl Gate {
    /// A gate for at most `limit` connections.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            current: AtomicU32::new(0),
            limit: AtomicU32::new(limit),
            max: AtomicU32::new(0),
            freed: Notify::new(),
        }
    }

    /// Connections inside.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    /// Most connections that were inside at once.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.max.load(Ordering::Relaxed)
    }

    /// Forgets the most there ever were.
    pub fn clear_max(&self) {
        self.max.store(0, Ordering::Relaxed);
    }

    /// Connections that may be inside.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit; connections beyond a smaller one stay.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// A place, or `None` at the limit.
    #[must_use]
    pub fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        self.admits().then(|| Permit { gate: Arc::clone(self) })
    }

    /// Takes a place, for which [`leave`](Self::leave) is owed. Whether there was one.
    #[must_use]
    pub(crate) fn admits(&self) -> bool {
        let limit = self.limit();
        let entered = self.current.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |current| {
            (current < limit).then_some(current + 1)
        });
        let Ok(before) = entered else { return false };
        let inside = before + 1;
        if inside > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(inside, Ordering::Relaxed);
        }
        true
    }

    /// Whether a connection would be let in.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.current() < self.limit()
    }

    /// Waits until a connection would be let in.
    ///
    /// # Cancel safety
    /// Safe: nothing is taken.
    pub async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Frees a place that [`admits`](Self::admits) gave.
    pub(crate) fn leave(&self) {
        let before = self.current.fetch_sub(1, Ordering::AcqRel);
        if before >= self.limit() {
            self.freed.notify_waiters();
        }
    }
}

/// A place inside a gate; dropping it frees the place.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn at_the_limit_one_waits_until_another_leaves() {
        let gate = Arc::new(Gate::new(1));
        let inside = gate.try_enter().expect("room for one");
        assert!(gate.try_enter().is_none());
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(inside);
        waiting.await.expect("let in");
        assert_eq!((gate.current(), gate.max()), (0, 1));
    }

    #[tokio::test]
    async fn a_larger_limit_lets_in_at_once() {
        let gate = Arc::new(Gate::new(0));
        assert!(gate.try_enter().is_none());
        gate.set_limit(1);
        gate.room().await;
        assert!(gate.try_enter().is_some());
    }
}
