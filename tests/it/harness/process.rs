//! A child process that never outlives its scenario.
//!
//! It is started through `setpriv --pdeathsig`, which replaces itself by the program: the pid is
//! the program's, and the kernel kills it if the test dies without running destructors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::{PATIENCE, within};

/// What to start.
pub(crate) struct Spec<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a Path,
    pub(crate) args: Vec<String>,
    /// The user to become when the test runs as root.
    pub(crate) user: Option<&'a str>,
    pub(crate) env: Vec<(String, String)>,
    /// Where standard output and standard error go.
    pub(crate) log: PathBuf,
}

/// A running child, killed with all its descendants at drop.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
}

/// Whether the tests run as root, so that databases must be given another user.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The words that start a program as `user` where needed, and with a parent-death signal.
pub(crate) fn launcher(user: Option<&str>) -> Vec<String> {
    let mut words = vec!["setpriv".to_owned(), "--pdeathsig=KILL".to_owned()];
    if let Some(user) = user.filter(|_| is_root()) {
        words.push(format!("--reuid={user}"));
        words.push(format!("--regid={user}"));
        words.push("--init-groups".to_owned());
    }
    words.push("--".to_owned());
    words
}

impl Process {
    pub(crate) fn start(spec: Spec<'_>) -> Self {
        let mut words = launcher(spec.user);
        if !spec.env.is_empty() {
            // What is preloaded must be so by the user who runs the program.
            words.push("env".to_owned());
            words.extend(spec.env.iter().map(|(name, value)| format!("{name}={value}")));
        }
        words.push(spec.program.display().to_string());
        words.extend(spec.args);
        let log = File::options().create(true).append(true).open(&spec.log).unwrap();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", spec.name));
        Self { name: spec.name.to_owned(), child, status: None, log: spec.log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Lets it open no descriptor beyond `limit` from now on.
    pub(crate) fn limit_open_files(&self, limit: u64) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }

    /// Ends it and its descendants at once, as the death of its machine would.
    pub(crate) fn kill9(&mut self) {
        for pid in self.tree() {
            send(pid, Signal::KILL);
        }
        self.wait();
    }

    /// Stops it and its descendants (SIGSTOP), and waits until they stand still: the kernel still
    /// completes connects for them.
    pub(crate) fn stop(&self) {
        for pid in self.tree() {
            send(pid, Signal::STOP);
            super::eventually("it stands still", || {
                // One that has ended meanwhile stands still, too.
                let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                    return Some(());
                };
                let state = stat.rsplit_once(") ")?.1;
                state.starts_with(['T', 'Z', 'X']).then_some(())
            });
        }
    }

    /// Lets a stopped one go on.
    pub(crate) fn cont(&self) {
        for pid in self.tree() {
            send(pid, Signal::CONT);
        }
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().unwrap();
        }
        self.status
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        within(PATIENCE, || self.ended()).unwrap_or_else(|| panic!("{} does not end", self.name))
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Itself and all descendants, itself first.
    fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.pid()];
        let parents = parents();
        let mut at = 0;
        while at < tree.len() {
            let parent = tree[at];
            tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            at += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            for pid in self.tree() {
                send(pid, Signal::KILL);
            }
            if within(Duration::from_secs(10), || self.ended()).is_none() {
                eprintln!("{} survives SIGKILL", self.name);
            }
        }
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            eprintln!("--- output of {} (pid {}):", self.name, self.pid());
            for line in &lines[lines.len().saturating_sub(40)..] {
                eprintln!("    {line}");
            }
        }
    }
}

fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // A process that has just ended is no error: the wait that follows tells.
    let _ = kill_process(pid, signal);
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // proc(5): the name is in parentheses and may hold blanks; state and parent follow.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}
