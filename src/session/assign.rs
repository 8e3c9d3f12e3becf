//! From a backend to a slot of one of its servers, through the queue if need be.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::rules::Priority;
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model;
use crate::pure::balance::{QueueOrder, Request, ServerIndex};
use crate::pure::health::{Health, Settings};
use crate::pure::id::Name;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::sessions::Stage;
use crate::state::{Assigned, Backend, Lease, Server, Ticket, Way};

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
        let balanced = direct.is_none();
        let lease = match backend.assign(&request, self.way(backend)) {
            Assigned::Lease(lease) => {
                if balanced && avoid != Some(lease.server.index) {
                    self.outcome.picked(&lease.server);
                }
                Ok(lease)
            }
            Assigned::NoServer => {
                return Err(Termination::new(Cause::ServerAbort, Phase::Connect));
            }
            Assigned::QueueFull(server) => {
                if balanced {
                    self.outcome.picked(&server);
                }
                self.outcome.server = Some(server);
                return Err(Termination::new(Cause::ServerAbort, Phase::Queue));
            }
            Assigned::Queued(ticket) => {
                if let Some(server) = ticket.server.as_ref().filter(|_| balanced) {
                    self.outcome.picked(server);
                }
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
        let mut client = self.watch_client(settings);
        let gone = poll_fn(|cx| client.poll_gone(cx));
        tokio::select! {
            biased;
            granted = ticket.granted() => {
                granted.ok_or(Termination::new(Cause::ServerAbort, Phase::Queue))
            }
            how = gone => Err(how.ended(Phase::Queue)),
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
