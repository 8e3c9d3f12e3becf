//! Two databases that both claim to be primary, and what Patroni says of them.

use std::sync::{Arc, Mutex};

use super::{Mood, rest};
use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::proxy::Kind;
use crate::harness::relay::relay;
use crate::harness::{PATIENCE, eventually};

/// Patroni dies on the primary, whose Postgres goes on; the cluster elects the other one. Of two that
/// claim to be primary, the one that Patroni vouches for is it.
#[test]
fn the_one_that_patroni_elected_takes_the_writes() {
    let a = Postgres::primary();
    let b = Postgres::replica_of(&a);
    let moods = [Mood::primary(), Mood::replica()].map(|mood| Arc::new(Mutex::new(mood)));
    let rests = moods.clone().map(rest);
    // Both have the same ports at addresses of their own.
    let elsewhere = |port| format!("127.0.0.2:{port}").parse().unwrap();
    let port = rests[0].addr.port();
    relay(elsewhere(port), rests[1].addr);
    let (b_addr, _) = relay(elsewhere(free_addr().port()), b.addr);
    let (dir, write) = (TempDir::new(), free_addr());
    let socket = dir.join("sock").display().to_string();
    let pace = "inter = \"100ms\", timeout = \"20s\", rise = 1, fall = 1";
    let text = format!(
        "[commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n[backend.pg]\n\
         check = [{{ type = \"postgres\", user = \"haproxy_check\", database = \"postgres\", {pace} }}, \
         {{ type = \"patroni\", port = {port}, {pace} }}]\n\
         switchover = {{ user = \"postgres\" }}\n\
         server.a = \"{}\"\nserver.b = \"{b_addr}\"\n\n\
         [frontend.write]\nbind = \"{write}\"\nbackend = \"pg\"\nrole = \"primary\"\nhold = \"60s\"\n",
        a.addr
    );
    let _evenkeel = run(&dir, &text, write);
    let fence = |row: &str| {
        eventually(row, || {
            let said = Kind::Evenkeel.run(&["ctl", "-s", &socket, "fence", "show"]).1;
            said.contains(row).then_some(())
        });
    };
    fence("pg a primary primary");
    fence("pg b replica replica");
    let mut writer = Client::connect(write, "postgres", PATIENCE).unwrap();
    writer.query("INSERT INTO written VALUES (1)").unwrap();
    // One that its witness denies would be primary for nobody.
    let dry_run = || {
        let words = ["ctl", "-s", &socket, "switchover", "write", "--to", "b", "--dry-run"];
        Kind::Evenkeel.run(&words).1
    };
    assert!(dry_run().contains("nothing was changed"), "{}", dry_run());
    *moods[1].lock().unwrap() = Mood::Garbage;
    eventually("it is refused", || {
        dry_run().contains("b would get no sessions: check 2 says down (L7RSP)").then_some(())
    });
    *moods[0].lock().unwrap() = Mood::Garbage;
    *moods[1].lock().unwrap() = Mood::primary();
    // Nobody else claims it yet: who writes goes on.
    writer.query("INSERT INTO written VALUES (2)").unwrap();
    b.promote();
    let why = writer.last_words().unwrap();
    assert!(why.contains("C57P01"), "{why}");
    fence("pg b primary primary incumbent");
    fence("pg a primary fenced former");
    let mut writer = Client::connect(write, "postgres", PATIENCE).unwrap();
    let port = writer.query("SELECT inet_server_port()").unwrap();
    assert_eq!(port[0][0], b.addr.port().to_string());
    // The endpoint on the old one comes back with what it was.
    *moods[0].lock().unwrap() = Mood::primary();
    writer.query("INSERT INTO written VALUES (3)").unwrap();
    assert_eq!(a.query("SELECT count(*) FROM written")[0][0], "2");
    fence("pg a primary fenced former");
}
