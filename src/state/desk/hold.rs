//! A lane of a desk: where sessions of one kind are assigned, and where they are held while it leads
//! to no server.
//!
//! ```text
//!   no server ──> arrivals are held ──> a server: the oldest goes on, the others by the meter
//!                      ^                        |
//!                      '-- arrivals, too, while anybody is held: nobody overtakes
//! ```
//! Lanes that lead to the same servers share a meter: readers that were held and find no replica do not
//! overrun a new primary beside the writers. Who comes while nobody of its lane is held is served at once:
//! readers that fall back, or come back to a replica, need not wait for a crowd, for they are none.
//!
//! Bound: each arrival is compared with the `hold_max` of its own frontend.

use std::sync::Arc;
use std::time::Instant;

use super::{Desk, Inner, Key, Queue, Waiter};
use crate::pure::balance::{LiveSet, Policy, ServerIndex};
use crate::pure::role::hold::Meter;
use crate::pure::role::route::RoleRoute;
use crate::state::Backend;
use crate::state::counters::Counter;
use crate::state::episode::Episode;

/// Where one kind of session is assigned: all lanes lead to the same servers and count their
/// sessions alike.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) role: Option<RoleRoute>,
    pub(super) policy: Policy,
    /// Those who wait for any server of it.
    pub(super) any: Queue,
    /// How many of them are held.
    pub(super) held: u32,
    pub(super) meter: Meter,
}

/// What became of clients that were held, or were to be.
#[derive(Debug, Default)]
pub struct HoldCounts {
    /// Refused: as many as `hold_max` were held.
    pub refused: Counter,
    /// Held for as long as `hold` says, in vain.
    pub expired: Counter,
    /// When that is said.
    pub said: Episode,
}

impl Lane {
    pub(super) fn new(role: Option<RoleRoute>, policy: Policy) -> Self {
        Self { role, policy, any: Queue::new(), held: 0, meter: Meter::default() }
    }

    /// Who was queued for servers that are gone is held, too.
    pub(super) fn handle_live_set(&mut self, set: LiveSet) {
        self.policy.handle_live_set(set);
        if self.policy.live().members().is_empty() {
            for waiter in self.any.values_mut() {
                let turns = !waiter.held && waiter.way.hold.is_some();
                waiter.held |= turns;
                self.held += u32::from(turns);
            }
        }
    }

    pub(super) fn insert(&mut self, key: Key, mut waiter: Waiter) {
        let is_empty = self.policy.live().members().is_empty();
        waiter.held |= is_empty && waiter.way.hold.is_some();
        self.held += u32::from(waiter.held);
        self.any.insert(key, waiter);
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Waiter> {
        let waiter = self.any.remove(key)?;
        self.held -= u32::from(waiter.held);
        Some(waiter)
    }

    /// The first of those who wait and are not held.
    pub(super) fn first_queued(&self) -> Option<Key> {
        let has_some = usize::try_from(self.held).is_ok_and(|held| held < self.any.len());
        let mut queued = self.any.iter().filter(|(_, waiter)| !waiter.held);
        queued.next().filter(|_| has_some).map(|(key, _)| *key)
    }

    /// A waiter that goes by its meter got a slot at `now`.
    pub(super) fn handle_left(&mut self, now: Instant, waiter: &Waiter) {
        if waiter.held {
            self.meter.handle_left(now, waiter.way.hold.and_then(|hold| hold.rate));
        }
    }

    /// Whether it leads to the same servers as `other`.
    fn leads_with(&self, other: &Self) -> bool {
        self.servers().eq(other.servers())
    }

    fn servers(&self) -> impl Iterator<Item = ServerIndex> {
        self.policy.live().members().iter().map(|member| member.server)
    }
}

impl Inner {
    /// The lane by whose meter those go who are held in `lane`.
    pub(super) fn metered_by(&self, lane: usize) -> usize {
        let own = &self.lanes[lane];
        self.lanes.iter().position(|other| own.leads_with(other)).unwrap_or(lane)
    }

    /// Lanes in which anybody waits, those of the oldest first.
    pub(super) fn lanes_by_age(&self) -> Vec<usize> {
        let first = |lane: &usize| self.lanes[*lane].any.keys().next().copied();
        let mut lanes: Vec<usize> =
            (0..self.lanes.len()).filter(|lane| first(lane).is_some()).collect();
        lanes.sort_by_key(first);
        lanes
    }

    /// When those who are held in `lane` are to be looked at, though nothing happens.
    fn next_due(&self, lane: usize, now: Instant) -> Option<Instant> {
        let own = &self.lanes[lane];
        let is_led = own.held > 0 && !own.policy.live().members().is_empty();
        let due = self.lanes[self.metered_by(lane)].meter.next_due();
        due.filter(|due| is_led && *due > now)
    }

    /// Whether anybody is held who may have a slot of `server`.
    pub(super) fn holds_for(&self, server: ServerIndex) -> bool {
        self.lanes.iter().any(|lane| lane.held > 0 && lane.policy.live().has(server))
    }
}

impl Desk {
    /// Lets those go on who may at `now`. Returns when to be called again; `None`: not before
    /// [`Backend::attach_wanted`].
    pub(in crate::state) fn attach(&self, backend: &Arc<Backend>, now: Instant) -> Option<Instant> {
        self.serve(backend, now);
        let inner = self.lock();
        (0..inner.lanes.len()).filter_map(|lane| inner.next_due(lane, now)).min()
    }

    /// Another live set was published at `now`.
    pub(in crate::state) fn follow_live(&self, backend: &Arc<Backend>, now: Instant) {
        self.serve(backend, now);
        if self.lock().lanes.iter().any(|lane| lane.held > 0) {
            self.attach.notify_one();
        }
    }

    /// Whether a waiter is held now.
    pub(super) fn is_held(&self, key: Key) -> bool {
        let inner = self.lock();
        inner.lanes.iter().any(|lane| lane.any.get(&key).is_some_and(|waiter| waiter.held))
    }
}

impl Backend {
    /// Clients that are held now.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.desk.lock().lanes.iter().map(|lane| lane.held).sum()
    }

    /// Completes when those who are held are to be looked at.
    ///
    /// # Cancel safety
    /// Safe: what was not heard is heard the next time.
    pub async fn attach_wanted(&self) {
        self.desk.attach.notified().await;
    }
}
