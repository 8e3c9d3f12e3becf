//! What the servers of one backend are to each other, where their checks ask for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Server;
use crate::pure::role::fence::{Fence, Refusal};
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

impl Group {
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
