//! What the servers of one backend are to each other, where their checks ask for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Server;
use crate::pure::role::fence::{Fence, Memory, OnConflict, Refusal};
use crate::pure::role::lag::LagClock;
use crate::pure::role::route::Part;
use crate::pure::role::{Reading, Role};

/// See the module. Changed by [`publish`](super::publish) only.
#[derive(Debug, Default)]
pub struct Group(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fence: Fence,
    clock: LagClock,
}

/// Who claims to be primary, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who is taken for it.
    pub primary: Option<String>,
    /// Who is not, and why; in order of their names.
    pub refused: Vec<(String, Refusal)>,
}

impl Group {
    /// A group that goes on with what is remembered of it.
    #[must_use]
    pub fn new(memory: Memory, on_conflict: OnConflict) -> Self {
        let fence = Fence::new(memory, on_conflict);
        Self(Mutex::new(Inner { fence, clock: LagClock::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server said what it is.
    pub(super) fn handle_reading(&self, now: Instant, server: &str, reading: Reading) {
        let mut inner = self.lock();
        let before = inner.fence.primary().map(str::to_owned);
        let position = reading.position;
        inner.fence.handle_reading(server, reading);
        let primary = inner.fence.primary();
        let is_primary = primary == Some(server);
        if primary.is_some() && primary != before.as_deref() {
            inner.clock.handle_changed();
        }
        if is_primary {
            inner.clock.handle_primary(now, position);
        }
    }

    /// A server is heard no more. Whether it had said anything.
    pub(super) fn handle_lost(&self, server: &str) -> bool {
        self.lock().fence.handle_lost(server)
    }

    /// The configuration names these servers, and what to do on conflicts.
    pub(super) fn follow<'a>(
        &self,
        servers: impl Iterator<Item = &'a str>,
        on_conflict: OnConflict,
    ) {
        let mut inner = self.lock();
        inner.fence.handle_servers(servers);
        inner.fence.set_on_conflict(on_conflict);
    }

    /// Forgets what is remembered.
    pub(super) fn clear(&self) {
        self.lock().fence.clear();
    }

    /// Who claims to be primary.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let inner = self.lock();
        let primary = inner.fence.primary().map(str::to_owned);
        let refused = inner.fence.refusals();
        Claims { primary, refused: refused.map(|(name, why)| (name.to_owned(), why)).collect() }
    }

    /// What is remembered, and the number of its last change that matters.
    #[must_use]
    pub fn memory(&self) -> (u64, Memory) {
        let inner = self.lock();
        (inner.fence.revision(), inner.fence.memory().clone())
    }

    /// The number of the last change of the memory that matters.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.lock().fence.revision()
    }

    /// What a server said last, if it is heard.
    #[must_use]
    pub fn reading(&self, server: &str) -> Option<Reading> {
        self.lock().fence.reading(server).cloned()
    }

    /// What each of `servers` is at `now`.
    #[must_use]
    pub fn parts(&self, now: Instant, servers: &[Arc<Server>]) -> Vec<Part> {
        let inner = self.lock();
        let part = |server: &Arc<Server>| {
            if inner.fence.primary() == Some(&server.name) {
                return Part::Primary;
            }
            match inner.fence.reading(&server.name) {
                Some(reading) if reading.role == Role::Replica => {
                    Part::Replica(inner.clock.lag(now, reading.position))
                }
                _ => Part::Unknown,
            }
        };
        servers.iter().map(part).collect()
    }

    /// Why a server that claims to be primary is not taken for it.
    #[must_use]
    pub fn refusal(&self, server: &str) -> Option<Refusal> {
        self.lock().fence.refusal(server)
    }
}
