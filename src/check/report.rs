//! Verdicts and changes of standing as events, in HAProxy's terms.

use std::sync::Arc;

use crate::clock;
use crate::pure::health::verdict::{CheckStatus, Class, Verdict};
use crate::state::{Backend, Server};
use crate::telemetry::event::{CheckResult, Event, Finding, Outcome, Reason, What};

/// Why a verdict changed a server's standing.
pub(super) fn reason(backend: &Backend, verdict: &Verdict) -> Reason {
    // With `log-health-checks` the check was logged by itself just before.
    let logged = backend.settings().log_health_checks;
    if logged { Reason::Unsaid } else { Reason::Check(finding(verdict)) }
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
