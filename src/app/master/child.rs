//! A worker's process, as its master sees it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::{WORKER, haproxy, link};
use crate::clock;
use crate::config::model::CLAIMED_VERSION;
use crate::control::cli::master;
use crate::control::cli::routed::Line;

/// A worker. Dropping it leaves the process alone; closing its link and its line is what ends it.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) pid: Pid,
    /// Orders go there.
    pub(super) link: Arc<UnixStream>,
    /// Commands of operators go there.
    pub(super) line: Arc<Line>,
    pub(super) started: Instant,
    pub(super) version: Arc<str>,
    /// Reloads that it has not followed.
    pub(super) reloads: u64,
    /// Its threads, each with its own sockets; 0 where another program started it.
    pub(super) threads: usize,
}

impl Worker {
    /// Starts one, which writes to `output`; it waits for its first order.
    ///
    /// # Errors
    /// What the system refused.
    pub(super) fn start(threads: usize, output: fn() -> Stdio) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let (line, far_end) = UnixStream::pair()?;
        let (name, words) = haproxy::words();
        let child = haproxy::disinherit(&mut Command::new("/proc/self/exe"))
            .arg0(name)
            .args(words)
            .env(WORKER, std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output())
            .stderr(output())
            .spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("its process id is none"))?;
        link::send(&ours, b"commands", &[far_end])?;
        tracing::info!("New worker ({pid}) forked");
        Ok(Self {
            pid,
            link: Arc::new(ours),
            line: Arc::new(Line::new(line)?),
            started: clock::now(),
            version: CLAIMED_VERSION.into(),
            reloads: 0,
            threads,
        })
    }

    pub(super) fn signal(&self, signal: Signal) {
        match kill_process(self.pid, signal) {
            // One that has just ended needs no signal.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                let error = std::io::Error::from(error);
                tracing::error!("worker ({}) cannot be sent a signal: {error}", self.pid);
            }
        }
    }

    /// Its exit status, or 128 and the number of the signal that ended it, once it has ended.
    pub(super) fn ended(&self) -> Option<i32> {
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(ended) => {
                let (_, status) = ended?;
                let by_signal = || status.terminating_signal().map(|number| 128 + number);
                Some(status.exit_status().or_else(by_signal).unwrap_or(1))
            }
            Err(rustix::io::Errno::INTR) => None,
            // A child that cannot be waited for is none any more.
            Err(_) => Some(0),
        }
    }

    /// Says that it has ended, as HAProxy does; which one it was is `Current` or `Former`.
    pub(super) fn say_ended(&self, which: &str, code: i32) {
        let (pid, how) = (self.pid, how_it_ended(code));
        if code == 0 || which == "Former" {
            tracing::warn!("{which} worker ({pid}) exited with code {code} ({how})");
        } else {
            tracing::error!("{which} worker ({pid}) exited with code {code} ({how})");
        }
    }

    /// Ends one that never served, and waits for that.
    pub(super) fn give_up(self) {
        self.signal(Signal::KILL);
        // It is gone either way.
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }

    /// What clients of the master see of it.
    pub(super) fn shown(&self) -> master::Worker {
        master::Worker {
            pid: self.pid.as_raw_nonzero().get().unsigned_abs(),
            started: self.started,
            reloads: self.reloads,
            version: Arc::clone(&self.version),
            line: Arc::clone(&self.line),
        }
    }
}

/// Says that the master ends because its worker has, unless somebody has asked that to.
pub(super) fn say_failure(code: i32) {
    if ![0, 128 + libc::SIGINT, 128 + libc::SIGTERM].contains(&code) {
        tracing::error!("exit-on-failure: killing every processes with SIGTERM");
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
