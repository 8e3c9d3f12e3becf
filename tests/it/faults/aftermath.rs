//! What an old Postgres says of a failover that is over, once it is there again as it was left.

use std::process::Command;

use super::pair::{Kind, Middle, Pair, Way};
use super::writers::Writers;
use crate::harness::eventually;

/// A pair whose `a` is written to.
fn stage() -> (Pair, Writers) {
    let pair = Pair::start(Kind::Postgres, Middle::Calm);
    let writers = Writers::start(pair.write);
    writers.wait_served_by(&pair.a);
    (pair, writers)
}

/// What is on record once the old primary has said what it has.
fn settled(pair: &Pair) -> serde_json::Value {
    let is_settled = |record: &serde_json::Value| {
        ["rpo_exact", "rpo_never", "rpo_at_most"].iter().any(|key| !record[key].is_null())
    };
    eventually("it is settled", || pair.records().pop().filter(is_settled))
}

/// The place in the WAL that this is.
fn lsn(text: &serde_json::Value) -> u64 {
    let (high, low) = text.as_str().unwrap().split_once('/').unwrap();
    let [high, low] = [high, low].map(|part| u64::from_str_radix(part, 16).unwrap());
    high << 32 | low
}

/// All processes of the old primary are told so.
fn signal_all(pair: &mut Pair, signal: &str) {
    let postmaster = pair.a.process().pid();
    let all = format!("ps -o pid= --pid {postmaster} --ppid {postmaster}");
    let command = format!("kill -{signal} $({all}); true");
    Command::new("sh").args(["-c", &command]).status().unwrap();
}

/// What it writes when it starts again is no data that the new primary lacks.
#[test]
fn nothing_is_missing_of_one_that_stopped_in_order_when_it_starts_again() {
    let (mut pair, writers) = stage();
    pair.a.stop_clean();
    pair.b.promote();
    writers.wait_served_by(&pair.b);
    // It has written when it is heard.
    pair.evenkeel.stop();
    pair.a.start_again();
    pair.a.query("SELECT pg_create_restore_point('started')");
    pair.evenkeel.cont();
    let record = settled(&pair);
    assert_eq!((&record["rpo"], &record["rpo_at_least"]), (&0.into(), &false.into()), "{record}");
    assert_eq!(record["verdict"]["rpo"], "met", "{record}");
    assert!(lsn(&record["rpo_exact"]["position"]) <= lsn(&record["position_after"]), "{record}");
    assert_eq!(writers.finish().judge("clean stop, start", &pair).lost, 0);
}

/// The place that is shown is the one that the figure is computed from.
#[test]
fn where_one_that_was_killed_ended_fits_what_is_missing() {
    let (mut pair, writers) = stage();
    pair.a.process().kill9();
    pair.wait_said("Server db/a is DOWN");
    pair.b.promote();
    writers.wait_served_by(&pair.b);
    pair.a.start_again();
    let record = settled(&pair);
    let [had, reached] = [&record["rpo_exact"]["position"], &record["position_after"]].map(lsn);
    assert_eq!(record["rpo"], had.saturating_sub(reached), "{record}");
    writers.finish().judge("kill -9, start", &pair);
}

/// What it wrote on its own since is not told from what it had before.
#[test]
fn what_one_that_runs_on_wrote_since_is_only_an_upper_bound() {
    let (mut pair, writers) = stage();
    let mut client = Way { kind: pair.kind, addr: pair.a.addr() }.connect().unwrap();
    let pid = client.query("SELECT pg_backend_pid()").unwrap()[0][0].clone();
    signal_all(&mut pair, "STOP");
    pair.wait_said("Server db/a is DOWN");
    pair.b.promote();
    writers.wait_served_by(&pair.b);
    Command::new("kill").args(["-CONT", &pid]).status().unwrap();
    // As one big transaction of its own.
    client.query("CREATE TABLE own AS SELECT generate_series(1, 5000)").unwrap();
    signal_all(&mut pair, "CONT");
    let record = settled(&pair);
    assert!(record["rpo_exact"].is_null() && record["rpo_at_least"] == true, "{record}");
    let [floor, most] = ["rpo", "rpo_at_most"].map(|key| record[key].as_u64().unwrap());
    assert!(floor < most && most > 100_000, "{record}");
    // The bound is within what is declared.
    assert_eq!(record["verdict"]["rpo"], "met", "{record}");
    assert!(pair.evenkeel.output().contains("a ran on"), "{}", pair.evenkeel.output());
    writers.finish();
}

/// The process that is to see it begins in the middle of it.
#[test]
fn what_one_had_that_hung_when_the_process_began_is_known_later() {
    let (mut pair, writers) = stage();
    pair.restart(|pair| signal_all(pair, "STOP"));
    pair.wait_fence("b", "replica");
    pair.b.promote();
    let words = "Backend db has another primary than it is remembered to have: b, not a.";
    pair.wait_said(words);
    let record = eventually("it is on record", || pair.records().pop());
    assert_eq!((&record["kind"], &record["rpo_at_least"]), (&"unseen".into(), &true.into()));
    assert!(record["rpo"].is_null(), "{record}");
    signal_all(&mut pair, "CONT");
    let record = settled(&pair);
    let is_exact = record["rpo"].is_u64() && record["rpo_exact"]["server"] == "a";
    assert!(is_exact || record["rpo_at_most"].is_u64(), "{record}");
    writers.finish();
}
