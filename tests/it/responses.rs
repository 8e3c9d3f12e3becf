//! A server's first bytes held back by rules: what ends the wait for them, against both programs.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    a_silent_server_ends_the_wait_for_its_answer,
    a_silent_client_ends_it_too,
    a_clients_end_is_passed_on_while_its_answer_is_awaited,
    bytes_go_on_to_a_server_that_is_being_heard,
    a_rule_that_waits_for_the_end_has_it_at_the_timeout,
    a_server_that_is_heard_no_more_has_said_what_it_said,
}

const WAITS: &str = "tcp-response inspect-delay 60s
  tcp-response content reject if { res.payload(0,3) -m str bad }\n  ";

fn start(kind: Kind, timeouts: &str, rules: &str, server: &Backend) -> Proxy {
    let backend = format!("{rules}server s1 {}", server.addr);
    Scene::new(kind).defaults(timeouts).backend(&backend).start()
}

fn a_silent_server_ends_the_wait_for_its_answer(kind: Kind) {
    let server = Backend::silent();
    // What holds for tunnels is not asked for before the answer was judged.
    let proxy = start(kind, "timeout server 400ms\ntimeout tunnel 60s\n", WAITS, &server);
    let mut client = Client::connect(proxy.addr);
    client.send("hello");
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    drop(client);
    proxy.log.expect(&["be/s1 ", " 0 sD "]);
}

fn a_silent_client_ends_it_too(kind: Kind) {
    let server = Backend::silent();
    let proxy = start(kind, "timeout client 400ms\n", WAITS, &server);
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    drop(client);
    proxy.log.expect(&["be/s1 ", " 0 cD "]);
}

fn a_clients_end_is_passed_on_while_its_answer_is_awaited(kind: Kind) {
    let server = Backend::silent();
    let proxy = start(kind, "", WAITS, &server);
    let mut client = Client::connect(proxy.addr);
    client.send("all there is");
    client.half_close();
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["be/s1 ", " 0 -- "]);
}

fn bytes_go_on_to_a_server_that_is_being_heard(kind: Kind) {
    let server = Backend::echo();
    let rules = "tcp-response inspect-delay 60s
  tcp-response content reject if { res.payload(0,3) -m str bad }
  tcp-response content accept if { res.len ge 12 }\n  ";
    let proxy = start(kind, "", rules, &server);
    let mut client = Client::connect(proxy.addr);
    for part in ["one ", "two ", "four"] {
        client.send(part);
    }
    client.half_close();
    assert_eq!(client.drain(), (b"one two four".to_vec(), End::Fin));
    proxy.log.expect(&["be/s1 ", " 12 -- "]);
}

fn a_rule_that_waits_for_the_end_has_it_at_the_timeout(kind: Kind) {
    let server = Backend::silent();
    let rules = "tcp-response inspect-delay 60s\n  tcp-response content reject if WAIT_END\n  ";
    let proxy = start(kind, "timeout server 400ms\n", rules, &server);
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["be/s1 ", " 0 PD "]);
}

fn a_server_that_is_heard_no_more_has_said_what_it_said(kind: Kind) {
    let server = Backend::echo();
    let rules = "tcp-response inspect-delay 60s
  tcp-response content close if { res.payload(0,3) -m str bad }\n  ";
    let proxy = start(kind, "", rules, &server);
    let mut client = Client::connect(proxy.addr);
    client.send("bad news");
    assert_eq!(client.drain(), (b"bad news".to_vec(), End::Fin));
    proxy.log.expect(&["be/s1 ", " 8 -- "]);
    let denied = [("proxy", "be"), ("server", "s1")];
    let denied = proxy.metrics().value("haproxy_server_responses_denied_total", &denied);
    assert_eq!(denied, Some(0.0));
}
