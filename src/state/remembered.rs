//! What outlives the process: who was primary of each group, and the records of failovers.
//!
//! The control thread says what is to be remembered and goes on at once; a thread of `app` writes it
//! down. A disk that hangs keeps no client waiting: between a promotion and its note on disk lie some
//! milliseconds, in which only the end of this process *and* the return of the old primary without
//! the new one could make it forget. Bound: one memory a group, of which the latest counts, and the
//! last [`RECORDS_MAX`] records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::pure::role::fence::Memory;
use crate::telemetry::failover::Record;

/// Records that are kept; older ones are forgotten.
pub const RECORDS_MAX: usize = 500;

/// See the module.
#[derive(Debug, Default)]
pub struct Remembered {
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Of groups, by their names.
    pub groups: BTreeMap<String, Memory>,
    /// Of failovers, oldest first.
    pub failovers: VecDeque<Record>,
}

#[derive(Debug, Default)]
struct Inner {
    past: Past,
    /// Something is not on disk yet.
    is_fresh: bool,
    /// Nothing more comes.
    is_closed: bool,
}

impl Remembered {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an earlier process wrote down; it is written again, which shows whether that works.
    pub fn recall(&self, past: Past) {
        let mut inner = self.lock();
        (inner.past, inner.is_fresh) = (past, true);
        self.changed.notify_all();
    }

    /// What is remembered of a group.
    #[must_use]
    pub fn of(&self, group: &str) -> Memory {
        self.lock().past.groups.get(group).cloned().unwrap_or_default()
    }

    /// The records of failovers of a group, or of all where it has no name; oldest first.
    #[must_use]
    pub fn failovers(&self, group: &str) -> Vec<Record> {
        let inner = self.lock();
        let wanted = |record: &&Record| group.is_empty() || record.backend == group;
        inner.past.failovers.iter().filter(wanted).cloned().collect()
    }

    /// Remembers this of a group from now on.
    pub fn note(&self, group: &str, memory: Memory) {
        let mut inner = self.lock();
        inner.past.groups.insert(group.to_owned(), memory);
        inner.is_fresh = true;
        self.changed.notify_all();
    }

    /// Remembers a failover.
    pub fn record(&self, record: Record) {
        let mut inner = self.lock();
        if inner.past.failovers.len() == RECORDS_MAX {
            inner.past.failovers.pop_front();
        }
        inner.past.failovers.push_back(record);
        inner.is_fresh = true;
        self.changed.notify_all();
    }

    /// What was taken as fresh is not on disk.
    pub fn retry(&self) {
        let mut inner = self.lock();
        inner.is_fresh = !inner.is_closed;
    }

    /// The process ends: what is not on disk yet is the last that is written.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for something that is not on disk yet: all that is remembered then. `None`: nothing more
    /// comes. Blocks its thread.
    #[must_use]
    pub fn fresh(&self) -> Option<Past> {
        let waits = |inner: &mut Inner| !inner.is_fresh && !inner.is_closed;
        let mut inner =
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inner.is_fresh).then(|| inner.past.clone())
    }
}
