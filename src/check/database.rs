//! Checks that ask a database what it is: what it says of itself goes to the backend's group.

use super::Task;
use super::held::Share;
use super::target::Target;
use crate::clock;
use crate::config::model::DatabaseCheck;
use crate::pure::health::verdict::{CheckStatus, Verdict};

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
}
