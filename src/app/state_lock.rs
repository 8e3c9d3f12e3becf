//! One process at a time remembers in a `state_dir`: two would each write over what the other wrote.
//!
//! The directory itself is locked, by flock(2), so that the lock ends with the process however it ends.
//! A process that stops softly gives it up at once: its successor is the one to be named then.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::state_dir::{read, replace};

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

    /// Takes the lock. Where another process has it, a thread of its own waits until that one has
    /// ended, and the log says which it is, unless it is one of `predecessors`, which make room.
    pub(super) fn take(self: &Arc<Self>, path: &Path, predecessors: &[i32]) {
        match flock(&self.dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return self.sign(),
            Err(Errno::WOULDBLOCK) => {}
            // A file system without locks.
            Err(_) => return,
        }
        let holder = self.holder();
        let is_expected = holder.is_some_and(|pid| predecessors.contains(&pid));
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
            if !is_expected {
                tracing::warn!("state_dir {place}: this process has it for itself now.");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("state lock".to_owned()).spawn(wait) {
            tracing::warn!("state_dir {}: {error}; it is not locked.", path.display());
        }
    }

    /// Leaves the directory to the next process, now or as soon as it would be locked.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::SeqCst);
        self.unlock();
    }

    /// Writes down who has the lock. Where nothing can be written, other files are complained of.
    fn sign(&self) {
        let _ = replace(&self.dir, PID, format!("{}\n", std::process::id()).as_bytes());
        if self.is_given_up.load(Ordering::SeqCst) {
            self.unlock();
        }
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
