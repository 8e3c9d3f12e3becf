//! What dies, hangs or is in the way in the middle of a switchover.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use super::stage::finish;
use super::{BUILT_IN, Pair, takes_writes, write};
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::tls::Authority;
use crate::harness::{PATIENCE, eventually};

#[test]
fn a_next_primary_that_dies_while_it_catches_up_leaves_the_old_one() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.b.process.kill9();
    let (done, said) = finish(child);
    drop(outsider);
    assert!(!done && said.contains("a takes writes again"), "{said}");
    assert!(!pair.is_written_down());
    pair.expect_as_before();
}

#[test]
fn an_old_primary_that_dies_frozen_is_followed_by_the_one_that_has_all_of_it() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.a.process.kill9();
    drop(outsider);
    let (done, said) = finish(child);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    write(pair.write, 3).unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 3")[0][0], "1");
    pair.a.start_again();
    assert!(!takes_writes(&pair.a), "it comes back as it was left");
    eventually("it is kept out", || {
        pair.ctl("fence show").1.contains("db a primary replaced").then_some(())
    });
}

#[test]
fn when_both_die_the_old_primary_takes_writes_again_once_it_is_back() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.a.process.kill9();
    pair.b.process.kill9();
    let (done, said) = finish(child);
    drop(outsider);
    assert!(!done && said.contains("it could not be undone"), "{said}");
    assert!(pair.is_written_down());
    pair.a.start_again();
    pair.wait_said("switchover to b in backend db: a takes writes again");
    write(pair.write, 3).unwrap();
    pair.expect_as_before();
    assert!(!pair.is_written_down());
}

#[test]
fn who_asked_for_it_may_go_away() {
    let pair = Pair::start(BUILT_IN);
    let (outsider, mut child) = pair.begin_and_freeze();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(outsider);
    pair.wait_said("b is primary; new clients waited");
    write(pair.write, 3).unwrap();
    assert!(takes_writes(&pair.b) && !takes_writes(&pair.a));
}

/// Nobody has to know a password for that.
#[test]
fn clients_that_never_log_in_keep_nobody_waiting() {
    let pair = Pair::start(BUILT_IN);
    let mut silent: Vec<_> = (0..4).map(|_| TcpStream::connect(pair.write).unwrap()).collect();
    eventually("they have the primary", || {
        (pair.ctl("show stat db -1 -1").1.contains("db,a,0,0,4,")).then_some(())
    });
    let (done, said) = pair.ctl("switchover write --to b --timeout 20s");
    assert!(done, "{said}");
    // One of them wakes up, and is served by the new primary.
    let mut client = Client::over(silent.pop().unwrap(), "postgres", PATIENCE).unwrap();
    assert_eq!(client.query("SELECT pg_is_in_recovery()").unwrap(), [["f"]]);
    assert_eq!(
        client.query("SELECT inet_server_port()").unwrap(),
        [[pair.b.addr.port().to_string()]]
    );
}

#[test]
fn an_idle_client_whose_state_tls_hides_is_named_and_cut_by_force() {
    let a = Postgres::primary();
    a.expect_tls("app", "pw", &Authority::new().sign(&["127.0.0.1"]));
    let b = Postgres::replica_of(&a);
    let pair = Pair::of(a, b, BUILT_IN, "", "");
    let place = format!("host=127.0.0.1 port={} user=app dbname=postgres", pair.write.port());
    let mut client = Command::new("psql")
        .args(["-qXAt", &format!("{place} sslmode=require")])
        .env("PGPASSWORD", "pw")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    input.write_all(b"SELECT 1;\n").unwrap();
    let mut answer = String::new();
    BufReader::new(output).read_line(&mut answer).unwrap();
    assert_eq!(answer, "1\n");
    let (done, said) = pair.ctl("switchover write --to b --dry-run");
    assert!(done && said.contains("TLS or compression hides of 1 of them"), "{said}");
    let (done, said) = pair.ctl("switchover write --to b --timeout 1s");
    assert!(!done && said.contains("TLS or compression hides of 1 of them"), "{said}");
    assert!(
        said.contains("1 sessions are left whose transactions TLS or compression hides"),
        "{said}"
    );
    assert!(!said.contains("takes no writes any more"), "nothing is frozen in vain: {said}");
    pair.expect_as_before();
    let (done, said) = pair.ctl("switchover write --to b --timeout 10s --force");
    assert!(done && said.contains("1 busy sessions are cut"), "{said}");
    drop(input);
    client.wait().unwrap();
    assert!(takes_writes(&pair.b) && !takes_writes(&pair.a));
}

#[test]
fn two_that_share_a_server_exclude_each_other_whatever_their_routes() {
    let (a, other) = (Postgres::primary(), free_addr());
    let b = Postgres::replica_of(&a);
    let more = format!(
        "[backend.same]\n\
         check = {{ type = \"postgres\", user = \"haproxy_check\", database = \"postgres\", \
         inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
         switchover = {{ {BUILT_IN} }}\nserver.a = \"{}\"\nserver.b = \"{}\"\n\n\
         [frontend.other]\nbind = \"{other}\"\nbackend = \"same\"\nrole = \"primary\"\n\
         hold = \"60s\"\n\n\
         [backend.plain]\nserver.a = \"{0}\"\nserver.b = \"{1}\"\n",
        a.addr, b.addr
    );
    let pair = Pair::of(a, b, BUILT_IN, "", &more);
    let (outsider, child) = pair.begin_and_freeze();
    let (done, said) = pair.ctl("switchover other --to b --max-lag 50s");
    assert!(!done && said.contains("another switchover of backend 'db' goes on"), "{said}");
    drop(outsider);
    let (done, said) = finish(child);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    // One that knows of no roles is not waited for.
    assert!(!said.contains("does not follow yet"), "{said}");
    // The other backend waited, too, and knows who took over.
    for (route, n) in [(pair.write, 3), (other, 4)] {
        write(route, n).unwrap();
        let query = format!("SELECT count(*) FROM written WHERE n = {n}");
        assert_eq!(pair.b.query(&query)[0][0], "1");
    }
}

/// What ALTER SYSTEM has set of it.
fn settings(server: &Postgres) -> Vec<String> {
    let set = "SELECT setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' \
               AND name = 'default_transaction_read_only'";
    server.query(set).concat()
}

#[test]
fn what_alter_system_had_set_is_there_again() {
    for (value, is_given) in [("off", true), ("false", true), ("", false)] {
        let mut pair = Pair::start(BUILT_IN);
        if is_given {
            pair.a.query(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
            pair.b.query(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        }
        let (before, of_b) = (settings(&pair.a), settings(&pair.b));
        assert_eq!(before.is_empty(), !is_given);
        let (outsider, child) = pair.begin_and_freeze();
        assert_eq!(settings(&pair.a), ["on"]);
        pair.b.process.kill9();
        let (done, said) = finish(child);
        assert!(!done && said.contains("a takes writes again"), "{said}");
        assert_eq!(settings(&pair.a), before);
        pair.expect_as_before();
        pair.b.start_again();
        drop(outsider);
        pair.wait_known();
        let (done, said) = pair.ctl("switchover write --to b --timeout 50s --max-lag 50s");
        assert!(done, "{said}\n{}", pair.evenkeel.output());
        assert_eq!(settings(&pair.b), of_b, "the next one is what it was, too");
    }
}

/// The end of its recovery waits for a file.
#[test]
fn a_promotion_that_hangs_is_told_of_and_makes_no_second_primary() {
    let mut pair = Pair::start(BUILT_IN);
    let go = pair.dir.join("go");
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    pair.b.query(&format!("ALTER SYSTEM SET recovery_end_command = '{wait}'"));
    pair.b.query("SELECT pg_reload_conf()");
    eventually("it is set", || {
        (pair.b.query("SHOW recovery_end_command")[0][0] == wait).then_some(())
    });
    let (done, said) = pair.ctl("switchover write --to b --timeout 3s");
    assert!(!done && said.contains("pg_promote() did not get there in time"), "{said}");
    let told = "b was told to become the primary and may do so yet";
    assert!(said.contains("a takes writes again") && said.contains(told), "{said}");
    assert_eq!(pair.record()["pending"], "b");
    assert!(pair.evenkeel.output().contains("b may become primary yet"));
    pair.expect_as_before();
    // It does. Nobody knows which of the two is to be the one, and none gets writes.
    std::fs::write(&go, "").unwrap();
    eventually("it is primary", || (!pair.b.is_replica()).then_some(()));
    eventually("both are kept out", || {
        let fence = pair.ctl("fence show").1;
        let is = |server: &str| fence.contains(&format!("db {server} primary fenced"));
        (is("a") && is("b")).then_some(())
    });
    let waiting = std::thread::spawn({
        let addr = pair.write;
        move || write(addr, 5)
    });
    pair.b.process.kill9();
    waiting.join().unwrap().unwrap();
    pair.expect_as_before();
    assert_eq!(pair.a.query("SELECT count(*) FROM written WHERE n = 5")[0][0], "1");
}
