//! What the process is asked to do: by signals, as HAProxy means them, and by its master.
//!
//! | signal | meaning |
//! |---|---|
//! | SIGTERM, SIGINT | stop at once |
//! | SIGUSR1 | soft stop: close listeners, let sessions end, at most `hard-stop-after` |
//! | SIGUSR2 | reload the configuration in the running process; HAProxy without a master ignores it |
//! | SIGHUP | reload, too; under HAProxy's flags: write the state of all servers to standard error |
//! | SIGTTOU, SIGTTIN | pause the frontends, resume them |
//! | SIGQUIT | HAProxy gives memory back: nothing to do here |
//! | SIGPIPE | ignored (Rust's runtime does so) |
//!
//! Under a master (`-W`) only it reloads: SIGUSR2 changes nothing here.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::SyncSender;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::master::order::{Answer, Order};

/// What an operator or the master asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// Stop at once; the signal's number decides the exit status.
    Stop(i32),
    /// Stop when the last session has ended.
    SoftStop,
    /// Read the configuration again.
    Reload,
    /// Say how all servers are.
    Report,
    /// Accept no more until told to.
    Pause,
    /// Accept again.
    Resume,
    /// Follow a configuration of the master's.
    Follow(Box<Pending>),
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) order: Order,
    /// The sockets that came along.
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) answer: SyncSender<Answer>,
}

/// The signals that mean something to a process of ours, a master or a worker.
#[derive(Debug)]
pub(super) struct Caught {
    term: Signal,
    int: Signal,
    usr1: Signal,
    usr2: Signal,
    hup: Signal,
    ttou: Signal,
    ttin: Signal,
    child: Signal,
    /// Caught, so that it ends nobody.
    _quit: Signal,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// SIGTERM
    Term,
    /// SIGINT
    Int,
    /// SIGUSR1
    Usr1,
    /// SIGUSR2
    Usr2,
    /// SIGHUP
    Hup,
    /// SIGTTOU
    Ttou,
    /// SIGTTIN
    Ttin,
    /// SIGCHLD
    Child,
}

impl Caught {
    /// Starts listening; until then each signal has its default effect.
    ///
    /// # Errors
    /// What the system says of a handler it does not take.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            hup: signal(SignalKind::hangup())?,
            ttou: signal(SignalKind::from_raw(libc::SIGTTOU))?,
            ttin: signal(SignalKind::from_raw(libc::SIGTTIN))?,
            child: signal(SignalKind::child())?,
            _quit: signal(SignalKind::quit())?,
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn next(&mut self) -> Caller {
        tokio::select! {
            _ = self.term.recv() => Caller::Term,
            _ = self.int.recv() => Caller::Int,
            _ = self.usr1.recv() => Caller::Usr1,
            _ = self.usr2.recv() => Caller::Usr2,
            _ = self.hup.recv() => Caller::Hup,
            _ = self.ttou.recv() => Caller::Ttou,
            _ = self.ttin.recv() => Caller::Ttin,
            _ = self.child.recv() => Caller::Child,
        }
    }
}

/// What is listened for.
#[derive(Debug)]
pub(super) struct Signals {
    caught: Caught,
    /// Whether SIGHUP asks for a report, not for a reload.
    hup_reports: bool,
    /// The master's orders, where there is one.
    orders: Option<mpsc::Receiver<Pending>>,
}

impl Signals {
    /// Starts listening; until then each signal has its default effect.
    ///
    /// # Errors
    /// What the system says of a handler it does not take.
    pub(super) fn listen(
        hup_reports: bool,
        orders: Option<mpsc::Receiver<Pending>>,
    ) -> io::Result<Self> {
        Ok(Self { caught: Caught::listen()?, hup_reports, orders })
    }

    /// The next request.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn next(&mut self) -> Request {
        loop {
            let reloads = self.orders.is_none();
            let caller = tokio::select! {
                caller = self.caught.next() => caller,
                order = next_order(&mut self.orders) => return order,
            };
            return match caller {
                Caller::Term => Request::Stop(libc::SIGTERM),
                Caller::Int => Request::Stop(libc::SIGINT),
                Caller::Usr1 => Request::SoftStop,
                Caller::Usr2 if reloads => Request::Reload,
                Caller::Hup if self.hup_reports => Request::Report,
                Caller::Hup => Request::Reload,
                Caller::Ttou => Request::Pause,
                Caller::Ttin => Request::Resume,
                Caller::Usr2 | Caller::Child => continue,
            };
        }
    }
}

/// The master's next order; that it is gone is the last one.
async fn next_order(orders: &mut Option<mpsc::Receiver<Pending>>) -> Request {
    match orders {
        Some(orders) => match orders.recv().await {
            Some(pending) => Request::Follow(Box::new(pending)),
            None => Request::Stop(libc::SIGTERM),
        },
        None => std::future::pending().await,
    }
}
