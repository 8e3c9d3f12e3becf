//! Planned switchovers of a real Postgres pair: clients wait, and what fails half-way is undone.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// What built-in switchovers are done as.
const BUILT_IN: &str = "user = \"postgres\"";

/// A pair of which `a` is the primary at first, behind a listener for writes.
struct Pair {
    a: Postgres,
    b: Postgres,
    write: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Pair {
    fn start(switchover: &str) -> Self {
        let a = Postgres::primary();
        let b = Postgres::replica_of(&a);
        let (dir, write) = (TempDir::new(), free_addr());
        let text = format!(
            "[global]\nstate_dir = \"{state}\"\n\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.pg]\n\
             check = {{ type = \"postgres\", user = \"haproxy_check\", database = \"postgres\", \
             inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             switchover = {{ {switchover} }}\nserver.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"60s\"\n",
            a.addr,
            b.addr,
            state = dir.path().display(),
            socket = dir.join("sock").display(),
        );
        let evenkeel = run(&dir, &text, write);
        let pair = Self { a, b, write, evenkeel, dir };
        eventually("both are known", || {
            let said = pair.ctl("fence show").1;
            let is = |row| said.contains(row);
            (is("pg a primary primary") && is("pg b replica replica")).then_some(())
        });
        pair
    }

    fn args(&self, command: &str) -> Vec<String> {
        let socket = self.dir.join("sock").display().to_string();
        let words = command.split(' ').map(str::to_owned);
        ["ctl".to_owned(), "-s".to_owned(), socket].into_iter().chain(words).collect()
    }

    /// Whether `evenkeel ctl` succeeds, and what it prints.
    fn ctl(&self, command: &str) -> (bool, String) {
        let args = self.args(command);
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let (status, said) = Kind::Evenkeel.run(&words);
        (status.success(), said)
    }

    /// The same in the background.
    fn begin(&self, command: &str) -> Child {
        let mut child = Command::new(Kind::Evenkeel.program());
        child.args(self.args(command)).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Writes go where they went, and nothing is left of what was begun.
    #[track_caller]
    fn expect_as_before(&self) {
        write(self.write, 999).unwrap();
        assert_ne!(self.a.query("SELECT count(*) FROM written WHERE n = 999")[0][0], "0");
        assert_eq!(self.a.query("SHOW default_transaction_read_only")[0][0], "off");
        let fence = self.ctl("fence show").1;
        assert!(fence.contains("pg a primary primary"), "{fence}");
        assert!(!fence.contains("fenced"), "{fence}");
    }
}

fn connect(addr: SocketAddr) -> Client {
    Client::connect(addr, "postgres", PATIENCE).unwrap()
}

/// Writes `n` as a client would who connects for each.
fn write(addr: SocketAddr, n: usize) -> std::io::Result<()> {
    let mut client = Client::connect(addr, "postgres", PATIENCE)?;
    client.query(&format!("INSERT INTO written VALUES ({n})")).map(drop)
}

#[test]
fn clients_see_a_pause_and_no_error_and_nothing_is_lost() {
    let pair = Pair::start(BUILT_IN);
    let mut idle = connect(pair.write);
    idle.query("SELECT 1").unwrap();
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, count, addr) = (Arc::clone(&stop), Arc::clone(&acknowledged), pair.write);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    write(addr, 1)?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), std::io::Error>(())
            })
        })
        .collect();
    eventually("they write", || (acknowledged.load(Ordering::Relaxed) > 5).then_some(()));
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done && said.contains("\nDone.\n"), "{said}\n{}", pair.evenkeel.output());
    let before = acknowledged.load(Ordering::Relaxed);
    eventually("they go on", || (acknowledged.load(Ordering::Relaxed) > before + 5).then_some(()));
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
    assert!(idle.last_words().unwrap().contains("57P01"), "the idle one is told");
    let written = pair.b.query("SELECT count(*) FROM written")[0][0].parse::<usize>().unwrap();
    assert_eq!(written, acknowledged.load(Ordering::Relaxed), "{said}");
    assert!(!pair.b.is_replica());
    assert_eq!(pair.b.query("SHOW default_transaction_read_only")[0][0], "off");
    let refused = Client::connect(pair.a.addr, "postgres", PATIENCE)
        .and_then(|mut client| client.query("INSERT INTO written VALUES (7)"));
    assert!(refused.unwrap_err().to_string().contains("25006"), "the old one takes no writes");
    eventually("the old one is kept out", || {
        pair.ctl("fence show").1.contains("pg a primary fenced").then_some(())
    });
    let record = eventually("it is on record", || {
        let said = pair.ctl("failovers pg").1;
        serde_json::from_str::<serde_json::Value>(said.lines().next()?).ok()
    });
    assert_eq!(
        (&record["kind"], &record["from"], &record["to"]),
        (&"switchover".into(), &"a".into(), &"b".into())
    );
    assert_eq!(record["rpo"], 0, "{record}");
    assert!(record["seconds"]["pause"].as_f64().unwrap() > 0.0, "{record}");
}

#[test]
fn a_transaction_that_never_ends_ends_the_switchover_or_is_ended_by_force() {
    let pair = Pair::start(BUILT_IN);
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    busy.query("INSERT INTO written VALUES (5)").unwrap();
    let (done, said) = pair.ctl("switchover write --to b --timeout 2s");
    assert!(!done && said.contains("1 sessions are still busy"), "{said}");
    busy.query("COMMIT").unwrap();
    busy.query("BEGIN").unwrap();
    pair.expect_as_before();
    let (done, said) = pair.ctl("switchover write --to b --timeout 20s --force");
    assert!(done && said.contains("1 busy sessions are cut"), "{said}\n{}", pair.evenkeel.output());
    assert!(busy.last_words().unwrap().contains("57P01"));
    write(pair.write, 6).unwrap();
    assert_eq!(pair.b.query("SELECT n FROM written WHERE n < 100 ORDER BY n"), [["5"], ["6"]]);
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let mut pair = Pair::start(BUILT_IN);
    for (command, why) in [
        ("switchover write --to c", "has no server 'c'"),
        ("switchover write --to a", "a is primary already"),
        ("switchover read --to b", "there is no frontend 'read'"),
        ("switchover write", "name who takes over"),
        ("switchover write --to b --timeout 60s", "holds clients for less"),
    ] {
        let (done, said) = pair.ctl(command);
        assert!(!done && said.contains(why), "{command}: {said}");
    }
    let (done, said) = pair.ctl("switchover write --to b --dry-run");
    assert!(done && said.contains("nothing was changed"), "{said}");
    pair.expect_as_before();
    pair.b.process.kill9();
    eventually("it is refused", || {
        let (done, said) = pair.ctl("switchover write --to b --dry-run");
        (!done && said.contains("b is no running replica")).then_some(())
    });
    pair.expect_as_before();
}

#[test]
fn one_at_a_time_and_a_replica_that_dies_meanwhile_ends_it() {
    let mut pair = Pair::start(BUILT_IN);
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    let first = pair.begin("switchover write --to b --timeout 50s");
    eventually("it goes on", || {
        pair.evenkeel.output().contains("1 sessions of a are to end").then_some(())
    });
    let (done, said) = pair.ctl("switchover write --to b --timeout 1s");
    assert!(!done && said.contains("another switchover of backend 'pg' goes on"), "{said}");
    pair.b.process.kill9();
    let output = first.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("b is no running replica"), "{said}");
    busy.query("COMMIT").unwrap();
    pair.expect_as_before();
}

#[test]
fn a_replica_that_does_not_catch_up_leaves_the_primary_as_it_was() {
    let pair = Pair::start(BUILT_IN);
    pair.b.query("SELECT pg_wal_replay_pause()");
    eventually("it is paused", || {
        (pair.b.query("SELECT pg_get_wal_replay_pause_state()")[0][0] == "paused").then_some(())
    });
    write(pair.write, 1).unwrap();
    let (done, said) = pair.ctl("switchover write --to b --timeout 2s");
    assert!(!done && said.contains("the replica still lacks"), "{said}");
    assert!(said.contains("a takes writes again"), "{said}");
    pair.expect_as_before();
}

#[test]
fn a_program_that_fails_or_hangs_is_undone() {
    let files = TempDir::new();
    let undone = files.join("undone");
    for (promote, why) in [
        ("[\"/bin/false\"]", "/bin/false ended with 1"),
        ("[\"/bin/sleep\", \"100\"]", "/bin/sleep did not end within"),
        ("[\"/nonexistent/promote\"]", "/nonexistent/promote"),
    ] {
        let pair = Pair::start(&format!(
            "promote = {promote}, timeout = \"2s\", \
             rollback = [\"/bin/sh\", \"-c\", \"echo $EVENKEEL_TO $EVENKEEL_FROM > {}\"]",
            undone.display()
        ));
        let (done, said) = pair.ctl("switchover write --to b");
        assert!(!done && said.contains(why), "{said}");
        assert!(said.contains("a takes writes again"), "{said}");
        assert_eq!(std::fs::read_to_string(&undone).unwrap(), "b a\n");
        pair.expect_as_before();
        std::fs::remove_file(&undone).unwrap();
    }
}

#[test]
fn a_program_does_what_is_built_in() {
    let pair = Pair::start(
        "promote = [\"/bin/sh\", \"-c\", \"psql -qXU postgres -h ${EVENKEEL_TO_ADDR%:*} \
         -p ${EVENKEEL_TO_ADDR#*:} -c 'SELECT pg_promote()' >/dev/null\"]",
    );
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    write(pair.write, 1).unwrap();
    assert_eq!(pair.b.query("SELECT n FROM written"), [["1"]]);
}
