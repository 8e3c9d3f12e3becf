//! The rows of servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::service;
use crate::config::model::ServerAddr;
use crate::control::snapshot::{self, Load, ServerStatus};
use crate::pure::health::agent::Agent;
use crate::pure::health::{Health, Standing};
use crate::state::Server;
use crate::state::process::Objects;

/// Where a server is, as HAProxy's tables say it: no path of a socket, and what is added to the client's
/// port for that port.
fn shown(address: &ServerAddr) -> String {
    match address {
        ServerAddr::Unix(_) | ServerAddr::Abstract(_) => "unix".to_owned(),
        ServerAddr::TcpClientPort { ip, offset } => {
            SocketAddr::new(*ip, u16::try_from(*offset).unwrap_or(0)).to_string()
        }
        ServerAddr::Tcp(_) | ServerAddr::Sockpair(_) | ServerAddr::Unresolved { .. } => {
            address.text()
        }
    }
}

/// The row of one server.
pub(super) fn row(
    objects: &Objects,
    server: &Arc<Server>,
    dynamic: bool,
    now: Instant,
    uptime: Duration,
) -> snapshot::Server {
    let settings = server.settings();
    let health = server.health();
    let status = match health.standing() {
        Standing::Up => ServerStatus::Up,
        Standing::Draining => ServerStatus::Drain,
        Standing::Stopping => ServerStatus::Nolb,
        Standing::Down => ServerStatus::Down,
        Standing::Maint => ServerStatus::Maint,
    };
    let weight = u32::from(settings.weight.value());
    let limit = settings.maxconn.map(std::num::NonZeroU32::get);
    let service = service(&server.service, limit, uptime);
    let queue_limit = settings.maxqueue.map(std::num::NonZeroU32::get);
    snapshot::Server {
        name: Arc::clone(&server.name),
        id: settings.id,
        address: shown(&settings.address),
        role: None,
        witnesses: Vec::new(),
        status,
        status_text: status_text(objects, server, &health),
        tracked: server.configured().track.as_ref().map(ToString::to_string),
        backup: settings.backup,
        throttle_percent: server
            .throttle_percent(dynamic, now)
            .and_then(|percent| u8::try_from(percent).ok()),
        was_used: server.service.connects.get() > 0,
        detections: settings.observe.is_some().then(|| health.detections()),
        agent: health.agent().filter(|agent| agent.is_on()).map(agent),
        check: settings.check.is_some().then(|| check(&health)).flatten(),
        service: snapshot::Service {
            weight: server.shown_weight(dynamic, now),
            user_weight: weight,
            last_change: now.saturating_duration_since(health.last_change()),
            downtime: health.downtime(now),
            downs: health.flips(),
            queue: Load { limit: queue_limit, ..service.queue },
            ..service
        },
    }
}

/// HAProxy's text for the state of a server.
fn status_text(objects: &Objects, server: &Arc<Server>, health: &Health) -> String {
    match &server.configured().track {
        _ if health.admin().is_unresolved() => "MAINT (resolution)".to_owned(),
        None => health.status(),
        Some(track) if health.admin().is_inherited_maint() => format!("MAINT (via {track})"),
        Some(_) => health.status_by(&objects.checked(server).health()),
    }
}

fn agent(agent: &Agent) -> snapshot::Agent {
    let last = agent.last_verdict();
    snapshot::Agent {
        status: last.map(|verdict| verdict.status.name()),
        running: agent.is_asked(),
        duration: last.map(|verdict| verdict.duration),
        description: last.map_or("Initializing", |verdict| verdict.status.text()),
        info: last.map(|verdict| verdict.info().to_owned()).unwrap_or_default(),
        up: agent.is_up(),
    }
}

fn check(health: &Health) -> Option<snapshot::Check> {
    let score = health.score()?;
    let last = health.last_verdict();
    Some(snapshot::Check {
        status: last.map(|verdict| verdict.status.name()),
        running: health.is_checking(),
        code: last.and_then(|verdict| verdict.code).map(i64::from),
        duration: last.map(|verdict| verdict.duration),
        description: last.map_or("Initializing", |verdict| verdict.status.text()),
        info: last.map(|verdict| verdict.info().to_owned()).unwrap_or_default(),
        rise: score.rise().get(),
        fall: score.fall().get(),
        health: u16::try_from(score.score()).unwrap_or(u16::MAX),
        failures: health.failed_checks(),
    })
}
