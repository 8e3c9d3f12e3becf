//! What servers are to each other, as far as routes by role ask for it.

use std::time::{Duration, Instant};

use crate::control::snapshot::{Failovers, Role, RoleState, Server, ServerStatus};
use crate::pure::role::lag::Lag;
use crate::pure::role::route::Part;
use crate::state::{Backend, Process};

/// Adds to the rows of a backend's servers what they are: one that is up and that no route leads to
/// is `NOLB`, and the text of its check says why.
pub(super) fn note(backend: &Backend, rows: &mut [Server], now: Instant) {
    let live = backend.live();
    if live.lanes.is_empty() {
        return;
    }
    let parts = backend.group.parts(now, &live.servers);
    for ((row, server), part) in rows.iter_mut().zip(&live.servers).zip(parts) {
        let refusal = backend.group.refusal(&server.name);
        let (state, lag) = match part {
            Part::Primary => (RoleState::Primary, None),
            Part::Replica(lag) => (RoleState::Replica, lag),
            Part::Unknown if refusal.is_some() => (RoleState::Fenced, None),
            Part::Unknown => (RoleState::Unknown, None),
        };
        row.role = Some(Role { state, lag });
        if row.status != ServerStatus::Up {
            continue;
        }
        let is_routed = live.lanes.iter().any(|(_, set)| set.has(server.index));
        if !is_routed {
            row.status = ServerStatus::Nolb;
            row.status_text = "NOLB".to_owned();
        }
        let why = match (state, refusal) {
            (RoleState::Fenced, Some(why)) => format!(": {why}"),
            (RoleState::Replica, _) => format!("{}{}", behind(lag), unrouted(is_routed)),
            _ => unrouted(is_routed).to_owned(),
        };
        if let Some(check) = &mut row.check {
            check.info = format!("{}{why}", state.word());
        }
    }
}

/// The failovers of a backend that are on record.
pub(super) fn failovers(process: &Process, backend: &Backend) -> Option<Failovers> {
    if backend.live().lanes.is_empty() {
        return None;
    }
    let mut records = process.remembered.failovers();
    records.retain(|record| *record.backend == *backend.name);
    Some(Failovers { count: records.len() as u64, last: records.pop() })
}

fn behind(lag: Option<Lag>) -> String {
    match lag {
        Some(Lag { time: Duration::ZERO, .. }) => "; not behind".to_owned(),
        Some(Lag { time, amount }) => format!("; {} ms and {amount} behind", time.as_millis()),
        None => "; behind what is not known".to_owned(),
    }
}

const fn unrouted(is_routed: bool) -> &'static str {
    if is_routed { "" } else { "; no route leads to it" }
}
