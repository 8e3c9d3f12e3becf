//! Wiring: the one order of start, the supervisor of the control thread, reload and stop.
//!
//! ```text
//! main thread = control thread: signals, checks, logs, HTTP service, reload
//! worker-0 … worker-N: listeners and sessions
//! ```
//! Everything that can be refused is asked for before anything irreversible is done: sockets are
//! opened before the process goes to the background and gives up its rights, and a reload opens
//! its new sockets before it changes what runs.
//!
//! **Architecture invariant.** Nothing below knows this module: what the engines have to say comes
//! through the bus, and what they are told goes through [`crate::state::publish`].

mod background;
pub mod ctl;
mod drill;
mod failovers;
pub mod features;
mod identity;
mod kept;
mod limits;
mod listeners;
pub mod load;
mod log_identity;
pub mod master;
mod namespaces;
mod notify;
mod objects;
mod operation;
mod options;
mod overrides;
mod predecessors;
mod reload;
mod report;
mod requests;
mod saved;
mod signals;
mod state_dir;
mod state_lock;
mod stop;
mod supply;
mod switchover;
mod worker;
mod workers;
mod world;

use std::ffi::CString;
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::check::Engine;
use crate::clock;
use crate::config::diag::Look;
use crate::config::diff::{Plan, diff};
use crate::config::model::{Commands, Config};
use crate::control::cli;
use crate::pure::id::Disabled;
use crate::resolve::Engine as Resolver;
use crate::session::Context;
use crate::session::crew::Crew;
use crate::state::request::SocketWish;
use crate::state::{self, Process};
use crate::telemetry::{bus, stdio};
use background::{Background, Entered};
use listeners::{Listeners, Scene};
use load::{Loaded, Sources};
use log_identity::{LogIdentity, start_shipper};
pub use options::{Ended, Options, StartError};
use reload::Loading;
use requests::Adding;
use signals::{Pending, Request, Signals};
use state_dir::StateDir;
pub use state_dir::check as check_state_dir;
use state_lock::StateLock;
use supply::Supply;
use switchover::Switchovers;
use workers::Workers;

/// A configuration that was checked against the system, with its sockets open.
struct Prepared {
    config: Arc<Config>,
    workers: usize,
    limits: limits::Limits,
    identity: identity::Identity,
    plan: Plan,
    opened: Vec<listeners::Opened>,
    state_dir: Option<StateDir>,
    /// What loading the configuration had to say, for `show startup-logs`.
    startup_log: String,
}

/// What HAProxy says of `-S` without `-W`.
pub const SOCKET_WITHOUT_MASTER: &str =
    "config : a master CLI socket was defined, but master-worker mode (-W) is not enabled.";

/// Runs what was `loaded` until a signal ends it.
///
/// # Errors
/// What the system refused; nothing was started then.
pub fn run(loaded: Loaded, options: &Options) -> Result<Ended, StartError> {
    let Some(config) = &loaded.config else { return Err(StartError::Refused(Vec::new())) };
    if options.master || config.global.life.master_worker {
        return master::run(loaded, options);
    }
    if !options.master_sockets.is_empty() {
        tracing::warn!("{SOCKET_WITHOUT_MASTER}");
    }
    let mut supply = Supply::Own(predecessors::inherited(options)?);
    let said = loaded.text(Look::Plain);
    let prepared = prepare(config.clone(), said, &mut supply, options.memory_mib)
        .map_err(StartError::Refused)?;
    let variables: Vec<_> = loaded.variables().collect();
    drop((supply, loaded));
    let global = &prepared.config.global;
    let arrival = match Background::prepare(options, global, false)?.enter()? {
        Entered::Parent => return Ok(Ended::Done),
        Entered::Here(arrival) => arrival,
    };
    let refused = |refused| StartError::Refused(vec![refused]);
    identity::assume(prepared.identity, global).map_err(refused)?;
    let runtime = runtime()?;
    let control = Control::start(prepared, options, &runtime, None)?;
    control.context.process.environment.set(variables.into_iter());
    arrival.tell()?;
    predecessors::stop(options);
    Ok(complete(runtime, control.supervise()))
}

/// Runs as the worker of a master, whose link is standard input.
///
/// # Errors
/// What the system refused; the master was told.
pub fn work(options: &Options) -> Result<Ended, StartError> {
    let link = crate::sys::inherit::adopt(0).map_err(|e| StartError::because("take orders", &e))?;
    let null = fs::File::open("/dev/null").map_err(|e| StartError::because("take orders", &e))?;
    rustix::stdio::dup2_stdin(&null).map_err(|e| StartError::because("take orders", &e.into()))?;
    name_process();
    worker::run(options, std::os::unix::net::UnixStream::from(link))
}

/// Names the process as it was called: the kernel names it after the file it was started from, which
/// for a worker is `exe`.
fn name_process() {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_ref().and_then(|called| called.file_name());
    let name = name.and_then(|name| CString::new(name.as_encoded_bytes()).ok());
    // It is for the eyes of operators: without it they see the other one.
    let _ = name.map(|name| rustix::thread::set_name(&name));
}

/// The control thread's runtime.
fn runtime() -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| StartError::because("start the control thread", &e))
}

/// Does the process' work. What still blocks then, such as the reading of a file that does not end, is
/// given up.
fn complete<T>(runtime: Runtime, work: impl Future<Output = T>) -> T {
    let ended = runtime.block_on(work);
    runtime.shutdown_background();
    ended
}

fn prepare(
    config: Config,
    startup_log: String,
    supply: &mut Supply,
    memory: Option<NonZeroU32>,
) -> Result<Prepared, Vec<String>> {
    let config = Arc::new(config);
    // Its file is out of sight once the root has changed.
    let _ = clock::zone();
    let identity = identity::look_up(&config.global)?;
    let workers = worker_count(&config);
    let limits = limits::settle(&config, workers, memory);
    let plan = diff(&nothing(&config), &config);
    namespaces::open(&config)?;
    let opened = listeners::open(&config, &plan, workers, supply)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    limits.check(&config.global.life).map_err(|refused| vec![refused])?;
    let state_dir = StateDir::open(&config).map_err(|refused| vec![refused])?;
    Ok(Prepared { config, workers, limits, identity, plan, opened, state_dir, startup_log })
}

/// The configuration a start is a reload from.
fn nothing(config: &Config) -> Config {
    let global = config.global.clone();
    Config {
        global,
        frontends: Vec::new(),
        backends: Vec::new(),
        disabled: Disabled::default(),
        order: Vec::new(),
        patterns: Vec::new(),
        tables: Vec::new(),
        peers: Vec::new(),
        stats: Vec::new(),
        userlists: Vec::new(),
        resolvers: Vec::new(),
        certificates: Vec::new(),
        rings: Vec::new(),
        webhooks: Vec::new(),
        saved: Vec::new(),
        commands: Commands::default(),
    }
}

fn worker_count(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    config.global.nbthread.map_or_else(cores, |count| usize::from(count.get()))
}

/// The control thread's things.
pub(crate) struct Control {
    sources: Sources,
    context: Arc<Context>,
    workers: Workers,
    listeners: Listeners,
    engine: Engine,
    resolver: Resolver,
    commands: Arc<cli::Shared>,
    requests: mpsc::Receiver<state::request::Request>,
    signals: Signals,
    log: LogIdentity,
    shipper: JoinHandle<()>,
    loading: Loading,
    /// A server that a command adds, while it is read.
    adding: Option<Adding>,
    /// Planned changes of primaries.
    switchovers: Arc<Switchovers>,
    /// `-m`.
    memory_mib: Option<NonZeroU32>,
    /// Ends when what outlives the process is on disk.
    memory: oneshot::Receiver<()>,
    /// Of the directory of what outlives the process.
    state_lock: Option<Arc<StateLock>>,
}

/// What the supervisor does next.
enum Turn {
    GoOn,
    End(Ended),
}

impl Control {
    fn start(
        prepared: Prepared,
        options: &Options,
        runtime: &Runtime,
        orders: Option<mpsc::Receiver<Pending>>,
    ) -> Result<Self, StartError> {
        let _inside = runtime.enter();
        if prepared.config.global.life.quiet {
            stdio::be_quiet();
        }
        if let Some(mib) = options.memory_mib {
            limits::bound_memory(mib);
        }
        let Prepared { config, workers, limits, plan, opened, state_dir, startup_log, .. } =
            prepared;
        let signals = Signals::listen(options.hup_reports, orders)
            .map_err(|e| StartError::because("listen for signals", &e))?;
        let workers = Workers::start(workers, &config.global.life)
            .map_err(|e| StartError::because("start a worker", &e))?;
        let now = clock::now();
        let process = Process::new(now, workers.count(), limits.maxconn, Arc::clone(&config));
        process.pulse.watch(workers.handles().map(tokio::runtime::Handle::metrics).collect());
        process.tell(limits.told);
        limits.rule_pipes(config.global.tuning.pipesize);
        let (bus, intake) = bus::bus();
        let log = LogIdentity::new(&config, &options.program, &intake);
        let shipper = start_shipper(intake, &log);
        let process = Arc::new(process);
        let pages = Arc::new(listeners::site(&process, &bus));
        let renders = Arc::new(Semaphore::new(1));
        let crew = Crew::new(&process.sessions, workers.handles());
        let context = Arc::new(Context { process, bus, pages, renders, crew });
        let (done, memory) = oneshot::channel();
        let journal = state_dir.as_ref().map(StateDir::journal).transpose();
        let journal = journal.map_err(|e| StartError::because("remember what is changed", &e))?;
        let keep = |dir: StateDir| dir.keep(&context.process, predecessors::of(options), done);
        let state_lock = state_dir
            .map(keep)
            .transpose()
            .map_err(|e| StartError::because("remember who is primary", &e))?;
        objects::apply(&context.process, Arc::clone(&config), now);
        let switchovers = Switchovers::new(&context.process, &context.bus, journal);
        let engine = Engine::new(Arc::clone(&context.process), context.bus.clone());
        let resolver = Resolver::new(Arc::clone(&context.process), context.bus.clone());
        let commands =
            cli::Shared::new(Arc::clone(&context.process), context.bus.clone(), startup_log);
        let requests = context.process.requests.receiver().expect("nobody else takes it");
        let mut control = Self {
            sources: options.sources.clone(),
            context,
            workers,
            listeners: Listeners::default(),
            engine,
            resolver,
            commands: Arc::new(commands),
            requests,
            signals,
            log,
            shipper,
            loading: Loading::default(),
            adding: None,
            switchovers,
            memory_mib: options.memory_mib,
            memory,
            state_lock,
        };
        control.follow(&config, &plan, opened);
        Ok(control)
    }

    /// What was loaded is in force.
    fn keep(&self, loaded: &Loaded) {
        self.sources.keep(loaded);
        self.context.process.environment.set(loaded.variables());
    }

    /// Lets checks, logs and listeners follow what runs now.
    fn follow(&mut self, config: &Config, plan: &Plan, opened: Vec<listeners::Opened>) {
        self.engine.follow(&self.context.process.objects());
        self.resolver.follow(&self.context.process.objects());
        self.log.follow(config);
        self.commands.follow(&config.commands);
        let scene =
            Scene { context: &self.context, workers: &self.workers, shared: &self.commands };
        self.listeners.follow(config, plan, opened, &scene);
        self.reopen_frontends();
    }

    async fn supervise(mut self) -> Ended {
        loop {
            let turn = tokio::select! {
                signal = self.signals.next() => self.handle(signal).await,
                // One after the other: what was asked for first is done first.
                read = requests::was_read(&mut self.adding), if self.adding.is_some() => {
                    self.end_adding(read);
                    Turn::GoOn
                }
                loaded = self.loading.end(), if self.adding.is_none() => {
                    reload::end(&mut self, loaded);
                    Turn::GoOn
                }
                Some(request) = self.requests.recv(), if self.adding.is_none() => {
                    self.fulfil(request);
                    Turn::GoOn
                }
            };
            if let Turn::End(ended) = turn {
                return self.shut_down(ended).await;
            }
        }
    }

    async fn handle(&mut self, request: Request) -> Turn {
        match request {
            Request::Stop(signal) => Turn::End(Ended::Signal(signal)),
            Request::Reload => {
                self.loading.begin(&self.sources);
                Turn::GoOn
            }
            Request::SoftStop => Turn::End(self.soft_stop().await),
            Request::Follow(pending) => {
                let Pending { order, sockets, answer } = *pending;
                // A master that has gone meanwhile hears nothing.
                let _ = answer.send(reload::follow(self, order, sockets));
                Turn::GoOn
            }
            Request::Report => {
                report::print(&self.context.process, &self.context.bus);
                Turn::GoOn
            }
            Request::Pause => {
                self.rest(SocketWish::Pause);
                Turn::GoOn
            }
            Request::Resume => {
                self.rest(SocketWish::Resume);
                Turn::GoOn
            }
        }
    }
}
