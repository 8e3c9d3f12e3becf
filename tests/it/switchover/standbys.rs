//! Standbys beside a pair: those that its commits wait for, and those that stay behind.

use super::mysql::Pair as MariaDbs;
use super::stage::Stage;
use super::{BUILT_IN, Pair, write};
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
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

/// What is said of `c` where it stays behind.
const STAYS: &str =
    "warning: c does not follow b: what is written to b once it is primary is missing there";

/// Whether it is said of `c` now; nothing stands in the way.
fn stays_behind(stage: &Stage) -> bool {
    let (done, said) = stage.ctl("switchover write --to b --dry-run");
    assert!(done && said.contains("nothing was changed"), "{said}");
    said.contains(STAYS)
}

#[test]
fn a_standby_that_will_go_on_following_the_old_primary_is_warned_of() {
    let pair = Pair::start(BUILT_IN);
    assert!(!stays_behind(&pair), "there is no other");
    let c = Postgres::replica_of(&pair.a);
    pair.join("c", c.addr);
    assert!(stays_behind(&pair));
    c.follow(&pair.b);
    eventually("it follows b", || (!stays_behind(&pair)).then_some(()));
    c.follow(&pair.a);
    eventually("it follows a", || stays_behind(&pair).then_some(()));
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done && said.contains(STAYS), "{said}");
    write(pair.write, 1).unwrap();
}

#[test]
fn so_is_a_replica_of_mariadb() {
    let pair = MariaDbs::start();
    let mut c = MariaDb::third_of(&pair.a);
    c.set_read_only(true);
    pair.join("c", c.addr);
    assert!(stays_behind(&pair));
    c.query("STOP SLAVE");
    let port = pair.b.addr.port();
    c.query(&format!("CHANGE MASTER TO MASTER_PORT={port}, MASTER_USE_GTID=no"));
    c.query("START SLAVE");
    eventually("it follows b", || (!stays_behind(&pair)).then_some(()));
    c.query("STOP SLAVE");
    eventually("it follows nobody", || {
        // b finds out with what it sends next.
        pair.b.query("FLUSH BINARY LOGS");
        stays_behind(&pair).then_some(())
    });
    let (done, said) = pair.ctl("switchover write --to b");
    assert!(done && said.contains(STAYS), "{said}");
}
