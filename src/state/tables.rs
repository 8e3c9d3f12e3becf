//! The stick tables of the process, and the entries that sessions hold in them.
//!
//! One short lock a table, taken for one entry at a time; whoever shows a table takes it once for
//! its keys and then for each entry. A proxy without tables never comes here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::model;
use crate::pure::stick::{Key, Table};

/// A table that runs.
#[derive(Debug)]
pub struct StickTable {
    /// Its name.
    pub name: String,
    table: Mutex<Table>,
}

impl StickTable {
    /// The entries.
    pub fn lock(&self) -> MutexGuard<'_, Table> {
        // No step below leaves a table half changed; were one to panic, counts are still whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All tables, in file order.
#[derive(Clone, Debug, Default)]
pub struct Tables(Vec<Arc<StickTable>>);

impl Tables {
    /// Tables of a newer configuration: where entries mean the same, they stay.
    #[must_use]
    pub fn following(old: &Self, settings: &[model::StickTable]) -> Self {
        let tables = settings.iter().map(|settings| {
            if let Some(running) = old.find(&settings.name) {
                let mut table = running.lock();
                if settings.spec.keeps_entries_of(table.spec()) {
                    table.follow(settings.spec.clone());
                    return Arc::clone(running);
                }
            }
            let table = Mutex::new(Table::new(settings.spec.clone()));
            Arc::new(StickTable { name: settings.name.clone(), table })
        });
        Self(tables.collect())
    }

    /// The table of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<StickTable>> {
        self.0.iter().find(|table| table.name == name)
    }

    /// Every table.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<StickTable>> {
        self.0.iter()
    }
}

/// An entry that a connection holds, and is counted in. Dropping it lets go.
#[derive(Debug)]
pub struct Tracker {
    /// The table.
    pub table: Arc<StickTable>,
    /// The entry's key.
    pub key: Key,
    /// Bytes that were counted already, from and to the client.
    counted: (AtomicU64, AtomicU64),
    /// Who drops it may have no clock: the latest time it was told.
    latest: Mutex<Instant>,
}

impl Tracker {
    /// Counts a connection that begins; `None` where the table has no room.
    #[must_use]
    pub fn begin(table: &Arc<StickTable>, key: Key, now: Instant) -> Option<Self> {
        let begun = table.lock().begin(&key, now);
        let counted = (AtomicU64::new(0), AtomicU64::new(0));
        let table = Arc::clone(table);
        begun.then(|| Self { table, key, counted, latest: Mutex::new(now) })
    }

    /// The connection was accepted as a session.
    pub fn begin_session(&self, now: Instant) {
        self.table.lock().begin_session(&self.key, now);
    }

    /// The connection has moved these many bytes since its beginning.
    pub fn note_moved(&self, bytes_in: u64, bytes_out: u64, now: Instant) {
        let more = |counted: &AtomicU64, bytes: u64| {
            bytes.saturating_sub(counted.fetch_max(bytes, Ordering::Relaxed))
        };
        let (bytes_in, bytes_out) =
            (more(&self.counted.0, bytes_in), more(&self.counted.1, bytes_out));
        self.table.lock().count_bytes(&self.key, bytes_in, bytes_out, now);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = now.max(*latest);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let now = *self.latest.get_mut().unwrap_or_else(PoisonError::into_inner);
        let moved = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) > 0;
        let moved = (moved(&self.counted.0), moved(&self.counted.1));
        self.table.lock().end(&self.key, moved, now);
    }
}
