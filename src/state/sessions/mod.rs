//! The sessions that run, for those who ask about them and those who end them.
//!
//! One table a worker. A worker takes the lock of its own table once when a session begins and once
//! when it ends; others take it for `CHUNK` sessions at a time, so that nobody who looks at a
//! hundred thousand sessions keeps a worker from accepting.
//!
//! ```text
//! session    begin ──> Running ── reach, enter_backend, enter_server, note_moved ──> dropped
//! commands   views, view ─────────────── statistics  count_bytes
//!            end (one session, those of a server, of a frontend, of a backend)
//! ```
//! Memory: a slot of 16 bytes that stays, and the handle, for as long as the session runs.

mod handle;
mod load;
mod reason;
mod view;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use handle::{Handle, Moved, Parting, Stage};
use load::Load;
pub use load::{Seat, Share};
pub use reason::CutReason;
pub use view::View;

use super::{Backend, Frontend, Listener, Process, Server};
use crate::pure::role::route::RoleRoute;

/// Sessions that are looked at under one taking of a worker's lock.
const CHUNK: usize = 128;

/// Bits of an id that name the slot: four million sessions a worker, with two descriptors each.
const SLOT_BITS: u32 = 22;

/// Bits of an id below the slot, which count the sessions that had it.
const GENERATION_BITS: u32 = 32;

/// A session's name: worker, slot in its table, and how many sessions had the slot before.
///
/// It is written `0x…` in hexadecimal, the form HAProxy's commands show and take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    const fn new(worker: usize, slot: usize, generation: u32) -> Self {
        let place = ((worker as u64) << SLOT_BITS) | slot as u64;
        Self((place << GENERATION_BITS) | generation as u64)
    }

    /// The number of the worker that has it, from 0.
    #[must_use]
    pub const fn worker(self) -> usize {
        (self.0 >> (GENERATION_BITS + SLOT_BITS)) as usize
    }

    const fn slot(self) -> usize {
        ((self.0 >> GENERATION_BITS) & ((1 << SLOT_BITS) - 1)) as usize
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A word that names no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a session's id")]
pub struct NoSessionId;

impl FromStr for SessionId {
    type Err = NoSessionId;

    /// Hexadecimal digits after `0x`, or decimal ones; not 0.
    fn from_str(text: &str) -> Result<Self, NoSessionId> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.ok().filter(|&number| number != 0).map(Self).ok_or(NoSessionId)
    }
}

/// The sessions of one worker.
#[derive(Debug)]
pub struct Table {
    worker: usize,
    slots: Mutex<Slots>,
    load: Load,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    session: Option<Arc<Handle>>,
}

/// A session that runs; it is in its worker's table until this is dropped.
#[derive(Debug)]
pub struct Running {
    handle: Arc<Handle>,
    seat: Seat,
}

impl std::ops::Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Running {
    /// What others have of it.
    #[must_use]
    pub const fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let slot = self.handle.id.slot();
        let mut slots = self.seat.table().lock();
        slots.slots[slot].session = None;
        slots.free.push(u32::try_from(slot).expect("a slot has SLOT_BITS bits"));
    }
}

impl Seat {
    /// A session begins here: its frontend, listener, client and time.
    ///
    /// # Panics
    /// With more sessions than `SLOT_BITS` can name, which no limit of descriptors allows.
    #[must_use]
    pub fn begin(
        self,
        frontend: &Arc<Frontend>,
        listener: &Arc<Listener>,
        source: Option<SocketAddr>,
        now: Instant,
    ) -> Running {
        let table = self.table();
        let mut slots = table.lock();
        let number = match slots.free.pop() {
            Some(number) => number as usize,
            None => {
                slots.slots.push(Slot { generation: 0, session: None });
                slots.slots.len() - 1
            }
        };
        assert!(number < 1 << SLOT_BITS, "more sessions than descriptors");
        let slot = &mut slots.slots[number];
        // 0 is left out: a slot of worker 0 would have the name 0 once.
        slot.generation = slot.generation.wrapping_add(1).max(1);
        let id = SessionId::new(table.worker, number, slot.generation);
        let (frontend, listener) = (Arc::clone(frontend), Arc::clone(listener));
        let handle = Arc::new(Handle::new(id, frontend, listener, source, now));
        slot.session = Some(Arc::clone(&handle));
        drop(slots);
        Running { handle, seat: self }
    }
}

impl Table {
    /// The worker's number, from 0.
    #[must_use]
    pub const fn worker(&self) -> usize {
        self.worker
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // What is done under the lock is done in one step: it is whole even after a panic.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: SessionId) -> Option<Arc<Handle>> {
        let found = self.lock().slots.get(id.slot())?.session.clone()?;
        (found.id == id).then_some(found)
    }

    fn for_each(&self, mut visit: impl FnMut(&Handle)) {
        let mut next = 0;
        loop {
            let slots = self.lock();
            let Some(rest) = slots.slots.get(next..).filter(|rest| !rest.is_empty()) else {
                return;
            };
            let chunk = &rest[..rest.len().min(CHUNK)];
            chunk.iter().filter_map(|slot| slot.session.as_deref()).for_each(&mut visit);
            next += chunk.len();
        }
    }
}

/// Sessions that were told to end between two transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// That are there.
    pub left: usize,
    /// Of those, that had not been told before.
    pub newly: usize,
    /// Of those, whose transactions are not to be seen: they are encrypted.
    pub hidden: usize,
}

/// The sessions of all workers. Everything here may be called from any thread.
///
/// What walks over all sessions sees each that runs from the walk's beginning to its end; one that
/// begins or ends meanwhile it may see or not. A walk costs some ten nanoseconds a session.
#[derive(Debug)]
pub struct Sessions {
    tables: Box<[Arc<Table>]>,
}

impl Sessions {
    /// Empty tables of this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let table =
            |worker| Arc::new(Table { worker, slots: Mutex::default(), load: Load::default() });
        Self { tables: (0..workers).map(table).collect() }
    }

    /// The table of a worker.
    ///
    /// # Panics
    /// If there is no such worker.
    #[must_use]
    pub fn table(&self, worker: usize) -> &Arc<Table> {
        &self.tables[worker]
    }

    /// What each worker has to do.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        self.tables.iter().map(|table| table.load.share()).collect()
    }

    /// The session of this name.
    #[must_use]
    pub fn find(&self, id: SessionId) -> Option<Arc<Handle>> {
        self.tables.get(id.worker())?.find(id)
    }

    /// All sessions at `now`, worker by worker.
    #[must_use]
    pub fn views(&self, now: Instant) -> Vec<View> {
        let mut views = Vec::new();
        self.for_each(|handle| views.push(handle.view(now)));
        views
    }

    /// Ends the session of this name. Whether there was one.
    #[must_use]
    pub fn end(&self, id: SessionId, reason: CutReason) -> bool {
        let found = self.find(id);
        found.iter().for_each(|handle| handle.end(reason));
        found.is_some()
    }

    /// Tells all sessions that have `server` now, or are just getting it, though a reload or a
    /// command may have removed the server meanwhile; the reason says what they do. How many are
    /// served by it and were not to end before.
    pub fn end_on_server(&self, server: &Arc<Server>, reason: CutReason) -> usize {
        server.note_cut(reason);
        let mut ended = 0;
        self.for_each(|handle| ended += usize::from(handle.end_on(server, reason)));
        ended
    }

    /// Ends the sessions on `server` that came by a route to the primary, which it is no longer. How
    /// many.
    pub fn end_writes_on(&self, server: &Arc<Server>) -> usize {
        self.end_routed_on(server, CutReason::RoleLost, |route| route == RoleRoute::Primary)
    }

    /// Ends the sessions on `server` that came by one of these routes. How many were served by it and
    /// not to end before; one that is just getting it hears of it, too.
    pub fn end_routed_on(
        &self,
        server: &Arc<Server>,
        reason: CutReason,
        routed: impl Fn(RoleRoute) -> bool,
    ) -> usize {
        server.note_cut(reason);
        let mut ended = 0;
        self.for_each(|handle| {
            let is_meant = handle.role().is_some_and(&routed);
            ended += usize::from(is_meant && handle.end_on(server, reason));
        });
        ended
    }

    /// How many sessions `server` has by routes to the primary.
    #[must_use]
    pub fn count_writes_on(&self, server: &Arc<Server>) -> usize {
        self.count_routed_on(server, |_| true)
    }

    /// Whether a session has heard nothing of `server` yet, and has said something that nothing was added
    /// to after `since`.
    #[must_use]
    pub fn is_awaited(&self, server: &Arc<Server>, since: Instant) -> bool {
        let mut found = false;
        self.for_each(|handle| {
            found = found || (handle.is_unanswered(since) && handle.is_on(server));
        });
        found
    }

    /// How many of them are encrypted: nobody sees whether they are in a transaction.
    #[must_use]
    pub fn count_hidden_on(&self, server: &Arc<Server>) -> usize {
        self.count_routed_on(server, Handle::is_hidden)
    }

    fn count_routed_on(&self, server: &Arc<Server>, wanted: impl Fn(&Handle) -> bool) -> usize {
        let mut count = 0;
        self.for_each(|handle| {
            let is_write = handle.role() == Some(RoleRoute::Primary);
            count += usize::from(is_write && wanted(handle) && handle.is_on(server));
        });
        count
    }

    /// Tells the sessions that `server` has by routes to the primary to end between two transactions.
    /// Those that just get the server are told the next time.
    pub fn part_on(&self, server: &Arc<Server>, how: Parting) -> Told {
        let mut told = Told::default();
        self.for_each(|handle| {
            if let Some(is_news) = handle.part_on(server, how) {
                told.left += 1;
                told.newly += usize::from(is_news);
                told.hidden += usize::from(handle.is_hidden());
            }
        });
        told
    }

    /// Takes back what those that `server` has were told.
    pub fn stay_on(&self, server: &Arc<Server>) {
        self.for_each(|handle| handle.stay_on(server));
    }

    /// Ends all sessions that came in by `frontend`. How many.
    pub fn end_of_frontend(&self, frontend: &Arc<Frontend>, reason: CutReason) -> usize {
        self.end_where(reason, |handle| Arc::ptr_eq(&handle.frontend, frontend))
    }

    /// Ends all sessions of `backend`, queued ones included. How many.
    pub fn end_of_backend(&self, backend: &Arc<Backend>, reason: CutReason) -> usize {
        self.end_where(reason, |handle| handle.is_in(backend))
    }

    /// Lets all sessions look again whether they may go on.
    pub fn wake_all(&self) {
        self.for_each(Handle::wake);
    }

    /// Ends all sessions there are.
    pub fn end_all(&self, reason: CutReason) {
        self.end_where(reason, |_| true);
    }

    fn end_where(&self, reason: CutReason, wanted: impl Fn(&Handle) -> bool) -> usize {
        let mut ended = 0;
        self.for_each(|handle| {
            if wanted(handle) {
                handle.end(reason);
                ended += 1;
            }
        });
        ended
    }

    /// Brings the byte counters up to date with the sessions that run. Whoever shows counters asks
    /// for it first.
    pub fn count_bytes(&self, process: &Process) {
        self.for_each(|handle| handle.count_bytes(process));
    }

    fn for_each(&self, mut visit: impl FnMut(&Handle)) {
        for table in &self.tables {
            table.for_each(&mut visit);
        }
    }
}

#[cfg(test)]
mod tests;
