//! Verdicts and changes of standing as events, in HAProxy's terms.

use std::sync::Arc;

use crate::clock;
use crate::pure::health::verdict::{CheckStatus, Class, Verdict};
use crate::pure::health::{Standing, Transition};
use crate::state::{Backend, Server};
use crate::telemetry::event::{
    Change, CheckResult, Event, Finding, Outcome, Reason, ServerChange, What,
};

/// A server's standing changed by a verdict.
pub(super) fn change(
    backend: &Backend,
    server: &Server,
    verdict: &Verdict,
    transition: Transition,
) -> Event {
    let live = backend.live();
    let was_draining = matches!(transition.from, Standing::Draining | Standing::Stopping);
    let change = match transition.to {
        Standing::Up | Standing::Draining => Change::Up,
        Standing::Stopping => Change::Stopping,
        Standing::Down | Standing::Maint => Change::Down { was_draining },
    };
    // With `log-health-checks` the check was logged by itself just before.
    let logged = backend.settings().log_health_checks;
    let reason = if logged { Reason::Unsaid } else { Reason::Check(finding(verdict)) };
    event(
        backend,
        What::Server(ServerChange {
            backend: Arc::clone(&backend.name),
            server: Arc::clone(&server.name),
            backup: server.settings().backup,
            change,
            reason,
            active: u32::try_from(live.active).unwrap_or(u32::MAX),
            backups: u32::try_from(live.backup).unwrap_or(u32::MAX),
            sessions: server.service.traffic.sessions.current(),
            requeued: 0,
            queued: backend.service.queued.current(),
        }),
    )
}

/// A check's result, for `option log-health-checks`.
pub(super) fn result(backend: &Backend, server: &Server, verdict: &Verdict) -> Event {
    let outcome = match verdict.status.class() {
        Class::Conditional => Outcome::Conditionally,
        Class::Failed => Outcome::Failed,
        Class::Passed | Class::Neutral => Outcome::Succeeded,
    };
    let health = server.health();
    let (reached, of) = health.score().map_or((0, 0), |score| score.progress());
    let word = if health.standing().is_running() { "UP" } else { "DOWN" };
    event(
        backend,
        What::Check(CheckResult {
            backend: Arc::clone(&backend.name),
            server: Arc::clone(&server.name),
            backup: server.settings().backup,
            outcome,
            finding: finding(verdict),
            status: format!("{reached}/{of} {word}"),
        }),
    )
}

/// The last server of a backend went.
pub(super) fn no_server(backend: &Backend) -> Event {
    event(backend, What::NoServer { backend: Arc::clone(&backend.name) })
}

fn event(backend: &Backend, what: What) -> Event {
    let log = backend.settings().log.clone().into();
    Event { at: clock::wall(), log, what }
}

fn finding(verdict: &Verdict) -> Finding {
    let info = verdict.info();
    // A check that ran out of time took as long as it was given: HAProxy says so, too.
    let timed = verdict.status != CheckStatus::Unknown;
    Finding {
        description: verdict.status.text(),
        code: verdict.code.map(i64::from),
        info: (!info.is_empty()).then(|| info.as_bytes().to_vec()),
        duration: timed.then_some(verdict.duration),
    }
}
