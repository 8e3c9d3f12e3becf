//! Nodes of a real Galera cluster behind routes by role.

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// Writes that a node applies while the one that took them is asked: some are always on their way.
const WRITES: u32 = 300;

/// Nodes apply what the cluster has agreed on one after the other: one that is behind for a moment keeps
/// its readers, and takes over from one that stops.
#[test]
fn a_node_that_applies_late_serves_reads_and_takes_over() {
    let mut a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    a.query("ALTER TABLE app.written ADD id int AUTO_INCREMENT PRIMARY KEY");
    let b = a.form_cluster_of_two();
    let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
    let password = dir.write("db.pass", "s3cret\n");
    let socket = dir.join("sock").display().to_string();
    let text = format!(
        "[commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n[backend.db]\n\
         check = {{ type = \"mysql\", cluster = \"galera\", user = \"evenkeel\", password_file = \
         \"{}\", inter = \"50ms\", timeout = \"20s\", rise = 1, fall = 2 }}\n\
         server.a = \"{}\"\nserver.b = \"{}\"\n\n\
         [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\nhold = \"60s\"\n\n\
         [frontend.read]\nbind = \"{read}\"\nbackend = \"db\"\nrole = \"replica\"\n\
         max_lag = \"60s\"\nfallback = \"primary\"\n",
        password.display(),
        a.addr,
        b.addr,
    );
    let evenkeel = run(&dir, &text, write);
    let fence = |rows: [&str; 2]| {
        eventually(&rows.join(", "), || {
            let said = Kind::Evenkeel.run(&["ctl", "-s", &socket, "fence", "show"]).1;
            rows.iter().all(|row| said.contains(row)).then_some(())
        });
    };
    fence(["db a member primary", "db b member replica"]);
    let mut reader = Client::connect(read, "app", PATIENCE).unwrap();
    let mut writer = Client::connect(write, "app", PATIENCE).unwrap();
    for n in 0..WRITES {
        writer.query(&format!("INSERT INTO app.written (n) VALUES ({n})")).unwrap();
        let port = reader.query("SELECT @@port").unwrap();
        assert_eq!(port[0][0], b.addr.port().to_string());
    }
    let output = evenkeel.output();
    assert!(!output.contains("claims to be primary"), "{output}");
    a.stop_clean();
    fence(["db a - unknown", "db b member primary"]);
    let mut writer = Client::connect(write, "app", PATIENCE).unwrap();
    writer.query("INSERT INTO app.written (n) VALUES (-1)").unwrap();
    reader.query("SELECT 1").unwrap();
    let count = b.query("SELECT count(*) FROM app.written");
    assert_eq!(count[0][0], (WRITES + 1).to_string());
}
