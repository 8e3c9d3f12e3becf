//! Limits of the whole process: at them clients wait, and after them all goes on.

use std::io::ErrorKind;

use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    frontend_maxconn_lets_clients_wait_in_the_backlog,
    global_maxconn_lets_clients_wait_in_the_backlog,
    bind_maxconn_holds_for_its_listener,
    too_few_descriptors_are_survived,
}

/// Fills `limit` connections, then checks that the next one waits until one leaves.
fn expect_limit(proxy: &Proxy, server: &Backend, limit: usize) {
    let mut clients: Vec<Client> = (0..limit).map(|_| Client::connect(proxy.addr)).collect();
    for client in &mut clients {
        assert_eq!(client.line().unwrap(), "s1");
    }
    // The kernel completes this connect; the proxy must leave it in the backlog.
    let mut late = Client::connect(proxy.addr);
    for client in &mut clients {
        client.ping("the others go on");
    }
    late.0.set_nonblocking(true).unwrap();
    assert_eq!(late.line().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.accepted(), u64::try_from(limit).unwrap());
    late.0.set_nonblocking(false).unwrap();
    clients.pop();
    assert_eq!(late.line().unwrap(), "s1");
    assert_eq!(server.accepted(), u64::try_from(limit).unwrap() + 1);
}

fn frontend_maxconn_lets_clients_wait_in_the_backlog(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .frontend("maxconn 5")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    expect_limit(&proxy, &server, 5);
}

fn global_maxconn_lets_clients_wait_in_the_backlog(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy =
        Scene::new(kind).global("maxconn 8").backend(&format!("server s1 {}", server.addr)).start();
    expect_limit(&proxy, &server, 8);
}

fn bind_maxconn_holds_for_its_listener(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .global("nbthread 1")
        .bind("maxconn 4")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    expect_limit(&proxy, &server, 4);
}

fn too_few_descriptors_are_survived(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .global("nbthread 1")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    // Room for some 25 sessions of two descriptors each: 60 clients at once run into it.
    proxy.process.limit_open_files(80);
    let mut clients: Vec<Client> = (0..60).map(|_| Client::connect(proxy.addr)).collect();
    eventually("some are served", || (server.accepted() >= 10).then_some(()));
    assert_eq!(clients[0].line().unwrap(), "s1");
    clients[0].ping("served while others wait");
    drop(clients);
    for _ in 0..100 {
        assert_eq!(eventually("it serves again", || served_by(proxy.addr).ok()), "s1");
    }
}
