//! A `state_dir` belongs to one process at a time: another that uses it is told of, a successor is not.

use std::net::SocketAddr;

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;

/// A directory and a file that several processes run, and whom they serve.
struct Shared {
    dir: TempDir,
    file: String,
    addr: SocketAddr,
    _server: Backend,
}

impl Shared {
    fn new() -> Self {
        let (dir, addr, server) = (TempDir::new(), free_addr(), Backend::mysql("s1"));
        std::fs::create_dir(dir.join("kept")).unwrap();
        let password = dir.write("pg.pass", "secret\n");
        let text = format!(
            "[global]\nstate_dir = \"{state}\"\n\
             [backend.pg]\ncheck = {{ type = \"postgres\", user = \"u\", password_file = \"{}\", \
             database = \"d\" }}\nserver.a = \"127.0.0.1:1\"\n\
             [frontend.w]\nbind = \"{}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             [backend.plain]\nserver.s1 = \"{}\"\n\
             [frontend.p]\nbind = \"{addr}\"\nbackend = \"plain\"\n",
            password.display(),
            free_addr(),
            server.addr,
            state = dir.join("kept").display(),
        );
        let file = dir.write("evenkeel.toml", &text).display().to_string();
        Self { dir, file, addr, _server: server }
    }

    fn start(&self, name: &str, more: &[&str]) -> Process {
        let args = ["-db", "-f", &self.file].into_iter().chain(more.iter().copied());
        Process::start(Spec {
            name,
            program: &Kind::Evenkeel.program(),
            args: args.map(str::to_owned).collect(),
            user: None,
            env: Vec::new(),
            log: self.dir.join(name),
        })
    }

    /// Waits until the directory is this process's.
    #[track_caller]
    fn wait_owner(&self, process: &Process) {
        let pid = format!("{}\n", process.pid());
        let file = self.dir.join("kept").join("pid");
        eventually("it has the lock", || {
            (std::fs::read_to_string(&file).ok()? == pid).then_some(())
        });
    }
}

#[test]
fn another_process_is_told_of_until_it_has_ended() {
    let shared = Shared::new();
    let mut first = shared.start("first", &[]);
    shared.wait_owner(&first);
    let second = shared.start("second", &[]);
    let kept = shared.dir.join("kept").display().to_string();
    let told = format!("state_dir {kept}: process {} uses it, too", first.pid());
    eventually("it is told", || second.output().contains(&told).then_some(()));
    first.kill9();
    let told = format!("state_dir {kept}: this process has it for itself now.");
    eventually("its end is told", || second.output().contains(&told).then_some(()));
    shared.wait_owner(&second);
    assert_eq!(second.output().matches("uses it, too").count(), 1, "{}", second.output());
}

/// Nor where the one before the predecessor still serves.
#[test]
fn a_predecessor_is_not_told_of() {
    let shared = Shared::new();
    let mut first = shared.start("first", &[]);
    shared.wait_owner(&first);
    eventually("it listens", || is_listening(shared.addr.port()).then_some(()));
    let served = Client::connect(shared.addr);
    let second = shared.start("second", &["-sf", &first.pid().to_string()]);
    shared.wait_owner(&second);
    let mut third = shared.start("third", &["-sf", &second.pid().to_string()]);
    shared.wait_owner(&third);
    assert_eq!(first.ended(), None);
    served.half_close();
    third.signal(Signal::TERM);
    third.wait();
    for process in [&first, &second, &third] {
        assert!(!process.output().contains("state_dir"), "{}", process.output());
    }
}
