//! Drills of pairs that speak with the account of the check by TLS only.

use super::{Scene, postmaster, promote};
use crate::harness::mariadb::MariaDb;
use crate::harness::postgres::Postgres;
use crate::harness::tls::Authority;

/// Each server has a name of its own, and the clients of the drill come to the one and the other.
#[test]
fn a_postgres_pair_that_demands_tls_is_drilled() {
    let authority = Authority::new();
    let a = Postgres::primary();
    a.expect_tls("evenkeel", "s3cret", &authority.sign(&["localhost"]));
    let b = Postgres::replica_of(&a);
    b.show_certificate(&authority.sign(&["127.0.0.1"]));
    let check = format!(
        "type = \"postgres\", user = \"evenkeel\", password_file = \"db.pass\", \
         database = \"postgres\", tls = \"verify-full\", ca_file = \"{}\"",
        authority.ca()
    );
    let faults = format!(
        "drill = {{ kill = [\"/bin/sh\", \"-c\", \"kill -9 {} && {}\"] }}",
        postmaster(&a),
        promote(b.addr)
    );
    let servers = [format!("localhost:{}", a.addr.port()), b.addr.to_string()];
    let scene = Scene::start(&check, &faults, [&servers[0], &servers[1]], "rto = \"60s\"");
    let record = scene.drilled("kill");
    assert_eq!(record["verdict"]["rto"], "met", "{record}");
    assert!(record["drill"]["clients_good"].as_u64().unwrap() > 0, "{record}");
}

#[test]
fn a_mariadb_pair_that_demands_tls_is_drilled() {
    let authority = Authority::new();
    let mut a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret' REQUIRE SSL");
    a.speak_tls(&authority.sign(&["127.0.0.1"]));
    let mut b = MariaDb::replica_of(&a);
    b.set_read_only(true);
    b.speak_tls(&authority.sign(&["127.0.0.1"]));
    let check = format!(
        "type = \"mysql\", user = \"evenkeel\", password_file = \"db.pass\", \
         tls = \"verify-ca\", ca_file = \"{}\"",
        authority.ca()
    );
    let client = format!("mariadb --no-defaults -h127.0.0.1 -P{} -uroot -e", b.addr.port());
    let faults = format!(
        "drill = {{ kill = [\"/bin/sh\", \"-c\", \"kill -9 {} && \
         {client} 'STOP SLAVE; SET GLOBAL read_only=0'\"] }}",
        a.process.pid()
    );
    let servers = [a.addr.to_string(), b.addr.to_string()];
    let scene = Scene::start(&check, &faults, [&servers[0], &servers[1]], "rto = \"60s\"");
    let record = scene.drilled("kill");
    assert_eq!(
        (&record["verdict"]["rto"], &record["rpo_unit"]),
        (&"met".into(), &"transactions".into())
    );
}
