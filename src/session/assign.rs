//! From a backend to a slot of one of its servers, through the queue if need be.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use super::rules::Priority;
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model;
use crate::net::relay::poll_read_into;
use crate::net::stream::Stream;
use crate::pure::balance::{QueueOrder, Request, ServerIndex};
use crate::pure::health::{Health, Settings};
use crate::pure::id::Name;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::sessions::Stage;
use crate::state::{Assigned, Backend, Lease, Server, Ticket, Way};

/// Bytes read from a client before there is a server: HAProxy's buffer of the same purpose.
const EARLY_MAX: usize = 16 * 1024;

impl Session {
    /// A slot on a server.
    pub(super) async fn assign(
        &mut self,
        backend: &Arc<Backend>,
        settings: &model::Backend,
    ) -> Result<Lease, Ended> {
        let lease = self.slot(backend, settings, None).await?;
        if lease.is_direct() {
            backend.service.last_session.mark(self.uptime());
        } else {
            self.outcome.assigned(&lease.server, self.uptime());
        }
        Ok(lease)
    }

    /// A slot, of another server than `avoid` where there is one. The time until then is what the
    /// log calls the time in the queue.
    pub(super) async fn slot(
        &mut self,
        backend: &Arc<Backend>,
        settings: &model::Backend,
        avoid: Option<ServerIndex>,
    ) -> Result<Lease, Ended> {
        let mut wanted = self.wanted_server(backend, avoid);
        if settings.rdp_cookie.is_some() && avoid.is_none() {
            wanted = wanted.or_else(|| self.routed_server(backend, settings));
        }
        let direct = self.stuck_server(backend, settings, avoid, wanted);
        if let (Some(place), None) = (&settings.direct, direct) {
            self.outcome.queue = Some(clock::now().saturating_duration_since(self.started));
            self.running.reach(Stage::Connecting);
            return Ok(direct_lease(place));
        }
        let request = Request { direct, ..self.request(settings, avoid) };
        let lease = match backend.assign(&request, self.way(backend)) {
            Assigned::Lease(lease) => Ok(lease),
            Assigned::NoServer => {
                return Err(Termination::new(Cause::ServerAbort, Phase::Connect));
            }
            Assigned::QueueFull(server) => {
                self.outcome.server = Some(server);
                return Err(Termination::new(Cause::ServerAbort, Phase::Queue));
            }
            Assigned::Queued(ticket) => {
                self.running.reach(Stage::Queued);
                self.wait(ticket, settings).await
            }
        };
        self.outcome.queue = Some(clock::now().saturating_duration_since(self.started));
        self.running.reach(Stage::Connecting);
        lease
    }

    /// How the frontend leads to `backend`: its role is about the one it names.
    fn way(&self, backend: &Backend) -> Way {
        let settings = &self.route.settings;
        let named = settings.backend.as_ref().map(Name::as_str) == Some(&*backend.name);
        Way { role: settings.role.filter(|_| named), hold: settings.hold.is_some() }
    }

    /// What the backend's policy needs to know of this session.
    fn request(&mut self, settings: &model::Backend, avoid: Option<ServerIndex>) -> Request {
        let hash = self.balance_hash(settings);
        let arrived = self.context.process.uptime(self.started);
        let due_ms = i64::try_from(arrived.as_millis()).unwrap_or(i64::MAX);
        let Priority { class, offset_ms } = self.ruled.priority;
        let order = QueueOrder { class, due_ms: due_ms.saturating_add(offset_ms.into()) };
        Request { hash, avoid, order, ..Request::default() }
    }

    async fn wait(
        &mut self,
        mut ticket: Ticket,
        settings: &model::Backend,
    ) -> Result<Lease, Ended> {
        match &ticket.server {
            Some(_) => self.outcome.server_queue = ticket.place,
            None => self.outcome.backend_queue = ticket.place,
        }
        let limit = if ticket.held { self.route.settings.hold } else { settings.timeouts.queue };
        let gone = client_gone(&mut self.client, &mut self.early, settings.abortonclose);
        tokio::select! {
            biased;
            granted = ticket.granted() => {
                granted.ok_or(Termination::new(Cause::ServerAbort, Phase::Queue))
            }
            () = gone => Err(Termination::new(Cause::ClientAbort, Phase::Queue)),
            () = sleep_or_forever(limit) => {
                Err(Termination::new(Cause::ServerTimeout, Phase::Queue))
            }
        }
    }
}

/// The slot of a session that is not balanced; such a place has no limit.
fn direct_lease(place: &model::Server) -> Lease {
    let health = Health::new(clock::now(), &Settings::default(), Duration::ZERO);
    // No place in the table of the backend, where there is another one for each of its servers.
    let index = ServerIndex(u32::MAX);
    Lease::direct(Arc::new(Server::new(place.clone(), index, health)))
}

/// Completes when the client leaves without having sent anything, or resets. What it sends
/// meanwhile is kept in `early`, up to [`EARLY_MAX`] bytes; a client that has sent something is
/// waited for even if it is half closed, as in HAProxy, unless `abortonclose`.
///
/// # Cancel safety
/// Safe: bytes read are in `early`.
pub(super) async fn client_gone(client: &mut Stream, early: &mut Vec<u8>, abortonclose: bool) {
    poll_fn(|cx| poll_client_gone(cx, client, early, abortonclose)).await;
}

pub(super) fn poll_client_gone(
    cx: &mut TaskContext<'_>,
    client: &mut Stream,
    early: &mut Vec<u8>,
    abortonclose: bool,
) -> Poll<()> {
    while early.len() < EARLY_MAX {
        match ready!(poll_read_into(cx, client, early, EARLY_MAX - early.len())) {
            Ok(0) if early.is_empty() || abortonclose => return Poll::Ready(()),
            Err(_) => return Poll::Ready(()),
            Ok(0) => return Poll::Pending,
            Ok(_) => {}
        }
    }
    Poll::Pending
}
