//! What outlives the process: who was primary of each group.
//!
//! The control thread says what is to be remembered and goes on at once; a thread of `app` writes it
//! down. A disk that hangs keeps no client waiting: between a promotion and its note on disk lie some
//! milliseconds, in which only the end of this process *and* the return of the old primary without
//! the new one could make it forget. Bound: one memory a group; the latest one counts.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::pure::role::fence::Memory;

/// See the module.
#[derive(Debug, Default)]
pub struct Remembered {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    groups: BTreeMap<String, Memory>,
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

    /// What is remembered of a group.
    #[must_use]
    pub fn of(&self, group: &str) -> Memory {
        self.lock().groups.get(group).cloned().unwrap_or_default()
    }

    /// Remembers this of a group from now on.
    pub fn note(&self, group: &str, memory: Memory) {
        let mut inner = self.lock();
        inner.groups.insert(group.to_owned(), memory);
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
    pub fn fresh(&self) -> Option<BTreeMap<String, Memory>> {
        let waits = |inner: &mut Inner| !inner.is_fresh && !inner.is_closed;
        let mut inner =
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inner.is_fresh).then(|| inner.groups.clone())
    }
}
