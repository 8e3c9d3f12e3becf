//! What servers are to each other, as far as routes by role ask for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::snapshot::{self, Failovers, Hold, Role, RoleState, ServerStatus};
use crate::pure::role::fence::Refusal;
use crate::pure::role::lag::Lag;
use crate::pure::role::route::Part;
use crate::pure::role::witness::Witness;
use crate::state::{Backend, Process, Server};
use crate::telemetry::failover::Outcome;

/// Adds to the rows of a backend's servers what they are: one that is up and that no route leads to
/// is `NOLB`, and the text of its check says why.
pub(super) fn note(
    process: &Process,
    backend: &Backend,
    rows: &mut [snapshot::Server],
    now: Instant,
) {
    let live = backend.live();
    let roles = of(process, backend, &live.servers, now);
    for ((row, server), (role, refusal)) in rows.iter_mut().zip(&live.servers).zip(roles) {
        let Role { state, lag, is_mute } = role;
        let objection = server.objection(state.part(lag));
        row.witnesses = server.panel().witnesses().iter().map(Witness::say).collect();
        if live.lanes.is_empty() {
            if let (ServerStatus::Up, Some(why)) = (row.status, objection) {
                (row.status, row.status_text) = (ServerStatus::Nolb, "NOLB".to_owned());
                row.check.iter_mut().for_each(|check| check.info.clone_from(&why));
            }
            continue;
        }
        row.role = Some(role);
        if row.status != ServerStatus::Up {
            continue;
        }
        let is_routed = live.lanes.iter().any(|(_, set)| set.has(server.index));
        if !is_routed {
            row.status = ServerStatus::Nolb;
            row.status_text = "NOLB".to_owned();
        }
        let why = match (state, refusal) {
            _ if let Some(why) = objection => format!("; {why}"),
            (RoleState::Fenced | RoleState::Replaced, Some(why)) => format!(": {why}"),
            (RoleState::Replica | RoleState::Stray, _) => {
                let stray = backend.group.stray(&server.name);
                let behind = if state == RoleState::Stray { String::new() } else { behind(lag) };
                let stray = stray.map(|why| format!("; {why}")).unwrap_or_default();
                format!("{behind}{stray}{}", unrouted(is_routed))
            }
            (RoleState::Primary, _) => {
                let stall = backend.group.stalled();
                let stall = stall.map(|(_, why)| format!("; {why}")).unwrap_or_default();
                format!("{stall}{}", unrouted(is_routed))
            }
            _ => unrouted(is_routed).to_owned(),
        };
        if let Some(check) = &mut row.check {
            let mute = match (is_mute, check.status) {
                (false, _) => String::new(),
                (true, Some("L6RSP")) => format!("; no TLS with it: {}", check.info),
                (true, _) => format!("; login refused: {}", check.info),
            };
            check.info = format!("{}{why}{mute}", state.word());
        }
    }
}

/// What each of a backend's `servers` is, and why one that claims to be primary is kept out.
pub(in crate::control) fn of(
    process: &Process,
    backend: &Backend,
    servers: &[Arc<Server>],
    now: Instant,
) -> Vec<(Role, Option<Refusal>)> {
    let parts = backend.group.parts(now, servers);
    let role = |(server, part): (&Arc<Server>, Part)| {
        let refusal = backend.group.refusal(&server.name);
        let (state, lag) = match part {
            Part::Primary | Part::Resting => (RoleState::Primary, None),
            Part::Replica(lag) => (RoleState::Replica, lag),
            Part::Stray(_) => (RoleState::Stray, None),
            Part::Unknown => match refusal {
                Some(why) if process.is_replaced(backend, &server.name, why) => {
                    (RoleState::Replaced, None)
                }
                Some(_) => (RoleState::Fenced, None),
                None => (RoleState::Unknown, None),
            },
        };
        let is_mute = backend.group.is_mute(&server.name);
        (Role { state, lag, is_mute }, refusal)
    };
    servers.iter().zip(parts).map(role).collect()
}

/// The failovers of a backend that are on record.
pub(super) fn failovers(process: &Process, backend: &Backend) -> Option<Failovers> {
    if backend.live().lanes.is_empty() {
        return None;
    }
    let mut records = process.remembered.failovers(&backend.name).into_iter();
    let last = records.rfind(|record| record.outcome() != Outcome::GivenUp);
    Some(Failovers { counts: process.remembered.counts(&backend.name), last })
}

/// Its clients that are held, where new ones may be or those of before a reload still are.
pub(super) fn hold(backend: &Backend, may_come: bool) -> Option<Hold> {
    let (refused, expired) = (backend.hold.refused.get(), backend.hold.expired.get());
    let hold = Hold { held: backend.held(), refused, expired };
    Some(hold).filter(|hold| may_come || hold.held > 0)
}

fn behind(lag: Option<Lag>) -> String {
    match lag {
        Some(Lag { time: Duration::ZERO, is_least: false, .. }) => "; not behind".to_owned(),
        Some(Lag { time, is_least, amount }) => {
            let least = if is_least { "at least " } else { "" };
            format!("; {least}{} ms and {amount} behind", time.as_millis())
        }
        None => "; behind what is not known".to_owned(),
    }
}

const fn unrouted(is_routed: bool) -> &'static str {
    if is_routed { "" } else { "; no route leads to it" }
}
