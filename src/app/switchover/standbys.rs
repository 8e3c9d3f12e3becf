//! Postgres: whether somebody is there whom the commits of the next primary will wait for.
//!
//! With `synchronous_standby_names` a commit waits for as many standbys as it says. Those that the next
//! primary will have are the ones that stream from it already, in a cascade: neither the old primary, which
//! is left to be rebuilt, nor those that follow that one do before somebody repoints them. A program that
//! promotes may do so, and is left to it.

use super::plan::Plan;
use super::steps::Pair;
use crate::config::model::{DatabaseKind, Promote};
use crate::pure::role::copies;

/// What commits will wait for, and then a line with the name of each that streams. By default they wait for
/// nobody where `synchronous_commit` asks for less.
const QUESTION: &str = "SELECT CASE WHEN pg_catalog.current_setting('synchronous_commit') IN ('off', 'local') \
    THEN '' ELSE pg_catalog.translate(pg_catalog.current_setting('synchronous_standby_names'), E'\\n', ' ') END \
    || coalesce((SELECT pg_catalog.string_agg(E'\\n' || application_name, '') \
    FROM pg_catalog.pg_stat_replication WHERE state IN ('catchup', 'streaming')), '')";

/// What will keep all writes waiting once the next primary is one, where it is done nevertheless; `None`:
/// nothing will.
///
/// # Errors
/// That, for people, where nobody said so, or why it is not known.
///
/// # Cancel safety
/// The session is of no more use when the future is dropped.
pub(super) async fn look(
    pair: &mut Pair,
    plan: &Plan,
    force: bool,
) -> Result<Option<String>, String> {
    match ask(pair, plan).await? {
        Some(why) if !force => Err(format!("{why}; --force does it nevertheless")),
        why => Ok(why),
    }
}

/// What does so now that it is the primary, where something was going to: a standby may have come.
///
/// # Cancel safety
/// As that of [`look`].
pub(super) async fn look_again(
    pair: &mut Pair,
    plan: &Plan,
    before: Option<String>,
) -> Option<String> {
    let before = before?;
    ask(pair, plan).await.unwrap_or(Some(before))
}

async fn ask(pair: &mut Pair, plan: &Plan) -> Result<Option<String>, String> {
    let is_ours = matches!(plan.step, Promote::BuiltIn(_));
    if !is_ours || pair.kind != DatabaseKind::Postgres {
        return Ok(None);
    }
    let said = pair.to.execute(QUESTION, plan.timeout).await?.unwrap_or_default();
    Ok(words(&plan.to.name, &said))
}

/// What follows from the answer to [`QUESTION`].
fn words(to: &str, said: &str) -> Option<String> {
    let (names, streaming) = said.split_once('\n').unwrap_or((said, ""));
    let (wanted, there) = copies::wanted(names, streaming.lines())?;
    let names = names.trim();
    (there < wanted).then(|| {
        format!(
            "{to} has synchronous_standby_names = '{names}': its commits wait for {wanted} of these, and {there} \
             stream from it, so that every write hangs once it is primary (have them stream from {to}, \
             or ALTER SYSTEM SET synchronous_standby_names = '' there and pg_reload_conf() until they do)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_wait_for_more_than_there_are_hang() {
        for (said, wanted) in [
            ("", None),
            ("\nb", None),
            ("*", Some("wait for 1 of these, and 0")),
            ("*\nc", None),
            ("b", Some("and 0")),
            // Others that stream do not count.
            ("b\nc\nd", Some("and 0")),
            ("ANY 2 (b, c)\nB", Some("wait for 2 of these, and 1")),
            ("ANY 2 (b, c)\nb\nc", None),
            ("FIRST 1 (b, c)\nc", None),
            // Two of one name are two.
            ("2 (b)\nb\nb", None),
        ] {
            let words = words("b", said);
            assert_eq!(words.is_some(), wanted.is_some(), "{said}: {words:?}");
            assert!(wanted.is_none_or(|it| words.unwrap().contains(it)), "{said}");
        }
    }
}
