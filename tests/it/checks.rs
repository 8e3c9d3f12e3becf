//! What each kind of health check finds, by its code in the metrics and its sentence in the log.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::harness::backend::{Backend, Hanging};
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    tcp_connect_verdicts,
    a_unix_socket_that_nobody_listens_on_is_a_socket_error,
    tcp_check_verdicts,
    tcp_check_sends_and_expects,
    tcp_check_negation_regex_and_binary,
    httpchk_follows_the_role_like_patroni,
    httpchk_verdicts,
    rise_and_fall_count,
    check_port_and_addr_are_other_than_the_servers,
    a_check_may_go_to_a_unix_socket,
    log_health_checks_logs_each_change,
    a_failed_check_names_the_reason_in_the_log,
}

/// A backend of servers `s1`, `s2`, … at `addrs`, all checked every 200 ms by `check`.
fn checked(kind: Kind, check: &str, addrs: &[SocketAddr]) -> Proxy {
    let mut scene = Scene::new(kind)
        .backend(&format!("{check}\n"))
        .backend("default-server inter 200ms rise 1 fall 1 check\n");
    for (number, addr) in (1..).zip(addrs) {
        scene = scene.backend(&format!("server s{number} {addr}\n"));
    }
    scene.start()
}

/// Checks `servers` and expects their codes.
#[track_caller]
pub(crate) fn expect_codes(kind: Kind, check: &str, servers: &[(SocketAddr, &str)]) -> Proxy {
    let addrs: Vec<SocketAddr> = servers.iter().map(|(addr, _)| *addr).collect();
    let proxy = checked(kind, check, &addrs);
    for (number, (_, code)) in (1..).zip(servers) {
        proxy.wait_check(&format!("s{number}"), code);
        let passes = matches!(*code, "L4OK" | "L6OK" | "L7OK");
        proxy.wait_status(&format!("s{number}"), if passes { "UP" } else { "DOWN" });
    }
    proxy
}

fn tcp_connect_verdicts(kind: Kind) {
    let (good, full) = (Backend::close(), Hanging::new());
    let expected = [(good.addr, "L4OK"), (free_addr(), "L4CON"), (full.addr, "L4TOUT")];
    let proxy = expect_codes(kind, "", &expected);
    proxy.log.expect(&[
        "Server be/s2 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\"",
    ]);
    proxy.log.expect(&["Server be/s3 is DOWN, reason: Layer4 timeout"]);
}

fn a_unix_socket_that_nobody_listens_on_is_a_socket_error(kind: Kind) {
    let dir = TempDir::new();
    let left = dir.join("left");
    drop(UnixListener::bind(&left).unwrap());
    let servers = format!(
        "default-server inter 200ms check
server s1 unix@{}\nserver s2 unix@/nowhere/at/all\nserver s3 abns@nobody-here",
        left.display()
    );
    let proxy = Scene::new(kind).backend(&servers).start();
    for server in ["s1", "s2", "s3"] {
        proxy.wait_check(server, "SOCKERR");
    }
    proxy.log.expect(&["be/s1 is DOWN, reason: Socket error", "(Connection refused)"]);
    proxy.log.expect(&["be/s2 is DOWN, reason: Socket error", "(No such file or directory)"]);
}

fn tcp_check_verdicts(kind: Kind) {
    let check = "option tcp-check\ntcp-check expect string +OK\ntimeout check 1s";
    let (good, other) = (Backend::say(b"+OK ready\r\n"), Backend::say(b"-ERR go away\r\n"));
    let (mute, closing) = (Backend::silent(), Backend::close());
    let expected = [
        (good.addr, "L7OK"),
        (mute.addr, "L7TOUT"),
        (closing.addr, "L7RSP"),
        (free_addr(), "L4CON"),
        // Not what is expected, but more may come: the time ends it.
        (other.addr, "L7TOUT"),
    ];
    expect_codes(kind, check, &expected);
}

fn tcp_check_sends_and_expects(kind: Kind) {
    let master = Backend::new(|stream| replication(stream, "master"));
    let slave = Backend::new(|stream| replication(stream, "slave"));
    let check = "option tcp-check
        tcp-check connect
        tcp-check comment ask\\ for\\ the\\ role
        tcp-check send info\\ replication\\r\\n
        tcp-check expect string role:master
        tcp-check send-binary 515549540d0a
        tcp-check expect string +OK
        timeout check 1s";
    expect_codes(kind, check, &[(master.addr, "L7OK"), (slave.addr, "L7TOUT")]);
}

/// Answers `info replication` with `role` and `QUIT` with `+OK`.
async fn replication(mut stream: tokio::net::TcpStream, role: &'static str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buf = [0; 256];
    while let Ok(len @ 1..) = stream.read(&mut buf).await {
        let answer = match &buf[..len] {
            b"info replication\r\n" => format!("role:{role}\r\n"),
            b"QUIT\r\n" => "+OK\r\n".to_owned(),
            _ => "-ERR\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn tcp_check_negation_regex_and_binary(kind: Kind) {
    let server = Backend::say(b"version 5.7.1\x01\x02\r\n");
    let cases = [
        ("tcp-check expect rstring version\\ 5\\.[0-9]+", "L7OK"),
        ("tcp-check expect binary 0102", "L7OK"),
        ("tcp-check expect min-recv 10 ! string version", "L7RSP"),
        ("tcp-check expect min-recv 10 ! string other", "L7OK"),
        ("tcp-check expect min-recv 10 string other", "L7RSP"),
    ];
    for (rule, code) in cases {
        let check = format!("option tcp-check\n{rule}\ntimeout check 1s");
        expect_codes(kind, &check, &[(server.addr, code)]);
    }
}

fn httpchk_follows_the_role_like_patroni(kind: Kind) {
    let (one, two) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(503)));
    let (patroni1, patroni2) = (Backend::http(Arc::clone(&one)), Backend::http(Arc::clone(&two)));
    let (pg1, pg2) = (Backend::greet("pg1"), Backend::greet("pg2"));
    let (port1, port2) = (patroni1.addr.port(), patroni2.addr.port());
    let proxy = Scene::new(kind)
        .backend("option httpchk OPTIONS /primary\nhttp-check expect status 200\n")
        .backend("default-server inter 200ms fall 2 rise 1\n")
        .backend(&format!("server pg1 {} check port {port1}\n", pg1.addr))
        .backend(&format!("server pg2 {} check port {port2}", pg2.addr))
        .start();
    proxy.wait_check("pg1", "L7OK");
    proxy.wait_check("pg2", "L7STS");
    proxy.wait_status("pg2", "DOWN");
    assert_eq!(served_by(proxy.addr).unwrap(), "pg1");
    one.store(503, Ordering::Relaxed);
    two.store(200, Ordering::Relaxed);
    proxy.wait_status("pg1", "DOWN");
    proxy.wait_status("pg2", "UP");
    assert_eq!(served_by(proxy.addr).unwrap(), "pg2");
    proxy.log.expect(&["Server be/pg1 is DOWN, reason: Layer7 wrong status, code: 503"]);
    proxy.log.expect(&["Server be/pg2 is UP, reason: Layer7 check passed, code: 200"]);
}

fn httpchk_verdicts(kind: Kind) {
    let good = Backend::reply(b"HTTP/1.0 204 No\r\n\r\n");
    let moved = Backend::reply(b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n");
    let broken = Backend::reply(b"HTTP/1.0 500 No\r\n\r\n");
    let other = Backend::reply(b"SSH-2.0-OpenSSH\r\n");
    let mute = Backend::silent();
    let expected = [
        (good.addr, "L7OK"),
        (moved.addr, "L7OK"),
        (broken.addr, "L7STS"),
        (other.addr, "L7RSP"),
        (mute.addr, "L7TOUT"),
        (free_addr(), "L4CON"),
    ];
    expect_codes(kind, "option httpchk\ntimeout check 1s", &expected);
}

fn rise_and_fall_count(kind: Kind) {
    let status = Arc::new(AtomicU16::new(200));
    let server = Backend::http(Arc::clone(&status));
    let proxy = Scene::new(kind)
        .backend("option httpchk GET /\noption log-health-checks\n")
        .backend(&format!("server s1 {} check inter 300ms rise 3 fall 2", server.addr))
        .start();
    proxy.wait_check("s1", "L7OK");
    proxy.log.expect(&["server be/s1 succeeded", "status: 2/2 UP."]);
    status.store(500, Ordering::Relaxed);
    proxy.log.expect(&["server be/s1 failed", "status: 1/2 UP."]);
    proxy.log.expect(&["server be/s1 failed", "status: 0/3 DOWN."]);
    status.store(200, Ordering::Relaxed);
    proxy.log.expect(&["server be/s1 succeeded", "status: 1/3 DOWN."]);
    proxy.log.expect(&["server be/s1 succeeded", "status: 2/3 DOWN."]);
    proxy.log.expect(&["Server be/s1 is UP"]);
}

fn check_port_and_addr_are_other_than_the_servers(kind: Kind) {
    let (traffic, health) = (Backend::greet("traffic"), Backend::close());
    let (ip, port) = (health.addr.ip(), health.addr.port());
    let proxy = Scene::new(kind)
        .backend("default-server inter 200ms check\n")
        .backend(&format!("server s1 {} port {port} addr {ip}\n", traffic.addr))
        .backend(&format!("server s2 {} port {}", traffic.addr, free_addr().port()))
        .start();
    proxy.wait_check("s1", "L4OK");
    proxy.wait_check("s2", "L4CON");
    assert_eq!(traffic.accepted(), 0);
    proxy.wait_status("s2", "DOWN");
    assert_eq!(served_by(proxy.addr).unwrap(), "traffic");
}

fn a_check_may_go_to_a_unix_socket(kind: Kind) {
    let dir = TempDir::new();
    let (path, nobody) = (dir.join("s"), dir.join("nobody"));
    let _listening = UnixListener::bind(&path).unwrap();
    let (path, nobody) = (path.display(), nobody.display());
    let closed = free_addr();
    let line = |name: &str, addr: &dyn std::fmt::Display| {
        format!("server {name} {closed} check inter 200ms fall 1 addr {addr}\n")
    };
    let lines = line("s1", &path) + &line("s2", &format!("unix@{nobody}"));
    let proxy = Scene::new(kind).backend(&lines).start();
    proxy.wait_check("s1", "L4OK");
    proxy.wait_check("s2", "SOCKERR");
    let rules = format!("option tcp-check\ntcp-check connect addr {path}\n");
    let server = format!("server s1 {closed} check inter 200ms fall 1\n");
    let proxy = Scene::new(kind).backend(&(rules + &server)).start();
    proxy.wait_check("s1", "L4OK");
}

fn log_health_checks_logs_each_change(kind: Kind) {
    let mut server = Backend::close();
    let proxy = checked(kind, "option log-health-checks", &[server.addr]);
    proxy.log.expect(&["Health check for server be/s1 succeeded, reason: Layer4 check passed"]);
    server.die();
    proxy.log.expect(&["Health check for server be/s1 failed, reason: Layer4 connection problem"]);
    server.revive();
    // The line above has the reason, so the change of state does not repeat it.
    proxy.log.expect(&["Server be/s1 is UP. 1 active"]);
}

fn a_failed_check_names_the_reason_in_the_log(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = checked(kind, "", &[server.addr, free_addr()]);
    let line = proxy.log.expect(&["Server be/s2 is DOWN"]);
    let (start, rest) = line.split_once("check duration: ").unwrap();
    assert_eq!(
        start,
        "Server be/s2 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", "
    );
    let (_, rest) = rest.split_once("ms. ").unwrap();
    assert_eq!(
        rest,
        "1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
    );
}
