//! Routes by role with a real Postgres pair behind them: one group of servers, one listener for
//! writes and one for reads.

mod readers;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::dir::TempDir;
use crate::harness::native::{run, run_again};
use crate::harness::pgsql_wire::Client;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// A pair of which `a` is the primary at first, behind one listener for each role.
struct Pair {
    a: Postgres,
    b: Postgres,
    write: SocketAddr,
    read: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Pair {
    fn start() -> Self {
        Self::of_routes(&[
            "role = \"primary\"\nhold = \"30s\"\n",
            "role = \"replica\"\nmax_lag = \"2s\"\nfallback = \"primary\"\n",
        ])
    }

    /// The same with these routes: the first at `write`, the second at `read`.
    fn of_routes(routes: &[&str]) -> Self {
        Self::of("", routes)
    }

    /// The same with `settings` of the backend.
    fn of(settings: &str, routes: &[&str]) -> Self {
        let a = Postgres::primary();
        a.expect_password("evenkeel", "s3cret");
        let b = Postgres::replica_of(&a);
        let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
        let password = dir.write("pg.pass", "s3cret\n");
        let mut text = format!(
            "[global]\nstate_dir = \"{state}\"\n\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.pg]\n\
             check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{}\", \
             database = \"postgres\", inter = \"100ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             {settings}server.a = \"{}\"\nserver.b = \"{}\"\n\n",
            password.display(),
            a.addr,
            b.addr,
            state = dir.path().display(),
            socket = dir.join("sock").display(),
        );
        for ((name, bind), route) in [("write", write), ("read", read)].iter().zip(routes) {
            text += &format!("[frontend.{name}]\nbind = \"{bind}\"\nbackend = \"pg\"\n{route}\n");
        }
        let evenkeel = run(&dir, &text, write);
        Self { a, b, write, read, evenkeel, dir }
    }

    /// What the process answers to `evenkeel ctl`.
    fn ctl(&self, command: &str) -> String {
        let (is_done, said) = self.asked(command);
        assert!(is_done, "{said}");
        said
    }

    /// The same, and whether it was done.
    fn asked(&self, command: &str) -> (bool, String) {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        let (status, said) = Kind::Evenkeel.run(&args.collect::<Vec<_>>());
        (status.success(), said)
    }

    /// The one failover on record.
    fn failover(&self) -> serde_json::Value {
        eventually("it is on record", || {
            let said = self.ctl("failovers pg");
            let mut lines = said.lines().filter(|line| !line.is_empty());
            let record = serde_json::from_str(lines.next()?).unwrap();
            assert_eq!(lines.next(), None);
            Some(record)
        })
    }

    /// `status` and `last_chk` of a server.
    fn standing(&self, server: &str) -> (String, String) {
        let said = self.ctl("show stat pg -1 -1");
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = said.lines().map(cells);
        let names = lines.next().unwrap();
        let row = lines.find(|row| row.get(1).is_some_and(|name| name == server)).unwrap();
        let cell = |wanted| row[names.iter().position(|name| name == wanted).unwrap()].clone();
        (cell("status"), cell("last_chk"))
    }

    /// Waits until `fence show` has these cells for a server: what it says, is, and was.
    #[track_caller]
    fn wait_fence(&self, server: &str, cells: &str) {
        eventually(&format!("{server} is {cells}"), || {
            let said = self.ctl("fence show");
            said.contains(&format!("pg {server} {cells}")).then_some(())
        });
    }

    /// Whether who serves `addr` says that it is a replica.
    #[track_caller]
    fn is_replica(&self, addr: SocketAddr) -> bool {
        let answer = Client::connect(addr, "postgres", PATIENCE)
            .and_then(|mut client| client.query("SELECT pg_is_in_recovery()"));
        answer.unwrap_or_else(|error| panic!("{error}\n{}", self.evenkeel.output()))[0][0] == "t"
    }
}

/// Writes `n` as a client would who connects for each.
fn write(addr: SocketAddr, n: usize) -> std::io::Result<()> {
    let mut client = Client::connect(addr, "postgres", PATIENCE)?;
    client.query(&format!("INSERT INTO written VALUES ({n})")).map(drop)
}

#[test]
fn writes_go_to_the_primary_and_reads_to_the_replica() {
    let mut pair = Pair::start();
    for _ in 0..5 {
        assert!(!pair.is_replica(pair.write));
    }
    eventually("reads find the replica", || pair.is_replica(pair.read).then_some(()));
    pair.b.process.kill9();
    eventually("reads fall back to the primary", || (!pair.is_replica(pair.read)).then_some(()));
    pair.b.start_again();
    eventually("reads return to the replica", || pair.is_replica(pair.read).then_some(()));
}

#[test]
fn a_promotion_costs_writers_a_pause_and_the_old_primary_gets_nothing() {
    let mut pair = Pair::start();
    write(pair.write, 0).unwrap();
    eventually("it is replicated", || {
        (pair.b.query("SELECT count(*) FROM written")[0][0] == "1").then_some(())
    });
    pair.a.process.kill9();
    let waiting = {
        let addr = pair.write;
        std::thread::spawn(move || write(addr, 1))
    };
    eventually("the writer waits", || {
        pair.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
    });
    pair.b.promote();
    waiting.join().unwrap().unwrap();
    pair.a.start_again();
    for n in 2..20 {
        write(pair.write, n).unwrap();
    }
    assert_eq!(pair.a.query("SELECT count(*) FROM written")[0][0], "1", "only its own");
    assert_eq!(pair.b.query("SELECT count(*) FROM written")[0][0], "20");
    let record = pair.failover();
    assert_eq!((&record["from"], &record["to"]), (&"a".into(), &"b".into()), "{record}");
    assert_eq!((&record["clients_held"], &record["rpo"]), (&1.into(), &0.into()), "{record}");
    let seconds = |part: &str| record["seconds"][part].as_f64().unwrap();
    let sum = seconds("detect") + seconds("promote") + seconds("attach");
    assert!((sum - seconds("total")).abs() < 1e-6, "{record}");
    let file = pair.dir.join("failovers.jsonl");
    eventually("it is on disk", || {
        let kept = std::fs::read_to_string(&file).ok()?;
        (serde_json::from_str::<serde_json::Value>(kept.trim()).ok()? == record).then_some(())
    });
}

#[test]
fn the_time_in_which_nobody_came_is_none_of_the_failover() {
    let mut pair = Pair::start();
    write(pair.write, 0).unwrap();
    eventually("it is replicated", || {
        (pair.b.query("SELECT count(*) FROM written")[0][0] == "1").then_some(())
    });
    pair.a.process.kill9();
    eventually("a is gone", || {
        pair.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
    });
    pair.b.promote();
    pair.wait_fence("b", "primary primary");
    // Clients sleep at night.
    write(pair.write, 1).unwrap();
    let record = pair.failover();
    assert_eq!(record["nobody_waited"], true, "{record}");
    assert_eq!(record["seconds"].get("attach"), None, "{record}");
    let seconds = |part: &str| record["seconds"][part].as_f64().unwrap();
    let sum = seconds("detect") + seconds("promote");
    assert!((sum - seconds("total")).abs() < 1e-6, "{record}");
    assert!(pair.evenkeel.output().contains("to promote, no client waited)"), "{record}");
}

/// The roles change places while the old primary lives, as an operator's switchover has it.
#[test]
fn sessions_on_a_demoted_primary_are_cut() {
    let pair = Pair::start();
    eventually("reads find the replica", || pair.is_replica(pair.read).then_some(()));
    let mut writer = Client::connect(pair.write, "postgres", PATIENCE).unwrap();
    let mut reader = Client::connect(pair.read, "postgres", PATIENCE).unwrap();
    writer.query("INSERT INTO written VALUES (1)").unwrap();
    reader.query("SELECT 1").unwrap();
    let asking = Command::new("psql")
        .arg(format!("host=127.0.0.1 port={} user=postgres", pair.write.port()))
        .args(["-c", "SELECT pg_sleep(600)"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it waits for its answer", || {
        let asked = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'";
        (!pair.a.query(asked).is_empty()).then_some(())
    });
    // A primary that hangs is none: nobody waits for what it may still say.
    pair.a.process.stop();
    let why = writer.last_words().unwrap();
    assert!(why.contains("C57P01 Mterminating connection: the server"), "{why}");
    let said = asking.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("FATAL:  terminating connection: the server"), "{said}");
    pair.b.promote();
    write(pair.write, 2).unwrap();
    reader.query("SELECT 1").unwrap();
    pair.a.process.cont();
    for n in 3..10 {
        write(pair.write, n).unwrap();
    }
    assert_eq!(pair.a.query("SELECT count(*) FROM written")[0][0], "1");
}

/// The memory is on disk: neither the end of the process nor that of the new primary lets the old one
/// write again. Only an operator does.
#[test]
fn an_old_primary_stays_out_through_a_restart_until_an_operator_forgets_it() {
    let mut pair = Pair::start();
    write(pair.write, 0).unwrap();
    eventually("it is replicated", || {
        (pair.b.query("SELECT count(*) FROM written")[0][0] == "1").then_some(())
    });
    pair.a.process.kill9();
    eventually("it is missed", || {
        pair.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
    });
    pair.b.promote();
    write(pair.write, 1).unwrap();
    let written = pair.dir.join("fence");
    eventually("it is written down", || {
        std::fs::read_to_string(&written).ok()?.contains("\"server\": \"b\"").then_some(())
    });
    pair.evenkeel.kill9();
    pair.b.process.kill9();
    pair.a.start_again();
    pair.evenkeel = run_again(&pair.dir, pair.write);
    pair.wait_fence("a", "primary fenced former");
    let waiting = {
        let addr = pair.write;
        std::thread::spawn(move || write(addr, 2))
    };
    eventually("the writer waits", || {
        pair.ctl("show stat pg 2 -1").contains("pg,BACKEND,1,").then_some(())
    });
    assert_eq!(pair.a.query("SELECT count(*) FROM written")[0][0], "1", "only its own");
    let (status, why) = pair.standing("a");
    assert_eq!(status, "NOLB");
    assert!(why.starts_with("fenced: another took over and it has not followed"), "{why}");
    pair.b.start_again();
    waiting.join().unwrap().unwrap();
    assert_eq!(pair.a.query("SELECT count(*) FROM written")[0][0], "1", "only its own");
    assert_eq!(pair.b.query("SELECT count(*) FROM written")[0][0], "3");
    // Without the memory neither would be primary.
    let (is_done, said) = pair.asked("fence clear pg");
    assert!(
        !is_done && said.starts_with("Nothing is forgotten: b and a claim to be primary"),
        "{said}"
    );
    pair.wait_fence("b", "primary primary incumbent");
    pair.b.process.kill9();
    pair.wait_fence("b", "- unknown incumbent");
    let said = pair.ctl("fence clear pg");
    assert!(said.starts_with("Forgotten: b was primary (timeline 2 of"), "{said}");
    assert!(said.ends_with("a had not followed it since.\na is primary.\n"), "{said}");
    pair.wait_fence("a", "primary primary incumbent");
    write(pair.write, 3).unwrap();
    assert_eq!(pair.a.query("SELECT count(*) FROM written")[0][0], "2");
}

/// What `fence show` says is to be done about a conflict is what ends it.
#[test]
fn of_two_that_claim_it_the_one_to_stop_is_named() {
    let mut pair = Pair::start();
    pair.wait_fence("a", "primary primary incumbent");
    pair.wait_fence("b", "replica replica follower");
    let says = |pair: &Pair, words: &str| {
        eventually(&format!("it says {words}"), || {
            let said = pair.ctl("fence show pg");
            said.lines()
                .any(|line| line.starts_with("# pg: ") && line.contains(words))
                .then_some(())
        });
    };
    assert!(!pair.ctl("fence show").contains("# pg: "));
    pair.b.promote();
    says(&pair, "a and b claim to be primary, and nobody is.");
    // Another process believes nobody before it has heard the one that was.
    pair.evenkeel.kill9();
    pair.a.process.stop();
    pair.evenkeel = run_again(&pair.dir, pair.write);
    pair.wait_fence("b", "primary unknown follower");
    pair.a.process.cont();
    says(&pair, "a and b claim to be primary, and nobody is.");
    pair.a.query("CREATE TABLE elsewhere (n int)");
    says(&pair, "Nobody can tell which one to keep: a lacks ");
    says(&pair, "bytes of WAL that b has, and b ");
    says(
        &pair,
        "The other one is primary then: 'fence show pg' says so, and nothing has to be cleared",
    );
    pair.a.process.kill9();
    pair.wait_fence("b", "primary primary incumbent");
    assert!(!pair.ctl("fence show").contains("# pg: "), "{}", pair.ctl("fence show"));
    pair.a.start_again();
    pair.wait_fence("a", "primary fenced former");
    pair.b.process.kill9();
    says(&pair, "Nobody is primary, and a is kept out (another took over");
    says(&pair, "'fence clear pg' makes a primary.");
}

/// A process that starts believes nobody before it has heard all: neither without a memory, nor where
/// the one it remembers is the old primary by now.
#[test]
fn at_a_start_two_that_claim_it_are_heard_before_one_gets_writes() {
    let mut pair = Pair::start();
    pair.wait_fence("a", "primary primary incumbent");
    pair.wait_fence("b", "replica replica follower");
    pair.evenkeel.kill9();
    pair.b.promote();
    for (remembers, shown) in [(true, "primary unknown incumbent"), (false, "primary unknown -")] {
        if !remembers {
            std::fs::remove_file(pair.dir.join("fence")).unwrap();
        }
        pair.b.process.stop();
        pair.evenkeel = run_again(&pair.dir, pair.write);
        pair.wait_fence("a", shown);
        pair.b.process.cont();
        eventually("it stops writes", || {
            let said = pair.ctl("fence show pg");
            said.contains("# pg: a and b claim to be primary, and nobody is.").then_some(())
        });
        let said = pair.evenkeel.output();
        assert_eq!(said.matches("is primary (").count(), 1, "before it was killed: {said}");
        pair.evenkeel.kill9();
    }
}

/// A file that is not understood could hide an old primary: there is no start without it.
#[test]
fn a_damaged_memory_keeps_the_process_from_starting() {
    let mut pair = Pair::start();
    write(pair.write, 0).unwrap();
    pair.evenkeel.kill9();
    pair.dir.write("fence", "{\"version\": 1, \"gro");
    let file = pair.dir.join("evenkeel.toml").display().to_string();
    let (status, said) = Kind::Evenkeel.run(&["run", "-c", &file]);
    assert!(!status.success());
    assert!(said.contains("the file 'fence' is not understood"), "{said}");
}

/// A replica where only writes are asked for is healthy, and no server for them.
#[test]
fn a_replica_that_no_route_leads_to_is_up_and_not_routed() {
    let pair = Pair::of_routes(&["role = \"primary\"\n"]);
    pair.wait_fence("a", "primary primary incumbent");
    pair.wait_fence("b", "replica replica follower");
    let expected = ["primary", "replica; not behind; no route leads to it"];
    for ((server, status), why) in [("a", "UP"), ("b", "NOLB")].iter().zip(expected) {
        eventually(&format!("{server} is {why}"), || {
            (pair.standing(server) == ((*status).to_owned(), why.to_owned())).then_some(())
        });
    }
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}

/// Policies count for sessions that were accepted before a reload changed them.
#[test]
fn sessions_stay_for_as_long_as_the_policy_for_their_trouble_says() {
    let before = "sessions = { dead = \"keep\", maintenance = \"keep\" }\n";
    let routes = ["role = \"primary\"\n", "role = \"replica\"\n"];
    let pair = Pair::of(before, &routes);
    eventually("reads find the replica", || {
        pair.wait_fence("b", "replica replica follower");
        Client::connect(pair.read, "postgres", PATIENCE).is_ok().then_some(())
    });
    let mut writer = Client::connect(pair.write, "postgres", PATIENCE).unwrap();
    let mut reader = Client::connect(pair.read, "postgres", PATIENCE).unwrap();
    pair.a.process.stop();
    eventually("it is missed", || {
        pair.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
    });
    pair.a.process.cont();
    pair.wait_fence("a", "primary primary incumbent");
    writer.query("INSERT INTO written VALUES (1)").unwrap();
    pair.ctl("set server pg/b state maint");
    reader.query("SELECT 1").unwrap();
    pair.ctl("set server pg/b state ready");
    let file = pair.dir.join("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let after = "sessions = { maintenance = \"drain 1500ms\" }\n";
    pair.dir.write("evenkeel.toml", &text.replace(before, after));
    pair.evenkeel.signal(Signal::HUP);
    eventually("it is loaded", || pair.evenkeel.output().contains("Reloaded").then_some(()));
    let began = Instant::now();
    pair.ctl("set server pg/b state maint");
    let why = reader.last_words().unwrap();
    assert!(why.contains("C57P01"), "{why}");
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    writer.query("INSERT INTO written VALUES (2)").unwrap();
}

/// Sessions that a successor does not have are still watched over.
#[test]
fn a_writer_is_cut_though_its_process_stops_softly() {
    let mut pair = Pair::start();
    let mut writer = Client::connect(pair.write, "postgres", PATIENCE).unwrap();
    writer.query("INSERT INTO written VALUES (1)").unwrap();
    pair.evenkeel.signal(Signal::USR1);
    eventually("it accepts no more", || (!is_listening(pair.write.port())).then_some(()));
    writer.query("INSERT INTO written VALUES (2)").unwrap();
    pair.a.process.stop();
    writer.last_words().unwrap();
    assert!(pair.evenkeel.wait().success());
    pair.a.process.cont();
}
