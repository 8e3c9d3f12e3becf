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
use crate::pure::health::schedule::AWAITING_PRIMARY;
use crate::pure::role::route::Part;
use crate::pure::role::witness::{Say, Witness};

/// How long a witness that contradicts a new primary is asked as often as a primary is looked for: it
/// needs a moment to learn of it, or knows better.
const DOUBT_MAX: Duration = Duration::from_secs(30);

impl Task {
    /// Asks the witness at `place` until it is dropped. It is not put off: who wants two opinions
    /// wants the second one in time.
    pub(super) async fn attend(self, place: usize) -> Infallible {
        let mut held: Option<Share> = None;
        let mut asked: Option<CheckKind> = None;
        let mut due = clock::now();
        let mut woken = self.server.witnesses_woken();
        let mut doubting: Option<Instant> = None;
        loop {
            let parting = self.server.panel().next_due();
            tokio::select! {
                biased;
                () = reach(parting) => {
                    self.occasion(clock::now()).part(&self.backend, &self.server);
                    continue;
                }
                () = gone(&mut held) => {}
                _ = woken.changed() => {}
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
            if self.is_awaited(place) {
                let now = clock::now();
                if now < *doubting.get_or_insert(now) + DOUBT_MAX {
                    due = due.min(now + AWAITING_PRIMARY);
                }
            } else {
                doubting = None;
            }
        }
    }

    /// Whether clients wait for nothing but that this witness agrees that the server is primary.
    fn is_awaited(&self, place: usize) -> bool {
        let says = self.server.panel().witness_mut(place).say();
        says.contradicts(Part::Primary)
            && !self.backend.settings().routes.is_empty()
            && self.backend.group.claims().primary.as_deref() == Some(&*self.server.name)
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
