//! The entries of a table: found by key, held by sessions, purged by age.
//!
//! Entries that nobody holds stand in the order of their last use. All entries expire after the same
//! time, so that this is the order of expiry, and what is purged is always the first. An entry that
//! is held has no place there: it neither expires nor gives way.
//!
//! Time passes only when somebody asks: an entry that has expired is not found any more, and is
//! gone before anything is counted or shown.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::data::DataType;
use super::entry::Entry;
use super::key::Key;
use super::{Layout, Spec};

/// A table. See the module.
#[derive(Debug)]
pub struct Table {
    spec: Spec,
    entries: HashMap<Key, Entry>,
    /// Entries that nobody holds, by their places.
    idle: BTreeMap<(Instant, u64), Key>,
    next_turn: u64,
}

/// What became of an entry that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Done,
    /// There was none.
    Absent,
    /// Sessions hold it.
    Held,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self { spec, entries: HashMap::new(), idle: BTreeMap::new(), next_turn: 0 }
    }

    /// What it is made by.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Follows a newer configuration; entries stay.
    ///
    /// # Panics
    /// Where [`Spec::keeps_entries_of`] says that they cannot.
    pub fn follow(&mut self, spec: Spec) {
        assert!(spec.keeps_entries_of(&self.spec), "entries have another form");
        self.spec = spec;
    }

    /// Entries at `now`.
    pub fn len(&mut self, now: Instant) -> usize {
        self.expire(now);
        self.entries.len()
    }

    /// Whether there is none at `now`.
    pub fn is_empty(&mut self, now: Instant) -> bool {
        self.len(now) == 0
    }

    /// The entry of `key`, not used by being looked at.
    pub fn find(&mut self, key: &Key, now: Instant) -> Option<(&mut Entry, &Layout)> {
        self.expire_key(key, now);
        let entry = self.entries.get_mut(key)?;
        Some((entry, &self.spec.layout))
    }

    /// The entry of `key`, which is used now.
    pub fn use_entry(&mut self, key: &Key, now: Instant) -> Option<(&mut Entry, &Layout)> {
        self.expire_key(key, now);
        self.touch(key, now);
        let entry = self.entries.get_mut(key)?;
        Some((entry, &self.spec.layout))
    }

    /// The entry of `key`, which is used now and made where there is none; `None` where there is no
    /// room.
    pub fn obtain(&mut self, key: &Key, now: Instant) -> Option<(&mut Entry, &Layout)> {
        self.expire_key(key, now);
        if !self.entries.contains_key(key) {
            self.make_room(now)?;
            let entry = Entry::new(&self.spec.layout, now);
            self.entries.insert(key.clone(), entry);
            self.rest(key);
        }
        self.use_entry(key, now)
    }

    /// A connection of `key` begins, and holds its entry until [`end`](Self::end). Whether there
    /// was room.
    pub fn begin(&mut self, key: &Key, now: Instant) -> bool {
        let Some((entry, layout)) = self.obtain(key, now) else { return false };
        for data in [DataType::ConnCnt, DataType::ConnRate, DataType::ConnCur] {
            entry.add(layout, (data, 0), 1, now);
        }
        entry.holders += 1;
        let place = entry.place();
        self.idle.remove(&place);
        true
    }

    /// A connection that began is accepted as a session.
    pub fn begin_session(&mut self, key: &Key, now: Instant) {
        if let Some((entry, layout)) = self.use_entry(key, now) {
            entry.add(layout, (DataType::SessCnt, 0), 1, now);
            entry.add(layout, (DataType::SessRate, 0), 1, now);
        }
    }

    /// A connection moved bytes.
    pub fn count_bytes(&mut self, key: &Key, bytes_in: u64, bytes_out: u64, now: Instant) {
        let Some((entry, layout)) = self.find(key, now) else { return };
        for (count, rate, bytes) in [
            (DataType::BytesInCnt, DataType::BytesInRate, bytes_in),
            (DataType::BytesOutCnt, DataType::BytesOutRate, bytes_out),
        ] {
            if bytes > 0 {
                entry.add(layout, (count, 0), bytes, now);
                entry.add(layout, (rate, 0), bytes, now);
            }
        }
    }

    /// A connection that [began](Self::begin) ends; whether it moved bytes from and to its client. It
    /// uses the entry where it changes it, as in HAProxy: an entry that tells nothing of connections
    /// that run, nor of their bytes, expires after their beginnings.
    pub fn end(&mut self, key: &Key, moved: (bool, bool), now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let layout = &self.spec.layout;
        entry.lower(layout, DataType::ConnCur);
        let changes = [
            (DataType::ConnCur, true),
            (DataType::BytesInCnt, moved.0),
            (DataType::BytesInRate, moved.0),
            (DataType::BytesOutCnt, moved.1),
            (DataType::BytesOutRate, moved.1),
        ];
        if changes.iter().any(|&(data, is)| is && layout.place(data, 0).is_some()) {
            entry.touched = now;
        }
        entry.holders = entry.holders.saturating_sub(1);
        if entry.holders == 0 {
            self.rest(key);
            self.expire_key(key, now);
        }
    }

    /// Removes the entry of `key`.
    pub fn remove(&mut self, key: &Key, now: Instant) -> Removal {
        self.expire_key(key, now);
        match self.entries.get(key) {
            None => Removal::Absent,
            Some(entry) if entry.holders > 0 => Removal::Held,
            Some(entry) => {
                self.idle.remove(&entry.place());
                self.entries.remove(key);
                Removal::Done
            }
        }
    }

    /// Every key at `now`, sorted.
    pub fn keys(&mut self, now: Instant) -> Vec<Key> {
        self.expire(now);
        let mut keys: Vec<Key> = self.entries.keys().cloned().collect();
        keys.sort_unstable();
        keys
    }

    fn touch(&mut self, key: &Key, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let held = self.idle.remove(&entry.place()).is_none();
        entry.touched = now;
        if !held {
            self.rest(key);
        }
    }

    /// Nobody holds the entry of `key`: it gets the last turn.
    fn rest(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.turn = self.next_turn;
        self.next_turn += 1;
        self.idle.insert(entry.place(), key.clone());
    }

    fn is_over(&self, entry: &Entry, now: Instant) -> bool {
        entry.holders == 0 && self.spec.expire.is_some_and(|expire| entry.touched + expire <= now)
    }

    fn expire_key(&mut self, key: &Key, now: Instant) {
        if self.entries.get(key).is_some_and(|entry| self.is_over(entry, now)) {
            let gone = self.entries.remove(key);
            gone.iter().for_each(|entry| drop(self.idle.remove(&entry.place())));
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some((_, key)) = self.idle.first_key_value()
            && self.entries.get(key).is_none_or(|entry| self.is_over(entry, now))
        {
            self.purge_first();
        }
    }

    fn purge_first(&mut self) -> bool {
        let Some((_, key)) = self.idle.pop_first() else { return false };
        self.entries.remove(&key);
        true
    }

    /// Room for one more entry.
    fn make_room(&mut self, now: Instant) -> Option<()> {
        if self.entries.len() < self.spec.size {
            return Some(());
        }
        self.expire(now);
        if self.entries.len() >= self.spec.size && self.spec.purges {
            // Some at once, so that a full table does not purge for each new client.
            let some = (self.spec.size >> 8) + 1;
            (0..some).take_while(|_| self.purge_first()).for_each(drop);
        }
        (self.entries.len() < self.spec.size).then_some(())
    }
}
