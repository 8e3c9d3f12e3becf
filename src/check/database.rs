//! Checks that ask a database what it is: what it says of itself goes to the backend's
//! group, if it is the first check of its server.

use super::held::Share;
use super::target::Target;
use super::{Found, Task};
use crate::clock;
use crate::config::model::DatabaseCheck;
use crate::pure::health::verdict::{CheckStatus, Verdict};

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
        let answer = share.ask(target.timing).await;
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
}
