//! Drills of a MariaDB pair whose old primary runs on and is healed: its records are settled within the
//! drill, and nothing of them is told as missed that is not known to be.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Scene;
use crate::harness::mariadb::MariaDb;
use crate::harness::network::{CUT, FAR, MEND, alone, inside, wire};
use crate::harness::proxy::Kind;
use crate::harness::relay::relay;

/// Evenkeel before `b`, which follows, and a primary at `a` whose programs may name `PROMOTE`, which
/// promotes `b`.
fn scene(a: SocketAddr, b: &MariaDb, programs: &str) -> Scene {
    let client = format!("mariadb --no-defaults -h127.0.0.1 -P{} -uroot -e", b.addr.port());
    let promote = format!("{client} 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0'");
    let programs = programs.replace("PROMOTE", &promote);
    let check = "type = \"mysql\", user = \"evenkeel\", password_file = \"db.pass\"";
    let drill = format!(
        "drill = {{ timeout = \"40s\", write = \"INSERT INTO app.written VALUES (1)\", {programs} }}"
    );
    let servers = [a.to_string(), b.addr.to_string()];
    Scene::start(check, &drill, [&servers[0], &servers[1]], "rto = \"60s\"\nrpo = 100")
}

fn primary() -> MariaDb {
    let a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    a.query("GRANT INSERT ON app.* TO evenkeel@'%'");
    a
}

fn replica_of(a: &MariaDb) -> MariaDb {
    let mut b = MariaDb::replica_of(a);
    b.set_read_only(true);
    b
}

/// What came to it at the end it may have written once it went on: the figure is exact, or bounded.
#[track_caller]
fn is_settled(record: &Value) {
    assert_eq!(record["verdict"], json!({"rto": "met", "rpo": "met"}), "{record}");
    let is_exact = record["rpo_exact"]["server"] == "a" && record["rpo_at_least"] == false;
    assert!(is_exact || record["rpo_at_most"].is_u64(), "{record}");
}

#[test]
fn a_primary_that_hangs_and_goes_on_says_how_much_was_missing() {
    let a = primary();
    let b = replica_of(&a);
    let pid = a.process.pid();
    let programs = format!(
        "hang = [\"/bin/sh\", \"-c\", \"kill -STOP {pid}; PROMOTE\"], \
         heal = [\"/bin/kill\", \"-CONT\", \"{pid}\"]"
    );
    is_settled(&scene(a.addr, &b, &programs).drilled("hang"));
}

mod a_primary_that_is_cut_off_and_found_again_says_how_much_was_missing {
    use super::*;

    #[test]
    fn evenkeel() {
        alone(module_path!(), Kind::Evenkeel, || {
            wire();
            let a = inside(primary);
            let far = SocketAddr::new(FAR.parse().unwrap(), a.addr.port());
            inside(|| relay(far, a.addr));
            // The replica and the test find it where it would be without a wire.
            relay(a.addr, far);
            let b = replica_of(&a);
            let programs = format!(
                "partition = [\"/bin/sh\", \"-c\", \"{CUT} && PROMOTE\"], \
                 heal = [\"/bin/sh\", \"-c\", \"{MEND}\"]"
            );
            is_settled(&scene(far, &b, &programs).drilled("partition"));
        });
    }
}
