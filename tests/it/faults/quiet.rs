//! What checks cost a database: one round trip of two packets a poll, and not a line in its log.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::relay::relay;
use crate::harness::tls::Authority;

/// What goes into a packet of an Ethernet.
const PACKET_BYTES: usize = 1448;

/// Evenkeel with these backends, each a check and its server, every ten milliseconds.
fn checked(checks: &[(&str, SocketAddr)]) -> (Process, TempDir) {
    let (dir, bind) = (TempDir::new(), free_addr());
    let password = dir.write("db.pass", "s3cret\n");
    let mut text = format!("[frontend.f]\nbind = \"{bind}\"\nbackend = \"b0\"\n");
    for (number, (check, server)) in checks.iter().enumerate() {
        let check = check.replace("FILE", &password.display().to_string());
        text += &format!(
            "[backend.b{number}]\ncheck = {{ {check}, inter = \"10ms\", timeout = \"5s\" }}\nserver.s = \"{server}\"\n"
        );
    }
    let process = run(&dir, &text, bind);
    (process, dir)
}

const POSTGRES: &str = "type = \"postgres\", user = \"evenkeel\", password_file = \"FILE\", \
                        database = \"postgres\"";
const MYSQL: &str = "type = \"mysql\", user = \"evenkeel\", password_file = \"FILE\"";

/// A hundred polls: as many questions and answers as before, on one connection.
fn is_a_round_trip(check: &str, server: SocketAddr) {
    let (addr, passed) = relay(free_addr(), server);
    let _running = checked(&[(&format!("{check}, door = \"off\""), addr)]);
    let asked = || passed.asked.load(Ordering::SeqCst);
    // What is said at the login is none of it, and longer.
    eventually("it is polled", || (asked() > 10).then_some(()));
    passed.bytes_max.store(0, Ordering::SeqCst);
    let before = (asked(), passed.answered.load(Ordering::SeqCst));
    eventually("it is polled on", || (asked() > before.0 + 100).then_some(()));
    let after = (asked(), passed.answered.load(Ordering::SeqCst));
    let (asked, answered) = (after.0 - before.0, after.1 - before.1);
    assert!(asked.abs_diff(answered) <= 1, "{asked} {answered}");
    assert!(passed.bytes_max.load(Ordering::SeqCst) <= PACKET_BYTES, "{:?}", passed.bytes_max);
    assert_eq!(passed.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_poll_of_postgres_is_one_round_trip() {
    let server = Postgres::primary();
    server.expect_password("evenkeel", "s3cret");
    is_a_round_trip(POSTGRES, server.addr);
}

#[test]
fn a_poll_of_mariadb_is_one_round_trip() {
    let server = MariaDb::primary();
    server.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    is_a_round_trip(MYSQL, server.addr);
}

/// Two hundred logins, and the server neither complains nor locks the address out.
#[test]
fn checks_of_mariadb_are_no_connect_errors() {
    let server = MariaDb::primary();
    server.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    server.query("SET GLOBAL max_connect_errors = 5");
    let status = |name: &str| -> u64 {
        server.query(&format!("SHOW GLOBAL STATUS LIKE '{name}'"))[0][1].parse().unwrap()
    };
    let (aborted, before) = (status("Aborted_connects"), status("Connections"));
    let plain = "type = \"mysql\", user = \"haproxy_check\"";
    let mut running = checked(&[(plain, server.addr), (MYSQL, server.addr)]);
    eventually("it is checked", || (status("Connections") > before + 200).then_some(()));
    let complaint = |words: &[&str]| {
        let output = server.process.output();
        output.lines().find(|line| words.iter().any(|word| line.contains(word))).map(str::to_owned)
    };
    // The end of the process may come in the middle of a check that holds no session.
    assert_eq!(complaint(&["'haproxy_check'", "'evenkeel'", "unauthenticated"]), None);
    assert_eq!(status("Aborted_connects"), aborted);
    running.0.signal(rustix::process::Signal::TERM);
    running.0.wait();
    assert_eq!(complaint(&["'evenkeel'"]), None);
}

/// The same of Postgres, which would say of each that it is incomplete or ended unexpectedly.
#[test]
fn checks_of_postgres_leave_nothing_in_its_log() {
    let server = Postgres::primary();
    server.expect_password("evenkeel", "s3cret");
    // A start-up packet without a database means the role's own.
    server.query("CREATE DATABASE haproxy_check");
    let (addr, passed) = relay(free_addr(), server.addr);
    let before = server.process.output().len();
    let plain = "type = \"pgsql\", user = \"haproxy_check\"";
    let mut running = checked(&[(plain, addr), (POSTGRES, addr)]);
    let connections = || passed.connections.load(Ordering::SeqCst);
    eventually("it is checked", || (connections() > 200).then_some(()));
    running.0.signal(rustix::process::Signal::TERM);
    running.0.wait();
    let output = server.process.output();
    assert_eq!(&output[before..], "");
}

/// Who is not let in by TLS, or does not trust the server, logs in as nobody: a server locks out with
/// all at their address who leave without a login (`max_connect_errors`), and says so of each.
#[test]
fn whom_mariadb_does_not_convince_is_no_connect_error() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut server = MariaDb::primary();
    let untrusted = format!("tls = \"verify-ca\", ca_file = \"{}\"", other.ca());
    for (speaks_tls, tls) in [(false, "tls = \"require\""), (true, untrusted.as_str())] {
        if speaks_tls {
            server.speak_tls(&authority.sign(&["127.0.0.1"]));
        }
        let _running = checked(&[(&format!("{MYSQL}, {tls}"), server.addr)]);
        let refused = "Access denied for user ''";
        let lines = || server.process.output();
        eventually("it was refused three times", || {
            (lines().matches(refused).count() >= 3).then_some(())
        });
        assert!(!lines().contains("unauthenticated"), "{}", lines());
    }
}

/// Postgres notes nobody who shook hands and left.
#[test]
fn whom_postgres_does_not_convince_leaves_nothing_in_its_log() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Postgres::primary();
    server.expect_tls("evenkeel", "s3cret", &authority.sign(&["127.0.0.1"]));
    let (addr, passed) = relay(free_addr(), server.addr);
    let check = format!("{POSTGRES}, tls = \"verify-ca\", ca_file = \"{}\"", other.ca());
    let _running = checked(&[(&check, addr)]);
    let connections = || passed.connections.load(Ordering::SeqCst);
    eventually("it was turned down three times", || (connections() >= 3).then_some(()));
    let output = server.process.output();
    let complaint =
        |line: &&str| ["SSL connection", "packet"].iter().any(|word| line.contains(word));
    assert_eq!(output.lines().find(complaint), None);
}
