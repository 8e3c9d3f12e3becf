//! What each worker has to do, as the others see it.
//!
//! A worker counts a session when it accepts it, or is given it, and until its end: one atomic addition
//! each, in a cache line that the others only read when they have more than their share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Table;
use crate::state::counters::Counter;

/// One worker's figures. Aligned to two lines of 64 bytes, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Load {
    /// Sessions that run or are about to.
    sessions: AtomicU32,
    /// See [`Share`].
    accepted: Counter,
    taken: Counter,
    full: Counter,
}

/// A worker's share of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Sessions that run now.
    pub sessions: u32,
    /// Connections that its sockets accepted.
    pub accepted: u64,
    /// Connections that others accepted and it took.
    pub taken: u64,
    /// Connections that it could not take, since too many waited already.
    pub full: u64,
}

impl Load {
    pub(super) fn share(&self) -> Share {
        Share {
            sessions: self.sessions.load(Ordering::Relaxed),
            accepted: self.accepted.get(),
            taken: self.taken.get(),
            full: self.full.get(),
        }
    }
}

/// A session's place on a worker, before it begins and while it runs. Dropping it frees the place.
#[derive(Debug)]
pub struct Seat(Arc<Table>);

impl Seat {
    pub(super) const fn table(&self) -> &Arc<Table> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.load.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Table {
    /// A place for a session that is to run on this worker.
    #[must_use]
    pub fn seat(self: &Arc<Self>) -> Seat {
        self.load.sessions.fetch_add(1, Ordering::Relaxed);
        Seat(Arc::clone(self))
    }

    /// Sessions that run on this worker or are about to.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        self.load.sessions.load(Ordering::Relaxed)
    }

    /// A socket of this worker accepted a connection.
    pub fn note_accepted(&self) {
        self.load.accepted.add(1);
    }

    /// This worker was given a connection that another accepted.
    pub fn note_taken(&self) {
        self.load.taken.add(1);
    }

    /// This worker was to be given one more, and too many waited for it.
    pub fn note_full(&self) {
        self.load.full.add(1);
    }
}
