//! What follows when a server says what it is, or is heard no more: who is primary, what is said of
//! it, who is cut, and what is remembered.

use std::sync::Arc;

use super::Occasion;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::role::Reading;
use crate::pure::role::doubt::Doubt;
use crate::pure::role::fence::Refusal;
use crate::pure::role::incident::Incident;
use crate::state::group::{Claims, Told};
use crate::state::{Backend, Server, publish};
use crate::telemetry::event::{RoleChange, What};
use crate::telemetry::failover::Record;

/// Roles before a change.
#[derive(Debug)]
pub struct RolesBefore {
    claims: Claims,
    revision: u64,
}

impl RolesBefore {
    /// What is before a change that comes now.
    #[must_use]
    pub fn of(backend: &Backend) -> Self {
        Self { claims: backend.group.claims(), revision: backend.group.revision() }
    }
}

impl Occasion<'_> {
    /// A server said what it is.
    pub fn read(&self, backend: &Arc<Backend>, server: &Arc<Server>, reading: Reading) {
        let before = RolesBefore::of(backend);
        let service = &backend.service;
        // Those that found no server, and those that it left.
        let failed = service.connect_errors.get() + service.server_aborts.get();
        backend.group.note_failed(failed);
        backend.group.note_held(service.queued.current());
        let was_mute = backend.group.is_mute(&server.name);
        publish::reading(backend, server, self.now, reading);
        if was_mute {
            self.say_role(backend, RoleChange::LetIn { server: server.name.to_string() });
        }
        self.roles_changed(backend, &before);
    }

    /// The check of a server was refused by it, or they found no TLS to speak. Whether what it said before counts on: not where it
    /// never said what it is.
    pub fn refused(&self, backend: &Arc<Backend>, server: &Server, verdict: &Verdict) -> bool {
        let before = RolesBefore::of(backend);
        let Some(is_news) = publish::refused(backend, server, self.now, verdict.refused_at) else {
            return false;
        };
        if is_news {
            let (server, why) = (server.name.to_string(), verdict.info().to_owned());
            let is_tls = verdict.status == CheckStatus::L6Response;
            self.say_role(backend, RoleChange::LetOut { server, why, is_tls });
        }
        self.roles_changed(backend, &before);
        true
    }

    /// The answer of a server is overdue. Whether that is news of one that said what it is.
    pub fn silent(&self, backend: &Arc<Backend>, server: &Server) -> bool {
        let before = RolesBefore::of(backend);
        let is_news = publish::silent(backend, server, self.now);
        if is_news {
            self.roles_changed(backend, &before);
        }
        is_news
    }

    /// An operator says that what is remembered of the primaries of a backend counts no more.
    pub fn clear_fence(&self, backend: &Arc<Backend>) {
        let before = RolesBefore::of(backend);
        publish::fence_cleared(backend, self.now);
        self.say_role(backend, RoleChange::Cleared);
        self.roles_changed(backend, &before);
    }

    /// What follows from a change of roles, or of who is up.
    pub fn roles_changed(&self, backend: &Arc<Backend>, before: &RolesBefore) {
        if !backend.settings().routes.is_empty() {
            let servers = backend.live().servers.clone();
            servers.iter().for_each(|server| self.part(backend, server));
        }
        let claims = backend.group.claims();
        if claims.primary.is_none() && before.claims.primary.is_some() {
            // One of them may take over, or has already.
            backend.live().servers.iter().for_each(|server| server.hint());
        }
        if claims.primary != before.claims.primary {
            // Clients wait until they say so, too.
            backend.live().servers.iter().for_each(|server| server.wake_witnesses());
        }
        self.say_kept_out(backend);
        if claims != before.claims {
            self.say_claims(backend, &before.claims, claims);
        }
        self.say_troubles(backend);
        if backend.group.revision() != before.revision {
            self.remember(backend);
        }
        self.note_running(backend);
        let left = |server: &str| self.writes_on(backend, server);
        for incident in backend.group.take_incidents(self.now, left) {
            self.record(backend, &incident);
        }
        for told in backend.group.take_told() {
            self.settle(backend, &told);
        }
        if let Some(unseen) = backend.group.take_unseen() {
            let record = Record::unseen(&backend.name, &unseen, self.wall);
            backend.group.doubt(Doubt::of_unseen(&unseen), record.at.clone());
            self.write(backend, record);
        }
    }

    /// Says what troubles of single servers begin and end.
    fn say_troubles(&self, backend: &Backend) {
        for (server, stray) in backend.group.take_strays(self.now) {
            self.say_role(
                backend,
                match stray {
                    Some(why) => RoleChange::Astray { server, why },
                    None => RoleChange::Follows { server },
                },
            );
        }
        if let Some((server, stall)) = backend.group.take_hanging(self.now) {
            self.say_role(
                backend,
                match stall {
                    Some(why) => RoleChange::Hangs { server, why },
                    None => RoleChange::GoesOn { server },
                },
            );
        }
        let disputed = backend.disputed_primary();
        if let Some((server, why)) = backend.group.take_disputed(self.now, disputed) {
            self.say_role(
                backend,
                match why {
                    Some(why) => RoleChange::Disputed { server, why },
                    None => RoleChange::Undisputed { server },
                },
            );
        }
    }

    /// Writes down what was measured of a failover.
    pub fn record(&self, backend: &Backend, incident: &Incident) {
        let ago = self.now.saturating_duration_since(incident.lost_at);
        if let Some(mut record) = Record::of(&backend.name, incident, self.wall, ago) {
            let came_back = record.to.as_ref() == Some(&record.from);
            let kept = if came_back { 0 } else { self.writes_on(backend, &incident.from) };
            record.sessions_kept = Some(u64::try_from(kept).unwrap_or(u64::MAX));
            // Its sessions are gone: what it says from now on is all it had.
            backend.group.doubt(Doubt::of(incident), record.at.clone());
            self.write(backend, record);
        }
    }

    /// An old primary told what its successor lacked.
    fn settle(&self, backend: &Backend, told: &Told) {
        if self.process.is_stopping() {
            return;
        }
        let change = |record: &mut Record| record.settle(told.settled, &told.reading, self.wall);
        if let Some(record) = self.process.remembered.amend(&backend.name, &told.at, change) {
            self.say_role(backend, RoleChange::Settled(Box::new(record)));
        }
    }

    /// How many sessions a server has by routes to the primary.
    fn writes_on(&self, backend: &Backend, name: &str) -> usize {
        let live = backend.live();
        let server = live.servers.iter().find(|server| *server.name == *name);
        server.map_or(0, |server| self.process.sessions.count_writes_on(server))
    }

    /// Compares a record with what is declared, and says and keeps it. A process that stops leaves that
    /// to its successor.
    fn write(&self, backend: &Backend, record: Record) {
        if self.process.is_stopping() {
            return;
        }
        let (routes, declared) = self.process.declared(backend);
        let record = record.judged(routes, declared);
        self.say_role(backend, RoleChange::Over(Box::new(record.clone())));
        self.process.remembered.record(record);
    }

    /// Writes down the failover that goes on, for a process that may have to go on with it.
    fn note_running(&self, backend: &Backend) {
        let remembered = &self.process.remembered;
        let Some(start) = remembered.system_start().filter(|_| !self.process.is_stopping()) else {
            return;
        };
        let running = backend.group.running(start);
        if running.is_some() && remembered.running(&backend.name).is_none() {
            // How far the one that was lost had come counts for what the next one lacks.
            self.remember(backend);
        }
        remembered.note_running(&backend.name, running);
    }

    /// Writes down who is primary. A process that stops leaves that to its successor.
    fn remember(&self, backend: &Backend) {
        if !self.process.is_stopping() {
            self.process.remembered.note(&backend.name, backend.group.memory());
        }
    }

    /// Says who is kept out, and who is not any more.
    fn say_kept_out(&self, backend: &Backend) {
        let servers = backend.live().servers.clone();
        for (server, why) in backend.group.take_kept_out(&servers) {
            let change = match why {
                None => RoleChange::Unfenced { server },
                Some(why) if self.process.is_replaced(backend, &server, why) => {
                    RoleChange::Replaced { server }
                }
                Some(why) => RoleChange::Refused { server, why },
            };
            self.say_role(backend, change);
        }
    }

    fn say_claims(&self, backend: &Backend, before: &Claims, now: Claims) {
        let conflicts = now.refused.iter().filter(|(_, why)| *why == Refusal::Conflict);
        for (server, why) in conflicts.filter(|known| !before.refused.contains(known)) {
            self.say_role(backend, RoleChange::Refused { server: server.clone(), why: *why });
        }
        if now.primary == before.primary {
            return;
        }
        let change = match now.primary {
            Some(server) => {
                let history = backend.group.reading(&server).map(|r| r.history.to_string());
                RoleChange::Primary { server, history: history.unwrap_or_default() }
            }
            None => {
                let was = before.primary.clone().unwrap_or_default();
                if backend.group.is_replaced(&was) {
                    // As planned: what comes of it is said by who planned it.
                    return;
                }
                RoleChange::NoPrimary { was }
            }
        };
        self.say_role(backend, change);
    }

    /// Says something of who is primary.
    pub fn say_role(&self, backend: &Backend, change: RoleChange) {
        let what = What::Role(Arc::clone(&backend.name), change);
        self.bus.event(self.event(backend, what));
    }
}
