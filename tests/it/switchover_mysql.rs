//! Planned switchovers of a real MariaDB pair.

use std::net::SocketAddr;

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// A pair of which `a` is the primary at first, behind a listener for writes.
struct Pair {
    a: MariaDb,
    b: MariaDb,
    write: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Pair {
    fn start() -> Self {
        let a = MariaDb::primary();
        a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
        a.query("CREATE USER operator@'%' IDENTIFIED BY 'op'");
        a.query("GRANT SUPER, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN ON *.* TO operator@'%'");
        let mut b = MariaDb::replica_of(&a);
        b.set_read_only(true);
        let (dir, write) = (TempDir::new(), free_addr());
        let check = dir.write("check.pass", "s3cret\n");
        let operator = dir.write("operator.pass", "op\n");
        let text = format!(
            "[commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.db]\n\
             check = {{ type = \"mysql\", user = \"evenkeel\", password_file = \"{}\", \
             inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             switchover = {{ user = \"operator\", password_file = \"{}\" }}\n\
             server.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"60s\"\n",
            check.display(),
            operator.display(),
            a.addr,
            b.addr,
            socket = dir.join("sock").display(),
        );
        let evenkeel = run(&dir, &text, write);
        let pair = Self { a, b, write, evenkeel, dir };
        eventually("both are known", || {
            let said = pair.ctl("fence show").1;
            let is = |row| said.contains(row);
            (is("db a primary primary") && is("db b replica replica")).then_some(())
        });
        pair
    }

    fn ctl(&self, command: &str) -> (bool, String) {
        let socket = self.dir.join("sock").display().to_string();
        let args: Vec<&str> =
            ["ctl", "-s", &socket].into_iter().chain(command.split(' ')).collect();
        let (status, said) = Kind::Evenkeel.run(&args);
        (status.success(), said)
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
    let record = eventually("it is on record", || {
        let said = pair.ctl("failovers db").1;
        serde_json::from_str::<serde_json::Value>(said.lines().next()?).ok()
    });
    assert_eq!((&record["kind"], &record["rpo"]), (&"switchover".into(), &0.into()), "{record}");
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
    let (done, said) = pair.ctl("switchover write --to b --timeout 3s");
    assert!(!done && said.contains("the replica still lacks"), "{said}");
    assert!(said.contains("a takes writes again"), "{said}");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
    pair.connect().query("INSERT INTO app.written VALUES (4)").unwrap();
}
