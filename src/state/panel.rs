//! What the witnesses of a server say beside its check.

use std::sync::{MutexGuard, PoisonError};

use super::{Backend, Server};
use crate::pure::role::route::{Part, RoleRoute};
use crate::pure::role::witness::{Panel, Say};

impl Server {
    /// Its witnesses. For the control thread, like [`publish`](super::publish), which is told when
    /// one of them changes its mind.
    pub fn panel(&self) -> MutexGuard<'_, Panel> {
        // Nothing that holds it panics half-way through a change.
        self.panel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any witness says that it is down.
    pub(super) fn is_doubted(&self) -> bool {
        let panel = self.panel();
        panel.witnesses().iter().any(|witness| witness.say() == Say::Down)
    }

    /// What it is to routes by role that its check takes for `part`.
    pub(super) fn undoubted(&self, part: Part) -> Part {
        if self.panel().contradicts(part) { Part::Unknown } else { part }
    }

    /// What a witness says against it, in words; `None`: nothing.
    #[must_use]
    pub fn objection(&self, part: Part) -> Option<String> {
        let panel = self.panel();
        let mut witnesses = (2..).zip(panel.witnesses());
        let (number, witness) = witnesses.find(|(_, it)| it.say().contradicts(part))?;
        let found = witness.verdict().map(|verdict| verdict.status.name()).unwrap_or_default();
        Some(format!("check {number} says {} ({found})", witness.say().word()))
    }
}

impl Backend {
    /// The primary, where writes are routed and a witness says that it is none, so that it gets no new
    /// ones; and what that one says.
    #[must_use]
    pub fn disputed_primary(&self) -> Option<(String, String)> {
        if !self.settings().routes.contains(&RoleRoute::Primary) {
            return None;
        }
        let primary = self.group.claims().primary?;
        let live = self.live();
        let server = live.servers.iter().find(|server| *server.name == *primary)?;
        let why = server.objection(Part::Primary)?;
        Some((primary, why))
    }
}
