//! Reloads that change how far a replica may be behind, under clients who read.

use super::pair::{Kind, Middle, Pair};
use super::writers::Writers;
use crate::harness::eventually;

const STRICT: &str = "max_lag = \"500ms\"\nfallback = \"primary\"\n";
const LOOSE: &str = "max_lag = \"60s\"\n";

/// A replica lags: who reads there stays as long as that is allowed, and new readers are led by it.
pub(super) fn a_reload_that_changes_the_lag_counts_for_who_reads(kind: Kind) {
    let pair = Pair::start(kind, Middle::Calm);
    let loaded = |count: usize| {
        eventually("it is loaded", || {
            (pair.evenkeel.output().matches("Reloaded").count() == count).then_some(())
        });
    };
    pair.change("[backend.db]\n", "[backend.db]\nsessions = { lagging = \"cut\" }\n");
    loaded(1);
    pair.change(STRICT, LOOSE);
    loaded(2);
    let replica = pair.b.addr().port();
    assert_eq!(pair.read.port().unwrap(), replica);
    let mut reader = pair.read.connect().unwrap();
    reader.query("SELECT 1").unwrap();
    let writers = Writers::start(pair.write);
    pair.b.pause_replay(true);
    eventually("it is behind", || {
        let rows = pair.ctl("fence show");
        let row = rows.lines().find(|row| row.starts_with("db b "))?;
        let lag: u64 = row.split(' ').nth(5)?.parse().ok()?;
        (lag > 1000).then_some(())
    });
    reader.query("SELECT 1").unwrap();
    assert_eq!(pair.read.port().unwrap(), replica, "so far is allowed");
    pair.change(LOOSE, STRICT);
    loaded(3);
    eventually("who reads there is cut", || reader.query("SELECT 1").err());
    assert_eq!(pair.read.port().unwrap(), pair.a.addr().port());
    // No place to fall back to: who comes then waits until more is allowed.
    let waits = "max_lag = \"500ms\"\nhold = \"60s\"\n";
    pair.change(STRICT, waits);
    loaded(4);
    let read = pair.read;
    let waiting = std::thread::spawn(move || read.port().unwrap());
    eventually("one waits", || (pair.shown("BACKEND", "qcur") == "1").then_some(()));
    pair.change(waits, LOOSE);
    assert_eq!(waiting.join().unwrap(), replica);
    assert_eq!(writers.finish().errors(), [""; 0]);
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}

/// Evenkeel starts before a replica that stands still: how long it has lacked what the primary has nobody
/// knows, so that nobody reads there, not even for a moment.
pub(super) fn who_is_behind_at_a_start_is_read_from_by_nobody(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    let (a, b) = (pair.a.addr().port(), pair.b.addr().port());
    pair.change(STRICT, "max_lag = \"60s\"\nfallback = \"primary\"\n");
    eventually("reads go to the replica", || (pair.read.port().unwrap() == b).then_some(()));
    pair.b.pause_replay(true);
    let sql = format!("INSERT INTO {} VALUES (1)", kind.table());
    pair.write.connect().unwrap().query(&sql).unwrap();
    pair.restart(|_| ());
    for _ in 0..20 {
        assert_eq!(pair.read.port().unwrap(), a);
    }
    pair.b.pause_replay(false);
    eventually("it has what it lacked", || (pair.read.port().unwrap() == b).then_some(()));
}
