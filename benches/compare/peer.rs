//! The peers: how each is started on its core with the same work to do, one thread, tcplog to
//! a UDP socket, timeouts, counters, and health checks where it has them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use measure::pinned::{PROXY_CORE, Pinned, free_addr};

use crate::stage::{Nobody, Stage};

/// How long a peer may take until it accepts.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Connections a proxy is allowed: with two descriptors each and one for each of 500 checked
/// servers, haproxy, which insists on having them all, stays under a limit of 20,000.
const MAXCONN: usize = 9200;

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
    process: Option<Pinned>,
}

impl Running {
    /// Starts `peer` before the stage's backend, or before `servers` where those are given, and
    /// waits until it accepts; one that `is_busy` spins instead of sleeping. Files go to `folder`.
    pub(crate) fn start(
        peer: Peer,
        stage: &mut Stage,
        servers: Option<&[SocketAddr]>,
        is_busy: bool,
        folder: &Path,
    ) -> io::Result<Self> {
        let backend = stage.backend.addr()?;
        if peer == Peer::Direct {
            return Ok(Self { addr: backend, process: None });
        }
        let addr = free_addr()?;
        let servers = servers.unwrap_or(std::slice::from_ref(&backend));
        let config = Config { listen: addr, log: stage.log.addr()?, servers, is_busy };
        let process = Some(spawn(peer, &config, folder)?);
        let mut running = Self { addr, process };
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
    match (peer, program) {
        (Peer::Nginx, Some(program)) => {
            fs::write(&file, config.nginx(folder))?;
            let errors = output.to_string_lossy();
            Pinned::start(PROXY_CORE, &program, &["-e", &errors, "-c", &path], output.clone())
        }
        (_, Some(program)) => {
            fs::write(&file, config.haproxy())?;
            Pinned::start(PROXY_CORE, &program, &["-f", &path], output)
        }
        (_, None) => {
            let [listen, backend] = [config.listen, config.servers[0]].map(|addr| addr.to_string());
            let this = std::env::current_exe()?;
            Pinned::start(PROXY_CORE, &this, &["floor", &listen, &backend], output)
        }
    }
}

/// What every proxy is asked to do.
struct Config<'a> {
    listen: SocketAddr,
    log: SocketAddr,
    /// One at least.
    servers: &'a [SocketAddr],
    is_busy: bool,
}

impl Config<'_> {
    fn haproxy(&self) -> String {
        let Self { listen, log, servers, is_busy } = self;
        let busy = if *is_busy { "    busy-polling\n" } else { "" };
        let mut text = format!(
            "global\n    log {log} local0\n    maxconn {MAXCONN}\n    nbthread 1\n{busy}\
             defaults\n    log global\n    mode tcp\n    option tcplog\n    \
             timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n\
             frontend front\n    bind {listen}\n    default_backend back\n\
             backend back\n    balance roundrobin\n    default-server check inter 1s\n"
        );
        for (index, server) in servers.iter().enumerate() {
            text.push_str(&format!("    server s{index} {server}\n"));
        }
        text
    }

    fn nginx(&self, folder: &Path) -> String {
        let Self { listen, log, servers, .. } = self;
        let servers: String = servers
            .iter()
            .map(|server| format!("server {server} max_fails=3 fail_timeout=10s; "))
            .collect();
        let pid = folder.join("nginx.pid");
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
             daemon off;\nmaster_process off;\npid {};\n\
             events {{ worker_connections {}; }}\n\
             stream {{\n\
             log_format tcp '$remote_addr:$remote_port $upstream_addr $session_time $status '\n    \
             '$bytes_sent $bytes_received $upstream_connect_time';\n\
             access_log syslog:server={log},facility=local0 tcp;\n\
             upstream back {{ {servers}}}\n\
             server {{ listen {listen} backlog=4096; proxy_pass back;\n    \
             proxy_connect_timeout 5s; proxy_timeout 60s; }}\n\
             }}\n",
            pid.display(),
            2 * MAXCONN,
        )
    }
}
