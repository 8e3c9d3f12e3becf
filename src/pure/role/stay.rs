//! Whether the sessions of a server in trouble stay: a policy for each kind of trouble, and what is due
//! when.
//!
//! ```text
//!   none -> troubled --(at once, or after the deadline of `drain`)--> parted
//!     ^        |                                                        |
//!     '--------+---- the trouble is over, or is about more routes ------'
//! ```
//! Troubles are independent of each other, and each is asked for anew at every look: what a reload
//! says counts for troubles that last already, and what is over in time parts nobody.

use std::time::{Duration, Instant};

/// What may be wrong with a server that has sessions of routes by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its check says that it is down.
    Dead,
    /// It is not the primary, which concerns those who write.
    RoleLost,
    /// It claims to be primary and is not believed.
    Fenced,
    /// It is further behind than a route allows, which concerns the sessions of that route.
    Lagging,
    /// An operator took it out.
    Maintenance,
}

impl Trouble {
    /// All of them, in the order of [`Troubles`].
    pub const ALL: [Self; 5] =
        [Self::Dead, Self::RoleLost, Self::Fenced, Self::Lagging, Self::Maintenance];
}

/// For each trouble of [`Trouble::ALL`], how many routes it concerns; 0: it is not there.
pub type Troubles = [usize; Trouble::ALL.len()];

/// What becomes of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// They stay.
    Keep,
    /// They stay for this long.
    Drain(Duration),
    /// They are cut at once.
    Cut,
}

/// `sessions` of a backend: for each trouble of [`Trouble::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stays(pub [Stay; Trouble::ALL.len()]);

impl Default for Stays {
    /// Who may write to the wrong server, or waits for a dead one, is cut.
    fn default() -> Self {
        Self([Stay::Cut, Stay::Cut, Stay::Cut, Stay::Keep, Stay::Keep])
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The trouble has begun, and the sessions stay for now.
    Begun(Trouble),
    /// They are to be cut.
    Part(Trouble),
}

#[derive(Clone, Copy, Debug)]
struct Parting {
    routes: usize,
    since: Instant,
    is_done: bool,
}

/// The troubles of one server.
#[derive(Clone, Debug, Default)]
pub struct Partings {
    each: [Option<Parting>; Trouble::ALL.len()],
    due: Option<Instant>,
}

impl Partings {
    /// These troubles are there at `now`: what is to be done about them. Empty for most calls.
    pub fn handle_troubles(
        &mut self,
        now: Instant,
        troubles: &Troubles,
        stays: &Stays,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        self.due = None;
        for (place, (&routes, stay)) in troubles.iter().zip(stays.0).enumerate() {
            let had = self.each[place].filter(|parting| parting.routes == routes);
            let mut parting = had.unwrap_or(Parting { routes, since: now, is_done: false });
            if routes == 0 {
                self.each[place] = None;
                continue;
            }
            let due = match stay {
                Stay::Keep => None,
                Stay::Drain(deadline) => Some(parting.since + deadline),
                Stay::Cut => Some(parting.since),
            };
            let is_due = due.is_some_and(|due| due <= now);
            if is_due && !parting.is_done {
                parting.is_done = true;
                steps.push(Step::Part(Trouble::ALL[place]));
            } else if had.is_none() {
                steps.push(Step::Begun(Trouble::ALL[place]));
            }
            if let Some(due) = due.filter(|_| !parting.is_done) {
                self.due = Some(self.due.map_or(due, |other| other.min(due)));
            }
            self.each[place] = Some(parting);
        }
        steps
    }

    /// When to look again, though nothing happens.
    #[must_use]
    pub const fn next_due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINTENANCE: Troubles = [0, 0, 0, 0, 1];

    fn stays(maintenance: Stay) -> Stays {
        let Stays([dead, role_lost, fenced, lagging, _]) = Stays::default();
        Stays([dead, role_lost, fenced, lagging, maintenance])
    }

    #[test]
    fn each_trouble_has_its_own_policy() {
        let now = Instant::now();
        for (place, &trouble) in Trouble::ALL.iter().enumerate() {
            let mut troubles = [0; 5];
            troubles[place] = 1;
            let mut partings = Partings::default();
            let steps = partings.handle_troubles(now, &troubles, &Stays::default());
            let expected = match trouble {
                Trouble::Lagging | Trouble::Maintenance => Step::Begun(trouble),
                _ => Step::Part(trouble),
            };
            assert_eq!(steps, [expected]);
            assert_eq!(partings.handle_troubles(now, &troubles, &Stays::default()), []);
            assert_eq!(partings.next_due(), None);
        }
    }

    #[test]
    fn a_drain_ends_at_its_deadline_unless_the_trouble_did() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let drain = stays(Stay::Drain(Duration::from_secs(30)));
        let mut partings = Partings::default();
        let mut look = |s, troubles, stays| {
            let steps = partings.handle_troubles(at(s), &troubles, &stays);
            (steps, partings.next_due())
        };
        let begun = vec![Step::Begun(Trouble::Maintenance)];
        let part = vec![Step::Part(Trouble::Maintenance)];
        assert_eq!(look(0, MAINTENANCE, drain), (begun.clone(), Some(at(30))));
        assert_eq!(look(29, MAINTENANCE, drain), (vec![], Some(at(30))));
        assert_eq!(look(29, [0; 5], drain), (vec![], None));
        assert_eq!(look(40, MAINTENANCE, drain), (begun, Some(at(70))));
        assert_eq!(look(70, MAINTENANCE, drain), (part.clone(), None));
        assert_eq!(look(71, MAINTENANCE, drain), (vec![], None));
        // One that a reload makes stricter is over at once.
        look(72, [0; 5], drain);
        look(73, MAINTENANCE, stays(Stay::Keep));
        assert_eq!(look(80, MAINTENANCE, stays(Stay::Cut)), (part, None));
    }

    #[test]
    fn a_replica_that_falls_behind_for_one_more_route_is_looked_at_anew() {
        let now = Instant::now();
        let mut stays = Stays::default();
        stays.0[3] = Stay::Cut;
        let mut partings = Partings::default();
        for routes in [1, 2] {
            let steps = partings.handle_troubles(now, &[0, 1, 0, routes, 0], &stays);
            assert!(steps.contains(&Step::Part(Trouble::Lagging)), "{steps:?}");
        }
        assert_eq!(partings.handle_troubles(now, &[0, 1, 0, 2, 0], &stays), []);
    }
}
