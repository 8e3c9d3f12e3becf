//! Servers behind a SOCKS4 proxy.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Scene};

both! {
    a_server_is_reached_through_the_proxy,
    a_proxy_that_denies_or_is_silent_fails_the_connection,
    a_server_with_ipv6_cannot_be_asked_for,
    checks_go_through_it_where_they_are_told_to,
    steps_of_a_script_go_through_it_where_they_say_so,
    what_is_wrong_with_its_address_is_refused,
}

const GRANTED: [u8; 8] = [0, 90, 0, 0, 0, 0, 0, 0];

/// A proxy that answers with `answer` and connects to what it was asked for if that grants it; hands
/// over the requests.
fn socks(answer: &'static [u8]) -> (Backend, Receiver<Vec<u8>>) {
    let (seen, requests) = std::sync::mpsc::channel();
    let proxy = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut request = vec![0; 16];
            if stream.read_exact(&mut request).await.is_err() {
                return;
            }
            let [_, _, high, low, a, b, c, d, ..] = request[..] else { return };
            let _ = seen.send(request);
            let _ = stream.write_all(answer).await;
            if answer == GRANTED {
                let to = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
                let Ok(mut server) = TcpStream::connect(to).await else { return };
                let _ = copy_bidirectional(&mut stream, &mut server).await;
            } else {
                while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
            }
        }
    });
    (proxy, requests)
}

/// The request for `server`.
fn request(server: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(server) = server else { panic!("{server}") };
    let port = server.port().to_be_bytes();
    [&[4, 1], &port[..], &server.ip().octets(), b"HAProxy\0"].concat()
}

#[track_caller]
fn received(requests: &Receiver<Vec<u8>>) -> Vec<u8> {
    requests.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn a_server_is_reached_through_the_proxy(kind: Kind) {
    let (server, (socks, requests)) = (Backend::echo(), socks(&GRANTED));
    let proxy = Scene::new(kind)
        .backend(&format!("server s1 {} socks4 {}", server.addr, socks.addr))
        .start();
    Client::connect(proxy.addr).ping("there and back");
    assert_eq!(received(&requests), request(server.addr));
    proxy.log.expect(&[" fe be/s1 ", " 14 -- "]);
}

fn a_proxy_that_denies_or_is_silent_fails_the_connection(kind: Kind) {
    let rows: [(&'static [u8], &str); 3] =
        [(&[0, 91, 0, 0, 0, 0, 0, 0], " SC "), (b"HTTP/1.1 400", " SC "), (&[0, 90, 0], " sC ")];
    for (answer, end) in rows {
        let (server, (socks, requests)) = (Backend::echo(), socks(answer));
        let proxy = Scene::new(kind)
            .defaults("timeout connect 500ms\nretries 0")
            .backend(&format!("server s1 {} socks4 {}", server.addr, socks.addr))
            .start();
        assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin), "{answer:?}");
        assert_eq!(received(&requests), request(server.addr));
        proxy.log.expect(&[" fe be/s1 ", end]);
        assert_eq!(server.accepted(), 0);
    }
}

fn a_server_with_ipv6_cannot_be_asked_for(kind: Kind) {
    let (server, (socks, _requests)) = (Backend::echo(), socks(&GRANTED));
    let port = server.addr.port();
    let proxy = Scene::new(kind)
        .defaults("timeout connect 500ms\nretries 0")
        .backend(&format!("server s1 [::1]:{port} socks4 {}", socks.addr))
        .start();
    assert_eq!(Client::connect(proxy.addr).drain().0, Vec::<u8>::new());
    assert_eq!(server.accepted(), 0);
}

fn checks_go_through_it_where_they_are_told_to(kind: Kind) {
    let server = Backend::echo();
    let (granting, requests) = socks(&GRANTED);
    let (denying, _denied) = socks(&[0, 91, 0, 0, 0, 0, 0, 0]);
    let line = |name: &str, socks: &Backend, words: &str| {
        format!("server {name} {} socks4 {} check inter 200ms {words}\n", server.addr, socks.addr)
    };
    let lines = line("granted", &granting, "check-via-socks4 send-proxy")
        + &line("denied", &denying, "check-via-socks4")
        + &line("around", &denying, "");
    let proxy = Scene::new(kind).backend(&lines).start();
    assert_eq!(received(&requests), request(server.addr));
    proxy.wait_check("granted", "L4OK");
    proxy.wait_check("around", "L4OK");
    proxy.wait_check("denied", "SOCKERR");
    proxy.log.expect(&["Server be/denied is DOWN", "info: \"SOCKS4 Proxy deny the request"]);
}

fn steps_of_a_script_go_through_it_where_they_say_so(kind: Kind) {
    let server = Backend::echo();
    let (granting, requests) = socks(&GRANTED);
    let (denying, _denied) = socks(&[0, 91, 0, 0, 0, 0, 0, 0]);
    for (step, check) in [("via-socks4", "SOCKERR"), ("default", "SOCKERR"), ("linger", "L4OK")] {
        let line = |name: &str, socks: &Backend| {
            let words = "check inter 200ms check-via-socks4";
            format!("server {name} {} socks4 {} {words}\n", server.addr, socks.addr)
        };
        let lines = format!("option tcp-check\ntcp-check connect {step}\n")
            + &line("granted", &granting)
            + &line("denied", &denying);
        let proxy = Scene::new(kind).backend(&lines).start();
        proxy.wait_check("granted", "L4OK");
        proxy.wait_check("denied", check);
        let asked = (check == "SOCKERR").then(|| received(&requests));
        assert!(asked.is_none_or(|asked| asked == request(server.addr)), "{step}");
    }
}

fn what_is_wrong_with_its_address_is_refused(kind: Kind) {
    for words in ["", "127.0.0.1", "127.0.0.1:0"] {
        let line = format!("server s1 127.0.0.1:1 socks4 {words}");
        assert!(Scene::new(kind).backend(&line).check().0 > 0, "{words}");
    }
    for words in ["socks4 [::1]:1080", "socks4 localhost:1080", "check-via-socks4"] {
        let line = format!("server s1 127.0.0.1:1 {words}");
        assert_eq!(Scene::new(kind).backend(&line).check().0, 0, "{words}");
    }
}
