//! From a backend to a slot of one of its servers, through the queue if need be.

use std::sync::Arc;
use std::time::Duration;

use super::{Ended, Session};
use crate::clock;
use crate::config::model::{self, Redispatch};
use crate::pure::balance::{QueueOrder, Request, ServerIndex};
use crate::pure::health::{Health, Settings};
use crate::pure::rules::Precedence;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::sessions::Stage;
use crate::state::{Assigned, Backend, Lease, Server};

/// Who chose a session's server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// The policy.
    #[default]
    Balanced,
    /// A rule, a table or a cookie.
    Direct,
    /// The same, where `force-persist` says that it is this server or none.
    Forced,
}

/// Where a session stands among those that wait for a server.
#[derive(Clone, Copy, Default)]
pub(super) struct Priority {
    pub(super) class: i16,
    pub(super) offset_ms: i32,
}

impl Priority {
    /// HAProxy's bounds: what lies outside is brought inside.
    pub(super) fn change(&mut self, what: Precedence, value: i64) {
        match what {
            Precedence::Class => {
                self.class = i16::try_from(value.clamp(-2047, 2047)).unwrap_or_default();
            }
            Precedence::Offset => {
                self.offset_ms = i32::try_from(value.clamp(-524_287, 524_287)).unwrap_or_default();
            }
        }
    }
}

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
        // Who failed once is balanced, whatever was chosen before, as in HAProxy.
        let direct = match avoid {
            None => self.direct_server(backend, settings),
            Some(_) => None,
        };
        self.ruled.choice = match direct {
            None => Choice::Balanced,
            Some(_) if self.is_forced(&Arc::clone(&backend.ruling())) => Choice::Forced,
            Some(_) => Choice::Direct,
        };
        if let (Some(place), None) = (&settings.direct, direct) {
            self.outcome.queue = Some(clock::now().saturating_duration_since(self.running.started));
            self.running.reach(Stage::Connecting);
            return Ok(direct_lease(place));
        }
        let mut request = Request { direct, ..self.request(settings, avoid) };
        let way = self.way(backend);
        let mut assigned = backend.assign(&request, way);
        if let Assigned::QueueFull(left) = &assigned
            && self.ruled.choice == Choice::Direct
            && settings.redispatch != Redispatch::Never
        {
            self.outcome.passed_over(left);
            self.ruled.choice = Choice::Balanced;
            request.direct = None;
            assigned = backend.assign(&request, way);
        }
        let lease = match assigned {
            Assigned::Lease(lease) => {
                self.note_pick(&lease.server, avoid);
                Ok(lease)
            }
            Assigned::NoServer => {
                return Err(Termination::new(Cause::ServerAbort, Phase::Connect));
            }
            Assigned::HoldFull => Err(self.turned_away(backend, way).await),
            Assigned::QueueFull(server) => {
                self.note_pick(&server, avoid);
                self.outcome.server = Some(server);
                return Err(Termination::new(Cause::ServerAbort, Phase::Queue));
            }
            Assigned::Queued(ticket) => {
                if let Some(server) = &ticket.server {
                    self.note_pick(server, avoid);
                    self.outcome.server = Some(Arc::clone(server));
                }
                self.running.reach(Stage::Queued);
                self.wait(backend, ticket, (request, way), settings).await
            }
        };
        self.outcome.queue = Some(clock::now().saturating_duration_since(self.running.started));
        self.running.reach(Stage::Connecting);
        lease
    }

    /// The server that a rule, a cookie or a table names.
    fn direct_server(
        &mut self,
        backend: &Backend,
        settings: &model::Backend,
    ) -> Option<ServerIndex> {
        let wanted = self.wanted_server(backend, settings);
        let wanted = wanted.or_else(|| self.routed_server(backend, settings));
        self.stuck_server(backend, settings, wanted)
    }

    /// `server` was chosen: by the policy, if by nothing else.
    fn note_pick(&mut self, server: &Server, avoid: Option<ServerIndex>) {
        if self.ruled.choice == Choice::Balanced && avoid != Some(server.index) {
            self.outcome.picked(server);
        }
    }

    /// What the backend's policy needs to know of this session.
    fn request(&mut self, settings: &model::Backend, avoid: Option<ServerIndex>) -> Request {
        let hash = self.balance_hash(settings);
        let arrived = self.door.context.process.uptime(self.running.started);
        let due_ms = i64::try_from(arrived.as_millis()).unwrap_or(i64::MAX);
        let Priority { class, offset_ms } = self.ruled.priority;
        let order = QueueOrder { class, due_ms: due_ms.saturating_add(offset_ms.into()) };
        Request { hash, avoid, order, ..Request::default() }
    }
}

/// The slot of a session that is not balanced; such a place has no limit.
fn direct_lease(place: &model::Server) -> Lease {
    let health = Health::new(clock::now(), &Settings::default(), Duration::ZERO);
    // No place in the table of the backend, where there is another one for each of its servers.
    let index = ServerIndex(u32::MAX);
    Lease::direct(Arc::new(Server::new(place.clone(), index, health)))
}
