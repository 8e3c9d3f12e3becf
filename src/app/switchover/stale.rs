//! Whether a switchover that is to be undone was overtaken by what happened since: then it is told of,
//! what is written down of it is removed, and nothing is changed. Who opened the old primary for writes
//! then might have two.
//!
//! | since then | how that is known |
//! |---|---|
//! | another one was primary, and nobody is | the fence remembers it |
//! | others than the two changed places, or the two once more | the records of failovers |
//! | the old primary follows somebody | it says so |

use std::time::{Duration, SystemTime};

use super::plan::Plan;
use crate::check::operate::Operator;
use crate::config::model::DatabaseKind;
use crate::pure::role::Role;
use crate::telemetry::failover::{self, Record};

/// MariaDB: how many sources it replicates from just now. Every account may ask.
const FOLLOWS: &str = "SELECT VARIABLE_VALUE FROM information_schema.global_status \
    WHERE VARIABLE_NAME = 'slaves_running' AND VARIABLE_VALUE > 0";

/// MySQL: a row where it does. Who may not ask learns nothing.
const FOLLOWS_MYSQL: &str = "SELECT 1 FROM performance_schema.replication_connection_status \
    WHERE SERVICE_STATE <> 'OFF' LIMIT 1";

/// What has overtaken the switchover of `plan`, which was written down at `since` where that is known.
///
/// # Cancel safety
/// Safe.
pub(super) async fn overtaken(
    plan: &Plan,
    since: Option<SystemTime>,
    limit: Duration,
) -> Option<String> {
    let (group, from, to) = (&plan.backend.group, &*plan.from.name, &*plan.to.name);
    if let Some(since) = since {
        let since = failover::written(since);
        let records = plan.process.remembered.failovers(&plan.backend.name);
        let later = records.iter().find(|record| record.at > since && is_other(record, from, to));
        if let Some(Record { from, to: Some(to), at, .. }) = later {
            return Some(format!("{to} took over from {from} since ({at})"));
        }
    }
    if group.claims().primary.is_some() {
        // Who that is decides.
        return None;
    }
    match group.memory().incumbent {
        Some((last, _)) if last != from => Some(format!("{last} was primary since")),
        _ => follows(plan, limit).await.then(|| format!("{from} follows another server")),
    }
}

/// Whether a primary was replaced, and not this one by that.
fn is_other(record: &Record, from: &str, to: &str) -> bool {
    let next = record.to.as_deref();
    next.is_some_and(|next| next != record.from) && (&*record.from, next) != (from, Some(to))
}

/// Whether the old primary says that it follows somebody.
async fn follows(plan: &Plan, limit: Duration) -> bool {
    let Ok(account) = plan.account() else { return false };
    // Who cannot be asked cannot be opened either.
    let connected = Operator::connect(&plan.backend, &plan.from, &account, limit).await;
    let Ok(mut from) = connected else { return false };
    let role = from.ask(limit).await.ok().map(|reading| reading.role);
    match account.kind {
        DatabaseKind::Postgres => role.is_some_and(Role::follows),
        DatabaseKind::Mysql if role == Some(Role::Loose) => true,
        DatabaseKind::Mysql => {
            // The one asks nothing of the other kind: what is refused says nothing.
            for question in [FOLLOWS, FOLLOWS_MYSQL] {
                match from.execute(question, limit).await {
                    Ok(answer) if answer.is_some() => return true,
                    Ok(_) => {}
                    Err(_) => {
                        match Operator::connect(&plan.backend, &plan.from, &account, limit).await {
                            Ok(again) => from = again,
                            Err(_) => return false,
                        }
                    }
                }
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_change_of_the_primary_overtakes_one() {
        for (from, to, expected) in [
            ("a", Some("b"), false),
            ("b", Some("a"), true),
            ("a", Some("c"), true),
            // It was lost, or given up, and came back.
            ("a", Some("a"), false),
            ("a", None, false),
        ] {
            let to = to.map(str::to_owned);
            let record = Record { from: from.to_owned(), to, ..Record::default() };
            assert_eq!(is_other(&record, "a", "b"), expected, "{record:?}");
        }
    }
}
