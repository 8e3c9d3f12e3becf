use super::super::gtid::GtidSet;
use super::*;

mod members;
mod waiting;

const PG: u64 = 7_300_000_000_000_000_001;

pub(super) fn pg(role: Role, timeline: u32) -> Reading {
    Reading::new(role, History::Postgres { system: PG, timeline }, 0)
}

pub(super) fn my(role: Role, server: u128, executed: &str) -> Reading {
    let executed = GtidSet::mariadb(executed).unwrap();
    let position = executed.count();
    let history = History::Mysql { server, executed };
    Reading { replicates: Some(role.follows()), ..Reading::new(role, history, position) }
}

use Role::{Primary, Replica};

/// `b` follows `a`, and both are heard.
pub(super) fn pair() -> Fence {
    let mut fence = Fence::default();
    fence.handle_reading("a", pg(Primary, 1));
    fence.handle_reading("b", pg(Replica, 1));
    assert_eq!(fence.primary(), Some("a"));
    fence
}

/// The same of MariaDB.
pub(super) fn mariadb_pair() -> Fence {
    let mut fence = Fence::default();
    fence.handle_reading("a", my(Primary, 1, "0-1-100"));
    fence.handle_reading("b", my(Replica, 2, "0-1-98"));
    fence
}

#[test]
fn a_primary_that_is_lost_is_none_and_may_come_back() {
    let mut fence = pair();
    fence.handle_lost("a");
    assert_eq!(fence.primary(), None);
    fence.handle_reading("a", pg(Primary, 1));
    assert_eq!(fence.primary(), Some("a"));
}

#[test]
fn a_promoted_replica_takes_over_and_the_old_primary_stays_out() {
    let mut fence = pair();
    fence.handle_lost("a");
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!(fence.primary(), Some("b"));
    fence.handle_reading("a", pg(Primary, 1));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    fence.handle_lost("b");
    assert_eq!(fence.primary(), None, "not even when the new one is gone");
    fence.handle_reading("a", pg(Replica, 2));
    fence.handle_reading("a", pg(Primary, 3));
    assert_eq!(fence.primary(), Some("a"), "it was a replica meanwhile");
}

#[test]
fn a_switchover_that_is_seen_in_order_leaves_nobody_out() {
    let mut fence = pair();
    fence.handle_reading("a", pg(Replica, 1));
    assert_eq!(fence.primary(), None);
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!(fence.primary(), Some("b"));
    assert!(fence.memory().former.contains("a"), "it has not followed yet");
    fence.handle_reading("a", pg(Replica, 2));
    assert!(fence.memory().former.is_empty());
    fence.handle_reading("b", pg(Replica, 2));
    fence.handle_reading("a", pg(Primary, 3));
    assert_eq!(fence.primary(), Some("a"));
}

#[test]
fn two_claims_stop_writes_or_keep_the_incumbent() {
    for (on_conflict, primary) in [(OnConflict::Stop, None), (OnConflict::KeepIncumbent, Some("a"))]
    {
        let mut fence = Fence::new(Memory::default(), on_conflict);
        fence.handle_reading("a", pg(Primary, 1));
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!(fence.primary(), primary);
        assert_eq!(fence.refusal("b"), Some(Refusal::Conflict));
        fence.handle_reading("a", pg(Replica, 1));
        assert_eq!(fence.primary(), Some("b"));
    }
}

#[test]
fn two_that_claim_from_the_start_are_both_kept_out() {
    for on_conflict in [OnConflict::Stop, OnConflict::KeepIncumbent] {
        let mut fence = Fence::new(Memory::default(), on_conflict);
        let both = [("a", pg(Primary, 1)), ("b", pg(Primary, 2))];
        // Nobody knows of the other one yet.
        fence.handle_reading(both[0].0, both[0].1.clone());
        let memory = fence.memory().clone();
        assert_eq!(memory.incumbent.as_ref().map(|(server, _)| server.as_str()), Some("a"));
        fence.clear();
        fence.handle_reading(both[1].0, both[1].1.clone());
        assert_eq!(fence.refusal("b"), Some(Refusal::Conflict));
    }
}

#[test]
fn the_memory_outlives_a_restart() {
    let mut fence = pair();
    fence.handle_lost("a");
    fence.handle_reading("b", pg(Primary, 2));
    let mut again = Fence::new(fence.memory().clone(), OnConflict::Stop);
    again.handle_reading("a", pg(Primary, 1));
    assert_eq!((again.primary(), again.refusal("a")), (None, Some(Refusal::Returned)));
    again.clear();
    assert_eq!(again.primary(), Some("a"), "an operator said so");
}

#[test]
fn claims_are_refused_by_their_history() {
    let foreign = Reading::new(Primary, History::Postgres { system: 5, timeline: 9 }, 0);
    let rows = [
        ("a", pg(Primary, 3), Some(Refusal::Older)),
        ("a", pg(Primary, 4), None),
        ("a", pg(Primary, 5), None),
        ("c", pg(Primary, 4), Some(Refusal::Diverged)),
        ("c", pg(Primary, 3), Some(Refusal::Older)),
        ("c", pg(Primary, 5), None),
        ("c", foreign.clone(), Some(Refusal::Foreign)),
        ("a", foreign, Some(Refusal::Foreign)),
        ("a", my(Primary, 1, "0-1-5"), Some(Refusal::Foreign)),
    ];
    for (server, reading, refusal) in rows {
        let mut fence = Fence::default();
        fence.handle_reading("a", pg(Primary, 4));
        fence.handle_lost("a");
        fence.handle_reading(server, reading.clone());
        assert_eq!(fence.refusal(server), refusal, "{server}: {reading:?}");
        assert_eq!(fence.primary().is_some(), refusal.is_none(), "{server}: {reading:?}");
    }
}

#[test]
fn a_replica_of_mysql_takes_over_with_what_it_has() {
    let mut fence = mariadb_pair();
    fence.handle_lost("a");
    fence.handle_reading("b", my(Primary, 2, "0-1-98"));
    assert_eq!(fence.primary(), Some("b"));
    fence.handle_reading("a", my(Primary, 1, "0-1-100"));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    fence.handle_reading("a", my(Replica, 1, "0-2-99"));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), None));
}

#[test]
fn claims_of_mysql_are_refused_by_what_they_lack() {
    let rows = [
        ("a", my(Primary, 1, "0-1-100"), None),
        ("a", my(Primary, 1, "0-1-99"), Some(Refusal::Older)),
        ("a", my(Primary, 7, "0-1-100"), Some(Refusal::Diverged)),
        ("c", my(Primary, 3, "0-1-100"), None),
        ("c", my(Primary, 3, "0-1-99"), Some(Refusal::Older)),
        ("b", my(Primary, 2, "0-1-98"), None),
    ];
    for (server, reading, refusal) in rows {
        let mut fence = mariadb_pair();
        fence.handle_lost("a");
        fence.handle_reading(server, reading.clone());
        assert_eq!(fence.refusal(server), refusal, "{server}: {reading:?}");
    }
}

#[test]
fn a_server_that_leaves_the_group_is_heard_no_more_and_its_past_stays() {
    let mut fence = pair();
    fence.handle_lost("a");
    fence.handle_reading("b", pg(Primary, 2));
    fence.handle_servers(["b"].into_iter());
    fence.handle_reading("a", pg(Primary, 1));
    assert_eq!(fence.refusal("a"), Some(Refusal::Returned));
    fence.handle_servers(["a"].into_iter());
    assert_eq!(fence.primary(), None);
}

#[test]
fn what_must_be_written_down_counts_up() {
    let mut fence = mariadb_pair();
    let begun = fence.revision();
    fence.handle_reading("a", my(Primary, 1, "0-1-101"));
    fence.handle_reading("b", my(Replica, 2, "0-1-101"));
    assert_eq!(fence.revision(), begun, "that time goes on is no news");
    let changes: [&dyn Fn(&mut Fence); 3] = [
        &|fence| {
            fence.handle_reading("b", my(Primary, 2, "0-2-102"));
            fence.handle_lost("a");
            fence.handle_reading("b", my(Primary, 2, "0-2-102"));
        },
        &|fence| fence.handle_reading("a", my(Replica, 1, "0-2-102")),
        &|fence| fence.clear(),
    ];
    for change in changes {
        let before = fence.revision();
        change(&mut fence);
        assert!(fence.revision() > before);
    }
    let mut fence = pair();
    let before = fence.revision();
    fence.handle_reading("a", pg(Primary, 2));
    assert!(fence.revision() > before, "a new timeline");
}

#[test]
fn a_standby_of_another_cluster_is_none_of_ours() {
    let mut fence = pair();
    let foreign = History::Postgres { system: 2, timeline: 1 };
    fence.handle_reading("c", Reading::new(Replica, foreign, 100));
    assert_eq!((fence.refusal("c"), fence.refusal("b")), (Some(Refusal::Foreign), None));
    assert_eq!(fence.primary(), Some("a"));
}

#[test]
fn a_replica_that_takes_writes_is_no_primary_because_its_primary_is_gone() {
    let mut fence = mariadb_pair();
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    assert_eq!((fence.primary(), fence.refusal("b")), (Some("a"), None));
    fence.handle_lost("a");
    assert_eq!(fence.primary(), None, "it still follows it");
    fence.handle_reading("b", my(Primary, 2, "0-1-100"));
    assert_eq!(fence.primary(), Some("b"), "it follows nobody any more");
    // Told to take writes after its primary was gone, it is promoted though it would follow on.
    let mut fence = mariadb_pair();
    fence.handle_lost("a");
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    assert_eq!(fence.primary(), Some("b"));
    fence.handle_reading("a", my(Primary, 1, "0-1-100"));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    // Before the primary was ever heard, nobody can tell.
    let mut fence = Fence::default();
    fence.handle_reading("b", my(Replica, 2, "0-1-100"));
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    assert_eq!(fence.primary(), None);
    // Told so before, it is not, and not when it is heard again.
    let mut fence = mariadb_pair();
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    fence.handle_lost("a");
    fence.handle_lost("b");
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    assert_eq!(fence.primary(), None);
    // Two that follow each other: the one that takes writes is primary, until it is a replica.
    let mut fence = Fence::default();
    fence.handle_reading("a", my(Role::Loose, 1, "0-1-100"));
    assert_eq!(fence.primary(), None);
    fence.handle_reading("b", my(Replica, 2, "0-1-100"));
    fence.handle_reading("a", my(Role::Loose, 1, "0-1-100"));
    assert_eq!(fence.primary(), Some("a"));
    fence.handle_reading("b", my(Role::Loose, 2, "0-1-100"));
    assert_eq!(fence.primary(), Some("a"));
    fence.handle_reading("a", my(Replica, 1, "0-1-100"));
    assert_eq!(fence.primary(), Some("b"));
}

#[test]
fn one_that_stays_on_an_older_timeline_is_a_stray_and_does_not_take_over() {
    let mut fence = pair();
    fence.handle_reading("c", pg(Replica, 1));
    assert_eq!(fence.stray("c"), None);
    fence.handle_lost("a");
    fence.handle_reading("b", pg(Primary, 2));
    let stray = Some(Stray::Timeline { own: 1, newest: 2 });
    assert_eq!((fence.stray("c"), fence.refusal("c")), (stray, None));
    fence.handle_lost("b");
    assert_eq!(fence.stray("c"), stray, "the newest primary is remembered");
    // Whatever number its own history has then.
    fence.handle_reading("c", pg(Primary, 3));
    assert_eq!((fence.primary(), fence.refusal("c")), (None, Some(Refusal::Returned)));
    // An old primary that comes back as a standby of itself is no replica of ours either.
    fence.handle_reading("a", pg(Replica, 1));
    assert!(fence.memory().former.contains("a"));
    fence.handle_reading("a", pg(Primary, 3));
    assert_eq!((fence.primary(), fence.refusal("a")), (None, Some(Refusal::Returned)));
    fence.handle_reading("a", pg(Replica, 2));
    assert_eq!(fence.stray("a"), None);
    fence.handle_reading("a", pg(Primary, 3));
    assert_eq!(fence.primary(), Some("a"));
}

#[test]
fn who_does_not_show_which_timeline_it_follows_may_take_over() {
    let mut fence = pair();
    let unseen = |timeline| Reading { is_floor: true, ..pg(Replica, timeline) };
    fence.handle_lost("a");
    fence.handle_reading("b", pg(Primary, 2));
    fence.handle_reading("c", unseen(1));
    assert_eq!(fence.stray("c"), Some(Stray::Unseen { own: 1, newest: 2 }));
    fence.handle_reading("c", unseen(2));
    assert_eq!(fence.stray("c"), None);
    fence.handle_reading("c", unseen(1));
    fence.handle_lost("b");
    fence.handle_reading("c", pg(Primary, 3));
    assert_eq!(fence.primary(), Some("c"));
}

#[test]
fn what_the_primary_lacks_when_it_is_asked_later_is_astray() {
    let at = |role, position| Reading { position, ..pg(role, 1) };
    let mut fence = Fence::default();
    fence.handle_reading("a", at(Primary, 100));
    fence.handle_reading("b", at(Replica, 120));
    assert_eq!(fence.stray("b"), None, "the primary may have gone on, too");
    fence.handle_reading("a", at(Primary, 110));
    assert_eq!(fence.stray("b"), Some(Stray::Ahead(10)));
    fence.handle_reading("a", at(Primary, 120));
    assert_eq!(fence.stray("b"), None);

    let mut fence = mariadb_pair();
    fence.handle_reading("b", my(Replica, 2, "0-1-98,7-2-3"));
    fence.handle_reading("a", my(Primary, 1, "0-1-101"));
    assert_eq!(fence.stray("b"), Some(Stray::Errant(3)));
    let said = |fence: &Fence| fence.stray("b").map(|why| why.to_string()).unwrap_or_default();
    fence.handle_reading("b", my(Replica, 2, "0-2-105"));
    // Its own numbers are no position among the primary's, be they passed or not.
    for at in ["0-1-101", "0-1-105", "0-1-300"] {
        fence.handle_reading("a", my(Primary, 1, at));
        let why = said(&fence);
        assert!(why.starts_with("it has 0-2-105, which the primary has not"), "{at}: {why}");
        assert!(fence.stray("b").is_some_and(Stray::is_elsewhere));
    }
    fence.handle_reading("b", my(Replica, 2, "0-1-299"));
    fence.handle_reading("a", my(Primary, 1, "0-1-301"));
    assert_eq!(fence.stray("b"), None, "it follows");
    // One that says what it applied of others, and what of it is its own, has a place.
    let at = |own, applied| {
        let applied = GtidSet::mariadb(applied).map(Box::new);
        Reading { applied, ..my(Replica, 2, own) }
    };
    for (own, primary) in [("0-2-305", 301), ("0-2-305", 400), ("0-2-306", 401)] {
        fence.handle_reading("b", at(own, "0-1-301"));
        fence.handle_reading("a", my(Primary, 1, &format!("0-1-{primary}")));
        let why = said(&fence);
        assert!(why.starts_with("it wrote 0-2-305 itself"), "{own} {primary}: {why}");
        assert!(!fence.stray("b").is_some_and(Stray::is_elsewhere));
    }
    fence.handle_reading("b", at("0-3-405", "0-3-405"));
    fence.handle_reading("a", my(Primary, 1, "0-1-402"));
    assert!(fence.stray("b").is_some_and(Stray::is_elsewhere), "it came from another");
    fence.handle_reading("b", at("0-1-410", "0-1-410"));
    fence.handle_reading("a", my(Primary, 1, "0-1-411"));
    assert_eq!(fence.stray("b"), None, "it replicates on");
    fence.handle_lost("b");
    fence.handle_reading("b", my(Replica, 2, "0-1-98,7-2-3"));
    assert_eq!(fence.stray("b"), None, "until the primary is asked");
    // Most are harmless: it is promoted with what it has.
    fence.handle_reading("a", my(Primary, 1, "0-1-101"));
    fence.handle_lost("a");
    fence.handle_reading("b", my(Primary, 2, "0-1-101,7-2-3"));
    assert_eq!(fence.primary(), Some("b"));
}

#[test]
fn what_a_server_said_counts_on_while_it_lets_nobody_ask_until_another_claims() {
    let mut fence = pair();
    assert_eq!(fence.handle_refused("c"), None, "it never said anything");
    assert_eq!(fence.handle_refused("a"), Some(true));
    assert_eq!(fence.handle_refused("a"), Some(false));
    assert_eq!((fence.primary(), fence.is_mute("a")), (Some("a"), true));
    // It is not known to claim any more: that is no conflict.
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    // One that may not claim takes nothing over either.
    let mut fence = pair();
    fence.handle_refused("a");
    fence.handle_reading("b", pg(Primary, 1));
    assert_eq!((fence.primary(), fence.refusal("b")), (Some("a"), Some(Refusal::Diverged)));
    fence.handle_reading("a", pg(Primary, 1));
    assert!(!fence.is_mute("a"));
    fence.handle_refused("a");
    fence.handle_lost("a");
    assert_eq!((fence.primary(), fence.is_mute("a")), (None, false), "it died");
}

#[test]
fn whose_answer_is_overdue_yields_to_another_that_claims() {
    let mut fence = pair();
    assert!(!fence.handle_silent("c"), "it never said anything");
    assert!(fence.handle_silent("a"));
    assert!(!fence.handle_silent("a"), "no news");
    assert_eq!((fence.primary(), fence.is_silent("a")), (Some("a"), true), "nobody else claims");
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    fence.handle_reading("a", pg(Primary, 1));
    assert_eq!((fence.primary(), fence.is_silent("a")), (Some("b"), false), "it was only slow");

    // Both say so, one after the other: whoever is late then, nobody is believed.
    let mut fence = pair();
    fence.handle_reading("b", pg(Primary, 2));
    fence.handle_reading("a", pg(Primary, 1));
    fence.handle_silent("b");
    fence.handle_silent("a");
    assert_eq!(fence.primary(), None);
    fence.handle_lost("b");
    assert_eq!(fence.primary(), Some("a"), "b is gone");
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!(fence.primary(), Some("b"), "a has said nothing since");

    let mut fence = Fence::new(pair().memory().clone(), OnConflict::KeepIncumbent);
    fence.handle_reading("a", pg(Primary, 1));
    fence.handle_silent("a");
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!(fence.primary(), Some("a"), "it is to stay primary");
    fence.handle_lost("a");
    assert_eq!(fence.primary(), Some("b"));
}
