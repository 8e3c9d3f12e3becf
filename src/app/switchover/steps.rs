//! What is done to the two servers of a switchover.
//!
//! | step | Postgres | MySQL and MariaDB | a program |
//! |---|---|---|---|
//! | freeze | `default_transaction_read_only` on by ALTER SYSTEM, sessions terminated | `read_only` on | – |
//! | promote | `pg_promote()`; if it was frozen itself, the setting is as the old one's was | replication stops, `read_only` off | it runs |
//! | undo | the setting is what it was | `read_only` off; what it was over there, replication starts | another runs |
//!
//! Where the next MySQL server has `super_read_only` on, the old one gets it in exchange.
//!
//! A frozen Postgres is still no standby: a session that sets `default_transaction_read_only` off for
//! itself could write to it. None comes through here, for it is fenced by its timeline once the other
//! is primary; who connects to it directly must be kept out by other means, and it has to be stopped
//! and rebuilt (`pg_rewind`) before it follows. A frozen MySQL server refuses all but accounts with
//! SUPER or READ_ONLY ADMIN, and has to be told whom to follow from now on.

use std::time::{Duration, Instant};

use super::LOOK_EVERY;
use super::before::{Before, READ_ONLY_OFF, reload_postgres, takes_writes};
use super::plan::Plan;
use super::rights::{self, Part};
use crate::app::operation::{Beat, Teller};
use crate::check::operate::{Operator, program_heard};
use crate::clock;
use crate::config::model::{DatabaseKind, Promote};
use crate::pure::role::stray::Stray;
use crate::pure::role::{Reading, Role};

/// Postgres: everybody's transactions are read-only from now on.
const FREEZE: &str = "ALTER SYSTEM SET default_transaction_read_only = on";

/// Those that began before that go, whose transactions may still write; it says how many there were.
/// Ours look only.
const TERMINATE: &str = "SELECT count(pg_catalog.pg_terminate_backend(pid)) \
    FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
    AND backend_start <= pg_catalog.pg_conf_load_time() \
    AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'evenkeel'";

/// One switchover of a primary at a time, whoever makes it: the lock is the session's.
const CLAIM: &str = "SELECT pg_catalog.pg_try_advisory_lock(7310011722905415529)";

/// The same of MySQL: 1 where it is ours.
const CLAIM_MYSQL: &str = "SELECT GET_LOCK('evenkeel.switchover', 0)";

/// The two servers, logged in to.
pub(super) struct Pair {
    from: Operator,
    pub(super) to: Operator,
    pub(super) kind: DatabaseKind,
    /// What the old primary had when it was frozen.
    had: Option<Reading>,
}

/// The time that is left.
pub(super) fn left(deadline: Instant) -> Duration {
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
        Ok(Self { from, to, kind: account.kind, had: None })
    }

    /// Whether the account may do what is built in.
    pub(super) async fn may(&mut self, plan: &Plan, deadline: Instant) -> Result<(), String> {
        let Promote::BuiltIn(account) = &plan.step else { return Ok(()) };
        let whose = (account.user.as_str(), self.kind);
        let from = (&mut self.from, &*plan.from.name);
        rights::ask(from, whose, Part::From, deadline).await?;
        rights::ask((&mut self.to, &*plan.to.name), whose, Part::To, deadline).await
    }

    /// What the next primary lacks now: bytes of WAL, or transactions. All of it is there within the
    /// lag that may be.
    pub(super) async fn keep_up(&mut self, plan: &Plan, teller: &Teller) -> Result<u64, String> {
        let mut beat = Beat::new();
        let (max, to) = (plan.max_lag, &plan.to.name);
        let deadline = clock::now() + max;
        let limit = plan.timeout;
        let had = self.from.ask(limit).await?;
        let has = self.to.ask(limit).await?;
        fit((&plan.from.name, had.role), (to, has.role))?;
        let at_first = has.lacks(&had).map_err(elsewhere)?;
        let (unit, mut behind) = (unit(self.kind), at_first);
        if let Some(lag) = plan.lag().filter(|lag| lag.time > max) {
            let time = lag.time;
            return Err(format!(
                "{to} is {time:.1?} behind, it lacks {behind} {unit} (--max-lag {max:?})"
            ));
        }
        while behind > 0 {
            plan.stands()?;
            beat.say(teller, || format!("{to} lacks {behind} {unit} yet"))?;
            if clock::now() >= deadline {
                return Err(format!(
                    "{to} is more than {max:?} behind, it lacks {behind} {unit} of what {} had then \
                     (--max-lag)",
                    plan.from.name
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            behind = self.to.ask(limit).await?.lacks(&had).map_err(elsewhere)?;
        }
        Ok(at_first)
    }

    /// Keeps others from making a switchover of the same primary meanwhile, until the session ends: another
    /// process may be in front of it, too. Whether none of them makes one.
    pub(super) async fn claim(&mut self, deadline: Instant) -> Result<bool, String> {
        let question = match self.kind {
            DatabaseKind::Postgres => CLAIM,
            DatabaseKind::Mysql => CLAIM_MYSQL,
        };
        let answer = self.from.execute(question, left(deadline)).await?;
        Ok(matches!(answer.as_deref(), Some("t" | "1")))
    }

    /// What the settings are that are about to be changed.
    pub(super) async fn look(&mut self, plan: &Plan, deadline: Instant) -> Result<Before, String> {
        match plan.step {
            Promote::BuiltIn(_) => {
                Before::look((&mut self.from, &mut self.to), self.kind, deadline).await
            }
            // What it changes it knows.
            Promote::Program { .. } => Ok(Before::default()),
        }
    }

    /// The old primary takes no more writes.
    pub(super) async fn freeze(
        &mut self,
        plan: &Plan,
        before: &Before,
        deadline: Instant,
    ) -> Result<(), String> {
        let limit = left(deadline);
        if matches!(plan.step, Promote::BuiltIn(_)) {
            match self.kind {
                DatabaseKind::Postgres => self.freeze_postgres(deadline).await?,
                DatabaseKind::Mysql => before.close_mysql(&mut self.from, deadline).await?,
            }
        }
        self.had = Some(self.from.ask(limit).await?);
        Ok(())
    }

    async fn freeze_postgres(&mut self, deadline: Instant) -> Result<(), String> {
        let limit = left(deadline);
        self.from.execute(FREEZE, limit).await?;
        reload_postgres(&mut self.from, deadline).await?;
        while self.from.execute(TERMINATE, limit).await?.as_deref() != Some("0") {
            if clock::now() >= deadline {
                return Err("sessions on the old primary do not end".to_owned());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// The next primary has all that the old one had.
    pub(super) async fn catch_up(&mut self, plan: &Plan, deadline: Instant) -> Result<(), String> {
        let Some(had) = &self.had else { return Ok(()) };
        loop {
            let has = self.to.ask(left(deadline)).await?;
            let behind = has.lacks(had).map_err(elsewhere)?;
            if behind == 0 {
                return Ok(());
            }
            if clock::now() >= deadline {
                return Err(format!("the replica still lacks {behind} {}", unit(self.kind)));
            }
            plan.may_go_on()?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The old primary still takes no writes: another who gave up the same may have undone that, or it
    /// was started anew. One that does not answer takes none, unless it was heard to since.
    pub(super) async fn stays_frozen(
        &mut self,
        plan: &Plan,
        deadline: Instant,
    ) -> Result<(), String> {
        if !matches!(plan.step, Promote::BuiltIn(_)) {
            return Ok(());
        }
        let from = &plan.from.name;
        let takes_writes = match self.kind {
            DatabaseKind::Postgres => takes_writes(&mut self.from, deadline).await.unwrap_or(false),
            DatabaseKind::Mysql => {
                let asked = self.from.ask(left(deadline)).await.ok();
                let reading = asked.or_else(|| plan.backend.group.reading(from));
                reading.is_some_and(|it| matches!(it.role, Role::Primary | Role::Loose))
            }
        };
        match takes_writes {
            true => Err(format!("{from} takes writes again, by somebody else's will")),
            false => Ok(()),
        }
    }

    /// The other server becomes the primary.
    pub(super) async fn promote(
        &mut self,
        plan: &Plan,
        before: &Before,
        deadline: Instant,
    ) -> Result<(), String> {
        let limit = left(deadline);
        match (&plan.step, self.kind) {
            (Promote::Program { promote, .. }, _) => {
                program_heard(promote, &variables(plan, self.kind), limit).await
            }
            (Promote::BuiltIn(_), DatabaseKind::Postgres) => {
                let seconds = limit.as_secs().max(1);
                let promote = format!("SELECT pg_catalog.pg_promote(true, {seconds})");
                match self.to.execute(&promote, limit).await?.as_deref() {
                    Some("t") => {}
                    _ => return Err("pg_promote() did not get there in time".to_owned()),
                }
                before.open_postgres(&mut self.to, deadline).await
            }
            (Promote::BuiltIn(_), DatabaseKind::Mysql) => {
                self.to.execute("STOP REPLICA", limit).await?;
                self.to.execute(READ_ONLY_OFF, limit).await.map(drop)
            }
        }
    }
}

/// Whether the two are a primary and its replica.
///
/// # Errors
/// What they are instead, and what mends that.
fn fit((from, old): (&str, Role), (to, next): (&str, Role)) -> Result<(), String> {
    match (old, next) {
        (Role::Primary, Role::Replica) => Ok(()),
        (Role::Loose, _) => Err(format!(
            "{from} takes writes and replicates from another server: STOP REPLICA and RESET REPLICA ALL \
             on {from} end that"
        )),
        (Role::Primary, Role::Loose) => Err(format!(
            "{to} replicates and takes writes, as one that was primary before: SET GLOBAL read_only = 1 \
             on {to} ends that"
        )),
        (old, next) => Err(format!(
            "they are not a primary and its replica: {from} is {}, {to} is {}",
            old.word(),
            next.word()
        )),
    }
}

fn elsewhere(stray: Stray) -> String {
    format!("the replica would not do: {stray}")
}

/// Whether a Postgres has not even begun with what it was told, for who told it may not.
pub(super) fn is_refused(why: &str) -> bool {
    why.contains("ERROR 42501")
}

/// What that counts.
const fn unit(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Postgres => "bytes",
        DatabaseKind::Mysql => "transactions",
    }
}

/// What a program is told in its environment.
pub(super) fn variables(plan: &Plan, kind: DatabaseKind) -> [(&'static str, String); 6] {
    let kind = match kind {
        DatabaseKind::Postgres => "postgres",
        DatabaseKind::Mysql => "mysql",
    };
    [
        ("EVENKEEL_BACKEND", plan.backend.name.to_string()),
        ("EVENKEEL_KIND", kind.to_owned()),
        ("EVENKEEL_FROM", plan.from.name.to_string()),
        ("EVENKEEL_FROM_ADDR", plan.from.settings().address.text()),
        ("EVENKEEL_TO", plan.to.name.to_string()),
        ("EVENKEEL_TO_ADDR", plan.to.settings().address.text()),
    ]
}
