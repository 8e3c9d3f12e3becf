//! Where sessions are assigned to servers, and where they wait when all are full.
//!
//! One short lock a backend, taken once when a session is assigned and once when it ends. A server
//! that frees a slot gives it to the first of those that wait for it and those that wait for any,
//! by [`QueueOrder`]. The queues are bounded by the connections the frontends let in, and that of a
//! server by its `maxqueue`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Backend, Live, Server};
use crate::pure::balance::{Algorithm, Pick, Policy, QueueOrder, Request, ServerIndex};

/// A session's slot on a server. Dropping it frees the slot and serves the queue.
#[derive(Debug)]
pub struct Lease {
    /// Whose desk has the slot; `None`: it is of no load balancing.
    backend: Option<Arc<Backend>>,
    /// The server.
    pub server: Arc<Server>,
    /// [`Server::cuts`] when the server was picked.
    pub cuts: u64,
}

impl Lease {
    /// Of a place that is none of its backend's servers, such as that of `dispatch`: nobody else
    /// counts or sees it.
    #[must_use]
    pub fn direct(server: Arc<Server>) -> Self {
        Self { backend: None, cuts: server.cuts(), server }
    }

    /// Whether it is of a place that is none of its backend's servers.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        self.backend.is_none()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(backend) = &self.backend else { return };
        self.server.service.traffic.sessions.fall();
        backend.desk.leave(backend, self.server.index);
    }
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub struct Ticket {
    backend: Arc<Backend>,
    key: Key,
    /// Who is waited for, if only one server will do.
    pub server: Option<Arc<Server>>,
    /// Its place in the queue it waits in, from 1: what HAProxy logs as `%sq` or `%bq`.
    pub place: u32,
    granted: oneshot::Receiver<Lease>,
}

impl Ticket {
    /// Waits for a slot. `None` if the backend was removed by a reload.
    ///
    /// # Cancel safety
    /// Safe: the place is kept until the ticket is dropped, and a slot granted meanwhile is freed
    /// with it.
    pub async fn granted(&mut self) -> Option<Lease> {
        (&mut self.granted).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let at = self.server.as_ref().map(|server| server.index);
        self.backend.desk.forget(&self.backend, at, self.key);
    }
}

/// What asking for a server yields.
#[derive(Debug)]
pub enum Assigned {
    /// A slot.
    Lease(Lease),
    /// All servers that would do are full.
    Queued(Ticket),
    /// Only this server would do, and no more may wait for it.
    QueueFull(Arc<Server>),
    /// No server may be picked.
    NoServer,
}

/// Orders a queue: what was asked for, then who came first.
type Key = (QueueOrder, u64);

#[derive(Debug)]
struct Waiter {
    request: Request,
    grant: oneshot::Sender<Lease>,
}

type Queue = BTreeMap<Key, Waiter>;

#[derive(Debug)]
struct Inner {
    policy: Policy,
    generation: u64,
    /// Those who wait for any server.
    any: Queue,
    /// Those who wait for one server, by its place; never empty ones.
    at: HashMap<ServerIndex, Queue>,
    next_number: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk(Mutex<Inner>);

impl Desk {
    pub(super) fn new(balance: Algorithm, live: &Live) -> Self {
        Self(Mutex::new(Inner {
            policy: Policy::new(balance, live.set.clone()),
            generation: live.generation,
            any: Queue::new(),
            at: HashMap::new(),
            next_number: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change; were it to, the counts are still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the queues after more servers may be picked, or other ones.
    pub(super) fn serve(&self, backend: &Arc<Backend>) {
        while let Some((lease, waiter)) = self.next_grant(backend) {
            // A waiter that left in this moment gives the lease back by dropping it.
            let _ = waiter.grant.send(lease);
        }
    }

    /// Replaces the policy after a reload changed `balance`.
    pub(super) fn set_balance(&self, balance: Algorithm) {
        let mut inner = self.lock();
        if inner.policy.algorithm() != balance {
            let live = inner.policy.live().clone();
            inner.policy = inner.policy.clone().replaced(balance, live);
        }
    }

    fn leave(&self, backend: &Arc<Backend>, server: ServerIndex) {
        let mut inner = self.lock();
        inner.policy.handle_ended(server);
        loop {
            let granted = inner.grant_freed(backend, server);
            drop(inner);
            let Some((lease, waiter)) = granted else { return };
            // A waiter that left in this moment gives the lease back by dropping it.
            let _ = waiter.grant.send(lease);
            inner = self.lock();
        }
    }

    fn forget(&self, backend: &Backend, at: Option<ServerIndex>, key: Key) {
        self.lock().take(backend, at, key);
    }

    /// The first of all waiters that can be served, with its slot.
    fn next_grant(&self, backend: &Arc<Backend>) -> Option<(Lease, Waiter)> {
        let mut inner = self.lock();
        let live = backend.live();
        inner.follow(backend, &live);
        let waiting: Vec<ServerIndex> = inner.at.keys().copied().collect();
        for server in waiting.into_iter().filter(|&server| inner.policy.has_slot(server)) {
            if let Some(&key) = inner.at.get(&server).and_then(|queue| queue.keys().next()) {
                return inner.grant_waiter(backend, &live, Some(server), key, server);
            }
        }
        let mut from = None;
        loop {
            let after = from.map_or(Bound::Unbounded, Bound::Excluded);
            let (&key, waiter) = inner.any.range((after, Bound::Unbounded)).next()?;
            let request = waiter.request;
            match inner.policy.pick(&request, fastrand_u64) {
                Pick::Server(server) => {
                    return inner.grant_waiter(backend, &live, None, key, server);
                }
                Pick::QueueAt(server) => inner.move_to(backend, &live, key, server),
                // `random` may have drawn full ones while others have room.
                Pick::QueueAny => {
                    let server = inner.policy.any_slot()?;
                    return inner.grant_waiter(backend, &live, None, key, server);
                }
                Pick::QueueFull(_) => {}
                Pick::NoServer => return None,
            }
            from = Some(key);
        }
    }
}

impl Backend {
    /// Assigns a session to a server, or to a place in a queue.
    #[must_use]
    pub fn assign(self: &Arc<Self>, request: &Request) -> Assigned {
        let mut inner = self.desk.lock();
        let live = self.live();
        inner.follow(self, &live);
        let must_wait =
            !inner.any.is_empty() && inner.policy.queue_means_full() && request.direct.is_none();
        let pick = if must_wait && !live.set.members().is_empty() {
            Pick::QueueAny
        } else {
            inner.policy.pick(request, fastrand_u64)
        };
        match pick {
            Pick::Server(index) => match inner.grant(self, &live, index) {
                Some(lease) => Assigned::Lease(lease),
                None => Assigned::NoServer,
            },
            Pick::QueueAt(index) => {
                Assigned::Queued(inner.enqueue(self, &live, request, Some(index)))
            }
            Pick::QueueFull(index) => match live.server(index) {
                Some(server) => Assigned::QueueFull(Arc::clone(server)),
                None => Assigned::NoServer,
            },
            Pick::QueueAny => Assigned::Queued(inner.enqueue(self, &live, request, None)),
            Pick::NoServer => Assigned::NoServer,
        }
    }
}

impl Inner {
    /// Takes over the live set if a newer one was published. Those who wait for a server that may
    /// no longer be picked wait for any from then on.
    fn follow(&mut self, backend: &Backend, live: &Live) {
        if live.generation <= self.generation {
            return;
        }
        self.policy.handle_live_set(live.set.clone());
        self.generation = live.generation;
        let gone: Vec<ServerIndex> =
            self.at.keys().copied().filter(|&server| !live.contains(server)).collect();
        for server in gone {
            for (key, waiter) in self.at.remove(&server).unwrap_or_default() {
                self.note_dequeued(backend, Some(server));
                self.note_queued(backend, None);
                let request = Request { direct: None, ..waiter.request };
                self.any.insert(key, Waiter { request, ..waiter });
            }
        }
    }

    /// Gives a freed slot of `server` to the first that may have it.
    fn grant_freed(
        &mut self,
        backend: &Arc<Backend>,
        server: ServerIndex,
    ) -> Option<(Lease, Waiter)> {
        if self.any.is_empty() && self.at.is_empty() {
            return None;
        }
        let live = backend.live();
        self.follow(backend, &live);
        if !self.policy.has_slot(server) {
            return None;
        }
        let own = self.at.get(&server).and_then(|queue| queue.keys().next()).copied();
        let any = self.any.keys().next().copied().filter(|_| live.contains(server));
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
    ) -> Option<(Lease, Waiter)> {
        let waiter = self.take(backend, at, key)?;
        let lease = self.grant(backend, live, server)?;
        Some((lease, waiter))
    }

    /// A waiter for any server turns out to want one.
    fn move_to(&mut self, backend: &Backend, live: &Live, key: Key, server: ServerIndex) {
        if !live.contains(server) {
            return;
        }
        if let Some(waiter) = self.any.remove(&key) {
            self.note_dequeued(backend, None);
            self.note_queued(backend, Some(server));
            self.at.entry(server).or_default().insert(key, waiter);
        }
    }

    /// Takes a waiter out of the queue it is in: that of `at`, or the other one if it was moved.
    fn take(&mut self, backend: &Backend, at: Option<ServerIndex>, key: Key) -> Option<Waiter> {
        let own = at.and_then(|server| self.take_at(server, key).map(|waiter| (at, waiter)));
        let any = || self.any.remove(&key).map(|waiter| (None, waiter));
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
        self.policy.handle_started(index);
        server.service.traffic.sessions.rise();
        let cuts = server.cuts();
        Some(Lease { backend: Some(Arc::clone(backend)), server, cuts })
    }

    fn enqueue(
        &mut self,
        backend: &Arc<Backend>,
        live: &Live,
        request: &Request,
        at: Option<ServerIndex>,
    ) -> Ticket {
        let key = (request.order, self.next_number);
        self.next_number += 1;
        let request = Request { waits: true, ..*request };
        let (grant, granted) = oneshot::channel();
        let queue = match at {
            Some(server) => self.at.entry(server).or_default(),
            None => &mut self.any,
        };
        queue.insert(key, Waiter { request, grant });
        let place = u32::try_from(queue.len()).unwrap_or(u32::MAX);
        self.note_queued(backend, at);
        let server = at.and_then(|index| live.server(index)).cloned();
        Ticket { backend: Arc::clone(backend), key, server, place, granted }
    }

    fn note_queued(&mut self, backend: &Backend, at: Option<ServerIndex>) {
        self.policy.handle_queued(at);
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
        self.policy.handle_dequeued(at);
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
