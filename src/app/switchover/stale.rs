//! Whether a switchover that is to be undone was overtaken by what happened since: then it is told of,
//! what is written down of it is removed, and the old primary is left as it is. Who opened it for writes
//! then might have two.
//!
//! | since then | how that is known | it is |
//! |---|---|---|
//! | others than the two changed places, or the two once more | the records of failovers | stale |
//! | the old primary follows somebody | it says so | stale |
//! | another one was primary, and nobody is | the fence remembers it | stale |
//! | another one is primary | the fence | done |
//! | a third claims to be | it says so | stale |
//!
//! Here alone that is decided.

use std::time::{Duration, SystemTime};

use super::plan::Plan;
use crate::check::operate::Operator;
use crate::config::model::DatabaseKind;
use crate::pure::role::{Reading, Role};
use crate::telemetry::failover::{self, Record};

/// MariaDB: how many sources it replicates from just now. Every account may ask.
const FOLLOWS: &str = "SELECT VARIABLE_VALUE FROM information_schema.global_status \
    WHERE VARIABLE_NAME = 'slaves_running' AND VARIABLE_VALUE > 0";

/// MySQL: a row where it does. Who may not ask learns nothing.
const FOLLOWS_MYSQL: &str = "SELECT 1 FROM performance_schema.replication_connection_status \
    WHERE SERVICE_STATE <> 'OFF' LIMIT 1";

/// How a switchover was overtaken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overtaken {
    /// Others count now, for this reason: it is long over.
    Stale(String),
    /// Another server than the old primary is primary: it is done.
    Done,
}

/// What has overtaken the switchover of `plan`, which was written down at `since` where that is known.
///
/// # Cancel safety
/// Safe.
pub(super) async fn overtaken(
    plan: &Plan,
    since: Option<SystemTime>,
    limit: Duration,
) -> Option<Overtaken> {
    let (group, from, to) = (&plan.backend.group, &*plan.from.name, &*plan.to.name);
    if let Some(since) = since {
        let since = failover::written(since);
        let records = plan.process.remembered.failovers(&plan.backend.name);
        let later = records.iter().find(|record| record.at > since && is_other(record, from, to));
        if let Some(Record { from, to: Some(to), at, .. }) = later {
            return Some(Overtaken::Stale(format!("{to} took over from {from} since ({at})")));
        }
    }
    let known = || {
        if let Some(third) = group.intruder() {
            return Some(Overtaken::Stale(format!("{third} claims to be primary")));
        }
        let incumbent = group.memory().incumbent.map(|(server, _)| server);
        let reading = group.reading(from);
        known(from, group.claims().primary.as_deref(), incumbent.as_deref(), reading.as_ref())
    };
    if let Some(overtaken) = known() {
        return Some(overtaken);
    }
    if group.claims().primary.is_none() && follows(plan, limit).await {
        return Some(Overtaken::Stale(elsewhere(from)));
    }
    // Somebody may have become it while it was asked.
    known()
}

/// The same, as far as it is known without asking anybody: of who is primary, who was it last, and what
/// the old one said last. A member of a cluster replicates whatever it is, which says nothing.
fn known(
    from: &str,
    primary: Option<&str>,
    incumbent: Option<&str>,
    reading: Option<&Reading>,
) -> Option<Overtaken> {
    let replicates = |it: &&Reading| it.role.follows() && it.replicates == Some(true);
    match (primary, incumbent) {
        (Some(primary), _) if primary != from => Some(Overtaken::Done),
        (None, Some(last)) if last != from => {
            Some(Overtaken::Stale(format!("{last} was primary since")))
        }
        _ => reading.filter(replicates).map(|_| Overtaken::Stale(elsewhere(from))),
    }
}

fn elsewhere(from: &str) -> String {
    format!("{from} follows another server")
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
        DatabaseKind::Mysql if role == Some(Role::Member) => false,
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
    use crate::pure::role::History;
    use crate::pure::role::gtid::GtidSet;

    #[test]
    fn who_is_primary_or_was_or_is_followed_overtakes_one() {
        let reading = |role, replicates| {
            let executed = GtidSet::mariadb("0-1-7").unwrap();
            let history = History::Mysql { server: 1, executed };
            Reading { replicates, ..Reading::new(role, history, 7) }
        };
        let frozen = reading(Role::Replica, Some(false));
        let stale = |why: &str| Some(Overtaken::Stale(why.to_owned()));
        for (primary, incumbent, reading, expected) in [
            (Some("a"), Some("a"), &frozen, None),
            (None, Some("a"), &frozen, None),
            (None, None, &frozen, None),
            (Some("b"), Some("b"), &frozen, Some(Overtaken::Done)),
            // Somebody is primary: that nobody was told of it yet does not matter.
            (Some("b"), Some("a"), &frozen, Some(Overtaken::Done)),
            (None, Some("b"), &frozen, stale("b was primary since")),
            (
                None,
                Some("a"),
                &reading(Role::Replica, Some(true)),
                stale("a follows another server"),
            ),
            (
                Some("a"),
                Some("a"),
                &reading(Role::Loose, Some(true)),
                stale("a follows another server"),
            ),
            // A node of Galera, and one that does not say.
            (Some("a"), Some("a"), &reading(Role::Member, Some(true)), None),
            (None, Some("a"), &reading(Role::Replica, None), None),
        ] {
            let found = known("a", primary, incumbent, Some(reading));
            assert_eq!(found, expected, "{primary:?} {incumbent:?} {reading:?}");
        }
    }

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
