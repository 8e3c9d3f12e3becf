//! A master of HAProxy's that becomes ours when its file is replaced, and the way back.
//!
//! HAProxy's master starts its file anew at each reload, in the same process. What it leaves to it, and
//! what is left to it here where it is the successor:
//!
//! ```text
//! -sf PID…                      all its workers, to be told once the new one serves
//! -x sockpair@N                 the way to the listening sockets of the current one
//! HAPROXY_MWORKER_REEXEC=1      this process is a master already
//! HAPROXY_PROCESSES=            |type=m;fd=-1;pid=…;reloads=…;…|type=w;fd=N;pid=…;reloads=…;…
//! ```
//! `fd` is the master's end of a socket pair, on which each message brings the worker a client. Keys
//! that a version does not know are passed over. HAProxy holds signals back meanwhile.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::resume::{Left, RESUMED, Resumed};
use crate::clock;
use crate::config::model::CLAIMED_VERSION;

/// Set where a program takes a master's place.
const AGAIN: &str = "HAPROXY_MWORKER_REEXEC";

/// The processes of a master's.
const PROCESSES: &str = "HAPROXY_PROCESSES";

/// One of them.
struct Process<'a> {
    kind: &'a str,
    fd: i32,
    pid: i32,
    reloads: u64,
    failed: u64,
    /// Seconds since 1970.
    timestamp: u64,
    version: &'a str,
}

/// What this process' former program left, where that was HAProxy.
pub(super) fn find() -> Option<Resumed> {
    env::var_os(AGAIN)?;
    read(&env::var(PROCESSES).ok()?, own_pid(), clock::wall())
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn read(text: &str, own_pid: i32, now: SystemTime) -> Option<Resumed> {
    let processes: Vec<_> = text.split('|').filter_map(process).collect();
    let master = processes.iter().find(|it| it.kind == "m")?;
    // A program that a master starts has its environment, but is none.
    if master.pid != own_pid {
        return None;
    }
    let age = |it: &Process<'_>| {
        let since = UNIX_EPOCH.checked_add(Duration::from_secs(it.timestamp));
        since.and_then(|since| now.duration_since(since).ok()).unwrap_or_default()
    };
    // The reload that brought this program was counted already.
    let left = |it: &Process<'_>| {
        let reloads = it.reloads.saturating_sub(1);
        Left::of_haproxy(it.pid, it.fd, age(it), reloads, it.version)
    };
    // The current worker has seen the fewest.
    let mut workers: Vec<_> = processes.iter().filter(|it| it.kind != "m").collect();
    workers.sort_by_key(|it| (it.kind != "w", it.reloads));
    let is_current = workers.first().is_some_and(|it| it.kind == "w");
    let mut workers = workers.into_iter().map(left);
    Some(Resumed {
        age: age(master),
        reloads: master.reloads.saturating_sub(1),
        failed: master.failed,
        program: PathBuf::new(),
        sockets: Vec::new(),
        worker: if is_current { workers.next() } else { None },
        leaving: workers.collect(),
    })
}

fn process(text: &str) -> Option<Process<'_>> {
    let value = |key: &str| {
        text.split(';')
            .find_map(|word| word.split_once('=').filter(|it| it.0 == key))
            .map(|it| it.1)
    };
    let number = |key: &str| value(key).and_then(|text| text.parse().ok());
    Some(Process {
        kind: value("type")?,
        fd: value("fd")?.parse().ok()?,
        pid: value("pid")?.parse().ok()?,
        reloads: number("reloads").unwrap_or(0),
        failed: number("failedreloads").unwrap_or(0),
        timestamp: number("timestamp").unwrap_or(0),
        version: value("version").unwrap_or_default(),
    })
}

fn write(resumed: &Resumed, own_pid: i32, now: SystemTime) -> String {
    let timestamp = |age| {
        let since = now.checked_sub(age).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        since.unwrap_or_default().as_secs()
    };
    let master = Process {
        kind: "m",
        fd: -1,
        pid: own_pid,
        reloads: resumed.reloads + 1,
        failed: resumed.failed,
        timestamp: timestamp(resumed.age),
        version: CLAIMED_VERSION,
    };
    let workers = resumed.workers().map(|left| Process {
        kind: "w",
        fd: left.line(),
        pid: left.pid(),
        reloads: left.reloads() + 1,
        failed: 0,
        timestamp: timestamp(left.age()),
        version: left.version(),
    });
    std::iter::once(master).chain(workers).map(|it| it.written()).collect()
}

impl Process<'_> {
    fn written(&self) -> String {
        let Self { kind, fd, pid, reloads, failed, timestamp, version } = self;
        format!(
            "|type={kind};fd={fd};pid={pid};reloads={reloads};failedreloads={failed};\
             timestamp={timestamp};id=;version={version}"
        )
    }
}

/// What this program was started with, without the processes that it was to replace.
pub(super) fn words() -> (OsString, Vec<OsString>) {
    let mut words = env::args_os();
    let name = words.next().unwrap_or_default();
    (name, without_predecessors(words))
}

fn without_predecessors(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut words, mut kept) = (words.peekable(), Vec::new());
    while let Some(word) = words.next() {
        if word == OsStr::new("-sf") || word == OsStr::new("-st") {
            let is_pid =
                |word: &OsString| word.to_str().is_some_and(|it| it.parse::<i32>().is_ok());
            while words.next_if(is_pid).is_some() {}
        } else if word == OsStr::new("-x") {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept
}

/// Keeps from a program that is started what would make it take this process' place.
pub(super) fn disinherit(command: &mut Command) -> &mut Command {
    command.env_remove(RESUMED).env_remove(AGAIN).env_remove(PROCESSES)
}

/// Leaves what `resumed` says to HAProxy, which `command` starts in this process' place.
pub(super) fn leave(command: &mut Command, resumed: &Resumed) {
    let pids: Vec<_> = resumed.workers().map(|left| left.pid().to_string()).collect();
    if !pids.is_empty() {
        command.arg("-sf").args(pids);
    }
    if let Some(worker) = &resumed.worker {
        command.arg("-x").arg(format!("sockpair@{}", worker.line()));
    }
    command.env(AGAIN, "1").env(PROCESSES, write(resumed, own_pid(), clock::wall()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "|type=m;fd=-1;pid=42;reloads=3;failedreloads=1;timestamp=1000;id=;version=(null)\
        |type=w;fd=5;pid=44;reloads=2;failedreloads=0;timestamp=1100;id=;version=2.6.12\
        |type=w;fd=3;pid=45;reloads=1;failedreloads=0;timestamp=1200;id=;version=2.6.12";

    #[test]
    fn the_worker_of_the_fewest_reloads_is_the_current_one() {
        let now = UNIX_EPOCH + Duration::from_secs(1300);
        let resumed = read(TEXT, 42, now).unwrap();
        assert_eq!(
            (resumed.reloads, resumed.failed, resumed.age),
            (2, 1, Duration::from_secs(300))
        );
        let (worker, leaving) = (resumed.worker.unwrap(), &resumed.leaving[0]);
        assert_eq!((worker.pid(), worker.line(), worker.reloads()), (45, 3, 0));
        assert_eq!((leaving.pid(), leaving.line(), leaving.reloads()), (44, 5, 1));
        assert!(read(TEXT, 43, now).is_none());
        assert!(read("|type=w;fd=3;pid=42;reloads=1", 42, now).is_none());
        assert!(read("nonsense||type=m;pid=x;fd=", 42, now).is_none());
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let now = UNIX_EPOCH + Duration::from_secs(1300);
        let resumed = read(TEXT, 42, now).unwrap();
        let text = write(&resumed, 42, now);
        assert_eq!(text.matches('|').count(), 3);
        let again = read(&text, 42, now).unwrap();
        assert_eq!((again.age, again.reloads), (resumed.age, resumed.reloads));
        assert_eq!(again.worker, resumed.worker);
        assert_eq!(again.leaving, resumed.leaving);
    }

    #[test]
    fn predecessors_are_no_successors() {
        let kept = |text: &str| {
            let words = text.split(' ').map(OsString::from);
            without_predecessors(words).join(OsStr::new(" "))
        };
        assert_eq!(kept("-sf 12 13 -x sockpair@3 -W -f a.cfg"), "-W -f a.cfg");
        assert_eq!(kept("-W -f a.cfg -st 12"), "-W -f a.cfg");
        assert_eq!(kept("-W -x /run/a.sock -f a.cfg"), "-W -f a.cfg");
    }
}
