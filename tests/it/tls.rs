//! TLS to clients: certificates by name, clients' certificates, versions, and the bytes.

use std::io::{Read, Write};
use std::net::Shutdown;

use rustls::version::{TLS12, TLS13};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient, der};

both! {
    bytes_pass_and_the_log_says_that_it_was_tls,
    names_choose_certificates,
    strict_sni_refuses_names_without_a_certificate,
    a_list_of_certificates_has_names_and_options,
    clients_show_certificates,
    a_protocol_is_agreed_on,
    old_versions_are_refused,
    the_end_of_one_direction_is_passed_on,
    bulk_arrives_whole_in_both_directions,
    failed_handshakes_are_logged,
    a_proxy_header_comes_before_the_handshake,
}

fn named(name: &str) -> Hello<'_> {
    Hello { name, ..Hello::default() }
}

/// A proxy with these words on its `bind`, in front of a server that echoes.
fn scene(kind: Kind, words: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind(&format!("ssl {words}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    (proxy, server)
}

fn bytes_pass_and_the_log_says_that_it_was_tls(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (proxy, _server) = scene(kind, &format!("crt {}", crt.display()));
    let mut client = TlsClient::connect(proxy.addr, &named("db.example")).unwrap();
    client.ping("hello");
    assert_eq!(client.certificate(), der(&crt));
    client.half_close();
    let mut rest = Vec::new();
    assert_eq!(client.0.read_to_end(&mut rest).unwrap(), 0);
    proxy.log.expect(&["] fe~ be/s1 ", " 5 -- "]);
}

fn names_choose_certificates(kind: Kind) {
    let authority = Authority::new();
    std::fs::create_dir(authority.dir.join("all")).unwrap();
    let first = authority.issue("first.pem", &["first.example"]);
    let wild = authority.issue("all/wild.pem", &["*.db.example"]);
    let exact = authority.issue("all/exact.pem", &["one.db.example", "other.example"]);
    let words = format!("crt {} crt {}", first.display(), authority.path("all"));
    let (proxy, _server) = scene(kind, &words);
    for (name, crt) in [
        ("first.example", &first),
        ("two.db.example", &wild),
        ("one.db.example", &exact),
        ("OTHER.example", &exact),
        ("db.example", &first),
        ("a.two.db.example", &first),
        ("", &first),
    ] {
        let client = TlsClient::connect(proxy.addr, &named(name)).unwrap();
        assert!(client.certificate() == der(crt), "{name}: not {}", crt.display());
    }
}

fn strict_sni_refuses_names_without_a_certificate(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (proxy, server) = scene(kind, &format!("crt {} strict-sni", crt.display()));
    TlsClient::connect(proxy.addr, &named("db.example")).unwrap().ping("known");
    for name in ["www.example", ""] {
        let error = TlsClient::connect(proxy.addr, &named(name)).err().expect("refused");
        assert!(error.to_string().contains("UnrecognisedName"), "{name}: {error}");
    }
    proxy.log.expect(&["fe/1: SSL handshake failure"]);
    assert_eq!(server.accepted(), 1);
}

fn a_list_of_certificates_has_names_and_options(kind: Kind) {
    let authority = Authority::new();
    let plain = authority.issue("plain.pem", &["plain.example"]);
    let other = authority.issue("other.pem", &["other.example"]);
    let list = format!(
        "# certificates\n{} !*\n{} [alpn postgresql ssl-min-ver TLSv1.3] *.wild.example !not.wild.example\n",
        plain.display(),
        other.display()
    );
    let list = authority.dir.write("list", &list);
    let (proxy, _server) = scene(kind, &format!("crt-list {}", list.display()));
    let hello = Hello { alpn: &["postgresql"], ..named("a.wild.example") };
    let client = TlsClient::connect(proxy.addr, &hello).unwrap();
    assert_eq!(
        (client.certificate() == der(&other), client.alpn()),
        (true, Some("postgresql".into()))
    );
    let old = Hello { versions: &[&TLS12], ..hello };
    assert!(TlsClient::connect(proxy.addr, &old).is_err());
    for name in ["not.wild.example", "other.example", "plain.example"] {
        let client = TlsClient::connect(proxy.addr, &named(name)).unwrap();
        assert!(client.certificate() == der(&plain), "{name}");
    }
}

fn clients_show_certificates(kind: Kind) {
    let authority = Authority::new();
    let stranger = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let words = format!("crt {} ca-file {}", crt.display(), authority.ca());
    let good = Some(authority.issue("client.pem", &["client"]));
    let bad = Some(stranger.issue("client.pem", &["client"]));
    for (verify, none, stranger) in [("required", false, false), ("optional", true, false)] {
        let (proxy, _server) = scene(kind, &format!("{words} verify {verify}"));
        for versions in [&[&TLS12], &[&TLS13]] {
            for (crt, expected) in [(&good, true), (&None, none), (&bad, stranger)] {
                let hello = Hello { crt: crt.clone(), versions, ..named("db.example") };
                let let_in = TlsClient::is_let_in(proxy.addr, &hello);
                assert_eq!(let_in, expected, "{verify} {versions:?} {crt:?}");
            }
        }
        proxy.log.expect(&["fe/1: SSL client certificate not trusted"]);
    }
    // An authority that has ended vouches for nobody.
    let ended = Authority::ended(2020);
    let hello = Hello { crt: Some(ended.issue("client.pem", &["client"])), ..named("db.example") };
    let words = format!("crt {} ca-file {} verify required", crt.display(), ended.ca());
    let (proxy, _server) = scene(kind, &words);
    assert!(!TlsClient::is_let_in(proxy.addr, &hello));
    proxy.log.expect(&["fe/1: SSL client CA chain cannot be verified"]);
}

fn a_protocol_is_agreed_on(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (proxy, _server) = scene(kind, &format!("crt {} alpn x,postgresql", crt.display()));
    for (offered, agreed) in [
        (&["postgresql", "x"][..], Some("x")),
        (&["postgresql"], Some("postgresql")),
        (&["other"], None),
        (&[], None),
    ] {
        let hello = Hello { alpn: offered, ..named("db.example") };
        let mut client = TlsClient::connect(proxy.addr, &hello).unwrap();
        client.ping("agreed");
        assert_eq!(client.alpn().as_deref(), agreed, "{offered:?}");
    }
}

fn old_versions_are_refused(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    for (words, tls12, tls13) in [
        ("ssl-min-ver TLSv1.3", false, true),
        ("ssl-max-ver TLSv1.2", true, false),
        ("force-tlsv12", true, false),
        ("no-tlsv12", false, true),
        ("ssl-min-ver TLSv1.2", true, true),
    ] {
        let (proxy, _server) = scene(kind, &format!("crt {} {words}", crt.display()));
        for (version, expected) in [(&TLS12, tls12), (&TLS13, tls13)] {
            let hello = Hello { versions: &[version], ..named("db.example") };
            let connected = TlsClient::connect(proxy.addr, &hello);
            assert_eq!(connected.is_ok(), expected, "{words} {version:?}");
        }
    }
}

fn the_end_of_one_direction_is_passed_on(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    // Answers once the client is done.
    let server = Backend::new(|mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut all = Vec::new();
        if stream.read_to_end(&mut all).await.is_ok() {
            let _ = stream.write_all(format!("got {}", all.len()).as_bytes()).await;
        }
    });
    let proxy = Scene::new(kind)
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    for says_so in [true, false] {
        let mut client = TlsClient::connect(proxy.addr, &named("db.example")).unwrap();
        client.0.write_all(b"question").unwrap();
        if says_so {
            client.half_close();
        } else {
            client.0.sock.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = String::new();
        // An end without a close_notify would be an error.
        client.0.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "got 8");
    }
    proxy.log.expect(&[" 5 -- "]);
}

fn bulk_arrives_whole_in_both_directions(kind: Kind) {
    const BYTES: usize = 24 * 1024 * 1024;
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (proxy, _server) = scene(kind, &format!("crt {}", crt.display()));
    for version in [&TLS12, &TLS13] {
        let hello = Hello { versions: &[version], ..named("db.example") };
        let mut client = TlsClient::connect(proxy.addr, &hello).unwrap();
        client.0.sock.set_nonblocking(true).unwrap();
        let byte = |at: usize| u8::try_from(at * 31 % 251).unwrap();
        let (mut sent, mut received) = (0, 0);
        let mut buf = vec![0; 100_000];
        let mut patience = 0;
        while received < BYTES {
            let mut stuck = true;
            if sent < BYTES {
                let part: Vec<u8> = (sent..BYTES.min(sent + 50_000)).map(byte).collect();
                match client.0.write(&part) {
                    Ok(len) => (sent, stuck) = (sent + len, len == 0),
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
                }
            }
            match client.0.read(&mut buf) {
                Ok(0) => panic!("it ended after {received} bytes"),
                Ok(len) => {
                    let same = buf[..len].iter().zip(received..).all(|(b, at)| *b == byte(at));
                    assert!(same, "other bytes near {received}");
                    (received, stuck) = (received + len, false);
                }
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            patience = if stuck { patience + 1 } else { 0 };
            assert!(patience < 30_000, "stuck at {sent} sent, {received} received");
            if stuck {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
}

fn failed_handshakes_are_logged(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .defaults("timeout client 1s")
        .bind(&format!("ssl crt {} name outside", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    // A hello that says it is longer than what comes.
    let cut = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (bytes, closes, why) in [
        (&b""[..], true, "Connection closed during SSL handshake"),
        (b"GET / HTTP/1.0\r\n\r\n", false, "SSL handshake failure"),
        (&cut, true, "Connection closed during SSL handshake"),
        (&cut, false, "Timeout during SSL handshake"),
        (b"", false, "Timeout during SSL handshake"),
    ] {
        let mut client = Client::connect(proxy.addr);
        let from = client.0.local_addr().unwrap();
        client.send(bytes);
        if closes {
            client.half_close();
        }
        let (_, end) = client.drain();
        assert!(matches!(end, End::Fin | End::Reset));
        proxy.log.expect(&[&format!("{from} ["), &format!("] fe/outside: {why}")]);
    }
    assert_eq!(server.accepted(), 0);
}

fn a_proxy_header_comes_before_the_handshake(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (proxy, _server) = scene(kind, &format!("crt {} accept-proxy", crt.display()));
    let mut client = Client::connect(proxy.addr);
    client.send("PROXY TCP4 192.0.2.7 192.0.2.8 4321 5432\r\n");
    let mut client = TlsClient::over(client.0, &named("db.example")).unwrap();
    client.ping("behind the header");
    client.half_close();
    let _ = client.0.read_to_end(&mut Vec::new());
    proxy.log.expect(&["192.0.2.7:4321 [", "fe~ be/s1 "]);
}
