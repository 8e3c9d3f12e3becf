//! What commands that change servers and frontends do to sessions and clients.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::api_set::{EMERG, WARNING, play, start};
use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::proxy::Kind;
use crate::harness::{both, eventually};

both! {
    frontends_are_paused_resumed_and_shut_down,
    sessions_of_a_server_are_ended,
    a_waiting_session_is_ended_with_its_place_in_the_log,
    servers_in_maintenance_are_deleted_when_empty,
    maintenance_cuts_sessions_where_marked_down_does,
    queued_clients_are_served_by_others,
    a_drained_server_keeps_its_sessions,
    nobody_is_left_without_weight_either,
}

fn frontends_are_paused_resumed_and_shut_down(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let proxy = start(kind, &api, &format!("server s1 {}", server.addr));
    let mut inside = Client::connect(proxy.addr);
    inside.ping("before");
    let is_refused = || TcpStream::connect(proxy.addr).is_err();
    play(
        &proxy,
        &api,
        &[
            ("enable frontend fe", "All sockets are already enabled.", &[]),
            ("disable frontend fe", "", &[(WARNING, "Paused frontend fe.")]),
            ("disable frontend fe", "All sockets are already disabled.", &[]),
        ],
    );
    assert!(is_refused(), "it is paused");
    inside.ping("meanwhile");
    play(&proxy, &api, &[("enable frontend fe", "", &[(WARNING, "Resumed frontend fe.")])]);
    let mut again = Client::connect(proxy.addr);
    again.ping("again");
    let stopped = "Proxy fe stopped (cumulated conns: FE: 2, BE: 0).";
    play(
        &proxy,
        &api,
        &[
            ("disable frontend fe", "", &[(WARNING, "Paused frontend fe.")]),
            ("shutdown frontend fe", "", &[(WARNING, stopped)]),
            ("shutdown frontend fe", "Frontend was already shut down.", &[]),
            ("enable frontend fe", "Frontend was previously shut down, cannot enable.", &[]),
            ("disable frontend fe", "Frontend was previously shut down, cannot disable.", &[]),
        ],
    );
    assert!(is_refused(), "it is shut down");
    inside.ping("still");
    again.ping("still");
}

fn sessions_of_a_server_are_ended(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::echo(), Backend::echo());
    let backend = format!("server s1 {}\nserver s2 {}", one.addr, two.addr);
    let proxy = start(kind, &api, &backend);
    // One after the other, as their turns tell the servers.
    let clients = [(); 2].map(|()| {
        let mut client = Client::connect(proxy.addr);
        client.ping("hello");
        client
    });
    assert_eq!(api.ask("shutdown sessions server be/s1"), "\n");
    proxy.log.expect(&["be/s1", " K"]);
    let [mut first, mut second] = clients;
    assert!(first.drain().0.is_empty());
    second.ping("still there");
}

fn a_waiting_session_is_ended_with_its_place_in_the_log(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let backend = format!("timeout queue 30s\nserver s1 {} maxconn 1", server.addr);
    let proxy = start(kind, &api, &backend);
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "s1");
    let mut second = Client::connect(proxy.addr);
    eventually("it waits", || api.ask("show stat").contains("be,BACKEND,1,").then_some(()));
    let sessions = api.ask("show sess");
    let waiting = sessions.lines().find(|line| line.contains(" fe=fe ") && line.contains("<none>"));
    let id = waiting.unwrap().split(':').next().unwrap();
    assert_eq!(api.ask(&format!("shutdown session {id}")), "\n");
    assert!(second.drain().0.is_empty());
    let line = proxy.log.expect(&["be/<NOSRV> ", "/-1/", " KQ ", " 0/1"]);
    assert!(!line.contains(" -1/-1/"), "{line}");
    first.ping("not disturbed");
}

fn servers_in_maintenance_are_deleted_when_empty(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::echo(), Backend::greet("s2"));
    let backend = format!("server s1 {}\nserver s2 {} disabled", one.addr, two.addr);
    let proxy = start(kind, &api, &backend);
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    assert_eq!(api.ask("enable server be/s2;disable server be/s1"), "\n\n");
    let used = "Server still has connections attached to it, cannot remove it.";
    assert_eq!(api.ask("del server be/s1").trim_end(), used);
    drop(client);
    eventually("it is deleted", || {
        (api.ask("del server be/s1").trim_end() == "Server deleted.").then_some(())
    });
    assert_eq!(api.ask("del server be/s1").trim_end(), "No such server.");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
}

fn maintenance_cuts_sessions_where_marked_down_does(kind: Kind) {
    let api = Api::new();
    let server = Backend::echo();
    let backend = format!("server s1 {} on-marked-down shutdown-sessions", server.addr);
    let proxy = start(kind, &api, &backend);
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    assert_eq!(api.ask("set server be/s1 state maint"), "\n");
    assert!(client.drain().0.is_empty());
    proxy.log.expect(&["be/s1", " D"]);
}

fn queued_clients_are_served_by_others(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let backend = format!(
        "timeout queue 30s\nserver s1 {} maxconn 1\nserver s2 {} maxconn 1",
        one.addr, two.addr
    );
    let proxy = start(kind, &api, &backend);
    let mut holders = [Client::connect(proxy.addr), Client::connect(proxy.addr)];
    let names: Vec<_> = holders.iter_mut().map(|client| client.line().unwrap()).collect();
    let waiting: Vec<_> = (0..50).map(|_| Client::connect(proxy.addr)).collect();
    eventually("they wait", || {
        let queued = proxy.metrics().value("haproxy_backend_current_queue", &[("proxy", "be")]);
        queued.is_some_and(|queued| queued >= 50.0).then_some(())
    });
    assert_eq!(api.ask("set server be/s1 state maint"), "\n");
    // What s1 has ends; nobody follows it there.
    let (s1, s2): (Vec<_>, Vec<_>) =
        holders.into_iter().zip(names).partition(|(_, name)| name == "s1");
    assert_eq!((s1.len(), s2.len()), (1, 1));
    drop((s1, s2));
    // Each gives its slot to the next when it has been served.
    let served = waiting.into_iter().map(|mut client| thread::spawn(move || client.line()));
    for client in served.collect::<Vec<_>>() {
        assert_eq!(client.join().unwrap().unwrap(), "s2");
    }
    assert_eq!(one.accepted(), 1);
}

fn nobody_is_left_without_weight_either(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let proxy = start(kind, &api, &format!("server s1 {} weight 5", server.addr));
    let nobody = [(EMERG, "backend be has no server available!")];
    play(
        &proxy,
        &api,
        &[
            ("set weight be/s1 0", "", &nobody),
            ("set server be/s1 weight 100%", "", &[]),
            ("set server be/s1 weight 0%", "", &nobody),
            ("set weight be/s1 0", "", &[]),
            ("set weight be/s1 3", "", &[]),
            ("set weight be/s1 4", "", &[]),
        ],
    );
    api.ask("set server be/s1 state drain");
    let [(_, wanted)] = nobody;
    let seen = || proxy.log.raw().iter().filter(|line| line.contains(wanted)).count();
    eventually("nobody is left, which is said", || (seen() == 3).then_some(()));
}

fn a_drained_server_keeps_its_sessions(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::echo(), Backend::echo());
    let backend = format!("server s1 {}\nserver s2 {}", one.addr, two.addr);
    let proxy = start(kind, &api, &backend);
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    assert_eq!(api.ask("set server be/s1 state drain"), "\n");
    assert_eq!(api.ask("get weight be/s1").trim_end(), "1 (initial 1)");
    for _ in 0..4 {
        Client::connect(proxy.addr).ping("elsewhere");
    }
    client.ping("still here");
    assert_eq!((one.accepted(), two.accepted()), (1, 4));
    assert_eq!(api.ask("set server be/s1 state ready"), "\n");
    for _ in 0..4 {
        Client::connect(proxy.addr).ping("both");
    }
    assert_eq!((one.accepted(), two.accepted()), (3, 6));
}

/// HAProxy 2.6.12 aborts where a client waits for the larger limit of a frontend.
#[test]
fn a_raised_limit_lets_waiting_clients_in() {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = start(Kind::Evenkeel, &api, &format!("server s1 {}", server.addr));
    assert_eq!(api.ask("set maxconn frontend fe 1"), "\n");
    let mut inside = Client::connect(proxy.addr);
    assert_eq!(inside.line().unwrap(), "s1");
    let mut waiting = Client::connect(proxy.addr);
    waiting.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(waiting.line().is_err(), "there is one place only");
    waiting.0.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    assert_eq!(api.ask("set maxconn frontend fe 2"), "\n");
    assert_eq!(waiting.line().unwrap(), "s1");
}
