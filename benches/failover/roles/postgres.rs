//! Postgres servers: a primary and a replica that streams from it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use measure::pinned::{LOAD_CORE, Pinned, free_addr};
use rustix::process::{Pid, Signal, kill_process};

use super::pgsql_wire::Client;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who runs the servers: Postgres refuses to be root.
const USER: &str = "postgres";

/// A server; ended when dropped.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    data: PathBuf,
    apart: bool,
    process: Pinned,
}

/// A cluster that each run copies.
pub(super) struct Template {
    data: PathBuf,
    pub(super) apart: bool,
}

/// A primary `a` and its replica `b`.
pub(super) struct Pair {
    pub(super) a: Server,
    pub(super) b: Server,
}

/// The program `name` of the newest version installed.
pub(super) fn tool(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .max_by_key(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    newest.map_or_else(|| name.into(), |version| version.path().join("bin").join(name))
}

/// Runs a program as [`USER`] to its end.
fn done(program: &Path, args: &[&str]) -> io::Result<()> {
    let output = Command::new("setpriv")
        .args(["--reuid", USER, "--regid", USER, "--init-groups", "--"])
        .arg(program)
        .args(args)
        .current_dir("/")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{}: {reason}", program.display())))
}

/// Makes a cluster in `folder`, whose copies run at a real-time priority when `apart`.
pub(super) fn template(folder: &Path, apart: bool) -> io::Result<Template> {
    let data = folder.join("template");
    let owned = Command::new("chown").arg(USER).arg(folder).status()?;
    if !owned.success() {
        return Err(io::Error::other("only root can run the servers as another user"));
    }
    let path = data.to_string_lossy();
    let words = ["-A", "trust", "-U", "postgres", "--locale=C", "--no-sync", "-D", &path];
    done(&tool("initdb"), &words)?;
    Ok(Template { data, apart })
}

impl Pair {
    pub(super) fn start(template: &Template, folder: &Path) -> io::Result<Self> {
        let [first, second] = ["a", "b"].map(|name| folder.join(name));
        for data in [&first, &second] {
            if data.exists() {
                fs::remove_dir_all(data)?;
            }
        }
        done(Path::new("cp"), &["-a", &template.data.to_string_lossy(), &first.to_string_lossy()])?;
        let a = Server::start(first, template.apart)?;
        a.query("CREATE TABLE written (n int)")?;
        a.query("CREATE ROLE evenkeel LOGIN")?;
        a.query("CREATE DATABASE evenkeel")?;
        let (port, data) = (a.addr.port().to_string(), second.to_string_lossy().into_owned());
        let words = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-D", &data, "-R", "-X"];
        let words = [&words[..], &["stream", "-c", "fast", "--no-sync"]].concat();
        done(&tool("pg_basebackup"), &words)?;
        Ok(Self { a, b: Server::start(second, template.apart)? })
    }
}

impl Server {
    fn start(data: PathBuf, apart: bool) -> io::Result<Self> {
        let addr = free_addr()?;
        let server = Self { process: launch(&data, addr, apart)?, addr, data, apart };
        server.await_ready()?;
        Ok(server)
    }

    /// Starts one that has ended, or is about to, on its address and data.
    pub(super) fn start_again(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !children(self.process.pid()).is_empty() || self.process.must_run().is_ok() {
            if Instant::now() > deadline {
                return Err(io::Error::other("the server does not end"));
            }
            sleep(Duration::from_millis(1));
        }
        // Its processes have seen their parent's death; what they share goes with the last of them.
        loop {
            self.process = launch(&self.data, self.addr, self.apart)?;
            if self.await_ready().is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("the server does not start again"));
            }
        }
    }

    /// Returns in the moment in which it takes writes.
    pub(super) fn promote(&self) -> io::Result<()> {
        let mut client = Client::connect(self.addr, "postgres", PATIENCE)?;
        client.query("SELECT pg_promote(wait => false)")?;
        while client.query("SELECT pg_is_in_recovery()")?[0][0] == "t" {
            sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Past every proxy.
    fn query(&self, sql: &str) -> io::Result<Vec<Vec<String>>> {
        Client::connect(self.addr, "postgres", PATIENCE)?.query(sql)
    }

    /// Where it stands apart, lets its first process run before all that shares its core from now on, as
    /// where there are more cores: what is sent to it next is delivered at once.
    pub(super) fn run_first(&self) -> io::Result<()> {
        if !self.apart {
            return Ok(());
        }
        let pid = self.process.pid().to_string();
        let status = Command::new("chrt").args(["-f", "-p", "6", &pid]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("chrt: {status}"))) }
    }

    /// To its first process alone.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        send(self.process.pid(), signal)
    }

    /// To all of them.
    pub(super) fn signal_all(&self, signal: Signal) -> io::Result<()> {
        self.signal(signal)?;
        for pid in children(self.process.pid()) {
            // One may have ended meanwhile.
            let _ = send(pid, signal);
        }
        Ok(())
    }

    fn await_ready(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.query("SELECT 1").is_err() {
            let ended = fs::metadata(format!("/proc/{}/exe", self.process.pid())).is_err();
            if ended || Instant::now() > deadline {
                return Err(io::Error::other("the server does not answer"));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once and in order: one that was killed would leave its shared memory behind.
        let _ = self.signal_all(Signal::CONT);
        let _ = self.signal(Signal::QUIT);
    }
}

/// With little memory in common: when it is killed each of its processes takes down its own page tables
/// of that before its sockets close, which is no time of a proxy's.
///
/// `apart`: at a real-time priority, before whatever shares its core.
fn launch(data: &Path, addr: SocketAddr, apart: bool) -> io::Result<Pinned> {
    let (port, path) = (format!("port={}", addr.port()), data.to_string_lossy());
    let program = tool("postgres").to_string_lossy().into_owned();
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "max_connections=200",
        "shared_buffers=16MB",
        "huge_pages=off",
        "wal_retrieve_retry_interval=100ms",
        &port,
    ];
    let who = ["--reuid", USER, "--regid", USER, "--init-groups", "--", &program, "-D", &path];
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let priority: &[&str] = if apart { &["chrt", "-f", "5"] } else { &[] };
    let words = priority.iter().copied().chain(["setpriv"]).chain(who).chain(settings);
    let words: Vec<&str> = words.collect();
    Pinned::start(LOAD_CORE, Path::new(words[0]), &words[1..], data.with_extension("out"))
}

fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(pid, signal)?)
}

/// The processes that `parent` started.
fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let listed = fs::read_to_string(path).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
