//! Groups: what is measured of their failovers.

use super::*;
use std::time::SystemTime;

use crate::pure::health::verdict::CheckStatus;
use crate::telemetry::failover::Record;

fn pg(role: Role, timeline: u32, position: u64) -> Reading {
    Reading::new(role, History::Postgres { system: 1, timeline }, position)
}

/// A start waits for all: who is heard last makes another one primary.
#[test]
fn how_far_replicas_are_behind_is_known_as_soon_as_there_is_a_primary() {
    let now = Instant::now();
    let start = || Fence::new(Memory::default(), OnConflict::Stop).asking(["a", "b"].into_iter());
    for order in [["a", "b"], ["b", "a"]] {
        let group = Group::new(start());
        for server in order {
            let role = if server == "a" { Role::Primary } else { Role::Replica };
            group.handle_reading(now, server, pg(role, 1, 1000));
        }
        assert_eq!(group.claims().primary.as_deref(), Some("a"));
        let lag = group.lock().clock.lag(now, 1000);
        assert_eq!(lag.map(|lag| lag.amount), Some(0), "{order:?}");
    }
}

/// Both claim it for a moment, until the old one answers no more: how far the other one had come before it
/// wrote anything itself counts all the same.
#[test]
fn what_is_missing_is_known_of_one_that_had_to_wait_for_its_role() {
    let now = Instant::now();
    for (is_lost, recovered, lacks) in
        [(false, Some(995), 5), (true, Some(995), 5), (false, None, 10)]
    {
        let group = Group::new(Fence::new(Memory::default(), OnConflict::Stop));
        group.handle_reading(now, "a", pg(Role::Primary, 1, 1000));
        group.handle_reading(now, "b", pg(Role::Replica, 1, 980));
        group.handle_reading(now, "b", pg(Role::Replica, 1, 990));
        for position in [1100, 1200] {
            let claim = Reading { recovered, ..pg(Role::Primary, 2, position) };
            group.handle_reading(now, "b", claim);
            assert_eq!(group.claims().primary, None);
        }
        if is_lost {
            group.handle_lost(now, "a", &Verdict::new(CheckStatus::L4Timeout));
        } else {
            group.handle_silent(now, "a");
        }
        let next = group.incident().and_then(|incident| incident.next).expect("b is primary");
        assert_eq!((next.server.as_str(), next.lacks), ("b", Some(lacks)), "{recovered:?}");
        assert_eq!(next.is_fork, recovered.is_some());
    }
}

/// After a start a standby whose primary is gone does not say which timeline it was on: what it lacks is
/// not all there is.
#[test]
fn a_standby_that_hides_its_timeline_does_not_lack_everything() {
    let now = Instant::now();
    let group = Group::new(Fence::new(Memory::default(), OnConflict::Stop));
    group.handle_reading(now, "b", pg(Role::Primary, 2, 1000));
    group.handle_lost(now, "b", &Verdict::new(CheckStatus::L4Timeout));
    let hidden = Reading { is_floor: true, ..pg(Role::Replica, 1, 995) };
    group.handle_reading(now, "c", hidden);
    group.handle_reading(now, "c", Reading { recovered: Some(995), ..pg(Role::Primary, 3, 1100) });
    let next = group.incident().and_then(|incident| incident.next).expect("c is primary");
    assert_eq!((next.server.as_str(), next.lacks, next.was_heard), ("c", Some(0), false));
}

/// A program alone knows whether the one before took writes while it ran.
#[test]
fn what_a_program_s_change_lost_is_a_floor() {
    let now = Instant::now();
    for (by_program, lacks) in [(false, 0), (true, 10)] {
        let group = Group::new(Fence::new(Memory::default(), OnConflict::Stop));
        group.handle_reading(now, "a", pg(Role::Primary, 1, 1000));
        group.handle_reading(now, "b", pg(Role::Replica, 1, 1000));
        group.rest(now, Some("b"));
        group.note_frozen(now, by_program);
        group.handle_reading(now, "a", pg(Role::Primary, 1, 1010));
        group.handle_reading(
            now,
            "b",
            Reading { recovered: Some(1000), ..pg(Role::Primary, 2, 1100) },
        );
        let incident = group.incident().expect("it is measured");
        assert_eq!(incident.next.as_ref().and_then(|next| next.lacks), Some(lacks));
        let record = Record::so_far("pg", &incident, SystemTime::now(), Duration::ZERO);
        assert_eq!((record.rpo, record.rpo_at_least), (Some(lacks), by_program));
    }
}
