//! The demo's processes, addresses and files, all of which go when it is dropped.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::load::visit;
use super::tally::{Outcome, Who};
use super::{Failure, part};

/// Longest wait for a process to answer at the start.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Pause between two looks whether it answers.
const START_POLL: Duration = Duration::from_millis(10);

/// How much of a process' last words is repeated.
const LAST_LINES: usize = 10;

/// The configuration, with names in place of addresses.
///
/// The check reads the greeting: a connect alone proves only that the kernel listens, which it does
/// for a stopped process, too.
const FILE: &str = "\
[frontend.demo]
bind = \"FRONT\"
backend = \"demo\"

[backend.demo]
# Every 2 s by default; 3 failures mean down, 2 passes up again.
check = { type = \"tcp-check\", steps = [{ expect = \"hello\" }] }
server.primary = \"PRIMARY\"
server.backup = { address = \"BACKUP\", backup = true }

[stats]
bind = \"STATS\"
";

/// A loopback address that nobody else is given.
///
/// The socket is bound and does not listen: it lets those through that set `SO_REUSEADDR` and
/// name the port (a server that starts again), and keeps the kernel from using the port for an
/// outgoing connection while the server is dead.
struct Reserved {
    addr: SocketAddr,
    _socket: Socket,
}

impl Reserved {
    fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let addr = socket.local_addr()?.as_socket();
        let addr = addr.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { addr, _socket: socket })
    }
}

/// A directory for this user alone, removed with its files at drop.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Result<Self, Failure> {
        let name = format!("evenkeel-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(Failure::to(format!("make the directory {}", path.display())))?;
        Ok(Self(path))
    }

    /// Where the configuration belongs.
    fn file(&self) -> PathBuf {
        self.0.join("demo.toml")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("evenkeel demo: cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A child process, killed by SIGKILL at drop.
struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(name: &'static str, args: &[String], dir: &Path) -> Result<Self, Failure> {
        let log = dir.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(Failure::to(format!("write {}", log.display())))?;
        let child = Command::new(part::own_program()?)
            .arg0("evenkeel")
            .arg("demo")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // The terminal's Ctrl-C is for the demo, which ends the others in order.
            .process_group(0)
            .spawn()
            .map_err(Failure::to(format!("start the {name}")))?;
        Ok(Self { name, child, log })
    }

    /// What it wrote last, to be put behind a message.
    fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        if last.is_empty() { String::new() } else { format!("; it said:\n  {last}") }
    }

    fn expect_alive(&mut self) -> Result<(), Failure> {
        let name = self.name;
        let status = self.child.try_wait().map_err(Failure::to(format!("look at the {name}")))?;
        let Some(status) = status else { return Ok(()) };
        Err(Failure::Ended { name, status: status.to_string(), said: self.said() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither fails for a child of ours; one that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything the demo runs.
pub(super) struct Stage {
    primary: Option<Process>,
    backup: Option<Process>,
    proxy: Option<Process>,
    /// After the processes: they write into it until they are dropped.
    dir: TempDir,
    file: String,
    addrs: Addrs,
}

struct Addrs {
    front: Reserved,
    stats: Reserved,
    primary: Reserved,
    backup: Reserved,
}

impl Addrs {
    fn reserve() -> io::Result<Self> {
        Ok(Self {
            front: Reserved::new()?,
            stats: Reserved::new()?,
            primary: Reserved::new()?,
            backup: Reserved::new()?,
        })
    }

    fn of(&self, who: Who) -> SocketAddr {
        match who {
            Who::Primary => self.primary.addr,
            Who::Backup => self.backup.addr,
        }
    }
}

impl Stage {
    /// Reserves addresses and writes the configuration; starts nothing.
    pub(super) fn build() -> Result<Self, Failure> {
        let addrs = Addrs::reserve().map_err(Failure::to("reserve an address of 127.0.0.1"))?;
        let file = FILE
            .replace("FRONT", &addrs.front.addr.to_string())
            .replace("STATS", &addrs.stats.addr.to_string())
            .replace("PRIMARY", &addrs.primary.addr.to_string())
            .replace("BACKUP", &addrs.backup.addr.to_string());
        let dir = TempDir::new()?;
        let path = dir.file();
        fs::write(&path, &file).map_err(Failure::to(format!("write {}", path.display())))?;
        Ok(Self { primary: None, backup: None, proxy: None, dir, file, addrs })
    }

    /// Starts the servers, then the proxy, and waits until each answers.
    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        let primary = self.primary.insert(start_server(Who::Primary, &self.addrs, &self.dir.0)?);
        wait_for(self.addrs.primary.addr, primary).await?;
        let backup = self.backup.insert(start_server(Who::Backup, &self.addrs, &self.dir.0)?);
        wait_for(self.addrs.backup.addr, backup).await?;
        let file = self.dir.file().display().to_string();
        let args = ["proxy".to_owned(), std::process::id().to_string(), file];
        let proxy = self.proxy.insert(Process::start("proxy", &args, &self.dir.0)?);
        wait_for(self.addrs.front.addr, proxy).await
    }

    /// Where the configuration is, and what it says.
    pub(super) fn file(&self) -> (PathBuf, &str) {
        (self.dir.file(), &self.file)
    }

    /// Where clients connect.
    pub(super) fn front(&self) -> SocketAddr {
        self.addrs.front.addr
    }

    /// Where the metrics are.
    pub(super) fn stats(&self) -> SocketAddr {
        self.addrs.stats.addr
    }

    /// `kill -9` of the primary; returns its process id when it is gone.
    pub(super) fn kill_primary(&mut self) -> Option<u32> {
        self.primary.take().map(|process| process.child.id())
    }

    /// Starts the primary again; returns its process id at once.
    pub(super) fn revive_primary(&mut self) -> Result<u32, Failure> {
        let process = start_server(Who::Primary, &self.addrs, &self.dir.0)?;
        Ok(self.primary.insert(process).child.id())
    }

    /// # Errors
    /// The first process that ended though nobody killed it.
    pub(super) fn expect_alive(&mut self) -> Result<(), Failure> {
        let processes = [&mut self.proxy, &mut self.primary, &mut self.backup];
        processes.into_iter().flatten().try_for_each(Process::expect_alive)
    }

    /// What the proxy wrote last.
    pub(super) fn proxy_said(&self) -> String {
        self.proxy.as_ref().map(Process::said).unwrap_or_default()
    }
}

fn start_server(who: Who, addrs: &Addrs, dir: &Path) -> Result<Process, Failure> {
    let parent = std::process::id().to_string();
    let args = ["server".to_owned(), parent, addrs.of(who).to_string(), who.name().to_owned()];
    Process::start(who.name(), &args, dir)
}

async fn wait_for(addr: SocketAddr, process: &mut Process) -> Result<(), Failure> {
    let name = process.name;
    let answered = async {
        while !matches!(visit(addr).await.outcome, Outcome::Answered(_)) {
            process.expect_alive()?;
            tokio::time::sleep(START_POLL).await;
        }
        Ok(())
    };
    match tokio::time::timeout(START_LIMIT, answered).await {
        Ok(answered) => answered,
        Err(_) => Err(Failure::Silent { who: name, limit: START_LIMIT, said: process.said() }),
    }
}
