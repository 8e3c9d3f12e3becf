//! What follows when a witness of a server changes its mind.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::{Before, Occasion, RolesBefore};
use crate::pure::health::verdict::Verdict;
use crate::pure::role::Role;
use crate::state::{Backend, Server, publish};

impl Occasion<'_> {
    /// The witness at `place` behind the check of a server came to `verdict`, and says that the
    /// server is `role`; so many verdicts in a row change its mind.
    pub fn witnessed(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        place: usize,
        (verdict, role): (Verdict, Option<Role>),
        limits: (NonZeroU16, NonZeroU16),
    ) {
        let (before, roles) = (Before::of(backend, server), RolesBefore::of(backend));
        let found = verdict.status.name();
        let (was, is) = {
            let mut panel = server.panel();
            let witness = panel.witness_mut(place);
            let was = witness.say();
            witness.handle_verdict(verdict, role, limits);
            (was, witness.say())
        };
        if was == is {
            return;
        }
        // What it knows first the others know soon.
        server.hint();
        server.wake_witnesses();
        let (number, path) = (place + 2, format!("{}/{}", backend.name, server.name));
        self.notice(
            backend,
            format!("Check {number} of server {path} says {} ({found}).", is.word()),
        );
        publish::witness(backend, server, self.now);
        self.say_if_empty(backend, &before);
        self.roles_changed(backend, &roles);
    }
}
