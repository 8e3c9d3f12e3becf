//! The processes that this one replaces (`-x`, `-sf`, `-st`).

use rustix::process::{Pid, Signal, kill_process};

use super::supply::Own;
use super::{Options, StartError};
use crate::net::handover;

/// The listening sockets of the process that answers at `-x`, and the processes to make room.
///
/// # Errors
/// Nobody answers there: the operator relies on a takeover that would not be one.
pub(super) fn inherited(options: &Options) -> Result<Own, StartError> {
    let handed = match &options.take_from {
        Some(path) => handover::take(path).map_err(|error| {
            let what = format!("get the listening sockets from {}", path.display());
            StartError::because(&what, &error)
        })?,
        None => Vec::new(),
    };
    Ok(Own::replacing(handed, of(options)))
}

/// Their process ids.
pub(super) fn of(options: &Options) -> Vec<i32> {
    options.finish.iter().chain(&options.terminate).copied().collect()
}

/// Tells them to go: this process serves.
pub(super) fn stop(options: &Options) {
    signal(&options.finish, Signal::USR1);
    signal(&options.terminate, Signal::TERM);
}

/// Sends `signal` to each; one that has ended is not missed.
pub(super) fn signal(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tracing::warn!("cannot signal process {pid}: {error}"),
        }
    }
}
