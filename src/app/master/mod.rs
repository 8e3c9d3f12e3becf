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
//!
//! Operators ask the master on sockets of its own (`-S`); what they ask of a worker it passes on, over
//! a line beside the link.

mod child;
mod link;
mod offer;
pub(super) mod order;
mod sockets;

use std::sync::Arc;
use std::time::Instant;

use rustix::process::Signal as Number;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::background::Background;
use super::load::{Loaded, Sources};
use super::notify::ServiceManager;
use super::signals::{Caller, Caught};
use super::supply::Supply;
use super::{Ended, Options, StartError, nothing, predecessors, worker_count};
use crate::clock;
use crate::config::diag::Look;
use crate::config::model::Config;
use crate::control::cli::master::{self as desk, Ask, Done, Family};
use crate::net::listen;
use child::{Worker, how_it_ended};
use offer::{Offer, Reload, Reloaded};
use sockets::MasterSocket;

pub(super) use link::receive;
pub use sockets::addresses;

/// In the environment of a worker: its master's process id. The link is its standard input.
pub const WORKER: &str = "EVENKEEL_WORKER";

/// Reloads that clients may have asked for before the master has looked; more wait.
const ASKS_MAX: usize = 10;

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
    let said = loaded.text(Look::Plain);
    let offer = Offer::prepare(&loaded, &nothing(&config), &config, threads, &mut supply)
        .map_err(StartError::Refused)?;
    drop((supply, loaded));
    let sockets = options.master_sockets.iter().map(|text| MasterSocket::open(text));
    let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
    let background = Background::prepare(options, &config.global, true)?;
    if background.enter()? {
        return Ok(Ended::Done);
    }
    let manager = if options.notify { ServiceManager::find() } else { ServiceManager::default() };
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let caught = Caught::listen().map_err(|e| StartError::because("listen for signals", &e))?;
        let worker = Worker::start().map_err(|e| StartError::because("start a worker", &e))?;
        let link = Arc::clone(&worker.link);
        let delivered = tokio::task::spawn_blocking(move || offer.deliver(&link)).await;
        match delivered {
            Ok(Ok(_)) => {}
            Ok(Err(errors)) => return Err(StartError::Refused(errors)),
            Err(error) => return Err(StartError::because("start a worker", &error.into())),
        }
        let mut master = Master::new(options, config, threads, manager);
        master.worker = Some(worker);
        master.log = said + &notice("Loading success.");
        let asks = master.take_commands(sockets)?;
        tracing::info!("Loading success.");
        master.manager.ready();
        predecessors::stop(options);
        Ok(master.supervise(caught, asks).await)
    })
}

/// A line of the log that [`desk`] shows, as it stands on standard error.
fn notice(text: &str) -> String {
    logged("[NOTICE]", text)
}

fn logged(label: &str, text: &str) -> String {
    format!("{label:<10} ({}) : {text}\n", std::process::id())
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
    /// Who waits for its end.
    asked: Vec<oneshot::Sender<Done>>,
    /// Another one was asked for meanwhile, by signal or by these.
    again: bool,
    asked_again: Vec<oneshot::Sender<Done>>,
    stopping: bool,
    manager: ServiceManager,
    started: Instant,
    reloads: u64,
    failed: u64,
    /// What the last start or reload had to say.
    log: String,
    family: watch::Sender<Arc<Family>>,
}

impl Master {
    fn new(
        options: &Options,
        config: Arc<Config>,
        threads: usize,
        manager: ServiceManager,
    ) -> Self {
        let started = clock::now();
        let family = Family {
            started,
            reloads: 0,
            failed: 0,
            workers: Vec::new(),
            leaving: Vec::new(),
            startup_log: "".into(),
        };
        Self {
            sources: options.sources.clone(),
            zero_warning: options.zero_warning,
            threads,
            config,
            worker: None,
            reload: None,
            asked: Vec::new(),
            again: false,
            asked_again: Vec::new(),
            stopping: false,
            manager,
            started,
            reloads: 0,
            failed: 0,
            log: String::new(),
            family: watch::channel(Arc::new(family)).0,
        }
    }

    /// Serves operators on `sockets` from now on; what they ask for comes out of the channel.
    fn take_commands(&self, sockets: Vec<MasterSocket>) -> Result<mpsc::Receiver<Ask>, StartError> {
        let (sender, asks) = mpsc::channel(ASKS_MAX);
        let shown = |socket: &MasterSocket| {
            (listen::with_family(&socket.settings.bind.address), socket.settings.level)
        };
        let shown = sockets.iter().map(shown).collect();
        let shared = Arc::new(desk::Shared::new(self.family.subscribe(), sender, shown));
        for socket in sockets {
            let (listener, settings) = socket.listen()?;
            tokio::spawn(desk::serve(listener, settings, Arc::clone(&shared)));
        }
        self.show();
        Ok(asks)
    }

    /// Tells clients how things are now.
    fn show(&self) {
        self.family.send_replace(Arc::new(Family {
            started: self.started,
            reloads: self.reloads,
            failed: self.failed,
            workers: self.worker.iter().map(Worker::shown).collect(),
            leaving: Vec::new(),
            startup_log: self.log.as_str().into(),
        }));
    }

    async fn supervise(mut self, mut caught: Caught, mut asks: mpsc::Receiver<Ask>) -> Ended {
        loop {
            tokio::select! {
                caller = caught.next() => self.handle(caller),
                reloaded = finished(&mut self.reload) => self.end_reload(reloaded),
                Some(Ask::Reload(done)) = asks.recv() => {
                    let asked =
                        if self.reload.is_some() { &mut self.asked_again } else { &mut self.asked };
                    asked.push(done);
                    self.start_reload();
                }
            }
            if let Some(ended) = self.reap() {
                return ended;
            }
            self.show();
        }
    }

    fn handle(&mut self, caller: Caller) {
        match caller {
            Caller::Hup | Caller::Usr2 => self.start_reload(),
            Caller::Term => self.stop(Number::TERM),
            Caller::Int => self.stop(Number::INT),
            Caller::Usr1 => self.stop(Number::USR1),
            Caller::Ttou => self.forward(Number::TTOU),
            Caller::Ttin => self.forward(Number::TTIN),
            Caller::Child => {}
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
            // Whoever asked hears of it by the end of the channel.
            self.asked.clear();
            return;
        }
        if self.reload.is_some() {
            self.again = true;
            return;
        }
        tracing::info!("Reloading the configuration.");
        self.manager.reloading();
        let reload = Reload {
            sources: self.sources.clone(),
            zero_warning: self.zero_warning,
            running: self.worker.as_ref().map(|worker| Arc::clone(&worker.link)),
            old: Arc::clone(&self.config),
            threads: self.threads,
        };
        self.reload = Some(tokio::task::spawn_blocking(move || reload.run()));
    }

    fn end_reload(&mut self, reloaded: Reloaded) {
        self.reload = None;
        self.reloads += 1;
        self.log = reloaded.said;
        let success = reloaded.result.is_ok();
        match reloaded.result {
            Ok(followed) => {
                self.failed = 0;
                self.config = followed.config;
                self.worker = followed.started.or(self.worker.take());
                tracing::info!("Loading success.");
                self.log.push_str(&notice("Loading success."));
                if !followed.done.is_empty() {
                    let done = format!("Reloaded {}: {}.", self.sources.display(), followed.done);
                    tracing::info!("{done}");
                    self.log.push_str(&notice(&done));
                }
                self.manager.ready();
            }
            Err(errors) => {
                self.failed += 1;
                for error in errors.iter().map(String::as_str).chain([NOTHING_CHANGED]) {
                    tracing::error!("{error}");
                    self.log.push_str(&logged("[ALERT]", error));
                }
                self.manager.reload_failed();
            }
        }
        if let Some(worker) = &mut self.worker {
            worker.reloads = self.failed;
        }
        let done = Done { success, log: self.log.as_str().into() };
        for asked in std::mem::replace(&mut self.asked, std::mem::take(&mut self.asked_again)) {
            // A client that has gone meanwhile hears nothing.
            let _ = asked.send(done.clone());
        }
        if std::mem::take(&mut self.again) {
            self.start_reload();
        }
    }

    /// Sees whether the worker has ended, and whether that is the end of all.
    fn reap(&mut self) -> Option<Ended> {
        let Some(worker) = &self.worker else {
            return self.stopping.then_some(Ended::Done);
        };
        let code = worker.ended()?;
        let pid = worker.pid;
        self.worker = None;
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

/// The last line of a reload that was refused.
const NOTHING_CHANGED: &str = "Reload refused: nothing was changed.";

/// The end of a reload; never, where none goes on.
async fn finished(reload: &mut Option<JoinHandle<Reloaded>>) -> Reloaded {
    match reload {
        Some(reload) => reload.await.unwrap_or_else(|_| Reloaded {
            said: String::new(),
            result: Err(vec!["reading the configuration failed".to_owned()]),
        }),
        None => std::future::pending().await,
    }
}
