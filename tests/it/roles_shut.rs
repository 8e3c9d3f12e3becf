//! A database that answers the sessions it has and takes no new ones: its postmaster stands still, and
//! none of the processes that serve sessions does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::relay::{Passed, relay};
use crate::harness::tls::Authority;
use crate::harness::{PATIENCE, eventually};

/// What is said of such a server.
const SHUT: &str = "answers its sessions, takes no new ones";

/// Evenkeel before servers that are asked for their role, and a listener that holds writers.
struct Proxy {
    write: SocketAddr,
    process: Process,
    dir: TempDir,
}

impl Proxy {
    /// `check` is what its check has beside its password and its times.
    fn start(check: &str, servers: &[SocketAddr]) -> Self {
        let (dir, write) = (TempDir::new(), free_addr());
        let servers: String = servers
            .iter()
            .zip('a'..)
            .map(|(addr, name)| format!("server.{name} = \"{addr}\"\n"))
            .collect();
        let text = format!(
            "[global]\nstate_dir = \"{}\"\n\n\
             [commands]\nsocket = {{ address = \"{}\", level = \"admin\" }}\n\n\
             [backend.db]\n\
             check = {{ {check}, user = \"evenkeel\", password_file = \"{}\", \
             inter = \"50ms\", timeout = \"1s\", rise = 1, fall = 2 }}\n{servers}\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"60s\"\n",
            dir.path().display(),
            dir.join("sock").display(),
            dir.write("db.pass", "s3cret\n").display(),
        );
        let process = run(&dir, &text, write);
        Self { write, process, dir }
    }

    /// Before a Postgres.
    fn of_postgres(keys: &str, servers: &[SocketAddr]) -> Self {
        Self::start(&format!("type = \"postgres\", database = \"postgres\"{keys}"), servers)
    }

    fn ctl(&self, command: &str) -> String {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        Kind::Evenkeel.run(&args.collect::<Vec<_>>()).1
    }

    /// Waits until the statistics of the first server have all of these.
    #[track_caller]
    fn wait(&self, cells: &[&str]) {
        eventually(&format!("it is {cells:?}"), || {
            let said = self.ctl("show stat db 4 -1");
            let row = said.lines().find(|line| line.starts_with("db,a,"))?;
            cells.iter().all(|cell| row.contains(cell)).then_some(())
        });
    }
}

/// A Postgres that the checks may log in to.
fn primary() -> Postgres {
    let primary = Postgres::primary();
    primary.expect_password("evenkeel", "s3cret");
    primary
}

/// Writes as a client would who comes for it.
fn write(addr: SocketAddr, n: usize) -> std::io::Result<()> {
    let mut client = Client::connect(addr, "postgres", PATIENCE)?;
    client.query(&format!("INSERT INTO written VALUES ({n})")).map(drop)
}

#[test]
fn a_postgres_whose_postmaster_stands_still_is_down_and_comes_back() {
    let a = primary();
    let proxy = Proxy::of_postgres("", &[a.addr]);
    let mut writer = Client::connect(proxy.write, "postgres", PATIENCE).unwrap();
    writer.query("INSERT INTO written VALUES (1)").unwrap();

    a.process.signal(Signal::STOP);
    let addr = proxy.write;
    let waiting = thread::spawn(move || write(addr, 2));
    proxy.wait(&[",DOWN,", "L7TOUT", SHUT]);
    let said = proxy.process.output();
    let why = format!("Server db/a is DOWN, reason: Layer7 timeout, info: \"{SHUT}\"");
    assert!(said.contains(&why), "{said}");
    // Whom it answers it keeps, until another one is primary.
    writer.query("INSERT INTO written VALUES (3)").unwrap();

    a.process.signal(Signal::CONT);
    proxy.wait(&[",UP,", "L7OK"]);
    // Who came meanwhile has waited, wherever it was.
    waiting.join().unwrap().unwrap();
    writer.query("INSERT INTO written VALUES (4)").unwrap();
    assert_eq!(a.query("SELECT count(*) FROM written")[0][0], "4");
}

#[test]
fn its_writers_are_cut_once_another_one_is_primary() {
    let a = primary();
    let b = Postgres::replica_of(&a);
    let proxy = Proxy::of_postgres("", &[a.addr, b.addr]);
    let mut writer = Client::connect(proxy.write, "postgres", PATIENCE).unwrap();
    writer.query("INSERT INTO written VALUES (1)").unwrap();

    a.process.signal(Signal::STOP);
    let addr = proxy.write;
    let waiting = thread::spawn(move || write(addr, 2));
    proxy.wait(&[",DOWN,", SHUT]);
    writer.query("INSERT INTO written VALUES (3)").unwrap();
    b.promote();
    let why = writer.last_words().unwrap();
    assert!(why.contains("C57P01"), "{why}");
    waiting.join().unwrap().unwrap();
    assert!(b.query("SELECT 1 FROM written WHERE n = 2").len() == 1, "it went to the new one");
    let record: serde_json::Value = eventually("it is on record", || {
        serde_json::from_str(proxy.ctl("failovers db").lines().next()?).ok()
    });
    assert_eq!((&record["from"], &record["to"]), (&"a".into(), &"b".into()), "{record}");
    assert!(record["reason"].as_str().is_some_and(|why| why.contains(SHUT)), "{record}");
}

/// Polls that are seen where nothing must happen in the time of several knocks.
const POLLS: usize = 60;

/// Waits until so much more was asked and answered.
fn wait_polls(passed: &Passed, polls: usize) {
    let before = passed.answered.load(Ordering::SeqCst);
    eventually("it is asked again and again", || {
        (passed.answered.load(Ordering::SeqCst) >= before + polls).then_some(())
    });
}

/// Waits for more connections than there are.
fn wait_knocks(passed: &Passed, knocks: usize) {
    let before = passed.connections.load(Ordering::SeqCst);
    eventually("it is knocked at", || {
        (passed.connections.load(Ordering::SeqCst) >= before + knocks).then_some(())
    });
}

#[test]
fn a_postgres_has_nothing_to_note_of_who_knocks() {
    let a = primary();
    a.speak_tls(&Authority::new().sign(&["db.example"]));
    let (addr, passed) = relay(free_addr(), a.addr);
    let _proxy = Proxy::of_postgres(", door = \"100ms\"", &[addr]);
    let before = a.process.output();
    wait_knocks(&passed, 4);
    assert_eq!(a.process.output(), before);
}

#[test]
fn a_postgres_that_notes_connections_is_left_alone_until_somebody_waits() {
    let a = primary();
    let (addr, passed) = relay(free_addr(), a.addr);
    let proxy = Proxy::of_postgres("", &[addr]);
    wait_knocks(&passed, 2);
    a.query("ALTER SYSTEM SET log_connections = on");
    a.query("SELECT pg_reload_conf()");
    eventually("a new session is asked", || {
        a.process.output().contains("connection authorized: user=evenkeel").then_some(())
    });
    // Whoever was about to knock has done so.
    wait_polls(&passed, 2);
    let (noted, connections) = (a.process.output(), passed.connections.load(Ordering::SeqCst));
    wait_polls(&passed, POLLS);
    assert_eq!(passed.connections.load(Ordering::SeqCst), connections);
    assert_eq!(a.process.output(), noted);

    a.process.signal(Signal::STOP);
    let addr = proxy.write;
    let waiting = thread::spawn(move || write(addr, 1));
    proxy.wait(&[",DOWN,", SHUT]);
    a.process.signal(Signal::CONT);
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_postgres_that_lets_clients_in_is_up_whoever_knocks_in_vain() {
    let a = primary();
    let (addr, passed) = relay(free_addr(), a.addr);
    let proxy = Proxy::of_postgres(", door = \"100ms\"", &[addr]);
    wait_knocks(&passed, 2);
    passed.is_deaf.store(true, Ordering::SeqCst);
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(Ordering::SeqCst) {
                write(proxy.write, 1).unwrap();
            }
        });
        // Long enough for knocks that fail after a second each.
        wait_polls(&passed, 3 * POLLS);
        let said = proxy.process.output();
        end.store(true, Ordering::SeqCst);
        assert!(!said.contains("is DOWN"), "{said}");
    });
    proxy.wait(&[",DOWN,", SHUT]);
}

/// The ends of clients' sessions are no reason to log in again: one that listens is not gone.
#[test]
fn a_login_that_is_refused_is_not_tried_again_because_sessions_end() {
    let a = primary();
    let proxy = Proxy::of_postgres("", &[a.addr]);
    proxy.wait(&[",UP,", "L7OK"]);
    let mut clients: Vec<Client> =
        (0..20).map(|_| Client::connect(proxy.write, "postgres", PATIENCE).unwrap()).collect();
    a.query("ALTER ROLE evenkeel PASSWORD 'another'");
    let begun = Instant::now();
    a.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'evenkeel'");
    let refused = || a.process.output().matches("password authentication failed").count();
    eventually("it is refused", || (refused() > 0).then_some(()));
    for client in &mut clients {
        let parted = client.query("SELECT pg_terminate_backend(pg_backend_pid())").unwrap_err();
        assert!(parted.to_string().contains("57P01"), "{parted}");
        // One that comes meanwhile is served.
        write(proxy.write, 1).unwrap();
    }
    // After 1, 3 and 7 s, and every 5 s from then on.
    let at_most = 2 + begun.elapsed().as_secs();
    assert!(u64::try_from(refused()).unwrap() <= at_most, "{} of {at_most}", refused());
    assert!(!proxy.process.output().contains("DOWN"), "{}", proxy.process.output());
}

#[test]
fn a_door_that_is_not_to_be_knocked_at_is_not() {
    let a = primary();
    let (addr, passed) = relay(free_addr(), a.addr);
    let _proxy = Proxy::of_postgres(", door = \"off\"", &[addr]);
    wait_polls(&passed, POLLS);
    assert_eq!(passed.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_mariadb_that_takes_no_new_sessions_is_down_and_counts_nobody_who_knocked() {
    let a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    a.query("GRANT ALL ON *.* TO evenkeel@'%'");
    let mut client = mysql_wire::Client::connect(a.addr, "root", PATIENCE).unwrap();
    let mut aborted = || client.query("SHOW GLOBAL STATUS LIKE 'Aborted%'").unwrap();
    let (before, noted) = (aborted(), a.process.output());
    let (addr, passed) = relay(free_addr(), a.addr);
    let proxy = Proxy::start("type = \"mysql\", door = \"100ms\"", &[addr]);
    wait_knocks(&passed, 5);
    assert_eq!((aborted(), a.process.output()), (before, noted));

    let shut = passed.gate.lock().unwrap();
    proxy.wait(&[",DOWN,", "L7TOUT", SHUT]);
    drop(shut);
    proxy.wait(&[",UP,", "L7OK"]);
}
