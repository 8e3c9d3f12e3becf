//! The connections that a listener has room for. One that nobody is answering gives its seat up when
//! another client wants it, so that silent clients never keep a health probe out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All seats of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    max: usize,
    taken: Mutex<Vec<Taken>>,
    /// A seat was left, or the client on one is silent now.
    freed: Notify,
}

/// A seat that is taken, in the order in which they fell silent.
#[derive(Debug)]
struct Taken {
    evict: CancellationToken,
    works: bool,
}

/// A connection's seat; dropping it leaves it.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    evict: CancellationToken,
}

impl Seats {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, taken: Mutex::new(Vec::new()), freed: Notify::const_new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat: a free one, or that of the client who is silent longest. Waits while all are being
    /// answered.
    pub(super) async fn take(self: &Arc<Self>) -> Seat {
        loop {
            let freed = self.freed.notified();
            if let Some(seat) = self.try_take() {
                return seat;
            }
            freed.await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Seat> {
        let mut taken = self.lock();
        if taken.len() >= self.max {
            let silent = taken.iter().position(|seat| !seat.works)?;
            taken.remove(silent).evict.cancel();
        }
        let evict = CancellationToken::new();
        taken.push(Taken { evict: evict.clone(), works: false });
        Some(Seat { seats: Arc::clone(self), evict })
    }
}

impl Seat {
    /// A request is being answered.
    pub(super) fn work(&self) {
        self.set(true);
    }

    /// The client is waited for.
    pub(super) fn rest(&self) {
        self.set(false);
        self.seats.freed.notify_one();
    }

    /// Moves the seat to the end: it is the last that fell silent.
    fn set(&self, works: bool) {
        let mut taken = self.seats.lock();
        // Tokens are told apart by what they cancel: an evicted one is not there any more.
        if self.evict.is_cancelled() {
            return;
        }
        let own = |seat: &Taken| seat.evict == self.evict;
        if let Some(place) = taken.iter().position(own) {
            let seat = taken.remove(place);
            taken.push(Taken { works, ..seat });
        }
    }

    /// Waits until somebody else needs the seat.
    pub(super) async fn evicted(&self) {
        self.evict.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().retain(|seat| seat.evict != self.evict);
        self.seats.freed.notify_one();
    }
}
