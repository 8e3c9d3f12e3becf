//! TLS to servers: a real haproxy ends it there, and the proxy under test begins it.

use std::io::Read;
use std::net::SocketAddr;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};

both! {
    a_server_is_verified,
    names_are_asked_for_and_compared,
    a_server_is_shown_a_certificate,
    a_client_over_tls_reaches_a_server_over_tls,
    the_proxy_header_comes_before_the_handshake,
    the_end_of_one_direction_reaches_a_server,
    a_command_switches_tls_off_and_on,
    checks_speak_tls,
    scripts_of_checks_speak_tls,
}

/// A haproxy that ends TLS in front of a server that echoes.
fn ending(words: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl {words}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    (proxy, server)
}

/// The proxy under test in front of a server with these words.
fn beginning(kind: Kind, server: &Proxy, words: &str) -> Proxy {
    Scene::new(kind).backend(&format!("retries 0\nserver s1 {} {words}", server.addr)).start()
}

/// Whether a client gets its bytes back.
fn is_served(proxy: &Proxy) -> bool {
    let mut client = Client::connect(proxy.addr);
    client.send("ping");
    let mut back = [0; 4];
    client.0.read_exact(&mut back).is_ok()
}

fn a_server_is_verified(kind: Kind) {
    let (authority, stranger, ended) = (Authority::new(), Authority::new(), Authority::ended(2020));
    let crt = authority.issue("db.pem", &["db.example"]);
    let own = authority.issue("own.pem", &["own.example"]);
    let of_ended = ended.issue("db.pem", &["db.example"]);
    let rows = [
        (&crt, format!("verify required ca-file {}", authority.ca()), true),
        (&crt, format!("verify required ca-file {}", stranger.ca()), false),
        (&crt, "verify none".to_owned(), true),
        (&of_ended, format!("verify required ca-file {}", ended.ca()), false),
        (&crt, format!("verify required ca-file {} ssl-min-ver TLSv1.3", authority.ca()), true),
        (&own, format!("ca-file {} ssl-max-ver TLSv1.2", authority.ca()), true),
    ];
    for (crt, words, expected) in rows {
        let (server, _echo) = ending(&format!("crt {}", crt.display()));
        let proxy = beginning(kind, &server, &format!("ssl {words}"));
        assert_eq!(is_served(&proxy), expected, "{words}");
        proxy.log.expect(&[if expected { " fe be/s1 " } else { " SC " }]);
    }
}

fn a_command_switches_tls_off_and_on(kind: Kind) {
    let (authority, api) = (Authority::new(), Api::new());
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, _echo) = ending(&format!("crt {}", crt.display()));
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!("retries 0\nserver s1 {} ssl verify none", server.addr))
        .start();
    let used = |api: &Api| {
        let state = api.ask("show servers state be");
        let line = state.lines().nth(2).unwrap_or_default();
        line.split(' ').nth(20).map(str::to_owned)
    };
    assert!(is_served(&proxy));
    assert_eq!(used(&api).as_deref(), Some("1"));
    for (word, answer, works) in [
        ("off", "server ssl setting updated.", false),
        ("on", "server ssl setting updated.", true),
        ("foo", "'set server <srv> ssl' expects 'on' or 'off'.", true),
        ("", "'set server <srv> ssl' expects 'on' or 'off'.", true),
    ] {
        let said = api.ask(&format!("set server be/s1 ssl {word}"));
        assert_eq!((said.trim_end(), is_served(&proxy)), (answer, works), "{word}");
        assert_eq!(used(&api).as_deref(), Some(if works { "1" } else { "0" }), "{word}");
    }
}

fn names_are_asked_for_and_compared(kind: Kind) {
    let authority = Authority::new();
    let one = authority.issue("one.pem", &["one.example"]);
    let two = authority.issue("two.pem", &["two.example"]);
    let (server, _echo) = ending(&format!("crt {} crt {}", one.display(), two.display()));
    let rows = [
        ("", true),
        ("sni str(two.example)", true),
        ("sni str(three.example)", false),
        ("sni str(TWO.example),lower", true),
        ("verifyhost one.example", true),
        ("verifyhost two.example", false),
        ("sni str(two.example) verifyhost one.example", true),
    ];
    for (words, expected) in rows {
        let words = format!("ssl verify required ca-file {} {words}", authority.ca());
        let proxy = beginning(kind, &server, &words);
        assert_eq!(is_served(&proxy), expected, "{words}");
    }
}

fn a_server_is_shown_a_certificate(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let words = format!("crt {} verify required ca-file {}", crt.display(), authority.ca());
    let (server, _echo) = ending(&words);
    let shown = authority.issue("client.pem", &["client"]);
    let with = format!("ssl verify none crt {}", shown.display());
    assert!(is_served(&beginning(kind, &server, &with)));
    assert!(!is_served(&beginning(kind, &server, "ssl verify none")));
}

fn a_client_over_tls_reaches_a_server_over_tls(kind: Kind) {
    let authority = Authority::new();
    let one = authority.issue("one.pem", &["one.example"]);
    let two = authority.issue("two.pem", &["two.example"]);
    let (server, _echo) = ending(&format!("crt {} strict-sni", two.display()));
    let proxy = Scene::new(kind)
        .bind(&format!("ssl crt {}", one.display()))
        .backend(&format!(
            "retries 0\nserver s1 {} ssl verify required ca-file {} sni ssl_fc_sni",
            server.addr,
            authority.ca()
        ))
        .start();
    let hello = |name| Hello { name, ..Hello::default() };
    assert!(TlsClient::is_let_in(proxy.addr, &hello("two.example")));
    assert!(!TlsClient::is_let_in(proxy.addr, &hello("one.example")));
    proxy.log.expect(&["] fe~ be/s1 ", " SC "]);
}

fn the_proxy_header_comes_before_the_handshake(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, _echo) = ending(&format!("crt {} accept-proxy", crt.display()));
    let proxy = beginning(kind, &server, "ssl verify none send-proxy-v2");
    let mut client = Client::connect(proxy.addr);
    let from = client.0.local_addr().unwrap();
    client.ping("behind the header");
    client.half_close();
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    server.log.expect(&[&format!("{from} ["), "] fe~ be/s1 "]);
}

fn the_end_of_one_direction_reaches_a_server(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, _echo) = ending(&format!("crt {}", crt.display()));
    let proxy = beginning(kind, &server, "ssl verify none");
    let mut client = Client::connect(proxy.addr);
    let bytes = vec![b'x'; 300_000];
    client.send(&bytes);
    client.half_close();
    let (back, end) = client.drain();
    assert!(back == bytes, "{} bytes of {}", back.len(), bytes.len());
    assert_eq!(end, End::Fin);
    proxy.log.expect(&[" 300000 -- "]);
}

/// Words of a server and rules of its backend, who listens there, and what its check says.
struct Checked<'a> {
    at: SocketAddr,
    words: String,
    rules: &'a str,
    says: &'a str,
}

fn row<'a>(at: SocketAddr, words: &str, rules: &'a str, says: &'a str) -> Checked<'a> {
    Checked { at, words: words.to_owned(), rules, says }
}

/// Speaks no TLS, but speaks.
fn garbage() -> Backend {
    Backend::new(|mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _ = stream.write_all(b"HTTP/1.0 400 no\r\n\r\n").await;
        while stream.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {}
    })
}

/// Starts a proxy with a backend a row and waits for what each check says.
fn judge(kind: Kind, rows: Vec<Checked<'_>>) {
    let mut scene = Scene::new(kind).defaults("option log-health-checks\ntimeout check 1s");
    let mut expected = Vec::new();
    for (number, Checked { at, words, rules, says }) in rows.into_iter().enumerate() {
        let verify = if words.contains("verify") { "" } else { "verify none" };
        scene = scene.backend(&format!(
            "backend b{number}\n{rules}\nserver s1 {at} {words} {verify} check inter 500ms fall 1\n"
        ));
        expected.push((format!("server b{number}/s1 "), says));
    }
    let proxy = scene.start();
    for (server, says) in expected {
        proxy.log.expect(&["Health check for ", &server, says]);
    }
}

fn checks_speak_tls(kind: Kind) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, _echo) = ending(&format!("crt {}", crt.display()));
    let (strict, _other) = ending(&format!("crt {} strict-sni", crt.display()));
    let (silent, garbage, closing) = (Backend::silent(), garbage(), Backend::close());
    let trust = |authority: &Authority| format!("ssl verify required ca-file {}", authority.ca());
    // 2.6 adds the reason of a reset at times.
    let failed = "Layer6 invalid response, info: \"SSL handshake failure";
    let other_name = format!("{} verifyhost other.example", trust(&authority));
    let differs = "info: \"Server presented an SSL certificate different from the configured one\"";
    judge(
        kind,
        vec![
            row(server.addr, "ssl", "", "Layer6 check passed"),
            row(server.addr, &trust(&authority), "", "Layer6 check passed"),
            row(server.addr, &trust(&stranger), "", failed),
            row(server.addr, &other_name, "", differs),
            row(silent.addr, "ssl", "", "reason: Layer6 timeout"),
            row(garbage.addr, "ssl", "", failed),
            row(closing.addr, "ssl", "", failed),
            row(free_addr(), "ssl", "", "Layer4 connection problem, info: \"Connection refused\""),
            row(server.addr, "check-ssl", "", "Layer6 check passed"),
            row(server.addr, "ssl no-check-ssl", "", "Layer4 check passed"),
            row(strict.addr, "ssl check-sni db.example", "", "Layer6 check passed"),
            row(strict.addr, "ssl", "", failed),
        ],
    );
}

fn scripts_of_checks_speak_tls(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, _echo) = ending(&format!("crt {}", crt.display()));
    let (strict, _other) = ending(&format!("crt {} strict-sni", crt.display()));
    let garbage = garbage();
    let script = |rules: &str| format!("option tcp-check\n{}", rules.replace("; ", "\n"));
    let connect = script("tcp-check connect ssl");
    let named = script("tcp-check connect ssl sni db.example");
    let plain = script("tcp-check connect");
    let default = script("tcp-check connect default");
    let echo = script("tcp-check send hello; tcp-check expect string hello");
    let place = "info: \"SSL handshake failure at step 1 of tcp-check (connect)\"";
    judge(
        kind,
        vec![
            row(server.addr, "", &connect, "Layer6 check passed, info: \"(tcp-check)\""),
            row(strict.addr, "", &named, "Layer6 check passed"),
            row(server.addr, "ssl", &plain, "Layer4 check passed"),
            row(server.addr, "ssl", &default, "Layer6 check passed"),
            row(garbage.addr, "", &connect, place),
            row(server.addr, "check-ssl", &echo, "Layer7 check passed"),
        ],
    );
}
