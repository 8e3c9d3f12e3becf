//! Servers that take writes beside a MariaDB primary, or took some, and are no rivals of it.

use super::{Pair, write, written};
use crate::harness::PATIENCE;
use crate::harness::eventually;
use crate::harness::mysql_wire::Client;

/// It comes back as its configuration has it, refusing writes, and is told to take them: it follows
/// nobody, and lacks what was written meanwhile.
#[test]
fn an_old_primary_that_only_refused_writes_is_no_rival_of_the_new_one() {
    let mut pair = Pair::start("BY 's3cret'");
    let addr = pair.proxy.write;
    write(addr, 0).unwrap();
    eventually("it is replicated", || (written(&pair.b) == 1).then_some(()));
    pair.a.process.kill9();
    eventually("it is missed", || {
        pair.proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
    pair.b.promote();
    write(addr, 1).unwrap();
    pair.a.read_only = true;
    pair.a.start_again();
    eventually("it is heard", || {
        pair.proxy.process.output().contains("Server db/a is UP").then_some(())
    });
    pair.a.set_read_only(false);
    eventually("it is kept out", || {
        let said = "another took over and it has not followed that one since";
        pair.proxy.process.output().contains(said).then_some(())
    });
    for n in 2..20 {
        write(addr, n).unwrap();
    }
    assert_eq!(written(&pair.b), 20);
    assert_eq!(pair.a.query("SELECT count(*) FROM app.written WHERE n > 0")[0][0], "0");
}

/// Its thread that applies ends, as by an error, and nothing tells it from a server that follows nobody.
#[test]
fn a_replica_that_takes_writes_and_breaks_stops_nobody() {
    let pair = Pair::start_with("BY 's3cret'", false);
    let addr = pair.proxy.write;
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    let mut writer = Client::connect(addr, "app", PATIENCE).unwrap();
    pair.b.query("STOP SLAVE SQL_THREAD");
    eventually("it is noticed", || {
        let said = "it only stopped following the primary, which is there";
        pair.proxy.process.output().contains(said).then_some(())
    });
    writer.query("INSERT INTO app.written VALUES (0)").unwrap();
    write(addr, 1).unwrap();
    assert!(!pair.proxy.process.output().contains("has no primary"));
    pair.b.query("START SLAVE SQL_THREAD");
    eventually("reads find it again", || (pair.server(pair.proxy.read) == 2).then_some(()));
}

/// What it wrote itself has numbers as the primary's, which refuses to send to it then (error 1236): they
/// are no position, be they above the primary's or below, and what it applied is.
#[test]
fn a_replica_with_transactions_of_its_own_is_as_far_as_what_it_applied() {
    let pair = Pair::start("BY 's3cret'");
    write(pair.proxy.write, 0).unwrap();
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    let count = || pair.b.query("SELECT count(*) FROM app.written")[0][0] == "1";
    eventually("it has that", || count().then_some(()));
    pair.b.query("STOP SLAVE");
    for n in 1..4 {
        pair.b.query(&format!("INSERT INTO app.written VALUES ({n})"));
    }
    let own = pair.b.query("SELECT @@gtid_current_pos")[0][0].clone();
    let why = format!("it wrote {own} itself, which the primary has not");
    pair.b.query("CHANGE MASTER TO MASTER_USE_GTID=current_pos");
    pair.b.query("START SLAVE");
    eventually("the primary sends nothing to it", || {
        let status = pair.b.query("SHOW ALL SLAVES STATUS");
        status[0].iter().any(|cell| cell == "1236").then_some(())
    });
    eventually("it is told", || {
        let line = format!("Server db/b is no copy of the newest primary: {why}");
        pair.proxy.process.output().contains(&line).then_some(())
    });
    let is_said = |behind: &str| {
        eventually(behind, || {
            let shown = pair.proxy.ctl("fence show");
            let row = shown.lines().find(|line| line.starts_with("db b "))?;
            let is_behind = row.split(' ').nth(6) == Some(behind);
            (is_behind && shown.contains(&format!("# db: b is astray: {why}"))).then_some(())
        });
    };
    is_said("0");
    // Its number is below the primary's first, and passed then.
    for (all, more) in [("2", 2), ("12", 10)] {
        for n in 0..more {
            write(pair.proxy.write, n).unwrap();
        }
        is_said(all);
    }
    eventually("it gets no reads", || {
        (0..20).all(|_| pair.server(pair.proxy.read) == 1).then_some(())
    });
    pair.b.query("INSERT INTO app.written VALUES (4)");
    is_said("12");
    let said = pair.proxy.ctl("switchover write --to b --dry-run");
    assert!(said.contains(&why), "{said}");
    let again = "b has what the newest primary has again";
    assert!(!pair.proxy.process.output().contains(again));
    // As an operator gives it the primary's position again.
    pair.b.query("STOP SLAVE");
    pair.b.query("RESET MASTER");
    pair.b.query("CHANGE MASTER TO MASTER_USE_GTID=slave_pos");
    pair.b.query("START SLAVE");
    eventually("reads find it again", || (pair.server(pair.proxy.read) == 2).then_some(()));
    eventually("that is said", || pair.proxy.process.output().contains(again).then_some(()));
}

/// It goes on replicating (`gtid_strict_mode = 0`): it is no less behind than it is, and no more.
#[test]
fn a_replica_that_writes_beside_its_replication_keeps_its_reads() {
    let pair = Pair::start("BY 's3cret'");
    write(pair.proxy.write, 0).unwrap();
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    for n in 1..6 {
        pair.b.query(&format!("INSERT INTO app.written VALUES ({n})"));
    }
    let is_at = |what: &str, row: &str| {
        eventually(what, || pair.proxy.ctl("fence show").contains(row).then_some(()));
    };
    is_at("it is told", "b is astray: it wrote 0-2-");
    is_at("and is not behind", "db b replica replica follower 0 0 ");
    pair.b.query("STOP SLAVE SQL_THREAD");
    write(pair.proxy.write, 6).unwrap();
    eventually("it is behind", || {
        let shown = pair.proxy.ctl("fence show");
        let row = shown.lines().find(|line| line.starts_with("db b "))?;
        (row.split(' ').nth(6) == Some("1")).then_some(())
    });
    pair.b.query("START SLAVE SQL_THREAD");
    is_at("it has caught up", "db b replica replica follower 0 0 ");
    for n in 7..17 {
        write(pair.proxy.write, n).unwrap();
    }
    let again = "b has what the newest primary has again";
    eventually("it has moved on", || pair.proxy.process.output().contains(again).then_some(()));
    assert_eq!(pair.server(pair.proxy.read), 2);
}
