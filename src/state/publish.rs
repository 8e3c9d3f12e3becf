//! The one writer: everything that is swapped atomically is swapped here.
//!
//! Called from the control thread only. From a verdict to the swapped set there is no timer, no
//! poll and no lock held across an await: [`health`] builds the new set and stores it, and the
//! next pick finds it.

use std::sync::Arc;
use std::time::Instant;

use super::backend::Ruling;
use super::frontend::Route;
use super::patterns::Reference;
use super::process::Objects;
use super::{Backend, Frontend, Live, Process, Server};
use crate::config::model;
use crate::pure::acl::pattern::Entry;
use crate::pure::balance::{Backups, Candidate, LiveSet};
use crate::pure::health::Health;

/// Changes a server's health, and swaps in a new live set if that changed who may be picked.
pub fn health<R>(
    backend: &Arc<Backend>,
    server: &Server,
    now: Instant,
    change: impl FnOnce(&mut Health) -> R,
) -> R {
    let before = server.effective_weight();
    let result = server.change_health(change);
    if before != server.effective_weight() {
        let servers = backend.live().servers.clone();
        swap(backend, servers, now);
    }
    result
}

/// A reload changed a backend: its settings, its servers, or both.
pub fn backend(
    backend: &Arc<Backend>,
    settings: model::Backend,
    servers: Vec<Arc<Server>>,
    now: Instant,
) {
    let balance = settings.balance;
    backend.settings_cell().store(Arc::new(settings));
    backend.desk.set_balance(balance);
    swap(backend, servers, now);
}

/// A reload changed a server's settings: what the file says, and what is in force, which commands
/// may have changed. [`backend`] must follow, so that the live set does.
pub fn server(server: &Server, configured: model::Server, in_force: model::Server) {
    server.configured_cell().store(Arc::new(configured));
    server.settings_cell().store(Arc::new(in_force));
}

/// A command changed a server's settings until the next start.
pub fn settings(
    backend: &Arc<Backend>,
    server: &Server,
    now: Instant,
    change: impl FnOnce(&mut model::Server),
) {
    let mut settings = model::Server::clone(&server.settings());
    change(&mut settings);
    server.settings_cell().store(Arc::new(settings));
    let servers = backend.live().servers.clone();
    swap(backend, servers, now);
}

/// A command added a server, or removed one that is not used.
pub fn servers(backend: &Arc<Backend>, servers: Vec<Arc<Server>>, now: Instant) {
    swap(backend, servers, now);
}

/// A reload changed a frontend: sessions that start from now on take this route.
pub fn frontend(frontend: &Frontend, route: Route, limit: u32) {
    frontend.follow_limit(limit);
    frontend.route_cell().store(Arc::new(route));
}

/// A configuration gave a backend its rules, with the patterns they name.
pub fn ruling(backend: &Backend, ruling: Ruling) {
    backend.ruling_cell().store(Arc::new(ruling));
}

/// A command changes the patterns of a reference; every place that uses them sees all of the change
/// or nothing.
///
/// # Errors
/// Says which pattern is wrong; nothing has changed then.
pub fn patterns(reference: &Reference, change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), String> {
    let mut entries = reference.lock();
    let (changed, compiled) = reference.changed(&entries, change)?;
    for (cell, patterns) in reference.cells().zip(compiled) {
        cell.store(Arc::new(patterns));
    }
    *entries = changed;
    Ok(())
}

/// A reload changed what runs.
pub fn objects(process: &Process, objects: Objects) {
    process.objects_cell().store(Arc::new(objects));
}

/// The snapshot of `servers` that follows generation `generation`.
#[must_use]
pub fn snapshot(settings: &model::Backend, servers: Vec<Arc<Server>>, generation: u64) -> Live {
    let candidates: Vec<Candidate> = servers.iter().map(|server| candidate(server)).collect();
    let backups = if settings.allbackups { Backups::All } else { Backups::First };
    let usable =
        |backup| candidates.iter().filter(|c| c.backup == backup && c.effective.is_some()).count();
    let usable = (usable(false), usable(true));
    Live::new(generation, LiveSet::build(&candidates, backups), usable, servers)
}

fn candidate(server: &Server) -> Candidate {
    let settings = server.settings();
    Candidate {
        server: server.index,
        id: settings.id,
        // Fixed maps share by what is configured: a weight of 0 for a while moves no other share.
        weight: server.configured().weight,
        effective: server.effective_weight(),
        backup: settings.backup,
        maxconn: settings.maxconn,
    }
}

fn swap(backend: &Arc<Backend>, servers: Vec<Arc<Server>>, now: Instant) {
    let generation = backend.live().generation + 1;
    let live = snapshot(&backend.settings(), servers, generation);
    backend.note_availability(!live.set.members().is_empty(), now);
    backend.live_cell().store(Arc::new(live));
    backend.announce(generation);
    backend.desk.serve(backend);
}
