//! Servers that start as they were in an earlier process (`load-server-state-from-file`).
//!
//! As HAProxy 2.6 does it: an operator's maintenance and drain, and a weight, come back where the
//! file still says what it said then; a server that was down is down until its checks say otherwise;
//! the address, which `init-addr` may want to be the last one, was found when the file was loaded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::model::{Backend, LoadState, SavedServer, Server, ServerAddr};
use crate::pure::health::admin::{Admin, Command};
use crate::pure::health::{Health, Said};
use crate::pure::probe::Place;
use crate::pure::weight::Weight;
use crate::state;
use crate::telemetry::event::{Change, Reason, ServerChange};

/// What is known of `server` from before.
pub(super) fn find<'a>(
    saved: &'a [SavedServer],
    backend: &Backend,
    server: &Server,
) -> Option<&'a SavedServer> {
    if backend.load_state == LoadState::None {
        return None;
    }
    let own = || saved.iter().filter(|known| known.backend == backend.name.as_str());
    own()
        .find(|known| known.server == server.name.as_str())
        .or_else(|| own().find(|known| known.id == server.id.0 && known.server == "-"))
}

/// The settings in force for a server that `configured` describes and `saved` knows.
pub(super) fn settings(configured: &Server, saved: &SavedServer) -> Server {
    let mut server = configured.clone();
    if saved.configured_weight == configured.weight.value() {
        server.weight = Weight::new(saved.weight).unwrap_or(server.weight);
    }
    places(&mut server, saved);
    server
}

/// Ports, the targets of check and agent, and plain text instead of TLS: what commands can change.
fn places(server: &mut Server, saved: &SavedServer) {
    match (&mut server.address, saved.port) {
        (_, 0) => {}
        (ServerAddr::Tcp(address), port) => address.set_port(port),
        (ServerAddr::Unresolved { port: own @ Some(_), .. }, port) => *own = Some(port),
        _ => {}
    }
    if let Some(check) = &mut server.check {
        check.port = saved.check.port.or(check.port);
        check.addr = saved.check.addr.map(|ip| Place::Inet((ip, 0).into())).or(check.addr.take());
    }
    if let (Some(agent), Some(true)) = (&mut server.agent, saved.agent_on) {
        agent.port = saved.agent.port.unwrap_or(agent.port);
        agent.addr = saved.agent.addr.map(|ip| Place::Inet((ip, 0).into())).or(agent.addr.take());
    }
    if saved.tls == Some(false) {
        server.tls = None;
    }
}

/// Lets `health`, which is new at `now`, be what it was.
pub(super) fn health(health: &mut Health, configured: &Server, saved: &SavedServer, now: Instant) {
    let was = Admin::from_bits(saved.admin);
    let changed_mind = was.was_configured() != configured.disabled;
    if !changed_mind {
        let undrained = saved.configured_weight == 0 && configured.weight.value() > 0;
        let command = match (was.is_forced_maint(), was.is_forced_drain()) {
            (true, _) => Command::Maint,
            (false, true) if !undrained => Command::Drain,
            (false, _) => Command::Ready,
        };
        health.handle_command(now, command);
    }
    if let Some(on) = saved.check_on {
        health.handle_switch(now, on);
    }
    if let Some(on) = saved.agent_on {
        health.handle_agent_switch(now, on);
    }
    health.handle_said(now, saved.said);
    if let Some(then) = now.checked_sub(Duration::from_secs(saved.since_s)) {
        health.restore_last_change(then);
    }
}

/// Says which servers of `backend`, which is new, start down for an earlier process left them so.
pub(super) fn tell_down(backend: &state::Backend, saved: &[SavedServer]) {
    let (live, settings) = (backend.live(), backend.settings());
    let starts_down = |server: &&Arc<state::Server>| {
        let configured = server.configured();
        let was = find(saved, &settings, &configured);
        was.is_some_and(|was| was.said == Said::Down) && !configured.disabled
    };
    let down: Vec<_> = live.servers.iter().filter(starts_down).collect();
    let count = |backup| down.iter().filter(|server| server.settings().backup == backup).count();
    // One goes after the other, as HAProxy counts.
    let (mut active, mut backups) = (live.active + count(false), live.backup + count(true));
    for server in down {
        let backup = server.settings().backup;
        *if backup { &mut backups } else { &mut active } -= 1;
        let change = ServerChange {
            backend: Arc::clone(&backend.name),
            server: Arc::clone(&server.name),
            backup,
            change: Change::Down { was_draining: false },
            reason: Reason::Saved,
            active: u32::try_from(active).unwrap_or(u32::MAX),
            backups: u32::try_from(backups).unwrap_or(u32::MAX),
            sessions: 0,
            requeued: 0,
            queued: 0,
        };
        tracing::warn!("{}", change.line());
    }
}
