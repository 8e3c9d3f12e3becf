//! Records of failovers: what is known, what is not, and how both are said.

use super::*;
use crate::pure::role::doubt::Settled;
use crate::pure::role::{Reading, Role};

fn record(total: Option<f64>, rpo: Option<u64>) -> Record {
    let seconds = Seconds { detect: Some(0.1), promote: Some(1.0), total, ..Seconds::default() };
    let record = Record { seconds, rpo, rpo_unit: "bytes".to_owned(), ..Record::default() };
    let declared = Declared { rto: Some(2.0), rpo: Some(10) };
    record.judged(vec!["w".to_owned()], declared)
}

#[test]
fn what_is_not_known_is_neither_kept_nor_broken() {
    use Verdict::{Met, Missed, Unknown};
    let rows = [
        (Some(2.0), Some(10), [Met, Met], 0),
        (Some(2.1), Some(11), [Missed, Missed], 2),
        (Some(1.0), None, [Met, Unknown], 1),
        (None, None, [Missed, Unknown], 2),
    ];
    for (total, rpo, [time, data], broken) in rows {
        let record = record(total, rpo);
        assert_eq!(record.verdict, Verdicts { rto: Some(time), rpo: Some(data) }, "{total:?}");
        assert_eq!(record.broken().len(), broken, "{:?}", record.broken());
        assert_eq!(record.is_missed(), time == Missed, "{total:?}");
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&written).unwrap(), record);
    }
    for (rpo, verdict) in [(0, Unknown), (10, Unknown), (11, Missed)] {
        let known = Record { rpo_at_least: true, ..record(Some(1.0), Some(rpo)) };
        let judged = known.judged(Vec::new(), Declared { rto: None, rpo: Some(10) });
        assert_eq!((judged.verdict.rpo, judged.broken().len()), (Some(verdict), 1), "{rpo}");
    }
    let nothing = Record::default().judged(Vec::new(), Declared::default());
    assert_eq!(nothing.verdict, Verdicts::default());
}

#[test]
fn what_was_given_up_is_no_failover_and_its_line_says_so() {
    let rows = [
        (Kind::Failover, "b", Outcome::Failover, "Failover of backend pg from a to b took 2"),
        (Kind::Failover, "a", Outcome::Failover, "Primary pg/a was away for 2"),
        (Kind::Switchover, "b", Outcome::Switchover, "Switchover of backend pg from a to b took 2"),
        (Kind::Switchover, "a", Outcome::GivenUp, "The switchover of backend pg is undone, a is"),
    ];
    for (kind, to, outcome, line) in rows {
        let (backend, from) = ("pg".to_owned(), "a".to_owned());
        let to = Some(to.to_owned());
        let record = Record { kind, backend, from, to, ..record(Some(2.0), Some(0)) };
        assert_eq!(record.outcome(), outcome);
        let record = record.judged(Vec::new(), Declared { rto: Some(2.0), rpo: Some(10) });
        let judged = record.verdict != Verdicts::default();
        assert_eq!((record.outcome, judged), (Some(outcome), outcome != Outcome::GivenUp));
        assert!(record.broken().is_empty(), "{:?}", record.broken());
        assert!(record.line().starts_with(line), "{}", record.line());
    }
}

#[test]
fn what_no_client_waited_for_is_said_and_is_no_time() {
    let record = Record { nobody_waited: true, ..record(Some(1.1), None) };
    assert!(record.line().contains("1.000 to promote, no client waited)"), "{}", record.line());
    let written = serde_json::to_string(&record).unwrap();
    assert!(written.contains("\"nobody_waited\":true") && !written.contains("attach"), "{written}");
}

#[test]
fn what_clients_of_another_process_waited_is_not_known() {
    let record = Record { waited_elsewhere: true, ..record(Some(1.1), None) };
    let line = record.line();
    assert!(line.contains("and what clients of the process before waited)"), "{line}");
    for (rto, verdict) in [(2.0, Verdict::Unknown), (1.0, Verdict::Missed)] {
        let declared = Declared { rto: Some(rto), rpo: None };
        let judged = record.clone().judged(Vec::new(), declared);
        assert_eq!(judged.verdict.rto, Some(verdict), "{rto}");
    }
}

#[test]
fn a_failover_that_nobody_saw_says_so_and_has_no_numbers() {
    let history = |timeline| History::Postgres { system: 7, timeline };
    let unseen = Unseen {
        from: "a".to_owned(),
        before: history(1),
        server: "b".to_owned(),
        history: history(2),
        reached: 0x1_0000_0020,
        is_fork: true,
        followed: true,
    };
    let declared = Declared { rto: Some(1.0), rpo: Some(0) };
    let record = Record::unseen("pg", &unseen, SystemTime::UNIX_EPOCH);
    let record = record.judged(Vec::new(), declared);
    assert_eq!(record.seconds, Seconds::default());
    assert_eq!((record.rpo, record.is_missed()), (None, false));
    assert_eq!(record.verdict.rto, Some(Verdict::Unknown));
    assert_eq!(record.position_after, "1/20");
    let line = record.line();
    assert!(line.starts_with("Backend pg has another primary") && line.contains("b, not a"));
    assert!(line.contains("what is missing is not known") && !line.contains(" 0 "), "{line}");
    // Where it left what the one before wrote is known, so that one may say it.
    assert!(record.is_open() && line.contains("once it answers again"), "{line}");
    for (settled, missing, verdict) in [
        (Settled::Exact { missing: 0, had: 5 }, "0 bytes", Verdict::Met),
        (Settled::AtMost(9), "at most 9 bytes", Verdict::Unknown),
        (Settled::Never("it follows"), "not known", Verdict::Unknown),
    ] {
        let mut record = record.clone();
        let reading = Reading::new(Role::Primary, history(1), 7);
        record.settle(settled, &reading, SystemTime::UNIX_EPOCH);
        assert_eq!((&*record.missing(), record.verdict.rpo), (missing, Some(verdict)));
        assert!(!record.is_open());
    }
    let unknown =
        Record::unseen("pg", &Unseen { is_fork: false, ..unseen }, SystemTime::UNIX_EPOCH);
    assert!(!unknown.is_open());
}

#[test]
fn what_becomes_known_later_is_judged_anew() {
    let (history, role) = (History::Postgres { system: 7, timeline: 1 }, Role::Primary);
    let reading = Reading::new(role, history, 0x20);
    let exact = |missing| Settled::Exact { missing, had: 0x18 };
    for (settled, verdict, line) in [
        (exact(4), Verdict::Met, "a is heard again, 4 bytes were missing."),
        (exact(11), Verdict::Missed, "11 bytes were missing; 11 bytes are missing, more"),
        (Settled::AtMost(9), Verdict::Met, "at least 3, at most 9 bytes are missing, for a ran on"),
        (Settled::AtMost(11), Verdict::Unknown, "at least 3, at most 11 bytes are missing"),
        (
            Settled::Never("it follows"),
            Verdict::Unknown,
            "stays not known to the end, for a: it follows.",
        ),
    ] {
        let floor =
            Record { from: "a".to_owned(), rpo_at_least: true, ..record(Some(1.0), Some(3)) };
        let mut floor = floor.judged(Vec::new(), Declared { rto: Some(2.0), rpo: Some(10) });
        assert!(floor.is_open() && floor.is_unknown(), "{floor:?}");
        assert!(floor.broken()[0].contains("once it answers again"), "{:?}", floor.broken());
        floor.settle(settled, &reading, SystemTime::UNIX_EPOCH);
        assert_eq!((floor.verdict.rpo, floor.is_open()), (Some(verdict), false));
        assert_eq!(floor.is_unknown(), verdict == Verdict::Unknown);
        assert!(floor.settled_line().contains(line), "{}", floor.settled_line());
        let exact = floor.rpo_exact.map(|it| it.position);
        // The place that the figure comes from.
        let is_exact = matches!(settled, Settled::Exact { .. });
        assert_eq!(exact.as_deref(), is_exact.then_some("0/18"));
    }
    let missed =
        Record { seconds: Seconds::default(), rpo_at_least: true, ..record(None, Some(3)) };
    let missed = missed.judged(Vec::new(), Declared { rto: None, rpo: Some(10) });
    assert!(!missed.is_unknown(), "nobody was served");
}
