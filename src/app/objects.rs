//! From a configuration to what runs, and from a newer configuration to what changes in it.
//!
//! Frontends, backends and servers are told apart by name and keep their identity: counters,
//! sessions, health and turns go on. A server whose address changed is another server. What
//! commands changed of a server stays where the file still says what it said ([`overrides`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::overrides;
use crate::config::model::{self, Config};
use crate::pure::balance::ServerIndex;
use crate::pure::health::schedule::{Intervals, start_interval, start_offset};
use crate::pure::health::{CheckSettings, Health, Settings};
use crate::state::backend::{Places, Ruling};
use crate::state::frontend::Route;
use crate::state::process::Objects;
use crate::state::{Backend, Frontend, Process, Registry, Server, publish};

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
            let backend = follow_backend(running, settings, &config.global, &mut offsets);
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
    publish::objects(process, Objects { config, frontends, backends, patterns });
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
    global: &model::Global,
    offsets: &mut Offsets,
) -> Arc<Backend> {
    let Some(backend) = running else {
        let mut places = Places::default();
        let servers = settings.servers.iter();
        let servers = servers
            .map(|server| places.settle(|index| new_server(server, index, global, offsets)))
            .collect();
        let live = publish::snapshot(settings, servers, 0);
        return Arc::new(Backend::new(settings.clone(), live, places, offsets.now));
    };
    let old = backend.live().servers.clone();
    let mut servers = Vec::with_capacity(settings.servers.len());
    for wanted in &settings.servers {
        let same = |server: &&Arc<Server>| {
            *server.name == *wanted.name.as_str()
                && server.configured().address == wanted.address
                && !server.is_added()
        };
        if let Some(server) = old.iter().find(same) {
            follow_server(backend, server, wanted, global, offsets);
            servers.push(Arc::clone(server));
        } else {
            servers.push(backend.settle(|index| new_server(wanted, index, global, offsets)));
        }
    }
    publish::backend(backend, settings.clone(), servers, offsets.now);
    Arc::clone(backend)
}

fn new_server(
    settings: &model::Server,
    index: ServerIndex,
    global: &model::Global,
    offsets: &mut Offsets,
) -> Server {
    let offset = offsets.next(settings);
    let health = Health::new(offsets.now, &health_settings(settings, global), offset);
    Server::new(settings.clone(), index, health)
}

fn follow_server(
    backend: &Arc<Backend>,
    server: &Server,
    wanted: &model::Server,
    global: &model::Global,
    offsets: &mut Offsets,
) {
    let offset = offsets.next(wanted);
    if **server.configured() == *wanted {
        return;
    }
    let in_force = overrides::carried(&server.configured(), &server.settings(), wanted);
    publish::server(server, wanted.clone(), in_force);
    let (now, settings) = (offsets.now, health_settings(wanted, global));
    publish::health(backend, server, now, |health| health.reconfigure(now, &settings, offset));
    server.wake_check();
}

fn health_settings(server: &model::Server, global: &model::Global) -> Settings {
    let check = server.check.as_ref().map(|check| CheckSettings {
        intervals: Intervals {
            inter: check.inter,
            fastinter: check.fastinter,
            downinter: check.downinter,
            spread_percent: global.spread_checks_percent,
        },
        rise: check.rise,
        fall: check.fall,
    });
    Settings { check, disabled: server.disabled }
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
            servers.filter_map(|server| server.check.as_ref()).map(|check| check.inter)
        };
        Self {
            now,
            shortest: start_interval(inters()),
            most: config.global.max_spread_checks,
            count: u32::try_from(inters().count()).unwrap_or(u32::MAX),
            position: 0,
        }
    }

    fn next(&mut self, server: &model::Server) -> Duration {
        let Some(check) = &server.check else { return Duration::ZERO };
        let position = self.position;
        self.position += 1;
        start_offset(check.inter, self.shortest, self.most, position, self.count)
    }
}

#[cfg(test)]
mod tests;
