//! What a switchover is about to do, and whether it still may.

use std::sync::Arc;
use std::time::Duration;

use crate::app::operation::{primary_of, route_of, runs};
use crate::clock;
use crate::config::defaults::SWITCHOVER_MAX_LAG;
use crate::config::model::{CheckKind, DatabaseCheck, Promote};
use crate::pure::role::lag::Lag;
use crate::pure::role::route::{Part, RoleRoute};
use crate::state::request::Switchover;
use crate::state::{Backend, Frontend, Process, Server};

/// What is about to be done, with everything that was looked up for it.
pub(super) struct Plan {
    pub(super) process: Arc<Process>,
    pub(super) route: String,
    pub(super) backend: Arc<Backend>,
    pub(super) from: Arc<Server>,
    pub(super) to: Arc<Server>,
    pub(super) step: Promote,
    /// How long clients may wait.
    pub(super) timeout: Duration,
    pub(super) max_lag: Duration,
}

impl Plan {
    /// Whether and how it can be done, as far as that is known here.
    pub(super) fn look(process: &Arc<Process>, order: &Switchover) -> Result<Self, String> {
        let (_, backend) = route_of(process, &order.route)?;
        let settings = backend.settings();
        let Some(switchover) = &settings.switchover else {
            return Err(format!("backend '{}' has no 'switchover'", backend.name));
        };
        if let Promote::Program { promote, rollback } = &switchover.step {
            runs(promote)?;
            runs(rollback)?;
        }
        let timeout = order.timeout.unwrap_or(switchover.timeout);
        let leads_there = |f: &&Arc<Frontend>| {
            let route = f.route();
            let backend_of = route.backend.as_ref();
            route.settings.role == Some(RoleRoute::Primary)
                && backend_of.is_some_and(|known| Arc::ptr_eq(known, &backend))
        };
        for frontend in process.objects().frontends.iter().filter(leads_there) {
            if frontend.route().settings.hold.is_some_and(|hold| hold.time <= timeout) {
                return Err(format!(
                    "it may take {timeout:?}, and frontend '{}' holds clients for less",
                    frontend.name
                ));
            }
        }
        let from = primary_of(&backend)?;
        let to = named(&backend, &order.to);
        let to =
            to.ok_or_else(|| format!("backend '{}' has no server '{}'", backend.name, order.to))?;
        if Arc::ptr_eq(&to, &from) {
            return Err(format!("{} is primary already", from.name));
        }
        let plan = Self {
            process: Arc::clone(process),
            route: order.route.clone(),
            backend: Arc::clone(&backend),
            from,
            to,
            step: switchover.step.clone(),
            timeout,
            max_lag: order.max_lag.unwrap_or(SWITCHOVER_MAX_LAG),
        };
        plan.stands()?;
        Ok(plan)
    }

    /// Whether the two still are what they were, before anything is changed.
    pub(super) fn stands(&self) -> Result<(), String> {
        let Self { backend, from, .. } = self;
        self.may_go_on()?;
        if backend.group.claims().primary.as_deref() != Some(&*from.name) {
            return Err(format!("{} is no longer primary", from.name));
        }
        Ok(())
    }

    /// Whether the one may still take over from the other: both are configured, nobody else has, and
    /// it follows, runs, and is given sessions.
    pub(super) fn may_go_on(&self) -> Result<(), String> {
        let Self { backend, from, to, .. } = self;
        self.is_configured()?;
        self.is_alone()?;
        if let Some(primary) = backend.group.claims().primary
            && *primary != *from.name
        {
            return Err(format!("{primary} has become primary"));
        }
        let parts = backend.group.parts(clock::now(), std::slice::from_ref(to));
        if !matches!(parts[..], [Part::Replica(_)]) || !to.standing().is_running() {
            let why = backend.group.stray(&to.name).map(|why| format!(": {why}"));
            return Err(format!("{} is no running replica{}", to.name, why.unwrap_or_default()));
        }
        if let Some(stray) = backend.group.stray(&to.name) {
            return Err(format!("{} would not do: {stray}", to.name));
        }
        self.gets_sessions()
    }

    /// Whether no third claims to be primary: what that one writes the next one would not have.
    pub(super) fn is_alone(&self) -> Result<(), String> {
        match self.backend.group.intruder() {
            Some(third) => Err(format!("{third} claims to be primary")),
            None => Ok(()),
        }
    }

    /// Whether the next primary may be given any: it would take the writes, and nobody would come.
    fn gets_sessions(&self) -> Result<(), String> {
        let Self { backend, to, .. } = self;
        let why = if let Some(objection) = to.objection(Part::Replica(None)) {
            objection
        } else if backend.live().candidate(to.index).is_none_or(|it| it.effective.is_none()) {
            "it is drained, or its weight is 0".to_owned()
        } else {
            return Ok(());
        };
        Err(format!("{} would get no sessions: {why}", to.name))
    }

    /// Whether a reload or a command has taken nothing of it away.
    fn is_configured(&self) -> Result<(), String> {
        let (_, backend) = route_of(&self.process, &self.route)?;
        if !Arc::ptr_eq(&backend, &self.backend) {
            return Err(format!("frontend '{}' leads to another backend now", self.route));
        }
        for server in [&self.from, &self.to] {
            if named(&backend, &server.name).is_none_or(|known| !Arc::ptr_eq(&known, server)) {
                return Err(format!("{} is no server of '{}' any more", server.name, backend.name));
            }
        }
        Ok(())
    }

    /// How far behind the next primary is by our own clock, as far as that is known.
    pub(super) fn lag(&self) -> Option<Lag> {
        let parts = self.backend.group.parts(clock::now(), std::slice::from_ref(&self.to));
        match parts[..] {
            [Part::Replica(lag)] => lag,
            _ => None,
        }
    }

    /// Who logs in to look, and to change something where that is built in.
    pub(super) fn account(&self) -> Result<DatabaseCheck, String> {
        if let Promote::BuiltIn(account) = &self.step {
            return Ok(account.clone());
        }
        match self.to.settings().check.as_ref().map(|check| &check.kind) {
            Some(CheckKind::Database(check)) => Ok(check.clone()),
            _ => Err(format!("the check of {} does not ask what it is", self.to.name)),
        }
    }
}

/// The server of this name.
pub(super) fn named(backend: &Backend, name: &str) -> Option<Arc<Server>> {
    backend.live().servers.iter().find(|server| *server.name == *name).cloned()
}
