//! What clients read whose server has left without a word.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::pair::{Client, Kind, Middle, Pair};
use super::vain::{program, said};
use crate::harness::{PATIENCE, eventually, mysql_wire};

/// What is read of a server that is gone, whether its session saw that first or its check did.
const GONE: &str = "the server is ";

impl Client {
    /// What it reads though it has asked nothing, until its connection is over: one error, or none.
    fn told(&mut self) -> Option<String> {
        match self {
            Self::Postgres(client) => client.last_words(),
            Self::MariaDb(client) => {
                let (mut said, _) = client.last_words();
                assert!(said.len() <= 1, "{said:?}");
                said.pop()
            }
        }
    }
}

/// A session that has done something and waits for its client.
fn idle(pair: &Pair) -> Client {
    let mut client = pair.write.connect().unwrap();
    client.query("SELECT 1").unwrap();
    client
}

/// A client program that waits for an answer from the primary.
fn waiting(pair: &Pair) -> Child {
    let (sql, seen) = match pair.kind {
        Kind::Postgres => {
            ("SELECT pg_sleep(600)", "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        }
        Kind::MariaDb => (
            "SELECT SLEEP(600)",
            "SELECT 1 FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'",
        ),
    };
    let client = program(pair, sql, &[]).spawn().unwrap();
    eventually("it waits", || (!pair.a.query(seen).is_empty()).then_some(()));
    client
}

#[track_caller]
fn reads(client: Child, words: &str) {
    let said = said(&client.wait_with_output().unwrap());
    assert!(said.contains(words), "{said}");
}

/// Those who wait for an answer and those who have asked nothing.
pub(super) fn clients_of_a_killed_primary_read_that_it_is_gone(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    let mut idle: Vec<Client> = (0..4).map(|_| idle(&pair)).collect();
    let waiting = waiting(&pair);
    // None of its processes sees another die.
    pair.a.process().stop();
    pair.a.process().kill9();
    let code = match kind {
        Kind::Postgres => "FATAL:  terminating connection: ",
        Kind::MariaDb => "ERROR 1053 (08S01) at line 1: Connection ended: ",
    };
    reads(waiting, &format!("{code}{GONE}"));
    for client in &mut idle {
        let told = client.told();
        assert!(told.as_deref().is_some_and(|told| told.contains(GONE)), "{told:?}");
    }
    pair.b.promote();
    pair.write.port().unwrap();
    let record = eventually("it is on record", || pair.records().pop());
    assert_eq!(record["client_errors"], 5, "{record}");
}

/// Postgres says it by itself, unless its check hears of it first: they read one error of the two.
pub(super) fn clients_of_a_primary_that_stops_read_one_error(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    let mut idle = idle(&pair);
    let waiting = waiting(&pair);
    pair.a.stop_clean();
    let (code, words) = match kind {
        Kind::Postgres => ("FATAL:  ", "terminating connection"),
        Kind::MariaDb => ("ERROR 1053 (08S01)", GONE),
    };
    let waited = said(&waiting.wait_with_output().unwrap());
    assert!(waited.contains(code) && waited.contains(words), "{waited}");
    assert_eq!(waited.matches(code).count(), 1, "{waited}");
    let told = idle.told();
    assert!(told.as_deref().is_some_and(|told| told.contains(words)), "{told:?}");
}

/// It is the session that is gone, and nobody else says so.
#[test]
fn a_client_of_postgres_whose_backend_is_killed_reads_it() {
    let pair = Pair::of(Kind::Postgres, Middle::Calm, super::PATIENT, "");
    let mut client = idle(&pair);
    let pid: i32 = client.query("SELECT pg_backend_pid()").unwrap()[0][0].parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let told = client.told();
    assert!(told.as_deref().is_some_and(|told| told.contains(GONE)), "{told:?}");
}

/// Clients know what comes of it from servers without a proxy: nothing is added to it.
#[test]
fn a_mysql_server_that_lives_ends_sessions_as_it_does() {
    let pair = Pair::of(Kind::MariaDb, Middle::Calm, super::PATIENT, "");
    let connect = || {
        let mut client = mysql_wire::Client::connect(pair.write.addr, "app", PATIENCE).unwrap();
        let id = client.query("SELECT CONNECTION_ID()").unwrap()[0][0].clone();
        (client, id)
    };
    // It was idle for too long.
    let (mut client, _) = connect();
    client.query("SET wait_timeout = 1").unwrap();
    assert_eq!(client.last_words().0, [""; 0]);
    let (mut client, id) = connect();
    pair.a.query(&format!("KILL {id}"));
    assert_eq!(client.last_words(), (Vec::new(), None));
    // It says goodbye, and waits for the end.
    let (mut client, _) = connect();
    client.ask(b"\x01").unwrap();
    assert_eq!(client.last_words(), (Vec::new(), None));
    // The server says why, and no one else.
    pair.a.query("SET GLOBAL max_allowed_packet = 1048576");
    let (mut client, _) = connect();
    let _ = client.ask(&[b'\x03'; 3 << 20]);
    let (said, _) = client.last_words();
    assert!(matches!(&said[..], [one] if one.contains("max_allowed_packet")), "{said:?}");
    // Its answer will not come.
    let waiting = waiting(&pair);
    let asked = "SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'";
    pair.a.query(&format!("KILL {}", pair.a.query(asked)[0][0]));
    reads(waiting, &format!("ERROR 1053 (08S01) at line 1: Connection ended: {GONE}"));
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}
