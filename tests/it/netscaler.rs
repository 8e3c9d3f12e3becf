//! NetScaler's client IP insertion, asked for by a `bind` or by a rule.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    the_clients_address_is_taken_from_it,
    a_rule_may_expect_it,
    what_is_no_such_header_is_refused,
    a_client_that_sends_none_is_not_waited_for_longer_than_it_may,
    it_comes_before_the_proxy_header,
    what_is_wrong_with_its_words_is_refused,
}

/// IP and TCP headers of a connection from 192.0.2.7:4321 to 192.0.2.8:5432.
fn ipv4() -> Vec<u8> {
    let mut headers = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    headers.extend([192, 0, 2, 7, 192, 0, 2, 8, 0x10, 0xe1, 0x15, 0x38]);
    headers.extend([0; 16]);
    headers
}

/// The same from [fd00::1]:4321.
fn ipv6() -> Vec<u8> {
    let mut headers = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    for host in [1, 2] {
        headers.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    headers.extend([0x10, 0xe1, 0x15, 0x38]);
    headers.extend([0; 16]);
    headers
}

fn standard(magic: u8, headers: &[u8]) -> Vec<u8> {
    let length = u8::try_from(headers.len()).unwrap();
    [&[0, 0, 0, magic, 0, 0, 0, length, 0, 0, 0, length], headers].concat()
}

fn legacy(magic: u8, headers: &[u8]) -> Vec<u8> {
    let length = u8::try_from(headers.len()).unwrap();
    [&[0, 0, 0, magic, 0, 0, 0, length], headers].concat()
}

fn accepting(kind: Kind, words: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(kind).bind(words).backend(&format!("server s1 {}", server.addr)).start();
    (proxy, server)
}

fn the_clients_address_is_taken_from_it(kind: Kind) {
    let (proxy, _server) = accepting(kind, "accept-netscaler-cip 5");
    let rows = [
        (standard(5, &ipv4()), "192.0.2.7:4321 ["),
        (legacy(5, &ipv4()), "192.0.2.7:4321 ["),
        (standard(5, &ipv6()), "fd00::1:4321 ["),
        (legacy(5, &ipv6()), "fd00::1:4321 ["),
    ];
    for (n, (header, line)) in rows.iter().enumerate() {
        let mut client = Client::connect(proxy.addr);
        client.send(header);
        client.ping("the header is gone");
        drop(client);
        let seen = || proxy.log.count(line) > n % 2;
        crate::harness::eventually("its line", || seen().then_some(()));
    }
}

fn a_rule_may_expect_it(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind("accept-netscaler-cip 5")
        .frontend("tcp-request connection expect-netscaler-cip layer4 if { src 127.0.0.1 }")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send(standard(5, &ipv4()));
    client.ping("the header is gone");
    drop(client);
    proxy.log.expect(&["192.0.2.7:4321 [", "fe be/s1 "]);
    // Without a number, it begins with 0.
    let proxy = Scene::new(kind)
        .frontend("tcp-request connection expect-netscaler-cip layer4")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send(standard(0, &ipv4()));
    client.ping("the header is gone");
}

fn what_is_no_such_header_is_refused(kind: Kind) {
    let (proxy, server) = accepting(kind, "accept-netscaler-cip 5");
    let good = standard(5, &ipv4());
    let odd = |at: usize, byte: u8| {
        let mut header = good.clone();
        header[at] = byte;
        header
    };
    let rows = [
        (standard(6, &ipv4()), "Received an invalid NetScaler Client IP magic number"),
        (odd(21, 17), "Received an unhandled protocol in the NetScaler Client IP header"),
        (odd(12, 0x55), "Received an unhandled protocol in the NetScaler Client IP header"),
        (odd(8, 1), "Received an unhandled protocol in the NetScaler Client IP header"),
        (good[..20].to_vec(), "Truncated NetScaler Client IP header received"),
        (Vec::new(), "Connection closed while waiting for NetScaler Client IP header"),
    ];
    for (wrong, line) in rows {
        let mut client = Client::connect(proxy.addr);
        let from = client.0.local_addr().unwrap();
        client.send(&wrong);
        if line.starts_with(['T', 'C']) {
            client.half_close();
        }
        let end = if wrong.is_empty() { End::Fin } else { End::Reset };
        assert_eq!(client.drain(), (Vec::new(), end), "{line}");
        proxy.log.expect(&[&format!("{from} ["), &format!("] fe/1: {line}")]);
    }
    assert_eq!(server.accepted(), 0);
}

fn a_client_that_sends_none_is_not_waited_for_longer_than_it_may(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind("accept-netscaler-cip 5")
        .defaults("timeout client 300ms")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["fe/1: Timeout while waiting for a NetScaler Client IP header"]);
}

fn it_comes_before_the_proxy_header(kind: Kind) {
    let (proxy, _server) = accepting(kind, "accept-proxy accept-netscaler-cip 5");
    let mut client = Client::connect(proxy.addr);
    client.send("PROXY TCP4 192.0.2.9 192.0.2.8 4321 5432\r\n");
    assert_eq!(client.drain().1, End::Reset);
    proxy.log.expect(&["fe/1: Received an invalid NetScaler Client IP magic number"]);
}

fn what_is_wrong_with_its_words_is_refused(kind: Kind) {
    for words in ["", "0", "x", "4294967296"] {
        let scene = Scene::new(kind).bind(&format!("accept-netscaler-cip {words}"));
        assert!(scene.check().0 > 0, "{words}");
    }
    let rule = "tcp-request connection expect-netscaler-cip";
    assert!(Scene::new(kind).frontend(rule).check().0 > 0);
    assert_eq!(Scene::new(kind).bind("accept-netscaler-cip -1").check().0, 0);
}
