//! Who of a group claims to be primary, and who is taken for it.

use std::time::Instant;

use super::Group;
use crate::pure::role::fence::{Contest, Refusal};

/// Who claims to be primary, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who is taken for it.
    pub primary: Option<String>,
    /// Who is not, and why; in order of their names.
    pub refused: Vec<(String, Refusal)>,
}

impl Group {
    /// Forgets what is remembered.
    pub(in crate::state) fn clear(&self) {
        let mut inner = self.lock();
        inner.fence.clear();
        inner.lasting.is_cleared = true;
    }

    /// What the witnesses of a server say to whether it is primary.
    pub(in crate::state) fn handle_word(&self, now: Instant, server: &str, leads: Option<bool>) {
        self.tell(now, |fence| fence.handle_word(server, leads));
    }

    /// Who claims to be primary.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let inner = self.lock();
        let primary = inner.fence.primary().map(str::to_owned);
        let refused = inner.fence.refusals();
        Claims { primary, refused: refused.map(|(name, why)| (name.to_owned(), why)).collect() }
    }

    /// Whether another server than this one is taken for the primary.
    #[must_use]
    pub fn is_led_by_another(&self, server: &str) -> bool {
        self.lock().fence.primary().is_some_and(|primary| primary != server)
    }

    /// Whether the primary there is would be none without what is remembered: another claims it, too,
    /// and only the memory speaks against that one.
    #[must_use]
    pub fn stands_by_memory(&self) -> bool {
        let inner = self.lock();
        let mut without = inner.fence.clone();
        without.clear();
        inner.fence.primary().is_some() && without.primary().is_none()
    }

    /// Whether a switchover that goes on, or has just been made, has told this one to take no more writes: that it still says to
    /// be primary once another is, is as planned.
    #[must_use]
    pub fn is_replaced(&self, server: &str) -> bool {
        let inner = self.lock();
        let planned = inner.planned.as_ref().filter(|planned| !planned.is_given_up);
        // Until it is on record.
        let over =
            inner.incident.as_ref().filter(|it| it.paused_at.is_some() && it.is_taken_over());
        planned.is_some_and(|planned| planned.frozen.as_deref() == Some(server))
            || over.is_some_and(|incident| incident.from == server)
    }

    /// Those that claim it, where more than one may be it.
    #[must_use]
    pub fn contest(&self) -> Option<Contest> {
        self.lock().fence.contest()
    }

    /// Why a server that claims to be primary is not taken for it.
    #[must_use]
    pub fn refusal(&self, server: &str) -> Option<Refusal> {
        self.lock().fence.refusal(server)
    }
}
