//! Whether the account of a switchover may do all of it, asked before anybody waits.
//!
//! | | the old primary | the next one |
//! |---|---|---|
//! | Postgres | ALTER SYSTEM, have it read, see and end sessions | the same, and `pg_promote()` |
//! | MariaDB | `read_only` is set to what it is | the same, and so is `slave_exec_mode`, which takes the right that replication does |
//! | MySQL | `read_only` is set to what it is | the same, and what is granted is looked up |
//!
//! Nothing is changed by it. What a role of MySQL's grants is not known, and believed to do.

use std::time::Instant;

use super::steps::left;
use crate::check::operate::Operator;
use crate::config::model::DatabaseKind;

/// Postgres, to those who may not do everything: what gives the rights that are missing, a line each.
const POSTGRES: &str = "SELECT concat_ws('; ', \
    CASE WHEN NOT has_parameter_privilege('default_transaction_read_only', 'ALTER SYSTEM') \
    THEN format('GRANT ALTER SYSTEM ON PARAMETER default_transaction_read_only TO %I', \
    current_user) END, \
    CASE WHEN NOT has_table_privilege('pg_catalog.pg_file_settings', 'SELECT') \
    THEN format('GRANT SELECT ON pg_catalog.pg_file_settings TO %I', current_user) END, \
    (SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO %I', name, current_user), '; ') \
    FROM unnest(ARRAY['pg_catalog.pg_show_all_file_settings()', 'pg_catalog.pg_reload_conf()', \
    'pg_catalog.pg_promote(boolean, integer)']) AS name \
    WHERE NOT has_function_privilege(name, 'EXECUTE')), \
    (SELECT format('GRANT %s TO %I', string_agg(name, ', '), current_user) \
    FROM unnest(ARRAY['pg_read_all_stats', 'pg_signal_backend']) AS name \
    WHERE NOT pg_has_role(name, 'USAGE') HAVING count(*) > 0))";

/// Postgres: the same in one word where there are no such rights: before version 15 nobody else may ALTER
/// SYSTEM. Nothing: they are asked for.
const SUPERUSER: &str = "SELECT CASE WHEN pg_catalog.current_setting('is_superuser') = 'on' THEN '-' \
    WHEN pg_catalog.current_setting('server_version_num')::int < 150000 \
    THEN format('ALTER ROLE %I SUPERUSER', current_user) ELSE '' END";

/// MySQL: who that is, as GRANT has it.
const WHO: &str = "SELECT CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', \
    QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))";

/// MySQL: whether it is MariaDB.
const VERSION: &str = "SELECT VERSION()";

/// What takes the right to change it, and changes nothing.
const SET_READ_ONLY: &str = "SET GLOBAL read_only = @@global.read_only";

/// MariaDB: the same of replication.
const SET_REPLICATION: &str = "SET GLOBAL slave_exec_mode = @@global.slave_exec_mode";

/// MySQL: how many rights there are that let somebody stop replication, or roles that may.
const STOP_REPLICATION: &str = "SELECT COUNT(*) + (CURRENT_ROLE() <> 'NONE') \
    FROM information_schema.user_privileges \
    WHERE privilege_type IN ('SUPER', 'REPLICATION_SLAVE_ADMIN') \
    AND REPLACE(grantee, '''', '') = CURRENT_USER()";

/// Where a server that refuses names the rights of which one would do, and where that ends.
const ONE_OF: (&str, &str) = ("(at least one of) the ", " privilege(s)");

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is the primary.
    From,
    /// It takes over.
    To,
}

/// Fails where `user` lacks rights on a server, with what gives them.
///
/// # Errors
/// That, for people.
///
/// # Cancel safety
/// The session is of no more use when the future is dropped.
pub(super) async fn ask(
    (server, name): (&mut Operator, &str),
    (user, kind): (&str, DatabaseKind),
    part: Part,
    deadline: Instant,
) -> Result<(), String> {
    let missing = match kind {
        DatabaseKind::Postgres => postgres(server, deadline).await?,
        DatabaseKind::Mysql => mysql(server, part, deadline).await?,
    };
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("account '{user}' lacks rights on {name}, which this gives: {missing}"))
}

async fn postgres(server: &mut Operator, deadline: Instant) -> Result<String, String> {
    let super_user = server.execute(SUPERUSER, left(deadline)).await?.unwrap_or_default();
    match super_user.as_str() {
        "-" => Ok(String::new()),
        "" => Ok(server.execute(POSTGRES, left(deadline)).await?.unwrap_or_default()),
        _ => Ok(super_user),
    }
}

async fn mysql(server: &mut Operator, part: Part, deadline: Instant) -> Result<String, String> {
    let who = server.execute(WHO, left(deadline)).await?.unwrap_or_default();
    if let Err(why) = server.execute(SET_READ_ONLY, left(deadline)).await {
        return grant(&why, &who).ok_or(why);
    }
    if part == Part::From {
        return Ok(String::new());
    }
    let version = server.execute(VERSION, left(deadline)).await?.unwrap_or_default();
    if version.contains("MariaDB") {
        let set = server.execute(SET_REPLICATION, left(deadline)).await;
        return match set {
            Ok(_) => Ok(String::new()),
            Err(why) => grant(&why, &who).ok_or(why),
        };
    }
    let count = server.execute(STOP_REPLICATION, left(deadline)).await?;
    let is_missing = count.as_deref() == Some("0");
    Ok(if is_missing { line("REPLICATION_SLAVE_ADMIN", &who) } else { String::new() })
}

/// What gives `who` the right that a server of MySQL's misses; `None`: it refused for another reason. Of
/// several that would do, the last one named gives the least.
fn grant(why: &str, who: &str) -> Option<String> {
    let (_, rest) = why.split_once(ONE_OF.0)?;
    let (names, _) = rest.split_once(ONE_OF.1)?;
    let name = names.split(", ").flat_map(|names| names.split(" or ")).last()?;
    Some(line(name, who))
}

fn line(right: &str, who: &str) -> String {
    format!("GRANT {right} ON *.* TO {who}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_right_that_a_server_names_is_granted() {
        let said = |names| {
            format!(
                "1227 (42000): Access denied; you need (at least one of) the {names} privilege(s) for this operation"
            )
        };
        for (names, right) in [
            ("READ_ONLY ADMIN", "READ_ONLY ADMIN"),
            ("SUPER, REPLICATION SLAVE ADMIN", "REPLICATION SLAVE ADMIN"),
            ("SUPER or SYSTEM_VARIABLES_ADMIN", "SYSTEM_VARIABLES_ADMIN"),
        ] {
            let expected = Some(format!("GRANT {right} ON *.* TO 'a'@'%'"));
            assert_eq!(grant(&said(names), "'a'@'%'"), expected);
        }
        assert_eq!(grant("Lost connection", "'a'@'%'"), None);
    }
}
