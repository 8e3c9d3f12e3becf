//! What follows when a server says what it is, or is heard no more: who is primary, what is said of
//! it, who is cut, and what is remembered.

use std::sync::Arc;

use super::Occasion;
use crate::pure::health::verdict::Verdict;
use crate::pure::role::Reading;
use crate::pure::role::incident::Incident;
use crate::state::group::Claims;
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
    /// A server said what it is, or (`None`) is heard no more.
    pub fn read(&self, backend: &Arc<Backend>, server: &Arc<Server>, reading: Option<Reading>) {
        let before = RolesBefore::of(backend);
        let was_mute = backend.group.is_mute(&server.name);
        let speaks = reading.is_some();
        backend.group.note_held(backend.service.queued.current());
        publish::reading(backend, server, self.now, reading);
        if was_mute && speaks {
            self.say_role(backend, RoleChange::LetIn { server: server.name.to_string() });
        }
        self.roles_changed(backend, &before);
    }

    /// The check of a server was refused by it. Whether what it said before counts on: not where it
    /// never said what it is.
    pub fn refused(&self, backend: &Arc<Backend>, server: &Server, verdict: &Verdict) -> bool {
        let before = RolesBefore::of(backend);
        let Some(is_news) = publish::refused(backend, server, self.now) else { return false };
        if is_news {
            let (server, why) = (server.name.to_string(), verdict.info().to_owned());
            self.say_role(backend, RoleChange::LetOut { server, why });
        }
        self.roles_changed(backend, &before);
        true
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
        if claims != before.claims {
            self.say_claims(backend, &before.claims, claims);
        }
        if backend.group.revision() != before.revision {
            self.remember(backend);
        }
        if let Some(incident) = backend.group.take_incident(self.now) {
            self.record(backend, &incident);
        }
    }

    /// Writes down what was measured of a failover. A process that stops leaves that to its successor.
    fn record(&self, backend: &Backend, incident: &Incident) {
        let ago = self.now.saturating_duration_since(incident.lost_at);
        let record = Record::of(&backend.name, incident, self.wall, ago);
        if let Some(record) = record.filter(|_| !self.process.is_stopping()) {
            self.say_role(backend, RoleChange::Over(Box::new(record.clone())));
            self.process.remembered.record(record);
        }
    }

    /// Writes down who is primary. A process that stops leaves that to its successor.
    fn remember(&self, backend: &Backend) {
        if !self.process.is_stopping() {
            self.process.remembered.note(&backend.name, backend.group.memory());
        }
    }

    fn say_claims(&self, backend: &Backend, before: &Claims, now: Claims) {
        for (server, why) in now.refused {
            let known = before.refused.iter().any(|(name, was)| *name == server && *was == why);
            if !known {
                self.say_role(backend, RoleChange::Refused { server, why });
            }
        }
        if now.primary == before.primary {
            return;
        }
        let change = match now.primary {
            Some(server) => {
                let history = backend.group.reading(&server).map(|r| r.history.to_string());
                RoleChange::Primary { server, history: history.unwrap_or_default() }
            }
            None => RoleChange::NoPrimary { was: before.primary.clone().unwrap_or_default() },
        };
        self.say_role(backend, change);
    }

    /// Says something of who is primary.
    pub fn say_role(&self, backend: &Backend, change: RoleChange) {
        let what = What::Role(Arc::clone(&backend.name), change);
        self.bus.event(self.event(backend, what));
    }
}
