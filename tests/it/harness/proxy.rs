//! The proxy under test: Debian's haproxy or Evenkeel, from the same haproxy.cfg.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;

use super::dir::TempDir;
use super::metrics::Metrics;
use super::port::{free_port, is_listening};
use super::process::{Process, Spec};
use super::syslog::Syslog;
use super::{PATIENCE, eventually, within};

/// Which program runs the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Haproxy,
    Evenkeel,
}

impl Kind {
    /// The program; `EVENKEEL_BIN` names another one to judge in Evenkeel's place, such as a
    /// release build, or haproxy to check the scenarios against themselves.
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Haproxy => "haproxy".into(),
            Self::Evenkeel => std::env::var_os("EVENKEEL_BIN")
                .map_or_else(|| env!("CARGO_BIN_EXE_evenkeel").into(), PathBuf::from),
        }
    }

    /// Runs it to its end and yields the status and all it printed.
    pub(crate) fn run(self, args: &[&str]) -> (ExitStatus, String) {
        let output = Command::new(self.program()).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&text).into_owned())
    }
}

/// A configuration of one frontend `fe`, one backend `be` and a metrics page, being written.
pub(crate) struct Scene {
    kind: Kind,
    dir: TempDir,
    log: Syslog,
    port: u16,
    metrics_port: u16,
    global: String,
    defaults: String,
    frontend: String,
    bind: String,
    backend: String,
    whole: Option<String>,
    args: Vec<String>,
}

impl Scene {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            dir: TempDir::new(),
            log: Syslog::udp(),
            port: free_port(),
            metrics_port: free_port(),
            global: String::new(),
            defaults: String::new(),
            frontend: String::new(),
            bind: String::new(),
            backend: String::new(),
            whole: None,
            args: Vec::new(),
        }
    }

    /// More lines of `global`.
    pub(crate) fn global(mut self, lines: &str) -> Self {
        self.global.push_str(lines);
        self
    }

    /// More lines of `defaults`; a later timeout replaces the usual one.
    pub(crate) fn defaults(mut self, lines: &str) -> Self {
        self.defaults.push_str(lines);
        self
    }

    /// More lines of the frontend.
    pub(crate) fn frontend(mut self, lines: &str) -> Self {
        self.frontend.push_str(lines);
        self
    }

    /// Words after the frontend's `bind` address.
    pub(crate) fn bind(mut self, words: &str) -> Self {
        self.bind.push_str(words);
        self
    }

    /// Lines of the backend.
    pub(crate) fn backend(mut self, lines: &str) -> Self {
        self.backend.push_str(lines);
        self
    }

    /// The whole file instead, with `{front}` and `{log}` for the two addresses.
    pub(crate) fn whole(mut self, text: &str) -> Self {
        self.whole = Some(text.to_owned());
        self
    }

    /// Under a master process, which is the one that reloads; its worker is the one that serves.
    pub(crate) fn reloadable(mut self) -> Self {
        self.args.push("-W".to_owned());
        self
    }

    /// The same, with a socket for commands to the master.
    pub(crate) fn commanded(mut self, socket: &Path) -> Self {
        self.args.extend(["-S".to_owned(), socket.display().to_string()]);
        self.reloadable()
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let (port, log) = (self.port, self.log.port());
        if let Some(whole) = &self.whole {
            return whole
                .replace("{front}", &format!("127.0.0.1:{port}"))
                .replace("{log}", &format!("127.0.0.1:{log}"));
        }
        let mut text = format!("global\n    log 127.0.0.1:{log} local0\n");
        section(&mut text, &self.global);
        text.push_str("defaults\n    log global\n    mode tcp\n    option tcplog\n");
        text.push_str("    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n");
        section(&mut text, &self.defaults);
        let bind = &self.bind;
        let _ = write!(text, "frontend fe\n    bind 127.0.0.1:{port} {bind}\n");
        section(&mut text, &self.frontend);
        text.push_str("    default_backend be\nbackend be\n");
        section(&mut text, &self.backend);
        let _ = write!(
            text,
            "frontend stats\n    mode http\n    no log\n    bind 127.0.0.1:{}\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n",
            self.metrics_port
        );
        text
    }

    /// What the program says of the file without running it: its exit code and all it printed.
    pub(crate) fn check(&self) -> (i32, String) {
        let file = self.dir.write("haproxy.cfg", &self.text());
        let (status, text) = self.kind.run(&["-c", "-f", &file.display().to_string()]);
        (status.code().unwrap_or(-1), text)
    }

    /// Starts it and waits until every `bind` of the file listens.
    #[track_caller]
    pub(crate) fn start(self) -> Proxy {
        let text = self.text();
        let file = self.dir.write("haproxy.cfg", &text);
        let mut args = self.args.clone();
        args.extend(["-db".to_owned(), "-f".to_owned(), file.display().to_string()]);
        let mut process = Process::start(Spec {
            name: if self.kind == Kind::Haproxy { "haproxy" } else { "evenkeel" },
            program: &self.kind.program(),
            args,
            user: None,
            env: Vec::new(),
            log: self.dir.join("output"),
        });
        let ports = bound_ports(&text);
        let up = within(PATIENCE, || {
            (process.ended().is_some() || ports.iter().all(|&port| is_listening(port)))
                .then_some(())
        });
        assert!(
            up.is_some() && process.ended().is_none(),
            "{:?} does not start:\n{}\n{text}",
            self.kind,
            process.output()
        );
        Proxy {
            process,
            kind: self.kind,
            log: self.log,
            addr: (Ipv4Addr::LOCALHOST, self.port).into(),
            metrics: (Ipv4Addr::LOCALHOST, self.metrics_port).into(),
            file,
            _dir: self.dir,
        }
    }
}

fn section(text: &mut String, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "    {line}");
    }
}

/// The ports of all `bind 127.0.0.1:…` lines.
fn bound_ports(text: &str) -> Vec<u16> {
    let binds = text.lines().filter_map(|line| line.trim().strip_prefix("bind 127.0.0.1:"));
    binds.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
}

/// A running proxy; killed at drop, its directory removed.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) process: Process,
    pub(crate) kind: Kind,
    pub(crate) log: Syslog,
    /// Where its frontend listens.
    pub(crate) addr: SocketAddr,
    metrics: SocketAddr,
    file: PathBuf,
    _dir: TempDir,
}

impl Proxy {
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::scrape(self.metrics)
    }

    /// The metrics listener, for other paths of it.
    pub(crate) fn metrics_addr(&self) -> SocketAddr {
        self.metrics
    }

    /// The configuration as it is on disk.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// Replaces the file and asks for a reload with `signal`.
    pub(crate) fn reload(&self, text: &str, signal: Signal) {
        if self.kind == Kind::Haproxy {
            // Its master loses a signal that comes while it re-executes itself.
            eventually("the master is done with the last reload", || {
                let output = self.process.output();
                let count = |part: &str| output.matches(part).count();
                (count("Loading success.") == count("Reloading HAProxy") + 1).then_some(())
            });
        }
        std::fs::write(&self.file, text).unwrap();
        self.process.signal(signal);
    }

    /// Waits until `server` of backend `be` has `status` (UP, DOWN, …).
    #[track_caller]
    pub(crate) fn wait_status(&self, server: &str, status: &str) {
        let labels = [("proxy", "be"), ("server", server)];
        let mut last = None;
        let seen = within(PATIENCE, || {
            last = self.metrics().state("haproxy_server_status", &labels);
            (last.as_deref() == Some(status)).then_some(())
        });
        assert!(seen.is_some(), "{server} is {last:?}, not {status}");
    }

    /// Waits until the last check of `server` had the verdict `code` (L4OK, L7STS, …).
    #[track_caller]
    pub(crate) fn wait_check(&self, server: &str, code: &str) {
        let labels = [("proxy", "be"), ("server", server)];
        let mut last = None;
        let seen = within(PATIENCE, || {
            last = self.metrics().state("haproxy_server_check_status", &labels);
            (last.as_deref() == Some(code)).then_some(())
        });
        assert!(seen.is_some(), "the check of {server} says {last:?}, not {code}");
    }
}
