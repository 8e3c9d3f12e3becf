//! A server's `maxconn`: who waits, in which order, for how long.

use std::io::ErrorKind;

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    client_beyond_maxconn_waits_for_a_slot,
    waiting_clients_are_served_in_order,
    timeout_queue_ends_the_wait,
    client_that_leaves_the_queue_is_logged,
    a_free_server_is_taken_before_waiting,
    slots_come_back_after_every_kind_of_end,
}

fn one_slot(kind: Kind, defaults: &str) -> (Proxy, Backend) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .defaults(defaults)
        .backend(&format!("server s1 {} maxconn 1", server.addr))
        .start();
    (proxy, server)
}

/// A client that holds the slot.
fn holder(proxy: &Proxy) -> Client {
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.line().unwrap(), "s1");
    client
}

/// A client that is known to wait: the backend counts `place` queued.
fn waiter(proxy: &Proxy, place: usize) -> Client {
    let client = Client::connect(proxy.addr);
    eventually("it is queued", || {
        let metrics = proxy.metrics();
        let of = |name, labels: &[(&str, &str)]| metrics.value(name, labels).unwrap_or(0.0);
        let queued = of("haproxy_server_current_queue", &[("proxy", "be"), ("server", "s1")])
            .max(of("haproxy_backend_current_queue", &[("proxy", "be")]));
        (queued >= f64::from(u32::try_from(place).unwrap())).then_some(())
    });
    client.0.set_nonblocking(true).unwrap();
    let mut client = client;
    assert_eq!(client.line().unwrap_err().kind(), ErrorKind::WouldBlock);
    client.0.set_nonblocking(false).unwrap();
    client
}

fn client_beyond_maxconn_waits_for_a_slot(kind: Kind) {
    let (proxy, server) = one_slot(kind, "timeout queue 30s");
    let first = holder(&proxy);
    let mut second = waiter(&proxy, 1);
    assert_eq!(server.accepted(), 1);
    drop(first);
    assert_eq!(second.line().unwrap(), "s1");
    second.ping("served");
    drop(second);
    // The second one had one request before it in the queue it waited in.
    let line = eventually("its log line", || {
        let lines = proxy.log.messages();
        lines.into_iter().find(|line| line.ends_with("1/0") || line.ends_with("0/1"))
    });
    assert!(line.contains(" be/s1 "), "{line}");
}

fn waiting_clients_are_served_in_order(kind: Kind) {
    let (proxy, server) = one_slot(kind, "timeout queue 30s");
    let mut holding = holder(&proxy);
    let waiting: Vec<Client> = (1..=5).map(|place| waiter(&proxy, place)).collect();
    for (served, mut next) in (2..).zip(waiting) {
        drop(holding);
        assert_eq!(next.line().unwrap(), "s1");
        assert_eq!(server.accepted(), served);
        holding = next;
    }
}

fn timeout_queue_ends_the_wait(kind: Kind) {
    let (proxy, server) = one_slot(kind, "timeout queue 500ms");
    let mut first = holder(&proxy);
    let (bytes, _) = Client::connect(proxy.addr).drain();
    assert!(bytes.is_empty());
    proxy.log.expect(&["fe be/", " sQ "]);
    first.ping("not disturbed");
    assert_eq!(server.accepted(), 1);
}

fn client_that_leaves_the_queue_is_logged(kind: Kind) {
    let (proxy, server) = one_slot(kind, "timeout queue 30s\noption abortonclose");
    let first = holder(&proxy);
    drop(waiter(&proxy, 1));
    proxy.log.expect(&["fe be/", " CQ "]);
    drop(first);
    let mut third = Client::connect(proxy.addr);
    assert_eq!(third.line().unwrap(), "s1");
    assert_eq!(server.accepted(), 2);
}

fn a_free_server_is_taken_before_waiting(kind: Kind) {
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let proxy = Scene::new(kind)
        .backend("balance roundrobin\n")
        .backend(&format!("server s1 {} maxconn 1\n", one.addr))
        .backend(&format!("server s2 {} maxconn 5", two.addr))
        .start();
    let clients: Vec<Client> = (0..6)
        .map(|_| {
            let mut client = Client::connect(proxy.addr);
            client.line().unwrap();
            client
        })
        .collect();
    assert_eq!((one.accepted(), two.accepted(), clients.len()), (1, 5, 6));
}

fn slots_come_back_after_every_kind_of_end(kind: Kind) {
    let (proxy, _server) = one_slot(kind, "timeout queue 30s");
    for round in 0..60 {
        let mut client = holder(&proxy);
        match round % 4 {
            0 => client.reset(),
            1 => {
                client.half_close();
                client.drain();
            }
            2 => client.ping("something"),
            _ => {}
        }
    }
}

/// haproxy 2.6 leaves them in the backend's queue until a timer ends them.
#[test]
fn queued_clients_move_to_the_backup_when_their_server_dies() {
    let (mut one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let proxy = Scene::new(Kind::Evenkeel)
        .defaults("timeout queue 30s\noption redispatch")
        .backend("default-server inter 200ms fall 1 check\n")
        .backend(&format!("server s1 {} maxconn 1 on-marked-down shutdown-sessions\n", one.addr))
        .backend(&format!("server s2 {} backup", two.addr))
        .start();
    let _first = holder(&proxy);
    let mut second = waiter(&proxy, 1);
    one.die();
    assert_eq!(second.line().unwrap(), "s2");
}
