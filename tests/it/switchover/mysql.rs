//! Planned switchovers of a real MariaDB pair.

use std::ops::Deref;

use super::stage::{Scene, Stage};
use crate::harness::PATIENCE;
use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;

/// A pair of which `a` is the primary at first, behind a listener for writes.
struct Pair {
    stage: Stage,
    a: MariaDb,
    b: MariaDb,
}

impl Deref for Pair {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Pair {
    fn start() -> Self {
        let a = MariaDb::primary();
        a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
        a.query("CREATE USER operator@'%' IDENTIFIED BY 'op'");
        a.query("GRANT SUPER, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN ON *.* TO operator@'%'");
        let mut b = MariaDb::replica_of(&a);
        b.set_read_only(true);
        let dir = TempDir::new();
        let file = |name, text| dir.write(name, text).display().to_string();
        let check = format!(
            "type = \"mysql\", user = \"evenkeel\", password_file = \"{}\"",
            file("check.pass", "s3cret\n")
        );
        let switchover =
            format!("user = \"operator\", password_file = \"{}\"", file("operator.pass", "op\n"));
        let servers = [a.addr, b.addr];
        let scene = Scene { global: "", more: "", check: &check, switchover: &switchover, servers };
        Self { stage: Stage::start(dir, scene), a, b }
    }

    fn connect(&self) -> Client {
        Client::connect(self.write, "app", PATIENCE).unwrap()
    }
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
    // A replica that does not apply anything.
    pair.b.query("STOP SLAVE SQL_THREAD");
    pair.connect().query("INSERT INTO app.written VALUES (3)").unwrap();
    drop(busy);
    let (done, said) = pair.ctl("switchover write --to b --max-lag 300ms");
    assert!(!done && said.contains("behind, it lacks 1 transactions"), "{said}");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    pair.connect().query("INSERT INTO app.written VALUES (4)").unwrap();
}
