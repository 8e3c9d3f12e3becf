//! Signals, as HAProxy means them.
//!
//! | signal | meaning |
//! |---|---|
//! | SIGTERM, SIGINT | stop at once |
//! | SIGUSR1 | soft stop: close listeners, let sessions end, at most `hard-stop-after` |
//! | SIGHUP, SIGUSR2 | reload the configuration in the running process |
//! | SIGPIPE | ignored (Rust's runtime does so) |

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an operator asked for by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Stop at once; the signal's number decides the exit status.
    Stop(i32),
    /// Stop when the last session has ended.
    SoftStop,
    /// Read the configuration again.
    Reload,
}

/// The signals that are listened for.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    usr1: Signal,
    usr2: Signal,
    hup: Signal,
}

impl Signals {
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
        })
    }

    /// The next request.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.term.recv() => Request::Stop(libc::SIGTERM),
            _ = self.int.recv() => Request::Stop(libc::SIGINT),
            _ = self.usr1.recv() => Request::SoftStop,
            _ = self.usr2.recv() => Request::Reload,
            _ = self.hup.recv() => Request::Reload,
        }
    }
}
