//! `silent-drop`: connections that end without a word, and `expect-proxy` by a rule.

use std::io::{ErrorKind, Read};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    a_client_is_dropped_without_a_word,
    a_rule_may_expect_the_proxy_header,
}

fn a_client_is_dropped_without_a_word(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .frontend("tcp-request connection silent-drop if { src 127.0.0.1 }")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    eventually("it is denied", || {
        let stat = api.ask("show stat fe 1 -1");
        let columns: Vec<&str> = stat.lines().next()?.split(',').collect();
        let row: Vec<&str> = stat.lines().nth(1)?.split(',').collect();
        let denied = row[columns.iter().position(|column| *column == "dreq")?];
        (denied != "0").then_some(())
    });
    client.0.set_nonblocking(true).unwrap();
    let heard = client.0.read(&mut [0; 8]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock));
    client.0.set_nonblocking(false).unwrap();
    // The kernel there knows nothing of the connection any more.
    client.send("x");
    assert_eq!(client.drain(), (Vec::new(), End::Reset));
    assert_eq!(server.accepted(), 0);
}

fn a_rule_may_expect_the_proxy_header(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .frontend("tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("PROXY TCP4 192.0.2.7 192.0.2.8 4321 5432\r\n");
    client.ping("the header is gone");
    drop(client);
    proxy.log.expect(&["192.0.2.7:4321 [", "fe be/s1 "]);
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.drain(), (Vec::new(), End::Reset));
    proxy.log.expect(&["Received something which does not look like a PROXY protocol header"]);
}

/// HAProxy 2.6 does not know the word; later versions do.
#[test]
fn a_reset_may_live_as_long_as_it_is_told() {
    let server = Backend::echo();
    let proxy = Scene::new(Kind::Evenkeel)
        .frontend("tcp-request connection silent-drop rst-ttl 3")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    // No router is on the way, so that any life is long enough.
    match Client::try_connect(proxy.addr) {
        Ok(mut client) => assert_eq!(client.drain(), (Vec::new(), End::Reset)),
        // It was faster than the rest of connecting.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(server.accepted(), 0);
}
