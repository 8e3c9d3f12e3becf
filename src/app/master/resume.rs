//! What a master hands to the program that takes its place: the process stays, and its children, its
//! sockets and its numbers with it.
//!
//! ```text
//! master <pid> <age in ms> <reloads> <refused in a row>
//! program <path>
//! socket <descriptor>                                            each -S, in order
//! worker <pid> <link> <line> <age in ms> <reloads> <version>     the current one
//! leaving <the same>                                             each that finishes its sessions
//! ```
//! Lines and words that a version does not know are passed over. It stands in the environment;
//! descriptors stay open under their numbers.

use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, io};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Pid;

use super::child::Worker;
use super::haproxy;
use super::program::Successor;
use crate::clock;
use crate::control::cli::routed::Line;
use crate::sys::inherit::adopt_sealed;

/// The variable it stands in.
pub(in crate::app) const RESUMED: &str = "EVENKEEL_MASTER";

/// In the place of a worker's link: it takes no orders of ours.
const NO_LINK: i32 = -1;

/// What a master leaves to its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resumed {
    pub(super) age: Duration,
    pub(super) reloads: u64,
    pub(super) failed: u64,
    pub(super) program: PathBuf,
    pub(super) sockets: Vec<i32>,
    pub(super) worker: Option<Left>,
    pub(super) leaving: Vec<Left>,
}

/// A worker, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pid: i32,
    link: i32,
    line: i32,
    age: Duration,
    reloads: u64,
    version: String,
}

impl Resumed {
    /// What this process' former program left; `None` where there was none.
    pub(super) fn find() -> Option<Self> {
        let own = env::var(RESUMED).ok().and_then(|text| Self::read(&text, std::process::id()));
        own.or_else(haproxy::find)
    }

    /// All workers, the current one first.
    pub(super) fn workers(&self) -> impl Iterator<Item = &Left> {
        self.worker.iter().chain(&self.leaving)
    }

    fn read(text: &str, own_pid: u32) -> Option<Self> {
        let mut resumed = Self {
            age: Duration::ZERO,
            reloads: 0,
            failed: 0,
            program: PathBuf::new(),
            sockets: Vec::new(),
            worker: None,
            leaving: Vec::new(),
        };
        let mut is_ours = false;
        for line in text.lines() {
            let (kind, rest) = line.split_once(' ')?;
            let mut words = rest.split(' ');
            match kind {
                "master" => {
                    // A program that a master starts has its environment, but is none.
                    is_ours = words.next()?.parse() == Ok(own_pid);
                    resumed.age = Duration::from_millis(words.next()?.parse().ok()?);
                    resumed.reloads = words.next()?.parse().ok()?;
                    resumed.failed = words.next()?.parse().ok()?;
                }
                "program" => resumed.program = rest.into(),
                "socket" => resumed.sockets.push(words.next()?.parse().ok()?),
                "worker" => resumed.worker = Some(Left::read(&mut words)?),
                "leaving" => resumed.leaving.push(Left::read(&mut words)?),
                _ => {}
            }
        }
        is_ours.then_some(resumed)
    }

    fn write(&self, own_pid: u32) -> String {
        let Self { age, reloads, failed, program, sockets, worker, leaving } = self;
        let mut text = format!("master {own_pid} {} {reloads} {failed}\n", age.as_millis());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "program {}", program.display());
        for socket in sockets {
            let _ = writeln!(text, "socket {socket}");
        }
        let current = worker.iter().map(|worker| ("worker", worker));
        for (kind, left) in current.chain(leaving.iter().map(|left| ("leaving", left))) {
            let Left { pid, link, line, age, reloads, version } = left;
            let age = age.as_millis();
            let _ = writeln!(text, "{kind} {pid} {link} {line} {age} {reloads} {version}");
        }
        text
    }

    /// Starts the program, which is `successor`, in this process' place; `kept` stay open. Returns only
    /// with the reason why that was not possible: nothing has changed then.
    pub(super) fn start(&self, kept: &[BorrowedFd<'_>], successor: Successor) -> io::Error {
        let set = |flags: FdFlags| kept.iter().try_for_each(|fd| fcntl_setfd(fd, flags));
        let (name, words) = haproxy::words();
        let mut command = Command::new(&self.program);
        haproxy::disinherit(&mut command).arg0(name);
        match successor {
            Successor::Own => _ = command.env(RESUMED, self.write(std::process::id())),
            Successor::Haproxy => haproxy::leave(&mut command, self),
        }
        let error = match set(FdFlags::empty()) {
            Ok(()) => command.args(words).exec(),
            Err(error) => error.into(),
        };
        // They are open: to mark them again cannot fail.
        let _ = set(FdFlags::CLOEXEC);
        error
    }
}

impl Left {
    fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            pid: words.next()?.parse().ok()?,
            link: words.next()?.parse().ok()?,
            line: words.next()?.parse().ok()?,
            age: Duration::from_millis(words.next()?.parse().ok()?),
            reloads: words.next()?.parse().ok()?,
            version: words.next()?.to_owned(),
        })
    }

    /// A worker of HAProxy's, which takes no orders.
    pub(super) fn of_haproxy(
        pid: i32,
        line: i32,
        age: Duration,
        reloads: u64,
        version: &str,
    ) -> Self {
        Self { pid, link: NO_LINK, line, age, reloads, version: version.to_owned() }
    }

    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) const fn line(&self) -> i32 {
        self.line
    }

    pub(super) const fn age(&self) -> Duration {
        self.age
    }

    pub(super) const fn reloads(&self) -> u64 {
        self.reloads
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// `worker` as its master leaves it.
    pub(super) fn of(worker: &Worker, now: Instant) -> Self {
        Self {
            pid: worker.pid.as_raw_nonzero().get(),
            link: worker.link.as_raw_fd(),
            line: worker.line.as_fd().as_raw_fd(),
            age: now.saturating_duration_since(worker.started),
            reloads: worker.reloads,
            version: worker.version.to_string(),
        }
    }

    /// The worker, which is this process' child still.
    ///
    /// # Errors
    /// Its descriptors are not there.
    pub(super) fn adopt(&self) -> io::Result<Worker> {
        let pid = Pid::from_raw(self.pid).ok_or(io::ErrorKind::InvalidData)?;
        let now = clock::now();
        let line = UnixStream::from(adopt_sealed(self.line)?);
        let (link, line) = if self.link == NO_LINK {
            // Nobody is at its other end.
            (UnixStream::pair()?.0, Line::to_haproxy(line)?)
        } else {
            (UnixStream::from(adopt_sealed(self.link)?), Line::new(line)?)
        };
        Ok(Worker {
            pid,
            link: Arc::new(link),
            line: Arc::new(line),
            started: now.checked_sub(self.age).unwrap_or(now),
            version: self.version.as_str().into(),
            reloads: self.reloads,
            threads: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resumed() -> Resumed {
        let worker = Left {
            pid: 7,
            link: 8,
            line: 9,
            age: Duration::from_millis(1_500),
            reloads: 2,
            version: "3.2.0".to_owned(),
        };
        Resumed {
            age: Duration::from_secs(3),
            reloads: 4,
            failed: 1,
            program: "/usr/sbin/a program".into(),
            sockets: vec![5, 6],
            worker: Some(worker.clone()),
            leaving: vec![Left { pid: 10, ..worker }],
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = resumed().write(42);
        assert_eq!(Resumed::read(&text, 42), Some(resumed()));
        assert_eq!(Resumed::read(&format!("{text}news from later\n"), 42), Some(resumed()));
    }

    #[test]
    fn another_process_does_not_resume_and_nonsense_is_nothing() {
        assert_eq!(Resumed::read(&resumed().write(42), 43), None);
        for text in ["", "master", "master x", "master 42 1 2", "master 42 0 0 0\nworker 1 2"] {
            assert_eq!(Resumed::read(text, 42), None, "{text}");
        }
    }
}
