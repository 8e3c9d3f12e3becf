//! The health engine: one task for each checked server, on the control thread.
//!
//! A task waits until its server's check is due or a session's bad luck wakes it, runs the probe,
//! and gives the verdict to the server's health. If that changes who may be picked, the new live
//! set is swapped in before this function returns: between a verdict and the swap there is no
//! timer, no poll and no lock held across an await.
//!
//! **Architecture invariant.** Nothing here knows a session. Sessions speak to a check by
//! [`Server::hint`], and hear of it through the live set.

pub mod again;
mod agent;
mod attach;
mod beside;
mod complaint;
mod database;
mod door;
pub mod driver;
mod external;
mod facts;
mod held;
pub mod operate;
mod ramp;
mod report;
pub mod target;
mod waking;
mod witness;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use tokio::time::sleep_until;

use crate::clock;
use crate::config::model::{self, CheckKind};
use crate::pure::health::Outcome;
use crate::pure::health::schedule::on_grid;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::{Context as ProbeContext, Probe};
use crate::pure::role::{Reading, Role};
use crate::state::occasion::{Before, RolesBefore};
use crate::state::process::Objects;
use crate::state::upkeep::{Owned, keep_running};
use crate::state::{Backend, Occasion, Passes, Process, Server, publish};
use crate::telemetry::bus::Bus;
use external::Program;
use held::{Sessions, Share, gone};
use target::Target;

/// All checks of the process. Dropping it ends them.
#[derive(Debug)]
pub struct Engine {
    process: Arc<Process>,
    bus: Bus,
    /// What is held with databases.
    sessions: Arc<Sessions>,
    /// The running tasks, by the server they check.
    running: HashMap<ServerKey, Running>,
    /// The tasks that ask agents, in the same way.
    agents: HashMap<ServerKey, Running>,
    /// The tasks that ask its witnesses, in the same way, by their places.
    witnesses: HashMap<(ServerKey, usize), Running>,
    /// The running tasks for slow starts, by the backend they serve.
    ramps: HashMap<*const Backend, Kept>,
    /// Those that let clients go on who were held, in the same way.
    attaching: HashMap<*const Backend, Kept>,
    /// Beats where anything is routed by role.
    waking: Option<Owned<()>>,
}

/// A task of one backend, which is held so that its address names no other one meanwhile.
type Kept = (Arc<Backend>, Owned<()>);

/// What tells servers apart: where they are, as long as they are held.
type ServerKey = usize;

/// The running check of one server, or its agent.
#[derive(Debug)]
struct Running {
    /// Held so that its address names no other server meanwhile.
    _server: Arc<Server>,
    backend: Arc<Backend>,
    _task: Owned<()>,
}

impl Engine {
    /// An engine that checks nothing yet.
    #[must_use]
    pub fn new(process: Arc<Process>, bus: Bus) -> Self {
        Self {
            process,
            bus,
            sessions: Arc::default(),
            running: HashMap::new(),
            agents: HashMap::new(),
            witnesses: HashMap::new(),
            ramps: HashMap::new(),
            attaching: HashMap::new(),
            waking: None,
        }
    }

    /// Starts the checks of servers that have none running, and ends those of servers that are
    /// gone. A running check whose settings changed goes on with the new ones by itself.
    pub fn follow(&mut self, objects: &Objects) {
        let (mut checked, mut with_agent) = (HashMap::new(), HashMap::new());
        let mut witnesses = HashMap::new();
        for backend in &objects.backends {
            for server in &backend.live().servers {
                let settings = server.settings();
                let key = Arc::as_ptr(server).addr();
                let task = || Task {
                    backend: Arc::clone(backend),
                    server: Arc::clone(server),
                    process: Arc::clone(&self.process),
                    bus: self.bus.clone(),
                    sessions: Arc::clone(&self.sessions),
                };
                if settings.check.is_some() {
                    checked.insert(key, task());
                }
                if settings.agent.is_some() {
                    with_agent.insert(key, task());
                }
                server.panel().keep(settings.witnesses.len());
                for place in 0..settings.witnesses.len() {
                    witnesses.insert((key, place), task());
                }
            }
        }
        keep(&mut self.running, checked, "check", |_, task| task.run());
        keep(&mut self.agents, with_agent, "agent", |_, task| task.run_agent());
        keep(&mut self.witnesses, witnesses, "witness", |(_, place), task| task.attend(place));
        self.follow_ramps(objects);
        self.follow_holds(objects);
        self.follow_roles(objects);
    }

    /// A soft stop begins: nobody is sent anywhere any more. Only servers with a role are still asked
    /// for it, so that who writes to a primary that is none any more is cut.
    pub fn stop(&mut self) {
        self.running.retain(|_, running| !running.backend.settings().routes.is_empty());
        self.witnesses.retain(|_, running| !running.backend.settings().routes.is_empty());
        self.agents.clear();
        self.ramps.clear();
    }
}

/// Starts `wanted` tasks that do not run, and ends those that run and are not wanted.
fn keep<K, F>(
    running: &mut HashMap<K, Running>,
    wanted: HashMap<K, Task>,
    what: &str,
    run: fn(K, Task) -> F,
) where
    K: Copy + Eq + Hash + Send + 'static,
    F: Future<Output = Infallible> + Send + 'static,
{
    running.retain(|key, _| wanted.contains_key(key));
    for (key, task) in wanted {
        running.entry(key).or_insert_with(|| {
            let what = format!("The {what} of {}/{}", task.backend.name, task.server.name);
            let server = Arc::clone(&task.server);
            let backend = Arc::clone(&task.backend);
            let task = keep_running(what, move || run(key, task.clone()));
            Running { _server: server, backend, _task: task }
        });
    }
}

/// The check of one server, or its agent.
#[derive(Clone)]
struct Task {
    backend: Arc<Backend>,
    server: Arc<Server>,
    process: Arc<Process>,
    bus: Bus,
    sessions: Arc<Sessions>,
}

impl Task {
    /// Checks until it is dropped, which gives up the running check without a verdict.
    async fn run(self) -> Infallible {
        let passes = self.server.begin_checks();
        let mut held: Option<Share> = None;
        let now = clock::now();
        // A task that ended by a fault did so in a check, perhaps.
        publish::health(&self.backend, &self.server, now, |health| health.handle_cancelled(now));
        loop {
            let due = self.next_start();
            let partings = [self.server.partings().next_due(), self.server.panel().next_due()];
            let parting = partings.into_iter().flatten().min();
            tokio::select! {
                biased;
                hinted = self.server.woken() => {
                    if hinted {
                        self.hear();
                    }
                    self.hear_errors();
                }
                () = gone(&mut held) => self.hear_end(),
                () = reach(parting) => {
                    self.occasion(clock::now()).part(&self.backend, &self.server);
                }
                () = reach(due) => self.check(&passes, &mut held).await,
            }
        }
    }

    /// When to start the next check. One that is due soon is a confirmation: it is not put off.
    fn next_start(&self) -> Option<Instant> {
        let due = self.server.next_check()?;
        let inter = self.server.settings().check.as_ref()?.inter;
        let now = clock::now();
        let started = now.checked_sub(self.process.uptime(now))?;
        if due.saturating_duration_since(now) < inter / 4 {
            return Some(due);
        }
        Some(started + on_grid(due.saturating_duration_since(started), inter))
    }

    /// A session could not connect.
    fn hear(&self) {
        let now = clock::now();
        publish::health(&self.backend, &self.server, now, |health| health.handle_hint(now));
    }

    /// What was held with the database ended.
    fn hear_end(&self) {
        let now = clock::now();
        publish::health(&self.backend, &self.server, now, |health| health.handle_end(now));
    }

    /// Sessions could not connect, so often that `on-error` says what to do.
    fn hear_errors(&self) {
        let Some((count, observe)) = self.server.take_errors().zip(self.server.settings().observe)
        else {
            return;
        };
        let now = clock::now();
        let before = Before::of(&self.backend, &self.server);
        let found = publish::health(&self.backend, &self.server, now, |health| {
            health.handle_errors(now, count, observe.on_error)
        });
        if let Some((verdict, outcome)) = found {
            self.tell(now, &before, &verdict, outcome);
        }
    }

    async fn check(&self, passes: &Passes, held: &mut Option<Share>) {
        let settings = Arc::clone(&self.server.settings());
        let Some(check) = &settings.check else { return };
        let source = self.source();
        let Some(mut target) = Target::of(&settings, check, source) else { return };
        let asked = (check, &settings.address, source);
        let started = clock::now();
        target.is_doubted = publish::health(&self.backend, &self.server, started, |health| {
            health.handle_started();
            health.is_hinted()
        });
        let Found { mut verdict, role, reading } = self.ask_in_time(check, target, held).await;
        let now = clock::now();
        if self.still_asks(asked) {
            if role.is_some() && reading.is_none() {
                // Nobody could say whether it is an old primary.
                let info = b"it does not say whose data it has";
                verdict.status = CheckStatus::L7Response;
                verdict = verdict.with_info(info);
            }
            if verdict.refused {
                verdict.refused = self.occasion(now).refused(&self.backend, &self.server, &verdict);
            }
            if let Some(reading) = reading {
                self.occasion(now).read(&self.backend, &self.server, reading);
            }
            let passed = verdict.passed();
            self.handle(verdict, started, passes);
            if passed {
                self.await_primary();
            }
            self.server.note_asked(started);
        } else {
            publish::health(&self.backend, &self.server, now, |health| {
                health.handle_cancelled(now);
            });
        }
    }

    /// The local address that its checks come from.
    fn source(&self) -> Option<SocketAddr> {
        let settings = self.server.settings();
        self.backend.settings().source_of(&settings).and_then(model::Source::local)
    }

    /// Asks what `check` says, and what the server is, where it tells.
    async fn ask(
        &self,
        check: &model::Check,
        mut target: Target,
        held: &mut Option<Share>,
    ) -> Found {
        target.process = target.tls.is_some().then(|| Arc::clone(&self.process));
        let context = ProbeContext {
            answer_bytes_max: self.process.objects().config.global.bufsize,
            down: !self.server.standing().is_running(),
            unix_time_s: unix_time_s(),
        };
        if !matches!(check.kind, CheckKind::Database(_)) {
            *held = None;
        }
        match &check.kind {
            CheckKind::External(external) => {
                // HAProxy does not know of an answer here: all of it is the connection.
                let limit = check.timeout.map_or(check.inter, |_| check.timeout_connect);
                let program = Program::new(external, &self.process, &self.backend, &self.server);
                Found { verdict: program.run(limit).await, role: None, reading: None }
            }
            CheckKind::Database(kind) => self.ask_database(kind, check.fall, &target, held).await,
            kind => {
                let around = facts::Around::of(self);
                let mut probe = Probe::for_kind(kind, &context, &around);
                let verdict = driver::run(&target, &mut probe).await;
                let (role, reading) = probe.role().cloned().unzip();
                Found { verdict, role, reading: reading.flatten() }
            }
        }
    }

    fn occasion(&self, now: Instant) -> Occasion<'_> {
        Occasion { process: &self.process, bus: &self.bus, now, wall: clock::wall() }
    }

    /// Whether a check would ask now what `check` asked of the server at `address` from `source`. A
    /// reload or a command may have changed that while it ran; what it found then says nothing.
    fn still_asks(
        &self,
        (check, address, source): (&model::Check, &model::ServerAddr, Option<SocketAddr>),
    ) -> bool {
        let (server, backend) = (self.server.settings(), self.backend.settings());
        let question = |check: &model::Check| (check.addr.clone(), check.port, check.send_proxy);
        server.check.as_ref().is_some_and(|now| {
            now.kind == check.kind
                && (&now.tls, now.is_tls) == (&check.tls, check.is_tls)
                && question(now) == question(check)
                && server.address == *address
                && backend.source_of(&server).and_then(model::Source::local) == source
        })
    }

    /// What follows from a verdict: the standing, the live set, the news, the sessions.
    /// All of it follows the settings in force now; those the check ran with ask the same.
    fn handle(&self, verdict: Verdict, started: Instant, passes: &Passes) {
        let now = clock::now();
        let passed = verdict.passed();
        let before = Before::of(&self.backend, &self.server);
        let roles = RolesBefore::of(&self.backend);
        let random = fastrand::u64(..);
        let (hinted, outcome) = publish::health(&self.backend, &self.server, now, |health| {
            (health.is_hinted(), health.handle_verdict(now, verdict.clone(), random))
        });
        if passed {
            passes.note(started);
        }
        if !self.server.standing().is_running() {
            // What it said before it went counts no more.
            publish::lost(&self.backend, &self.server, now, &verdict);
        }
        // A check that an error asked for does not make errors count less.
        if passed && !hinted {
            self.server.forget_errors();
        }
        self.tell(now, &before, &verdict, outcome);
        self.occasion(now).roles_changed(&self.backend, &roles);
    }

    /// Says what a verdict on the server did, and does what follows for its sessions.
    fn tell(&self, now: Instant, before: &Before, verdict: &Verdict, outcome: Outcome) {
        if outcome.news && verdict.unasked {
            let (backend, server, why) = (&self.backend.name, &self.server.name, verdict.info());
            tracing::warn!(
                "Server {backend}/{server} cannot be checked and stays as it is: {why}."
            );
        }
        if outcome.news && self.backend.settings().log_health_checks {
            self.bus.event(report::result(&self.backend, &self.server, verdict));
        }
        let Some(transition) = outcome.transition else { return };
        let reason = report::reason(&self.backend, verdict);
        self.occasion(now).moved(&self.backend, &self.server, before, transition, reason);
    }
}

/// Waits for `at`, and forever where there is none. What is due goes past the timers, which take
/// up to two milliseconds to say so.
async fn reach(at: Option<Instant>) {
    match at {
        Some(at) if at <= clock::now() => {}
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// What a check found.
struct Found {
    verdict: Verdict,
    /// What the server is, where that was asked.
    role: Option<Role>,
    /// What it said of itself.
    reading: Option<Reading>,
}

/// The wall clock as a hello of SSL 3.0 carries it.
fn unix_time_s() -> u32 {
    let since_1970 = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(since_1970).unwrap_or(u32::MAX)
}
