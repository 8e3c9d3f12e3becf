//! A planned change of the primary: it is between two, and nobody else becomes it meanwhile.

use super::{Fence, Role};

/// A change that goes on.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Who was primary when it began.
    origin: Option<String>,
    /// Who is to take over from that one.
    heir: String,
}

impl Planned {
    /// Whether it is about this one.
    pub(super) fn is_of(&self, server: &str) -> bool {
        self.heir == server || self.origin.as_deref() == Some(server)
    }
}

impl Fence {
    /// Who is to take over from the incumbent by an operator's will, or nobody: where both claim to be
    /// primary, and neither claim is refused by itself, it is this one. Nobody is where another one's
    /// claim is left, too.
    pub fn set_heir(&mut self, heir: Option<String>) {
        let origin = self.memory.incumbent.as_ref().map(|(server, _)| server.clone());
        self.planned = heir.map(|heir| Planned { origin, heir });
        self.settle();
    }

    /// Who that is.
    pub(super) fn heir(&self) -> Option<&str> {
        self.planned.as_ref().map(|planned| &*planned.heir)
    }

    /// Who claims to be primary, and is neither the one that was nor the heir.
    #[must_use]
    pub fn intruder(&self) -> Option<&str> {
        self.intruder_of(&self.left()).map(String::as_str)
    }

    /// The same of those whose claims are left. A member of a cluster is none.
    pub(super) fn intruder_of<'a>(&self, left: &[&'a String]) -> Option<&'a String> {
        let planned = self.planned.as_ref()?;
        let is_claim = |server: &String| self.readings[server].role == Role::Primary;
        left.iter().copied().find(|server| !planned.is_of(server) && is_claim(server))
    }

    /// The heir, where its claim and that of the one it takes over from are left, and no other.
    pub(super) fn planned_choice<'a>(&self, left: &[&'a String]) -> Option<&'a String> {
        let planned = self.planned.as_ref().filter(|_| left.len() == 2)?;
        let is_between = left.iter().all(|server| planned.is_of(server));
        left.iter().copied().find(|server| is_between && **server == planned.heir)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mariadb_pair, my, pair, pg};
    use super::super::{Fence, OnConflict, Refusal};
    use crate::pure::role::Role::{Loose, Primary, Replica};

    #[test]
    fn an_heir_takes_over_from_an_incumbent_that_still_claims_and_from_nobody_else() {
        let mut fence = pair();
        fence.set_heir(Some("b".to_owned()));
        assert_eq!(fence.primary(), Some("a"), "it claims nothing yet");
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!(fence.primary(), Some("b"));
        assert_eq!(fence.refusal("a"), Some(Refusal::Returned));
        fence.set_heir(None);
        assert_eq!(fence.primary(), Some("b"), "and stays it");

        let mut fence = pair();
        fence.set_heir(Some("b".to_owned()));
        fence.handle_reading("b", pg(Primary, 1));
        assert_eq!(fence.primary(), Some("a"), "it has no timeline of its own");
        fence.handle_reading("c", pg(Primary, 2));
        assert_eq!(fence.primary(), None, "another one is no heir");
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!(fence.primary(), None, "three claims are a conflict");
    }

    /// Two proxies, or two operators, at once: what the third writes would be missing.
    #[test]
    fn a_third_takes_nothing_over_while_it_goes_on() {
        let begin = |on_conflict| {
            let mut fence = mariadb_pair();
            fence.set_on_conflict(on_conflict);
            fence.handle_reading("c", my(Replica, 3, "0-1-100"));
            fence.set_heir(Some("b".to_owned()));
            fence.handle_reading("a", my(Replica, 1, "0-1-100"));
            fence.handle_reading("c", my(Primary, 3, "0-1-100"));
            let expected = (None, Some(Refusal::Conflict), Some("c"));
            assert_eq!((fence.primary(), fence.refusal("c"), fence.intruder()), expected);
            fence
        };
        let mut fence = begin(OnConflict::Stop);
        fence.handle_reading("b", my(Primary, 2, "0-1-100"));
        assert_eq!((fence.primary(), fence.intruder()), (None, Some("c")));
        assert!(fence.contest().is_some(), "it is no plan that they both do");
        fence.set_heir(None);
        assert_eq!((fence.primary(), fence.intruder()), (None, None), "they both still do");
        // It ended before it was told.
        let mut fence = begin(OnConflict::Stop);
        fence.set_heir(None);
        assert_eq!(fence.primary(), Some("c"));
        // The heir was it already.
        for (on_conflict, primary) in
            [(OnConflict::Stop, None), (OnConflict::KeepIncumbent, Some("b"))]
        {
            let mut fence = mariadb_pair();
            fence.set_on_conflict(on_conflict);
            fence.handle_reading("c", my(Replica, 3, "0-1-100"));
            fence.set_heir(Some("b".to_owned()));
            fence.handle_reading("b", my(Primary, 2, "0-1-100"));
            assert_eq!(fence.primary(), Some("b"));
            fence.handle_reading("c", my(Primary, 3, "0-1-100"));
            assert_eq!((fence.primary(), fence.intruder()), (primary, Some("c")));
        }
    }

    /// It takes writes all the time, and follows the one that is not to take any for now.
    #[test]
    fn a_third_that_takes_writes_and_follows_is_not_it_meanwhile() {
        let mut fence = mariadb_pair();
        fence.handle_reading("c", my(Loose, 3, "0-1-100"));
        fence.set_heir(Some("b".to_owned()));
        fence.handle_reading("a", my(Replica, 1, "0-1-100"));
        assert_eq!((fence.primary(), fence.intruder()), (None, None));
        fence.handle_reading("b", my(Primary, 2, "0-1-100"));
        assert_eq!(fence.primary(), Some("b"));
    }

    #[test]
    fn without_an_incumbent_there_is_nobody_to_take_over_from() {
        let mut fence = Fence::default();
        fence.set_heir(Some("b".to_owned()));
        fence.handle_reading("b", pg(Primary, 1));
        assert_eq!(fence.primary(), Some("b"));
    }
}
