//! Fills a [`Snapshot`] from what runs.

mod requests;
pub(super) mod roles;
mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use self::requests::requests;
use super::snapshot::{
    self, Bytes, Denied, FrontendStatus, ListenerStatus, Load, Pipes, Snapshot, Times,
};
use crate::config::model::{self, Balance, BalanceKey, CLAIMED_DATE, CLAIMED_VERSION};
use crate::net::relay::pipes_open;
use crate::pure::balance::EffectiveWeight;
use crate::state::counters::{Service, Traffic};
use crate::state::frontend::Phase;
use crate::state::{self, Backend, Frontend, Listener, Process, Resolvers, StickTable, Tables};
use crate::telemetry::bus::Bus;

/// What is true at `now`.
#[must_use]
pub fn snapshot(process: &Process, bus: &Bus, now: Instant, wall: SystemTime) -> Snapshot {
    process.sessions.count_bytes(process);
    let objects = process.objects();
    let uptime = process.uptime(now);
    let required = |backend: &Backend| {
        let named = |frontend: &Arc<Frontend>| {
            frontend.route().backend.as_ref().is_some_and(|b| b.name == backend.name)
        };
        objects.frontends.iter().any(named)
    };
    let holds = objects.frontends.iter().any(|it| it.route().settings.hold.is_some());
    Snapshot {
        process: process_row(process, bus, uptime, wall),
        frontends: objects.frontends.iter().map(|f| frontend_row(f, process, uptime)).collect(),
        backends: objects
            .backends
            .iter()
            .map(|backend| {
                let failovers = roles::failovers(process, backend);
                let row = backend_row(process, backend, required(backend), now, uptime);
                snapshot::Backend { failovers, hold: roles::hold(backend, holds), ..row }
            })
            .collect(),
        order: objects.config.order.clone(),
        nameservers: nameservers(&objects.resolvers),
        workers: process.sessions.shares(),
        tables: tables(&objects.tables, now),
        webhooks: bus.outboxes().counts(),
    }
}

fn tables(tables: &Tables, now: Instant) -> Vec<snapshot::Table> {
    let row = |table: &Arc<StickTable>| {
        let mut entries = table.lock();
        let used = entries.len(now);
        let spec = entries.spec();
        snapshot::Table {
            name: table.name.clone(),
            kind: spec.kind.name(),
            size: u64::try_from(spec.size).unwrap_or(u64::MAX),
            used: u64::try_from(used).unwrap_or(u64::MAX),
        }
    };
    tables.iter().map(row).collect()
}

fn nameservers(sections: &[Arc<Resolvers>]) -> Vec<snapshot::Nameserver> {
    let mut found = Vec::new();
    for section in sections {
        for (server, asked) in section.settings.nameservers.iter().zip(&section.nameservers) {
            found.push(snapshot::Nameserver {
                section: section.settings.name.as_str().to_owned(),
                name: server.name.clone(),
                questions: [
                    asked.sent.get(),
                    asked.send_errors.get(),
                    asked.valid.get(),
                    asked.updates.get(),
                    // Aliases are followed by the name server.
                    0,
                    0,
                    asked.empty.get(),
                    asked.nx.get(),
                    asked.timeouts.get(),
                    asked.refused.get(),
                    asked.other.get(),
                    asked.invalid.get(),
                    // What does not fit is cut by the name server: it counts as truncated.
                    0,
                    asked.truncated.get(),
                    asked.outdated.get(),
                ],
            });
        }
    }
    found
}

fn process_row(
    process: &Process,
    bus: &Bus,
    uptime: Duration,
    wall: SystemTime,
) -> snapshot::Process {
    let objects = process.objects();
    let listeners: usize = objects.config.frontends.iter().map(|f| f.binds.len()).sum();
    let gate = &process.gate;
    let life = &objects.config.global.life;
    let told = process.told();
    let accepted = Load {
        current: gate.current(),
        max: gate.max(),
        limit: Some(gate.limit()),
        total: process.connections.get(),
        rate: process.connection_rate.at(uptime),
        rate_max: process.connection_rate.max(),
        rate_limit: process.connection_pace.limit(),
    };
    let bytes_out = process.bytes_out.get();
    let beat = process.pulse.look(uptime, bytes_out);
    snapshot::Process {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        claimed_version: CLAIMED_VERSION,
        claimed_date: CLAIMED_DATE,
        pid: std::process::id(),
        node: life
            .node
            .clone()
            .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned()),
        description: life.description.clone(),
        started: wall.checked_sub(uptime).unwrap_or(wall),
        uptime,
        threads: u32::try_from(process.workers()).unwrap_or(u32::MAX),
        max_fds: told.limit,
        max_sockets: told.sockets,
        max_connections: gate.limit(),
        hard_max_connections: process.hard_maxconn(),
        connections: accepted,
        sessions: Load {
            total: process.sessions_begun.get(),
            rate: process.session_rate.at(uptime),
            rate_max: process.session_rate.max(),
            rate_limit: process.session_pace.limit(),
            ..accepted
        },
        tls: tls(&process.tls, uptime),
        pipes: Pipes {
            max: u32::try_from(told.maxpipes).unwrap_or(u32::MAX),
            open: u32::try_from(pipes_open()).unwrap_or(u32::MAX),
        },
        bytes_out,
        spliced_bytes_out: process.bytes_spliced.get(),
        bytes_out_rate: beat.bytes_rate,
        tasks: beat.tasks,
        run_queue: beat.run_queue,
        idle_percent: beat.idle_percent,
        stopping: process.is_stopping(),
        jobs: u64::from(gate.current()) + listeners as u64,
        unstoppable_jobs: 0,
        listeners: u32::try_from(listeners).unwrap_or(u32::MAX),
        dropped_logs: bus.losses().total(),
        is_state_unsaved: process.remembered.is_unsaved(),
        busy_polling: objects.config.global.life.busy_poll.is_some(),
        failed_resolutions: 0,
        warnings: 0,
        maxconn_reached: process.maxconn_reached.get(),
    }
}

fn tls(tls: &state::Tls, uptime: Duration) -> snapshot::Tls {
    snapshot::Tls {
        connections: Load {
            current: tls.gate.current(),
            max: tls.gate.max(),
            limit: Some(tls.limit()),
            total: tls.connections.get(),
            rate: tls.rate.at(uptime),
            rate_max: tls.rate.max(),
            rate_limit: tls.pace.limit(),
        },
        client_keys: tls.client_keys.at(uptime),
        client_keys_max: tls.client_keys.max(),
        server_keys: tls.server_keys.at(uptime),
        server_keys_max: tls.server_keys.max(),
        lookups: tls.lookups.get(),
        misses: tls.misses.get(),
    }
}

fn frontend_row(frontend: &Frontend, process: &Process, uptime: Duration) -> snapshot::Frontend {
    let route = frontend.route();
    let status = match frontend.phase() {
        _ if process.is_stopping() => FrontendStatus::Stopped,
        Phase::Open => FrontendStatus::Open,
        Phase::Paused => FrontendStatus::Paused,
        Phase::Stopped => FrontendStatus::Stopped,
    };
    let mut intake = intake(&frontend.traffic, Some(frontend.gate.limit()), uptime);
    intake.sessions.rate_limit = frontend.pace.limit();
    intake.request_errors = frontend.request_errors.get();
    snapshot::Frontend {
        name: Arc::clone(&frontend.name),
        id: route.settings.id,
        status,
        connections: Load {
            total: frontend.connections.get(),
            rate: frontend.connection_rate.at(uptime),
            rate_max: frontend.connection_rate.max(),
            ..intake.sessions
        },
        intake,
        requests: route.settings.http.as_ref().map(|_| requests(&frontend.requests, uptime)),
        listeners: listener_rows(frontend, process, uptime),
    }
}

fn intake(traffic: &Traffic, limit: Option<u32>, uptime: Duration) -> snapshot::Intake {
    snapshot::Intake {
        sessions: load(traffic, limit, uptime),
        bytes: bytes(traffic),
        handshakes: handshakes(traffic),
        denied: denied(traffic),
        request_errors: 0,
        internal_errors: 0,
    }
}

/// The listeners that are counted one by one.
fn listener_rows(
    frontend: &Frontend,
    process: &Process,
    uptime: Duration,
) -> Vec<snapshot::Listener> {
    let counted = |listener: &Arc<Listener>| {
        let traffic = listener.traffic.as_ref()?;
        let number = || format!("sock-{}", listener.id).into();
        // A gate without a limit of its own lets as many in as its numbers reach.
        let limit = Some(listener.gate.limit()).filter(|limit| *limit < u32::MAX);
        let waiting = !frontend.gate.has_room() || !process.gate.has_room();
        Some(snapshot::Listener {
            name: listener.name.clone().unwrap_or_else(number),
            id: listener.id,
            address: listener.address.clone(),
            status: match listener.gate.has_room() {
                false => ListenerStatus::Full,
                true if waiting => ListenerStatus::Waiting,
                true => ListenerStatus::Open,
            },
            intake: intake(traffic, limit, uptime),
        })
    };
    frontend.listeners().iter().filter_map(counted).collect()
}

fn backend_row(
    process: &Process,
    backend: &Backend,
    required: bool,
    now: Instant,
    uptime: Duration,
) -> snapshot::Backend {
    let objects = process.objects();
    let settings = backend.settings();
    let live = backend.live();
    let mut servers: Vec<snapshot::Server> = live
        .servers
        .iter()
        .map(|server| servers::row(&objects, server, settings.balance.is_dynamic(), now, uptime))
        .collect();
    roles::note(process, backend, &mut servers, now);
    let up = !live.set.members().is_empty() || live.servers.is_empty();
    let weight = live.set.members().iter().map(|member| member.weight.value()).sum::<u32>()
        / u32::from(EffectiveWeight::SCALE);
    let limit = settings.fullconn.map(std::num::NonZeroU32::get);
    let change = backend.availability(now);
    snapshot::Backend {
        name: Arc::clone(&backend.name),
        id: settings.id,
        failovers: None,
        hold: None,
        algo: algo(&settings),
        up,
        required,
        active: u32::try_from(live.active).unwrap_or(u32::MAX),
        backups: u32::try_from(live.backup).unwrap_or(u32::MAX),
        service: snapshot::Service {
            weight,
            user_weight: weight,
            last_change: change.since,
            downtime: change.downtime,
            // A backend without servers is up, for whoever chooses it by hand.
            downs: if live.servers.is_empty() { 0 } else { change.downs },
            ..service(&backend.service, limit, uptime)
        },
        requests: settings.http.as_ref().map(|_| requests(&backend.requests, uptime)),
        servers,
    }
}

fn denied(traffic: &Traffic) -> Denied {
    Denied {
        connections: traffic.denied_connections.get(),
        sessions: traffic.denied_sessions.get(),
        requests: traffic.denied_requests.get(),
        responses: traffic.denied_responses.get(),
    }
}

fn service(service: &Service, limit: Option<u32>, uptime: Duration) -> snapshot::Service {
    let queue =
        Load { current: service.queued.current(), max: service.queued.max(), ..Load::default() };
    snapshot::Service {
        queue,
        sessions: load(&service.traffic, limit, uptime),
        bytes: bytes(&service.traffic),
        denied: denied(&service.traffic),
        handshakes: handshakes(&service.traffic),
        connection_errors: service.connect_errors.get(),
        response_errors: service.response_errors.get(),
        retries: service.retries.get(),
        redispatches: service.redispatches.get(),
        connection_attempts: service.connects.get(),
        client_aborts: service.client_aborts.get(),
        server_aborts: service.server_aborts.get(),
        loadbalanced: service.picked.get(),
        last_session: service.last_session.ago(uptime),
        time_average: Times {
            queue: service.queue_time.average(),
            connect: service.connect_time.average(),
            response: Duration::ZERO,
            total: service.total_time.average(),
        },
        time_max: Times {
            queue: service.queue_time.max(),
            connect: service.connect_time.max(),
            response: Duration::ZERO,
            total: service.total_time.max(),
        },
        ..snapshot::Service::default()
    }
}

fn load(traffic: &Traffic, limit: Option<u32>, uptime: Duration) -> Load {
    Load {
        current: traffic.sessions.current(),
        max: traffic.sessions.max(),
        limit,
        total: traffic.total.get(),
        rate: traffic.rate.at(uptime),
        rate_max: traffic.rate.max(),
        rate_limit: 0,
    }
}

fn handshakes(traffic: &Traffic) -> snapshot::Handshakes {
    let it = &traffic.handshakes;
    snapshot::Handshakes { full: it.full.get(), resumed: it.resumed.get(), failed: it.failed.get() }
}

fn bytes(traffic: &Traffic) -> Bytes {
    Bytes { r#in: traffic.bytes_in.get(), out: traffic.bytes_out.get() }
}

/// HAProxy's word in the `algo` column; it has none for `random`.
fn algo(backend: &model::Backend) -> &'static str {
    match backend.balance {
        _ if backend.direct.is_some() => "none",
        Balance::Hash(_) if backend.balance_key.as_ref().is_some_and(BalanceKey::is_rdp_cookie) => {
            "rdp-cookie"
        }
        Balance::RoundRobin => "roundrobin",
        Balance::StaticRr => "static-rr",
        Balance::LeastConn => "leastconn",
        Balance::First => "first",
        Balance::Source(_) => "source",
        Balance::Hash(_) => "hash",
        Balance::Random { .. } => "unknown",
    }
}
