//! Servers that take writes beside a MariaDB primary, and are no rivals of it.

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
