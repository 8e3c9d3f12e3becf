//! What follows from a change of one server: the live set, what is said of it, and its sessions.
//!
//! Checks, commands, the statistics page and agents change servers through this, so that an edge
//! has the same effects whoever caused it. What it says, and in which order, is HAProxy's (compared
//! with 2.6.12).
//!
//! | edge | said | sessions |
//! |---|---|---|
//! | running to down or maintenance | the server; the backend, if it was the last | `on-marked-down` |
//! | down or maintenance to up | the server | `on-marked-up` |
//! | any other | the server | – |

mod role;
mod service;
mod stay;
mod witness;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{Backend, CutReason, Process, Server, publish};
use crate::config::model::{LogLevel, OnMarkedDown, OnMarkedUp};
use crate::pure::health::admin::Command;
use crate::pure::health::{Commanded, Health, Outcome, Said, Standing, Transition};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::{Change, Event, Reason, ServerChange, What};

pub use role::RolesBefore;

/// When and where a server changes. For the control thread, like [`publish`].
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Whose sessions may have to go.
    pub process: &'a Process,
    /// Where it is said.
    pub bus: &'a Bus,
    /// When.
    pub now: Instant,
    /// The same by the wall clock.
    pub wall: SystemTime,
}

/// What was before a change.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    standing: Standing,
    had_servers: bool,
    /// Waiting for the server, and for any.
    queued: (u32, u32),
}

impl Before {
    /// What is before a change that comes now.
    #[must_use]
    pub fn of(backend: &Backend, server: &Server) -> Self {
        Self {
            standing: server.standing(),
            had_servers: !backend.live().set.members().is_empty(),
            queued: (server.service.queued.current(), backend.service.queued.current()),
        }
    }
}

impl Occasion<'_> {
    /// An operator puts a server into maintenance or drain, or takes it out.
    pub fn command(&self, backend: &Arc<Backend>, server: &Arc<Server>, command: Command) {
        let before = Before::of(backend, server);
        let commanded = publish::health(backend, server, self.now, |health| {
            health.handle_command(self.now, command)
        });
        server.wake_check();
        self.commanded(backend, server, &before, &commanded, Reason::Unsaid);
        self.followed(backend, server);
    }

    /// The flags of a server changed, for `reason`.
    pub(super) fn commanded(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        before: &Before,
        commanded: &Commanded,
        reason: Reason,
    ) {
        let change = admin_change(commanded, before.standing, server.standing());
        let Some(change) = change else { return };
        let reason = match change {
            Change::RemainsInTrackedDrain | Change::RemainsInTrackedMaintenance => tracked(server),
            _ => reason,
        };
        self.say(backend, server, before, change, reason);
        if commanded.before.is_maint() && !commanded.after.is_maint() {
            self.say_drain(backend, server, before);
        }
        if let Some(transition) = commanded.transition {
            self.finish(backend, server, before, transition);
        }
    }

    /// Says that a server of which something else was said goes on being drained, if it does.
    fn say_drain(&self, backend: &Backend, server: &Server, before: &Before) {
        let admin = server.health().admin();
        if admin.is_forced_drain() {
            self.say(backend, server, before, Change::RemainsInDrain, Reason::Unsaid);
        } else if admin.is_drain() {
            let reason = tracked(server);
            self.say(backend, server, before, Change::RemainsInTrackedDrain, reason);
        }
    }

    /// A server's name leads to `ip` now, as `by` said. `false`: it did before.
    pub fn resolved(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        ip: IpAddr,
        by: &str,
    ) -> bool {
        let had = server.settings().address.ip();
        if had != Some(ip) {
            publish::settings(backend, server, self.now, |settings| {
                settings.address = settings.address.at(Some(ip));
            });
            let had = had.map_or_else(|| "(none)".to_owned(), |ip| ip.to_string());
            let path = format!("{}/{}", backend.name, server.name);
            self.notice(backend, format!("{path} changed its IP from {had} to {ip} by {by}."));
        }
        self.readmit(backend, server);
        had != Some(ip)
    }

    /// A server that may have been in maintenance for want of an address has one.
    pub fn readmit(&self, backend: &Arc<Backend>, server: &Arc<Server>) {
        if !server.health().admin().is_unresolved() {
            return;
        }
        let before = Before::of(backend, server);
        let transition = publish::health(backend, server, self.now, |health| {
            health.handle_resolved(self.now, true)
        });
        server.wake_check();
        let Some(transition) = transition else { return };
        let path = format!("{}/{}", backend.name, server.name);
        let name = server.settings().hostname.clone().unwrap_or_default();
        let checks = if transition.to.is_running() { "UP" } else { "DOWN" };
        let admin = if server.health().admin().is_drain() { "DRAIN" } else { "READY" };
        let again = format!("Server {path} ('{name}') is {checks}/{admin} (resolves again).");
        self.notice(backend, again);
        let thanks = format!("Server {path} administratively READY thanks to valid DNS answer.");
        self.notice(backend, thanks);
        self.finish(backend, server, &before, transition);
        self.followed(backend, server);
    }

    /// A server's name leads nowhere any more. `false`: it did not before.
    pub fn unresolved(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        why: &'static str,
    ) -> bool {
        if server.health().admin().is_unresolved() {
            return false;
        }
        let before = Before::of(backend, server);
        let transition = publish::health(backend, server, self.now, |health| {
            health.handle_resolved(self.now, false)
        });
        publish::settings(backend, server, self.now, |settings| {
            settings.address = settings.address.at(None);
        });
        if let Some(transition) = transition {
            let change = match transition.from.is_running() {
                true => Change::LosesAddress { why },
                false => Change::LosesAddressDown { why },
            };
            self.say(backend, server, &before, change, Reason::Unsaid);
            self.finish(backend, server, &before, transition);
        }
        self.followed(backend, server);
        true
    }

    fn notice(&self, backend: &Backend, text: String) {
        let what = What::Notice { level: LogLevel::Notice, text };
        self.bus.event(self.event(backend, what));
    }

    /// An operator speaks for a server's check.
    pub fn said(&self, backend: &Arc<Backend>, server: &Arc<Server>, said: Said, reason: Reason) {
        let change = |health: &mut Health| health.handle_said(self.now, said);
        let before = Before::of(backend, server);
        let transition = publish::health(backend, server, self.now, change);
        if let Some(transition) = transition {
            self.moved(backend, server, &before, transition, reason);
        }
    }

    /// An operator speaks for a server's agent, or switches it on or off by `change`; `None` where
    /// that cannot be.
    pub fn agent(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        change: impl FnOnce(&mut Health) -> Option<Outcome>,
        reason: Reason,
    ) -> Option<()> {
        let before = Before::of(backend, server);
        let outcome = publish::health(backend, server, self.now, change)?;
        if let Some(transition) = outcome.transition {
            self.moved(backend, server, &before, transition, reason);
        }
        Some(())
    }

    /// A server's standing changed for `reason`, which is none of an operator's flags.
    pub fn moved(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        before: &Before,
        transition: Transition,
        reason: Reason,
    ) {
        self.changed(backend, server, before, transition, reason);
        self.followed(backend, server);
    }

    /// The same without what follows for those who track it.
    pub(super) fn changed(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        before: &Before,
        transition: Transition,
        reason: Reason,
    ) {
        let change = match transition.to {
            Standing::Up | Standing::Draining => Change::Up,
            Standing::Stopping => Change::Stopping,
            Standing::Down | Standing::Maint => {
                Change::Down { was_draining: is_leaving(transition.from) }
            }
        };
        self.say(backend, server, before, change, reason);
        self.say_drain(backend, server, before);
        self.finish(backend, server, before, transition);
    }

    fn say(
        &self,
        backend: &Backend,
        server: &Server,
        before: &Before,
        change: Change,
        reason: Reason,
    ) {
        let live = backend.live();
        let queued = (server.service.queued.current(), backend.service.queued.current());
        // A server that goes gives its queue away, one that comes takes from the backend's.
        let requeued = if server.standing().is_running() {
            before.queued.1.saturating_sub(queued.1)
        } else {
            before.queued.0.saturating_sub(queued.0)
        };
        let what = What::Server(ServerChange {
            backend: Arc::clone(&backend.name),
            server: Arc::clone(&server.name),
            backup: server.settings().backup,
            change,
            reason,
            active: u32::try_from(live.active).unwrap_or(u32::MAX),
            backups: u32::try_from(live.backup).unwrap_or(u32::MAX),
            sessions: server.service.traffic.sessions.current(),
            requeued,
            queued: queued.0,
        });
        self.bus.event(self.event(backend, what));
    }

    /// Says that nobody is left for new clients, where that was otherwise before.
    pub fn say_if_empty(&self, backend: &Backend, before: &Before) {
        if before.had_servers && backend.live().set.members().is_empty() {
            let is_listen = self.process.objects().is_served_by_listen(backend);
            let what = What::NoServer { backend: Arc::clone(&backend.name), is_listen };
            self.bus.event(self.event(backend, what));
        }
    }

    /// What is left once the server was spoken of: the backend, and the sessions.
    fn finish(
        &self,
        backend: &Backend,
        server: &Arc<Server>,
        before: &Before,
        transition: Transition,
    ) {
        let is_running = transition.to.is_running();
        self.say_if_empty(backend, before);
        if server.health().is_shut() {
            // It answers whom it has taken; who waits for that does better elsewhere.
            self.process.sessions.end_on_server(server, CutReason::ServerLeft);
        }
        self.part(backend, server);
        let settings = server.settings();
        if transition.from.is_running() && !is_running && backend.settings().routes.is_empty() {
            let reason = match settings.on_marked_down {
                OnMarkedDown::ShutdownSessions => CutReason::ServerDown,
                OnMarkedDown::Keep => CutReason::ServerLeft,
            };
            self.process.sessions.end_on_server(server, reason);
        }
        let came_up = !transition.from.is_running() && transition.to == Standing::Up;
        if came_up
            && settings.on_marked_up == OnMarkedUp::ShutdownBackupSessions
            && !settings.backup
            && settings.weight.value() > 0
        {
            for backup in backend.live().servers.iter().filter(|s| s.settings().backup) {
                self.process.sessions.end_on_server(backup, CutReason::ServerUp);
            }
        }
    }

    fn event(&self, backend: &Backend, what: What) -> Event {
        Event { at: self.wall, log: backend.settings().log.clone(), what }
    }
}

/// The server that `server` tracks, as a reason.
fn tracked(server: &Server) -> Reason {
    let settings = server.configured();
    settings
        .track
        .as_ref()
        .map_or(Reason::Unsaid, |track| Reason::Tracked(track.to_string().into()))
}

/// It took no sessions by balancing already.
const fn is_leaving(standing: Standing) -> bool {
    matches!(standing, Standing::Draining | Standing::Stopping)
}

/// What an operator's command changed; `None`: nothing.
///
/// | maintenance | drain | change |
/// |---|---|---|
/// | begins | – | `EntersMaintenance`, `EntersMaintenanceDown` |
/// | ends | – | `LeavesMaintenance` |
/// | a reason less | – | `RemainsInMaintenance`, `RemainsInTrackedMaintenance` |
/// | no | begins | `EntersDrain` |
/// | no | ends | `LeavesDrain` |
/// | no | other reasons | `RemainsInDrain`, `RemainsInTrackedDrain` |
fn admin_change(commanded: &Commanded, from: Standing, to: Standing) -> Option<Change> {
    let (before, after) = (commanded.before, commanded.after);
    let up = to.is_running();
    match (before.is_maint(), after.is_maint()) {
        (false, true) if from.is_running() => {
            Some(Change::EntersMaintenance { was_draining: is_leaving(from) })
        }
        (false, true) => Some(Change::EntersMaintenanceDown),
        (true, false) => {
            let forced = before.is_forced_maint();
            Some(Change::LeavesMaintenance { up, draining: after.is_drain(), forced })
        }
        (true, true) => match (before.is_forced_maint(), after.is_forced_maint()) {
            (true, false) if after.is_inherited_maint() => {
                Some(Change::RemainsInTrackedMaintenance)
            }
            (true, true) if before.is_inherited_maint() && !after.is_inherited_maint() => {
                Some(Change::RemainsInMaintenance)
            }
            _ => None,
        },
        (false, false) => match (before.is_drain(), after.is_drain()) {
            (false, true) => Some(Change::EntersDrain { up }),
            (true, false) => Some(Change::LeavesDrain { up }),
            (true, true) if before != after && after.is_forced_drain() => {
                Some(Change::RemainsInDrain)
            }
            (true, true) if before != after => Some(Change::RemainsInTrackedDrain),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pure::health::Settings;
    use crate::pure::health::admin::Command::{Drain, Maint, Ready};

    #[test]
    fn each_command_says_what_it_changed() {
        let now = Instant::now();
        let leaves =
            |draining| Some(Change::LeavesMaintenance { up: true, draining, forced: true });
        let maint = |was_draining| Some(Change::EntersMaintenance { was_draining });
        let mut health = Health::new(now, &Settings::default(), Duration::ZERO);
        for (said, command, want) in [
            (None, Ready, None),
            (None, Drain, Some(Change::EntersDrain { up: true })),
            (None, Drain, None),
            (None, Maint, maint(true)),
            (None, Maint, None),
            (None, Drain, leaves(true)),
            (None, Ready, Some(Change::LeavesDrain { up: true })),
            (None, Maint, maint(false)),
            (None, Ready, leaves(false)),
            (Some(Said::Stopping), Maint, maint(true)),
            (None, Ready, leaves(false)),
            (Some(Said::Down), Drain, Some(Change::EntersDrain { up: false })),
            (None, Ready, Some(Change::LeavesDrain { up: false })),
            (None, Maint, Some(Change::EntersMaintenanceDown)),
            (None, Drain, leaves(true)),
        ] {
            if let Some(said) = said {
                health.handle_said(now, said);
            }
            let from = health.standing();
            let commanded = health.handle_command(now, command);
            let change = admin_change(&commanded, from, health.standing());
            assert_eq!(change, want, "{from:?} {command:?}");
        }
    }
}
