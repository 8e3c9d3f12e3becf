//! What a desk gives out: a slot of a server, or a place in a queue. Dropping either gives it back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Key;
use crate::pure::role::hold::Hold;
use crate::pure::role::route::RoleRoute;
use crate::state::{Backend, Server};

/// A session's slot on a server. Dropping it frees the slot and serves the queue.
#[derive(Debug)]
pub struct Lease {
    /// Whose desk has the slot; `None`: it is of no load balancing.
    pub(super) backend: Option<Arc<Backend>>,
    /// The server.
    pub server: Arc<Server>,
    /// [`Server::cuts`] when the server was picked.
    pub cuts: u64,
    /// It waits for its next attempt: the slot is taken, but nobody is on the server.
    pub(super) rests: bool,
}

impl Lease {
    /// Of a place that is none of its backend's servers, such as that of `dispatch`: nobody else
    /// counts or sees it.
    #[must_use]
    pub fn direct(server: Arc<Server>) -> Self {
        Self { backend: None, cuts: server.cuts(), server, rests: false }
    }

    /// No session is on the server while its next attempt is waited for.
    pub fn rest(&mut self) {
        if self.backend.is_some() && !std::mem::replace(&mut self.rests, true) {
            self.server.service.traffic.sessions.fall();
        }
    }

    /// The next attempt begins.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.rests) {
            self.server.service.traffic.sessions.rise();
        }
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
        if !self.rests {
            self.server.service.traffic.sessions.fall();
        }
        backend.desk.leave(backend, self.server.index);
    }
}

/// A slot for a session that waited.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) lease: Lease,
    /// Its place in the queue it was in at last.
    pub(super) place: u64,
}

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub struct Ticket {
    pub(super) backend: Arc<Backend>,
    pub(super) key: Key,
    /// Who is waited for, if only one server will do.
    pub server: Option<Arc<Server>>,
    /// Sessions its queue had served when it came.
    pub(super) came: u64,
    /// Its place when it was served.
    pub(super) place: Option<u64>,
    pub(super) granted: oneshot::Receiver<Granted>,
}

impl Ticket {
    /// Waits for a slot. `None` if a reload removed the backend, or the lane of its route.
    ///
    /// # Cancel safety
    /// Safe: the place is kept until the ticket is dropped, and a slot granted meanwhile is freed
    /// with it.
    pub async fn granted(&mut self) -> Option<Lease> {
        let Granted { lease, place } = (&mut self.granted).await.ok()?;
        self.place = Some(place);
        Some(lease)
    }

    /// Whether it is held now: there is no server to wait for, or others are held before it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.server.is_none() && self.backend.desk.is_held(self.key)
    }

    /// Its place in the queue: one more than were served of it since the session came. It is what
    /// HAProxy logs as `%sq` or `%bq`.
    #[must_use]
    pub fn place(&self) -> u32 {
        let now = || {
            let at = self.server.as_ref().map(|server| server.index);
            self.backend.desk.served(at).saturating_sub(self.came) + 1
        };
        u32::try_from(self.place.unwrap_or_else(now)).unwrap_or(u32::MAX)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let at = self.server.as_ref().map(|server| server.index);
        self.backend.desk.forget(&self.backend, at, self.key);
    }
}

/// How a session's frontend leads to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// `role`; `None`: to any server.
    pub role: Option<RoleRoute>,
    /// `hold`: it waits while no server may be picked; `None`: it does not.
    pub hold: Option<Hold>,
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
    /// No server may be picked, and as many as may be held are.
    HoldFull,
    /// No server may be picked.
    NoServer,
}
