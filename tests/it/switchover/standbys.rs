//! Pairs whose commits wait for a standby.

use super::{BUILT_IN, Pair, write};
use crate::harness::eventually;
use crate::harness::postgres::Postgres;

/// A pair of which each waits for any standby once it is primary.
fn synchronous() -> Pair {
    let a = Postgres::primary();
    let b = Postgres::replica_of(&a);
    for server in [&b, &a] {
        server.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
        server.query("SELECT pg_reload_conf()");
    }
    Pair::of(a, b, BUILT_IN, "", "")
}

#[test]
fn who_would_wait_for_a_standby_that_is_not_there_does_not_take_over() {
    let pair = synchronous();
    for command in ["switchover write --to b --dry-run", "switchover write --to b"] {
        let (done, said) = pair.ctl(command);
        assert!(!done && said.contains("b has synchronous_standby_names = '*'"), "{said}");
        assert!(said.contains("--force") && !said.contains("are to end"), "{said}");
    }
    pair.expect_as_before();
    let (done, said) = pair.ctl("switchover write --to b --force");
    assert!(done && said.contains("warning: b has synchronous_standby_names = '*'"), "{said}");
    // As it says, until that is mended.
    pair.b.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    pair.b.query("SELECT pg_reload_conf()");
    write(pair.write, 1).unwrap();
}

#[test]
fn who_has_a_standby_of_its_own_takes_over_and_goes_on() {
    let pair = synchronous();
    let c = Postgres::replica_of(&pair.b);
    let (done, said) = pair.ctl("switchover write --to b --dry-run");
    assert!(done, "{said}");
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done && !said.contains("warning"), "{said}");
    write(pair.write, 1).unwrap();
    eventually("it is there", || {
        (c.query("SELECT count(*) FROM written WHERE n = 1")[0][0] == "1").then_some(())
    });
}
