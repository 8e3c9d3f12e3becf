//! Accounts that may not do what a switchover takes.

use super::mysql;
use super::stage::finish;
use super::{BUILT_IN, Pair, connect, write};
use crate::harness::eventually;
use crate::harness::postgres::Postgres;

/// The statements that a refusal says to be missing.
#[track_caller]
fn missing(said: &str, account: &str) -> Vec<String> {
    let lead = format!("account '{account}' lacks rights on ");
    let (_, rest) = said.split_once(&lead).unwrap_or_else(|| panic!("{said}"));
    let (_, grants) = rest.split_once(", which this gives: ").unwrap();
    assert!(!said.contains("are to end"), "nobody waits for it: {said}");
    grants.trim().trim_end_matches('.').split("; ").map(str::to_owned).collect()
}

/// Who follows what the refusal says may do it, without being a superuser.
#[test]
fn an_account_of_postgres_lacks_rights_before_anybody_waits() {
    let a = Postgres::primary();
    a.query("CREATE ROLE \"The Mover\" LOGIN");
    let b = Postgres::replica_of(&a);
    let pair = Pair::of(a, b, "user = \"The Mover\"", "", "");
    for command in ["switchover write --to b --dry-run", "switchover write --to b"] {
        let (done, said) = pair.ctl(command);
        let grants = missing(&said, "The Mover");
        assert!(!done && grants.len() == 6, "{said}");
    }
    for grant in missing(&pair.ctl("switchover write --to b").1, "The Mover") {
        pair.a.query(&grant);
    }
    eventually("they are replicated", || {
        pair.ctl("switchover write --to b --dry-run").0.then_some(())
    });
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    write(pair.write, 1).unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 1")[0][0], "1");
}

#[test]
fn an_account_of_mariadb_lacks_rights_before_anybody_waits() {
    let pair = mysql::Pair::start();
    pair.a.query("REVOKE READ_ONLY ADMIN, REPLICATION SLAVE ADMIN ON *.* FROM operator@'%'");
    for right in ["READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN"] {
        let said = eventually("it is not allowed", || {
            let (done, said) = pair.ctl("switchover write --to b");
            (!done && said.contains(right)).then_some(said)
        });
        let grants = missing(&said, "operator");
        assert_eq!(grants, [format!("GRANT {right} ON *.* TO 'operator'@'%'")]);
        assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "0");
        pair.a.query(&grants[0]);
    }
    let done = || pair.ctl("switchover write --to b --dry-run").0.then_some(());
    eventually("it is allowed", done);
    assert_eq!(pair.b.query("SELECT @@read_only")[0][0], "1");
}

/// The right is taken away meanwhile: nobody was promoted, and nobody may be.
#[test]
fn a_promotion_that_is_refused_is_none_that_may_come_yet() {
    let a = Postgres::primary();
    a.query("CREATE ROLE mover SUPERUSER LOGIN");
    let b = Postgres::replica_of(&a);
    let pair = Pair::of(a, b, &BUILT_IN.replace("postgres", "mover"), "", "");
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    busy.query("INSERT INTO written VALUES (1)").unwrap();
    let child = pair.begin("switchover write --to b --timeout 50s");
    pair.wait_said("sessions of a are to end");
    pair.a.query("ALTER ROLE mover NOSUPERUSER");
    pair.a.query(
        "GRANT ALTER SYSTEM ON PARAMETER default_transaction_read_only TO mover; \
         GRANT SELECT ON pg_catalog.pg_file_settings TO mover; \
         GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO mover; \
         GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO mover; \
         GRANT pg_read_all_stats, pg_signal_backend TO mover",
    );
    busy.query("COMMIT").unwrap();
    let (done, said) = finish(child);
    assert!(!done && said.contains("42501") && said.contains("pg_promote"), "{said}");
    // Two servers are asked: which of them says so is told.
    assert!(said.contains("b: "), "{said}");
    assert!(said.contains("a takes writes again") && !said.contains("may do so yet"), "{said}");
    assert!(pair.record().get("pending").is_none_or(serde_json::Value::is_null));
    pair.expect_as_before();
}
