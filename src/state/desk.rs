//! Where sessions are assigned to servers, and where they wait when all are full.
//!
//! One short lock a backend, taken once when a session is assigned and once when it ends. Waiting
//! sessions are served oldest first; those that wait for one server and those that wait for any
//! share one order. The queue is bounded by the connections the frontends let in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Backend, Live, Server};
use crate::pure::balance::{Algorithm, Pick, Policy, Request, ServerIndex};

/// A session's slot on a server. Dropping it frees the slot and serves the queue.
#[derive(Debug)]
pub struct Lease {
    backend: Arc<Backend>,
    /// The server.
    pub server: Arc<Server>,
    /// [`Server::cuts`] when the server was picked.
    pub cuts: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.server.service.traffic.sessions.fall();
        self.backend.desk.leave(&self.backend, self.server.index);
    }
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub struct Ticket {
    backend: Arc<Backend>,
    number: u64,
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
        self.backend.desk.forget(&self.backend, self.number);
    }
}

/// What asking for a server yields.
#[derive(Debug)]
pub enum Assigned {
    /// A slot.
    Lease(Lease),
    /// All servers that would do are full.
    Queued(Ticket),
    /// No server may be picked.
    NoServer,
}

#[derive(Debug)]
struct Waiter {
    request: Request,
    at: Option<ServerIndex>,
    grant: oneshot::Sender<Lease>,
}

#[derive(Debug)]
struct Inner {
    policy: Policy,
    generation: u64,
    waiting: BTreeMap<u64, Waiter>,
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
            waiting: BTreeMap::new(),
            next_number: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change; were it to, the counts are still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the queue after more servers may be picked.
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
        let queue_is_empty = {
            let mut inner = self.lock();
            inner.policy.handle_ended(server);
            inner.waiting.is_empty()
        };
        if !queue_is_empty {
            self.serve(backend);
        }
    }

    fn forget(&self, backend: &Backend, number: u64) {
        let mut inner = self.lock();
        if let Some(waiter) = inner.waiting.remove(&number) {
            inner.note_dequeued(backend, waiter.at);
        }
    }

    /// The oldest waiter that can be served, with its slot.
    fn next_grant(&self, backend: &Arc<Backend>) -> Option<(Lease, Waiter)> {
        let mut inner = self.lock();
        let live = backend.live();
        inner.follow(&live);
        let mut from = 0;
        while let Some((&number, waiter)) = inner.waiting.range(from..).next() {
            let (request, at) = (waiter.request, waiter.at);
            from = number + 1;
            let server = match at {
                Some(at) if live.contains(at) => {
                    if !inner.policy.has_slot(at) {
                        continue;
                    }
                    at
                }
                _ => match inner.policy.pick(&request, &mut fastrand_u64) {
                    Pick::Server(index) => index,
                    // Nobody has room: those behind will not find any either.
                    Pick::QueueAny | Pick::NoServer => return None,
                    Pick::QueueAt(_) => continue,
                },
            };
            let waiter = inner.waiting.remove(&number)?;
            inner.note_dequeued(backend, at);
            let lease = inner.grant(backend, &live, server)?;
            return Some((lease, waiter));
        }
        None
    }
}

impl Backend {
    /// Assigns a session to a server, or to a place in the queue.
    #[must_use]
    pub fn assign(self: &Arc<Self>, request: &Request) -> Assigned {
        let mut inner = self.desk.lock();
        let live = self.live();
        inner.follow(&live);
        let must_wait = !inner.waiting.is_empty() && inner.policy.queue_means_full();
        let pick = if must_wait && !live.set.members().is_empty() {
            Pick::QueueAny
        } else {
            inner.policy.pick(request, &mut fastrand_u64)
        };
        match pick {
            Pick::Server(index) => match inner.grant(self, &live, index) {
                Some(lease) => Assigned::Lease(lease),
                None => Assigned::NoServer,
            },
            Pick::QueueAt(index) => {
                Assigned::Queued(inner.enqueue(self, &live, request, Some(index)))
            }
            Pick::QueueAny => Assigned::Queued(inner.enqueue(self, &live, request, None)),
            Pick::NoServer => Assigned::NoServer,
        }
    }
}

impl Backend {
    /// Assigns a session to one server, or to a place in its queue; `None` where it may not be used.
    #[must_use]
    pub fn assign_to(self: &Arc<Self>, index: ServerIndex, request: &Request) -> Option<Assigned> {
        let mut inner = self.desk.lock();
        let live = self.live();
        inner.follow(&live);
        live.server(index).filter(|server| server.effective_weight().is_some())?;
        Some(if inner.policy.has_slot(index) {
            Assigned::Lease(inner.grant(self, &live, index)?)
        } else {
            Assigned::Queued(inner.enqueue(self, &live, request, Some(index)))
        })
    }
}

impl Inner {
    /// Takes over the live set if a newer one was published.
    fn follow(&mut self, live: &Live) {
        if live.generation > self.generation {
            self.policy.handle_live_set(live.set.clone());
            self.generation = live.generation;
        }
    }

    fn grant(&mut self, backend: &Arc<Backend>, live: &Live, index: ServerIndex) -> Option<Lease> {
        let server = Arc::clone(live.server(index)?);
        self.policy.handle_started(index);
        server.service.traffic.sessions.rise();
        let cuts = server.cuts();
        Some(Lease { backend: Arc::clone(backend), server, cuts })
    }

    fn enqueue(
        &mut self,
        backend: &Arc<Backend>,
        live: &Live,
        request: &Request,
        at: Option<ServerIndex>,
    ) -> Ticket {
        let number = self.next_number;
        self.next_number += 1;
        let ahead = self.waiting.values().filter(|waiter| waiter.at == at).count();
        let (grant, granted) = oneshot::channel();
        self.waiting.insert(number, Waiter { request: *request, at, grant });
        let server = at.and_then(|index| live.server(index)).cloned();
        match &server {
            Some(server) => {
                self.policy.handle_queued(server.index);
                server.service.queued.rise();
            }
            None => backend.service.queued.rise(),
        }
        let place = u32::try_from(ahead + 1).unwrap_or(u32::MAX);
        Ticket { backend: Arc::clone(backend), number, server, place, granted }
    }

    fn note_dequeued(&mut self, backend: &Backend, at: Option<ServerIndex>) {
        match at {
            Some(index) => {
                self.policy.handle_dequeued(index);
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
