//! Verdicts and changes of standing as events, in HAProxy's terms.

use std::sync::Arc;

use crate::clock;
use crate::pure::health::verdict::{CheckStatus, Class, Verdict};
use crate::state::{Backend, Server};
use crate::telemetry::event::{Asked, CheckResult, Event, Finding, Outcome, Reason, What};

/// Why a verdict changed a server's standing.
pub(super) fn reason(backend: &Backend, verdict: &Verdict) -> Reason {
    // With `log-health-checks` the check was logged by itself just before.
    let logged = backend.settings().log_health_checks;
    if logged { Reason::Unsaid } else { Reason::Check(finding(verdict)) }
}

/// A check's result, for `option log-health-checks`.
pub(super) fn result(backend: &Backend, server: &Server, verdict: &Verdict) -> Event {
    let health = server.health();
    let (reached, of) = health.score().map_or((0, 0), |score| score.progress());
    let up = health.score().is_some_and(|score| score.is_up());
    told(backend, server, verdict, Asked::Check, (reached, u32::from(of), up))
}

/// What an agent said, for the same.
pub(super) fn agent_result(backend: &Backend, server: &Server, verdict: &Verdict) -> Event {
    let up = server.health().agent().is_none_or(|agent| agent.is_up());
    told(backend, server, verdict, Asked::Agent, (u32::from(up), 1, up))
}

fn told(
    backend: &Backend,
    server: &Server,
    verdict: &Verdict,
    asked: Asked,
    (reached, of, up): (u32, u32, bool),
) -> Event {
    let outcome = match verdict.status.class() {
        Class::Conditional => Outcome::Conditionally,
        Class::Failed => Outcome::Failed,
        Class::Passed | Class::Neutral => Outcome::Succeeded,
    };
    let settings = server.settings();
    let word = match up {
        true if settings.weight.value() == 0 => "DRAIN",
        true => "UP",
        false => "DOWN",
    };
    let what = What::Check(CheckResult {
        backend: Arc::clone(&backend.name),
        server: Arc::clone(&server.name),
        backup: settings.backup,
        asked,
        outcome,
        finding: finding(verdict),
        status: format!("{reached}/{of} {word}"),
    });
    event(backend, what)
}

fn event(backend: &Backend, what: What) -> Event {
    let log = backend.settings().log.clone();
    Event { at: clock::wall(), log, what }
}

fn finding(verdict: &Verdict) -> Finding {
    let info = verdict.info();
    // A check that ran out of time took as long as it was given: HAProxy says so, too. What was
    // judged from traffic took no time.
    let timed = !matches!(verdict.status, CheckStatus::Unknown | CheckStatus::HealthAnalyze);
    Finding {
        description: verdict.status.text(),
        code: verdict.code.map(i64::from),
        info: (!info.is_empty()).then(|| info.as_bytes().to_vec()),
        duration: timed.then_some(verdict.duration),
    }
}
