//! How sessions end that never came to relaying, and what is counted of them.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::api::Api;
use crate::harness::backend::{Backend, Hanging};
use crate::harness::client::{Client, End, served_by};
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    a_client_without_a_server_gets_a_fin_whatever_it_sent,
    a_client_of_a_dead_server_gets_a_fin_whatever_it_sent,
    a_rejected_clients_bytes_count,
    a_client_that_leaves_the_queue_is_no_abort,
    a_reset_while_connecting_is_an_abort,
    a_client_that_leaves_between_attempts_has_been_retried,
    a_client_that_closes_while_inspected_is_served,
    a_client_that_resets_while_inspected_came_as_far_as_its_backend,
    what_is_with_the_connection_is_seen_without_a_delay,
    only_what_the_policy_chose_counts_as_balanced,
    every_attempt_is_a_session_of_its_server,
    a_waiter_is_not_there_yet_when_its_forerunner_leaves,
    a_client_that_is_silent_while_inspected_gets_no_server,
    only_a_server_that_breaks_its_connection_is_a_response_error,
    a_rejected_response_counts,
    only_a_backend_that_drops_silently_counts_it,
    a_response_that_is_dropped_is_a_denied_request,
}

/// A field of a row of `show stat`.
fn field(api: &Api, row: &str, name: &str) -> u64 {
    let text = api.ask("show stat");
    let mut lines = text.lines();
    let names = lines.next().unwrap().trim_start_matches("# ");
    let place = names.split(',').position(|of| of == name).unwrap();
    let row = lines.find(|line| line.starts_with(&format!("{row},"))).unwrap();
    row.split(',').nth(place).unwrap().parse().unwrap_or_default()
}

#[track_caller]
fn counts(api: &Api, expected: &[(&str, &str, u64)]) {
    let seen = || expected.iter().map(|(row, name, _)| field(api, row, name)).collect::<Vec<_>>();
    let wanted: Vec<u64> = expected.iter().map(|(.., value)| *value).collect();
    let met = crate::harness::within(Duration::from_secs(10), || (seen() == wanted).then_some(()));
    assert!(met.is_some(), "{expected:?}, seen {:?}", seen());
}

fn start(scene: Scene) -> (Proxy, Api) {
    let api = Api::new();
    (scene.global(&format!("nbthread 1\n{}", api.lines())).start(), api)
}

/// Twenty clients send and are let down: each is told so by a FIN.
fn all_are_parted_from(proxy: &Proxy) {
    for _ in 0..20 {
        let mut client = Client::connect(proxy.addr);
        client.send(b"hello, hello");
        assert_eq!(client.drain(), (Vec::new(), End::Fin));
    }
}

fn a_client_without_a_server_gets_a_fin_whatever_it_sent(kind: Kind) {
    let (proxy, _api) = start(Scene::new(kind).backend("server s1 127.0.0.1:1 disabled"));
    all_are_parted_from(&proxy);
    proxy.log.expect(&["be/<NOSRV>", " SC "]);
}

fn a_client_of_a_dead_server_gets_a_fin_whatever_it_sent(kind: Kind) {
    let dead = format!("retries 0\nserver s1 {}", free_addr());
    let (proxy, api) = start(Scene::new(kind).backend(&dead));
    all_are_parted_from(&proxy);
    counts(&api, &[("be,s1", "econ", 20), ("be,BACKEND", "econ", 20)]);
}

fn a_rejected_clients_bytes_count(kind: Kind) {
    let rules = "tcp-request inspect-delay 5s
  tcp-request content reject if { req.len gt 2 }";
    let (proxy, api) = start(Scene::new(kind).frontend(rules));
    let mut client = Client::connect(proxy.addr);
    client.send(b"hello");
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    counts(&api, &[("fe,FRONTEND", "bin", 5), ("be,BACKEND", "bin", 0)]);
}

fn a_client_that_leaves_the_queue_is_no_abort(kind: Kind) {
    let server = Backend::greet("s1");
    let one = format!("timeout queue 30s\nserver s1 {} maxconn 1", server.addr);
    let (proxy, api) = start(Scene::new(kind).backend(&one));
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "s1");
    let waiting = || {
        let client = Client::connect(proxy.addr);
        eventually("it waits", || (field(&api, "be,BACKEND", "qcur") == 1).then_some(()));
        client
    };
    drop(waiting());
    proxy.log.expect(&[" CQ "]);
    counts(&api, &[("be,BACKEND", "cli_abrt", 0), ("be,BACKEND", "qcur", 0)]);
    waiting().reset();
    proxy.log.expect(&["be/<NOSRV>", " CD "]);
    counts(&api, &[("be,BACKEND", "cli_abrt", 1), ("be,BACKEND", "qcur", 0)]);
}

fn a_reset_while_connecting_is_an_abort(kind: Kind) {
    let hanging = Hanging::new();
    let to = format!("timeout connect 30s\nserver s1 {}", hanging.addr);
    let (proxy, api) = start(Scene::new(kind).backend(&to));
    let dialling = || {
        let before = field(&api, "be,s1", "connect");
        let client = Client::connect(proxy.addr);
        eventually("it is dialled for", || {
            (field(&api, "be,s1", "connect") > before).then_some(())
        });
        client
    };
    drop(dialling());
    proxy.log.expect(&["be/s1", " CC "]);
    counts(&api, &[("be,s1", "cli_abrt", 0), ("be,BACKEND", "cli_abrt", 0)]);
    dialling().reset();
    proxy.log.expect(&["be/s1", " CD "]);
    counts(&api, &[("be,s1", "cli_abrt", 1), ("be,BACKEND", "cli_abrt", 1)]);
}

fn a_client_that_leaves_between_attempts_has_been_retried(kind: Kind) {
    let dead = format!("retries 1\nserver s1 {}", free_addr());
    let (proxy, api) = start(Scene::new(kind).backend(&dead));
    let client = Client::connect(proxy.addr);
    // Long before the second attempt, a second later.
    eventually("one attempt", || (field(&api, "be,s1", "connect") == 1).then_some(()));
    sleep(Duration::from_millis(100));
    drop(client);
    let line = proxy.log.expect(&[" CC "]);
    assert!(line.ends_with("/1 0/0"), "{line}");
    counts(&api, &[("be,s1", "wretr", 1), ("be,BACKEND", "wretr", 1)]);
}

const INSPECTED: &str = "tcp-request inspect-delay 30s
  tcp-request content accept if { req.len gt 1000 }";

fn a_client_that_closes_while_inspected_is_served(kind: Kind) {
    let server = Backend::greet("s1");
    let scene = Scene::new(kind).frontend(INSPECTED);
    let (proxy, _api) = start(scene.backend(&format!("server s1 {}", server.addr)));
    let mut client = Client::connect(proxy.addr);
    client.half_close();
    assert_eq!(client.drain(), (b"s1\n".to_vec(), End::Fin));
    proxy.log.expect(&["be/s1", " -- "]);
}

fn a_client_that_resets_while_inspected_came_as_far_as_its_backend(kind: Kind) {
    let (proxy, api) = start(Scene::new(kind).frontend(INSPECTED));
    let client = Client::connect(proxy.addr);
    eventually("it is inspected", || (field(&api, "fe,FRONTEND", "stot") == 1).then_some(()));
    client.reset();
    proxy.log.expect(&["be/<NOSRV> -1/-1/", " CR "]);
    counts(&api, &[("be,BACKEND", "stot", 1), ("be,BACKEND", "cli_abrt", 1)]);
    counts(&api, &[("fe,FRONTEND", "ereq", 1), ("be,BACKEND", "lbtot", 0)]);
}

/// The kernel tells of a connection only when there is something to read.
fn what_is_with_the_connection_is_seen_without_a_delay(kind: Kind) {
    let server = Backend::greet("s1");
    let rules = "tcp-request content reject if { req.len gt 2 }";
    let scene = Scene::new(kind).bind("defer-accept").frontend(rules);
    let (proxy, _api) = start(scene.backend(&format!("server s1 {}", server.addr)));
    let mut client = Client::connect(proxy.addr);
    client.send(b"hello");
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&[" PR "]);
}

fn only_what_the_policy_chose_counts_as_balanced(kind: Kind) {
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let backend = format!(
        "balance roundrobin
  stick-table type ip size 10
  stick on src unless {{ nbsrv gt 2 }}
  use-server s2 if {{ dst_port 1 }}
  server s1 {}
  server s2 {}",
        servers[0].addr, servers[1].addr
    );
    let (proxy, api) = start(Scene::new(kind).backend(&backend));
    for _ in 0..3 {
        assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    }
    counts(&api, &[("be,s1", "lbtot", 1), ("be,BACKEND", "lbtot", 1), ("be,s1", "stot", 3)]);
    api.ask("disable server be/s1");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    counts(&api, &[("be,s2", "lbtot", 1), ("be,BACKEND", "lbtot", 2), ("be,s2", "stot", 2)]);
}

fn every_attempt_is_a_session_of_its_server(kind: Kind) {
    let dead = format!("timeout connect 300ms\nretries 2\nserver s1 {}", free_addr());
    let (proxy, api) = start(Scene::new(kind).backend(&dead));
    let mut client = Client::connect(proxy.addr);
    client.send(b"hello");
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    // They came before there was a server.
    counts(&api, &[("fe,FRONTEND", "bin", 5), ("be,BACKEND", "bin", 5), ("be,s1", "bin", 5)]);
    counts(&api, &[("be,s1", "stot", 3), ("be,BACKEND", "stot", 1), ("be,s1", "lbtot", 1)]);
    counts(&api, &[("be,s1", "wretr", 2), ("be,s1", "connect", 3), ("be,s1", "econ", 1)]);
}

fn a_waiter_is_not_there_yet_when_its_forerunner_leaves(kind: Kind) {
    let server = Backend::greet("s1");
    let one = format!("timeout queue 30s\nserver s1 {} maxconn 1", server.addr);
    let (proxy, api) = start(Scene::new(kind).backend(&one));
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "s1");
    let mut second = Client::connect(proxy.addr);
    eventually("it waits", || (field(&api, "be,BACKEND", "qcur") == 1).then_some(()));
    drop(first);
    assert_eq!(second.line().unwrap(), "s1");
    proxy.log.expect(&["be/s1", " -- 2/2/1/0/0 0/0"]);
    drop(second);
    proxy.log.expect(&["be/s1", " -- 1/1/0/0/0 0/1"]);
    counts(&api, &[("be,BACKEND", "lbtot", 1), ("be,s1", "lbtot", 1), ("be,s1", "stot", 2)]);
}

fn a_client_that_is_silent_while_inspected_gets_no_server(kind: Kind) {
    let rules = "timeout client 300ms
tcp-request inspect-delay 60s
tcp-request content accept if { req.len gt 10 }";
    let (proxy, api) = start(Scene::new(kind).frontend(rules));
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["be/<NOSRV> -1/-1/", " cR "]);
    counts(&api, &[("fe,FRONTEND", "ereq", 1), ("be,BACKEND", "lbtot", 0)]);
}

/// Response errors of a server whose session ended like this.
fn response_errors(kind: Kind, timeout: &str, server: &Backend, logged: &str) -> u64 {
    let lines = format!("{timeout}\nserver s1 {}", server.addr);
    let (proxy, api) = start(Scene::new(kind).backend(&lines));
    Client::connect(proxy.addr).drain();
    proxy.log.expect(&["be/s1", logged]);
    field(&api, "be,s1", "eresp")
}

fn only_a_server_that_breaks_its_connection_is_a_response_error(kind: Kind) {
    let broken = Backend::new(|mut stream| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"hi").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    assert_eq!(response_errors(kind, "timeout server 30s", &broken, " SD "), 1);
    let mute = Backend::new(|mut stream| async move {
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
    });
    assert_eq!(response_errors(kind, "timeout server 300ms", &mute, " sD "), 0);
}

fn a_rejected_response_counts(kind: Kind) {
    let server = Backend::greet("s1");
    let rules = format!(
        "tcp-response inspect-delay 5s
  tcp-response content reject if {{ res.len gt 0 }}
  server s1 {}",
        server.addr
    );
    let (proxy, api) = start(Scene::new(kind).backend(&rules));
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["be/s1", " 3 PD "]);
    counts(&api, &[("be,s1", "bout", 3), ("fe,FRONTEND", "bout", 3)]);
    let denied = ["be,s1", "be,BACKEND", "fe,FRONTEND"].map(|row| (row, "dresp", 1));
    counts(&api, &denied);
}

fn only_a_backend_that_drops_silently_counts_it(kind: Kind) {
    for (action, counted) in [("reject", 0), ("silent-drop", 1)] {
        let rules = format!("tcp-request content {action}\nserver s1 {}", free_addr());
        let (proxy, api) = start(Scene::new(kind).backend(&rules));
        let _client = Client::connect(proxy.addr);
        proxy.log.expect(&[" PR "]);
        counts(&api, &[("be,BACKEND", "dreq", counted), ("fe,FRONTEND", "dreq", 1)]);
    }
}

fn a_response_that_is_dropped_is_a_denied_request(kind: Kind) {
    let server = Backend::silent();
    let rules = format!("tcp-response content silent-drop\nserver s1 {}", server.addr);
    let (proxy, api) = start(Scene::new(kind).backend(&rules));
    let _client = Client::connect(proxy.addr);
    proxy.log.expect(&["be/s1", " PR "]);
    let denied = [("be,BACKEND", "dreq", 1), ("be,BACKEND", "dresp", 0), ("be,s1", "dresp", 0)];
    counts(&api, &denied);
}
