//! From a configuration to what runs, and from a newer configuration to what changes in it.
//!
//! Frontends, backends and servers are told apart by name and keep their identity: counters,
//! sessions, health and turns go on. A server whose address changed is another server. What
//! commands changed of a server stays where the file still says what it said ([`overrides`]).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{overrides, saved};
use crate::clock;
use crate::config::added::Added;
use crate::config::model::{self, CheckKind, Config};
use crate::pure::balance::ServerIndex;
use crate::pure::health::admin::Command;
use crate::pure::health::agent::AgentSettings;
use crate::pure::health::schedule::{Intervals, start_interval, start_offset};
use crate::pure::health::{CheckSettings, Health, Settings};
use crate::pure::id::{Name, ServerId};
use crate::state::backend::{Places, Ruling};
use crate::state::frontend::Route;
use crate::state::process::Objects;
use crate::state::process_facts::ProcessFacts;
use crate::state::{
    Backend, Frontend, Process, Registry, Remembered, Resolvers, Server, Tables, publish, tracking,
};

/// Makes what runs in `process` follow `config`.
pub(super) fn apply(process: &Process, config: Arc<Config>, now: Instant) {
    let old = Arc::clone(&process.objects());
    let mut offsets = Offsets::new(&config, now);
    let patterns = Arc::new(Registry::new(&config.patterns));
    let backends: Vec<Arc<Backend>> = config
        .backends
        .iter()
        .map(|settings| {
            let running = old.backends.iter().find(|old| *old.name == *settings.name.as_str());
            let settings = &with_fullconn(settings, &config, process.hard_maxconn());
            let past = &process.remembered;
            let backend = follow_backend(running, settings, &config, (past, &mut offsets));
            let (rules, patterns) = (settings.rules.clone(), Arc::clone(&patterns));
            publish::ruling(&backend, Ruling { rules, patterns });
            backend
        })
        .collect();
    let limit = process.hard_maxconn();
    let frontends = config
        .frontends
        .iter()
        .map(|settings| {
            let running = old.frontends.iter().find(|old| *old.name == *settings.name.as_str());
            follow_frontend(running, settings, &backends, &patterns, limit)
        })
        .collect();
    let tuning = &config.global.tuning;
    process.connection_pace.set(tuning.maxconnrate.map_or(0, std::num::NonZeroU32::get));
    process.session_pace.set(tuning.maxsessrate.map_or(0, std::num::NonZeroU32::get));
    process.tls.set_limit(tuning.maxsslconn);
    process.tls.pace.set(tuning.maxsslrate.map_or(0, std::num::NonZeroU32::get));
    let resolvers = config.resolvers.iter().map(|settings| {
        let running = old.resolvers.iter().find(|old| old.settings == *settings);
        running.map_or_else(|| Arc::new(Resolvers::new(settings.clone())), Arc::clone)
    });
    let resolvers = resolvers.collect();
    let tables = Tables::following(&old.tables, &config.tables);
    publish::objects(process, Objects { config, frontends, backends, resolvers, patterns, tables });
    tracking::settle(&process.objects(), now);
    let facts = ProcessFacts { process, wall: clock::wall(), uptime: process.uptime(now) };
    for variable in &process.objects().config.global.variables {
        variable.preset.apply(&facts);
    }
}

/// A backend with its `fullconn`: where none was written, a tenth of the sessions that may come from
/// the frontends that lead to it, rounded up. Targets that are found by an expression do not count.
fn with_fullconn(settings: &model::Backend, config: &Config, process_limit: u32) -> model::Backend {
    let leads_here = |frontend: &&model::Frontend| {
        let switches = frontend.rules.switching.iter().filter_map(|choice| choice.target.fixed());
        switches
            .chain(frontend.backend.as_ref().map(Name::as_str))
            .any(|name| *name == *settings.name.as_str())
    };
    let limits = config.frontends.iter().filter(leads_here).map(|frontend| frontend.maxconn);
    let sum: u64 = limits.map(|max| u64::from(max.map_or(process_limit, NonZeroU32::get))).sum();
    let tenth = u32::try_from(sum.div_ceil(10)).unwrap_or(u32::MAX);
    let fullconn = settings.fullconn.or(NonZeroU32::new(tenth)).unwrap_or(NonZeroU32::MIN);
    model::Backend { fullconn: Some(fullconn), ..settings.clone() }
}

fn follow_frontend(
    running: Option<&Arc<Frontend>>,
    settings: &model::Frontend,
    backends: &[Arc<Backend>],
    patterns: &Arc<Registry>,
    process_limit: u32,
) -> Arc<Frontend> {
    let called = |name: &str| backends.iter().find(|backend| *backend.name == *name).cloned();
    let switches = settings.rules.switching.iter();
    let switches = switches.map(|choice| choice.target.fixed().and_then(called)).collect();
    let route = Route {
        settings: settings.clone(),
        log: Arc::new(settings.log.clone()),
        backend: settings.backend.as_ref().and_then(|name| called(name.as_str())),
        switches,
        patterns: Arc::clone(patterns),
    };
    let limit = settings.maxconn.map_or(process_limit, std::num::NonZeroU32::get);
    match running {
        Some(frontend) => {
            publish::frontend(frontend, route, limit);
            Arc::clone(frontend)
        }
        None => Arc::new(Frontend::new(route, limit)),
    }
}

fn follow_backend(
    running: Option<&Arc<Backend>>,
    settings: &model::Backend,
    config: &Config,
    (remembered, offsets): (&Remembered, &mut Offsets),
) -> Arc<Backend> {
    let Some(backend) = running else {
        let mut places = Places::default();
        let servers = settings.servers.iter();
        let servers = servers
            .map(|server| {
                places.settle(|index| new_server(settings, server, index, config, offsets))
            })
            .collect();
        let live = publish::snapshot(settings, servers, &[], 0, offsets.now);
        let backend = Backend::new(settings.clone(), live, places, offsets.now);
        saved::tell_down(&backend, &config.saved);
        return Arc::new(backend.remembering(remembered, offsets.now));
    };
    let old = backend.live().servers.clone();
    let mut servers = Vec::with_capacity(settings.servers.len());
    for wanted in &settings.servers {
        let same = |server: &&Arc<Server>| {
            *server.name == *wanted.name.as_str() && server.configured().is_same_place(wanted)
        };
        if let Some(server) = old.iter().find(same) {
            follow_server(backend, server, wanted, &config.global, offsets);
            servers.push(Arc::clone(server));
        } else {
            servers
                .push(backend.settle(|index| new_server(settings, wanted, index, config, offsets)));
        }
    }
    for server in old.iter().filter(|old| old.is_added()) {
        if !servers.iter().any(|kept| Arc::ptr_eq(kept, server)) {
            let (backend, server) = (&backend.name, &server.name);
            tracing::warn!(
                "Server {backend}/{server} was added by a command and is not in the configuration: \
                 removed."
            );
        }
    }
    publish::backend(backend, settings.clone(), servers, offsets.now);
    Arc::clone(backend)
}

/// Adds the server that a command asks for, in maintenance and with its checks off.
///
/// # Errors
/// HAProxy's sentence about a name or number that is taken.
pub(super) fn add_server(
    process: &Process,
    backend: &Arc<Backend>,
    added: Added,
    now: Instant,
) -> Result<(), String> {
    let Added { mut server, has_id } = added;
    let mut servers = backend.live().servers.clone();
    if servers.iter().any(|known| *known.name == *server.name.as_str()) {
        return Err("Already exists a server with the same name in backend.".to_owned());
    }
    let owner = |id| servers.iter().find(|known| known.settings().id == id);
    if !has_id {
        let free = (1..).map(ServerId).find(|&id| owner(id).is_none());
        server.id = free.expect("servers are fewer than numbers");
    } else if let Some(owner) = owner(server.id) {
        let id = server.id.0;
        return Err(format!("'id' : custom id {id} already used by server '{}'.", owner.name));
    }
    let tracked = match &server.track {
        Some(track) => Some(tracked(process, backend, &server, track)?),
        None => None,
    };
    let global = &process.objects().config.global;
    let mut health =
        Health::new(now, &health_settings(&server, global, Duration::ZERO), Duration::ZERO);
    health.handle_command(now, Command::Maint);
    health.handle_switch(now, false);
    health.handle_agent_switch(now, false);
    // It has never been up.
    health.clear_counters();
    if let Some(tracked) = tracked {
        health.handle_tracked(now, &tracked.health());
    }
    servers.push(backend.settle(|index| Server::new(server, index, health).added()));
    publish::servers(backend, servers, now);
    Ok(())
}

/// What an added server is to track.
fn tracked(
    process: &Process,
    backend: &Backend,
    server: &model::Server,
    track: &model::Track,
) -> Result<Arc<Server>, String> {
    if server.check.is_some() {
        return Err("unable to enable checks and tracking at the same time!".to_owned());
    }
    let objects = process.objects();
    let Some((_, found)) = objects.tracked(track) else {
        let (owner, name) = (&track.backend, &track.server);
        return Err(match objects.backends.iter().any(|known| *known.name == *owner.as_str()) {
            true if *backend.name == *owner.as_str() && *name == server.name => format!(
                "unable to track {track} as it belongs to a tracking chain looping back to {track}."
            ),
            true => format!("unable to find required server '{name}' for tracking."),
            false => format!("unable to find required proxy '{owner}' for tracking."),
        });
    };
    let checked = objects.checked(&found);
    let settings = checked.settings();
    if settings.check.is_none() && settings.agent.is_none() {
        return Err(format!(
            "unable to use {track} for tracking as it does not have any check nor agent enabled."
        ));
    }
    Ok(found)
}

fn new_server(
    backend: &model::Backend,
    settings: &model::Server,
    index: ServerIndex,
    config: &Config,
    offsets: &mut Offsets,
) -> Server {
    let now = offsets.now;
    let (check_offset, agent_offset) = offsets.next(settings);
    let health_settings = health_settings(settings, &config.global, agent_offset);
    let mut health = Health::new(now, &health_settings, check_offset);
    let was = saved::find(&config.saved, backend, settings);
    let in_force = was.map_or_else(|| settings.clone(), |was| saved::settings(settings, was));
    if let Some(was) = was {
        saved::health(&mut health, settings, was, now);
    }
    if in_force.address.is_unresolved() {
        health.handle_resolved(now, false);
    }
    Server::new(settings.clone(), index, health).with(in_force)
}

fn follow_server(
    backend: &Arc<Backend>,
    server: &Server,
    wanted: &model::Server,
    global: &model::Global,
    offsets: &mut Offsets,
) {
    let (check_offset, agent_offset) = offsets.next(wanted);
    let now = offsets.now;
    if server.adopt() && !wanted.disabled {
        // The file has it now: it is as a new process would start it.
        publish::health(backend, server, now, |health| {
            health.handle_switch(now, true);
            health.handle_agent_switch(now, true);
            health.handle_command(now, Command::Ready)
        });
        server.wake_check();
    }
    if **server.configured() == *wanted {
        return;
    }
    let in_force = overrides::carried(&server.configured(), &server.settings(), wanted);
    publish::server(server, wanted.clone(), in_force);
    let settings = health_settings(wanted, global, agent_offset);
    publish::health(backend, server, now, |health| {
        health.reconfigure(now, &settings, check_offset)
    });
    server.wake_check();
}

fn health_settings(
    server: &model::Server,
    global: &model::Global,
    agent_offset: Duration,
) -> Settings {
    let check = server.check.as_ref().map(|check| CheckSettings {
        intervals: Intervals {
            inter: check.inter,
            fastinter: check.fastinter,
            downinter: check.downinter,
            spread_percent: global.spread_checks_percent,
        },
        rise: check.rise,
        fall: check.fall,
        init: check.init_state,
    });
    let agent = server.agent.as_ref().map(|agent| AgentSettings {
        intervals: Intervals {
            inter: agent.inter,
            fastinter: agent.inter,
            downinter: agent.inter,
            spread_percent: global.spread_checks_percent,
        },
        start_offset: agent_offset,
    });
    Settings { check, agent, disabled: server.disabled, tracks: server.track.is_some() }
}

/// Spreads the first checks of all servers over an interval.
struct Offsets {
    now: Instant,
    shortest: Duration,
    most: Option<Duration>,
    count: u32,
    position: u32,
}

impl Offsets {
    fn new(config: &Config, now: Instant) -> Self {
        let inters = || {
            let servers = config.backends.iter().flat_map(|backend| &backend.servers);
            servers.flat_map(inters_of).flatten()
        };
        Self {
            now,
            shortest: start_interval(inters()),
            most: config.global.max_spread_checks,
            count: u32::try_from(inters().count()).unwrap_or(u32::MAX),
            position: 0,
        }
    }

    /// When the check of `server` starts, and its agent: one after the other, as in HAProxy. Databases are
    /// asked at once, for clients wait until all of a group have said what they are.
    fn next(&mut self, server: &model::Server) -> (Duration, Duration) {
        let [spread, agent] = inters_of(server).map(|inter| {
            let Some(inter) = inter else { return Duration::ZERO };
            let position = self.position;
            self.position += 1;
            start_offset(inter, self.shortest, self.most, position, self.count)
        });
        let is_database = |check: &model::Check| matches!(check.kind, CheckKind::Database(_));
        let check =
            if server.check.as_ref().is_some_and(is_database) { Duration::ZERO } else { spread };
        (check, agent)
    }
}

/// The intervals of a server's check and of its agent.
fn inters_of(server: &model::Server) -> [Option<Duration>; 2] {
    let check = server.check.as_ref().map(|check| check.inter);
    [check, server.agent.as_ref().map(|agent| agent.inter)]
}

#[cfg(test)]
mod tests;
