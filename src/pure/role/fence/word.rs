//! What witnesses beside the checks say to whether a server is primary.

use super::Fence;

impl Fence {
    /// What the witnesses of a server say to whether it is primary. It claims nothing for it: of servers
    /// that do, it tells one from the others.
    pub fn handle_word(&mut self, server: &str, leads: Option<bool>) {
        if self.words.get(server).copied() == leads {
            return;
        }
        match leads {
            Some(leads) => drop(self.words.insert(server.to_owned(), leads)),
            None => drop(self.words.remove(server)),
        }
        self.settle();
    }

    /// The one of those that claim it whose witnesses say so, where those of all others deny it.
    pub(super) fn backed<'a>(&self, left: &[&'a String]) -> Option<&'a String> {
        let has_word = |server: &&String, word| self.words.get(*server) == Some(&word);
        let one = left.iter().copied().find(|server| has_word(server, true))?;
        left.iter().all(|server| *server == one || has_word(server, false)).then_some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Refusal;
    use super::super::tests::{pair, pg};
    use crate::pure::role::Role::Primary;

    /// Patroni died on the primary, whose database goes on, and made another one primary.
    #[test]
    fn of_two_that_claim_it_witnesses_tell_the_one() {
        let mut fence = pair();
        fence.handle_word("a", Some(false));
        fence.handle_word("b", Some(true));
        assert_eq!(fence.primary(), Some("a"), "nobody else claims it yet");
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("a")), (Some("b"), Some(Refusal::Returned)));
        fence.handle_word("b", None);
        assert_eq!(fence.primary(), Some("b"), "it is remembered");
        // One that speaks for neither, or for both, tells nothing.
        for words in [[None, Some(true)], [Some(true), Some(true)], [Some(false), None]] {
            let mut fence = pair();
            fence.handle_reading("b", pg(Primary, 2));
            fence.handle_word("a", words[0]);
            fence.handle_word("b", words[1]);
            assert_eq!(fence.primary(), None, "{words:?}");
        }
        // The one that was stays it.
        let mut fence = pair();
        fence.handle_word("a", Some(true));
        fence.handle_word("b", Some(false));
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("b")), (Some("a"), Some(Refusal::Conflict)));
    }
}
