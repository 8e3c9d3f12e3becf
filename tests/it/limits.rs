//! Limits of the whole process: at them clients wait, and after them all goes on.

use std::io::ErrorKind;

use tokio::task::JoinSet;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::bulk::{self, Ending, Order};
use crate::harness::client::{Client, End, served_by};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{block_on, both, eventually};

both! {
    frontend_maxconn_lets_clients_wait_in_the_backlog,
    global_maxconn_lets_clients_wait_in_the_backlog,
    bind_maxconn_holds_for_its_listener,
    too_few_descriptors_are_survived,
    descriptors_are_counted_as_in_haproxy,
    bulk_needs_no_descriptors_of_sessions,
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

/// What `show info` tells of descriptors: `Ulimit-n`, `Maxsock`, `Maxconn`, `Hard_maxconn`, `Maxpipes`.
fn descriptors(kind: Kind, global: &str, backend: &str) -> [u64; 5] {
    let api = Api::new();
    let socket = api.path("admin");
    let server = Backend::greet("s1");
    let _proxy = Scene::new(kind)
        .global(&format!("stats socket {} level admin\n{global}", socket.display()))
        .backend(&format!("server s1 {}{backend}", server.addr))
        .start();
    let text = api.ask("show info");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
    };
    ["Ulimit-n", "Maxsock", "Maxconn", "Hard_maxconn", "Maxpipes"].map(field)
}

fn descriptors_are_counted_as_in_haproxy(kind: Kind) {
    // Ten, two binds, a command socket and its ten clients, three for each thread; then sessions.
    let threads = "nbthread 3\nmaxconn 100";
    assert_eq!(descriptors(kind, threads, ""), [232, 232, 100, 100, 0]);
    // A check is one, an agent check two; clients of command sockets are what they are.
    let agent = " check agent-check agent-port 9";
    let clients = "nbthread 1\nmaxconn 100\nstats maxconn 30";
    assert_eq!(descriptors(kind, clients, agent), [249, 249, 100, 100, 0]);
    // What is written for the system changes nothing of what is needed; pipes are two each.
    let written = "nbthread 1\nmaxconn 100\nulimit-n 300\nmaxpipes 20";
    assert_eq!(descriptors(kind, written, ""), [300, 266, 100, 100, 20]);
    // What is left of a limit is for sessions.
    let limited = "nbthread 1\nfd-hard-limit 500";
    assert_eq!(descriptors(kind, limited, ""), [500, 500, 237, 237, 0]);
}

/// The descriptors are as many as the sessions need, which all carry bulk at once.
fn bulk_needs_no_descriptors_of_sessions(kind: Kind) {
    let server = bulk::backend();
    let proxy = Scene::new(kind)
        .global("nbthread 1\nfd-hard-limit 240")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    proxy.process.limit_open_files(240);
    block_on(async {
        let mut sessions = JoinSet::new();
        for seed in 0..90 {
            let ending = Ending::Together;
            let order = Order { seed, up_bytes: 900_000, down_bytes: 900_000, ending };
            sessions.spawn(bulk::session(proxy.addr, order));
        }
        while let Some(ended) = sessions.join_next().await {
            assert_eq!(ended.unwrap(), Ok(End::Fin));
        }
    });
}
