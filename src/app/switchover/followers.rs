//! Who of the others will not follow the next primary by itself.
//!
//! A switchover tells nobody whom to follow. Those that follow the next primary already, in a cascade, go on;
//! each other one stays with the old primary, which takes no writes any more. How many follow, the next
//! primary says itself: no name or address of theirs has to be compared with ours. A program that promotes may
//! tell them, and is left to it.

use super::plan::Plan;
use super::steps::Pair;
use crate::config::model::{DatabaseKind, Promote};

/// Postgres: how many stream from it.
const POSTGRES: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication \
    WHERE state IN ('catchup', 'streaming')";

/// MariaDB: how many are connected to it, those among them that left since it sent something last. To MySQL, which tells only those who may replicate, the question is
/// a comment.
const MYSQL: &str = "SELECT COALESCE(/*M! (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
    WHERE VARIABLE_NAME = 'SLAVES_CONNECTED'), */ '')";

/// What is to be said of those that will stay behind once the next primary is one; `None`: nobody will, as
/// far as that is known.
///
/// # Errors
/// Why the next primary does not say, for people.
///
/// # Cancel safety
/// The session is of no more use when the future is dropped.
pub(super) async fn look(pair: &mut Pair, plan: &Plan) -> Result<Option<String>, String> {
    let others = others(plan);
    if others.is_empty() || !matches!(plan.step, Promote::BuiltIn(_)) {
        return Ok(None);
    }
    let question = match pair.kind {
        DatabaseKind::Postgres => POSTGRES,
        DatabaseKind::Mysql => MYSQL,
    };
    let said = pair.to.execute(question, plan.timeout).await?;
    let count = said.and_then(|said| said.parse().ok());
    Ok(count.and_then(|count| words(&plan.to.name, &others, count)))
}

/// The names of those that follow somebody, but for the next primary.
fn others(plan: &Plan) -> Vec<String> {
    let Plan { backend, from, to, .. } = plan;
    let follows = |name: &str| backend.group.reading(name).is_some_and(|it| it.role.follows());
    let servers = &backend.live().servers;
    let names = servers.iter().map(|server| server.name.to_string());
    names.filter(|name| *name != *from.name && *name != *to.name && follows(name)).collect()
}

/// What follows for `others` where so many follow `to`.
fn words(to: &str, others: &[String], count: usize) -> Option<String> {
    if count >= others.len() {
        return None;
    }
    let names = others.join(" and ");
    let (who, it) = match (count, others.len()) {
        (0, 1) => (format!("{names} does not follow {to}"), "it is"),
        (0, _) => (format!("{names} do not follow {to}"), "they are"),
        (_, _) => (format!("of {names} only {count} may follow {to}"), "the others are"),
    };
    Some(format!(
        "{who}: what is written to {to} once it is primary is missing there until {it} told to follow it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_follow_is_named_as_far_as_that_is_known() {
        let others = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (names, count, said) in [
            ("", 0, None),
            ("c", 1, None),
            ("c", 2, None),
            ("c", 0, Some("c does not follow b: ")),
            ("c d", 0, Some("c and d do not follow b: ")),
            ("c d", 1, Some("of c and d only 1 may follow b: ")),
            ("c d", 2, None),
        ] {
            let words = words("b", &others(names), count);
            assert_eq!(words.is_some(), said.is_some(), "{names} {count}: {words:?}");
            assert!(said.is_none_or(|said| words.unwrap().starts_with(said)), "{names} {count}");
        }
    }
}
