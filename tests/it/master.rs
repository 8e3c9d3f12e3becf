//! The master process: what service managers and operators see of it, and what its worker may not do
//! any more.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::load::Load;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec, is_root};
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, both, eventually};

both! {
    ends_with_its_worker_s_status,
    sigterm_is_an_orderly_end,
    sigint_is_told_by_the_exit_code,
    sigusr1_waits_for_the_last_session_of_the_worker,
    pidfile_names_the_master,
    pidfile_that_cannot_be_made_ends_the_start,
}

/// A master that runs a file of one frontend.
pub(crate) struct Master {
    pub(crate) process: Process,
    pub(crate) dir: TempDir,
    pub(crate) addr: std::net::SocketAddr,
    pub(crate) text: String,
}

impl Master {
    pub(crate) fn start(kind: Kind, server: &Backend, global: &str, args: &[&str]) -> Self {
        Self::start_with(kind, server, global, args, Vec::new())
    }

    pub(crate) fn start_with(
        kind: Kind,
        server: &Backend,
        global: &str,
        args: &[&str],
        env: Vec<(String, String)>,
    ) -> Self {
        let (dir, addr) = (TempDir::new(), free_addr());
        let text = format!(
            "global\n nbthread 2\n{global}\ndefaults\n mode tcp\n timeout connect 5s\n \
             timeout client 30s\n timeout server 30s\n\
             frontend fe\n bind {addr}\n default_backend be\nbackend be\n server s1 {}\n",
            server.addr
        );
        let file = dir.write("haproxy.cfg", &text);
        let mut words = vec!["-db".to_owned(), "-f".to_owned(), file.display().to_string()];
        words.extend(args.iter().map(|&word| word.to_owned()));
        let process = Process::start(Spec {
            name: "master",
            program: &kind.program(),
            args: words,
            user: None,
            env,
            log: dir.join("output"),
        });
        eventually("the frontend listens", || is_listening(addr.port()).then_some(()));
        let loaded = "Loading success.";
        eventually("the master is done", || process.output().contains(loaded).then_some(()));
        // haproxy's says so before it listens for signals.
        eventually("it listens for signals", || handles_signals(process.pid()).then_some(()));
        Self { process, dir, addr, text }
    }

    /// The worker's process id.
    pub(crate) fn worker(&self) -> i32 {
        let master = self.process.pid().to_string();
        let output = Command::new("pgrep").args(["-P", &master]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
    }

    pub(crate) fn kill_worker(&self) {
        let pid = rustix::process::Pid::from_raw(self.worker()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    pub(crate) fn reload(&self, text: &str) {
        std::fs::write(self.dir.join("haproxy.cfg"), text).unwrap();
        self.process.signal(Signal::USR2);
    }
}

fn ends_with_its_worker_s_status(kind: Kind) {
    let mut master = Master::start(kind, &Backend::greet("s1"), "", &["-W"]);
    master.kill_worker();
    assert_eq!(master.process.wait().code(), Some(137));
    let output = master.process.output();
    assert!(output.contains("exited with code 137 (Killed)"), "{output}");
    assert!(output.contains("exit-on-failure: killing every processes with SIGTERM"), "{output}");
}

/// HAProxy 2.6 ends in spite of the word.
#[test]
fn stays_without_a_worker_where_told_to() {
    let server = Backend::greet("s1");
    let mut master =
        Master::start(Kind::Evenkeel, &server, "master-worker no-exit-on-failure", &["-W"]);
    master.kill_worker();
    eventually("nobody listens", || (!is_listening(master.addr.port())).then_some(()));
    assert_eq!(master.process.ended(), None);
    master.reload(&master.text);
    eventually("a reload starts another", || served_by(master.addr).ok());
}

/// HAProxy's master holds the port meanwhile.
#[test]
fn a_reload_opens_again_what_was_shut_down() {
    let (server, api) = (Backend::greet("s1"), Api::new());
    let other = free_addr();
    let mut master = Master::start(Kind::Evenkeel, &server, &api.lines(), &["-W"]);
    let file = master.dir.join("haproxy.cfg");
    let text = format!("{}frontend other\n bind {other}\n default_backend be\n", master.text);
    for round in 0..2 {
        api.ask("shutdown frontend fe");
        eventually("nobody listens", || (!is_listening(master.addr.port())).then_some(()));
        std::fs::write(&file, if round == 0 { &text } else { &master.text }).unwrap();
        master.process.signal(Signal::USR2);
        eventually("it is open again", || served_by(master.addr).ok());
        eventually("the rest followed", || {
            (is_listening(other.port()) == (round == 0)).then_some(())
        });
    }
    master.process.signal(Signal::USR1);
    master.process.wait();
}

/// HAProxy's reload is a new worker, which knows nothing of commands.
#[test]
fn a_reload_tells_what_it_keeps_of_commands() {
    let (server, api) = (Backend::greet("s1"), Api::new());
    let master = Master::start(Kind::Evenkeel, &server, &api.lines(), &["-W"]);
    assert_eq!(api.ask("set server be/s1 state drain;disable frontend fe").trim(), "");
    master.reload(&master.text);
    for line in ["Server be/s1: drain kept from a", "Frontend fe: pause kept from a command."] {
        eventually(line, || master.process.output().contains(line).then_some(()));
    }
}

fn sigterm_is_an_orderly_end(kind: Kind) {
    let mut master = Master::start(kind, &Backend::greet("s1"), "", &["-W"]);
    master.process.signal(Signal::TERM);
    assert_eq!(master.process.wait().code(), Some(0));
    assert!(!is_listening(master.addr.port()));
}

fn sigint_is_told_by_the_exit_code(kind: Kind) {
    let mut master = Master::start(kind, &Backend::greet("s1"), "", &["-W"]);
    master.process.signal(Signal::INT);
    assert_eq!(master.process.wait().code(), Some(130));
}

fn sigusr1_waits_for_the_last_session_of_the_worker(kind: Kind) {
    let server = Backend::echo();
    let mut master = Master::start(kind, &server, "", &["-W"]);
    let mut client = Client::connect(master.addr);
    client.ping("before");
    master.process.signal(Signal::USR1);
    eventually("nobody listens", || (!is_listening(master.addr.port())).then_some(()));
    client.ping("after");
    assert_eq!(master.process.ended(), None);
    drop(client);
    assert_eq!(master.process.wait().code(), Some(0));
}

/// Whether SIGTERM has a handler and is not held back (proc(5), `SigCgt` and `SigBlk`).
fn handles_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let has = |set: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(set));
        let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (Signal::TERM.as_raw() - 1)) != 0)
    };
    has("SigCgt:") && !has("SigBlk:")
}

/// The next datagram.
fn told(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = manager.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// As newer versions do; 2.6 says less.
#[test]
fn systemd_is_told_what_happens() {
    let dir = TempDir::new();
    let path = dir.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let env = vec![("NOTIFY_SOCKET".to_owned(), path.display().to_string())];
    let server = Backend::greet("s1");
    let mut master = Master::start_with(Kind::Evenkeel, &server, "", &["-Ws"], env);
    let ready = told(&manager);
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(ready.contains(&format!("MAINPID={}", master.process.pid())), "{ready}");
    master.reload(&master.text);
    let reloading = told(&manager);
    assert!(reloading.starts_with("RELOADING=1"), "{reloading}");
    assert!(told(&manager).contains("READY=1"));
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    master.reload("nonsense\n");
    assert!(told(&manager).starts_with("RELOADING=1"));
    assert_eq!(told(&manager), "READY=1\nSTATUS=Reload failed!\n");
    master.process.signal(Signal::TERM);
    assert_eq!(told(&manager), "STOPPING=1\n");
    assert_eq!(master.process.wait().code(), Some(0));
}

fn pidfile_names_the_master(kind: Kind) {
    let dir = TempDir::new();
    let pidfile = dir.join("pid").display().to_string();
    let server = Backend::greet("s1");
    let master = Master::start(kind, &server, "", &["-W", "-p", &pidfile]);
    let pid = std::fs::read_to_string(&pidfile).unwrap();
    assert_eq!(pid, format!("{}\n", master.process.pid()));
}

fn pidfile_that_cannot_be_made_ends_the_start(kind: Kind) {
    let dir = TempDir::new();
    let text = format!("defaults\n mode tcp\nfrontend fe\n bind {}\n", free_addr());
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let (status, output) = kind.run(&["-W", "-f", &file, "-p", "/nonexistent/pid"]);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("pidfile /nonexistent/pid"), "{output}");
}

/// A worker that sees no file and has no right goes on being reloaded; sessions stay, and none is
/// refused at 2,000 connects a second.
#[test]
fn a_worker_without_rights_is_reloaded_without_a_gap() {
    if !is_root() {
        // Only root may chroot; the scenarios above reload without it.
        return;
    }
    let (one, two) = (Backend::mysql("s1"), Backend::mysql("s2"));
    let empty = TempDir::new();
    let chroot = empty.path().display();
    let global = format!("user nobody\nchroot {chroot}\nsetcap cap_net_raw");
    let master = Master::start(Kind::Evenkeel, &one, &global, &["-W"]);
    let worker = master.worker();
    let root = std::fs::read_link(format!("/proc/{worker}/root")).unwrap();
    assert_eq!(root, empty.path());
    let status = std::fs::read_to_string(format!("/proc/{worker}/task/{worker}/status")).unwrap();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    // CAP_NET_RAW is number 13, and the only one.
    assert_eq!(u64::from_str_radix(rights.trim(), 16), Ok(1 << 13));
    let mut kept = Client::connect(master.addr);
    let load = Load::start(master.addr, 2_000);
    eventually("it serves", || (load.so_far().served("s1") > 200).then_some(()));
    let low = std::net::SocketAddr::from(([127, 0, 0, 1], low_port()));
    let changed = master
        .text
        .replace(&one.addr.to_string(), &two.addr.to_string())
        .replace("frontend fe\n", &format!("frontend fe\n bind {low}\n"));
    master.reload(&changed);
    eventually("the new server is used", || (load.so_far().served("s2") > 200).then_some(()));
    let errors = load.finish().errors();
    assert!(errors.is_empty(), "{errors:?}\n{}", master.process.output());
    assert!(Client::try_connect(low).is_ok());
    assert_eq!(master.worker(), worker);
    kept.half_close();
    kept.drain();
}

/// A port below 1024 that is free.
fn low_port() -> u16 {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (600..1000).rev().find(free).unwrap()
}

/// What is installed for service managers is understood by systemd.
#[test]
fn the_units_are_sound() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let dir = TempDir::new();
    for name in ["evenkeel.service", "evenkeel-haproxy.service"] {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        // systemd-analyze looks for the program, which is installed nowhere yet.
        let program = Kind::Evenkeel.program().display().to_string();
        let unit = dir.write(name, &text.replace("/usr/bin/evenkeel", &program));
        let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<_> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(output.status.success() && ours.is_empty(), "{said}");
    }
}
