//! The process: its limits and totals, and the list of everything that runs in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use super::counters::{Counter, Rate};
use super::environment::Environment;
use super::episode::Episode;
use super::pulse::Pulse;
use super::request::Requests;
use super::waking::Waking;
use super::{
    Backend, Certificates, Frontend, Gate, Pace, Registry, Remembered, Resolvers, Sessions, Tables,
    Tls,
};
use crate::config::model;
use crate::pure::role::History;
use crate::pure::role::fence::Refusal;
use crate::pure::role::route::RoleRoute;
use crate::pure::sample::{Value, Variable};
use crate::telemetry::failover::Declared;

/// Everything that runs, in file order, and the configuration it came from.
#[derive(Debug)]
pub struct Objects {
    /// The configuration in force.
    pub config: Arc<model::Config>,
    /// Frontends.
    pub frontends: Vec<Arc<Frontend>>,
    /// Backends.
    pub backends: Vec<Arc<Backend>>,
    /// Stick tables.
    pub tables: Tables,
    /// Patterns of ACLs and maps, which commands may change.
    pub patterns: Arc<Registry>,
    /// `resolvers` sections, in file order.
    pub resolvers: Vec<Arc<Resolvers>>,
}

/// What commands tell of descriptors: the figures that HAProxy would work out, which tools compare with
/// each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The limit that was asked for.
    pub limit: u64,
    /// What all connections, listeners and checks together need.
    pub sockets: u64,
    /// The pipes among them.
    pub maxpipes: u64,
}

/// The process.
#[derive(Debug)]
pub struct Process {
    started: Instant,
    workers: usize,
    /// Client connections of all frontends.
    pub gate: Arc<Gate>,
    /// The sessions that run.
    pub sessions: Sessions,
    /// Client connections since the start.
    pub connections: Counter,
    /// Client connections a second.
    pub connection_rate: Rate,
    /// `maxconnrate`.
    pub connection_pace: Pace,
    /// Sessions since the start: connections that were let in by all rules of their listener.
    pub sessions_begun: Counter,
    /// Those a second.
    pub session_rate: Rate,
    /// `maxsessrate`.
    pub session_pace: Pace,
    /// TLS of all frontends and backends.
    pub tls: Tls,
    /// Certificates that commands make and change.
    pub certificates: Certificates,
    /// Bytes to clients and to servers.
    pub bytes_out: Counter,
    /// Whether the process has run all the time.
    pub waking: Waking,
    /// How busy the workers are.
    pub pulse: Pulse,
    /// Bytes that went through `splice(2)`.
    pub bytes_spliced: Counter,
    /// Times the process had no descriptor or memory for a connection.
    pub exhausted: Counter,
    /// When that was said.
    pub exhaustion: Episode,
    /// Times the process' connection limit stopped a listener.
    pub maxconn_reached: Counter,
    /// What outlives the process.
    pub remembered: Remembered,
    /// What commands ask of those who hold the sockets.
    pub requests: Requests,
    /// The most that commands may make of the gate's limit.
    hard_maxconn: AtomicU32,
    told: Mutex<Told>,
    /// A soft stop is under way.
    stopping: AtomicBool,
    objects: ArcSwap<Objects>,
    /// Variables of its environment.
    pub environment: Environment,
    /// Variables of the process.
    variables: Mutex<BTreeMap<Variable, Value>>,
}

impl Process {
    /// A process that serves nothing yet.
    #[must_use]
    pub fn new(started: Instant, workers: usize, maxconn: u32, config: Arc<model::Config>) -> Self {
        let nothing = Objects {
            config,
            frontends: Vec::new(),
            backends: Vec::new(),
            resolvers: Vec::new(),
            patterns: Arc::default(),
            tables: Tables::default(),
        };
        Self {
            started,
            workers,
            gate: Arc::new(Gate::new(maxconn)),
            sessions: Sessions::new(workers),
            connections: Counter::default(),
            connection_rate: Rate::default(),
            connection_pace: Pace::default(),
            sessions_begun: Counter::default(),
            session_rate: Rate::default(),
            session_pace: Pace::default(),
            tls: Tls::default(),
            certificates: Certificates::default(),
            bytes_out: Counter::default(),
            waking: Waking::default(),
            pulse: Pulse::default(),
            bytes_spliced: Counter::default(),
            exhausted: Counter::default(),
            exhaustion: Episode::default(),
            maxconn_reached: Counter::default(),
            remembered: Remembered::default(),
            requests: Requests::default(),
            hard_maxconn: AtomicU32::new(maxconn),
            told: Mutex::default(),
            stopping: AtomicBool::new(false),
            objects: ArcSwap::from_pointee(nothing),
            environment: Environment::default(),
            variables: Mutex::default(),
        }
    }

    /// Time since the process started.
    #[must_use]
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Worker threads.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// The connections that the process was started for: commands may lower the gate's limit.
    #[must_use]
    pub fn hard_maxconn(&self) -> u32 {
        self.hard_maxconn.load(Ordering::Relaxed)
    }

    /// What is told of descriptors.
    #[must_use]
    pub fn told(&self) -> Told {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptors were counted.
    pub fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// A reload changed what the process takes.
    pub fn set_maxconn(&self, maxconn: u32) {
        self.hard_maxconn.store(maxconn, Ordering::Relaxed);
        self.gate.set_limit(maxconn);
    }

    /// Everything that runs.
    #[must_use]
    pub fn objects(&self) -> Guard<Arc<Objects>> {
        self.objects.load()
    }

    /// The frontends that lead to the primary of `backend`, and the least that they declare a failover
    /// may cost.
    #[must_use]
    pub fn declared(&self, backend: &Backend) -> (Vec<String>, Declared) {
        let (mut routes, mut declared) = (Vec::new(), Declared::default());
        for frontend in &self.objects().frontends {
            let route = frontend.route();
            let is_its = route.backend.as_deref().is_some_and(|it| std::ptr::eq(it, backend));
            if !is_its || route.settings.role != Some(RoleRoute::Primary) {
                continue;
            }
            routes.push(frontend.name.to_string());
            let rto = route.settings.rto.map(|time| time.as_secs_f64());
            declared.rto = [declared.rto, rto].into_iter().flatten().reduce(f64::min);
            declared.rpo = [declared.rpo, route.settings.rpo].into_iter().flatten().min();
        }
        (routes, declared)
    }

    /// Whether a claim to be primary that is refused for that reason is what a switchover leaves behind. A
    /// Postgres goes on claiming it until it is rebuilt; one of MySQL that does so once more was told to
    /// take writes again.
    #[must_use]
    pub fn is_replaced(&self, backend: &Backend, server: &str, why: Refusal) -> bool {
        let is_postgres = || {
            let reading = backend.group.reading(server);
            reading.is_some_and(|said| matches!(said.history, History::Postgres { .. }))
        };
        matches!(why, Refusal::Returned | Refusal::Older)
            && (backend.group.is_replaced(server)
                || is_postgres() && self.remembered.was_replaced(&backend.name, server))
    }

    /// Whether a soft stop is under way.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// A soft stop begins; it never ends otherwise than with the process.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The value of a variable of the process.
    #[must_use]
    pub fn variable(&self, name: &Variable) -> Option<Value> {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Sets a variable of the process, or forgets it. Their number is bounded by the names that the
    /// configuration and commands write.
    pub fn set_variable(&self, name: &Variable, value: Option<Value>) {
        let mut variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => variables.insert(name.clone(), value),
            None => variables.remove(name),
        };
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn objects_cell(&self) -> &ArcSwap<Objects> {
        &self.objects
    }
}
