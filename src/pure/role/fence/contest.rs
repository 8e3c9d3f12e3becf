//! Those that claim to be primary, where no claim is refused by itself: what each lacks of the other.
//!
//! | database | what is certain |
//! |---|---|
//! | Postgres | one that followed the incumbent left it where its recovery ended: it lacks what that one wrote since, and that one what it wrote itself |
//! | MySQL | transactions are told apart by their names |
//! | MariaDB | of each domain the last writer is known: what the same one wrote last is more, or less, of the same |

use super::{Fence, History};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Who claims it, by name.
    pub claimants: Vec<String>,
    /// Of two: what the first lacks of what the second has, and the second of the first's, in bytes of WAL
    /// or transactions. `None`: that cannot be told.
    pub lacks: [Option<u64>; 2],
}

/// Which one has all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole<'a> {
    /// This one; the other one has not.
    One(&'a str),
    /// Each.
    Each,
    /// None, or nobody knows.
    Nobody,
}

impl Contest {
    /// Which one has all that the other one has.
    #[must_use]
    pub fn whole(&self) -> Whole<'_> {
        match (&self.claimants[..], self.lacks) {
            ([_, _], [Some(0), Some(0)]) => Whole::Each,
            ([one, _], [Some(0), _]) | ([_, one], [_, Some(0)]) => Whole::One(one),
            _ => Whole::Nobody,
        }
    }
}

impl Fence {
    /// Those that claim to be primary, where that is not planned, and no claim is refused by itself. `None`:
    /// one claims it at most.
    #[must_use]
    pub fn contest(&self) -> Option<Contest> {
        let is_claim = |server: &&String| self.readings[*server].role == super::Role::Primary;
        let left: Vec<&String> = self.left().into_iter().filter(is_claim).collect();
        let lacks = match left[..] {
            [_] | [] => return None,
            _ if self.planned_choice(&left).is_some() => return None,
            [one, other] => [self.lacks(one, other), self.lacks(other, one)],
            _ => [None, None],
        };
        Some(Contest { claimants: left.into_iter().cloned().collect(), lacks })
    }

    /// The incumbent, where it and one that left it claim to be primary, and it takes no writes: somebody had
    /// the other take its place.
    pub(super) fn gave_way(&self, left: &[&String]) -> Option<&String> {
        let [one, other] = *left else { return None };
        let (incumbent, _) = self.memory.incumbent.as_ref()?;
        let next = if one == incumbent { other } else { one };
        let rests = self.readings.get(incumbent)?.is_read_only;
        let is_next = !self.readings.get(next)?.is_read_only
            && self.memory.followers.contains(next)
            && next != incumbent
            && left.contains(&incumbent);
        (rests && is_next).then_some(incumbent)
    }

    /// What one lacks of what another has, where that is certain.
    fn lacks(&self, one: &str, other: &str) -> Option<u64> {
        let (ours, theirs) = (self.readings.get(one)?, self.readings.get(other)?);
        match (&ours.history, &theirs.history) {
            (History::Mysql { executed: ours, .. }, History::Mysql { executed: theirs, .. }) => {
                ours.lacks_surely(theirs)
            }
            (History::Postgres { .. }, History::Postgres { .. }) => {
                let (incumbent, _) = self.memory.incumbent.as_ref()?;
                let left = if incumbent == one { other } else { one };
                let is_fork = [one, other].contains(&incumbent.as_str())
                    && self.memory.followers.contains(left);
                let left = self.readings.get(left).filter(|_| is_fork)?;
                Some(theirs.position.saturating_sub(left.fork(0)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mariadb_pair, my, pair, pg};
    use super::*;
    use crate::pure::role::Reading;
    use crate::pure::role::Role::{Primary, Replica};
    use crate::pure::role::fence::Refusal;

    fn told(fence: &Fence) -> ([Option<u64>; 2], Whole<'static>) {
        let contest = fence.contest().unwrap();
        assert_eq!(contest.claimants, ["a", "b"]);
        let whole = match contest.whole() {
            Whole::One(one) => Whole::One(if one == "a" { "a" } else { "b" }),
            Whole::Each => Whole::Each,
            Whole::Nobody => Whole::Nobody,
        };
        (contest.lacks, whole)
    }

    #[test]
    fn a_postgres_that_left_lacks_what_came_after() {
        for (incumbent, recovered, lacks, whole) in [
            (100, Some(100), [Some(40), Some(0)], Whole::One("b")),
            (130, Some(100), [Some(40), Some(30)], Whole::Nobody),
            (100, None, [None, None], Whole::Nobody),
            (100, Some(200), [None, None], Whole::Nobody),
        ] {
            let mut fence = pair();
            fence.handle_reading("b", Reading { position: 140, recovered, ..pg(Primary, 2) });
            fence.handle_reading("a", Reading { position: incumbent, ..pg(Primary, 1) });
            assert_eq!(told(&fence), (lacks, whole), "{incumbent} {recovered:?}");
            fence.clear();
            assert_eq!(
                told(&fence),
                ([None, None], Whole::Nobody),
                "whom it followed is forgotten"
            );
        }
    }

    #[test]
    fn a_postgres_that_takes_no_writes_gives_way_to_who_followed_it() {
        let reading = |role, timeline, is_read_only| Reading { is_read_only, ..pg(role, timeline) };
        for (a, b, follows, primary) in [
            (true, false, true, Some("b")),
            (false, false, true, None),
            (true, true, true, None),
            (false, true, true, None),
            // It may be of another line.
            (true, false, false, None),
        ] {
            let mut fence = Fence::default();
            fence.handle_reading("a", pg(Primary, 1));
            if follows {
                fence.handle_reading("b", pg(Replica, 1));
            }
            fence.handle_reading("b", reading(Primary, 2, b));
            fence.handle_reading("a", reading(Primary, 1, a));
            assert_eq!(fence.primary(), primary, "{a} {b} {follows}");
            if primary.is_some() {
                assert_eq!(fence.refusal("a"), Some(Refusal::Returned));
            }
        }
        // It is first to say so.
        let mut fence = pair();
        fence.handle_reading("a", reading(Primary, 1, true));
        assert_eq!(fence.primary(), Some("a"), "nobody else is there");
        fence.handle_reading("b", reading(Primary, 2, false));
        assert_eq!(fence.primary(), Some("b"));
        fence.handle_reading("a", reading(Primary, 1, false));
        assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
    }

    #[test]
    fn sets_of_transactions_tell_who_has_all() {
        for (a, b, lacks, whole) in [
            ("0-1-120", "0-1-98", [Some(0), Some(22)], Whole::One("a")),
            ("0-1-120", "0-1-120", [Some(0), Some(0)], Whole::Each),
            // It may have left long before.
            ("0-1-120", "0-2-130", [None, None], Whole::Nobody),
            ("0-1-120", "0-1-120,5-2-7", [Some(7), Some(0)], Whole::One("b")),
            ("0-1-121", "0-1-120,5-2-7", [Some(7), Some(1)], Whole::Nobody),
        ] {
            let mut fence = mariadb_pair();
            fence.handle_reading("b", my(Primary, 2, b));
            fence.handle_reading("a", my(Primary, 1, a));
            assert_eq!(told(&fence), (lacks, whole), "{a} {b}");
        }
    }

    #[test]
    fn only_those_contend_that_could_be_it() {
        let mut fence = pair();
        assert_eq!(fence.contest(), None);
        fence.handle_reading("b", pg(Primary, 2));
        fence.set_heir(Some("b".to_owned()));
        assert_eq!(fence.contest(), None, "it is planned");
        fence.set_heir(None);
        // One took over already.
        assert_eq!((fence.primary(), fence.contest()), (Some("b"), None));
        fence.handle_reading("c", pg(Replica, 2));
        for server in ["c", "d"] {
            fence.handle_reading(server, pg(Primary, 3));
        }
        fence.handle_reading("b", pg(Primary, 2));
        let contest = fence.contest().unwrap();
        assert_eq!((contest.claimants.len(), contest.whole()), (3, Whole::Nobody));
    }
}
