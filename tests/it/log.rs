//! The session's log line: haproxy's format, haproxy's termination letters.

use crate::harness::backend::{Backend, Hanging};
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};

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
}

/// A line of `option tcplog` in its fields.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    client: String,
    frontend: String,
    server: String,
    /// Queue, connect and total time in milliseconds, -1 where not reached.
    timers: [i64; 3],
    pub(crate) bytes: String,
    pub(crate) state: String,
    conns: Vec<String>,
    queues: String,
}

impl Line {
    #[track_caller]
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [client, date, frontend, server, timers, bytes, state, conns, queues] = fields[..]
        else {
            panic!("not nine fields: {line:?}");
        };
        // [21/Nov/2026:03:34:08.662]
        assert_eq!((date.len(), &date[..1], &date[25..]), (26, "[", "]"), "{line:?}");
        let timers: Vec<i64> =
            timers.split('/').map(|timer| timer.trim_start_matches('+').parse().unwrap()).collect();
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
    pub(crate) fn of(proxy: &Proxy) -> Self {
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
    assert_eq!((line.frontend.as_str(), line.server.as_str()), ("fe", "be/s1"));
    assert_eq!((line.bytes.as_str(), line.state.as_str()), ("5", "--"));
    assert_eq!((line.conns.join("/").as_str(), line.queues.as_str()), ("1/1/0/0/0", "0/0"));
    assert!(line.timers.iter().all(|timer| (0..10_000).contains(timer)), "{line:?}");
    // <134> is local0.info; the tag is the program's name with its pid.
    let raw = proxy.log.raw().into_iter().find(|line| line.contains("] fe be/")).unwrap();
    let header = raw.split_once(": ").unwrap().0;
    assert!(raw.starts_with("<134>"), "{raw}");
    assert!(header.ends_with(&format!("[{}]", proxy.process.pid())), "{raw}");
}

fn normal_end(kind: Kind) {
    let server = Backend::reply(b"bye");
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
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
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
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
    let scene =
        Scene::new(kind).backend(&format!("server s1 {} check inter 100ms fall 1", free_addr()));
    let proxy = scene.start();
    proxy.wait_status("s1", "DOWN");
    Client::connect(proxy.addr).drain();
    let line = Line::parse(&proxy.log.expect(&["be/<NOSRV>"]));
    assert_eq!((line.state.as_str(), line.timers[0], line.timers[1]), ("SC", -1, -1));
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
