//! Checks that ask a database what it is: what it says of itself goes to the backend's
//! group, if it is the first check of its server.

use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::held::Share;
use super::target::{Target, Timing};
use super::{Found, Task};
use crate::clock;
use crate::config::model::{Check, DatabaseCheck};
use crate::pure::health::schedule::AWAITING_PRIMARY;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::state::publish;

/// An answer that takes longer is overdue: of two that claim to be primary, the one it is awaited from
/// yields. A poll is one round trip and takes a millisecond on a local network.
const OVERDUE_AFTER: Duration = Duration::from_millis(100);

impl Task {
    /// Asks what `check` says; where routes by role ask who is primary, an answer that is overdue says
    /// something itself.
    pub(super) async fn ask_in_time(
        &self,
        check: &Check,
        target: Target,
        held: &mut Option<Share>,
    ) -> Found {
        let mut found = pin!(self.ask(check, target, held));
        if self.backend.settings().routes.is_empty() {
            return found.await;
        }
        match timeout(OVERDUE_AFTER, found.as_mut()).await {
            Ok(found) => found,
            Err(_) => {
                if self.occasion(clock::now()).silent(&self.backend, &self.server) {
                    self.look_around();
                }
                found.await
            }
        }
    }

    /// Has the others of the group asked soon: one of them may be primary by now.
    fn look_around(&self) {
        if self.backend.group.hears_primary() {
            return;
        }
        let now = clock::now();
        let servers = self.backend.live().servers.clone();
        for server in servers.iter().filter(|server| !Arc::ptr_eq(server, &self.server)) {
            publish::health(&self.backend, server, now, |health| {
                health.hasten(now + AWAITING_PRIMARY);
            });
            server.wake_check();
        }
    }

    /// Asks a database what it is, by a session that is held.
    pub(super) async fn ask_database(
        &self,
        check: &DatabaseCheck,
        fall: NonZeroU16,
        target: &Target,
        held: &mut Option<Share>,
    ) -> Found {
        let started = clock::now();
        let before = held.take();
        let share = held.insert(self.sessions.share(target, check, before));
        let waits = share.asks_who_waits() && self.has_waiting(target.timing);
        let answer = share.ask(target, &self.server, (waits, fall.get().into())).await;
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

    /// Whether a client of the server waits for a first answer for longer than a check would.
    fn has_waiting(&self, timing: Timing) -> bool {
        let limit = timing.answer.unwrap_or(timing.inter);
        let since = clock::now().checked_sub(limit);
        since.is_some_and(|since| self.process.sessions.is_awaited(&self.server, since))
    }

    /// Asks again soon where clients may be waiting for a primary.
    pub(super) fn await_primary(&self) {
        let is_awaited = !self.backend.settings().routes.is_empty()
            && self.server.standing().is_running()
            && !self.backend.group.hears_primary();
        if is_awaited {
            let now = clock::now();
            publish::health(&self.backend, &self.server, now, |health| {
                health.hasten(now + AWAITING_PRIMARY);
            });
        }
    }
}
