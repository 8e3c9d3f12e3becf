//! What is done to the two servers of a switchover.
//!
//! | step | Postgres | MySQL and MariaDB | a program |
//! |---|---|---|---|
//! | freeze | `default_transaction_read_only` on by ALTER SYSTEM, sessions terminated | `read_only` on | – |
//! | promote | `pg_promote()`, and the setting is reset there | replication stops, `read_only` off | it runs |
//! | undo | the setting is reset | `read_only` off; on again over there, replication starts | another runs |
//!
//! A frozen Postgres is still no standby: a session that sets `default_transaction_read_only` off for
//! itself could write to it. None comes through here, for it is fenced by its timeline once the other
//! is primary; who connects to it directly must be kept out by other means, and it has to be stopped
//! and rebuilt (`pg_rewind`) before it follows. A frozen MySQL server refuses all but accounts with
//! SUPER or READ_ONLY ADMIN, and has to be told whom to follow from now on.

use std::time::{Duration, Instant};

use super::{LOOK_EVERY, Plan};
use crate::app::operation::address_of;
use crate::check::operate::{Operator, program};
use crate::clock;
use crate::config::model::{DatabaseKind, Promote};
use crate::pure::role::fence::Refusal;
use crate::pure::role::stray::Stray;
use crate::pure::role::{Reading, Role};

/// Postgres: everybody's transactions are read-only from now on, or are no longer.
const FREEZE: &str = "ALTER SYSTEM SET default_transaction_read_only = on";
const THAW: &str = "ALTER SYSTEM RESET default_transaction_read_only";
const RELOAD: &str = "SELECT pg_catalog.pg_reload_conf()";

/// Those that began before that go; it says how many there were. Ours look only.
const TERMINATE: &str = "SELECT count(pg_catalog.pg_terminate_backend(pid)) \
    FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
    AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'evenkeel'";

/// How far a switchover has come, for undoing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Nothing,
    /// The old primary may take no writes.
    Frozen,
    /// The other may be promoted.
    Promoting,
}

/// The two servers, logged in to.
pub(super) struct Pair {
    from: Operator,
    to: Operator,
    kind: DatabaseKind,
    /// What the old primary had when it was frozen.
    had: Option<Reading>,
    progress: Progress,
}

/// The time that is left.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(clock::now()).max(LOOK_EVERY)
}

impl Pair {
    pub(super) async fn connect(plan: &Plan, deadline: Instant) -> Result<Self, String> {
        let account = plan.account()?;
        let connect = async |server| {
            let connected = Operator::connect(&plan.backend, server, &account, left(deadline) / 2);
            connected.await.map_err(|why| format!("cannot log in to {}: {why}", server.name))
        };
        let (from, to) = (connect(&plan.from).await?, connect(&plan.to).await?);
        Ok(Self { from, to, kind: account.kind, had: None, progress: Progress::Nothing })
    }

    /// What the next primary lacks now: bytes of WAL, or transactions.
    pub(super) async fn behind(&mut self, deadline: Instant) -> Result<u64, String> {
        let had = self.from.ask(left(deadline)).await?;
        let has = self.to.ask(left(deadline)).await?;
        if (had.role, has.role) != (Role::Primary, Role::Replica) {
            return Err("they are not a primary and its replica".to_owned());
        }
        has.lacks(&had).map_err(elsewhere)
    }

    /// The old primary takes no more writes.
    pub(super) async fn freeze(&mut self, plan: &Plan, deadline: Instant) -> Result<(), String> {
        let limit = left(deadline);
        if matches!(plan.step, Promote::BuiltIn(_)) {
            self.progress = Progress::Frozen;
            match self.kind {
                DatabaseKind::Postgres => {
                    self.from.execute(FREEZE, limit).await?;
                    self.from.execute(RELOAD, limit).await?;
                    while self.from.execute(TERMINATE, limit).await?.as_deref() != Some("0") {
                        if clock::now() >= deadline {
                            return Err("sessions on the old primary do not end".to_owned());
                        }
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                }
                DatabaseKind::Mysql => {
                    let patience = limit.as_secs().max(1);
                    let bound = format!("SET SESSION lock_wait_timeout = {patience}");
                    self.from.execute(&bound, limit).await?;
                    self.from.execute("SET GLOBAL read_only = 1", limit).await?;
                }
            }
        }
        self.had = Some(self.from.ask(limit).await?);
        Ok(())
    }

    /// The next primary has all that the old one had.
    pub(super) async fn catch_up(&mut self, deadline: Instant) -> Result<(), String> {
        let Some(had) = &self.had else { return Ok(()) };
        loop {
            let has = self.to.ask(left(deadline)).await?;
            let behind = has.lacks(had).map_err(elsewhere)?;
            if behind == 0 {
                return Ok(());
            }
            if clock::now() >= deadline {
                return Err(format!("the replica still lacks {behind}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The other server becomes the primary.
    pub(super) async fn promote(&mut self, plan: &Plan, deadline: Instant) -> Result<(), String> {
        self.progress = Progress::Promoting;
        let limit = left(deadline);
        match (&plan.step, self.kind) {
            (Promote::Program { promote, .. }, _) => {
                program(promote, &variables(plan, self.kind), limit).await
            }
            (Promote::BuiltIn(_), DatabaseKind::Postgres) => {
                let seconds = limit.as_secs().max(1);
                let promote = format!("SELECT pg_catalog.pg_promote(true, {seconds})");
                match self.to.execute(&promote, limit).await?.as_deref() {
                    Some("t") => {}
                    _ => return Err("pg_promote() did not get there in time".to_owned()),
                }
                // It may have been frozen itself before.
                self.to.execute(THAW, limit).await?;
                self.to.execute(RELOAD, limit).await.map(drop)
            }
            (Promote::BuiltIn(_), DatabaseKind::Mysql) => {
                self.to.execute("STOP REPLICA", limit).await?;
                self.to.execute("SET GLOBAL read_only = 0", limit).await.map(drop)
            }
        }
    }

    /// Makes the old primary take writes again, unless the other one is primary by now. Whether
    /// something had to be undone.
    pub(super) async fn undo(self, plan: &Plan) -> Result<bool, String> {
        if self.progress == Progress::Nothing {
            return Ok(false);
        }
        let (progress, kind) = (self.progress, self.kind);
        drop(self);
        if let Promote::Program { rollback, .. } = &plan.step {
            return match progress {
                Progress::Promoting if !rollback.is_empty() => {
                    let variables = variables(plan, kind);
                    program(rollback, &variables, super::UNDO_MAX).await.map(|()| true)
                }
                _ => Ok(false),
            };
        }
        let (account, limit) = (plan.account()?, super::UNDO_MAX);
        if progress == Progress::Promoting {
            undo_promotion(plan, kind, limit).await?;
        }
        let mut from = Operator::connect(&plan.backend, &plan.from, &account, limit).await?;
        match kind {
            DatabaseKind::Postgres => {
                from.execute(THAW, limit).await?;
                from.execute(RELOAD, limit).await?;
            }
            DatabaseKind::Mysql => drop(from.execute("SET GLOBAL read_only = 0", limit).await?),
        }
        Ok(true)
    }
}

/// What may have come of a promotion that failed is undone; a server that cannot be reached takes no
/// writes either, and is kept out when it comes back and claims to.
async fn undo_promotion(plan: &Plan, kind: DatabaseKind, limit: Duration) -> Result<(), String> {
    let account = plan.account()?;
    let connect = || Operator::connect(&plan.backend, &plan.to, &account, limit / 4);
    let Ok(mut to) = connect().await else { return Ok(()) };
    match kind {
        DatabaseKind::Postgres => {
            let mut said = to.ask(limit / 4).await;
            if said.is_err() {
                // It may just have died.
                let Ok(mut to) = connect().await else { return Ok(()) };
                said = to.ask(limit / 4).await;
            }
            // What the fence keeps out gets no writes either way.
            let refusal = plan.backend.group.refusal(&plan.to.name);
            let is_kept_out = refusal.is_some_and(|why| why != Refusal::Conflict);
            match said {
                Ok(reading) if reading.role == Role::Primary && !is_kept_out => {
                    Err(format!("{} is primary all the same", plan.to.name))
                }
                Ok(_) => Ok(()),
                Err(why) => Err(format!("{} does not say what it is now: {why}", plan.to.name)),
            }
        }
        DatabaseKind::Mysql => {
            to.execute("SET GLOBAL read_only = 1", limit / 4).await?;
            to.execute("START REPLICA", limit / 4).await.map(drop)
        }
    }
}

fn elsewhere(stray: Stray) -> String {
    format!("the replica would not do: {stray}")
}

/// What a program is told in its environment.
fn variables(plan: &Plan, kind: DatabaseKind) -> [(&'static str, String); 6] {
    let kind = match kind {
        DatabaseKind::Postgres => "postgres",
        DatabaseKind::Mysql => "mysql",
    };
    [
        ("EVENKEEL_BACKEND", plan.backend.name.to_string()),
        ("EVENKEEL_KIND", kind.to_owned()),
        ("EVENKEEL_FROM", plan.from.name.to_string()),
        ("EVENKEEL_FROM_ADDR", address_of(&plan.from)),
        ("EVENKEEL_TO", plan.to.name.to_string()),
        ("EVENKEEL_TO_ADDR", address_of(&plan.to)),
    ]
}
