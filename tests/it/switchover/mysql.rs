//! Planned switchovers of a real MariaDB pair.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::stage::{Scene, Stage, finish};
use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::{PATIENCE, eventually};

/// A pair of which `a` is the primary at first, behind a listener for writes.
pub(super) struct Pair {
    stage: Stage,
    pub(super) a: MariaDb,
    pub(super) b: MariaDb,
}

impl Deref for Pair {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Pair {
    pub(super) fn start() -> Self {
        Self::start_with(None)
    }

    /// With this step instead of the built-in one.
    pub(super) fn start_with(step: Option<&str>) -> Self {
        let a = MariaDb::primary();
        a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
        a.query("CREATE USER operator@'%' IDENTIFIED BY 'op'");
        // What the file of the documentation grants, and no more.
        a.query("GRANT READ_ONLY ADMIN, REPLICATION SLAVE ADMIN ON *.* TO operator@'%'");
        let mut b = MariaDb::replica_of(&a);
        b.set_read_only(true);
        Self { stage: stage([a.addr, b.addr], step), a, b }
    }

    /// Another proxy before the same two.
    pub(super) fn beside(&self) -> Stage {
        stage([self.a.addr, self.b.addr], None)
    }

    pub(super) fn connect(&self) -> Client {
        Client::connect(self.write, "app", PATIENCE).unwrap()
    }
}

/// A proxy before two servers, of which each can do the step that is built in.
fn stage(servers: [SocketAddr; 2], step: Option<&str>) -> Stage {
    let dir = TempDir::new();
    let file = |name, text| dir.write(name, text).display().to_string();
    let check = format!(
        "type = \"mysql\", user = \"evenkeel\", password_file = \"{}\"",
        file("check.pass", "s3cret\n")
    );
    let built_in =
        format!("user = \"operator\", password_file = \"{}\"", file("operator.pass", "op\n"));
    let switchover = step.unwrap_or(&built_in);
    Stage::start(dir, Scene { global: "", more: "", check: &check, switchover, servers })
}

#[test]
fn read_only_changes_sides_and_back_while_idle_clients_are_told() {
    let pair = Pair::start();
    let mut idle = pair.connect();
    idle.query("INSERT INTO app.written VALUES (1)").unwrap();
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    let told = idle.query("INSERT INTO app.written VALUES (2)").unwrap_err().to_string();
    assert!(told.contains("another server becomes the primary"), "{told}");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "1");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "0");
    pair.connect().query("INSERT INTO app.written VALUES (3)").unwrap();
    assert_eq!(pair.b.query("SELECT n FROM app.written ORDER BY n"), [["1"], ["3"]]);
    let record = pair.record();
    assert_eq!((&record["kind"], &record["rpo"]), (&"switchover".into(), &0.into()), "{record}");
    assert!(record["seconds"]["promote"].as_f64().unwrap() > 0.0, "{record}");
    assert_eq!(record["sessions_cut"], 1, "{record}");
    assert!(!pair.evenkeel.output().contains("has no primary"), "nobody is alarmed");
}

/// Nobody has to know a password for that. The server has greeted them, so that no other can.
#[test]
fn clients_that_never_log_in_keep_nobody_waiting() {
    let pair = Pair::start();
    let mut greeting = [0; 4];
    let mut silent: Vec<_> = (0..4).map(|_| TcpStream::connect(pair.write).unwrap()).collect();
    silent.iter_mut().for_each(|client| client.read_exact(&mut greeting).unwrap());
    let (done, said) = pair.ctl("switchover write --to b --timeout 20s");
    assert!(done, "{said}");
    for mut client in silent {
        client.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn a_transaction_that_never_ends_is_no_idle_one_and_all_is_undone() {
    let pair = Pair::start();
    let mut busy = pair.connect();
    busy.query("BEGIN").unwrap();
    busy.query("INSERT INTO app.written VALUES (1)").unwrap();
    let (done, said) = pair.ctl("switchover write --to b --timeout 2s");
    assert!(!done && said.contains("1 sessions are still busy"), "{said}");
    busy.query("COMMIT").unwrap();
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    pair.connect().query("INSERT INTO app.written VALUES (2)").unwrap();
    let follows = || (pair.b.query("SELECT count(*) FROM app.written")[0][0] == "2").then_some(());
    eventually("b has both", follows);
    // A replica that does not apply anything.
    pair.b.query("STOP SLAVE SQL_THREAD");
    pair.connect().query("INSERT INTO app.written VALUES (3)").unwrap();
    drop(busy);
    let (done, said) = pair.ctl("switchover write --to b --max-lag 300ms");
    assert!(!done && said.contains("behind, it lacks 1 transactions"), "{said}");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    pair.connect().query("INSERT INTO app.written VALUES (4)").unwrap();
    // One that takes writes, as a primary does that is made to follow.
    pair.b.query("START SLAVE SQL_THREAD");
    pair.b.query("SET GLOBAL read_only = 0");
    let (done, said) = pair.ctl("switchover write --to b --dry-run");
    assert!(!done && said.contains("SET GLOBAL read_only = 1 on b ends that"), "{said}");
}

#[test]
fn a_lock_that_keeps_the_primary_from_freezing_is_no_lock_for_ever() {
    let pair = Pair::start();
    let mut owner = Client::connect(pair.a.addr, "app", PATIENCE).unwrap();
    owner.query("LOCK TABLES app.written WRITE").unwrap();
    let (done, said) = pair.ctl("switchover write --to b --timeout 2s");
    assert!(!done && !said.contains("b has all that"), "{said}");
    owner.query("UNLOCK TABLES").unwrap();
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    pair.connect().query("INSERT INTO app.written VALUES (2)").unwrap();
    assert!(!pair.is_written_down());
}

/// Somebody writes past the proxy, who may, until what is returned is called.
fn write_past(addr: SocketAddr) -> impl FnOnce() {
    let stop = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        let mut client = Client::connect(addr, "app", PATIENCE).unwrap();
        while !is_over.load(Ordering::Relaxed) {
            client.query("INSERT INTO app.written VALUES (2)").unwrap();
        }
    });
    move || {
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    }
}

#[test]
fn what_a_killed_process_froze_takes_writes_again_under_the_next_one() {
    let mut pair = Pair::start();
    pair.b.query("STOP SLAVE");
    pair.b.query("CHANGE MASTER TO MASTER_DELAY = 4");
    pair.b.query("START SLAVE");
    pair.connect().query("INSERT INTO app.written VALUES (1)").unwrap();
    let end = write_past(pair.a.addr);
    let child = pair.begin("switchover write --to b --timeout 50s --max-lag 50s");
    pair.wait_said("a takes no writes any more");
    pair.stage.evenkeel.kill9();
    end();
    assert!(!finish(child).0);
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "1");
    pair.stage.start_again();
    pair.connect().query("INSERT INTO app.written VALUES (3)").unwrap();
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    eventually("the file is gone", || (!pair.is_written_down()).then_some(()));
}

/// Who gives up the same elsewhere undoes what both did.
#[test]
fn an_old_primary_that_takes_writes_again_stays_primary() {
    let pair = Pair::start();
    pair.b.query("STOP SLAVE");
    pair.b.query("CHANGE MASTER TO MASTER_DELAY = 4");
    pair.b.query("START SLAVE");
    let end = write_past(pair.a.addr);
    let child = pair.begin("switchover write --to b --timeout 50s --max-lag 50s");
    pair.wait_said("a takes no writes any more");
    pair.a.query("SET GLOBAL read_only = 0");
    end();
    let (done, said) = finish(child);
    assert!(!done && said.contains("given up: a takes writes again"), "{said}");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    pair.connect().query("INSERT INTO app.written VALUES (2)").unwrap();
}

/// What a switchover left behind whose time is long over: from `from` to `to`.
fn leave_behind(pair: &Pair, [from, to]: [(&str, &MariaDb); 2]) {
    let (of, next) = (from.1.addr, to.1.addr);
    let entry = serde_json::json!({
        "route": "write", "backend": "db", "from": from.0, "from_addr": of.to_string(),
        "to": to.0, "to_addr": next.to_string(), "timeout_ms": 1000,
    });
    let file = pair.dir.join("switchover.1000000000-1");
    std::fs::write(file, format!("{entry}\n")).unwrap();
}

#[test]
fn what_is_left_of_one_that_was_overtaken_opens_no_replica_for_writes() {
    let mut pair = Pair::start();
    pair.connect().query("INSERT INTO app.written VALUES (1)").unwrap();
    pair.stage.evenkeel.kill9();
    leave_behind(&pair, [("b", &pair.b), ("a", &pair.a)]);
    // Nobody is primary when it is looked at.
    pair.a.process.kill9();
    pair.stage.start_again();
    pair.wait_said("it was overtaken, and b is left as it is");
    eventually("the file is gone", || (!pair.is_written_down()).then_some(()));
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
}

#[test]
fn one_that_other_switchovers_came_after_is_not_undone() {
    let mut pair = Pair::start();
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    pair.record();
    pair.stage.evenkeel.kill9();
    leave_behind(&pair, [("a", &pair.a), ("b", &pair.b)]);
    pair.b.process.kill9();
    pair.stage.start_again();
    pair.wait_said("it was overtaken, and a is left as it is");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "1");
    eventually("the file is gone", || (!pair.is_written_down()).then_some(()));
}

#[test]
fn a_client_that_asks_just_as_it_is_parted_with_reads_why() {
    let pair = Pair::start();
    let mut idle = pair.connect();
    idle.query("SELECT 1").unwrap();
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    // What it sends arrives behind the words, and in more than one part.
    let told = idle.query_in_parts("INSERT INTO app.written VALUES (2)").unwrap_err().to_string();
    assert!(told.contains("another server becomes the primary"), "{told}");
}
