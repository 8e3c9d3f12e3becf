//! The master (`-W`, `-Ws`): a privileged parent that reads, checks and binds for its worker.
//!
//! ```text
//! master   root, no threads of sessions; reads the files, opens the sockets, keeps the pidfile
//!   |      order: texts + what was looked up + listening sockets      -->
//!   |      answer: what changed, or why nothing did                   <--
//! worker   `user`, `group`, `chroot`; all sessions, checks and logs
//! ```
//! HAProxy starts a new worker at each reload and lets the former one drain: sessions of before then
//! live in a process without checks, that nobody can ask and that may drain for days. Here the worker
//! stays and follows the new configuration in itself, so that sessions of before are cut when their
//! server dies, health is kept, and no listening socket is ever closed for a moment. What the worker
//! may not do any more (read files below its `chroot`, open low ports) the master does for it, and
//! hands over the result. Toward service managers, scripts and logs it is HAProxy's master: the same
//! signals, messages and exit statuses.
//!
//! The worker is the same program, started with the same words; its end of the link is in the
//! environment. The start is a reload from nothing: one kind of order does for both.
//!
//! What HAProxy's reload does beside: it starts the program file anew. To change the program, restart
//! with `-x` and `-sf`, or restart the service.

mod link;
pub(super) mod order;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal as Number, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::background::Background;
use super::load::{Loaded, Sources};
use super::notify::ServiceManager;
use super::supply::{Own, Supply};
use super::{Ended, Options, StartError, listeners, nothing, predecessors, worker_count};
use crate::config::diff::diff;
use crate::config::model::Config;
use order::{Answer, Order, receive_answer};

/// In the environment of a worker: its master's process id. The link is its standard input.
pub const WORKER: &str = "EVENKEEL_WORKER";

/// Whether this process is the worker of a master: a program that a worker starts is none.
#[must_use]
pub fn is_worker() -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    std::env::var(WORKER).ok().is_some_and(|master| Some(master) == parent)
}

/// Loads, binds, starts a worker and stays until the last one is gone.
///
/// # Errors
/// What the system or the worker refused at the start.
pub(super) fn run(loaded: Loaded, options: &Options) -> Result<Ended, StartError> {
    let Loaded { config: Some(config), .. } = &loaded else {
        return Err(StartError::Refused(Vec::new()));
    };
    let config = Arc::new(config.clone());
    let threads = worker_count(&config);
    let mut supply = Supply::Own(predecessors::inherited(options)?);
    let offer = Offer::prepare(&loaded, &nothing(&config), &config, threads, &mut supply)
        .map_err(StartError::Refused)?;
    drop((supply, loaded));
    let background = Background::prepare(options, &config.global, true)?;
    if background.enter()? {
        return Ok(Ended::Done);
    }
    let manager = if options.notify { ServiceManager::find() } else { ServiceManager::default() };
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let wanted = Wanted::listen().map_err(|e| StartError::because("listen for signals", &e))?;
        let worker = Worker::start().map_err(|e| StartError::because("start a worker", &e))?;
        let link = Arc::clone(&worker.link);
        let delivered = tokio::task::spawn_blocking(move || offer.deliver(&link)).await;
        match delivered {
            Ok(Ok(_)) => {}
            Ok(Err(errors)) => return Err(StartError::Refused(errors)),
            Err(error) => return Err(StartError::because("start a worker", &error.into())),
        }
        tracing::info!("Loading success.");
        manager.ready();
        predecessors::stop(options);
        let (sources, zero_warning) = (options.sources.clone(), options.zero_warning);
        let master = Master {
            sources,
            zero_warning,
            threads,
            config,
            worker: Some(worker),
            reload: None,
            again: false,
            stopping: false,
            manager,
        };
        Ok(master.supervise(wanted).await)
    })
}

/// A configuration that is ready for the worker: checked, and its new sockets open.
struct Offer {
    order: Order,
    sockets: Vec<OwnedFd>,
}

impl Offer {
    fn prepare(
        loaded: &Loaded,
        old: &Config,
        new: &Config,
        threads: usize,
        supply: &mut Supply,
    ) -> Result<Self, Vec<String>> {
        let opened = listeners::open(new, &diff(old, new), threads, supply)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let (mut places, mut sockets) = (Vec::new(), Vec::new());
        for (place, opened) in opened.into_iter().map(listeners::Opened::hand_over) {
            places.push((place, opened.len()));
            sockets.extend(opened);
        }
        let recording = loaded.recording.clone();
        Ok(Self { order: Order { texts: loaded.texts(), recording, places }, sockets })
    }

    /// Hands it to the worker at the other end of `link` and waits for the answer. Blocks.
    fn deliver(self, link: &UnixStream) -> Answer {
        let answer = self.order.send(link, &self.sockets).and_then(|()| receive_answer(link));
        answer.unwrap_or_else(|error| Err(vec![format!("the worker does not answer: {error}")]))
    }
}

/// A worker's process.
#[derive(Debug)]
struct Worker {
    child: Child,
    link: Arc<UnixStream>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut words = std::env::args_os();
        let name = words.next().unwrap_or_default();
        let child = Command::new("/proc/self/exe")
            .arg0(name)
            .args(words)
            .env(WORKER, std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()?;
        tracing::info!("New worker ({}) forked", child.id());
        Ok(Self { child, link: Arc::new(ours) })
    }

    fn signal(&self, signal: Number) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that has just ended needs no signal.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

/// The running master.
struct Master {
    sources: Sources,
    zero_warning: bool,
    /// Threads of the worker, each with its own sockets.
    threads: usize,
    /// What the worker follows.
    config: Arc<Config>,
    worker: Option<Worker>,
    /// A reload that goes on.
    reload: Option<JoinHandle<Reloaded>>,
    /// Another one was asked for meanwhile.
    again: bool,
    stopping: bool,
    manager: ServiceManager,
}

/// How a reload ended: what the worker follows now, and the worker where one had to be started.
type Reloaded = Result<(Arc<Config>, Option<Worker>, String), Vec<String>>;

/// The signals of a master.
struct Wanted {
    term: Signal,
    int: Signal,
    usr1: Signal,
    usr2: Signal,
    hup: Signal,
    ttou: Signal,
    ttin: Signal,
    child: Signal,
}

impl Wanted {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            hup: signal(SignalKind::hangup())?,
            ttou: signal(SignalKind::from_raw(libc::SIGTTOU))?,
            ttin: signal(SignalKind::from_raw(libc::SIGTTIN))?,
            child: signal(SignalKind::child())?,
        })
    }
}

impl Master {
    async fn supervise(mut self, mut wanted: Wanted) -> Ended {
        loop {
            tokio::select! {
                _ = wanted.hup.recv() => self.start_reload(),
                _ = wanted.usr2.recv() => self.start_reload(),
                _ = wanted.term.recv() => self.stop(Number::TERM),
                _ = wanted.int.recv() => self.stop(Number::INT),
                _ = wanted.usr1.recv() => self.stop(Number::USR1),
                _ = wanted.ttou.recv() => self.forward(Number::TTOU),
                _ = wanted.ttin.recv() => self.forward(Number::TTIN),
                _ = wanted.child.recv() => {}
                reloaded = finished(&mut self.reload) => self.end_reload(reloaded),
            }
            if let Some(ended) = self.reap() {
                return ended;
            }
        }
    }

    fn forward(&self, signal: Number) {
        if let Some(worker) = &self.worker {
            worker.signal(signal);
        }
    }

    fn stop(&mut self, signal: Number) {
        tracing::warn!("Exiting Master process...");
        self.stopping = true;
        self.manager.stopping();
        self.forward(signal);
    }

    fn start_reload(&mut self) {
        if self.stopping {
            return;
        }
        if self.reload.is_some() {
            self.again = true;
            return;
        }
        tracing::info!("Reloading the configuration.");
        self.manager.reloading();
        let (sources, zero_warning) = (self.sources.clone(), self.zero_warning);
        let running = self.worker.as_ref().map(|worker| Arc::clone(&worker.link));
        let (old, threads) = (Arc::clone(&self.config), self.threads);
        self.reload = Some(tokio::task::spawn_blocking(move || {
            reload(&sources, zero_warning, running, &old, threads)
        }));
    }

    fn end_reload(&mut self, reloaded: Reloaded) {
        self.reload = None;
        match reloaded {
            Ok((config, worker, done)) => {
                self.config = config;
                self.worker = worker.or(self.worker.take());
                tracing::info!("Loading success.");
                if !done.is_empty() {
                    tracing::info!("Reloaded {}: {done}.", self.sources.display());
                }
                self.manager.ready();
            }
            Err(errors) => {
                for error in errors {
                    tracing::error!("{error}");
                }
                tracing::error!("Reload refused: nothing was changed.");
                self.manager.reload_failed();
            }
        }
        if std::mem::take(&mut self.again) {
            self.start_reload();
        }
    }

    /// Sees whether the worker has ended, and whether that is the end of all.
    fn reap(&mut self) -> Option<Ended> {
        let Some(worker) = &mut self.worker else {
            return self.stopping.then_some(Ended::Done);
        };
        // A child that cannot be waited for is none any more.
        let status = worker.child.try_wait().unwrap_or(Some(ExitStatus::from_raw(0)))?;
        let pid = worker.child.id();
        self.worker = None;
        let code = status.code().or(status.signal().map(|number| 128 + number)).unwrap_or(1);
        let how = how_it_ended(code);
        if code == 0 {
            tracing::warn!("Current worker ({pid}) exited with code 0 ({how})");
        } else {
            tracing::error!("Current worker ({pid}) exited with code {code} ({how})");
        }
        if !self.stopping && self.config.global.life.no_exit_on_failure {
            return None;
        }
        // The end that SIGTERM asks for is no failure.
        let code = if code == 128 + libc::SIGTERM { 0 } else { code };
        tracing::warn!("All workers exited. Exiting... ({code})");
        Some(Ended::Code(u8::try_from(code).unwrap_or(1)))
    }
}

/// Loads and binds again and has the worker follow. Blocks.
fn reload(
    sources: &Sources,
    zero_warning: bool,
    running: Option<Arc<UnixStream>>,
    old: &Config,
    threads: usize,
) -> Reloaded {
    let loaded = sources.load();
    loaded.print();
    let refused = zero_warning && loaded.report.has_warnings();
    let Some(config) = loaded.config.as_ref().filter(|_| !refused) else {
        return Err(vec!["config : Fatal errors found in configuration.".to_owned()]);
    };
    if !config.has_listener() {
        return Err(vec!["No enabled listener found (check for 'bind' directives).".to_owned()]);
    }
    let none = nothing(config);
    let old = if running.is_some() { old } else { &none };
    let mut supply = Supply::Own(Own::default());
    let offer = Offer::prepare(&loaded, old, config, threads, &mut supply)?;
    let started = match running {
        Some(_) => None,
        None => Some(Worker::start().map_err(|e| vec![format!("cannot start a worker: {e}")])?),
    };
    let link = running.or_else(|| started.as_ref().map(|worker| Arc::clone(&worker.link)));
    let done = link.map_or(Ok(String::new()), |link| offer.deliver(&link))?;
    Ok((Arc::new(config.clone()), started, done))
}

/// The end of a reload; never, where none goes on.
async fn finished(reload: &mut Option<JoinHandle<Reloaded>>) -> Reloaded {
    match reload {
        Some(reload) => reload
            .await
            .unwrap_or_else(|_| Err(vec!["reading the configuration failed".to_owned()])),
        None => std::future::pending().await,
    }
}

/// What HAProxy puts behind an exit code.
fn how_it_ended(code: i32) -> &'static str {
    match code - 128 {
        libc::SIGTERM => "Terminated",
        libc::SIGINT => "Interrupt",
        libc::SIGKILL => "Killed",
        libc::SIGABRT => "Aborted",
        libc::SIGSEGV => "Segmentation fault",
        libc::SIGBUS => "Bus error",
        _ => "Exit",
    }
}
