//! How the program of a master changes while its process stays: the old program's last step, and the
//! new one's first.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::offer::Reloaded;
use super::program::Successor;
use super::resume::{Left, Resumed};
use super::sockets::MasterSocket;
use super::{Ended, Master, Options, StartError};
use crate::app::signals::{Caller, Caught};
use crate::app::{complete, runtime};
use crate::clock;
use crate::sys::mask;

/// The signals that would end a program that does not listen yet.
const HELD: [i32; 8] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGHUP,
    libc::SIGTTOU,
    libc::SIGTTIN,
    libc::SIGQUIT,
];

/// How long signals that came before they were held back are looked for.
const LAST_CALLS: Duration = Duration::from_millis(10);

/// Whether this process was a master already when this program started in it.
#[must_use]
pub fn is_resumed() -> bool {
    Resumed::find().is_some()
}

/// Goes on as the master that this process is, with a worker of this program in place of the one that
/// runs. What goes wrong with that leaves the former one serving.
///
/// # Errors
/// The system has no room for a master at all.
pub fn resume(options: &Options) -> Result<Ended, StartError> {
    let resumed = Resumed::find();
    let resumed = resumed.ok_or_else(|| StartError::Refused(vec!["not a master".to_owned()]))?;
    let adopt = |left: &Left| match left.adopt() {
        Ok(worker) => Some(worker),
        Err(error) => {
            tracing::error!("a worker is lost: {error}");
            None
        }
    };
    let worker = resumed.worker.as_ref().and_then(adopt);
    let leaving = resumed.leaving.iter().filter_map(adopt).collect();
    let mut sockets = Vec::new();
    for (at, text) in options.master_sockets.iter().enumerate() {
        let number = resumed.sockets.get(at);
        let adopt = |&number: &i32| MasterSocket::adopt(text, number);
        match number.map_or_else(|| MasterSocket::open(text), adopt) {
            Ok(socket) => sockets.push(socket),
            Err(error) => tracing::error!("-S {text} is lost: {error}"),
        }
    }
    complete(runtime()?, async {
        let caught = Caught::listen().map_err(|e| StartError::because("listen for signals", &e))?;
        mask::hold(&HELD, false).map_err(|e| StartError::because("hear signals", &e))?;
        mask::hold(&[libc::SIGCHLD], false).map_err(|e| StartError::because("hear signals", &e))?;
        let mut master = Master::new(options);
        let now = clock::now();
        master.started = now.checked_sub(resumed.age).unwrap_or(now);
        (master.reloads, master.failed) = (resumed.reloads, resumed.failed);
        (master.worker, master.leaving) = (worker, leaving);
        let asks = master.take_commands(sockets)?;
        master.start_reload();
        Ok(master.supervise(caught, asks).await)
    })
}

impl Master {
    /// Puts the program that replaced this one in its place. Returns where that cannot be, or where
    /// the process is to stop.
    pub(super) async fn give_way(&mut self, caught: &mut Caught, successor: Successor) {
        let Some(program) = self.program.clone() else { return };
        tracing::info!("Starting {} in the master's place.", program.display());
        let refuse = |error| vec![format!("cannot start {}: {error}", program.display())];
        if let Err(error) = mask::hold(&HELD, true) {
            return self.end_reload(Reloaded::refused(refuse(error)));
        }
        while let Ok(caller) = tokio::time::timeout(LAST_CALLS, caught.next()).await {
            // This is the reload that they ask for.
            if !matches!(caller, Caller::Usr2 | Caller::Hup) {
                self.handle(caller);
            }
        }
        let error =
            if self.stopping { None } else { Some(self.legacy(program.clone(), successor)) };
        // It was possible to hold them back.
        let _ = mask::hold(&HELD, false);
        if let Some(error) = error {
            self.end_reload(Reloaded::refused(refuse(error)));
        }
    }

    /// Hands everything over; what comes back is why that was not possible.
    fn legacy(&self, program: std::path::PathBuf, successor: Successor) -> std::io::Error {
        let now = clock::now();
        let resumed = Resumed {
            age: now.saturating_duration_since(self.started),
            reloads: self.reloads,
            failed: self.failed,
            program,
            sockets: self.sockets.iter().map(AsRawFd::as_raw_fd).collect(),
            worker: self.worker.as_ref().map(|worker| Left::of(worker, now)),
            leaving: self.leaving.iter().map(|worker| Left::of(worker, now)).collect(),
        };
        let workers = self.worker.iter().chain(&self.leaving);
        let lines = workers.clone().map(|worker| worker.line.as_fd());
        let kept: Vec<_> = match successor {
            Successor::Own => {
                let links = workers.map(|worker| worker.link.as_fd());
                lines.chain(links).chain(self.sockets.iter().map(AsFd::as_fd)).collect()
            }
            // It opens the sockets anew, and would never close the links.
            Successor::Haproxy => lines.collect(),
        };
        resumed.start(&kept, successor)
    }
}
