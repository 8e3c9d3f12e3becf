//! Planned switchovers of a real Postgres pair: clients wait, and what fails half-way is undone.

mod disk;
mod ends;
mod mysql;
mod mysql_8;
mod rights;
mod stage;
mod standbys;
mod thirds;
mod troubles;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::dir::TempDir;
use crate::harness::pgsql_wire::Client;
use crate::harness::postgres::Postgres;
use crate::harness::{PATIENCE, eventually};
use stage::{Scene, Stage, finish};

/// What built-in switchovers are done as.
const BUILT_IN: &str = "user = \"postgres\"";

/// A pair of which `a` is the primary at first, behind a listener for writes.
struct Pair {
    stage: Stage,
    a: Postgres,
    b: Postgres,
}

impl Deref for Pair {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Pair {
    fn start(switchover: &str) -> Self {
        Self::start_with(switchover, "")
    }

    /// With this in `[global]` instead of a state directory.
    fn start_with(switchover: &str, global: &str) -> Self {
        let a = Postgres::primary();
        let b = Postgres::replica_of(&a);
        Self::of(a, b, switchover, global, "")
    }

    fn of(a: Postgres, b: Postgres, switchover: &str, global: &str, more: &str) -> Self {
        let check = "type = \"postgres\", user = \"haproxy_check\", database = \"postgres\"";
        let scene = Scene { global, more, check, switchover, servers: [a.addr, b.addr] };
        Self { stage: Stage::start(TempDir::new(), scene), a, b }
    }

    /// Another proxy before the same two.
    fn beside(&self) -> Stage {
        let check = "type = \"postgres\", user = \"haproxy_check\", database = \"postgres\"";
        let servers = [self.a.addr, self.b.addr];
        let scene = Scene { global: "", more: "", check, switchover: BUILT_IN, servers };
        Stage::start(TempDir::new(), scene)
    }

    /// A switchover that has frozen `a` and waits for `b`.
    fn begin_and_freeze(&self) -> (Outsider, std::process::Child) {
        let outsider = Outsider::begin(self);
        let child = self.begin("switchover write --to b --timeout 50s --max-lag 50s");
        self.wait_said("a takes no writes any more");
        outsider.keep_back();
        assert!(!takes_writes(&self.a));
        (outsider, child)
    }

    /// Writes go where they went, and nothing is left of what was begun.
    #[track_caller]
    fn expect_as_before(&self) {
        write(self.write, 999).unwrap();
        assert_ne!(self.a.query("SELECT count(*) FROM written WHERE n = 999")[0][0], "0");
        assert_eq!(self.a.query("SHOW default_transaction_read_only")[0][0], "off");
        let fence = self.ctl("fence show").1;
        assert!(fence.contains("db a primary primary"), "{fence}");
        assert!(!fence.contains("fenced"), "{fence}");
    }

    /// The record says that `a` is what it was.
    #[track_caller]
    fn expect_given_up(&self) {
        let record = self.record();
        let told =
            [&record["kind"], &record["from"], &record["to"]].map(|told| told.as_str().unwrap());
        assert_eq!(told, ["switchover", "a", "a"], "{record}");
        assert!(record["seconds"]["pause"].as_f64().unwrap() > 0.0, "{record}");
    }
}

/// Whether a server takes the writes of those who come now.
fn takes_writes(server: &Postgres) -> bool {
    server.query("SHOW transaction_read_only")[0][0] == "off"
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
    eventually("the old one is kept out, as planned", || {
        pair.ctl("fence show").1.contains("db a primary replaced former").then_some(())
    });
    let labels = [("proxy", "db"), ("server", "a")];
    assert_eq!(pair.scrape().state("evenkeel_server_role", &labels).as_deref(), Some("replaced"));
    let record = pair.record();
    assert_eq!(
        (&record["kind"], &record["from"], &record["to"]),
        (&"switchover".into(), &"a".into(), &"b".into())
    );
    assert_eq!(record["rpo"], 0, "{record}");
    for part in ["pause", "promote"] {
        assert!(record["seconds"][part].as_f64().unwrap() > 0.0, "{part} {record}");
    }
    assert_eq!(record["seconds"]["detect"], 0.0, "nothing had to be noticed: {record}");
    assert!(record["sessions_cut"].as_u64().unwrap() >= 1, "{record}");
    assert!((1..=3).contains(&record["clients_held"].as_u64().unwrap()), "{record}");
}

#[test]
fn another_proxy_before_the_same_pair_finds_the_new_primary() {
    let pair = Pair::start(BUILT_IN);
    let check = "type = \"postgres\", user = \"haproxy_check\", database = \"postgres\"";
    let servers = [pair.a.addr, pair.b.addr];
    let scene = Scene { global: "", more: "", check, switchover: BUILT_IN, servers };
    let other = Stage::start(TempDir::new(), scene);
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}");
    eventually("the other one knows it", || {
        other.ctl("fence show").1.contains("db b primary primary incumbent").then_some(())
    });
    write(other.write, 1).unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 1")[0][0], "1");
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
    pair.expect_given_up();
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
    pair.wait_said("1 sessions of a are to end");
    let (done, said) = pair.ctl("switchover write --to b --timeout 1s");
    assert!(!done && said.contains("another switchover of backend 'db' goes on"), "{said}");
    let (done, said) = pair.ctl("switchover show");
    assert!(done && said.contains("\nwrite db a b draining "), "{said}");
    pair.b.process.kill9();
    let (done, said) = finish(first);
    assert!(!done && said.contains("b is no running replica"), "{said}");
    assert_eq!(pair.ctl("switchover show").1, "# frontend backend from to stage seconds\n");
    busy.query("COMMIT").unwrap();
    pair.expect_as_before();
}

/// Somebody who writes past the proxy all the time, so that catching up takes some seconds.
struct Outsider {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
    /// Who applies late.
    late: SocketAddr,
}

impl Outsider {
    /// Begins with what `b` applies only three seconds later.
    fn begin(pair: &Pair) -> Self {
        let (stop, addr) = (Arc::new(AtomicBool::new(false)), pair.a.addr);
        let mut outsider = Self { stop: Arc::clone(&stop), writer: None, late: pair.b.addr };
        outsider.delay("3s").unwrap();
        eventually("it applies late", || {
            let delay = pair.b.query("SHOW recovery_min_apply_delay");
            (delay[0][0] == "3s").then_some(())
        });
        write(addr, 2).unwrap();
        outsider.writer = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // Refused while the primary is frozen.
                let _ = write(addr, 2);
            }
        }));
        outsider
    }

    /// What was written is not applied before this is dropped.
    fn keep_back(&self) {
        self.delay("1h").unwrap();
    }

    fn delay(&self, by: &str) -> std::io::Result<()> {
        let mut late = Client::connect(self.late, "postgres", PATIENCE)?;
        late.query(&format!("ALTER SYSTEM SET recovery_min_apply_delay = '{by}'"))?;
        late.query("SELECT pg_reload_conf()").map(drop)
    }
}

impl Drop for Outsider {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.writer.take().map(std::thread::JoinHandle::join);
        // It may be dead.
        let _ = self.delay("0");
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

#[test]
fn a_replica_that_is_far_behind_is_refused_and_one_that_falls_behind_is_waited_for_in_vain() {
    let pair = Pair::start(BUILT_IN);
    pair.b.query("SELECT pg_wal_replay_pause()");
    eventually("it is paused", || {
        (pair.b.query("SELECT pg_get_wal_replay_pause_state()")[0][0] == "paused").then_some(())
    });
    write(pair.write, 1).unwrap();
    for command in [
        "switchover write --to b --max-lag 300ms --dry-run",
        "switchover write --to b --max-lag 300ms",
    ] {
        let (done, said) = pair.ctl(command);
        assert!(!done && said.contains("behind, it lacks") && said.contains("bytes"), "{said}");
        assert!(!said.contains("are to end"), "nobody waits for it: {said}");
    }
    pair.expect_as_before();
    pair.b.query("SELECT pg_wal_replay_resume()");
    let outsider = Outsider::begin(&pair);
    let (done, said) = pair.ctl("switchover write --to b --timeout 1s --max-lag 50s");
    drop(outsider);
    assert!(!done && said.contains("the replica still lacks"), "{said}");
    assert!(said.contains("a takes writes again"), "{said}");
    pair.expect_as_before();
}

#[test]
fn nothing_is_changed_once_who_asked_is_gone() {
    let pair = Pair::start(BUILT_IN);
    pair.b.query("SELECT pg_wal_replay_pause()");
    write(pair.write, 1).unwrap();
    let mut child = pair.begin("switchover write --to b --max-lag 50s");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).take_while(|line| !line.ends_with(" yet")).collect();
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "{said:?}");
    pair.wait_said("who asked for it is gone");
    pair.b.query("SELECT pg_wal_replay_resume()");
    pair.expect_as_before();
    assert!(pair.b.is_replica());
}

/// Nobody would write to one that is drained.
#[test]
fn one_that_would_get_no_sessions_does_not_take_over() {
    let pair = Pair::start(BUILT_IN);
    for (out, back) in [("state drain", "state ready"), ("weight 0", "weight 100%")] {
        pair.ctl(&format!("set server db/b {out}"));
        let (done, said) = pair.ctl("switchover write --to b");
        assert!(!done && said.contains("b would get no sessions: it is drained"), "{said}");
        pair.expect_as_before();
        pair.ctl(&format!("set server db/b {back}"));
    }
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}");
    write(pair.write, 1).unwrap();
}

#[test]
fn a_reload_that_takes_the_next_primary_away_ends_it() {
    let pair = Pair::start(BUILT_IN);
    let (outsider, first) = pair.begin_and_freeze();
    let without = pair.file().replace(&format!("server.b = \"{}\"\n", pair.b.addr), "");
    pair.dir.write("evenkeel.toml", &without);
    pair.evenkeel.signal(rustix::process::Signal::HUP);
    let (done, said) = finish(first);
    drop(outsider);
    assert!(!done && said.contains("b is no server of 'db' any more"), "{said}");
    assert!(said.contains("a takes writes again"), "{said}");
    assert!(pair.b.is_replica());
    pair.expect_as_before();
    pair.expect_given_up();
}

#[test]
fn a_program_that_fails_or_hangs_is_undone() {
    let files = TempDir::new();
    let undone = files.join("undone");
    for (promote, why) in [
        ("[\"/bin/false\"]", "/bin/false ended with 1"),
        (
            "[\"/bin/sh\", \"-c\", \"echo no quorum >&2; exit 7\"]",
            "/bin/sh ended with 7; it said: no quorum",
        ),
        ("[\"/bin/sleep\", \"100\"]", "/bin/sleep did not end within"),
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
fn a_program_that_cannot_be_run_is_found_before_anybody_waits() {
    let pair = Pair::start("promote = [\"/nonexistent/promote\"]");
    for more in [" --dry-run", ""] {
        let (done, said) = pair.ctl(&format!("switchover write --to b{more}"));
        assert!(!done && said.contains("/nonexistent/promote cannot be run"), "{said}");
    }
    assert!(!pair.evenkeel.output().contains("is to take over from"));
    pair.expect_as_before();
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

/// It ends before a check has seen what it did, and says that it failed.
#[test]
fn a_program_that_fails_is_judged_by_what_the_servers_are_then() {
    let ask = |addr: &str, sql: &str| {
        format!("psql -qXU postgres -h ${{{addr}%:*}} -p ${{{addr}#*:}} -c '{sql}' >/dev/null; ")
    };
    let promotes = ask("EVENKEEL_TO_ADDR", "SELECT pg_promote()");
    let pair = Pair::start(&format!("promote = [\"/bin/sh\", \"-c\", \"{promotes}exit 1\"]"));
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(!done && said.contains("b is primary all the same"), "{said}");
    for n in 0..3 {
        write(pair.write, n).unwrap();
    }
    assert_eq!(pair.b.query("SELECT count(*) FROM written")[0][0], "3");
    let records = pair.ctl("failovers").1;
    assert!(records.matches("\"kind\":\"switchover\"").count() == 1, "{records}");
    assert!(!records.contains("\"kind\":\"failover\""), "{records}");
}
