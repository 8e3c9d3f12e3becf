//! A real MariaDB primary with its replica behind the proxy: death, freeze, stop and return.

use std::io::Result;
use std::net::SocketAddr;

use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{PATIENCE, both, eventually};

both! {
    killed_primary_is_replaced_and_returns,
    frozen_primary_is_replaced_and_returns,
    cleanly_stopped_primary_is_replaced_and_returns,
    a_session_survives_the_death_of_the_other_server,
    a_user_that_may_not_log_in_fails_the_check,
}

struct Pair {
    primary: MariaDb,
    replica: MariaDb,
    proxy: Proxy,
}

impl Pair {
    fn start(kind: Kind, check: &str) -> Self {
        let primary = MariaDb::primary();
        let replica = MariaDb::replica_of(&primary);
        let proxy = Scene::new(kind)
            .backend(&format!("{check}\ntimeout check 2s\n"))
            .backend("default-server inter 500ms fall 2 rise 2\n")
            .backend(&format!("server primary {} check\n", primary.addr))
            .backend(&format!("server replica {} check backup", replica.addr))
            .start();
        Self { primary, replica, proxy }
    }

    fn usual(kind: Kind) -> Self {
        let pair = Self::start(kind, "option mysql-check user haproxy_check");
        pair.proxy.wait_check("primary", "L7OK");
        pair.proxy.wait_check("replica", "L7OK");
        assert_eq!(served_by(pair.proxy.addr).unwrap(), 1);
        pair
    }

    /// A row written on the primary is seen through the proxy on `server` once replicated.
    #[track_caller]
    fn expect_data_from(&self, server: u32) {
        eventually("the rows are served", || {
            let mut client = Client::connect(self.proxy.addr, "app", PATIENCE).ok()?;
            let rows = client.query("SELECT @@server_id, count(*) FROM app.written").ok()?;
            (rows[0] == [server.to_string(), "1".to_owned()]).then_some(())
        });
    }

    /// New clients one after the other until `server` has served 20 in a row; what failed before
    /// is what the shift cost.
    #[track_caller]
    fn shift_to(&self, server: u32) -> usize {
        let (mut in_a_row, mut failed) = (0, 0);
        eventually("the other server serves", || {
            match served_by(self.proxy.addr) {
                Ok(by) if by == server => in_a_row += 1,
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

/// Logs in through `addr` and asks which server this is.
fn served_by(addr: SocketAddr) -> Result<u32> {
    let mut client = Client::connect(addr, "app", PATIENCE)?;
    Ok(client.query("SELECT @@server_id")?[0][0].parse().unwrap())
}

fn killed_primary_is_replaced_and_returns(kind: Kind) {
    let mut pair = Pair::usual(kind);
    pair.primary.query("INSERT INTO app.written VALUES (1)");
    pair.expect_data_from(1);
    eventually("it is replicated", || {
        (pair.replica.query("SELECT count(*) FROM app.written")[0][0] == "1").then_some(())
    });
    pair.primary.process.kill9();
    let failed = pair.shift_to(2);
    assert!(kind == Kind::Haproxy || failed == 0, "{failed} clients failed");
    pair.expect_data_from(2);
    pair.proxy.log.expect(&["Server be/primary is DOWN, reason: Layer4 connection problem"]);
    pair.primary.start_again();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(1), 0);
}

fn frozen_primary_is_replaced_and_returns(kind: Kind) {
    let pair = Pair::usual(kind);
    pair.primary.process.stop();
    pair.proxy.wait_status("primary", "DOWN");
    pair.proxy.log.expect(&["Server be/primary is DOWN, reason: Layer7 timeout"]);
    assert_eq!(pair.shift_to(2), 0);
    pair.primary.process.cont();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(1), 0);
}

fn cleanly_stopped_primary_is_replaced_and_returns(kind: Kind) {
    let mut pair = Pair::usual(kind);
    pair.primary.stop_clean();
    let failed = pair.shift_to(2);
    assert!(kind == Kind::Haproxy || failed == 0, "{failed} clients failed");
    pair.proxy.wait_status("primary", "DOWN");
    pair.primary.start_again();
    pair.proxy.wait_status("primary", "UP");
    assert_eq!(pair.shift_to(1), 0);
}

fn a_session_survives_the_death_of_the_other_server(kind: Kind) {
    let mut pair = Pair::usual(kind);
    let mut client = Client::connect(pair.proxy.addr, "app", PATIENCE).unwrap();
    pair.replica.process.kill9();
    pair.proxy.wait_status("replica", "DOWN");
    assert_eq!(client.query("SELECT @@server_id").unwrap()[0][0], "1");
    assert_eq!(pair.shift_to(1), 0);
}

fn a_user_that_may_not_log_in_fails_the_check(kind: Kind) {
    let pair = Pair::start(kind, "option mysql-check user nobody_here");
    pair.proxy.wait_check("primary", "L7STS");
    pair.proxy.wait_status("primary", "DOWN");
    pair.proxy.log.expect(&["Server be/primary is DOWN, reason: Layer7 wrong status, code: 1045"]);
}
