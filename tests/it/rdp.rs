//! Remote desktops: the routing token of a connection request names a server.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    a_token_leads_to_the_server_it_names,
    a_cookie_of_another_name_may_be_the_token,
    a_token_for_a_dead_server_is_passed_over_unless_option_persist,
    use_server_comes_before_the_token,
    what_is_wrong_with_persist_is_refused,
}

fn three() -> ([Backend; 3], String) {
    let servers = ["s1", "s2", "s3"].map(Backend::greet);
    let line = |(n, server): (usize, &Backend)| format!("server s{} {}\n", n + 1, server.addr);
    let lines = servers.iter().enumerate().map(line).collect();
    (servers, lines)
}

/// The token of a server at 127.0.0.1: both numbers are little-endian.
fn token(port: u16) -> String {
    let ip = u32::from_le_bytes(Ipv4Addr::LOCALHOST.octets());
    format!("{ip}.{}.0000", port.swap_bytes())
}

/// Who answers a connection request with `cookie` from 127.0.0.`host`.
fn answered(proxy: &Proxy, host: u8, cookie: &str) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, host], 0)).into()).unwrap();
    socket.connect(&proxy.addr.into()).unwrap();
    let mut client = Client(socket.into());
    let headers = [3, 0, 0, 43, 38, 0xe0, 0, 0, 0, 0, 0];
    client.send([&headers, format!("Cookie: {cookie}\r\n").as_bytes()].concat());
    client.line().unwrap()
}

/// Starts a proxy that waits for the cookie.
fn start(kind: Kind, backend: &str) -> Proxy {
    Scene::new(kind)
        .frontend("tcp-request inspect-delay 30s\ntcp-request content accept if RDP_COOKIE")
        .backend(backend)
        .start()
}

fn a_token_leads_to_the_server_it_names(kind: Kind) {
    let (servers, lines) = three();
    let proxy = start(kind, &format!("persist rdp-cookie\n{lines}"));
    for (server, name) in servers.iter().zip(["s1", "s2", "s3"]).rev() {
        let token = token(server.addr.port());
        for cookie in [format!("msts={token}"), format!("MSTS={token}.more")] {
            let answers = [(); 3].map(|()| answered(&proxy, 1, &cookie));
            assert_eq!(answers, [name; 3], "{cookie}");
        }
    }
    // Others are balanced.
    let own = token(servers[0].addr.port());
    let short = format!("msts={}", own.trim_end_matches(".0000"));
    for cookie in [&short, &format!("other={own}"), &format!("msts={}", token(1)), "msts=x.y.z"] {
        let mut answers = [(); 3].map(|()| answered(&proxy, 1, cookie));
        answers.sort();
        assert_eq!(answers, ["s1", "s2", "s3"], "{cookie}");
    }
}

fn a_cookie_of_another_name_may_be_the_token(kind: Kind) {
    let (servers, lines) = three();
    let proxy = start(kind, &format!("persist rdp-cookie(route)\nbalance first\n{lines}"));
    let own = token(servers[2].addr.port());
    assert_eq!(answered(&proxy, 1, &format!("route={own}")), "s3");
    assert_eq!(answered(&proxy, 1, &format!("msts={own}")), "s1");
}

fn a_token_for_a_dead_server_is_passed_over_unless_option_persist(kind: Kind) {
    let (servers, lines) = three();
    let lines = lines.replace("s3 ", "").replace(
        &format!("server {}", servers[2].addr),
        &format!("server s3 {} disabled", servers[2].addr),
    );
    let rules = "persist rdp-cookie\nbalance first\nforce-persist if { src 127.0.0.3 }\n\
                 ignore-persist if { src 127.0.0.2 }\n";
    let cookie = |n: usize| format!("msts={}", token(servers[n].addr.port()));
    let proxy = start(kind, &format!("{rules}{lines}"));
    // What these two rules speak of is cookies of HTTP and stick tables.
    for host in [1, 2, 3] {
        assert_eq!(answered(&proxy, host, &cookie(1)), "s2", "{host}");
        assert_eq!(answered(&proxy, host, &cookie(2)), "s1", "{host}");
    }
    let proxy = start(kind, &format!("option persist\n{rules}{lines}"));
    assert_eq!(answered(&proxy, 1, &cookie(2)), "s3");
}

fn use_server_comes_before_the_token(kind: Kind) {
    let (servers, lines) = three();
    let rules = "persist rdp-cookie\nuse-server s2 if { src 127.0.0.2 }";
    let proxy = start(kind, &format!("{rules}\n{lines}"));
    let cookie = format!("msts={}", token(servers[2].addr.port()));
    assert_eq!([answered(&proxy, 1, &cookie), answered(&proxy, 2, &cookie)], ["s3", "s2"]);
}

fn what_is_wrong_with_persist_is_refused(kind: Kind) {
    let wrong = ["", "rdp-cookie()", "rdp-cookie(x", "rdp-cookie(x) y", "cookie", "rdp-cookiex"];
    for words in wrong {
        assert!(Scene::new(kind).backend(&format!("persist {words}")).check().0 > 0, "{words}");
    }
    assert_eq!(Scene::new(kind).defaults("persist rdp-cookie(x)").check().0, 0);
}
