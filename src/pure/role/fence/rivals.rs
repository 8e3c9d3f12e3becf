//! Two that were promoted from the same primary, so that neither ever followed the other: nobody can tell
//! which one is meant, and processes that hear them in different orders must not each take another.
//!
//! After another has taken over, who was heard as a replica before is *unsettled* until it was heard to
//! follow the newest, or heard twice not to: the first of those answers may have been asked for before the
//! takeover. One that claims to be primary in that time, while the newest does, was promoted beside it: it is
//! a *rival* for as long as it does not follow.
//!
//! So two processes stop at least in one of them: if the one takes `b` for settled, it has asked it, and
//! heard a replica, after it had heard that `c` is promoted. Then `b` was promoted later, and who hears `b`
//! first hears `c`'s claim next, which is unsettled there.

use std::collections::BTreeSet;

use super::{Fence, OnConflict, Reading, Refusal, Role};
use crate::pure::role::stray::Stray;

/// A replica of the primary before the newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsettled {
    /// The timeline it was on then.
    timeline: u32,
    /// It was heard once since, and followed as before.
    was_heard: bool,
}

impl Fence {
    /// One took over from `before`: those that were replicas then are to follow it.
    pub(super) fn begin_after(&mut self, before: &str) {
        self.memory.rivals.clear();
        let follows = |server: &String| self.follows_newest(server, &self.readings[server]);
        let (followers, others): (_, BTreeSet<String>) =
            self.replicas().into_iter().partition(follows);
        let is_known = |server: &String| server == before || self.memory.former.contains(server);
        let others = others.into_iter().filter(|server| !is_known(server));
        let unsettled = others.filter_map(|server| {
            let timeline = self.readings[&server].history.timeline()?;
            Some((server, Unsettled { timeline, was_heard: false }))
        });
        self.unsettled = unsettled.collect();
        self.memory.followers = followers;
    }

    /// What one says that was a replica before the newest primary took over.
    pub(super) fn note_rival(&mut self, server: &str, reading: &Reading) {
        let Some(unsettled) = self.unsettled.get_mut(server) else { return };
        if reading.role.follows() {
            if std::mem::replace(&mut unsettled.was_heard, true) {
                self.unsettled.remove(server);
            }
            return;
        }
        let is_promoted = reading.history.timeline() > Some(unsettled.timeline);
        let incumbent = self.memory.incumbent.as_ref().map(|(incumbent, _)| incumbent);
        if is_promoted && incumbent.is_some_and(|one| one != server && self.claims(one)) {
            self.memory.former.remove(server);
            self.revision += u64::from(self.memory.rivals.insert(server.to_owned()));
        }
    }

    fn claims(&self, server: &str) -> bool {
        self.readings.get(server).is_some_and(|reading| reading.role == Role::Primary)
    }

    /// Whether a rival claims it that is never to be it, for the newest primary has counted further: what
    /// others hear of the two may be the other way round.
    pub(super) fn is_disputed(&self) -> bool {
        let is_older = |server: &&String| {
            let history = self.readings.get(*server).map(|reading| &reading.history);
            history.and_then(|it| self.refused(server, it, Role::Primary)) == Some(Refusal::Older)
        };
        let mut rivals = self.memory.rivals.iter().filter(|server| self.claims(server));
        self.on_conflict == OnConflict::Stop && rivals.any(|server| is_older(&server))
    }

    /// Those that stayed on an older timeline take nothing over before they have followed the newest.
    pub(super) fn note_left(&mut self) {
        let stayed = |server: &&String| self.stray(server).is_some_and(Stray::stayed);
        let left: Vec<String> = self.readings.keys().filter(stayed).cloned().collect();
        for server in left {
            self.revision += u64::from(self.memory.former.insert(server));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{pair, pg};
    use super::super::{Fence, OnConflict, Reading, Refusal};
    use crate::pure::role::Role::{Primary, Replica};

    /// `b` took over from `a`, which is gone, and `c` followed that one, too.
    fn taken_over() -> Fence {
        let mut fence = pair();
        fence.handle_reading("c", pg(Replica, 1));
        fence.handle_lost("a");
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!(fence.primary(), Some("b"));
        fence
    }

    #[test]
    fn one_that_was_promoted_beside_the_other_contradicts_it() {
        for timeline in [2, 3] {
            for heard in [0, 1] {
                let mut fence = taken_over();
                for _ in 0..heard {
                    fence.handle_reading("c", pg(Replica, 1));
                }
                fence.handle_reading("b", pg(Primary, 2));
                fence.handle_reading("c", pg(Primary, timeline));
                assert_eq!(fence.primary(), None, "{timeline} {heard}");
                assert_eq!(fence.refusal("c"), Some(Refusal::Conflict));
                assert!(fence.contest().is_some());
                // Whoever starts now knows of it, and whoever is left is it.
                for (gone, left) in [("b", "c"), ("c", "b")] {
                    let mut fence = fence.clone();
                    let mut again = Fence::new(fence.memory().clone(), OnConflict::Stop);
                    again.handle_reading("b", pg(Primary, 2));
                    again.handle_reading("c", pg(Primary, timeline));
                    for fence in [&mut fence, &mut again] {
                        assert_eq!(fence.primary(), None);
                        fence.handle_lost(gone);
                        assert_eq!(fence.primary(), Some(left));
                    }
                }
            }
        }
    }

    #[test]
    fn one_that_was_promoted_later_stays_out() {
        let mut fence = taken_over();
        for _ in 0..2 {
            fence.handle_reading("c", pg(Replica, 1));
        }
        for timeline in [2, 3] {
            fence.handle_reading("c", pg(Primary, timeline));
            assert_eq!((fence.primary(), fence.refusal("c")), (Some("b"), Some(Refusal::Returned)));
        }
        // One that followed, and has gone on without a timeline of its own.
        let mut fence = taken_over();
        fence.handle_reading("c", pg(Replica, 2));
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("c")), (Some("b"), Some(Refusal::Diverged)));
        // One that nobody ever heard: a copy.
        fence.handle_reading("d", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("d")), (Some("b"), Some(Refusal::Diverged)));
        // Where the newest is gone, it lacks what that one wrote.
        let mut fence = taken_over();
        fence.handle_lost("b");
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("c")), (None, Some(Refusal::Returned)));
    }

    /// It may be the other way round elsewhere; and it never gets writes here.
    #[test]
    fn one_that_was_promoted_before_on_an_older_timeline_stops_writes_and_gets_none() {
        let mut fence = pair();
        fence.handle_reading("c", pg(Replica, 1));
        fence.handle_lost("a");
        fence.handle_reading("b", pg(Primary, 3));
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!(fence.primary(), None);
        let refusals = (fence.refusal("b"), fence.refusal("c"));
        assert_eq!(refusals, (Some(Refusal::Conflict), Some(Refusal::Older)));
        let mut other = fence.clone();
        other.handle_lost("b");
        assert_eq!(other.primary(), None);
        other.set_on_conflict(OnConflict::KeepIncumbent);
        fence.set_on_conflict(OnConflict::KeepIncumbent);
        assert_eq!((fence.primary(), other.primary()), (Some("b"), None));
        fence.set_on_conflict(OnConflict::Stop);
        fence.handle_lost("c");
        assert_eq!(fence.primary(), Some("b"));
    }

    #[test]
    fn a_rival_that_follows_is_none() {
        let mut fence = taken_over();
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!(fence.primary(), None);
        fence.handle_reading("c", pg(Replica, 2));
        assert_eq!((fence.primary(), fence.memory().rivals.len()), (Some("b"), 0));
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("c")), (Some("b"), Some(Refusal::Diverged)));
    }

    /// Two processes hear the same in all orders: never is each led by another one for good.
    #[test]
    fn two_that_listen_never_believe_two_for_good() {
        for seed in 0..20_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut world = [pg(Primary, 1), pg(Replica, 1), pg(Replica, 1)];
            let mut fences = [(); 2].map(|()| {
                let mut fence = pair();
                fence.handle_reading("c", pg(Replica, 1));
                fence
            });
            // What was asked for, and is not told yet.
            let mut asked: [[Option<_>; 3]; 2] = Default::default();
            for step in 0..60 {
                let (index, listener) = (rng.usize(0..3), rng.usize(..2));
                match rng.u8(..8) {
                    0 if index > 0 && step < 40 => {
                        // By itself, or with what the other one wrote of its history in view.
                        let of = |reading: &Reading| reading.history.timeline().unwrap();
                        let newest = world.iter().map(of).max().unwrap();
                        let own = of(&world[index]);
                        let next = if rng.bool() { own.max(newest) + 1 } else { own + 1 };
                        if world[index].role == Replica {
                            world[index] = pg(Primary, next);
                        }
                    }
                    1..=4 => {
                        let slot = &mut asked[listener][index];
                        if slot.is_none() {
                            *slot = Some(world[index].clone());
                        }
                    }
                    _ => {
                        let Some(reading) = asked[listener][index].take() else { continue };
                        let fence = &mut fences[listener];
                        match index {
                            0 => drop(fence.handle_lost("a")),
                            _ => fence.handle_reading(["a", "b", "c"][index], reading),
                        }
                    }
                }
            }
            for (listener, fence) in fences.iter_mut().enumerate() {
                fence.handle_lost("a");
                for _ in 0..2 {
                    for (index, server) in [(1, "b"), (2, "c")] {
                        let asked = asked[listener][index].take();
                        fence.handle_reading(server, asked.unwrap_or(world[index].clone()));
                    }
                }
            }
            let [one, other] = fences.each_ref().map(Fence::primary);
            let is_split = one.is_some() && other.is_some() && one != other;
            assert!(!is_split, "seed {seed}: {one:?} and {other:?} of {world:?}");
        }
    }
}
