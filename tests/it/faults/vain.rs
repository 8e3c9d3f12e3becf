//! What clients read that are told no by the proxy itself: in the programs that people use.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::pair::{Kind, Middle, Pair};
use crate::harness::eventually;

/// A client program that connects to the route for writes, with `env`, and executes `sql`.
pub(super) fn program(pair: &Pair, sql: &str, env: &[(&str, &str)]) -> Command {
    let port = pair.write.addr.port().to_string();
    let mut command = match pair.kind {
        Kind::Postgres => Command::new("psql"),
        Kind::MariaDb => Command::new("mariadb"),
    };
    let words: &[&str] = match pair.kind {
        Kind::Postgres => &["-X", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", sql],
        Kind::MariaDb => &[
            "--no-defaults",
            "--connect-timeout=5",
            "-h127.0.0.1",
            "-P",
            &port,
            "-uapp",
            "-e",
            sql,
        ],
    };
    command.args(words).env("PGCONNECT_TIMEOUT", "5").envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_told(pair: &Pair, env: &[(&str, &str)], words: &str) {
    eventually(&format!("{env:?}: {words}"), || {
        let output = program(pair, "SELECT 1", env).output().unwrap();
        assert!(!output.status.success());
        said(&output).contains(words).then_some(())
    });
}

/// A server takes a client, who has said what it wants by then, and never answers; nobody takes over.
pub(super) fn who_was_taken_by_one_that_hangs_reads_why(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    pair.change("hold = \"30s\"", "hold = \"500ms\"");
    eventually("it is loaded", || pair.evenkeel.output().contains("Reloaded").then_some(()));
    pair.a.process().stop();
    let output = program(&pair, "SELECT 1", &[]).output().unwrap();
    let said = said(&output);
    assert!(said.contains("no server is taken for the primary"), "{said}");
    pair.a.process().cont();
}

/// Nobody is primary for as long as a client may wait, or no more may wait.
pub(super) fn who_waits_in_vain_reads_why(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    pair.a.process().kill9();
    pair.wait_said("Server db/a is DOWN");
    pair.change("hold = \"30s\"", "hold = \"200ms\"");
    let none = "no server is taken for the primary";
    for mode in ["disable", "allow", "prefer"] {
        is_told(&pair, &[("PGSSLMODE", mode)], none);
    }
    pair.change("hold = \"200ms\"", "hold = \"20s\"\nhold_max = 1");
    let full = format!("too many clients wait, {none}");
    let told = eventually("one is held and another is told", || {
        let (first, second) = (
            program(&pair, "SELECT 1", &[]).spawn().unwrap(),
            program(&pair, "SELECT 1", &[]).spawn().unwrap(),
        );
        // Whoever comes first is held for longer than the other waits.
        let mut both = [first, second];
        let refused = eventually("one of them ends", || {
            both.iter_mut().position(|client| client.try_wait().unwrap().is_some())
        });
        let [first, second] = both;
        let (refused, mut held) = if refused == 0 { (first, second) } else { (second, first) };
        held.kill().unwrap();
        held.wait().unwrap();
        let said = said(&refused.wait_with_output().unwrap());
        // The file may not have been read yet.
        said.contains("too many").then_some(said)
    });
    assert!(told.contains(&full), "{told}");
}

/// It has sent a part of what it copies into a table, and reads nothing meanwhile.
#[test]
fn who_copies_into_postgres_reads_why_it_is_cut() {
    let mut pair = Pair::start(Kind::Postgres, Middle::Calm);
    let mut copying =
        program(&pair, "COPY written FROM STDIN", &[]).stdin(Stdio::piped()).spawn().unwrap();
    copying.stdin.as_mut().unwrap().write_all(b"1\n2\n").unwrap();
    eventually("it copies", || {
        let copies =
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'ClientRead' AND query LIKE 'COPY%'";
        (!pair.a.query(copies).is_empty()).then_some(())
    });
    pair.a.process().stop();
    pair.wait_said("Server db/a is DOWN");
    eventually("it is cut", || (pair.shown("a", "scur") == "0").then_some(()));
    let output = copying.wait_with_output().unwrap();
    assert!(said(&output).contains("terminating connection: the server is down"), "{output:?}");
}
