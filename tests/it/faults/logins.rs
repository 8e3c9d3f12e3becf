//! Servers that live and do not let the check in: who is on them stays, and who comes is led to them.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::Instant;

use rustix::process::Signal;

use super::pair::{Kind, Middle, Node, PATIENT, Pair, Way};
use super::writers::Writers;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::tls::Authority;

/// New clients that are tried while the check is refused.
const NEW_CLIENTS: usize = 10;

/// How it is said: in the log, as the status of the check, and what that was.
type Said = [&'static str; 3];

const LOGIN: Said = ["refuses the login of its check", "L7STS", "login refused: "];
const TLS: Said = ["its check has no TLS with it", "L6RSP", "no TLS with it: "];

/// `refuse` has `a` refuse the login of its check, `mend` lets it in; new clients are let in meanwhile or
/// are not.
fn kept(
    name: &str,
    [log, status, last]: Said,
    pair: &mut Pair,
    new_clients: usize,
    refuse: impl FnOnce(&mut Pair),
    mend: impl FnOnce(&mut Pair),
) {
    let kind = pair.kind;
    let mut old = pair.write.connect().unwrap();
    old.query("SELECT 1").unwrap();
    let writers = Writers::start(pair.write);
    writers.wait_served_by(&pair.a);
    refuse(pair);
    pair.wait_said(&format!("Server db/a lives and {log}"));
    for (column, wanted) in [("check_status", status), ("last_chk", last)] {
        eventually(&format!("{column} has {wanted}"), || {
            pair.shown("a", column).contains(wanted).then_some(())
        });
    }
    assert_eq!(pair.shown("a", "status"), "UP");
    writers.wait_served_by(&pair.a);
    let port = pair.a.addr().port();
    let led = (0..new_clients).filter(|_| pair.write.port().is_ok_and(|to| to == port)).count();
    // Who comes new to a program that was never told who is primary waits; the others stay where they are.
    pair.passes();
    old.query("SELECT 1").unwrap();
    mend(pair);
    if pair.middle == Middle::Calm {
        pair.wait_said("Server db/a lets its check in again");
    }
    pair.wait_fence("a", "primary primary incumbent");
    writers.wait_served_by(&pair.a);
    let errors = writers.finish().errors().len();
    let _ = writeln!(
        std::io::stderr(),
        "verdict {name} {kind:?}, {:?}: new clients led to the primary {led} of {new_clients}, client errors \
         {errors}, sessions cut 0, records written {}",
        pair.middle,
        pair.records().len(),
    );
    assert_eq!((led, errors), (new_clients, 0));
    old.query("SELECT 1").unwrap();
    if pair.middle == Middle::Calm {
        assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
    }
    assert_eq!(pair.records(), [serde_json::Value::Null; 0]);
}

/// A session that is logged in stays so; the next one is refused.
pub(super) fn a_password_that_is_changed_in_the_database_cuts_nobody(kind: Kind, middle: Middle) {
    let mut pair = Pair::of(kind, middle, PATIENT, "");
    kept(
        "password changed",
        LOGIN,
        &mut pair,
        NEW_CLIENTS,
        |pair| {
            pair.a.set_password("other");
            pair.a.end_held();
        },
        |pair| pair.a.set_password("s3cret"),
    );
}

pub(super) fn a_wrong_password_that_is_loaded_cuts_nobody(kind: Kind, middle: Middle) {
    let mut pair = Pair::of(kind, middle, PATIENT, "");
    let reload = |pair: &mut Pair, password: &str| {
        pair.write_password(password);
        pair.evenkeel.signal(Signal::HUP);
    };
    kept(
        "wrong password loaded",
        LOGIN,
        &mut pair,
        NEW_CLIENTS,
        |pair| reload(pair, "wrong"),
        |pair| reload(pair, "s3cret"),
    );
}

/// Nobody whom the authorities in that file speak for is there; the file before is loaded again.
pub(super) fn a_wrong_ca_file_that_is_loaded_cuts_nobody(kind: Kind, middle: Middle) {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut a = kind.primary();
    let mut b = kind.replica_of(&a);
    for node in [&mut a, &mut b] {
        let pair = authority.sign(&["127.0.0.1"]);
        match node {
            Node::Postgres(server) => server.speak_tls(&pair),
            Node::MariaDb(server) => server.speak_tls(&pair),
        }
    }
    let dir = TempDir::new();
    let copy = |from: &Authority| std::fs::copy(from.ca(), dir.join("ca.pem")).map(drop).unwrap();
    copy(&authority);
    let tls = format!("tls = \"verify-ca\", ca_file = \"{}\"", dir.join("ca.pem").display());
    let addr = a.addr();
    let mut pair = Pair::before(a, b, addr, middle, &format!("{PATIENT}, {tls}"), "");
    let reload = |pair: &mut Pair, from: &Authority| {
        copy(from);
        pair.evenkeel.signal(Signal::HUP);
    };
    kept(
        "wrong ca_file loaded",
        TLS,
        &mut pair,
        NEW_CLIENTS,
        |pair| reload(pair, &other),
        |pair| reload(pair, &authority),
    );
}

/// The held session ends while there is no place for another.
pub(super) fn a_full_server_that_has_no_place_for_the_check_cuts_nobody(
    kind: Kind,
    middle: Middle,
) {
    let mut pair = Pair::of(kind, middle, PATIENT, "");
    if kind == Kind::MariaDb {
        pair.a.query("SET GLOBAL max_connections = 20");
    }
    let direct = Way { kind, addr: pair.a.addr() };
    // Has its place before the others come.
    let first = RefCell::new(direct.connect().unwrap());
    let tell = |sql: &str| first.borrow_mut().query(sql).unwrap();
    let crowd = RefCell::new(Vec::new());
    kept(
        "no place left",
        LOGIN,
        &mut pair,
        0,
        |_| {
            crowd.borrow_mut().extend(std::iter::from_fn(|| direct.connect().ok()));
            if kind == Kind::Postgres {
                // What is left is for superusers.
                tell(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'evenkeel'",
                );
                return;
            }
            tell("SET GLOBAL max_connections = 10");
            let held = "SELECT id FROM information_schema.processlist WHERE user = 'evenkeel'";
            for row in tell(held) {
                tell(&format!("KILL {}", row[0]));
            }
        },
        |_| {
            crowd.borrow_mut().clear();
            if kind == Kind::MariaDb {
                tell("SET GLOBAL max_connections = 100");
            }
        },
    );
}

/// Clients that a server leaves one after the other while it refuses the check.
const LEFT_CLIENTS: usize = 40;

/// A pair whose `a` refuses the login of its check, as is said.
fn refused(kind: Kind) -> Pair {
    let pair = Pair::of(kind, Middle::Calm, PATIENT, "");
    pair.a.set_password("other");
    pair.a.end_held();
    pair.wait_said("Server db/a lives and refuses the login of its check");
    pair
}

/// Logins of the check that a server has refused since its start.
fn refused_logins(node: &mut Node) -> u64 {
    match node {
        Node::Postgres(server) => {
            let said = server.process.output();
            said.matches("password authentication failed for user \"evenkeel\"").count() as u64
        }
        Node::MariaDb(server) => {
            let rows = server.query("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'");
            rows[0][1].parse().unwrap()
        }
    }
}

/// As TLS hides that a client says goodbye, each that does looks so.
pub(super) fn clients_that_are_left_while_the_check_is_refused_bring_no_logins(kind: Kind) {
    let mut pair = refused(kind);
    let (begun, before) = (Instant::now(), refused_logins(&mut pair.a));
    let leave = match kind {
        Kind::Postgres => "SELECT pg_terminate_backend(pg_backend_pid())",
        Kind::MariaDb => "KILL CONNECTION_ID()",
    };
    for _ in 0..LEFT_CLIENTS {
        // That it fails is what is asked for.
        let _ = pair.write.connect().unwrap().query(leave);
    }
    let logins = refused_logins(&mut pair.a) - before;
    // One a second, at most, and one that was due.
    assert!(logins <= begun.elapsed().as_secs() + 2, "{logins} in {:?}", begun.elapsed());
    assert_eq!(pair.shown("a", "status"), "UP");
}

/// It lived for as long as it refused the check.
pub(super) fn the_death_of_a_server_that_refuses_the_check_is_counted_from_there(kind: Kind) {
    let mut pair = refused(kind);
    let refusals = |pair: &mut Pair, count| {
        eventually("it is refused again", || (refused_logins(&mut pair.a) >= count).then_some(()));
    };
    let before = refused_logins(&mut pair.a);
    refusals(&mut pair, before + 1);
    let one_before = Instant::now();
    refusals(&mut pair, before + 2);
    pair.a.process().kill9();
    pair.b.promote();
    pair.write.connect().unwrap();
    let record = eventually("it is on record", || pair.records().pop());
    let took = record["seconds"]["total"].as_f64().unwrap();
    assert!(took < one_before.elapsed().as_secs_f64(), "{record}");
}
