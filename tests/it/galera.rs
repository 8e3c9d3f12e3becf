//! Nodes of a real Galera cluster behind routes by role.

use std::net::SocketAddr;

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// Writes that a node applies while the one that took them is asked: some are always on their way.
const WRITES: u32 = 300;

/// A proxy before two nodes.
struct Cluster {
    a: MariaDb,
    b: MariaDb,
    write: SocketAddr,
    read: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let mut a = MariaDb::primary();
        a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
        a.query("ALTER TABLE app.written ADD id int AUTO_INCREMENT PRIMARY KEY");
        let b = a.form_cluster_of_two();
        let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
        let password = dir.write("db.pass", "s3cret\n");
        let text = format!(
            "[commands]\nsocket = {{ address = \"{}\", level = \"admin\" }}\n\n[backend.db]\n\
             check = {{ type = \"mysql\", cluster = \"galera\", user = \"evenkeel\", password_file = \
             \"{}\", inter = \"50ms\", timeout = \"20s\", rise = 1, fall = 2 }}\n\
             server.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"60s\"\n\n\
             [frontend.read]\nbind = \"{read}\"\nbackend = \"db\"\nrole = \"replica\"\n\
             max_lag = \"60s\"\nfallback = \"primary\"\n",
            dir.join("sock").display(),
            password.display(),
            a.addr,
            b.addr,
        );
        let evenkeel = run(&dir, &text, write);
        let cluster = Self { a, b, write, read, evenkeel, dir };
        cluster.wait_fence(["db a member primary", "db b member replica"]);
        cluster
    }

    #[track_caller]
    fn wait_fence(&self, rows: [&str; 2]) {
        let socket = self.dir.join("sock").display().to_string();
        eventually(&rows.join(", "), || {
            let said = Kind::Evenkeel.run(&["ctl", "-s", &socket, "fence show"]).1;
            rows.iter().all(|row| said.contains(row)).then_some(())
        });
    }
}

fn connect(addr: SocketAddr) -> Client {
    Client::connect(addr, "app", PATIENCE).unwrap()
}

/// Nodes apply what the cluster has agreed on one after the other: one that is behind for a moment keeps
/// its readers, and takes over from one that stops.
#[test]
fn a_node_that_applies_late_serves_reads_and_takes_over() {
    let mut cluster = Cluster::start();
    let (mut reader, mut writer) = (connect(cluster.read), connect(cluster.write));
    for n in 0..WRITES {
        writer.query(&format!("INSERT INTO app.written (n) VALUES ({n})")).unwrap();
        let port = reader.query("SELECT @@port").unwrap();
        assert_eq!(port[0][0], cluster.b.addr.port().to_string());
    }
    let output = cluster.evenkeel.output();
    assert!(!output.contains("claims to be primary"), "{output}");
    cluster.a.stop_clean();
    cluster.wait_fence(["db a - unknown", "db b member primary"]);
    connect(cluster.write).query("INSERT INTO app.written (n) VALUES (-1)").unwrap();
    reader.query("SELECT 1").unwrap();
    let count = cluster.b.query("SELECT count(*) FROM app.written");
    assert_eq!(count[0][0], (WRITES + 1).to_string());
}

/// So is a donor, for as long as another node gets its data.
#[test]
fn a_node_that_is_desynced_makes_room_and_goes_on_where_no_other_is_synced() {
    let mut cluster = Cluster::start();
    cluster.a.query("SET GLOBAL wsrep_desync = ON");
    cluster.wait_fence(["db a loose replica", "db b member primary"]);
    let mut writer = connect(cluster.write);
    writer.query("INSERT INTO app.written (n) VALUES (1)").unwrap();
    cluster.b.stop_clean();
    cluster.wait_fence(["db a loose primary", "db b - unknown"]);
    let mut writer = connect(cluster.write);
    writer.query("INSERT INTO app.written (n) VALUES (2)").unwrap();
    cluster.a.query("SET GLOBAL wsrep_desync = OFF");
    cluster.wait_fence(["db a member primary", "db b - unknown"]);
    writer.query("INSERT INTO app.written (n) VALUES (3)").unwrap();
    cluster.a.query("SET GLOBAL wsrep_desync = ON");
    cluster.wait_fence(["db a loose primary", "db b - unknown"]);
    writer.query("INSERT INTO app.written (n) VALUES (4)").unwrap();
    assert_eq!(cluster.a.query("SELECT count(*) FROM app.written")[0][0], "4");
}
