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
/// are no position, be they above the primary's or below.
#[test]
fn a_replica_with_transactions_of_its_own_gets_no_reads_that_want_a_lag() {
    let pair = Pair::start("BY 's3cret'");
    write(pair.proxy.write, 0).unwrap();
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    pair.b.query("STOP SLAVE");
    for n in 1..4 {
        pair.b.query(&format!("INSERT INTO app.written VALUES ({n})"));
    }
    pair.b.query("CHANGE MASTER TO MASTER_USE_GTID=current_pos");
    pair.b.query("START SLAVE");
    eventually("the primary sends nothing to it", || {
        let status = pair.b.query("SHOW ALL SLAVES STATUS");
        status[0].iter().any(|cell| cell == "1236").then_some(())
    });
    let own = pair.b.query("SELECT @@gtid_current_pos")[0][0].clone();
    let why = format!("it has {own}, which the primary has not");
    let is_out = |when: &str| {
        eventually(&format!("it is astray {when}"), || {
            let rows = pair.proxy.ctl("show stat db -1 -1");
            let row = rows.lines().find(|line| line.starts_with("db,b,"))?;
            row.contains(&format!("stray; {why}")).then_some(())
        });
        let readers = (0..20).map(|_| pair.server(pair.proxy.read));
        assert_eq!(readers.filter(|&server| server == 2).count(), 0, "{when}");
    };
    is_out("before the primary has as many");
    let at = || pair.a.query("SELECT @@gtid_current_pos")[0][0].clone();
    for n in 10..20 {
        write(pair.proxy.write, n).unwrap();
    }
    let reached = at();
    eventually("the primary is heard", || {
        pair.proxy.ctl("fence show").contains(&reached).then_some(())
    });
    is_out("after the primary has more");
    let shown = pair.proxy.ctl("fence show");
    assert!(shown.contains(&format!("# db: b is astray: {why}")), "{shown}");
    let said = pair.proxy.ctl("switchover write --to b --dry-run");
    assert!(said.contains(&why), "{said}");
    // As an operator gives it the primary's position again.
    pair.b.query("STOP SLAVE");
    pair.b.query("RESET MASTER");
    pair.b.query("CHANGE MASTER TO MASTER_USE_GTID=slave_pos");
    pair.b.query("START SLAVE");
    eventually("reads find it again", || (pair.server(pair.proxy.read) == 2).then_some(()));
}
