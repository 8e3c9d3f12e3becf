//! What takes a switchover back that was begun, in this process or in one before.

use std::time::{Duration, SystemTime};

use super::before::{Before, READ_ONLY_OFF};
use super::plan::Plan;
use super::stale::{self, Overtaken};
use super::steps::variables;
use super::{LOOK_EVERY, UNDO_MAX};
use crate::check::operate::{Operator, program_heard};
use crate::clock;
use crate::config::model::{DatabaseKind, Promote};
use crate::pure::role::Role;
use crate::pure::role::fence::Refusal;

/// How long a Postgres that was told to become the primary is watched: it does so at once, or is hung.
const PROMOTION_MAX: Duration = Duration::from_secs(3);

/// How far a switchover had come that changed something.
#[derive(Clone, Debug)]
pub(super) struct Half {
    /// What is to come back.
    pub(super) before: Before,
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
    /// It does, and the next one was told to become the primary and may do so yet.
    Pending,
    /// Another server is primary: the old one is left as it is.
    Finished,
    /// It was overtaken: nothing is changed.
    Stale,
}

impl Undone {
    /// Whether all is left as it is, for others than the old primary count now.
    pub(super) const fn is_left(self) -> bool {
        matches!(self, Self::Finished | Self::Stale)
    }

    /// What that means, for people.
    pub(super) fn words(self, from: &str, to: &str) -> String {
        match self {
            Self::Nothing => "nothing had to be undone".to_owned(),
            Self::Reversed => format!("{from} takes writes again"),
            Self::Pending => format!("{from} takes writes again; {}", pending(to)),
            Self::Stale => format!("it was overtaken, and {from} is left as it is"),
            Self::Finished => {
                format!("another server than {from} is primary: {from} is left as it is")
            }
        }
    }
}

/// What hangs over those who gave it up.
pub(super) fn pending(to: &str) -> String {
    format!(
        "{to} was told to become the primary and may do so yet: stop it, or there may be two, of which \
         none gets writes unless on_conflict keeps the old one"
    )
}

/// What became of the next primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Primary,
    Replica,
    /// It was told to become the primary, and has not, or does not say.
    Unknown,
}

impl Half {
    /// [`undo`](Self::undo), where nothing has overtaken what was written down at `since`; that is not
    /// known of one that has just failed.
    ///
    /// # Errors
    /// As those of `undo`.
    ///
    /// # Cancel safety
    /// As that of `undo`.
    pub(super) async fn undo_unless_stale(
        &self,
        plan: &Plan,
        since: Option<SystemTime>,
    ) -> Result<Undone, String> {
        match stale::overtaken(plan, since, UNDO_MAX / 4).await {
            Some(Overtaken::Stale(why)) => {
                let (from, to) = (&plan.from.name, &plan.to.name);
                tracing::warn!("switchover from {from} to {to} is not undone: {why}.");
                Ok(Undone::Stale)
            }
            Some(Overtaken::Done) => self.finish(plan).await,
            None => self.undo(plan).await,
        }
    }

    /// Another server is primary: where it is one that was promoted here, it takes writes.
    async fn finish(&self, plan: &Plan) -> Result<Undone, String> {
        let account = plan.account()?;
        let is_ours = matches!(plan.step, Promote::BuiltIn(_));
        if is_ours && self.is_promoting && account.kind == DatabaseKind::Postgres {
            // One that cannot be reached, or is none, is as it was.
            let to = Operator::connect(&plan.backend, &plan.to, &account, UNDO_MAX / 4).await;
            if let Ok(mut to) = to {
                self.open(&mut to).await?;
            }
        }
        Ok(Undone::Finished)
    }

    /// Makes the old primary what it was, unless the next one is primary by now.
    ///
    /// # Errors
    /// What keeps it from that: it may be tried again.
    ///
    /// # Cancel safety
    /// It may be tried again after it was dropped.
    async fn undo(&self, plan: &Plan) -> Result<Undone, String> {
        let (account, kind) = (plan.account()?, plan.account()?.kind);
        let deadline = clock::now() + UNDO_MAX;
        let connect = |server| Operator::connect(&plan.backend, server, &account, UNDO_MAX / 4);
        let next = match &plan.step {
            Promote::Program { rollback, .. } => {
                if !self.is_promoting || rollback.is_empty() {
                    return Ok(Undone::Nothing);
                }
                return program_heard(rollback, &variables(plan, kind), UNDO_MAX)
                    .await
                    .map(|()| Undone::Reversed);
            }
            Promote::BuiltIn(_) => match (connect(&plan.to).await, kind) {
                (Ok(to), DatabaseKind::Postgres) => self.became(plan, to).await?,
                (Ok(mut to), DatabaseKind::Mysql) => {
                    if self.is_promoting {
                        self.before.demote_mysql(&mut to, deadline).await?;
                    }
                    Next::Replica
                }
                (Err(_), _) => self.unheard(),
            },
        };
        if next == Next::Primary {
            return self.finish(plan).await;
        }
        let mut from = connect(&plan.from).await?;
        let takes_writes = match kind {
            DatabaseKind::Postgres => self.before.thaw_postgres(&mut from, deadline).await?,
            DatabaseKind::Mysql => {
                from.execute(READ_ONLY_OFF, UNDO_MAX).await?;
                true
            }
        };
        Ok(match (next, takes_writes) {
            (Next::Unknown, _) => Undone::Pending,
            (_, true) => Undone::Reversed,
            (_, false) => Undone::Nothing,
        })
    }

    /// Where the next one does not say what it is: a server that is dead now does what it was told when
    /// it comes back.
    const fn unheard(&self) -> Next {
        if self.is_promoting { Next::Unknown } else { Next::Replica }
    }

    /// What became of the Postgres that was to be the primary.
    async fn became(&self, plan: &Plan, mut to: Operator) -> Result<Next, String> {
        let (account, limit) = (plan.account()?, UNDO_MAX / 4);
        let until = clock::now() + PROMOTION_MAX;
        loop {
            let mut said = to.ask(limit).await;
            if said.is_err() {
                // It may just have died.
                let again = Operator::connect(&plan.backend, &plan.to, &account, limit).await;
                let Ok(again) = again else { return Ok(self.unheard()) };
                to = again;
                said = to.ask(limit).await;
            }
            match said {
                Ok(reading) if reading.role == Role::Primary => {
                    // What the fence keeps out gets no writes either way.
                    let refusal = plan.backend.group.refusal(&plan.to.name);
                    let is_kept_out = refusal.is_some_and(|why| why != Refusal::Conflict);
                    return Ok(if is_kept_out { Next::Replica } else { Next::Primary });
                }
                Ok(_) if !self.is_promoting || clock::now() >= until => return Ok(self.unheard()),
                Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
                Err(why) => {
                    return Err(format!("{} does not say what it is now: {why}", plan.to.name));
                }
            }
        }
    }

    /// The Postgres that is the primary now takes writes, as far as it is one.
    async fn open(&self, to: &mut Operator) -> Result<(), String> {
        let deadline = clock::now() + UNDO_MAX;
        match to.ask(UNDO_MAX).await?.role {
            Role::Primary => self.before.open_postgres(to, deadline).await,
            _ => Ok(()),
        }
    }
}
