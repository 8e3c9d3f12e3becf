//! Clients that begin a handshake and do not end it, many at once, and many certificates.

use std::fmt::Write as _;
use std::io::Write;
use std::net::TcpStream;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient, der};
use crate::harness::{both, eventually};

both! {
    a_flood_of_handshakes_ends_and_harms_nobody,
    null_connections_are_not_logged_if_so_asked,
    many_certificates_are_told_apart,
}

static DB: Hello<'static> =
    Hello { name: "db.example", alpn: &[], crt: None, versions: &[], suites: &[], config: None };

/// A hello that says it is longer than what comes.
const CUT: [u8; 11] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

/// A hello whose record is of the largest size and never ends.
fn endless() -> Vec<u8> {
    let mut bytes = vec![0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    bytes.resize(8_000, 0x55);
    bytes
}

fn number(api: &Api, field: &str) -> u32 {
    let text = api.ask("show info");
    let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
    found.expect("a field").parse().unwrap()
}

fn a_flood_of_handshakes_ends_and_harms_nobody(kind: Kind) {
    const CLIENTS: usize = 2_000;
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, api) = (Backend::echo(), Api::new());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .global("maxconn 4000")
        .defaults("timeout client 3s")
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("timeout tunnel 60s\nserver s1 {}", server.addr))
        .start();
    let mut before = TlsClient::connect(proxy.addr, &DB).unwrap();
    before.ping("before");
    let openings = [&b""[..], b"GET / HTTP/1.0\r\n\r\n", &CUT, &endless()];
    let flood: Vec<TcpStream> = (0..CLIENTS)
        .map(|at| {
            let mut client = Client::connect(proxy.addr).0;
            client.write_all(openings[at % openings.len()]).unwrap();
            if at % 500 == 0 {
                before.ping("in the flood");
                TlsClient::connect(proxy.addr, &DB).unwrap().ping("new in the flood");
            }
            client
        })
        .collect();
    for client in flood {
        // None is kept for longer than its timeout, whatever it sent.
        let (_, end) = Client(client).drain();
        assert!(matches!(end, End::Fin | End::Reset));
    }
    before.ping("after");
    drop(before);
    for field in ["CurrSslConns", "CurrConns"] {
        let limit = if kind == Kind::Haproxy && field == "CurrConns" { 1 } else { 0 };
        eventually(field, || (number(&api, field) <= limit).then_some(()));
    }
    TlsClient::connect(proxy.addr, &DB).unwrap().ping("and later");
    proxy.log.expect(&["fe/1: SSL handshake failure"]);
    proxy.log.expect(&["fe/1: Timeout during SSL handshake"]);
    assert!(server.accepted() <= 7, "only those with a handshake reach it");
}

fn null_connections_are_not_logged_if_so_asked(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    for (asked, logged) in
        [("", [true; 5]), ("option dontlognull", [false, true, false, false, false])]
    {
        let proxy = Scene::new(kind)
            .defaults(&format!("timeout client 1s\n{asked}"))
            .bind(&format!("ssl crt {}", crt.display()))
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let openings: [(&[u8], bool); 5] = [
            (b"", true),
            (b"GET / HTTP/1.0\r\n\r\n", false),
            (&CUT, true),
            (&CUT, false),
            (b"", false),
        ];
        let mut from = Vec::new();
        for (bytes, closes) in openings {
            let mut client = Client::connect(proxy.addr);
            from.push(client.0.local_addr().unwrap());
            client.send(bytes);
            if closes {
                client.half_close();
            }
            client.drain();
        }
        // Lines come in order: with this one all others are there.
        let mut last = TlsClient::connect(proxy.addr, &DB).unwrap();
        last.ping("x");
        let last_from = last.0.sock.local_addr().unwrap();
        drop(last);
        proxy.log.expect(&[&format!("{last_from} ["), " fe~ "]);
        for (at, from) in from.iter().enumerate() {
            let count = proxy.log.count(&format!("{from} ["));
            assert_eq!(count == 1, logged[at], "'{asked}', client {at}");
        }
    }
}

fn many_certificates_are_told_apart(kind: Kind) {
    let authority = Authority::new();
    let server = Backend::echo();
    std::fs::create_dir(authority.dir.join("crt")).unwrap();
    let first = authority.issue("crt/first.pem", &["first.example"]);
    let some: Vec<_> =
        (0..5).map(|at| authority.issue(&format!("crt/{at}.pem"), &[&format!("of{at}")])).collect();
    let mut list = format!("{}\n", first.display());
    for at in 0..2_000 {
        let crt = some[at % some.len()].display();
        let _ = writeln!(list, "{crt} db{at}.example *.d{at}.example !no.d{at}.example");
    }
    let list = authority.dir.write("list", &list);
    let proxy = Scene::new(kind)
        .bind(&format!("ssl crt-list {}", list.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    for (name, crt) in [
        ("db0.example", &some[0]),
        ("db1999.example", &some[4]),
        ("x.d1003.example", &some[3]),
        ("no.d1003.example", &first),
        ("DB1002.example", &some[2]),
        ("db2000.example", &first),
    ] {
        let hello = Hello { name, ..DB.clone() };
        let client = TlsClient::connect(proxy.addr, &hello).unwrap();
        assert!(client.certificate() == der(crt), "{name}");
    }
}
