//! A Postgres that is killed stops listening before those processes of it end that serve sessions:
//! what says so first decides, while the session that its check holds stands still.

use std::net::{SocketAddr, TcpStream};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::{free_addr, has_unread};
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::{PATIENCE, eventually};

/// A process that stands still until this is dropped, which ends it.
struct Stopped(Pid);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

/// A primary without a replica, and one route to it that holds its clients.
struct Lone {
    primary: Postgres,
    evenkeel: Process,
    _dir: TempDir,
    addr: SocketAddr,
}

impl Lone {
    /// Checked each `inter`; answers may take a minute.
    fn start(inter: &str) -> Self {
        let (primary, dir, addr) = (Postgres::primary(), TempDir::new(), free_addr());
        primary.expect_password("evenkeel", "s3cret");
        let text = format!(
            "[backend.pg]\n\
             check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{}\", \
             database = \"postgres\", inter = \"{inter}\", timeout = \"60s\", rise = 1, fall = 2 }}\n\
             server.a = \"{}\"\n\n\
             [frontend.write]\nbind = \"{addr}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"60s\"\n",
            dir.write("pg.pass", "s3cret\n").display(),
            primary.addr
        );
        let evenkeel = run(&dir, &text, addr);
        let lone = Self { primary, evenkeel, _dir: dir, addr };
        lone.session();
        lone
    }

    /// A client that has asked something.
    fn session(&self) -> Client {
        let mut client = Client::connect(self.addr, "postgres", PATIENCE).unwrap();
        client.query("SELECT 1").unwrap();
        client
    }

    /// Halts the process of the session that the check holds.
    fn halt_held(&self) -> Stopped {
        let held = "SELECT pid FROM pg_stat_activity WHERE application_name = 'evenkeel'";
        let pid = self.primary.query(held)[0][0].parse().unwrap();
        let held = Stopped(Pid::from_raw(pid).unwrap());
        kill_process(held.0, Signal::STOP).unwrap();
        held
    }

    /// kill -9 of the process that listens.
    fn kill(&mut self) {
        self.primary.process.signal(Signal::KILL);
        self.primary.process.wait();
    }

    fn must_be_missed(&self) {
        let is_down = || self.evenkeel.output().contains("Server pg/a is DOWN").then_some(());
        eventually("it is missed", is_down);
    }
}

#[test]
fn a_refused_client_tells() {
    let mut lone = Lone::start("60s");
    let _held = lone.halt_held();
    lone.kill();
    let _client = TcpStream::connect(lone.addr).unwrap();
    lone.must_be_missed();
}

#[test]
fn a_refused_client_tells_while_an_answer_is_awaited() {
    let mut lone = Lone::start("50ms");
    let _held = lone.halt_held();
    let port = lone.primary.addr.port();
    // It may have been halted before it read the question, or in the middle of its answer.
    let active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'evenkeel' \
                  AND state = 'active'";
    let is_asked = || has_unread(port) || lone.primary.query(active)[0][0] == "1";
    eventually("it is asked", || is_asked().then_some(()));
    lone.kill();
    let _client = TcpStream::connect(lone.addr).unwrap();
    lone.must_be_missed();
}

#[test]
fn a_session_that_is_ended_tells() {
    let mut lone = Lone::start("60s");
    let _client = lone.session();
    let _held = lone.halt_held();
    lone.kill();
    lone.must_be_missed();
}
