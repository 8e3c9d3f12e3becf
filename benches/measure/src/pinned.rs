//! Processes held to one core, what they cost, and their end. A process is ended by its own id
//! only, and always: dropping its handle ends it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The core that the measured process runs on; everything else runs on [`LOAD_CORE`].
pub const PROXY_CORE: usize = 0;
/// The core of the load program and of the servers it plays.
pub const LOAD_CORE: usize = 1;

/// How long a process may take to end after SIGTERM before it is killed.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// A running child; ended when dropped.
#[derive(Debug)]
pub struct Pinned {
    child: Child,
    stderr: PathBuf,
}

impl Pinned {
    /// Starts `program` with `args` on `core`; what it prints goes to `PATH` of `stderr`.
    ///
    /// # Errors
    /// As [`Pinned::start_on`].
    pub fn start(core: usize, program: &Path, args: &[&str], stderr: PathBuf) -> io::Result<Self> {
        Self::start_on(&[core], program, args, stderr)
    }

    /// As [`Pinned::start`], on any of `cores`.
    ///
    /// # Errors
    /// When `setpriv` cannot be started or the file cannot be created; a program that is not
    /// there shows as an early end.
    pub fn start_on(
        cores: &[usize],
        program: &Path,
        args: &[&str],
        stderr: PathBuf,
    ) -> io::Result<Self> {
        let cores = cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let output = File::create(&stderr)?;
        // A benchmark that is killed takes its children along.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "-c", &cores])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("start setpriv: {error}")))?;
        Ok(Self { child, stderr })
    }

    /// Its number; another process may have it once this one has ended and was waited for.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time of all its threads since it started, in nanoseconds of the scheduler's
    /// account. A thread that ended is no longer counted.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu(&self) -> io::Result<Duration> {
        Ok(self.cpu_by_thread()?.values().sum())
    }

    /// The same of each thread, by its number.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_by_thread(&self) -> io::Result<BTreeMap<u32, Duration>> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path();
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(path.join("schedstat")) else {
                continue;
            };
            let id = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
            let (Some(id), Some(nanos)) = (id, nanos) else {
                return Err(unreadable(&path));
            };
            threads.insert(id, Duration::from_nanos(nanos));
        }
        Ok(threads)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let path = PathBuf::from(format!("/proc/{}/smaps_rollup", self.child.id()));
        let text = fs::read_to_string(&path)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.ok_or_else(|| unreadable(&path))? * 1024)
    }

    /// An error with what the process printed last, when it has ended.
    ///
    /// # Errors
    /// That error, or what waiting for the process refuses.
    pub fn must_run(&mut self) -> io::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let printed = fs::read_to_string(&self.stderr).unwrap_or_default();
        let last = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word");
        Err(io::Error::other(format!("ended early with {status}: {last}")))
    }

    /// Kills the process at once (SIGKILL), as an operator's `kill -9` does. Dropping waits for
    /// its end.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    fn end(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + TERM_GRACE;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Nothing can be done about a process that cannot be ended; the caller's figures stand.
        let _ = self.end();
    }
}

/// How long this process's main thread was ready to run and waited for its core.
///
/// # Errors
/// When the kernel keeps no such account.
pub fn waited() -> io::Result<Duration> {
    let path = Path::new("/proc/self/schedstat");
    let text = fs::read_to_string(path)?;
    let nanos = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| unreadable(path))
}

/// Holds this process, which must have one thread yet, to `core`.
///
/// # Errors
/// When `taskset` is missing or refuses, as it does where the core does not exist.
pub fn pin_self(core: usize) -> io::Result<()> {
    let core = core.to_string();
    set_self("taskset", &["-c", "-p", &core])
        .map_err(|reason| io::Error::other(format!("pin to core {core}: {reason}")))
}

/// Runs the main thread of this process before everything else on its core, so that what it looks
/// for has its time and not the time of its turn. Threads and processes it starts do not inherit it.
///
/// # Errors
/// When `chrt` is missing or refuses, as it does whoever is not root.
pub fn run_self_first() -> io::Result<()> {
    let priority = "10"; // Databases that run before their load have 5.
    set_self("chrt", &["--reset-on-fork", "--fifo", "-p", priority])
        .map_err(|reason| io::Error::other(format!("real-time priority: {reason}")))
}

/// Runs `program`, which changes how the process is run whose id is its last word, on this one.
fn set_self(program: &str, words: &[&str]) -> io::Result<()> {
    let id = std::process::id().to_string();
    let output = Command::new(program).args(words).arg(id).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A loopback address nobody listens on now. Another process may take it before its user does.
///
/// # Errors
/// When no port is free.
pub fn free_addr() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn unreadable(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: no figure", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("measure-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_running_process_has_cpu_and_memory_and_ends_on_drop() {
        let stderr = scratch("sleep");
        let mut sleeper =
            Pinned::start(0, Path::new("sleep"), &["60"], stderr.clone()).expect("sleep starts");
        sleeper.must_run().expect("sleep runs for a minute");
        // It may not have run yet.
        while sleeper.cpu().expect("account of a living process") == Duration::ZERO {
            std::thread::yield_now();
        }
        assert!(sleeper.resident_bytes().expect("memory of a living process") > 0);
        let proc = PathBuf::from(format!("/proc/{}", sleeper.child.id()));
        drop(sleeper);
        assert!(!proc.exists());
        fs::remove_file(stderr).expect("the output file was created");
    }

    #[test]
    fn an_early_end_says_what_was_printed_last() {
        let stderr = scratch("early");
        let args = ["-c", "echo first; echo the reason; exit 3"];
        let mut shell =
            Pinned::start(0, Path::new("sh"), &args, stderr.clone()).expect("sh starts");
        shell.child.wait().expect("sh ends by itself");
        let error = shell.must_run().expect_err("it has ended").to_string();
        assert!(error.contains("the reason") && error.contains('3'), "{error}");
        fs::remove_file(stderr).expect("the output file was created");
    }
}
