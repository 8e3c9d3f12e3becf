//! Witnesses: checks of a server beside the first one, each in a task of its own.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held::{Share, gone};
use super::target::Target;
use super::{Found, Task, reach};
use crate::clock;
use crate::config::model::{Check, CheckKind};
use crate::pure::role::witness::{Say, Witness};

impl Task {
    /// Asks the witness at `place` until it is dropped. It is not put off: who wants two opinions
    /// wants the second one in time.
    pub(super) async fn attend(self, place: usize) -> Infallible {
        let mut held: Option<Share> = None;
        let mut asked: Option<CheckKind> = None;
        let mut due = clock::now();
        loop {
            let parting = self.server.panel().next_due();
            tokio::select! {
                biased;
                () = reach(parting) => {
                    self.occasion(clock::now()).part(&self.backend, &self.server);
                    continue;
                }
                () = gone(&mut held) => {}
                () = reach(Some(due)) => {}
            }
            let settings = Arc::clone(&self.server.settings());
            let Some(check) = settings.witnesses.get(place) else {
                // The engine is about to end this.
                pending::<()>().await;
                continue;
            };
            if asked.as_ref().is_some_and(|before| *before != check.kind) {
                // Another question: what was answered to the one before says nothing.
                *self.server.panel().witness_mut(place) = Witness::default();
            }
            asked = Some(check.kind.clone());
            due = self.hear_witness(place, check, &mut held).await;
        }
    }

    /// Asks once. Returns when to ask again.
    async fn hear_witness(&self, place: usize, check: &Check, held: &mut Option<Share>) -> Instant {
        let settings = Arc::clone(&self.server.settings());
        let Some(target) = Target::of(&settings, check, self.source()) else {
            return clock::now() + check.inter;
        };
        let Found { verdict, role, .. } = self.ask(check, target, held).await;
        let now = clock::now();
        let limits = (check.rise, check.fall);
        let says = (verdict, role);
        self.occasion(now).witnessed(&self.backend, &self.server, place, says, limits);
        now + pace(check, self.server.panel().witness_mut(place))
    }
}

fn pace(check: &Check, witness: &Witness) -> Duration {
    match (witness.is_moving(), witness.say()) {
        (true, _) => check.fastinter,
        (false, Say::Down) => check.downinter,
        (false, _) => check.inter,
    }
}
