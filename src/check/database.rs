//! Checks that ask a database what it is: what it says of itself goes to the backend's
//! group, if it is the first check of its server.

use super::held::Share;
use super::target::Target;
use super::{Found, Task};
use crate::clock;
use crate::config::model::DatabaseCheck;
use crate::pure::health::schedule::AWAITING_PRIMARY;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::state::publish;

impl Task {
    /// Asks a database what it is, by a session that is held.
    pub(super) async fn ask_database(
        &self,
        check: &DatabaseCheck,
        target: &Target,
        held: &mut Option<Share>,
    ) -> Found {
        let started = clock::now();
        let before = held.take();
        let share = held.insert(self.sessions.share(target, check, before));
        let answer = share.ask(target, &self.server).await;
        let now = clock::now();
        let (mut verdict, reading) = match answer {
            Some(Ok(reading)) => (Verdict::new(CheckStatus::L7Ok), Some(reading)),
            Some(Err(verdict)) => (verdict, None),
            None => (Verdict::new(CheckStatus::SocketError), None),
        };
        verdict.duration = now.saturating_duration_since(started);
        let role = reading.as_ref().map(|reading| reading.role);
        Found { verdict, role, reading }
    }

    /// Asks again soon where clients may be waiting for a primary.
    pub(super) fn await_primary(&self) {
        let is_awaited = !self.backend.settings().routes.is_empty()
            && self.server.standing().is_running()
            && !self.backend.group.has_primary();
        if is_awaited {
            let now = clock::now();
            publish::health(&self.backend, &self.server, now, |health| {
                health.hasten(now + AWAITING_PRIMARY);
            });
        }
    }
}
