//! One process at a time remembers in a `state_dir`: two would each write over what the other wrote.
//!
//! The directory itself is locked, by flock(2), so that the lock ends with the process however it ends.
//! A process that stops softly gives it up before its sessions end: its successor is the one to be named
//! then, and learns what was written last.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::state_dir::{read, replace};
use crate::clock;

/// How long a predecessor may take to give the lock up before this process writes all the same: it does so
/// once it has written its last record, which would be lost between two writers.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The file with the process id of whoever has the lock.
const PID: &str = "pid";

/// The lock of a directory.
#[derive(Debug)]
pub(super) struct StateLock {
    /// Another descriptor of the directory; the lock belongs to them all.
    dir: OwnedFd,
    is_given_up: AtomicBool,
}

impl StateLock {
    /// A lock that is not taken yet.
    pub(super) fn new(dir: OwnedFd) -> Self {
        Self { dir, is_given_up: AtomicBool::new(false) }
    }

    /// Takes the lock. Where one of `predecessors` has it, this waits for a while. Where that does not
    /// help, or another process has it, whom the log names, a thread of its own waits until that one has
    /// ended, and calls `then`. Blocks its thread.
    pub(super) fn take(
        self: &Arc<Self>,
        path: &Path,
        predecessors: &[i32],
        then: impl FnOnce() + Send + 'static,
    ) {
        let until = clock::now() + GIVEN_UP_WITHIN;
        let (holder, is_expected) = loop {
            match flock(&self.dir, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return self.sign(),
                Err(Errno::WOULDBLOCK) => {}
                // A file system without locks.
                Err(_) => return,
            }
            let holder = self.holder();
            let is_expected = holder.is_some_and(|pid| predecessors.contains(&pid));
            if !is_expected || clock::now() >= until {
                break (holder, is_expected);
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let place = path.display().to_string();
        if !is_expected {
            let other = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            tracing::error!(
                "state_dir {place}: {other} uses it, too, and each forgets what the other remembers: \
                 give each its own."
            );
        }
        let lock = Arc::clone(self);
        let wait = move || {
            if retry_on_intr(|| flock(&lock.dir, FlockOperation::LockExclusive)).is_err() {
                return;
            }
            lock.sign();
            then();
            if !is_expected {
                tracing::warn!("state_dir {place}: this process has it for itself now.");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("state lock".to_owned()).spawn(wait) {
            tracing::warn!("state_dir {}: {error}; it is not locked.", path.display());
        }
    }

    /// Leaves the directory to the next process, once what is being written is: see
    /// [`written`](Self::written).
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::SeqCst);
    }

    /// All that was to be written has been, or could not be.
    pub(super) fn written(&self) {
        if self.is_given_up.load(Ordering::SeqCst) {
            self.unlock();
        }
    }

    /// Writes down who has the lock. Where nothing can be written, other files are complained of.
    fn sign(&self) {
        let _ = replace(&self.dir, PID, format!("{}\n", std::process::id()).as_bytes());
        self.written();
    }

    fn unlock(&self) {
        // A descriptor that is open can be unlocked, where locks are known at all.
        let _: Result<(), _> = flock(&self.dir, FlockOperation::Unlock);
    }

    fn holder(&self) -> Option<i32> {
        let pid: io::Result<_> = read(&self.dir, PID);
        String::from_utf8_lossy(&pid.ok()??).trim().parse().ok()
    }
}
