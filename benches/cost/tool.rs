//! The programs that count: how the proxy is started under each, and what they say in the end.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use measure::pinned::free_addr;
use rustix::process::{Pid, Signal, kill_process};

use crate::script::{Work, serve};

/// How long the proxy may take to start and to end under a tool.
const LIMIT: Duration = Duration::from_secs(60);

/// Socket buffers of a fixed size: those that the kernel grows as it sees fit differ from run to run.
const BUFFER_BYTES: u32 = 212_992;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// Instructions in user space, by valgrind's callgrind.
    Callgrind,
    /// System calls, by strace.
    Strace,
}

impl Tool {
    pub(crate) const ALL: [Self; 2] = [Self::Callgrind, Self::Strace];

    /// The measure's name in the file of figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Callgrind => "instructions",
            Self::Strace => "system_calls",
        }
    }

    /// What the table calls the measure.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Callgrind => "instructions",
            Self::Strace => "system calls",
        }
    }

    /// What a proxy needs from its start to its end when `work` is done `units` times between.
    pub(crate) fn count(self, work: Work, units: u32, folder: &Path) -> io::Result<u64> {
        let file = folder.join(self.name());
        // Lines nobody reads are sent all the same.
        let log = UdpSocket::bind("127.0.0.1:0")?;
        let (proxy, child) = start(self.command(&file), serve()?, log.local_addr()?, folder)?;
        let mut child = Ended(child);
        await_listener(proxy, &mut child.0)?;
        work.run(units, proxy)?;
        child.end()?;
        self.total(&fs::read_to_string(&file)?)
            .ok_or_else(|| io::Error::other(format!("{}: no total", file.display())))
    }

    fn command(self, file: &Path) -> Command {
        let mut command;
        match self {
            Self::Callgrind => {
                command = Command::new("valgrind");
                command.args(["--quiet", "--tool=callgrind", "--dump-instr=no"]);
                command.arg(format!("--callgrind-out-file={}", file.display()));
            }
            Self::Strace => {
                command = Command::new("strace");
                command.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(file);
            }
        }
        command
    }

    /// The total in what the tool wrote.
    fn total(self, text: &str) -> Option<u64> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines().map(words);
        let word = match self {
            Self::Callgrind => {
                lines.find(|words| words.first().is_some_and(|word| word == "totals:"))?.remove(1)
            }
            Self::Strace => {
                lines.find(|words| words.get(1).is_some_and(|word| word == "total"))?.remove(0)
            }
        };
        word.parse().ok()
    }
}

fn start(
    mut tool: Command,
    server: SocketAddr,
    log: SocketAddr,
    folder: &Path,
) -> io::Result<(SocketAddr, Child)> {
    let addr = free_addr()?;
    let config = folder.join("evenkeel.cfg");
    fs::write(
        &config,
        format!(
            "global\n    log {log} local0\n    nbthread 1\n    maxconn 100\n    \
             tune.rcvbuf.server {BUFFER_BYTES}\n    tune.sndbuf.client {BUFFER_BYTES}\n\
             defaults\n    log global\n    mode tcp\n    option tcplog\n    timeout connect 5s\n    \
             timeout client 1m\n    timeout server 1m\n\
             frontend front\n    bind {addr}\n    default_backend back\n\
             backend back\n    server s {server}\n"
        ),
    )?;
    let program = std::env::var_os("EVENKEEL_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_evenkeel").into(), PathBuf::from);
    let name = tool.get_program().to_string_lossy().into_owned();
    let child = tool
        .arg(program)
        .arg("-f")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("start {name}: {error}")))?;
    Ok((addr, child))
}

/// A connection that the proxy accepted, and closed.
fn await_listener(proxy: SocketAddr, child: &mut Child) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(proxy).is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the proxy ended early with {status}")));
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the proxy does not listen"));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A child that is ended at the latest when this is dropped.
struct Ended(Child);

impl Ended {
    /// The proxy: strace has it as its child, valgrind is it.
    fn proxy(&self) -> io::Result<Pid> {
        let id = self.0.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let child = children.split_whitespace().next().and_then(|word| word.parse().ok());
        Ok(child.and_then(Pid::from_raw).unwrap_or_else(|| Pid::from_child(&self.0)))
    }

    fn end(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + LIMIT;
        kill_process(self.proxy()?, Signal::TERM)?;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the proxy does not end"));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already, or nobody waits for what it counted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
