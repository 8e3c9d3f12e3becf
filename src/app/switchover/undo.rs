//! What takes a switchover back that was begun, in this process or in one before.

use std::time::Duration;

use super::plan::Plan;
use super::steps::{READ_ONLY_OFF, THAW, reload_postgres, variables};
use super::{LOOK_EVERY, UNDO_MAX};
use crate::check::operate::{Operator, program};
use crate::clock;
use crate::config::model::{DatabaseKind, Promote};
use crate::pure::role::Role;
use crate::pure::role::fence::Refusal;

/// How long a Postgres that was told to become the primary is watched: it does so at once, or is hung.
const PROMOTION_MAX: Duration = Duration::from_secs(3);

/// How far a switchover had come that changed something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    /// The old primary refused writes before.
    pub(super) was_read_only: bool,
    /// The next one may have been told to become it.
    pub(super) is_promoting: bool,
}

/// What came of undoing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// Nothing had to be.
    Nothing,
    /// The old primary takes writes.
    Reversed,
    /// Another server is primary: the old one goes on refusing writes.
    Finished,
}

impl Half {
    /// Makes the old primary take writes again, unless another one is primary by now.
    ///
    /// # Errors
    /// What keeps it from that: it may be tried again.
    ///
    /// # Cancel safety
    /// It may be tried again after it was dropped.
    pub(super) async fn undo(self, plan: &Plan) -> Result<Undone, String> {
        if is_led_by_another(plan) {
            return Ok(Undone::Finished);
        }
        let (account, kind) = (plan.account()?, plan.account()?.kind);
        if let Promote::Program { rollback, .. } = &plan.step {
            if !self.is_promoting || rollback.is_empty() {
                return Ok(Undone::Nothing);
            }
            return program(rollback, &variables(plan, kind), UNDO_MAX)
                .await
                .map(|()| Undone::Reversed);
        }
        let is_done = match kind {
            DatabaseKind::Postgres => is_promoted(plan, self.is_promoting).await?,
            DatabaseKind::Mysql => {
                if self.is_promoting {
                    demote_mysql(plan).await?;
                }
                false
            }
        };
        if is_done {
            return Ok(Undone::Finished);
        }
        if self.was_read_only {
            return Ok(Undone::Nothing);
        }
        let deadline = clock::now() + UNDO_MAX;
        let mut from = Operator::connect(&plan.backend, &plan.from, &account, UNDO_MAX).await?;
        match kind {
            DatabaseKind::Postgres => {
                from.execute(THAW, UNDO_MAX).await?;
                reload_postgres(&mut from, deadline).await?;
            }
            DatabaseKind::Mysql => drop(from.execute(READ_ONLY_OFF, UNDO_MAX).await?),
        }
        Ok(Undone::Reversed)
    }
}

fn is_led_by_another(plan: &Plan) -> bool {
    let primary = plan.backend.group.claims().primary;
    primary.is_some_and(|primary| *primary != *plan.from.name)
}

/// Whether the Postgres that was to be the primary is. One that cannot be reached takes no writes
/// either, and is kept out when it comes back and claims to.
async fn is_promoted(plan: &Plan, is_promoting: bool) -> Result<bool, String> {
    let (account, limit) = (plan.account()?, UNDO_MAX / 4);
    let connect = || Operator::connect(&plan.backend, &plan.to, &account, limit);
    let Ok(mut to) = connect().await else { return Ok(false) };
    let until = clock::now() + PROMOTION_MAX;
    loop {
        let mut said = to.ask(limit).await;
        if said.is_err() {
            // It may just have died.
            let Ok(again) = connect().await else { return Ok(false) };
            to = again;
            said = to.ask(limit).await;
        }
        match said {
            Ok(reading) if reading.role == Role::Primary => {
                // What the fence keeps out gets no writes either way.
                let refusal = plan.backend.group.refusal(&plan.to.name);
                return Ok(refusal.is_none_or(|why| why == Refusal::Conflict));
            }
            Ok(_) if !is_promoting || clock::now() >= until => return Ok(false),
            Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
            Err(why) => {
                return Err(format!("{} does not say what it is now: {why}", plan.to.name));
            }
        }
    }
}

/// What may have come of a promotion is undone; a server that cannot be reached is taken for dead.
async fn demote_mysql(plan: &Plan) -> Result<(), String> {
    let (account, limit) = (plan.account()?, UNDO_MAX / 4);
    let connected = Operator::connect(&plan.backend, &plan.to, &account, limit).await;
    let Ok(mut to) = connected else { return Ok(()) };
    to.execute("SET GLOBAL read_only = 1", limit).await?;
    to.execute("START REPLICA", limit).await.map(drop)
}
