//! The PROXY header: sent to servers, read from clients.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    send_proxy_names_the_client,
    send_proxy_v2_names_the_client,
    accept_proxy_takes_the_clients_address_from_it,
    accept_proxy_v2_takes_the_clients_address_from_it,
    accept_proxy_refuses_what_is_no_header,
    refused_headers_follow_the_options_of_logging,
    checks_send_a_header_too,
}

/// The 12 bytes every v2 header starts with (PROXY protocol 2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A server that hands over the first `len` bytes of each connection.
fn recorder(len: usize) -> (Backend, Receiver<Vec<u8>>) {
    let (seen, heads) = std::sync::mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut head = vec![0; len];
            if stream.read_exact(&mut head).await.is_ok() {
                let _ = seen.send(head);
                // An end here would reach the client in the middle of its connecting.
                while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
            }
        }
    });
    (server, heads)
}

#[track_caller]
fn received(heads: &Receiver<Vec<u8>>) -> Vec<u8> {
    heads.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn send_proxy_names_the_client(kind: Kind) {
    let (server, heads) = recorder(40);
    let proxy = Scene::new(kind).backend(&format!("server s1 {} send-proxy", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.send([b'#'; 64]);
    let port = client.0.local_addr().unwrap().port();
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n####", proxy.addr.port());
    let head = received(&heads);
    assert_eq!(String::from_utf8_lossy(&head), expected[..40]);
}

fn send_proxy_v2_names_the_client(kind: Kind) {
    let (server, heads) = recorder(32);
    let proxy =
        Scene::new(kind).backend(&format!("server s1 {} send-proxy-v2", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.send([b'#'; 64]);
    let mut expected = SIGNATURE.to_vec();
    expected.extend([0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
    expected.extend(client.0.local_addr().unwrap().port().to_be_bytes());
    expected.extend(proxy.addr.port().to_be_bytes());
    expected.extend(b"####");
    assert_eq!(received(&heads), expected);
}

fn accepting(kind: Kind) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind("accept-proxy")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    (proxy, server)
}

fn accept_proxy_takes_the_clients_address_from_it(kind: Kind) {
    let (proxy, _server) = accepting(kind);
    let mut client = Client::connect(proxy.addr);
    client.send("PROXY TCP4 192.0.2.7 192.0.2.8 4321 5432\r\n");
    client.ping("the header is gone");
    drop(client);
    proxy.log.expect(&["192.0.2.7:4321 [", "fe be/s1 ", " 18 -- "]);
}

fn accept_proxy_v2_takes_the_clients_address_from_it(kind: Kind) {
    let (proxy, _server) = accepting(kind);
    let mut client = Client::connect(proxy.addr);
    let mut header = SIGNATURE.to_vec();
    header.extend([0x21, 0x11, 0, 12, 192, 0, 2, 9, 192, 0, 2, 8, 0x10, 0xe1, 0x15, 0x38]);
    client.send(header);
    client.ping("the header is gone");
    drop(client);
    proxy.log.expect(&["192.0.2.9:4321 [", "fe be/s1 "]);
}

fn accept_proxy_refuses_what_is_no_header(kind: Kind) {
    let (proxy, server) = accepting(kind);
    let rows = [
        (
            "GET / HTTP/1.0\r\n\r\n",
            "Received something which does not look like a PROXY protocol header",
        ),
        ("PROXY TCP4 not an address\r\n", "Received an invalid PROXY protocol header"),
        ("PROXY TCP9 \r\n", "Received an unhandled protocol in the PROXY protocol header"),
        ("PROXY TCP4\r\n", "Received an unhandled protocol in the PROXY protocol header"),
        ("PROXY TCP4 ", "Truncated PROXY protocol header received"),
        ("", "Connection closed while waiting for PROXY protocol header"),
    ];
    for (wrong, line) in rows {
        let mut client = Client::connect(proxy.addr);
        let from = client.0.local_addr().unwrap();
        client.send(wrong);
        if line.starts_with(['T', 'C']) {
            client.half_close();
        }
        let end = if wrong.is_empty() { End::Fin } else { End::Reset };
        assert_eq!(client.drain(), (Vec::new(), end), "{wrong:?}");
        proxy.log.expect(&[&format!("{from} ["), &format!("] fe/1: {line}")]);
    }
    assert_eq!(server.accepted(), 0);
}

fn refused_headers_follow_the_options_of_logging(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .defaults("option dontlognull\noption dontlog-normal\noption log-separate-errors")
        .bind("accept-proxy name outside")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    Client::connect(proxy.addr).half_close();
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.drain().1, End::Reset);
    proxy.log.expect(&["fe/outside: Received something which does not look like"]);
    // Facility local0, severity err.
    assert!(proxy.log.raw().iter().all(|line| line.starts_with("<131>")));
    assert_eq!(proxy.log.count("Connection closed while waiting"), 0);
}

fn checks_send_a_header_too(kind: Kind) {
    let (server, heads) = recorder(12);
    let _proxy = Scene::new(kind)
        .backend("option tcp-check\ntcp-check expect string never\ntimeout check 1s\n")
        .backend(&format!("server s1 {} check inter 200ms send-proxy-v2", server.addr))
        .start();
    assert_eq!(received(&heads), SIGNATURE);
}
