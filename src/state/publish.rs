//! The one writer: everything that is swapped atomically is swapped here.
//!
//! Called from the control thread only. From a verdict to the swapped set there is no timer, no
//! poll and no lock held across an await: [`standing`] builds the new set and stores it, and the
//! next pick finds it.

use std::sync::Arc;

use super::frontend::Route;
use super::process::Objects;
use super::{Backend, Frontend, Live, Process, Server};
use crate::config::model;
use crate::pure::balance::{Backups, Candidate, LiveSet};
use crate::pure::health::View;

/// A server's health changed: shows it, and swaps in a new live set if who may be picked changed.
/// Returns whether it did.
pub fn standing(backend: &Arc<Backend>, server: &Server, view: View) -> bool {
    let before = server.effective_weight();
    server.set_view(view);
    let changed = before != server.effective_weight();
    if changed {
        let servers = backend.live().servers.clone();
        swap(backend, servers);
    }
    changed
}

/// A reload changed a backend: its settings, its servers, or both.
pub fn backend(backend: &Arc<Backend>, settings: model::Backend, servers: Vec<Arc<Server>>) {
    let balance = settings.balance;
    backend.settings_cell().store(Arc::new(settings));
    backend.desk.set_balance(balance);
    swap(backend, servers);
}

/// A reload changed a server's settings. [`backend`] must follow, so that the live set does.
pub fn server(server: &Server, settings: model::Server) {
    server.settings_cell().store(Arc::new(settings));
}

/// A reload changed a frontend: sessions that start from now on take this route.
pub fn frontend(frontend: &Frontend, route: Route, limit: u32) {
    frontend.gate.set_limit(limit);
    frontend.route_cell().store(Arc::new(route));
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
    Live { generation, set: LiveSet::build(&candidates, backups), servers }
}

fn candidate(server: &Server) -> Candidate {
    let settings = server.settings();
    Candidate {
        server: server.index,
        id: settings.id,
        weight: settings.weight,
        effective: server.effective_weight(),
        backup: settings.backup,
        maxconn: settings.maxconn,
    }
}

fn swap(backend: &Arc<Backend>, servers: Vec<Arc<Server>>) {
    let generation = backend.live().generation + 1;
    let live = snapshot(&backend.settings(), servers, generation);
    backend.live_cell().store(Arc::new(live));
    backend.announce(generation);
    backend.desk.serve(backend);
}
