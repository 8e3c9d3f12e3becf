//! What is measured of failovers, and what is not.

use super::super::Role;
use super::super::gtid::GtidSet;
use super::*;
use crate::pure::health::verdict::CheckStatus;

fn pg(timeline: u32) -> History {
    History::Postgres { system: 1, timeline }
}

/// What one says that has just become primary.
fn said(history: &History) -> Reading {
    let (role, history) = (Role::Primary, history.clone());
    Reading::new(role, history, 2000)
}

fn lost(history: History, at: Instant) -> Incident {
    let times = (at, at + Duration::from_millis(20));
    Incident { failed: (3, 3), ..Incident::new("a".to_owned(), history, 1000, times) }
}

#[test]
fn parts_add_up_and_the_end_is_the_first_session() {
    let now = Instant::now();
    let ms = |count| now + Duration::from_millis(count);
    let mut incident = lost(pg(1), now);
    assert!(!incident.is_over(ms(60_000), || 0), "nobody is primary yet");
    incident.handle_session(ms(30), now);
    incident.handle_primary(ms(120), "b", &said(&pg(2)), Some(990));
    assert!(!incident.is_over(ms(121), || 0));
    incident.handle_session(ms(125), ms(120));
    incident.handle_session(ms(900), ms(121));
    (incident.cut, incident.failed.1) = (2, 4);
    incident.handle_gone(ms(23), true, true);
    assert!(!incident.is_over(ms(125), || 1), "a session of the one before runs yet");
    assert_eq!(incident.errors(), 2);
    incident.handle_gone(ms(26), false, true);
    // One that waited for a server in vain.
    incident.handle_gone(ms(99), false, false);
    assert!(incident.is_over(ms(125), || 0) && incident.errors() == 2);
    let millis = Duration::from_millis;
    let expected = Phases {
        detect: millis(20),
        cut: Some(millis(6)),
        promote: millis(100),
        attach: Some(millis(5)),
        pause: None,
        total: millis(125),
    };
    assert_eq!(incident.phases(), expected);
    assert_eq!(incident.next.unwrap().lacks, Some(10));
}

#[test]
fn of_a_shut_door_nobody_knew_since_it_was_open_last() {
    let before = Instant::now();
    let now = before + Duration::from_secs(7);
    for (shut, detect, has_ended) in [(None, 20, true), (Some(before), 7020, false)] {
        let mut incident = lost(pg(1), now);
        let mut verdict = Verdict::new(CheckStatus::L7Timeout);
        (verdict.shut, verdict.certain) = (shut, shut.is_none());
        incident.handle_verdict(&verdict);
        assert_eq!(incident.phases().detect, Duration::from_millis(detect));
        assert_eq!((incident.answers, incident.has_ended), (!has_ended, has_ended));
    }
}

#[test]
fn who_came_later_was_not_waited_for() {
    let now = Instant::now();
    let ms = |count| now + Duration::from_millis(count);
    for (came, waits, attach) in
        [(5, false, Some(880)), (121, false, None), (121, true, Some(880)), (900, false, None)]
    {
        let mut incident = Incident { paused_at: Some(now), ..lost(pg(1), now) };
        incident.handle_primary(ms(120), "b", &said(&pg(2)), Some(990));
        if waits {
            incident.handle_waiting();
        }
        incident.handle_session(ms(1000), ms(came));
        assert!(incident.is_over(ms(1000), || 0));
        let Phases { attach: attached, pause, total, .. } = incident.phases();
        assert_eq!(attached, attach.map(Duration::from_millis), "{came} {waits}");
        let whole = Duration::from_millis(120 + attach.unwrap_or(0));
        assert_eq!((pause, total), (Some(whole), whole), "{came} {waits}");
    }
}

#[test]
fn it_is_over_though_nobody_comes() {
    let now = Instant::now();
    let mut incident = lost(pg(1), now);
    incident.handle_primary(now, "a", &said(&pg(1)), Some(0));
    assert!(!incident.is_over(now, || 0));
    assert!(incident.is_over(now + FIRST_SESSION_WAIT, || 1));
    assert_eq!(incident.phases().attach, None);
    assert_eq!(incident.next.unwrap().lacks, Some(0), "it lacks nothing of itself");
    for (answers, lacks) in [(true, 0), (false, 60)] {
        let mut planned =
            Incident { paused_at: Some(now), answers, position: 100, ..lost(pg(1), now) };
        planned.handle_primary(now, "b", &said(&pg(2)), Some(40));
        let next = planned.next.unwrap();
        let reached = if answers { said(&pg(2)).position } else { 40 };
        assert_eq!((next.lacks, next.reached), (Some(lacks), reached));
    }
}

#[test]
fn where_it_left_what_others_wrote_counts_for_what_it_lacks() {
    let now = Instant::now();
    // It had got more when it took over than when it was heard last, as far as that can be.
    for (heard, recovered, lacks, is_fork) in [
        (Some(900), Some(990), 10, true),
        (Some(900), None, 100, false),
        (Some(995), Some(990), 5, false),
        (Some(900), Some(2001), 100, false),
        (Some(0), Some(990), 1000, false),
        (None, Some(990), 0, false),
    ] {
        let mut incident = lost(pg(1), now);
        let reading = Reading { recovered, ..said(&pg(2)) };
        incident.handle_primary(now, "b", &reading, heard);
        let next = incident.next.unwrap();
        assert_eq!((next.lacks, next.is_fork), (Some(lacks), is_fork), "{heard:?}");
    }
}

#[test]
fn who_was_waited_for_has_all_that_was_acknowledged() {
    let now = Instant::now();
    for (server, heard, history, is_synchronous) in [
        ("b", Some(900), pg(2), true),
        ("c", Some(900), pg(2), false),
        ("a", Some(900), pg(1), false),
        ("b", Some(0), pg(2), false),
        ("b", None, pg(2), false),
        ("b", Some(900), History::Postgres { system: 7, timeline: 2 }, false),
    ] {
        let awaited = ["a", "b"].map(str::to_owned).into();
        let mut incident = Incident { awaited, ..lost(pg(1), now) };
        incident.handle_primary(now, server, &said(&history), heard);
        assert_eq!(incident.next.unwrap().is_synchronous, is_synchronous, "{server} {heard:?}");
    }
}

#[test]
fn another_process_goes_on_with_it() {
    let start = Instant::now();
    let now = start + Duration::from_secs(9);
    let mut incident = lost(pg(1), start + Duration::from_secs(5));
    (incident.cut, incident.gone) = (3, 2);
    let running = incident.running(start).unwrap();
    let text = serde_json::to_string(&running).unwrap();
    let running = serde_json::from_str(&text).unwrap();
    let mut resumed = Incident::resume(&running, pg(1), start, now).unwrap();
    assert_eq!((resumed.errors(), resumed.cut), (2, 3));
    assert_eq!(resumed.phases(), incident.phases());
    assert_eq!(Incident::resume(&running, pg(1), start, start), None, "it is not over");
    resumed.handle_primary(start, "b", &said(&pg(2)), Some(1));
    assert_eq!(resumed.running(start), None);
    assert!(!resumed.is_awaited_elsewhere(), "nobody waited there");
    // Who waits stays with the one that kept it waiting, be that the one before the one before.
    incident.held = 4;
    let running = incident.running(start).unwrap();
    let again = Incident::resume(&running, pg(1), start, now).unwrap().running(start);
    assert_eq!(again.as_ref(), Some(&running));
    let mut resumed = Incident::resume(&running, pg(1), start, now).unwrap();
    assert!(!resumed.is_awaited_elsewhere(), "nobody can have it yet");
    resumed.handle_primary(now, "b", &said(&pg(2)), Some(1));
    assert!(resumed.is_awaited_elsewhere());
    resumed.handle_waiting();
    assert!(!resumed.is_awaited_elsewhere(), "here, too");
    assert_eq!(Incident { paused_at: Some(start), ..incident }.running(start), None);
}

#[test]
fn transactions_are_counted_by_their_names() {
    let my = |text| {
        let executed = GtidSet::mariadb(text).unwrap();
        History::Mysql { server: 1, executed }
    };
    let now = Instant::now();
    let mut incident = lost(my("0-1-100,1-1-5"), now);
    incident.handle_primary(now, "b", &said(&my("0-1-97,1-1-9")), Some(0));
    assert_eq!(incident.next.unwrap().lacks, Some(3));
}

#[test]
fn what_cannot_be_compared_is_not_known() {
    let now = Instant::now();
    let my = |text| {
        let executed = GtidSet::mariadb(text).unwrap();
        History::Mysql { server: 1, executed }
    };
    let other = History::Postgres { system: 2, timeline: 1 };
    for (before, after) in [(my(""), my("0-1-97")), (pg(1), my("0-1-1")), (pg(1), other)] {
        let mut incident = lost(before, now);
        incident.handle_primary(now, "b", &said(&after), Some(1));
        assert_eq!(incident.next.unwrap().lacks, None);
    }
}
