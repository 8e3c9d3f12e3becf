//! Checks that ask a database what it is: what it says of itself goes to the backend's group.

use super::Task;
use super::held::Share;
use super::target::Target;
use crate::clock;
use crate::config::model::DatabaseCheck;
use crate::pure::health::schedule::AWAITING_PRIMARY;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::state::publish;

impl Task {
    /// Asks a database what it is, by a session that is held.
    pub(super) async fn ask(
        &self,
        check: &DatabaseCheck,
        target: &Target,
        held: &mut Option<Share>,
    ) -> Verdict {
        let started = clock::now();
        let before = held.take();
        let share = held.insert(self.sessions.share(target, check, before));
        let answer = share.ask(target.timing).await;
        let now = clock::now();
        let mut verdict = match answer {
            Some(Ok(reading)) => {
                self.occasion(now).read(&self.backend, &self.server, Some(reading));
                Verdict::new(CheckStatus::L7Ok)
            }
            Some(Err(verdict)) => verdict,
            None => Verdict::new(CheckStatus::SocketError),
        };
        verdict.duration = now.saturating_duration_since(started);
        verdict
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
