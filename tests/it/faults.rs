//! What goes wrong with real pairs while clients write: what each fault costs them, in numbers.
//!
//! Each scenario prints its verdict. Sessions left on the old primary, writes by two primaries and
//! writes that strayed to an old primary are always 0; what was lost is what had not been replicated.

mod aftermath;
mod cut;
mod dialled;
mod goodbyes;
mod lag;
mod logins;
mod pair;
mod quiet;
mod records;
mod vain;
mod writers;

use self::goodbyes::{
    clients_of_a_killed_primary_read_that_it_is_gone,
    clients_of_a_primary_that_stops_read_one_error,
};
use self::lag::{
    a_reload_that_changes_the_lag_counts_for_who_reads,
    who_is_behind_at_a_start_is_read_from_by_nobody,
};
use self::logins::{
    a_full_server_that_has_no_place_for_the_check_cuts_nobody,
    a_password_that_is_changed_in_the_database_cuts_nobody,
    a_wrong_ca_file_that_is_loaded_cuts_nobody, a_wrong_password_that_is_loaded_cuts_nobody,
    clients_that_are_left_while_the_check_is_refused_bring_no_logins,
    the_death_of_a_server_that_refuses_the_check_is_counted_from_there,
};
use self::pair::{Kind, Middle, PATIENT, Pair, STEPPED};
use self::records::who_is_told_goodbye_by_the_server_counts_as_an_error;
use self::vain::{who_waits_in_vain_reads_why, who_was_taken_by_one_that_hangs_reads_why};
use self::writers::{Verdict, Writers};
use crate::harness::dir::TempDir;
use crate::harness::eventually;

/// Declares scenarios as four tests each: with both databases, and once more with a reload and a new
/// program in the middle of the fault.
macro_rules! with_both_databases {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::{Kind, Middle};

            #[test]
            fn postgres() {
                super::$name(Kind::Postgres, Middle::Calm);
            }

            #[test]
            fn mariadb() {
                super::$name(Kind::MariaDb, Middle::Calm);
            }

            #[test]
            fn postgres_through_a_reload_and_a_new_program() {
                super::$name(Kind::Postgres, Middle::Changes);
            }

            #[test]
            fn mariadb_through_a_reload_and_a_new_program() {
                super::$name(Kind::MariaDb, Middle::Changes);
            }
        }
    )+};
}

/// The same of scenarios that are about reloads themselves, or about what clients read: two tests each.
macro_rules! calmly_with_both_databases {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::Kind;

            #[test]
            fn postgres() {
                super::$name(Kind::Postgres);
            }

            #[test]
            fn mariadb() {
                super::$name(Kind::MariaDb);
            }
        }
    )+};
}

calmly_with_both_databases! {
    clients_of_a_killed_primary_read_that_it_is_gone,
    clients_of_a_primary_that_stops_read_one_error,
    who_is_told_goodbye_by_the_server_counts_as_an_error,
    who_was_taken_by_one_that_hangs_reads_why,
    who_waits_in_vain_reads_why,
    a_reload_that_changes_the_lag_counts_for_who_reads,
    who_is_behind_at_a_start_is_read_from_by_nobody,
    clients_that_are_left_while_the_check_is_refused_bring_no_logins,
    the_death_of_a_server_that_refuses_the_check_is_counted_from_there,
}

with_both_databases! {
    a_killed_primary_is_replaced_and_kept_out,
    a_primary_that_stands_still_is_replaced_and_kept_out,
    a_primary_that_is_stopped_in_order_is_replaced,
    two_primaries_are_none_until_one_is_left,
    a_session_that_ends_alone_is_no_death,
    a_full_server_is_not_down,
    reads_leave_a_replica_that_lags_and_return,
    steps_of_the_clock_change_nothing,
    steps_of_the_databases_clock_change_nothing,
    a_password_that_is_changed_in_the_database_cuts_nobody,
    a_wrong_password_that_is_loaded_cuts_nobody,
    a_wrong_ca_file_that_is_loaded_cuts_nobody,
    a_full_server_that_has_no_place_for_the_check_cuts_nobody,
}

/// `fault` happens to a pair that is written to, and leaves `b` as the primary.
fn failover(name: &str, mut pair: Pair, fault: impl FnOnce(&mut Pair, &Writers)) -> Verdict {
    let writers = Writers::start(pair.write);
    writers.wait_served_by(&pair.a);
    fault(&mut pair, &writers);
    writers.wait_served_by(&pair.b);
    let seen = writers.finish();
    seen.judge(name, &pair)
}

/// The old primary is there again, as the primary it was, and clients have other things to do.
fn old_primary_returns(pair: &mut Pair, writers: &Writers) {
    pair.a.start_again();
    pair.wait_fence("a", "primary fenced former");
    writers.wait_served_by(&pair.b);
}

fn a_killed_primary_is_replaced_and_kept_out(kind: Kind, middle: Middle) {
    let mut missing = 0;
    let verdict = failover("kill -9, return", Pair::start(kind, middle), |pair, writers| {
        pair.a.process().kill9();
        pair.passes();
        pair.wait_said("Server db/a is DOWN");
        pair.b.promote();
        writers.wait_served_by(&pair.b);
        old_primary_returns(pair, writers);
        // Whichever process saw its end, all of it was measured, and what it had it says itself.
        let settled = |record: &serde_json::Value| {
            !record["rpo_exact"].is_null() || !record["rpo_never"].is_null()
        };
        let record = eventually("it is on record", || pair.records().pop().filter(settled));
        assert_eq!((&record["kind"], &record["outcome"]), (&"failover".into(), &"failover".into()));
        for position in ["position_before", "position_after"] {
            assert_ne!(record[position], "", "{record}");
        }
        if record["rpo_exact"].is_null() {
            // A process that began meanwhile hears the new primary when that has written already.
            assert!(matches!(middle, Middle::Changes), "{record}");
            assert_eq!(record["verdict"]["rpo"], "unknown", "{record}");
            missing = u64::MAX;
            return;
        }
        assert_eq!(
            (&record["rpo_at_least"], &record["verdict"]["rpo"]),
            (&false.into(), &"met".into())
        );
        assert!(record["rpo"].is_u64() && record["rpo_exact"]["server"] == "a", "{record}");
        missing = record["rpo"].as_u64().unwrap();
    });
    // What was acknowledged and is lost was among that.
    assert!(verdict.lost == 0 || missing > 0, "{missing}");
}

fn a_primary_that_stands_still_is_replaced_and_kept_out(kind: Kind, middle: Middle) {
    failover("SIGSTOP, SIGCONT", Pair::start(kind, middle), |pair, writers| {
        pair.a.process().stop();
        pair.passes();
        pair.wait_said("Server db/a is DOWN");
        pair.b.promote();
        writers.wait_served_by(&pair.b);
        pair.a.process().cont();
        pair.wait_fence("a", "primary fenced former");
    });
}

fn a_primary_that_is_stopped_in_order_is_replaced(kind: Kind, middle: Middle) {
    failover("clean stop, return", Pair::start(kind, middle), |pair, writers| {
        pair.a.stop_clean();
        pair.passes();
        pair.b.promote();
        writers.wait_served_by(&pair.b);
        old_primary_returns(pair, writers);
    });
}

fn two_primaries_are_none_until_one_is_left(kind: Kind, middle: Middle) {
    failover("double promotion", Pair::start(kind, middle), |pair, writers| {
        pair.b.promote();
        pair.wait_fence("a", "primary fenced");
        pair.wait_fence("b", "primary fenced");
        eventually("nobody is on it", || (pair.shown("a", "scur") == "0").then_some(()));
        pair.passes();
        pair.wait_fence("a", "primary fenced");
        pair.wait_fence("b", "primary fenced");
        pair.a.process().kill9();
        writers.wait_served_by(&pair.b);
        old_primary_returns(pair, writers);
    });
}

/// One failed check would do here, and none fails: a new session says that all is well.
fn a_session_that_ends_alone_is_no_death(kind: Kind, middle: Middle) {
    let pair = Pair::of(kind, middle, "fall = 1, timeout = \"20s\"", "");
    let writers = Writers::start(pair.write);
    for _ in 0..15 {
        pair.a.end_held();
        writers.wait_served_by(&pair.a);
    }
    pair.passes();
    pair.a.end_held();
    writers.wait_served_by(&pair.a);
    assert_eq!(writers.finish().errors(), [""; 0]);
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}

/// The session that is held needs no place: clients hear the server's own refusal.
fn a_full_server_is_not_down(kind: Kind, middle: Middle) {
    let pair = Pair::of(kind, middle, PATIENT, "");
    if kind == Kind::MariaDb {
        pair.a.query("SET GLOBAL max_connections = 20");
    }
    let writers = Writers::start(pair.write);
    writers.wait_served_by(&pair.a);
    let mut crowd = Vec::new();
    let refusal = loop {
        match pair.write.connect() {
            Ok(client) => crowd.push(client),
            Err(refusal) => break refusal.to_string(),
        }
    };
    let words = ["too many clients", "reserved for", "Too many connections"];
    assert!(words.iter().any(|words| refusal.contains(words)), "{refusal}");
    writers.wait_served_by(&pair.a);
    assert_eq!(writers.errors(), 0);
    drop(crowd);
    eventually("there is room again", || pair.write.connect().ok());
    let verdict = writers.finish().judge_calm("max_connections", &pair);
    assert_eq!(verdict.errors, 0);
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}

/// Writes go on all the time: what stands still falls behind.
fn reads_leave_a_replica_that_lags_and_return(kind: Kind, middle: Middle) {
    let pair = Pair::of(kind, middle, PATIENT, "");
    let writers = Writers::start(pair.write);
    let (a, b) = (pair.a.addr().port(), pair.b.addr().port());
    let led_to = |port: u16| {
        eventually(&format!("reads are led to {port}"), || {
            (pair.read.port().unwrap() == port).then_some(())
        });
    };
    led_to(b);
    pair.b.pause_replay(true);
    led_to(a);
    assert_eq!(pair.shown("b", "status"), "NOLB");
    pair.passes();
    led_to(a);
    pair.b.pause_replay(false);
    led_to(b);
    let verdict = writers.finish().judge_calm("replica lag", &pair);
    assert_eq!(verdict.errors, 0);
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}

/// An hour forward, a day back, another forward: times and lags are by the other clock. No question to a
/// database is about its clock.
fn steps_of_the_clock_change_nothing(kind: Kind, middle: Middle) {
    let pair = Pair::of(kind, middle, "fall = 2", STEPPED);
    failover("kill -9 between steps of the clock", pair, |pair, writers| {
        for off in ["+1h", "-1d", "+0"] {
            pair.step_clock(off);
            writers.wait_served_by(&pair.a);
            assert_eq!((writers.errors(), pair.shown("b", "status")), (0, "UP".to_owned()));
        }
        pair.a.process().kill9();
        pair.step_clock("-1d");
        pair.passes();
        pair.wait_said("Server db/a is DOWN");
        pair.b.promote();
        pair.step_clock("+1d");
        writers.wait_served_by(&pair.b);
        old_primary_returns(pair, writers);
        let record = &eventually("it is on record", || pair.records().pop());
        let total = record["seconds"]["total"].as_f64();
        assert!(total.map_or(middle == Middle::Changes, |total| total < 60.0), "{record}");
        let today = jiff::Timestamp::now().to_string();
        assert!(!record["at"].as_str().unwrap().starts_with(&today[..10]), "{record}");
    });
}

/// The same of the primary's own clock, which is in nothing that it is asked.
fn steps_of_the_databases_clock_change_nothing(kind: Kind, middle: Middle) {
    let dir = TempDir::new();
    let clock = dir.write("clock", "+0");
    let step = |off: &str| std::fs::write(&clock, off).unwrap();
    let mut a = kind.primary();
    a.fake_clock(&clock);
    let (b, addr) = (kind.replica_of(&a), a.addr());
    let pair = Pair::before(a, b, addr, middle, PATIENT, "");
    let writers = Writers::start(pair.write);
    for off in ["+1h", "-1d", "+30d"] {
        step(off);
        writers.wait_served_by(&pair.a);
        let day = pair.a.query("SELECT CURRENT_DATE")[0][0].clone();
        let today = jiff::Timestamp::now().to_string();
        assert!(off == "+1h" || !today.starts_with(&day), "{off}: {day}");
        let led_to = || pair.read.port().ok().filter(|port| *port == pair.b.addr().port());
        eventually("reads are led to the replica", led_to);
    }
    pair.passes();
    step("-30d");
    writers.wait_served_by(&pair.a);
    let verdict = writers.finish().judge_calm("steps of the database's clock", &pair);
    assert_eq!(verdict.errors, 0);
    assert!(!pair.evenkeel.output().contains("DOWN"), "{}", pair.evenkeel.output());
}
