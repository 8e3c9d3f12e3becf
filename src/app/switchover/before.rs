//! The settings that a switchover changes: what they were, and how they come back.
//!
//! | | the old primary | the next one |
//! |---|---|---|
//! | Postgres | what ALTER SYSTEM set `default_transaction_read_only` to, or that it did not | – |
//! | MySQL, MariaDB | takes writes, or it would be no primary | `read_only`, and MySQL's `super_read_only` |

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::LOOK_EVERY;
use super::steps::left;
use crate::check::operate::Operator;
use crate::clock;
use crate::config::model::DatabaseKind;

/// Whether sessions of a Postgres that begin now refuse writes.
const REFUSES: &str = "SHOW default_transaction_read_only";

/// What its ALTER SYSTEM says of that, whatever another file or the command line says.
const BY_SYSTEM: &str = "SELECT setting FROM pg_catalog.pg_file_settings \
    WHERE name = 'default_transaction_read_only' AND sourcefile LIKE '%/postgresql.auto.conf' \
    ORDER BY seqno DESC LIMIT 1";

/// Has it read its settings again.
const RELOAD: &str = "SELECT pg_catalog.pg_reload_conf()";

/// When the session read them last.
const READ_AT: &str = "SELECT pg_catalog.pg_conf_load_time()";

/// MySQL: whether it takes writes.
const READ_ONLY: &str = "SELECT @@global.read_only";

/// A row where MySQL takes none from those either who may do anything; MariaDB has no such thing.
const SUPER_READ_ONLY: &str =
    "SHOW GLOBAL VARIABLES WHERE Variable_name = 'super_read_only' AND Value = 'ON'";

/// Takes no writes from anybody.
const CLOSE_TO_ALL: &str = "SET GLOBAL super_read_only = 1";

/// It takes them from everybody; `super_read_only` is off then, too.
pub(super) const READ_ONLY_OFF: &str = "SET GLOBAL read_only = 0";

/// What was there before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// Postgres: what ALTER SYSTEM had set on the old primary; `None`: nothing.
    #[serde(default)]
    set: Option<String>,
    /// MySQL: what the next one's `read_only` was; `None`: on.
    #[serde(default)]
    read_only: Option<String>,
    /// MySQL: the next one's `super_read_only` was on.
    #[serde(default)]
    is_super: bool,
}

impl Before {
    /// Asks the two servers, the old primary first.
    pub(super) async fn look(
        (from, to): (&mut Operator, &mut Operator),
        kind: DatabaseKind,
        deadline: Instant,
    ) -> Result<Self, String> {
        let limit = left(deadline);
        match kind {
            DatabaseKind::Postgres => {
                let set = word(from.execute(BY_SYSTEM, limit).await?)?;
                Ok(Self { set, ..Self::default() })
            }
            DatabaseKind::Mysql => {
                let read_only = word(to.execute(READ_ONLY, limit).await?)?;
                let is_super = to.execute(SUPER_READ_ONLY, limit).await?.is_some();
                Ok(Self { read_only, is_super, ..Self::default() })
            }
        }
    }

    /// A Postgres that was the primary is what it was; whether it takes writes.
    pub(super) async fn thaw_postgres(
        &self,
        from: &mut Operator,
        deadline: Instant,
    ) -> Result<bool, String> {
        let statement = match &self.set {
            Some(value) => format!("ALTER SYSTEM SET default_transaction_read_only = '{value}'"),
            None => "ALTER SYSTEM RESET default_transaction_read_only".to_owned(),
        };
        from.execute(&statement, left(deadline)).await?;
        reload_postgres(from, deadline).await?;
        takes_writes(from, deadline).await
    }

    /// A Postgres that is the primary now takes writes as the one before did: it may have been frozen
    /// itself by an earlier switchover.
    pub(super) async fn open_postgres(
        &self,
        to: &mut Operator,
        deadline: Instant,
    ) -> Result<(), String> {
        if takes_writes(to, deadline).await? {
            return Ok(());
        }
        self.thaw_postgres(to, deadline).await.map(drop)
    }

    /// The old primary of MySQL takes no more writes, as the next one took none.
    pub(super) async fn close_mysql(
        &self,
        from: &mut Operator,
        deadline: Instant,
    ) -> Result<(), String> {
        let patience = left(deadline).as_secs().max(1);
        let bound = format!("SET SESSION lock_wait_timeout = {patience}");
        from.execute(&bound, left(deadline)).await?;
        from.execute("SET GLOBAL read_only = 1", left(deadline)).await?;
        if self.is_super {
            from.execute(CLOSE_TO_ALL, left(deadline)).await?;
        }
        Ok(())
    }

    /// A MySQL server that was to be the primary is what it was, and follows.
    pub(super) async fn demote_mysql(
        &self,
        to: &mut Operator,
        deadline: Instant,
    ) -> Result<(), String> {
        let read_only = self.read_only.as_deref().unwrap_or("1");
        to.execute(&format!("SET GLOBAL read_only = {read_only}"), left(deadline)).await?;
        if self.is_super {
            to.execute(CLOSE_TO_ALL, left(deadline)).await?;
        }
        to.execute("START REPLICA", left(deadline)).await.map(drop)
    }
}

/// Whether sessions of a Postgres that begin now may write.
pub(super) async fn takes_writes(server: &mut Operator, deadline: Instant) -> Result<bool, String> {
    let said = server.execute(REFUSES, left(deadline)).await?;
    Ok(said.as_deref() != Some("on"))
}

/// Has a Postgres read its settings again, and waits until it has: sessions that begin then have them.
pub(super) async fn reload_postgres(
    server: &mut Operator,
    deadline: Instant,
) -> Result<(), String> {
    let before = server.execute(READ_AT, left(deadline)).await?;
    server.execute(RELOAD, left(deadline)).await?;
    // Sessions read them after the process that begins them.
    while server.execute(READ_AT, left(deadline)).await? == before {
        if clock::now() >= deadline {
            return Err("it does not read its settings again".to_owned());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// A value that may stand in a statement of ours.
fn word(value: Option<String>) -> Result<Option<String>, String> {
    let is_word = |value: &String| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match value {
        Some(value) if !is_word(&value) => {
            Err(format!("what is set of read-only makes no sense: {value}"))
        }
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_come_back_into_statements() {
        for (value, is_word) in [("on", true), ("NO_LOCK_NO_ADMIN", true), ("1", true)] {
            assert_eq!(word(Some(value.to_owned())).is_ok(), is_word, "{value}");
        }
        for value in ["", "on'; DROP TABLE x", "o n"] {
            assert!(word(Some(value.to_owned())).is_err(), "{value}");
        }
        assert_eq!(word(None), Ok(None));
        let old = r#"{"was_read_only":false}"#;
        assert_eq!(serde_json::from_str::<Before>(old).unwrap(), Before::default());
    }
}
