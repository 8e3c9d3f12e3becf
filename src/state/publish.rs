//! The one writer: everything that is swapped atomically is swapped here.
//!
//! Called from the control thread only. From a verdict to the swapped set there is no timer, no
//! poll and no lock held across an await: [`health`] builds the new set and stores it, and the
//! next pick finds it.

use std::iter::repeat;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::backend::Ruling;
use super::frontend::Route;
use super::patterns::Reference;
use super::process::Objects;
use super::{Backend, Frontend, Listener, Live, Process, Server};
use crate::config::model;
use crate::config::model::contexts::Contexts;
use crate::pure::acl::pattern::Entry;
use crate::pure::acl::versions::Versions;
use crate::pure::balance::{Backups, Candidate, LiveSet, seed};
use crate::pure::health::Health;
use crate::pure::health::verdict::Verdict;
use crate::pure::role::Reading;
use crate::pure::role::route::{Part, RoleRoute};

/// Changes a server's health, and swaps in a new live set if that changed what a server is worth.
pub fn health<R>(
    backend: &Arc<Backend>,
    server: &Server,
    now: Instant,
    change: impl FnOnce(&mut Health) -> R,
) -> R {
    let result = server.change_health(change);
    let worth = candidate(&backend.settings(), server, now);
    let live = backend.live();
    if live.candidate(server.index).is_some_and(|published| *published != worth) {
        let servers = live.servers.clone();
        drop(live);
        swap(backend, servers, now);
    }
    result
}

/// A server said what it is: swaps in a new live set if that changed where a route by role leads.
pub fn reading(backend: &Arc<Backend>, server: &Server, now: Instant, reading: Reading) {
    hear_word(backend, server, now);
    backend.group.handle_reading(now, &server.name, reading);
    follow_parts(backend, now);
}

/// The same of one that is heard no more, for its check came to `verdict`.
pub fn lost(backend: &Arc<Backend>, server: &Server, now: Instant, verdict: &Verdict) {
    hear_word(backend, server, now);
    // Most checks ask nothing that could be lost.
    if backend.group.handle_lost(now, &server.name, verdict) {
        follow_parts(backend, now);
    }
}

/// A server lives, as it showed at `lived`, and lets nobody ask what it is: what it said counts on.
/// `None`: it never said; else whether that is news.
pub fn refused(
    backend: &Arc<Backend>,
    server: &Server,
    now: Instant,
    lived: Option<Instant>,
) -> Option<bool> {
    let is_news = backend.group.handle_refused(now, &server.name, lived)?;
    follow_parts(backend, now);
    Some(is_news)
}

/// What the witnesses of a server say counts for who is primary; a reload may have changed who they are.
fn hear_word(backend: &Backend, server: &Server, now: Instant) {
    let word = server.panel().word();
    backend.group.handle_word(now, &server.name, word);
}

/// The answer of a server is overdue: what it said yields to what another says. Whether that is news
/// of one that said what it is.
pub fn silent(backend: &Arc<Backend>, server: &Server, now: Instant) -> bool {
    let is_news = backend.group.handle_silent(now, &server.name);
    if is_news {
        follow_parts(backend, now);
    }
    is_news
}

/// A witness of a server changed what it says.
pub fn witness(backend: &Arc<Backend>, server: &Server, now: Instant) {
    hear_word(backend, server, now);
    let live = backend.live();
    let worth = candidate(&backend.settings(), server, now);
    if live.candidate(server.index).is_some_and(|published| *published != worth) {
        let servers = live.servers.clone();
        drop(live);
        return swap(backend, servers, now);
    }
    drop(live);
    follow_parts(backend, now);
}

/// What each of `servers` is to routes by role: what its check makes it, unless a witness says
/// otherwise.
fn parts(backend: &Backend, servers: &[Arc<Server>], now: Instant) -> Vec<Part> {
    let parts = backend.group.parts(now, servers).into_iter().zip(servers);
    parts.map(|(part, server)| server.undoubted(part)).collect()
}

/// Swaps in a new live set if routes by role lead elsewhere.
fn follow_parts(backend: &Arc<Backend>, now: Instant) {
    let live = backend.live();
    let parts = parts(backend, &live.servers, now);
    let moved = live.lanes.iter().any(|(route, set)| {
        let admitted = admitted(*route, &parts, &live.candidates).into_iter().zip(&live.candidates);
        let members = admitted.filter(|(admitted, _)| *admitted).map(|(_, c)| c.server);
        !members.eq(set.members().iter().map(|member| member.server))
    });
    if moved {
        let servers = live.servers.clone();
        drop(live);
        swap(backend, servers, now);
    }
}

/// An operator says that what is remembered of primaries counts no more.
pub fn fence_cleared(backend: &Arc<Backend>, now: Instant) {
    backend.group.clear();
    let servers = backend.live().servers.clone();
    swap(backend, servers, now);
}

/// The primary of a backend is given no new sessions, for `heir` is to take over, or (`None`) some
/// again: those by routes to it wait meanwhile. Whether that is a change.
pub fn rest(backend: &Arc<Backend>, now: Instant, heir: Option<&str>) -> bool {
    let is_change = backend.group.rest(now, heir);
    if is_change {
        let servers = backend.live().servers.clone();
        swap(backend, servers, now);
    }
    is_change
}

/// What is measured of a planned change of the primary: `cut` sessions were ended for it by now.
pub fn parted(backend: &Backend, cut: u64) {
    backend.group.note_held(backend.service.queued.current());
    backend.group.note_parted(cut);
}

/// The same: it is given up, and the primary takes writes again; who is `pending` was told to become it
/// and may yet.
pub fn given_up(backend: &Backend, now: Instant, pending: Option<&str>) {
    backend.group.give_up(now, pending);
}

/// The same: the primary is told to take no more writes, or a program is to tell it.
pub fn frozen(backend: &Backend, now: Instant, by_program: bool) {
    backend.group.note_frozen(now, by_program);
}

/// Time went on: swaps in a new live set if a slow start made a server worth more since the last
/// one. Returns when to be called again; `None`: not before a server comes up.
pub fn ramps(backend: &Arc<Backend>, now: Instant) -> Option<Instant> {
    let (live, settings) = (backend.live(), backend.settings());
    let stale = live.servers.iter().zip(&live.candidates).any(|(server, worth)| {
        server.ramp().is_some() && candidate(&settings, server, now) != *worth
    });
    let next = live.servers.iter().filter_map(|server| server.ramp()?.next_step(now)).min();
    if stale {
        let servers = live.servers.clone();
        drop((live, settings));
        swap(backend, servers, now);
    }
    next
}

/// Lets clients that are held go on who may at `now`. Returns when to be called again; `None`: not
/// before [`Backend::attach_wanted`].
pub fn attach(backend: &Arc<Backend>, now: Instant) -> Option<Instant> {
    backend.desk.attach(backend, now)
}

/// A reload changed a backend: its settings, its servers, or both.
pub fn backend(
    backend: &Arc<Backend>,
    settings: model::Backend,
    servers: Vec<Arc<Server>>,
    now: Instant,
) {
    let (balance, on_conflict) = (settings.balance, settings.on_conflict);
    backend.settings_cell().store(Arc::new(settings));
    backend.desk.set_balance(balance);
    backend.group.follow(servers.iter().map(|server| &*server.name), on_conflict);
    swap(backend, servers, now);
}

/// A reload changed a server's settings: what the file says, and what is in force, which commands
/// may have changed. [`backend`] must follow, so that the live set does.
pub fn server(server: &Server, configured: model::Server, in_force: model::Server) {
    server.configured_cell().store(Arc::new(configured));
    server.settings_cell().store(Arc::new(in_force));
}

/// A command changed the certificates of a listening socket: handshakes that begin now find them.
pub fn certificates(bind: &model::BindTls, contexts: Contexts) {
    bind.contexts_cell().store(Arc::new(contexts));
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
    let on_conflict = backend.settings().on_conflict;
    backend.group.follow(servers.iter().map(|server| &*server.name), on_conflict);
    swap(backend, servers, now);
}

/// A reload changed a frontend: sessions that start from now on take this route.
pub fn frontend(frontend: &Frontend, route: Route, limit: u32) {
    frontend.follow_limit(limit);
    frontend.pace.set(route.settings.rate_limit_sessions.map_or(0, std::num::NonZeroU32::get));
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
/// Says why the change is refused; nothing has changed then.
pub fn patterns<T>(
    reference: &Reference,
    change: impl FnOnce(&mut Versions) -> Result<T, String>,
) -> Result<T, String> {
    let mut held = reference.lock();
    let mut changed = held.clone();
    let done = change(&mut changed)?;
    if !changed.entries().eq(held.entries()) {
        let entries: Vec<Entry> = changed.entries().cloned().collect();
        for (cell, patterns) in reference.cells().zip(reference.compiled(&entries)?) {
            cell.store(Arc::new(patterns));
        }
    }
    *held = changed;
    Ok(done)
}

/// A frontend listens on these addresses now.
pub fn listeners(frontend: &Frontend, listeners: Vec<Arc<Listener>>) {
    frontend.listeners_cell().store(Arc::new(listeners));
}

/// A reload changed what runs.
pub fn objects(process: &Process, objects: Objects) {
    process.objects_cell().store(Arc::new(objects));
}

/// The snapshot of `servers` that follows generation `generation`.
#[must_use]
pub fn snapshot(
    settings: &model::Backend,
    servers: Vec<Arc<Server>>,
    parts: &[Part],
    generation: u64,
    now: Instant,
) -> Live {
    let candidates: Vec<Candidate> =
        servers.iter().map(|server| candidate(settings, server, now)).collect();
    let backups = if settings.allbackups { Backups::All } else { Backups::First };
    let usable =
        |backup| candidates.iter().filter(|c| c.backup == backup && c.effective.is_some()).count();
    let usable = (usable(false), usable(true));
    let build = |candidates: &[Candidate]| {
        let set = LiveSet::build(candidates, backups);
        settings.fullconn.map_or(set.clone(), |fullconn| set.with_fullconn(fullconn))
    };
    let lane = |route: &RoleRoute| {
        let admitted = admitted(*route, parts, &candidates).into_iter().chain(repeat(false));
        let admitted = admitted.zip(&candidates);
        let candidates: Vec<Candidate> = admitted
            .map(|(admitted, c)| {
                // What it is decides, not what it was written to be.
                let effective = c.effective.filter(|_| admitted);
                Candidate { effective, backup: false, ..*c }
            })
            .collect();
        (*route, build(&candidates))
    };
    let lanes = settings.routes.iter().map(lane).collect();
    Live::new(generation, (build(&candidates), lanes), usable, servers, candidates)
}

/// Which of `candidates` a route leads to, which are `parts`. A replica that gets no sessions at all, for an
/// operator took it out, keeps no reader from the primary.
fn admitted(route: RoleRoute, parts: &[Part], candidates: &[Candidate]) -> Vec<bool> {
    let usable = |(part, c): (&Part, &Candidate)| c.effective.map_or(Part::Unknown, |_| *part);
    route.admits(&parts.iter().zip(candidates).map(usable).collect::<Vec<_>>())
}

fn candidate(backend: &model::Backend, server: &Server, now: Instant) -> Candidate {
    let settings = server.settings();
    Candidate {
        server: server.index,
        id: settings.id,
        // Fixed maps share by what is configured: a weight of 0 for a while moves no other share.
        weight: server.configured().weight,
        effective: server
            .effective_weight(backend.balance.is_dynamic(), now)
            .filter(|_| !server.is_doubted()),
        backup: settings.backup,
        limits: server.limits(now),
        seed: seed(settings.hash_key, settings.id, socket_addr(&settings.address)),
    }
}

fn socket_addr(address: &model::ServerAddr) -> Option<SocketAddr> {
    match address {
        model::ServerAddr::Tcp(address) => Some(*address),
        model::ServerAddr::TcpClientPort { ip, .. } => Some((*ip, 0).into()),
        model::ServerAddr::Unix(_)
        | model::ServerAddr::Abstract(_)
        | model::ServerAddr::Sockpair(_)
        | model::ServerAddr::Unresolved { .. } => None,
    }
}

/// Swaps in a new live set. Who is granted a slot by the one before has it, with the server's mark of
/// cuts, when this returns, because the desk has been locked since: a cut that follows is not missed
/// by them, nor by those who find the new set.
fn swap(backend: &Arc<Backend>, servers: Vec<Arc<Server>>, now: Instant) {
    let generation = backend.live().generation + 1;
    let parts = parts(backend, &servers, now);
    let live = snapshot(&backend.settings(), servers, &parts, generation, now);
    backend.note_availability(!live.set.members().is_empty(), now);
    backend.live_cell().store(Arc::new(live));
    backend.announce(generation);
    backend.desk.follow_live(backend, now);
}
