//! A real Postgres primary with its streaming replica behind the proxy: death, freeze, stop,
//! promotion and return.

use std::io::Result;
use std::net::SocketAddr;

use crate::harness::pgsql_wire::Client;
use crate::harness::postgres::Postgres;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{PATIENCE, both, eventually};

both! {
    killed_primary_is_replaced_and_returns,
    frozen_primary_is_replaced_and_returns,
    cleanly_stopped_primary_is_replaced_and_returns,
    promoted_replica_takes_the_writes,
    a_session_survives_the_death_of_the_other_server,
}

struct Pair {
    primary: Postgres,
    replica: Postgres,
    proxy: Proxy,
}

impl Pair {
    fn start(kind: Kind) -> Self {
        let primary = Postgres::primary();
        let replica = Postgres::replica_of(&primary);
        let proxy = Scene::new(kind)
            .backend("option pgsql-check user haproxy_check\ntimeout check 2s\n")
            .backend("default-server inter 500ms fall 2 rise 2\n")
            .backend(&format!("server primary {} check\n", primary.addr))
            .backend(&format!("server replica {} check backup", replica.addr))
            .start();
        proxy.wait_check("primary", "L7OK");
        proxy.wait_check("replica", "L7OK");
        let pair = Self { primary, replica, proxy };
        assert!(!on_replica(pair.proxy.addr).unwrap());
        pair
    }

    /// New clients one after the other until `replica` or the primary has served 20 in a row;
    /// what failed before is what the shift cost.
    #[track_caller]
    fn shift_to(&self, replica: bool) -> usize {
        let (mut in_a_row, mut failed) = (0, 0);
        eventually("the other server serves", || {
            match on_replica(self.proxy.addr) {
                Ok(by) if by == replica => in_a_row += 1,
                Ok(_) => in_a_row = 0,
                Err(error) => {
                    eprintln!("while shifting: {error}");
                    in_a_row = 0;
                    failed += 1;
                }
            }
            (in_a_row == 20).then_some(failed)
        })
    }
}

fn ask(addr: SocketAddr, sql: &str) -> Result<Vec<Vec<String>>> {
    Client::connect(addr, "postgres", PATIENCE)?.query(sql)
}

/// Logs in through `addr` and asks whether this is the replica.
fn on_replica(addr: SocketAddr) -> Result<bool> {
    Ok(ask(addr, "SELECT pg_is_in_recovery()")?[0][0] == "t")
}

fn killed_primary_is_replaced_and_returns(kind: Kind) {
    let mut pair = Pair::start(kind);
    ask(pair.proxy.addr, "INSERT INTO written VALUES (1)").unwrap();
    eventually("it is replicated", || {
        (pair.replica.query("SELECT count(*) FROM written")[0][0] == "1").then_some(())
    });
    pair.primary.process.kill9();
    let failed = pair.shift_to(true);
    assert!(kind == Kind::Haproxy || failed == 0, "{failed} clients failed");
    assert_eq!(ask(pair.proxy.addr, "SELECT n FROM written").unwrap(), [["1"]]);
    pair.proxy.log.expect(&["Server be/primary is DOWN, reason: Layer4 connection problem"]);
    pair.primary.start_again();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(false), 0);
}

fn frozen_primary_is_replaced_and_returns(kind: Kind) {
    let pair = Pair::start(kind);
    pair.primary.process.stop();
    pair.proxy.wait_status("primary", "DOWN");
    pair.proxy.log.expect(&["Server be/primary is DOWN, reason: Layer7 timeout"]);
    assert_eq!(pair.shift_to(true), 0);
    pair.primary.process.cont();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(false), 0);
}

fn cleanly_stopped_primary_is_replaced_and_returns(kind: Kind) {
    let mut pair = Pair::start(kind);
    pair.primary.stop_clean();
    let failed = pair.shift_to(true);
    assert!(kind == Kind::Haproxy || failed == 0, "{failed} clients failed");
    pair.proxy.wait_status("primary", "DOWN");
    pair.primary.start_again();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(false), 0);
}

fn promoted_replica_takes_the_writes(kind: Kind) {
    let mut pair = Pair::start(kind);
    pair.primary.process.kill9();
    pair.replica.promote();
    pair.shift_to(false);
    ask(pair.proxy.addr, "INSERT INTO written VALUES (2)").unwrap();
    assert_eq!(pair.replica.query("SELECT n FROM written"), [["2"]]);
}

fn a_session_survives_the_death_of_the_other_server(kind: Kind) {
    let mut pair = Pair::start(kind);
    let mut client = Client::connect(pair.proxy.addr, "postgres", PATIENCE).unwrap();
    pair.replica.process.kill9();
    pair.proxy.wait_status("replica", "DOWN");
    assert_eq!(client.query("SELECT pg_is_in_recovery()").unwrap(), [["f"]]);
    assert_eq!(pair.shift_to(false), 0);
}
