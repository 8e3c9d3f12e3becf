//! Evenkeel itself stands still while another server becomes primary: what it believed is asked again
//! before anything is written.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::{PATIENCE, eventually};

/// Longer than what is noticed, and than clients are held.
const STILL: Duration = Duration::from_millis(2500);

struct Pair {
    a: Postgres,
    b: Postgres,
    addr: SocketAddr,
    evenkeel: Process,
    _dir: TempDir,
}

impl Pair {
    fn start() -> Self {
        let a = Postgres::primary();
        a.expect_password("evenkeel", "s3cret");
        let b = Postgres::replica_of(&a);
        let (dir, addr) = (TempDir::new(), free_addr());
        let text = format!(
            "[backend.pg]\n\
             check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{}\", \
             database = \"postgres\", inter = \"200ms\", timeout = \"1s\", rise = 1, fall = 2 }}\n\
             server.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{addr}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"2s\"\n",
            dir.write("pg.pass", "s3cret\n").display(),
            a.addr,
            b.addr
        );
        let evenkeel = run(&dir, &text, addr);
        Self { a, b, addr, evenkeel, _dir: dir }
    }

    fn connect(&self) -> Client {
        Client::connect(self.addr, "postgres", PATIENCE)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.evenkeel.output()))
    }

    fn written(&self, server: &Postgres) -> String {
        server.query("SELECT count(*) FROM written")[0][0].clone()
    }
}

#[test]
fn nothing_is_written_to_who_was_primary_before() {
    let pair = Pair::start();
    let mut writers: Vec<Client> = (0..8).map(|_| pair.connect()).collect();
    writers[0].query("SELECT 1").unwrap();
    pair.evenkeel.stop();
    let writers: Vec<_> = writers
        .into_iter()
        .map(|mut client| thread::spawn(move || client.query("INSERT INTO written VALUES (1)")))
        .collect();
    pair.b.promote();
    thread::sleep(STILL);
    pair.evenkeel.cont();
    let said = writers.into_iter().map(|writer| writer.join().unwrap());
    let errors: Vec<_> = said.filter_map(Result::err).collect();
    assert_eq!(pair.written(&pair.a), "0", "{}", pair.evenkeel.output());
    assert_eq!(errors.len(), 8, "{errors:?}");
    assert_eq!(pair.written(&pair.b), "0");
    let said = pair.evenkeel.output();
    assert!(said.contains("This process stood still for"), "{said}");
    assert!(said.contains("pg/b claims to be primary and is kept out: another"), "{said}");
}

#[test]
fn sessions_go_on_where_nothing_has_changed() {
    let pair = Pair::start();
    let mut writer = pair.connect();
    writer.query("INSERT INTO written VALUES (1)").unwrap();
    pair.evenkeel.stop();
    let writer = thread::spawn(move || writer.query("INSERT INTO written VALUES (2)"));
    thread::sleep(STILL);
    pair.evenkeel.cont();
    writer.join().unwrap().unwrap();
    assert_eq!(pair.written(&pair.a), "2");
}

#[test]
fn time_that_stood_still_is_none_in_which_clients_were_held() {
    let mut pair = Pair::start();
    pair.a.process.kill9();
    eventually("a is gone", || {
        pair.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
    });
    let addr = pair.addr;
    let held = thread::spawn(move || {
        let mut client = Client::connect(addr, "postgres", PATIENCE)?;
        client.query("INSERT INTO written VALUES (1)")
    });
    let is_there = format!("127.0.0.1:{}", addr.port());
    eventually("it is connected", || {
        let found = std::process::Command::new("ss").args(["-Htn", "dst", &is_there]).output();
        String::from_utf8_lossy(&found.unwrap().stdout).contains("ESTAB").then_some(())
    });
    pair.evenkeel.stop();
    pair.b.promote();
    thread::sleep(STILL);
    pair.evenkeel.cont();
    held.join().unwrap().unwrap_or_else(|error| panic!("{error}\n{}", pair.evenkeel.output()));
    assert_eq!(pair.written(&pair.b), "1");
}
