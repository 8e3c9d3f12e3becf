//! What a PROXY header of version 2 says besides addresses: sent, received, and passed on.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};

both! {
    a_server_is_told_what_it_asks_for,
    a_server_is_told_of_the_clients_tls,
    what_was_received_is_shown_and_passed_on,
    malformed_extensions_are_refused,
    an_id_is_made_once,
    each_understands_the_other,
}

/// The 12 bytes every v2 header starts with (PROXY protocol 2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A server that hands over what is at the front of each connection, up to `###`.
fn recorder() -> (Backend, Receiver<Vec<u8>>) {
    let (seen, heads) = std::sync::mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"###") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let _ = seen.send(head);
            while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
        }
    });
    (server, heads)
}

/// The extensions of the next header that `heads` yields, those whose type is above 0 in order.
#[track_caller]
fn extensions(heads: &Receiver<Vec<u8>>) -> Vec<(u8, Vec<u8>)> {
    let head = heads.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(&head[..14], [SIGNATURE, &[0x21, 0x11]].concat());
    tlvs(&head[28..head.len() - 3])
}

fn tlvs(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [kind, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        found.push((*kind, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    found
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), value].concat()
}

/// A header for a client at 192.0.2.7:4321 that wanted 192.0.2.8:5432.
fn header(extensions: &[u8]) -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 192, 0, 2, 8, 0x10, 0xe1, 0x15, 0x38];
    let length = u16::try_from(addresses.len() + extensions.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x21, 0x11], &length, &addresses, extensions].concat()
}

fn send(proxy: &Proxy, bytes: &[u8]) -> Client {
    let mut client = Client::connect(proxy.addr);
    client.send([bytes, b"###"].concat());
    client
}

fn a_server_is_told_what_it_asks_for(kind: Kind) {
    let (server, heads) = recorder();
    type Told = &'static [(u8, &'static [u8])];
    let rows: [(&str, Told); 6] = [
        ("send-proxy-v2", &[]),
        ("send-proxy-v2-ssl", &[(0x20, &[0; 5])]),
        ("send-proxy-v2-ssl-cn", &[(0x20, &[0; 5])]),
        ("send-proxy-v2 proxy-v2-options cert-key", &[(0x20, &[0; 5])]),
        ("send-proxy-v2 proxy-v2-options unique-id,authority", &[(5, b"fe-7")]),
        ("send-proxy-v2 proxy-v2-options ssl,unique-id", &[(5, b"fe-7"), (0x20, &[0; 5])]),
    ];
    for (words, expected) in rows {
        let proxy = Scene::new(kind)
            .frontend("unique-id-format %f-%[int(7)]%[var(sess.none)]")
            .backend(&format!("server s1 {} {words}", server.addr))
            .start();
        let _client = send(&proxy, b"");
        let expected: Vec<_> =
            expected.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        assert_eq!(extensions(&heads), expected, "{words}");
    }
    let proxy = Scene::new(kind)
        .backend(&format!(
            "server s1 {} send-proxy-v2 proxy-v2-options crc32c,unique-id",
            server.addr
        ))
        .start();
    let _client = send(&proxy, b"");
    let told = extensions(&heads);
    assert_eq!(
        told.iter().map(|(kind, value)| (*kind, value.len())).collect::<Vec<_>>(),
        [(3, 4), (5, 0)]
    );
}

fn a_server_is_told_of_the_clients_tls(kind: Kind) {
    let (authority, (server, heads)) = (Authority::new(), recorder());
    let crt = authority.issue("fe.pem", &["db.example"]);
    let client = authority.issue("client.pem", &["client.one"]);
    let bind = format!(
        "ssl crt {} alpn postgresql ca-file {} verify optional ssl-max-ver TLSv1.2 no-tls-tickets",
        crt.display(),
        authority.ca()
    );
    let all = "ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority";
    let proxy = Scene::new(kind)
        .bind(&bind)
        .backend(&format!("server s1 {} send-proxy-v2 proxy-v2-options {all}", server.addr))
        .start();
    let told = |hello: &Hello<'_>| {
        let mut client = TlsClient::connect(proxy.addr, hello).unwrap();
        std::io::Write::write_all(&mut client.0, b"###").unwrap();
        let told = extensions(&heads);
        drop(client);
        told
    };
    let plain = Hello { name: "db.example", ..Hello::default() };
    let told_plain = told(&plain);
    let kinds = |told: &[(u8, Vec<u8>)]| told.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    assert_eq!(kinds(&told_plain), [2, 0x20]);
    assert_eq!(told_plain[0].1, b"db.example");
    let (bits, inner) = told_plain[1].1.split_at(5);
    assert_eq!(bits, [1, 0, 0, 0, 0]);
    let mut inner = tlvs(inner);
    let cipher = inner.pop().unwrap();
    assert!(cipher.0 == 0x23 && cipher.1.starts_with(b"ECDHE-ECDSA-"), "{cipher:?}");
    assert_eq!(
        inner,
        [
            (0x21, b"TLSv1.2".to_vec()),
            (0x25, b"EC256".to_vec()),
            (0x24, b"ecdsa-with-SHA256".to_vec())
        ]
    );
    let known = Hello { alpn: &["postgresql"], crt: Some(client), ..plain.clone() };
    let told_known = told(&known);
    assert_eq!(kinds(&told_known), [1, 2, 0x20]);
    assert_eq!(told_known[0].1, b"postgresql");
    let (bits, inner) = told_known[2].1.split_at(5);
    assert_eq!(bits, [7, 0, 0, 0, 0]);
    assert_eq!(tlvs(inner)[1], (0x22, b"client.one".to_vec()));
}

fn what_was_received_is_shown_and_passed_on(kind: Kind) {
    let (server, heads) = recorder();
    let proxy = Scene::new(kind)
        .bind("accept-proxy")
        .frontend("unique-id-format %[fc_pp_unique_id]\n")
        .frontend("log-format \"%ID|%[unique-id]|%[fc_pp_authority]|%[fc_rcvd_proxy]|%ts\"")
        .backend(&format!(
            "server s1 {} send-proxy-v2 proxy-v2-options unique-id,authority",
            server.addr
        ))
        .start();
    let both = [tlv(2, b"db.example"), tlv(5, b"one"), tlv(5, b"two"), tlv(0xe1, b"x")].concat();
    let long = [tlv(4, b"....."), tlv(5, &[b'x'; 128]), tlv(0x30, b"ns"), tlv(0x20, &[0])].concat();
    let longest = [b'x'; 127].to_vec();
    let rows = [
        (Vec::new(), vec![(5, Vec::new())], "-|-|-|1|--"),
        (both, vec![(2, b"db.example".to_vec()), (5, b"two".to_vec())], "two|two|db.example|1|--"),
        (long, vec![(5, longest)], "x|-|1|--"),
    ];
    for (sent, passed, line) in rows {
        let client = send(&proxy, &header(&sent));
        assert_eq!(extensions(&heads), passed, "{line}");
        drop(client);
        proxy.log.expect(&[line]);
    }
    // LOCAL: what follows is not read.
    let mut local = header(&tlv(2, b"db.example"));
    local[12] = 0x20;
    let _client = send(&proxy, &local);
    assert_eq!(extensions(&heads), [(5, Vec::new())]);
}

fn malformed_extensions_are_refused(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind("accept-proxy")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let wrong = [
        tlv(2, &[b'x'; 256]),
        tlv(5, &[b'x'; 129]),
        tlv(3, b"abcd"),
        tlv(3, b"abc"),
        vec![2, 0, 9, b'x'],
        vec![4, 0],
    ];
    for wrong in &wrong {
        let mut client = Client::connect(proxy.addr);
        client.send(header(wrong));
        assert_eq!(client.drain(), (Vec::new(), End::Reset), "{wrong:?}");
        proxy.log.expect(&["] fe/1: Received an invalid PROXY protocol header"]);
    }
    assert_eq!(server.accepted(), 0);
}

fn an_id_is_made_once(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .frontend("unique-id-format %[rand]\n")
        .frontend("tcp-request content set-var(sess.id) unique-id\n")
        .frontend("log-format \"id=%ID=%[unique-id]=%[var(sess.id)]\"")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    Client::connect(proxy.addr).ping("x");
    let line = proxy.log.expect(&["id="]);
    let ids: Vec<&str> = line.rsplit("id=").next().unwrap().trim().split('=').collect();
    assert!(ids.len() == 3 && !ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]), "{line}");
}

/// One of the two in front of the other one.
fn each_understands_the_other(kind: Kind) {
    let server = Backend::echo();
    let other = if kind == Kind::Haproxy { Kind::Evenkeel } else { Kind::Haproxy };
    let behind = Scene::new(other)
        .bind("accept-proxy")
        .frontend("log-format \"%ci|%[fc_pp_unique_id]|%[fc_pp_authority]|%[fc_rcvd_proxy]\"")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let words = "send-proxy-v2-ssl proxy-v2-options crc32c,unique-id,ssl-cipher,authority";
    let front = Scene::new(kind)
        .bind("accept-proxy")
        .frontend("unique-id-format id-%ci")
        .backend(&format!("server s1 {} {words}", behind.addr))
        .start();
    let mut client = Client::connect(front.addr);
    client.send(header(&tlv(2, b"db.example")));
    client.ping("through both");
    drop(client);
    behind.log.expect(&["192.0.2.7|id-192.0.2.7|db.example|1"]);
}

/// HAProxy 2.6 does not know these words; later versions do.
#[test]
fn extensions_of_the_operators_own_are_sent_first() {
    let (server, heads) = recorder();
    let words = "set-proxy-v2-tlv-fmt(0xE1) \"%[fc_pp_tlv(0xE2)] of %ci\" \
                 set-proxy-v2-tlv-fmt(226) %[fc_pp_tlv(AUTHORITY)] proxy-v2-options crc32c";
    let proxy = Scene::new(Kind::Evenkeel)
        .bind("accept-proxy")
        .backend(&format!("server s1 {} send-proxy-v2 {words}", server.addr))
        .start();
    let _client = send(&proxy, &header(&[tlv(2, b"db.example"), tlv(0xe2, b"one")].concat()));
    let mut told = extensions(&heads);
    assert_eq!(told.pop().map(|(kind, _)| kind), Some(3));
    assert_eq!(told, [(0xe1, b"one of 192.0.2.7".to_vec()), (0xe2, b"db.example".to_vec())]);
}

#[test]
fn checks_may_say_proxy_instead_of_local() {
    let (seen, heads) = std::sync::mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut head = [0; 28];
            if stream.read_exact(&mut head).await.is_ok() {
                let _ = seen.send(head);
            }
        }
    });
    let words = "check inter 200ms send-proxy-v2 pp2-never-send-local";
    let _proxy =
        Scene::new(Kind::Evenkeel).backend(&format!("server s1 {} {words}", server.addr)).start();
    let head = heads.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(&head[..12], SIGNATURE);
    assert_eq!(head[12..24], [0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(head[26..], server.addr.port().to_be_bytes());
}
