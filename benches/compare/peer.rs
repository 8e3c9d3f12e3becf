//! The peers: how each is started on its core with the same work to do, one thread, tcplog to
//! a UDP socket, timeouts, counters, and health checks where it has them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use measure::pinned::{LOAD_CORE, PROXY_CORE, Pinned, free_addr};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::plan::{Config, Plan};
use crate::stage::{Nobody, Stage};

/// How long a peer may take until it accepts.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Who stands between client and backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    /// Nobody: the client talks to the backend.
    Direct,
    /// The kernel's floor: an epoll loop of two receives and two sends a round trip.
    Floor,
    /// Debian's haproxy.
    Haproxy,
    /// Debian's nginx with its stream module; it has no active checks.
    Nginx,
    /// The Evenkeel of this tree, with haproxy's configuration.
    Evenkeel,
}

impl Peer {
    /// Its column's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Evenkeel => "evenkeel",
        }
    }

    /// The program to start, for the peers that are one of their own.
    pub(crate) fn program(self) -> Option<PathBuf> {
        match self {
            Self::Direct | Self::Floor => None,
            Self::Haproxy => Some("haproxy".into()),
            Self::Nginx => Some("nginx".into()),
            Self::Evenkeel => Some(evenkeel()),
        }
    }
}

/// `EVENKEEL_BIN`, or the program that cargo built with this benchmark.
fn evenkeel() -> PathBuf {
    std::env::var_os("EVENKEEL_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_evenkeel").into(), PathBuf::from)
}

/// A peer that accepts connections; its process ends when dropped.
pub(crate) struct Running {
    /// Where clients connect.
    pub(crate) addr: SocketAddr,
    /// The other way through it: where clients connect, and the stage of the backend they reach.
    pub(crate) beside: Option<(SocketAddr, Stage)>,
    process: Option<Pinned>,
}

impl Running {
    /// Starts `peer` before the stage's backend, or before the servers of `plan` where it has some,
    /// and waits until it accepts. Files go to `folder`.
    pub(crate) fn start(
        peer: Peer,
        stage: &mut Stage,
        plan: &Plan,
        folder: &Path,
    ) -> io::Result<Self> {
        let backend = stage.backend.addr()?;
        if peer == Peer::Direct {
            return Ok(Self { addr: backend, beside: None, process: None });
        }
        let addr = free_addr()?;
        let other = plan.beside.map(|role| Ok::<_, io::Error>((free_addr()?, Stage::new(role)?)));
        let other = other.transpose()?;
        let beside =
            other.as_ref().map(|(addr, stage)| Ok::<_, io::Error>((*addr, stage.backend.addr()?)));
        let beside = beside.transpose()?;
        let config = Config { listen: addr, log: stage.log.addr()?, backend, beside, plan };
        let process = Some(spawn(peer, &config, folder)?);
        let mut running = Self { addr, beside: other, process };
        running.await_listener(stage)?;
        Ok(running)
    }

    /// CPU time used so far; none for the direct path.
    pub(crate) fn cpu(&self) -> io::Result<Option<Duration>> {
        self.process.as_ref().map(Pinned::cpu).transpose()
    }

    /// Resident bytes now; none for the direct path.
    pub(crate) fn resident_bytes(&self) -> io::Result<Option<u64>> {
        self.process.as_ref().map(Pinned::resident_bytes).transpose()
    }

    /// CPU time used so far by each thread; none of the direct path.
    pub(crate) fn cpu_by_thread(&self) -> io::Result<BTreeMap<u32, Duration>> {
        self.process.as_ref().map_or_else(|| Ok(BTreeMap::new()), Pinned::cpu_by_thread)
    }

    /// Descriptors it has open; none of the direct path.
    pub(crate) fn descriptors(&self) -> io::Result<u64> {
        let Some(process) = &self.process else {
            return Ok(0);
        };
        Ok(fs::read_dir(format!("/proc/{}/fd", process.pid()))?.count() as u64)
    }

    /// Lets it open no descriptor from number `limit` on; what the limit was.
    pub(crate) fn limit_descriptors(&self, limit: Option<u64>) -> io::Result<Option<u64>> {
        let pid = self.process.as_ref().and_then(|process| i32::try_from(process.pid()).ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let hard = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: limit, maximum: hard };
        Ok(prlimit(Some(pid), Resource::Nofile, limit)?.current)
    }

    fn await_listener(&mut self, stage: &mut Stage) -> io::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(self.addr).is_err() {
            if let Some(process) = &mut self.process {
                process.must_run()?;
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "does not listen"));
            }
            stage.turn(&mut Nobody)?;
        }
        Ok(())
    }
}

fn spawn(peer: Peer, config: &Config<'_>, folder: &Path) -> io::Result<Pinned> {
    let file = folder.join(format!("{}.cfg", peer.name()));
    let output = folder.join(format!("{}.out", peer.name()));
    let path = file.to_string_lossy();
    let program = peer.program();
    let cores: &[usize] = match config.plan.workers {
        1 => &[PROXY_CORE],
        _ => &[PROXY_CORE, LOAD_CORE],
    };
    match (peer, program) {
        (Peer::Nginx, Some(program)) => {
            fs::write(&file, config.nginx(folder))?;
            let errors = output.to_string_lossy();
            Pinned::start_on(cores, &program, &["-e", &errors, "-c", &path], output.clone())
        }
        (_, Some(program)) => {
            fs::write(&file, config.haproxy())?;
            Pinned::start_on(cores, &program, &["-f", &path], output)
        }
        (_, None) => {
            let [listen, backend] = [config.listen, config.backend].map(|addr| addr.to_string());
            let this = std::env::current_exe()?;
            Pinned::start_on(cores, &this, &["floor", &listen, &backend], output)
        }
    }
}
