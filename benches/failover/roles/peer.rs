//! The proxies before the pair.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use measure::pinned::{PROXY_CORE, Pinned, free_addr};

use super::postgres::Pair;
use crate::pair::await_listener;
use crate::proxy::Proxy;

/// How long a proxy may take until it accepts.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Who stands before the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Peer {
    /// Debian's haproxy with pgsql-check and a backup, as people write it.
    Haproxy,
    /// The same with everything that makes it fail over sooner.
    HaproxyTuned,
    /// The Evenkeel of this tree with routes by role, as its README has it.
    Evenkeel,
}

impl Peer {
    /// Its name in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::HaproxyTuned => "haproxy, tuned",
            Self::Evenkeel => "evenkeel",
        }
    }

    pub(super) fn program(self) -> PathBuf {
        match self {
            Self::Haproxy | Self::HaproxyTuned => Proxy::Haproxy.program(),
            Self::Evenkeel => Proxy::Evenkeel.program(),
        }
    }

    /// Starts it and waits until it accepts; where, and the file of what it says. `apart`: before the
    /// load that shares its core.
    pub(super) fn start(
        self,
        pair: &Pair,
        folder: &Path,
        apart: bool,
    ) -> io::Result<(Pinned, SocketAddr, PathBuf)> {
        let addr = free_addr()?;
        let (name, text, flag) = match self {
            Self::Haproxy => ("proxy.cfg", haproxy(addr, pair, ["", "", ""]), "-f"),
            Self::HaproxyTuned => ("proxy.cfg", haproxy(addr, pair, TUNED), "-f"),
            Self::Evenkeel => ("proxy.toml", evenkeel(addr, pair, folder)?, "-c"),
        };
        let (file, said) = (folder.join(name), folder.join("proxy.out"));
        fs::write(&file, text)?;
        let path = file.to_string_lossy();
        let args: &[&str] = match self {
            Self::Evenkeel => &["run", flag, &path],
            Self::Haproxy | Self::HaproxyTuned => &[flag, &path],
        };
        let program = self.program().to_string_lossy().into_owned();
        let priority: &[&str] = if apart { &["chrt", "-f", "5"] } else { &[] };
        let words = [priority, &[program.as_str()], args].concat();
        let mut process =
            Pinned::start(PROXY_CORE, Path::new(words[0]), &words[1..], said.clone())?;
        await_listener(&mut process, addr, START_LIMIT)?;
        Ok((process, addr, said))
    }
}

/// Of the backend; of every server; of the primary.
const TUNED: [&str; 3] = [
    "    option redispatch\n    retries 3\n",
    " inter 100ms fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down",
    " on-marked-down shutdown-sessions",
];

fn haproxy(listen: SocketAddr, pair: &Pair, [backend, server, primary]: [&str; 3]) -> String {
    let (a, b) = (pair.a.addr, pair.b.addr);
    format!(
        "defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
frontend postgres_frontend
    bind {listen}
    default_backend postgres_backend
backend postgres_backend
{backend}    option pgsql-check user evenkeel
    server pg1 {a} check{server}{primary}
    server pg2 {b} check{server} backup
"
    )
}

fn evenkeel(listen: SocketAddr, pair: &Pair, folder: &Path) -> io::Result<String> {
    let password = folder.join("pg.pass");
    fs::write(&password, "none\n")?;
    Ok(format!(
        "[backend.pg]
check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{}\", database = \"postgres\", \
         inter = \"200ms\", timeout = \"1s\", rise = 1, fall = 2 }}
server.pg1 = \"{}\"
server.pg2 = \"{}\"
[frontend.pg-write]
bind = \"{listen}\"
backend = \"pg\"
role = \"primary\"
hold = \"15s\"
",
        password.display(),
        pair.a.addr,
        pair.b.addr,
    ))
}
