//! Waiting for a server: in the queue of those that are full, or held until there is one.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follow::killed;
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model::{self, LogLevel};
use crate::pure::balance::Request;
use crate::pure::id::Name;
use crate::pure::role::hold::Hold;
use crate::pure::role::route::RoleRoute;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::{Assigned, Backend, Lease, Ticket, Way};
use crate::telemetry::event::{Event, What};

/// From a backend's settings to the routes of its frontends within one reload, generously.
const RELOAD_SETTLES: Duration = Duration::from_millis(100);

/// Between two looks whether a process that stood still knows its servers again.
const DOUBT_LOOK: Duration = Duration::from_millis(20);

impl Session {
    /// How the frontend leads to `backend`: its role is about the one it names.
    pub(super) fn way(&self, backend: &Backend) -> Way {
        let settings = &self.route.settings;
        let named =
            |to: &model::Frontend| to.backend.as_ref().map(Name::as_str) == Some(&*backend.name);
        let Some(role) = settings.role.filter(|_| named(settings)) else {
            return Way { role: None, hold: settings.hold };
        };
        // A reload may have changed what belongs to its role, and the lane with it.
        let route = self.running.frontend.route();
        let role = route.settings.role.filter(|_| named(&route.settings)).unwrap_or(role);
        Way { role: Some(role), hold: settings.hold }
    }

    /// Waits for a slot, in the place of `ticket`, which `request` was given on its `way`. A client
    /// whose lane a reload takes away goes over to the one that its frontend has from then on, where
    /// its age gives it its place; how long it is held is said by the settings it came with.
    pub(super) async fn wait(
        &mut self,
        backend: &Arc<Backend>,
        mut ticket: Ticket,
        (request, mut way): (Request, Way),
        settings: &model::Backend,
    ) -> Result<Lease, Ended> {
        let since = clock::now();
        loop {
            let waited = self.wait_in(&mut ticket, way, settings, since).await;
            match &ticket.server {
                Some(_) => self.outcome.server_queue = ticket.place(),
                None => self.outcome.backend_queue = ticket.place(),
            }
            match waited {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {}
                Err(end) => {
                    if end.cause == Cause::ServerTimeout && ticket.is_held() {
                        self.gave_up(backend, way).await;
                    }
                    return Err(end);
                }
            }
            let before = std::mem::replace(&mut way, self.way(backend));
            if before == way {
                // A reload gives a backend its lanes before its frontends their routes.
                tokio::time::sleep(RELOAD_SETTLES).await;
                way = self.way(backend);
            }
            if before == way {
                return Err(Termination::new(Cause::ServerAbort, Phase::Queue));
            }
            ticket = match backend.assign(&request, way) {
                Assigned::Lease(lease) => return Ok(lease),
                Assigned::Queued(ticket) => ticket,
                Assigned::HoldFull => return Err(self.turned_away(backend, way).await),
                Assigned::QueueFull(_) | Assigned::NoServer => {
                    return Err(Termination::new(Cause::ServerAbort, Phase::Queue));
                }
            };
        }
    }

    /// `None`: there is no such queue any more.
    async fn wait_in(
        &mut self,
        ticket: &mut Ticket,
        way: Way,
        settings: &model::Backend,
        since: Instant,
    ) -> Result<Option<Lease>, Ended> {
        let handle = Arc::clone(self.running.handle());
        let process = Arc::clone(&self.door.context.process);
        let mut client = self.watch_client(settings);
        if way.role.is_some() {
            // Clients of databases close when they leave, whatever they have sent.
            client.leave_by_closing();
        }
        let mut held = ticket.is_held();
        let (waking, stood) = (&process.waking, process.waking.stood());
        loop {
            let limit = if held {
                // Nobody could be let go while the process stood still.
                way.hold.map(|hold| hold.time + (waking.stood() - stood))
            } else {
                settings.timeouts.queue
            };
            let left = limit.map(|limit| limit.saturating_sub(clock::now() - since));
            let gone = poll_fn(|cx| client.poll_gone(cx));
            tokio::select! {
                biased;
                granted = ticket.granted() => return Ok(granted),
                how = gone => return Err(how.ended(Phase::Queue)),
                () = killed(&handle) => return Err(Termination::new(Cause::Killed, Phase::Queue)),
                () = sleep_or_forever(left) => {}
            }
            if held && waking.is_in_doubt() {
                tokio::time::sleep(DOUBT_LOOK).await;
                continue;
            }
            if held || !ticket.is_held() {
                return Err(Termination::new(Cause::ServerTimeout, Phase::Queue));
            }
            // The servers it was queued for are gone: it is held for the rest of that time.
            held = true;
        }
    }

    /// As many clients are held as may be.
    pub(super) async fn turned_away(&mut self, backend: &Backend, way: Way) -> Ended {
        backend.hold.refused.add(1);
        let max = way.hold.map_or(0, |hold| hold.max.get());
        let what = format!("a client is refused: {max} are held already");
        self.say_held(backend, way, &what);
        self.say_in_vain(backend, &format!("too many clients wait, {}", lacking(way))).await;
        Termination::new(Cause::Resource, Phase::Queue)
    }

    /// The client was held in vain.
    async fn gave_up(&mut self, backend: &Backend, way: Way) {
        backend.hold.expired.add(1);
        let Some(Hold { time, .. }) = way.hold else { return };
        let what = format!("a client was held for {} s in vain", time.as_secs_f64());
        self.say_held(backend, way, &what);
        self.say_in_vain(backend, lacking(way)).await;
    }

    /// Says it once an episode: a crowd that is sent away fills no log.
    fn say_held(&self, backend: &Backend, way: Way, what: &str) {
        if !backend.hold.said.begins(self.uptime()) {
            return;
        }
        let why = lacking(way);
        let text = format!("Backend {}: {what}, {why}; {} wait.", backend.name, backend.held());
        let what = What::Notice { level: LogLevel::Warning, text };
        let log = backend.settings().log.clone();
        self.door.context.bus.event(Event { at: clock::wall(), log, what });
    }
}

/// What a client on this way waits for.
const fn lacking(way: Way) -> &'static str {
    match way.role {
        None => "no server may be picked",
        Some(RoleRoute::Primary) => "no server is taken for the primary",
        Some(RoleRoute::Replica { .. }) => "no server is a replica that is near enough",
    }
}
