//! What all planned switchovers are played on: a proxy before a pair, of which `a` is primary at first.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::metrics::Metrics;
use crate::harness::native::{run, run_again};
use crate::harness::port::free_addr;
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;

/// What differs from one stage to the next.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// More of `[global]`; the state directory where none is named.
    pub(super) global: &'a str,
    /// More of the file, behind the rest.
    pub(super) more: &'a str,
    /// The check, without its times.
    pub(super) check: &'a str,
    /// What stands in `switchover`.
    pub(super) switchover: &'a str,
    /// Where `a` and `b` are.
    pub(super) servers: [SocketAddr; 2],
}

/// A proxy whose backend `db` is a pair, with a listener for writes.
pub(super) struct Stage {
    pub(super) write: SocketAddr,
    stats: SocketAddr,
    pub(super) evenkeel: Process,
    pub(super) dir: TempDir,
}

impl Stage {
    pub(super) fn start(dir: TempDir, scene: Scene<'_>) -> Self {
        let (write, stats) = (free_addr(), free_addr());
        let evenkeel = run(&dir, &text(&dir, (write, stats), scene), write);
        let stage = Self { write, stats, evenkeel, dir };
        stage.wait_known();
        stage
    }

    /// Waits until the proxy knows what both are.
    #[track_caller]
    pub(super) fn wait_known(&self) {
        eventually("both are known", || {
            let said = self.ctl("fence show").1;
            let is = |row| said.contains(row);
            (is("db a primary primary") && is("db b replica replica")).then_some(())
        });
    }

    /// A reload brings another server that follows.
    #[track_caller]
    pub(super) fn join(&self, name: &str, addr: SocketAddr) {
        let with = format!("server.{name} = \"{addr}\"\n\n[frontend.write]");
        self.dir.write("evenkeel.toml", &self.file().replace("\n[frontend.write]", &with));
        self.evenkeel.signal(Signal::HUP);
        let row = format!("db {name} replica replica");
        eventually(&row, || self.ctl("fence show").1.contains(&row).then_some(()));
    }

    /// Starts the proxy again, whose process has ended.
    pub(super) fn start_again(&mut self) {
        self.evenkeel = run_again(&self.dir, self.write);
    }

    /// Starts another process with the same file, and these words as haproxy's.
    pub(super) fn start_another(&self, words: &[&str]) -> Process {
        let file = self.dir.join("evenkeel.toml").display().to_string();
        let args = ["-db", "-f", &file].into_iter().chain(words.iter().copied());
        Process::start(Spec {
            name: "another",
            program: &Kind::Evenkeel.program(),
            args: args.map(str::to_owned).collect(),
            user: None,
            env: Vec::new(),
            log: self.dir.join("another"),
        })
    }

    /// Whether anything of a switchover is written down.
    pub(super) fn is_written_down(&self) -> bool {
        let files = std::fs::read_dir(self.dir.path()).unwrap().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("switchover.")).count()
            > 0
    }

    /// The file of the proxy.
    pub(super) fn file(&self) -> String {
        std::fs::read_to_string(self.dir.join("evenkeel.toml")).unwrap()
    }

    fn args(&self, command: &str) -> Vec<String> {
        let socket = self.dir.join("sock").display().to_string();
        let words = command.split(' ').map(str::to_owned);
        ["ctl".to_owned(), "-s".to_owned(), socket].into_iter().chain(words).collect()
    }

    /// Whether `evenkeel ctl` succeeds, and what it prints.
    pub(super) fn ctl(&self, command: &str) -> (bool, String) {
        let args = self.args(command);
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let (status, said) = Kind::Evenkeel.run(&words);
        (status.success(), said)
    }

    /// The same in the background.
    pub(super) fn begin(&self, command: &str) -> Child {
        let mut child = Command::new(Kind::Evenkeel.program());
        child.args(self.args(command)).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// What the proxy's metrics are.
    pub(super) fn scrape(&self) -> Metrics {
        Metrics::scrape(self.stats)
    }

    /// Waits until the proxy has said this.
    #[track_caller]
    pub(super) fn wait_said(&self, words: &str) {
        eventually(words, || self.evenkeel.output().contains(words).then_some(()));
    }

    /// The last record there is, once it is there.
    #[track_caller]
    pub(super) fn record(&self) -> serde_json::Value {
        eventually("it is on record", || {
            let said = self.ctl("failovers db").1;
            said.lines().filter_map(|line| serde_json::from_str(line).ok()).next_back()
        })
    }
}

fn text(dir: &TempDir, (write, stats): (SocketAddr, SocketAddr), scene: Scene<'_>) -> String {
    let Scene { global, more, check, switchover, servers: [a, b] } = scene;
    let global = match global {
        "" => format!("state_dir = \"{}\"", dir.path().display()),
        own => own.to_owned(),
    };
    format!(
        "[global]\n{global}\n\n\
         [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
         [stats]\nbind = \"{stats}\"\n\n\
         [backend.db]\n\
         check = {{ {check}, inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
         switchover = {{ {switchover} }}\nserver.a = \"{a}\"\nserver.b = \"{b}\"\n\n\
         [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
         hold = \"60s\"\n\n{more}",
        socket = dir.join("sock").display(),
    )
}

/// What a command that was begun printed, and whether it succeeded.
pub(super) fn finish(child: Child) -> (bool, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}
