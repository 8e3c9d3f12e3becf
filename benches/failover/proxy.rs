//! The proxies under test, with the configuration that people copy from the web.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use measure::pinned::{PROXY_CORE, Pinned, free_addr};

use crate::pair::{Pair, await_listener};

/// How long a proxy may take until it accepts.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Who stands before the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    /// Debian's haproxy.
    Haproxy,
    /// The Evenkeel of this tree.
    Evenkeel,
}

impl Proxy {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::Evenkeel => "evenkeel",
        }
    }

    /// The program to start: for Evenkeel `EVENKEEL_BIN`, or what cargo built with this
    /// benchmark.
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Haproxy => "haproxy".into(),
            Self::Evenkeel => std::env::var_os("EVENKEEL_BIN")
                .map_or_else(|| env!("CARGO_BIN_EXE_evenkeel").into(), PathBuf::from),
        }
    }

    /// Starts it before `pair` and waits until it accepts; returns where.
    pub(crate) fn start(
        self,
        pair: &Pair,
        log: SocketAddr,
        folder: &Path,
    ) -> io::Result<(Pinned, SocketAddr)> {
        let addr = free_addr()?;
        let file = folder.join(format!("{}.cfg", self.name()));
        fs::write(&file, configuration(addr, pair, log))?;
        let output = folder.join(format!("{}.out", self.name()));
        let path = file.to_string_lossy();
        let mut process = Pinned::start(PROXY_CORE, &self.program(), &["-f", &path], output)?;
        await_listener(&mut process, addr, START_LIMIT)?;
        Ok((process, addr))
    }
}

/// The file as it is copied, apart from addresses and the change of user, which needs root.
fn configuration(listen: SocketAddr, pair: &Pair, log: SocketAddr) -> String {
    let Pair { primary_addr, backup_addr, .. } = pair;
    format!(
        "global
    log {log} local0
    maxconn 2000
defaults
    log global
    mode tcp
    option tcplog
    timeout connect 10s
    timeout client 1m
    timeout server 1m
frontend mysql_frontend
    bind {listen}
    default_backend mysql_backend
backend mysql_backend
    balance roundrobin
    option mysql-check user haproxy_check
    server master {primary_addr} check
    server slave1 {backup_addr} check backup
"
    )
}
