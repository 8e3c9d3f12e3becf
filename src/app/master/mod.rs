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
//! The worker is the same program, started with the same words and its end of the link as standard
//! input. The start is a reload from nothing: one kind of order does for both.
//!
//! HAProxy's reload starts the program file anew. Here that is done where the file was replaced
//! (`program`): the new program, which may be HAProxy as the former may (`haproxy`), takes the master's
//! place in the same process (`resume`), starts a worker of its own, which gets the listening sockets of
//! the former one, and has that one finish its sessions; unless it refuses, or cannot be started.
//!
//! Operators ask the master at `-S`; what they ask of a worker it passes on, over a line of its own.

mod child;
mod haproxy;
mod link;
mod offer;
pub(super) mod order;
mod program;
mod resume;
mod sockets;
mod succession;

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::Signal as Number;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::background::{Background, Entered};
use super::load::{Loaded, Sources};
use super::notify::ServiceManager;
use super::signals::{Caller, Caught};
use super::supply::Supply;
use super::{Ended, Options, StartError, nothing, predecessors, worker_count};
use crate::clock;
use crate::config::defaults::RELOADS_MAX;
use crate::config::diag::Look;
use crate::config::model::{Config, Life};
use crate::control::cli::master::{self as desk, Ask, Done, Family};
use crate::net::listen;
use child::Worker;
use offer::{Current, Followed, Offer, Outcome, Reload, Reloaded};
use sockets::MasterSocket;

pub(super) use link::receive;
pub use program::locate;
pub use sockets::{addresses, check};
pub use succession::{is_resumed, resume};

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

/// Whether a variable of the environment is between processes of ours, and nobody's business.
pub(super) fn is_internal(variable: &OsStr) -> bool {
    variable == WORKER || variable == resume::RESUMED
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
    let arrival = match background.enter()? {
        Entered::Parent => return Ok(Ended::Done),
        Entered::Here(arrival) => arrival,
    };
    super::complete(super::runtime()?, async {
        let caught = Caught::listen().map_err(|e| StartError::because("listen for signals", &e))?;
        let worker = Worker::start(threads, arrival.output())
            .map_err(|e| StartError::because("start a worker", &e))?;
        let link = Arc::clone(&worker.link);
        let delivered = tokio::task::spawn_blocking(move || offer.deliver(&link)).await;
        match delivered {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => return Err(StartError::Refused(refusal.said())),
            Err(error) => return Err(StartError::because("start a worker", &error.into())),
        }
        let mut master = Master::new(options);
        master.worker = Some(worker);
        master.adopt(&config.global.life);
        master.config = Some(config);
        master.log = said + &notice("Loading success.");
        let asks = master.take_commands(sockets)?;
        tracing::info!("Loading success.");
        arrival.tell()?;
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

/// What clients want of a reload.
#[derive(Debug, Default)]
struct Wish {
    /// Who waits for its end.
    asked: Vec<oneshot::Sender<Done>>,
    /// A new worker serves, and the former one ends at once.
    is_hard: bool,
}

/// The running master.
struct Master {
    sources: Sources,
    zero_warning: bool,
    /// The program file, where it is known.
    program: Option<PathBuf>,
    /// Copies of the sockets that take commands, for a new program.
    sockets: Vec<OwnedFd>,
    worker: Option<Worker>,
    /// What it follows; `None`: it takes no orders of ours, as a former program's or a mute one.
    config: Option<Arc<Config>>,
    /// Workers that finish their sessions.
    leaving: Vec<Worker>,
    /// The master stays when its worker dies.
    stays: bool,
    /// Reloads after which a worker that leaves is ended.
    max_reloads: u64,
    /// A reload that goes on.
    reload: Option<JoinHandle<Outcome>>,
    wish: Wish,
    /// Another one was asked for meanwhile.
    again: bool,
    next: Wish,
    stopping: bool,
    /// The exit status, once the current worker has ended.
    code: Option<u8>,
    manager: ServiceManager,
    started: Instant,
    reloads: u64,
    failed: u64,
    /// What the last start or reload had to say.
    log: String,
    family: watch::Sender<Arc<Family>>,
}

impl Master {
    fn new(options: &Options) -> Self {
        let started = clock::now();
        let family = Family {
            started,
            reloads: 0,
            failed: 0,
            workers: Vec::new(),
            leaving: Vec::new(),
            startup_log: "".into(),
        };
        let manager =
            if options.notify { ServiceManager::find() } else { ServiceManager::default() };
        Self {
            sources: options.sources.clone(),
            zero_warning: options.zero_warning,
            program: options.program_file.clone(),
            sockets: Vec::new(),
            worker: None,
            config: None,
            leaving: Vec::new(),
            stays: false,
            max_reloads: u64::from(RELOADS_MAX),
            reload: None,
            wish: Wish::default(),
            again: false,
            next: Wish::default(),
            stopping: false,
            code: None,
            manager,
            started,
            reloads: 0,
            failed: 0,
            log: String::new(),
            family: watch::channel(Arc::new(family)).0,
        }
    }

    /// Takes over what a configuration says of the master.
    fn adopt(&mut self, life: &Life) {
        self.stays = life.no_exit_on_failure;
        self.max_reloads = u64::from(life.mworker_max_reloads.unwrap_or(RELOADS_MAX));
    }

    /// Serves operators on `sockets` from now on; what they ask for comes out of the channel.
    fn take_commands(
        &mut self,
        sockets: Vec<MasterSocket>,
    ) -> Result<mpsc::Receiver<Ask>, StartError> {
        let (sender, asks) = mpsc::channel(ASKS_MAX);
        let shown = |socket: &MasterSocket| {
            (listen::with_family(&socket.settings.bind.address), socket.settings.level)
        };
        let shown = sockets.iter().map(shown).collect();
        let shared = Arc::new(desk::Shared::new(self.family.subscribe(), sender, shown));
        for socket in sockets {
            self.sockets.push(socket.copy()?);
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
            leaving: self.leaving.iter().map(Worker::shown).collect(),
            startup_log: self.log.as_str().into(),
        }));
    }

    async fn supervise(mut self, mut caught: Caught, mut asks: mpsc::Receiver<Ask>) -> Ended {
        loop {
            tokio::select! {
                caller = caught.next() => self.handle(caller),
                outcome = finished(&mut self.reload) => {
                    self.reload = None;
                    match outcome {
                        Outcome::Reloaded(reloaded) => self.end_reload(reloaded),
                        Outcome::Replaced(by) => self.give_way(&mut caught, by).await,
                    }
                }
                Some(ask) = asks.recv() => self.answer(ask),
            }
            if let Some(ended) = self.reap() {
                return ended;
            }
            self.show();
        }
    }

    /// Has a client of the sockets hear of the reload it asks for.
    fn answer(&mut self, ask: Ask) {
        let (done, is_hard) = match ask {
            Ask::Reload(done) => (done, false),
            Ask::HardReload(done) => (done, true),
        };
        let wish = if self.reload.is_some() { &mut self.next } else { &mut self.wish };
        wish.asked.push(done);
        wish.is_hard |= is_hard;
        self.start_reload();
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
        self.leaving.iter().for_each(|worker| worker.signal(signal));
    }

    fn start_reload(&mut self) {
        if self.stopping {
            // Whoever asked hears of it by the end of the channel.
            self.wish = Wish::default();
            return;
        }
        if self.reload.is_some() {
            self.again = true;
            return;
        }
        tracing::info!("Reloading the configuration.");
        self.manager.reloading();
        let current = match (&self.worker, &self.config) {
            (None, _) => Current::None,
            (Some(worker), Some(config)) if !self.wish.is_hard => {
                Current::Follows(Arc::clone(&worker.link), Arc::clone(config), worker.threads)
            }
            (Some(worker), _) => {
                Current::Leaves(worker.pid.as_raw_nonzero().get(), Arc::clone(&worker.line))
            }
        };
        let reload = Reload {
            sources: self.sources.clone(),
            zero_warning: self.zero_warning,
            program: self.program.clone(),
            current,
        };
        self.reload = Some(tokio::task::spawn_blocking(move || reload.run()));
    }

    fn end_reload(&mut self, reloaded: Reloaded) {
        self.reloads += 1;
        self.log = reloaded.said;
        let success = reloaded.result.is_ok();
        self.config.take_if(|_| reloaded.is_mute);
        match reloaded.result {
            Ok(followed) => self.follow(followed),
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
        for worker in &mut self.leaving {
            worker.reloads += 1;
            if worker.reloads > self.max_reloads {
                worker.signal(Number::TERM);
            }
        }
        let done = Done { success, log: self.log.as_str().into() };
        for asked in std::mem::replace(&mut self.wish, std::mem::take(&mut self.next)).asked {
            // A client that has gone meanwhile hears nothing.
            let _ = asked.send(done.clone());
        }
        if std::mem::take(&mut self.again) {
            self.start_reload();
        }
    }

    fn follow(&mut self, followed: Followed) {
        self.failed = 0;
        self.adopt(&followed.config.global.life);
        self.config = Some(followed.config);
        if let Some(started) = followed.started {
            if self.stopping {
                started.signal(Number::TERM);
            }
            if let Some(former) = self.worker.replace(started) {
                former.signal(if self.wish.is_hard { Number::TERM } else { Number::USR1 });
                self.leaving.push(former);
            }
        }
        tracing::info!("Loading success.");
        self.log.push_str(&notice("Loading success."));
        if !followed.done.is_empty() {
            let done = format!("Reloaded {}: {}.", self.sources.display(), followed.done);
            tracing::info!("{done}");
            self.log.push_str(&notice(&done));
        }
        self.manager.ready();
    }

    /// Sees which workers have ended, and whether that is the end of all.
    fn reap(&mut self) -> Option<Ended> {
        self.leaving.retain(|worker| {
            let Some(code) = worker.ended() else { return true };
            worker.say_ended("Former", code);
            false
        });
        if let Some(code) = self.worker.as_ref().and_then(Worker::ended) {
            if let Some(worker) = self.worker.take() {
                worker.say_ended("Current", code);
            }
            if self.stopping || !self.stays {
                // The end that SIGTERM asks for is no failure.
                let code = if code == 128 + libc::SIGTERM { 0 } else { code };
                self.code = Some(u8::try_from(code).unwrap_or(1));
                if !std::mem::replace(&mut self.stopping, true) {
                    child::say_failure(code);
                    self.leaving.iter().for_each(|worker| worker.signal(Number::TERM));
                }
            }
        }
        if self.worker.is_some() || !self.leaving.is_empty() || !self.stopping {
            return None;
        }
        let Some(code) = self.code else { return Some(Ended::Done) };
        tracing::warn!("All workers exited. Exiting... ({code})");
        Some(Ended::Code(code))
    }
}

/// The last line of a reload that was refused.
const NOTHING_CHANGED: &str = "Reload refused: nothing was changed.";

/// The end of a reload; never, where none goes on.
async fn finished(reload: &mut Option<JoinHandle<Outcome>>) -> Outcome {
    match reload {
        Some(reload) => reload.await.unwrap_or_else(|_| {
            let why = "reading the configuration failed".to_owned();
            Outcome::Reloaded(Reloaded::refused(vec![why]))
        }),
        None => std::future::pending().await,
    }
}
