//! Checks that hold a session with a database: what it says of itself goes to the backend's group.

use super::Task;
use super::driver::held::Held;
use super::target::Target;
use crate::clock;
use crate::config::model::{DatabaseCheck, DatabaseKind};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::sentinel::{Dialogue, Login};

impl Task {
    /// Asks a database what it is, by the session that is held or by a new one.
    pub(super) async fn ask(
        &self,
        check: &DatabaseCheck,
        target: &Target,
        held: &mut Option<Held>,
    ) -> Verdict {
        let started = clock::now();
        let mut session = match held.take() {
            Some(session) => session,
            None => match Held::open(target, dialogue(check)).await {
                Ok(session) => session,
                Err(verdict) => return verdict,
            },
        };
        match session.ask(target.timing.answer.unwrap_or(target.timing.inter)).await {
            Ok(reading) => {
                *held = Some(session);
                let now = clock::now();
                let mut verdict = Verdict::new(CheckStatus::L7Ok);
                verdict.duration = now.saturating_duration_since(started);
                self.occasion(now).read(&self.backend, &self.server, Some(reading));
                verdict
            }
            Err(verdict) => verdict,
        }
    }
}

/// Completes when a held session ends; never where there is none.
pub(super) async fn gone(held: &mut Option<Held>) {
    match held {
        Some(held) => held.gone().await,
        None => std::future::pending().await,
    }
}

fn dialogue(check: &DatabaseCheck) -> Dialogue {
    let login = Login {
        user: check.user.clone(),
        password: check.password.clone(),
        database: check.database.clone(),
    };
    match check.kind {
        DatabaseKind::Postgres => Dialogue::postgres(login, false),
        DatabaseKind::Mysql => Dialogue::mysql(login, false),
    }
}
