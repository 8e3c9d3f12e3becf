//! Standbys of a real Postgres that follow another than the newest primary: they get no reads, take
//! nothing over, and are back as soon as they follow it.

use std::net::SocketAddr;

use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// `a` is primary at first, `b` follows it, and `c` one of the two.
struct Three {
    a: Postgres,
    b: Postgres,
    c: Postgres,
    read: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Three {
    fn start(cascade: bool) -> Self {
        let a = Postgres::primary();
        a.expect_password("evenkeel", "s3cret");
        let b = Postgres::replica_of(&a);
        let c = Postgres::replica_of(&a);
        if cascade {
            c.follow(&b);
        }
        let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
        let password = dir.write("pg.pass", "s3cret\n");
        let text = format!(
            "[global]\nstate_dir = \"{state}\"\n\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.pg]\n\
             check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{pass}\", \
             database = \"postgres\", inter = \"100ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             switchover = {{ user = \"postgres\", password_file = \"{pass}\", timeout = \"5s\" }}\n\
             server.a = \"{}\"\nserver.b = \"{}\"\nserver.c = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"30s\"\n\n\
             [frontend.read]\nbind = \"{read}\"\nbackend = \"pg\"\nrole = \"replica\"\n\
             max_lag = \"2s\"\nfallback = \"primary\"\n",
            a.addr,
            b.addr,
            c.addr,
            state = dir.path().display(),
            socket = dir.join("sock").display(),
            pass = password.display(),
        );
        let evenkeel = run(&dir, &text, write);
        let three = Self { a, b, c, read, evenkeel, dir };
        three.expect("b", "replica");
        three.expect("c", "replica");
        three
    }

    fn ctl(&self, command: &str) -> String {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        Kind::Evenkeel.run(&args.collect::<Vec<_>>()).1
    }

    /// Waits until what `show stat` says of the last check of a server begins so.
    fn expect(&self, server: &str, said: &str) {
        eventually(&format!("{server} is {said}\n{}", self.evenkeel.output()), || {
            let rows = self.ctl("show stat pg -1 -1");
            let row = rows.lines().find(|line| line.starts_with(&format!("pg,{server},")))?;
            row.contains(&format!(",{said}")).then_some(())
        });
    }

    /// The port of the server that a new reader gets.
    fn reader(&self) -> u16 {
        let rows = Client::connect(self.read, "postgres", PATIENCE)
            .and_then(|mut client| client.query("SELECT inet_server_port()"));
        rows.unwrap_or_else(|error| panic!("{error}\n{}", self.evenkeel.output()))[0][0]
            .parse()
            .unwrap()
    }

    fn fail_over(&mut self) {
        self.a.process.kill9();
        eventually("it is missed", || {
            self.evenkeel.output().contains("Server pg/a is DOWN").then_some(())
        });
        self.b.promote();
        self.expect("b", "primary");
    }
}

#[test]
fn a_standby_of_the_old_primary_gets_no_reads_and_takes_nothing_over() {
    let mut three = Three::start(false);
    three.fail_over();
    three.a.start_again();
    three.a.query("INSERT INTO written SELECT generate_series(1, 5000)");
    eventually("the standby follows the old primary", || {
        (three.c.query("SELECT count(*) FROM written")[0][0] == "5000").then_some(())
    });
    let at = |server: &Postgres, function: &str| -> u64 {
        let rows = server.query(&format!("SELECT {function}() - '0/0'"));
        rows[0][0].parse().unwrap()
    };
    let (stray, primary) =
        (at(&three.c, "pg_last_wal_replay_lsn"), at(&three.b, "pg_current_wal_lsn"));
    assert!(stray > primary, "it has come further: {stray} and {primary}");
    three.expect("c", "stray; it follows timeline 1");
    let readers: Vec<u16> = (0..20).map(|_| three.reader()).collect();
    let strayed = readers.iter().filter(|&&port| port == three.c.addr.port()).count();
    println!("readers on the standby of the old primary: {strayed} of {}", readers.len());
    assert_eq!(strayed, 0);
    assert!(readers.iter().all(|&port| port == three.b.addr.port()), "{readers:?}");
    let said = three.ctl("switchover write --to c");
    assert!(said.contains("newest primary is on 2"), "{said}");
    assert_eq!(three.b.query("SELECT pg_is_in_recovery()")[0][0], "f");
    // When the newest primary is gone, too, what it had counts all the same.
    three.b.process.kill9();
    eventually("it is missed", || {
        three.evenkeel.output().contains("Server pg/b is DOWN").then_some(())
    });
    three.expect("c", "stray; it follows timeline 1");
    three.c.promote();
    eventually("it is kept out", || {
        three
            .ctl("fence show")
            .lines()
            .any(|line| line.starts_with("pg c primary fenced"))
            .then_some(())
    });
}

#[test]
fn a_standby_that_follows_to_the_new_timeline_is_back() {
    let astray = "Server pg/c is no copy of the newest primary: it follows timeline 1";
    for cascade in [true, false] {
        let mut three = Three::start(cascade);
        three.fail_over();
        if !cascade {
            three.expect("c", "stray; it follows timeline 1");
            assert_eq!(three.reader(), three.b.addr.port(), "reads fall back");
            // One that follows soon would not be said to be astray at all.
            eventually("it is said", || three.evenkeel.output().contains(astray).then_some(()));
            three.c.follow(&three.b);
        }
        three.expect("c", "replica; not behind");
        // Each change is said once.
        let said = three.evenkeel.output();
        let back = "Server pg/c has what the newest primary has again.";
        let times = [astray, back].map(|line| said.matches(line).count());
        assert_eq!(times, [usize::from(!cascade); 2], "{said}");
        assert_eq!(three.reader(), three.c.addr.port(), "cascade: {cascade}");
        // Nobody sends any more: it has what it has.
        three.b.process.kill9();
        eventually("it is missed", || {
            three.evenkeel.output().contains("Server pg/b is DOWN").then_some(())
        });
        assert_eq!(three.reader(), three.c.addr.port());
        three.c.promote();
        three.expect("c", "primary");
    }
}

#[test]
fn a_primary_whose_transactions_are_read_only_is_told_of() {
    let three = Three::start(false);
    let set = |to: &str| {
        three.a.query(&format!("ALTER SYSTEM SET default_transaction_read_only = {to}"));
        three.a.query("SELECT pg_reload_conf()");
    };
    set("on");
    let why = "its transactions are read-only (default_transaction_read_only by ";
    three.expect("a", &format!("primary; {why}"));
    let alert = format!("Server pg/a is primary and takes no writes: {why}");
    eventually("it is said", || three.evenkeel.output().contains(&alert).then_some(()));
    set("off");
    three.expect("a", "primary,");
    let back = "Server pg/a does not keep writes waiting any more.";
    eventually("it is said", || three.evenkeel.output().contains(back).then_some(()));
}

#[test]
fn a_new_primary_whose_commits_wait_for_nobody_that_is_there_is_told_of() {
    let mut three = Three::start(false);
    for server in [&three.b, &three.c] {
        server.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
        server.query("SELECT pg_reload_conf()");
    }
    three.fail_over();
    let hangs =
        "its commits wait for 1 standby (synchronous_standby_names) and 0 of them stream from it";
    three.expect("b", &format!("primary; {hangs}"));
    let alert = format!("Server pg/b is primary and takes no writes: {hangs}.");
    eventually("it is said", || three.evenkeel.output().contains(&alert).then_some(()));
    // An account that may not see who streams sees that somebody does.
    three.b.query("SET synchronous_commit = 'local'; REVOKE pg_read_all_stats FROM evenkeel");
    three.c.follow(&three.b);
    three.expect("b", "primary,");
    let back = "Server pg/b does not keep writes waiting any more.";
    eventually("it is said", || three.evenkeel.output().contains(back).then_some(()));
    let said = three.evenkeel.output();
    assert_eq!([&alert[..], back].map(|line| said.matches(line).count()), [1, 1], "{said}");
}
