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

/// What is listened for.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    usr1: Signal,
    usr2: Signal,
    hup: Signal,
    ttou: Signal,
    ttin: Signal,
    /// Caught, so that it ends nobody.
    _quit: Signal,
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
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            hup: signal(SignalKind::hangup())?,
            ttou: signal(SignalKind::from_raw(libc::SIGTTOU))?,
            ttin: signal(SignalKind::from_raw(libc::SIGTTIN))?,
            _quit: signal(SignalKind::quit())?,
            hup_reports,
            orders,
        })
    }

    /// The next request.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn next(&mut self) -> Request {
        loop {
            let reloads = self.orders.is_none();
            tokio::select! {
                _ = self.term.recv() => return Request::Stop(libc::SIGTERM),
                _ = self.int.recv() => return Request::Stop(libc::SIGINT),
                _ = self.usr1.recv() => return Request::SoftStop,
                _ = self.usr2.recv() => if reloads { return Request::Reload },
                _ = self.hup.recv() => {
                    return if self.hup_reports { Request::Report } else { Request::Reload };
                }
                _ = self.ttou.recv() => return Request::Pause,
                _ = self.ttin.recv() => return Request::Resume,
                order = next_order(&mut self.orders) => return order,
            }
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
