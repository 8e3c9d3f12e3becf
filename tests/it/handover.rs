//! One process takes the listening sockets of another over, in every pairing of the two programs.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::load::Load;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;

/// New connections a second.
const RATE: u32 = 2_000;

/// A file that two processes run one after the other.
struct Shared {
    dir: TempDir,
    file: PathBuf,
    addr: std::net::SocketAddr,
}

impl Shared {
    fn new(server: &Backend, threads: u8) -> Self {
        let (dir, addr) = (TempDir::new(), free_addr());
        let socket = dir.join("stats");
        let text = format!(
            "global\n stats socket {} mode 600 level admin expose-fd listeners\n nbthread {threads}\n\
             defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             frontend fe\n bind {addr}\n default_backend be\nbackend be\n server s1 {}\n",
            socket.display(),
            server.addr
        );
        let file = dir.write("haproxy.cfg", &text);
        Self { dir, file, addr }
    }

    fn start(&self, kind: Kind, name: &str, more: &[&str]) -> Process {
        let mut args = vec!["-db".to_owned(), "-f".to_owned(), self.file.display().to_string()];
        args.extend(more.iter().map(|&word| word.to_owned()));
        Process::start(Spec {
            name,
            program: &kind.program(),
            args,
            user: None,
            env: Vec::new(),
            log: self.dir.join(name),
        })
    }
}

fn takes_over(old: Kind, new: Kind) {
    let server = Backend::mysql("s1");
    // haproxy 2.6 keeps one socket an address, and closes those of further threads.
    let threads = if new == Kind::Haproxy { 1 } else { 2 };
    let shared = Shared::new(&server, threads);
    let mut first = shared.start(old, "first", &[]);
    eventually("the first one listens", || is_listening(shared.addr.port()).then_some(()));
    let mut kept = Client::connect(shared.addr);
    let load = Load::start(shared.addr, RATE);
    eventually("the first one serves", || (load.so_far().served("s1") > 200).then_some(()));
    let socket = shared.dir.join("stats").display().to_string();
    let pid = first.pid().to_string();
    let second = shared.start(new, "second", &["-x", &socket, "-sf", &pid]);
    let stopped = "Proxy fe stopped";
    eventually("the first one stops", || first.output().contains(stopped).then_some(()));
    let before = load.so_far().served("s1");
    eventually("the second one serves", || {
        (load.so_far().served("s1") > before + 200).then_some(())
    });
    let errors = load.finish().errors();
    assert!(errors.is_empty(), "{errors:?}\n{}\n{}", first.output(), second.output());
    // What the first one still serves is served to its end.
    assert_eq!(first.ended(), None);
    kept.half_close();
    kept.drain();
    assert!(first.wait().success());
    assert!(served_by(shared.addr).is_ok());
}

#[test]
fn haproxy_after_haproxy() {
    takes_over(Kind::Haproxy, Kind::Haproxy);
}

#[test]
fn evenkeel_after_haproxy() {
    takes_over(Kind::Haproxy, Kind::Evenkeel);
}

#[test]
fn haproxy_after_evenkeel() {
    takes_over(Kind::Evenkeel, Kind::Haproxy);
}

#[test]
fn evenkeel_after_evenkeel() {
    takes_over(Kind::Evenkeel, Kind::Evenkeel);
}

/// An address that cannot be shared is given up by the former process, and by it alone.
#[test]
fn a_predecessor_makes_room_where_its_port_is_taken() {
    let server = Backend::greet("s1");
    let shared = Shared::new(&server, 2);
    let mut first = shared.start(Kind::Haproxy, "first", &["-dR"]);
    eventually("the first one listens", || is_listening(shared.addr.port()).then_some(()));
    let pid = first.pid().to_string();
    let second = shared.start(Kind::Evenkeel, "second", &["-sf", &pid]);
    assert!(first.wait().success(), "{}", first.output());
    assert!(first.output().contains("Paused frontend fe."), "{}", first.output());
    eventually("the second one serves", || served_by(shared.addr).ok());
    second.signal(Signal::TERM);
}

/// A port of somebody else's is an error, and predecessors go on.
#[test]
fn a_port_that_stays_taken_lets_the_predecessor_go_on() {
    let server = Backend::greet("s1");
    let shared = Shared::new(&server, 2);
    let first = shared.start(Kind::Evenkeel, "first", &[]);
    eventually("the first one listens", || is_listening(shared.addr.port()).then_some(()));
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = stranger.local_addr().unwrap();
    let text = std::fs::read_to_string(&shared.file).unwrap();
    let text = text.replace("frontend fe\n", &format!("frontend fe\n bind {taken}\n"));
    std::fs::write(&shared.file, text).unwrap();
    let pid = first.pid().to_string();
    let mut second = shared.start(Kind::Evenkeel, "second", &["-sf", &pid]);
    assert_eq!(second.wait().code(), Some(1));
    assert!(second.output().contains(&taken.to_string()), "{}", second.output());
    eventually("the first one serves again", || served_by(shared.addr).ok());
}

#[test]
fn a_takeover_from_nobody_is_an_error() {
    let server = Backend::greet("s1");
    let shared = Shared::new(&server, 2);
    let socket = shared.dir.join("nobody").display().to_string();
    let mut second = shared.start(Kind::Evenkeel, "second", &["-x", &socket]);
    assert_eq!(second.wait().code(), Some(1));
    assert!(second.output().contains("nobody"), "{}", second.output());
}
