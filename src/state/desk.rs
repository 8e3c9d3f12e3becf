//! Where sessions are assigned to servers, and where they wait when all are full.
//!
//! One short lock a backend, taken once when a session is assigned and once when it ends. A server
//! that frees a slot gives it to the first of those that wait for it and those that wait for any,
//! by [`QueueOrder`]. The queues are bounded by the connections the frontends let in, and that of a
//! server by its `maxqueue`.
//!
//! Clients may also be *held* here while their lane leads to no server (`hold`(mod@hold)).

mod hold;
mod slot;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

use super::{Backend, Live};
use crate::pure::balance::{Algorithm, LiveSet, Pick, Policy, QueueOrder, Request, ServerIndex};
use crate::pure::role::route::RoleRoute;

pub use hold::HoldCounts;
use hold::Lane;
use slot::Granted;
pub use slot::{Assigned, Lease, Ticket, Way};

/// Orders a queue: what was asked for, then who came first.
type Key = (QueueOrder, u64);

#[derive(Debug)]
struct Waiter {
    request: Request,
    way: Way,
    /// Sessions its queue had served when it came there.
    came: u64,
    /// It is held, not queued for a full server.
    held: bool,
    grant: oneshot::Sender<Granted>,
}

type Queue = BTreeMap<Key, Waiter>;

#[derive(Debug)]
struct Inner {
    /// The lane to any server, then those of the routes by role.
    lanes: Vec<Lane>,
    generation: u64,
    /// Those who wait for one server, by its place; never empty ones.
    at: HashMap<ServerIndex, Queue>,
    next_number: u64,
    /// Sessions that were served of the queue of each server, and of that to any (`None`).
    served: HashMap<Option<ServerIndex>, u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    inner: Mutex<Inner>,
    /// Somebody who is held may be able to go on.
    attach: Notify,
}

impl Desk {
    pub(super) fn new(balance: Algorithm, live: &Live) -> Self {
        let lane = |(role, set): (_, &LiveSet)| Lane::new(role, Policy::new(balance, set.clone()));
        let inner = Mutex::new(Inner {
            lanes: lanes(live).map(lane).collect(),
            generation: live.generation,
            at: HashMap::new(),
            next_number: 0,
            served: HashMap::new(),
        });
        Self { inner, attach: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change; were it to, the counts are still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the queues at `now`, after more servers may be picked, or other ones, or those who
    /// are held may go on.
    pub(super) fn serve(&self, backend: &Arc<Backend>, now: Instant) {
        while let Some((granted, waiter)) = self.next_grant(backend, now) {
            // A waiter that left in this moment gives the lease back by dropping it.
            let _ = waiter.grant.send(granted);
        }
    }

    /// Replaces the policy after a reload changed `balance`.
    pub(super) fn set_balance(&self, balance: Algorithm) {
        let mut inner = self.lock();
        for lane in &mut inner.lanes {
            if lane.policy.algorithm() != balance {
                let live = lane.policy.live().clone();
                lane.policy = lane.policy.clone().replaced(balance, live);
            }
        }
    }

    fn leave(&self, backend: &Arc<Backend>, server: ServerIndex) {
        let mut inner = self.lock();
        inner.lanes.iter_mut().for_each(|lane| lane.policy.handle_ended(server));
        loop {
            let granted = inner.grant_freed(backend, server);
            if inner.holds_for(server) {
                self.attach.notify_one();
            }
            drop(inner);
            let Some((granted, waiter)) = granted else { return };
            // A waiter that left in this moment gives the lease back by dropping it.
            let _ = waiter.grant.send(granted);
            inner = self.lock();
        }
    }

    /// Sessions that were served of a queue.
    fn served(&self, at: Option<ServerIndex>) -> u64 {
        self.lock().served.get(&at).copied().unwrap_or_default()
    }

    fn forget(&self, backend: &Backend, at: Option<ServerIndex>, key: Key) {
        self.lock().take(backend, at, key);
    }

    /// The first of all waiters that can be served, with its slot.
    fn next_grant(&self, backend: &Arc<Backend>, now: Instant) -> Option<(Granted, Waiter)> {
        let mut inner = self.lock();
        let live = backend.live();
        inner.follow(backend, &live);
        let waiting: Vec<ServerIndex> = inner.at.keys().copied().collect();
        for server in waiting.into_iter().filter(|&server| inner.lanes[0].policy.has_slot(server)) {
            if let Some(&key) = inner.at.get(&server).and_then(|queue| queue.keys().next()) {
                return inner.grant_waiter(backend, &live, Some(server), key, server);
            }
        }
        inner.lanes_by_age().into_iter().find_map(|lane| inner.next_in(backend, &live, lane, now))
    }
}

impl Backend {
    /// Assigns a session to a server, or to a place in a queue.
    #[must_use]
    pub fn assign(self: &Arc<Self>, request: &Request, way: Way) -> Assigned {
        let mut inner = self.desk.lock();
        let live = self.live();
        inner.follow(self, &live);
        let Some(lane) = inner.lanes.iter_mut().find(|lane| lane.role == way.role) else {
            return Assigned::NoServer;
        };
        // A role is no preference: who was chosen by other means must have it.
        let suits = |server: &ServerIndex| way.role.is_none() || lane.policy.live().has(*server);
        let request = &Request { direct: request.direct.filter(suits), ..*request };
        let must_wait =
            !lane.any.is_empty() && lane.policy.queue_means_full() && request.direct.is_none();
        let pick = if way.hold.is_some() && lane.held > 0 {
            // Those who were held go first.
            Pick::NoServer
        } else if must_wait && !lane.policy.live().members().is_empty() {
            Pick::QueueAny
        } else {
            lane.policy.pick(request, fastrand_u64)
        };
        match pick {
            Pick::Server(index) => match inner.grant(self, &live, index) {
                Some(lease) => Assigned::Lease(lease),
                None => Assigned::NoServer,
            },
            Pick::QueueAt(index) => {
                Assigned::Queued(inner.enqueue(self, &live, request, way, Some(index), false))
            }
            Pick::QueueFull(index) => match live.server(index) {
                Some(server) => Assigned::QueueFull(Arc::clone(server)),
                None => Assigned::NoServer,
            },
            Pick::QueueAny => {
                Assigned::Queued(inner.enqueue(self, &live, request, way, None, false))
            }
            Pick::NoServer => match way.hold {
                Some(hold) if lane.held < hold.max.get() => {
                    Assigned::Queued(inner.enqueue(self, &live, request, way, None, true))
                }
                Some(_) => Assigned::HoldFull,
                None => Assigned::NoServer,
            },
        }
    }
}

/// The live sets of a snapshot with the roles they are for.
fn lanes(live: &Live) -> impl Iterator<Item = (Option<RoleRoute>, &LiveSet)> {
    let by_role = live.lanes.iter().map(|(role, set)| (Some(*role), set));
    std::iter::once((None, &live.set)).chain(by_role)
}

impl Inner {
    /// Takes over the live set if a newer one was published. Those who wait for a server that may
    /// no longer be picked wait for any from then on.
    fn follow(&mut self, backend: &Backend, live: &Live) {
        if live.generation <= self.generation {
            return;
        }
        self.generation = live.generation;
        let mut before = std::mem::take(&mut self.lanes);
        for (role, set) in lanes(live) {
            let lane = match before.iter().position(|lane| lane.role == role) {
                Some(place) => {
                    let mut lane = before.swap_remove(place);
                    lane.handle_live_set(set.clone());
                    lane
                }
                None => {
                    // What it counts is the same in all of them; there is always the first.
                    let policy = &self.lanes[0].policy;
                    Lane::new(role, policy.clone().replaced(policy.algorithm(), set.clone()))
                }
            };
            self.lanes.push(lane);
        }
        // Who waits for a route that is gone is told so by the end of its channel.
        for _ in before.iter().flat_map(|lane| lane.any.keys()) {
            self.note_dequeued(backend, None);
        }
        self.scatter(backend);
    }

    /// Waiters for a server that their lane no longer leads to wait for any of the lane.
    fn scatter(&mut self, backend: &Backend) {
        let waiting: Vec<ServerIndex> = self.at.keys().copied().collect();
        for server in waiting {
            let queue = self.at.remove(&server).unwrap_or_default();
            let mut staying = Queue::new();
            for (key, waiter) in queue {
                match self.lane(waiter.way) {
                    Some(lane) if !self.lanes[lane].policy.live().has(server) => {
                        self.note_dequeued(backend, Some(server));
                        self.note_queued(backend, None);
                        let request = Request { direct: None, ..waiter.request };
                        let came = self.served.get(&None).copied().unwrap_or_default();
                        self.lanes[lane].insert(key, Waiter { request, came, ..waiter });
                    }
                    Some(_) => drop(staying.insert(key, waiter)),
                    None => self.note_dequeued(backend, Some(server)),
                }
            }
            if !staying.is_empty() {
                self.at.insert(server, staying);
            }
        }
    }

    fn lane(&self, way: Way) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.role == way.role)
    }

    /// The first waiter of a lane that can be served, with its slot.
    fn next_in(
        &mut self,
        backend: &Arc<Backend>,
        live: &Live,
        lane: usize,
        now: Instant,
    ) -> Option<(Granted, Waiter)> {
        let (mut from, metered) = (None, self.metered_by(lane));
        loop {
            let after = from.map_or(Bound::Unbounded, Bound::Excluded);
            let is_open = self.lanes[metered].meter.is_open(now);
            let Lane { policy, any, .. } = &mut self.lanes[lane];
            let may_go = |waiter: &Waiter| !waiter.held || is_open;
            let mut waiting = any.range((after, Bound::Unbounded));
            let (&key, waiter) = waiting.find(|(_, waiter)| may_go(waiter))?;
            let held = waiter.held;
            let server = match policy.pick(&waiter.request, fastrand_u64) {
                Pick::Server(server) => Some(server),
                Pick::QueueAt(server) => {
                    // Who is held stays where the meter is.
                    if !held {
                        self.move_to(backend, lane, key, server);
                    }
                    None
                }
                // `random` may have drawn full ones while others have room.
                Pick::QueueAny => Some(policy.any_slot()?),
                Pick::QueueFull(_) => None,
                Pick::NoServer => return None,
            };
            if let Some(server) = server {
                let granted = self.grant_waiter(backend, live, None, key, server)?;
                self.lanes[metered].handle_left(now, &granted.1);
                return Some(granted);
            }
            from = Some(key);
        }
    }

    /// Gives a freed slot of `server` to the first that may have it.
    fn grant_freed(
        &mut self,
        backend: &Arc<Backend>,
        server: ServerIndex,
    ) -> Option<(Granted, Waiter)> {
        if self.at.is_empty() && self.lanes.iter().all(|lane| lane.any.is_empty()) {
            return None;
        }
        let live = backend.live();
        self.follow(backend, &live);
        // The one that leaves is still there for limits that follow the load, as in HAProxy.
        if !self.lanes[0].policy.has_slot_beside(server, 1) {
            return None;
        }
        let own = self.at.get(&server).and_then(|queue| queue.keys().next()).copied();
        let leading = self.lanes.iter().filter(|lane| lane.policy.live().has(server));
        let any = leading.filter_map(Lane::first_queued).min();
        let (at, key) = match (own, any) {
            (Some(own), Some(any)) if any < own => (None, any),
            (Some(own), _) => (Some(server), own),
            (None, Some(any)) => (None, any),
            (None, None) => return None,
        };
        self.grant_waiter(backend, &live, at, key, server)
    }

    fn grant_waiter(
        &mut self,
        backend: &Arc<Backend>,
        live: &Live,
        at: Option<ServerIndex>,
        key: Key,
        server: ServerIndex,
    ) -> Option<(Granted, Waiter)> {
        let waiter = self.take(backend, at, key)?;
        let lease = self.grant(backend, live, server)?;
        let count = self.served.entry(at).or_default();
        let granted = Granted { lease, place: count.saturating_sub(waiter.came) + 1 };
        *count += 1;
        Some((granted, waiter))
    }

    /// A waiter for any server of a lane turns out to want one.
    fn move_to(&mut self, backend: &Backend, lane: usize, key: Key, server: ServerIndex) {
        let lane = &mut self.lanes[lane];
        if !lane.policy.live().has(server) {
            return;
        }
        if let Some(waiter) = lane.remove(&key) {
            self.note_dequeued(backend, None);
            self.note_queued(backend, Some(server));
            let came = self.served.get(&Some(server)).copied().unwrap_or_default();
            self.at.entry(server).or_default().insert(key, Waiter { came, ..waiter });
        }
    }

    /// Takes a waiter out of the queue it is in: that of `at`, or the other one if it was moved.
    fn take(&mut self, backend: &Backend, at: Option<ServerIndex>, key: Key) -> Option<Waiter> {
        let own = at.and_then(|server| self.take_at(server, key).map(|waiter| (at, waiter)));
        let any = || {
            let waiter = self.lanes.iter_mut().find_map(|lane| lane.remove(&key))?;
            Some((None, waiter))
        };
        let (from, waiter) = match own.or_else(any) {
            Some(found) => found,
            // Only a waiter that was moved comes here.
            None => {
                let server = *self.at.iter().find(|(_, queue)| queue.contains_key(&key))?.0;
                (Some(server), self.take_at(server, key)?)
            }
        };
        self.note_dequeued(backend, from);
        Some(waiter)
    }

    fn take_at(&mut self, server: ServerIndex, key: Key) -> Option<Waiter> {
        let queue = self.at.get_mut(&server)?;
        let waiter = queue.remove(&key);
        if queue.is_empty() {
            self.at.remove(&server);
        }
        waiter
    }

    fn grant(&mut self, backend: &Arc<Backend>, live: &Live, index: ServerIndex) -> Option<Lease> {
        let server = Arc::clone(live.server(index)?);
        self.lanes.iter_mut().for_each(|lane| lane.policy.handle_started(index));
        server.service.traffic.sessions.rise();
        let cuts = server.cuts();
        Some(Lease { backend: Some(Arc::clone(backend)), server, cuts, rests: false })
    }

    fn enqueue(
        &mut self,
        backend: &Arc<Backend>,
        live: &Live,
        request: &Request,
        way: Way,
        at: Option<ServerIndex>,
        held: bool,
    ) -> Ticket {
        let key = (request.order, self.next_number);
        self.next_number += 1;
        let request = Request { waits: true, ..*request };
        let (grant, granted) = oneshot::channel();
        // It was found by the caller.
        let lane = self.lane(way).unwrap_or_default();
        let came = self.served.get(&at).copied().unwrap_or_default();
        let waiter = Waiter { request, way, came, held, grant };
        match at {
            Some(server) => drop(self.at.entry(server).or_default().insert(key, waiter)),
            None => self.lanes[lane].insert(key, waiter),
        }
        self.note_queued(backend, at);
        let server = at.and_then(|index| live.server(index)).cloned();
        Ticket { backend: Arc::clone(backend), key, server, came, place: None, granted }
    }

    fn note_queued(&mut self, backend: &Backend, at: Option<ServerIndex>) {
        self.lanes.iter_mut().for_each(|lane| lane.policy.handle_queued(at));
        match at {
            Some(index) => {
                if let Some(server) = backend.live().server(index) {
                    server.service.queued.rise();
                }
            }
            None => backend.service.queued.rise(),
        }
    }

    fn note_dequeued(&mut self, backend: &Backend, at: Option<ServerIndex>) {
        self.lanes.iter_mut().for_each(|lane| lane.policy.handle_dequeued(at));
        match at {
            Some(index) => {
                if let Some(server) = backend.live().server(index) {
                    server.service.queued.fall();
                }
            }
            None => backend.service.queued.fall(),
        }
    }
}

fn fastrand_u64() -> u64 {
    fastrand::u64(..)
}
