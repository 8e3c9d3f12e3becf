//! How many sessions a server takes, and how many may wait for it: `minconn` with `fullconn`,
//! `maxqueue`, and slow start.

use std::io::ErrorKind;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    minconn_holds_until_the_backend_fills_up,
    a_full_queue_refuses,
    leastconn_fills_the_queues_of_servers,
    slow_start_begins_with_a_sixteenth,
    slow_start_ends,
    slow_start_limits_sessions,
}

/// A column of `show stat` for a row of backend `be`.
fn column(api: &Api, row: &str, name: &str) -> String {
    let text = api.ask("show stat");
    let mut lines = text.lines();
    let names = lines.next().unwrap().trim_start_matches("# ");
    let place = names.split(',').position(|known| known == name).unwrap();
    let line = lines.find(|line| line.starts_with(&format!("be,{row},"))).unwrap();
    line.split(',').nth(place).unwrap().to_owned()
}

fn sessions(api: &Api, row: &str) -> u32 {
    column(api, row, "scur").parse().unwrap()
}

fn queued(api: &Api, row: &str) -> u32 {
    column(api, row, "qcur").parse().unwrap()
}

fn scene(kind: Kind, api: &Api) -> Scene {
    Scene::new(kind).global(&format!("nbthread 1\n{}", api.lines())).defaults("timeout queue 30s")
}

/// Clients that stay, and are known to be served or queued.
fn arrive(proxy: &Proxy, api: &Api, count: u32) -> Vec<Client> {
    let mut clients = Vec::new();
    for nth in 1..=count {
        clients.push(Client::connect(proxy.addr));
        eventually("it is served or queued", || {
            let waiting = queued(api, "s1") + queued(api, "BACKEND");
            (sessions(api, "s1") + waiting >= nth).then_some(())
        });
    }
    clients
}

/// fullconn 10, minconn 2, maxconn 6: with n sessions in the backend the limit is max(2, 6n/10).
fn minconn_holds_until_the_backend_fills_up(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = scene(kind, &api)
        .backend("fullconn 10\nbalance source\n")
        .backend(&format!("server s1 {} minconn 2 maxconn 6\n", server.addr))
        .start();
    let mut seen = Vec::new();
    let mut clients = Vec::new();
    for nth in 1..=12u32 {
        clients.push(Client::connect(proxy.addr));
        eventually("it is served or queued", || {
            let (served, waiting) = (sessions(&api, "s1"), queued(&api, "s1"));
            (served + waiting == nth).then(|| seen.push((served, waiting)))
        });
    }
    // The first to wait is the third; who comes while others wait does, too.
    assert_eq!(seen[..4], [(1, 0), (2, 0), (2, 1), (2, 2)], "{seen:?}");
    assert_eq!(seen[11], (2, 10), "{seen:?}");
    // A session that leaves makes room for as many as the limit allows by then: 6 of 11.
    drop(clients.remove(0));
    eventually("the queue is served", || {
        let now = (sessions(&api, "s1"), queued(&api, "s1"));
        (now == (6, 5)).then_some(())
    });
    assert_eq!(column(&api, "s1", "qmax"), "10");
}

fn a_full_queue_refuses(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = scene(kind, &api)
        .backend("balance source\n")
        .backend(&format!("server s1 {} maxconn 1 maxqueue 2\n", server.addr))
        .start();
    let _clients = arrive(&proxy, &api, 3);
    assert_eq!((sessions(&api, "s1"), queued(&api, "s1")), (1, 2));
    let (bytes, _) = Client::connect(proxy.addr).drain();
    assert!(bytes.is_empty());
    proxy.log.expect(&["fe be/", " SQ "]);
    assert_eq!(column(&api, "s1", "qlimit"), "2");
    assert_eq!(column(&api, "s1", "econ"), "1");
}

fn leastconn_fills_the_queues_of_servers(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = scene(kind, &api)
        .backend("balance leastconn\n")
        .backend(&format!("server s1 {} maxconn 1 maxqueue 2\n", server.addr))
        .start();
    let _clients = arrive(&proxy, &api, 5);
    assert_eq!((sessions(&api, "s1"), queued(&api, "s1"), queued(&api, "BACKEND")), (1, 2, 2));
}

/// Two servers, of which `b` leaves maintenance with a slow start of this long.
fn rising(kind: Kind, api: &Api, backend: &str, seconds: u32) -> (Proxy, [Backend; 2]) {
    let servers = ["a", "b"].map(Backend::greet);
    let proxy = scene(kind, api)
        .backend(&format!("{backend}\ndefault-server weight 16 slowstart {seconds}s\n"))
        .backend(&format!("server a {}\nserver b {}\n", servers[0].addr, servers[1].addr))
        .start();
    // Nobody rises at the start.
    assert_eq!(
        (column(api, "a", "throttle"), column(api, "b", "weight")),
        (String::new(), "16".to_owned())
    );
    api.ask("disable server be/b");
    api.ask("enable server be/b");
    (proxy, servers)
}

fn slow_start_begins_with_a_sixteenth(kind: Kind) {
    let api = Api::new();
    let (proxy, _servers) = rising(kind, &api, "balance roundrobin", 1000);
    // A second may have passed by haproxy's clock, but no sixteenth of the time.
    assert_eq!(
        (column(&api, "b", "throttle"), column(&api, "b", "weight")),
        ("6".to_owned(), "1".to_owned())
    );
    let names: String = (0..34).map(|_| served_by(proxy.addr).unwrap()).collect();
    assert_eq!(names, format!("{}b{}", "a".repeat(17), "a".repeat(16)));
    // A fixed map knows no slow start.
    let api = Api::new();
    let (proxy, _servers) = rising(kind, &api, "balance static-rr", 1000);
    assert_eq!(
        (column(&api, "b", "throttle"), column(&api, "b", "weight")),
        ("100".to_owned(), "16".to_owned())
    );
    let names: String = (0..32).map(|_| served_by(proxy.addr).unwrap()).collect();
    assert_eq!(names.matches('b').count(), 16, "{names}");
}

fn slow_start_ends(kind: Kind) {
    let api = Api::new();
    let (_proxy, _servers) = rising(kind, &api, "balance roundrobin", 3);
    let mut weights = vec![column(&api, "b", "weight").parse::<u32>().unwrap()];
    eventually("it is over", || {
        weights.push(column(&api, "b", "weight").parse().unwrap());
        (column(&api, "b", "throttle").is_empty()).then_some(())
    });
    assert!(weights.is_sorted(), "{weights:?}");
    assert_eq!(column(&api, "b", "weight"), "16");
}

fn slow_start_limits_sessions(kind: Kind) {
    let api = Api::new();
    let (proxy, _servers) =
        rising(kind, &api, "balance first\ndefault-server maxconn 100", 100_000);
    api.ask("set server be/a state maint");
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "b");
    let mut second = Client::connect(proxy.addr);
    eventually("it waits", || (queued(&api, "BACKEND") == 1).then_some(()));
    second.0.set_nonblocking(true).unwrap();
    assert_eq!(second.line().unwrap_err().kind(), ErrorKind::WouldBlock);
}
