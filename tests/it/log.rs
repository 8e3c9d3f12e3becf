//! The session's log line: haproxy's format, haproxy's termination letters.

use std::fs;
use std::time::Duration;

use crate::harness::backend::{Backend, Hanging};
use crate::harness::both;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, free_port};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::syslog::Syslog;

both! {
    line_has_every_field,
    normal_end,
    client_reset,
    client_reset_while_connecting,
    server_reset,
    server_refuses,
    server_never_answers,
    no_server_at_all,
    client_timeout,
    server_timeout,
    dontlognull_skips_silent_clients,
    dontlog_normal_skips_good_sessions,
    logasap_logs_at_connect,
    unix_socket_and_formats,
    connect_line_without_tcplog,
    state_changes_reach_standard_error,
}

/// A line of `option tcplog` in its fields.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    client: String,
    frontend: String,
    server: String,
    /// Queue, connect and total time in milliseconds, -1 where not reached.
    timers: [i64; 3],
    bytes: String,
    state: String,
    conns: Vec<String>,
    queues: String,
}

impl Line {
    #[track_caller]
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [
            client,
            date,
            frontend,
            server,
            timers,
            bytes,
            state,
            conns,
            queues,
        ] = fields[..]
        else {
            panic!("not nine fields: {line:?}");
        };
        // [21/Nov/2026:03:34:08.662]
        assert_eq!(
            (date.len(), &date[..1], &date[25..]),
            (26, "[", "]"),
            "{line:?}"
        );
        let timers: Vec<i64> = timers
            .split('/')
            .map(|timer| timer.trim_start_matches('+').parse().unwrap())
            .collect();
        Self {
            client: client.to_owned(),
            frontend: frontend.to_owned(),
            server: server.to_owned(),
            timers: timers.try_into().unwrap(),
            bytes: bytes.to_owned(),
            state: state.to_owned(),
            conns: conns.split('/').map(str::to_owned).collect(),
            queues: queues.to_owned(),
        }
    }

    /// The session's line of `proxy`, once it is there.
    #[track_caller]
    fn of(proxy: &Proxy) -> Self {
        Self::parse(&proxy.log.expect(&["] fe be/"]))
    }
}

fn echo(kind: Kind, backend: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let scene = Scene::new(kind).backend(&format!("{backend}\nserver s1 {}", server.addr));
    (scene.start(), server)
}

fn line_has_every_field(kind: Kind) {
    let (proxy, _server) = echo(kind, "");
    let mut client = Client::connect(proxy.addr);
    client.ping("12345");
    let port = client.0.local_addr().unwrap().port();
    drop(client);
    let line = Line::of(&proxy);
    assert_eq!(line.client, format!("127.0.0.1:{port}"));
    assert_eq!(
        (line.frontend.as_str(), line.server.as_str()),
        ("fe", "be/s1")
    );
    assert_eq!((line.bytes.as_str(), line.state.as_str()), ("5", "--"));
    assert_eq!(
        (line.conns.join("/").as_str(), line.queues.as_str()),
        ("1/1/0/0/0", "0/0")
    );
    assert!(
        line.timers.iter().all(|timer| (0..10_000).contains(timer)),
        "{line:?}"
    );
    // <134> is local0.info; the tag is the program's name with its pid.
    let raw = proxy
        .log
        .raw()
        .into_iter()
        .find(|line| line.contains("] fe be/"))
        .unwrap();
    let header = raw.split_once(": ").unwrap().0;
    assert!(raw.starts_with("<134>"), "{raw}");
    assert!(
        header.ends_with(&format!("[{}]", proxy.process.pid())),
        "{raw}"
    );
}

fn normal_end(kind: Kind) {
    let server = Backend::reply(b"bye");
    let proxy = Scene::new(kind)
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("hello");
    assert_eq!(client.drain().0, b"bye");
    drop(client);
    let line = Line::of(&proxy);
    assert_eq!((line.bytes.as_str(), line.state.as_str()), ("3", "--"));
}

fn client_reset(kind: Kind) {
    let (proxy, _server) = echo(kind, "");
    let mut client = Client::connect(proxy.addr);
    client.ping("x");
    client.reset();
    assert_eq!(Line::of(&proxy).state, "CD");
}

fn client_reset_while_connecting(kind: Kind) {
    let server = Hanging::new();
    let proxy = Scene::new(kind)
        .backend(&format!("option abortonclose\nserver s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("x");
    client.reset();
    let line = Line::of(&proxy);
    assert!(line.state == "CC" || line.state == "CD", "{line:?}");
    assert_eq!(line.timers[1], -1);
}

fn server_reset(kind: Kind) {
    let server = Backend::reset_after(4);
    let proxy = Scene::new(kind)
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("go");
    std::io::Read::read_exact(&mut client.0, &mut [0; 4]).unwrap();
    client.send("now");
    client.drain();
    let line = Line::of(&proxy);
    assert_eq!((line.bytes.as_str(), line.state.as_str()), ("4", "SD"));
}

fn server_refuses(kind: Kind) {
    let scene = Scene::new(kind).backend(&format!("retries 2\nserver s1 {}", free_addr()));
    let proxy = scene.start();
    let (bytes, _) = Client::connect(proxy.addr).drain();
    assert!(bytes.is_empty());
    let line = Line::of(&proxy);
    assert_eq!((line.server.as_str(), line.state.as_str()), ("be/s1", "SC"));
    assert_eq!(line.timers[1], -1);
    assert_eq!(line.conns.last().map(String::as_str), Some("2"));
}

fn server_never_answers(kind: Kind) {
    let server = Hanging::new();
    let scene = Scene::new(kind)
        .defaults("timeout connect 300ms")
        .backend(&format!("retries 1\nserver s1 {}", server.addr));
    let proxy = scene.start();
    Client::connect(proxy.addr).drain();
    let line = Line::of(&proxy);
    assert_eq!((line.state.as_str(), line.timers[1]), ("sC", -1));
    assert_eq!(line.conns.last().map(String::as_str), Some("1"));
    assert!(line.timers[2] >= 500, "{line:?}");
}

fn no_server_at_all(kind: Kind) {
    let scene = Scene::new(kind).backend(&format!(
        "server s1 {} check inter 100ms fall 1",
        free_addr()
    ));
    let proxy = scene.start();
    proxy.wait_status("s1", "DOWN");
    Client::connect(proxy.addr).drain();
    let line = Line::parse(&proxy.log.expect(&["be/<NOSRV>"]));
    assert_eq!(
        (line.state.as_str(), line.timers[0], line.timers[1]),
        ("SC", -1, -1)
    );
}

fn client_timeout(kind: Kind) {
    let server = Backend::silent();
    let scene = Scene::new(kind)
        .defaults("timeout client 300ms")
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    Client::connect(proxy.addr).drain();
    assert_eq!(Line::of(&proxy).state, "cD");
}

fn server_timeout(kind: Kind) {
    let server = Backend::silent();
    let scene = Scene::new(kind)
        .defaults("timeout server 300ms")
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    Client::connect(proxy.addr).drain();
    assert_eq!(Line::of(&proxy).state, "sD");
}

fn dontlognull_skips_silent_clients(kind: Kind) {
    let (server, scene) = (
        Backend::echo(),
        Scene::new(kind).defaults("option dontlognull"),
    );
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    for _ in 0..5 {
        drop(Client::connect(proxy.addr));
    }
    Client::connect(proxy.addr).ping("heard");
    assert_eq!(Line::of(&proxy).bytes, "5");
    assert_eq!(proxy.log.count("] fe be/"), 1);
}

fn dontlog_normal_skips_good_sessions(kind: Kind) {
    let (server, scene) = (
        Backend::echo(),
        Scene::new(kind).defaults("option dontlog-normal"),
    );
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    for _ in 0..5 {
        let mut client = Client::connect(proxy.addr);
        client.ping("good");
        client.half_close();
        client.drain();
    }
    let mut client = Client::connect(proxy.addr);
    client.ping("bad");
    client.reset();
    assert_eq!(Line::of(&proxy).state, "CD");
    assert_eq!(proxy.log.count("] fe be/"), 1);
}

fn logasap_logs_at_connect(kind: Kind) {
    let (server, scene) = (Backend::echo(), Scene::new(kind).defaults("option logasap"));
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.ping("still here");
    let line = proxy.log.expect(&["] fe be/s1 ", " -- "]);
    let fields: Vec<&str> = line.split(' ').collect();
    assert!(
        fields[4].rsplit('/').next().unwrap().starts_with('+'),
        "{line}"
    );
    assert!(fields[5].starts_with('+'), "{line}");
    client.ping("and here");
}

fn unix_socket_and_formats(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let path = dir.join("log");
    let unix = Syslog::unix(&path);
    let port = free_port();
    let proxy = Scene::new(kind)
        .whole(&format!(
            "global\n log {{log}} format rfc5424 local1\n log {} format raw local0\n\
             log stdout format short daemon\n\
             defaults\n log global\n mode tcp\n option tcplog\n timeout connect 5s\n\
             timeout client 5s\n timeout server 5s\n\
             frontend fe\n bind {{front}}\n bind 127.0.0.1:{port}\n default_backend be\n\
             backend be\n server s1 {}\n",
            path.display(),
            server.addr
        ))
        .start();
    served_by(proxy.addr).unwrap();
    let raw = unix.expect(&["] fe be/s1 "]);
    assert!(raw.starts_with("127.0.0.1:"), "{raw}");
    proxy.log.expect(&["] fe be/s1 "]);
    let line = proxy
        .log
        .raw()
        .into_iter()
        .find(|line| line.contains("] fe be/s1 "))
        .unwrap();
    // local1 is 17: 17 * 8 + 6 (info).
    assert!(line.starts_with("<142>1 20"), "{line}");
    assert!(
        line.contains(&format!(" {} - - ", proxy.process.pid())),
        "{line}"
    );
    crate::harness::eventually("a line on standard output", || {
        let output = proxy.process.output();
        output
            .lines()
            .any(|line| line.starts_with("<6>127.0.0.1:"))
            .then_some(())
    });
}

fn connect_line_without_tcplog(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .whole(&format!(
            "defaults\n mode tcp\n log {{log}} local0\n timeout connect 5s\n timeout client 5s\n\
             timeout server 5s\n\
             frontend fe\n bind {{front}}\n default_backend be\n\
             backend be\n server s1 {}\n",
            server.addr
        ))
        .start();
    served_by(proxy.addr).unwrap();
    let line = proxy.log.expect(&["Connect from 127.0.0.1:"]);
    assert!(
        line.ends_with(&format!(" to {} (fe/TCP)", proxy.addr)),
        "{line}"
    );
}

fn state_changes_reach_standard_error(kind: Kind) {
    let scene = Scene::new(kind).backend(&format!(
        "server s1 {} check inter 100ms fall 1",
        free_addr()
    ));
    let proxy = scene.start();
    let told = crate::harness::within(Duration::from_secs(30), || {
        let output = proxy.process.output();
        output
            .contains("Server be/s1 is DOWN, reason: Layer4 connection problem")
            .then_some(())
    });
    assert!(
        told.is_some(),
        "{}",
        fs::canonicalize("/proc/self/exe").unwrap().display()
    );
}
