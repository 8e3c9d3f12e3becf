//! What an operator does where servers claim to be primary and none is, for people.

use crate::pure::role::fence::{Contest, Refusal, Whole};
use crate::pure::role::{History, Reading};
use crate::state::Backend;
use crate::state::group::Claims;

/// What to do about the claims of a backend. `None`: nothing has to be done.
pub(super) fn advice(backend: &Backend) -> Option<String> {
    let (claims, contest) = (backend.group.claims(), backend.group.contest());
    let what = match contest {
        Some(contest) => {
            let reading = backend.group.reading(&contest.claimants[0]);
            Some(contested(&backend.name, &contest, &claims, unit(reading.as_ref())))
        }
        None => kept_out(backend, &claims),
    };
    let all: Vec<String> = what.into_iter().chain(foreign(&claims)).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Whose data is of another cluster.
fn foreign(claims: &Claims) -> Option<String> {
    let is_foreign = |(_, why): &&(String, Refusal)| *why == Refusal::Foreign;
    let names: Vec<&str> =
        claims.refused.iter().filter(is_foreign).map(|(server, _)| server.as_str()).collect();
    let (who, has) = match names[..] {
        [] => return None,
        [one] => (one.to_owned(), "has"),
        _ => (names.join(" and "), "have"),
    };
    Some(format!(
        "{who} {has} the data of another cluster, and nobody is led there: look whether the address is \
         right, and rebuild it as a replica if it is."
    ))
}

/// More than one may be primary.
fn contested(backend: &str, contest: &Contest, claims: &Claims, unit: &str) -> String {
    let all = contest.claimants.join(" and ");
    let show = format!("'fence show {backend}' says so, and nothing has to be cleared");
    if let Some(primary) = &claims.primary {
        let others: Vec<&str> =
            contest.claimants.iter().map(String::as_str).filter(|one| one != primary).collect();
        let others = others.join(" and ");
        return format!(
            "{all} claim to be primary, and {primary} stays it. Keep {primary}, stop {others}{}, and \
             rebuild that as a replica; nothing has to be cleared.",
            lacked(contest, primary, unit),
        );
    }
    let [one, other] = &contest.claimants[..] else {
        return format!(
            "{all} claim to be primary, and nobody is. Nobody can tell which one to keep: stop all but \
             one, which is primary then: {show}. Rebuild the others as its replicas."
        );
    };
    let stopped = |keep: &str, stop: &str| {
        format!(
            "{keep} is primary then: {show}. Rebuild {stop} as its replica before it is started again."
        )
    };
    let what = match contest.whole() {
        Whole::One(keep) => {
            let stop = if keep == one { other } else { one };
            let more = lacked_by(contest, stop)
                .map_or(String::new(), |more| format!(", and {more} {unit} more"));
            format!(
                "Keep {keep}, which has all that {stop} has{more}: stop {stop}. {}",
                stopped(keep, stop)
            )
        }
        Whole::Each => format!(
            "Both have the same, so that either can be kept: stop the other one. {}",
            stopped("The one that is left", "the other one")
        ),
        Whole::Nobody => {
            let [ours, theirs] = contest.lacks;
            let why = match ours.zip(theirs) {
                Some((ours, theirs)) => format!(
                    "{one} lacks {ours} {unit} that {other} has, and {other} {theirs} that {one} has"
                ),
                None => "what they have cannot be compared".to_owned(),
            };
            format!(
                "Nobody can tell which one to keep: {why}. Stop the one whose own writes may be lost. {}",
                stopped("The other one", "it")
            )
        }
    };
    format!("{all} claim to be primary, and nobody is. {what}")
}

/// What is lost with one that is not `kept`, where that is known.
fn lacked(contest: &Contest, kept: &str, unit: &str) -> String {
    match lacked_by(contest, kept) {
        Some(0) => " (nothing is lost with it)".to_owned(),
        Some(lost) => format!(" (with {lost} {unit} of its own)"),
        None => String::new(),
    }
}

/// What one of two lacks of the other.
fn lacked_by(contest: &Contest, server: &str) -> Option<u64> {
    let claimants = contest.claimants.iter();
    claimants.zip(contest.lacks).find(|(one, _)| *one == server).and_then(|(_, lacks)| lacks)
}

/// Nobody is primary, and whoever claims it is refused by itself.
fn kept_out(backend: &Backend, claims: &Claims) -> Option<String> {
    let is_claim = |(_, why): &&(String, Refusal)| *why != Refusal::Foreign;
    let refused: Vec<_> = claims.refused.iter().filter(is_claim).collect();
    let memory = backend.group.memory();
    let (Some((incumbent, _)), None) = (&memory.incumbent, &claims.primary) else { return None };
    let reasons: Vec<String> =
        refused.iter().map(|(server, why)| format!("{server} is kept out ({why})")).collect();
    let what = match &refused[..] {
        [] => return None,
        [(server, _)] => format!("'fence clear {}' makes {server} primary", backend.name),
        _ => format!("stop all but the one to keep, then 'fence clear {}'", backend.name),
    };
    let reasons = reasons.join(", ");
    let is_refused = refused.iter().any(|(server, _)| server == incumbent);
    let next = match backend.group.reading(incumbent) {
        Some(_) if is_refused => format!("Where what it lacks may be lost: {what}"),
        Some(reading) => format!(
            "{incumbent}, which was primary last, is a {} now: have it take writes; only where what it \
             wrote last may be lost: {what}",
            reading.role.word()
        ),
        None => format!(
            "Start {incumbent}, which was primary last; only where that is gone for good, and what it \
             wrote last may be lost: {what}"
        ),
    };
    Some(format!("Nobody is primary, and {reasons}. {next}."))
}

/// What is counted of what a server has.
fn unit(reading: Option<&Reading>) -> &'static str {
    match reading.map(|reading| &reading.history) {
        Some(History::Mysql { .. }) => "transactions",
        _ => "bytes of WAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lacks: [Option<u64>; 2], primary: Option<&str>) -> String {
        let claimants = ["a", "b"].map(str::to_owned).to_vec();
        let claims = Claims { primary: primary.map(str::to_owned), ..Claims::default() };
        contested("pg", &Contest { claimants, lacks }, &claims, "bytes of WAL")
    }

    #[test]
    fn whose_data_is_of_another_cluster_is_said() {
        let refused = |names: &[(&str, Refusal)]| Claims {
            refused: names.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect(),
            ..Claims::default()
        };
        let one = foreign(&refused(&[("a", Refusal::Older), ("b", Refusal::Foreign)])).unwrap();
        assert!(one.starts_with("b has the data of another cluster"), "{one}");
        let two = [("a", Refusal::Foreign), ("b", Refusal::Foreign)];
        assert!(foreign(&refused(&two)).unwrap().starts_with("a and b have"));
        assert_eq!(foreign(&refused(&[("a", Refusal::Older)])), None);
    }

    #[test]
    fn who_is_to_be_stopped_is_said_where_that_is_known() {
        let keep_b =
            "Keep b, which has all that a has, and 40 bytes of WAL more: stop a. b is primary";
        let apart = "a lacks 40 bytes of WAL that b has, and b 30 that a has. Stop the one";
        for (lacks, primary, words) in [
            ([Some(40), Some(0)], None, keep_b),
            ([Some(0), None], None, "Keep a, which has all that b has: stop b. a is primary then"),
            ([Some(0), Some(0)], None, "either can be kept: stop the other one."),
            ([Some(40), Some(30)], None, apart),
            ([None, Some(30)], None, "Nobody can tell which one to keep: what they have cannot be"),
            ([Some(40), None], Some("a"), "Keep a, stop b (with 40 bytes of WAL of its own), and"),
            ([None, None], Some("a"), "Keep a, stop b, and rebuild"),
        ] {
            let said = said(lacks, primary);
            assert!(said.contains(words), "{said}");
            assert!(said.starts_with("a and b claim to be primary, and "), "{said}");
        }
    }
}
