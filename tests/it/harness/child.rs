//! A scripted backend in a process of its own, to be killed and stopped like a real server.
//!
//! The test binary starts itself once more: with [`SPEC`] in the environment the test below is
//! the server's main function, without it the test checks exactly that.

use std::net::{Ipv4Addr, SocketAddr};

use rustix::process::Signal;
use tokio::net::TcpListener;

use super::backend::mysql_script;
use super::dir::TempDir;
use super::load::Load;
use super::port::{free_addr, is_listening};
use super::process::{Process, Spec};
use super::{block_on, eventually};

/// `NAME:PORT` of the server to be.
const SPEC: &str = "EVENKEEL_IT_BACKEND";

/// A server with MySQL's greeting, version `name`, in its own process.
pub(crate) struct Child {
    pub(crate) addr: SocketAddr,
    pub(crate) process: Process,
    name: &'static str,
    dir: TempDir,
}

impl Child {
    pub(crate) fn start(name: &'static str) -> Self {
        let (addr, dir) = (free_addr(), TempDir::new());
        Self { addr, process: launch(name, addr, &dir), name, dir }
    }

    /// Starts it again on its address after its end.
    pub(crate) fn restart(&mut self) {
        self.process = launch(self.name, self.addr, &self.dir);
    }

    /// Ends it as an init system does.
    pub(crate) fn terminate(&mut self) {
        self.process.signal(Signal::TERM);
        self.process.wait();
    }
}

fn launch(name: &'static str, addr: SocketAddr, dir: &TempDir) -> Process {
    let words = ["--exact", "harness::child::is_a_server_when_told", "--nocapture"];
    let process = Process::start(Spec {
        name,
        program: &std::env::current_exe().unwrap(),
        args: words.map(str::to_owned).to_vec(),
        user: None,
        env: vec![(SPEC.to_owned(), format!("{name}:{}", addr.port()))],
        log: dir.join("output"),
    });
    eventually("the child listens", || is_listening(addr.port()).then_some(()));
    process
}

async fn serve(spec: &str) {
    let (name, port) = spec.split_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, port).into()).unwrap();
    let listener: TcpListener = socket.listen(1024).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(mysql_script(stream, name.to_owned()));
    }
}

#[test]
fn is_a_server_when_told() {
    if let Ok(spec) = std::env::var(SPEC) {
        block_on(serve(&spec));
    }
    let mut child = Child::start("child");
    let load = Load::start(child.addr, 50);
    eventually("the child serves", || (load.so_far().served("child") > 0).then_some(()));
    assert!(load.finish().errors().is_empty());
    child.process.kill9();
    assert!(!is_listening(child.addr.port()));
    child.restart();
    child.terminate();
    assert!(!is_listening(child.addr.port()));
}
