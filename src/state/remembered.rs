//! What outlives the process: who was primary of each group, and the records of failovers.
//!
//! The control thread says what is to be remembered and goes on at once; a thread of `app` writes it
//! down. A disk that hangs keeps no client waiting: between a promotion and its note on disk lie some
//! milliseconds, in which only the end of this process *and* the return of the old primary without
//! the new one could make it forget. Bound: one memory a group, of which the latest counts, and the
//! last [`RECORDS_MAX`] records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::pure::role::fence::Memory;
use crate::pure::role::incident::Running;
use crate::telemetry::failover::{Kind, Outcome, Record};

/// Records that are kept; older ones are forgotten.
pub const RECORDS_MAX: usize = 500;

/// See the module.
#[derive(Debug, Default)]
pub struct Remembered {
    inner: Mutex<Inner>,
    changed: Condvar,
    is_unsaved: AtomicBool,
}

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Of groups, by their names.
    pub groups: BTreeMap<String, Memory>,
    /// Of failovers, oldest first.
    pub failovers: VecDeque<Record>,
    /// Failovers of groups that go on.
    pub running: BTreeMap<String, Running>,
    /// When the system started, where anything is written down.
    pub system_start: Option<Instant>,
}

#[derive(Debug, Default)]
struct Inner {
    past: Past,
    /// Records of groups that had to make room.
    forgotten: BTreeMap<(String, Outcome), u64>,
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

    /// The failover of a group that went on when this process began, or goes on, and when the system
    /// started.
    #[must_use]
    pub fn running(&self, group: &str) -> Option<(Running, Instant)> {
        let inner = self.lock();
        inner.past.running.get(group).cloned().zip(inner.past.system_start)
    }

    /// When the system started, where anything is written down.
    #[must_use]
    pub fn system_start(&self) -> Option<Instant> {
        self.lock().past.system_start
    }

    /// Remembers the failover of a group that goes on, or that none does.
    pub fn note_running(&self, group: &str, running: Option<Running>) {
        let mut inner = self.lock();
        if inner.past.running.get(group) == running.as_ref() {
            return;
        }
        match running {
            Some(running) => drop(inner.past.running.insert(group.to_owned(), running)),
            None => drop(inner.past.running.remove(group)),
        }
        inner.is_fresh = true;
        self.changed.notify_all();
    }

    /// How many failovers of a group there were, of each outcome in the order of [`Outcome::ALL`], those
    /// included whose records are forgotten since the start.
    #[must_use]
    pub fn counts(&self, group: &str) -> [u64; Outcome::ALL.len()] {
        let inner = self.lock();
        Outcome::ALL.map(|outcome| {
            let is_it = |it: &&Record| it.backend == group && it.outcome() == outcome;
            let kept = inner.past.failovers.iter().filter(is_it).count();
            let forgotten = inner.forgotten.get(&(group.to_owned(), outcome));
            kept as u64 + forgotten.copied().unwrap_or_default()
        })
    }

    /// Remembers a failover, in place of what was known of the same one.
    pub fn record(&self, record: Record) {
        let mut inner = self.lock();
        inner.past.failovers.retain(|known| !known.is_same(&record));
        if inner.past.failovers.len() >= RECORDS_MAX
            && let Some(oldest) = inner.past.failovers.pop_front()
        {
            let outcome = oldest.outcome();
            *inner.forgotten.entry((oldest.backend, outcome)).or_default() += 1;
        }
        inner.past.failovers.push_back(record);
        inner.is_fresh = true;
        self.changed.notify_all();
    }

    /// Whether the last change of a group's primary was a switchover that took over from this server.
    #[must_use]
    pub fn was_replaced(&self, group: &str, server: &str) -> bool {
        let inner = self.lock();
        let is_change = |it: &&Record| it.backend == group && it.outcome() != Outcome::GivenUp;
        let last = inner.past.failovers.iter().rfind(is_change);
        last.is_some_and(|it| it.outcome() == Outcome::Switchover && it.from == server)
    }

    /// Changes what is remembered of the failover of a group at that time; yields it.
    pub fn amend(&self, group: &str, at: &str, change: impl FnOnce(&mut Record)) -> Option<Record> {
        let mut inner = self.lock();
        let mut records = inner.past.failovers.iter_mut();
        let record = records.find(|known| known.backend == group && known.at == at)?;
        change(record);
        let record = record.clone();
        inner.is_fresh = true;
        self.changed.notify_all();
        Some(record)
    }

    /// Learns what is `written` down of failovers, some of it by another process; yields all that is
    /// remembered. What one of the two did not see is left out where the other did.
    pub fn learn(&self, mut written: Vec<Record>) -> Past {
        let mut inner = self.lock();
        for record in inner.past.failovers.drain(..) {
            match written.iter_mut().find(|known| known.is_same(&record)) {
                Some(known) => *known = record,
                None => written.push(record),
            }
        }
        let is_seen = |one: &Record, index: usize| {
            let of_backend = |other: &&Record| other.backend == one.backend;
            let before = written[..index].iter().rfind(of_backend);
            let after = written[index + 1..].iter().find(of_backend);
            let is_it = |other: &Record| (&other.from, &other.to) == (&one.from, &one.to);
            before.into_iter().chain(after).any(|it| is_it(it) && it.kind != Kind::Unseen)
        };
        let all = written.iter().enumerate();
        let left = all.filter(|(index, one)| one.kind != Kind::Unseen || !is_seen(one, *index));
        let left: Vec<Record> = left.map(|(_, one)| one.clone()).collect();
        let spare = left.len().saturating_sub(RECORDS_MAX);
        inner.past.failovers.extend(left.into_iter().skip(spare));
        inner.past.clone()
    }

    /// What was taken as fresh is not on disk.
    pub fn retry(&self) {
        self.is_unsaved.store(true, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.is_fresh = !inner.is_closed;
    }

    /// What is on disk may have been written by another process since: it is learnt, and all is written.
    pub fn refresh(&self) {
        let mut inner = self.lock();
        inner.is_fresh = !inner.is_closed;
        self.changed.notify_all();
    }

    /// What was taken as fresh is on disk.
    pub fn saved(&self) {
        self.is_unsaved.store(false, Ordering::Relaxed);
    }

    /// Whether the last attempt to write it down failed.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.is_unsaved.load(Ordering::Relaxed)
    }

    /// The process ends: what is not on disk yet is the last that is written.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for something that is not on disk yet, which [`learn`](Self::learn) yields. `false`:
    /// nothing more comes. Blocks its thread.
    #[must_use]
    pub fn fresh(&self) -> bool {
        let waits = |inner: &mut Inner| !inner.is_fresh && !inner.is_closed;
        let mut inner =
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inner.is_fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, at: u32, from: &str, to: &str) -> Record {
        let (backend, at) = ("pg".to_owned(), format!("2026-01-01T00:00:{at:02}Z"));
        Record {
            kind,
            backend,
            at,
            from: from.to_owned(),
            to: Some(to.to_owned()),
            ..Record::default()
        }
    }

    #[test]
    fn what_two_processes_wrote_is_in_order_and_once() {
        let remembered = Remembered::default();
        remembered.record(record(Kind::Unseen, 5, "a", "b"));
        remembered.record(record(Kind::Failover, 9, "b", "a"));
        let other = [
            record(Kind::Failover, 4, "a", "b"),
            record(Kind::Failover, 9, "b", "a"),
            record(Kind::Unseen, 12, "a", "c"),
        ];
        let past = remembered.learn(vec![other[0].clone()]);
        let kinds: Vec<_> = past.failovers.iter().map(|one| (one.kind, &one.at[17..19])).collect();
        assert_eq!(kinds, [(Kind::Failover, "04"), (Kind::Failover, "09")]);
        assert_eq!(remembered.learn(other.to_vec()).failovers, other);
        assert_eq!(remembered.counts("pg"), [2, 0, 0, 1]);
        remembered.record(record(Kind::Switchover, 14, "a", "a"));
        remembered.record(record(Kind::Switchover, 15, "a", "b"));
        assert_eq!(remembered.counts("pg"), [2, 1, 1, 1], "what is given up is no failover");
        remembered.record(record(Kind::Switchover, 16, "b", "b"));
        assert!(remembered.was_replaced("pg", "a") && !remembered.was_replaced("pg", "b"));
        remembered.record(record(Kind::Failover, 17, "b", "a"));
        assert!(!remembered.was_replaced("pg", "a") && !remembered.was_replaced("pg", "b"));
    }

    #[test]
    fn what_becomes_known_changes_the_record_where_it_stands() {
        let remembered = Remembered::default();
        remembered.record(record(Kind::Failover, 4, "a", "b"));
        remembered.record(record(Kind::Failover, 9, "b", "a"));
        assert!(remembered.fresh());
        let amended = remembered.amend("pg", "2026-01-01T00:00:04Z", |record| record.rpo = Some(7));
        assert_eq!(amended.unwrap().rpo, Some(7));
        let known: Vec<_> = remembered.failovers("pg").iter().map(|record| record.rpo).collect();
        assert_eq!(known, [Some(7), None]);
        assert!(remembered.fresh(), "it is written");
        assert_eq!(remembered.amend("pg", "2026-01-01T00:00:05Z", |_| panic!()), None);
    }

    #[test]
    fn what_could_not_be_written_is_fresh_again_and_told_of_until_it_is() {
        let remembered = Remembered::default();
        remembered.note("pg", Memory::default());
        assert!(remembered.fresh() && !remembered.is_unsaved());
        remembered.retry();
        assert!(remembered.fresh() && remembered.is_unsaved());
        remembered.saved();
        assert!(!remembered.is_unsaved());
    }

    #[test]
    fn the_same_failover_is_replaced_and_the_oldest_makes_room() {
        let remembered = Remembered::default();
        for at in 0..=RECORDS_MAX {
            let mut record = record(Kind::Failover, 0, "a", "b");
            record.at = format!("{at:04}");
            remembered.record(record.clone());
            record.rpo = Some(7);
            remembered.record(record);
        }
        let kept = remembered.failovers("pg");
        assert!(kept.len() == RECORDS_MAX && kept.iter().all(|record| record.rpo == Some(7)));
        assert_eq!(remembered.counts("pg"), [RECORDS_MAX as u64 + 1, 0, 0, 0]);
        let oldest = Record { at: "0000".to_owned(), ..kept[0].clone() };
        let written = std::iter::once(oldest).chain(kept.clone()).collect();
        assert!(remembered.learn(written).failovers == kept, "the oldest was forgotten");
    }
}
