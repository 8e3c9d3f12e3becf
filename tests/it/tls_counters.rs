//! What is counted of TLS, and the limits on it.

use std::io::Read;
use std::time::Duration;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};
use crate::harness::{both, eventually, within};

both! {
    handshakes_are_counted_where_they_are_done,
    connections_of_checks_count,
    sessions_count_once_their_handshake_is_done,
    sessions_that_are_asked_for_are_counted,
    connections_beyond_the_limit_wait,
    servers_beyond_the_limit_are_not_reached,
    the_pace_of_connections_is_kept,
}

static DB: Hello<'static> =
    Hello { name: "db.example", alpn: &[], crt: None, versions: &[], suites: &[], config: None };

/// The cells of these columns in the row of `proxy` and `name`.
fn cells(api: &Api, row: [&str; 2], columns: &[&str]) -> Vec<String> {
    let text = api.ask("show stat");
    let mut lines = text.lines().map(|line| line.trim_start_matches("# ").split(','));
    let header: Vec<&str> = lines.next().unwrap().collect();
    let row = lines.map(Iterator::collect::<Vec<_>>).find(|cells| cells.starts_with(&row));
    let row = row.unwrap_or_else(|| panic!("no such row: {text}"));
    let at = |name: &&str| header.iter().position(|column| column == name).expect("a column");
    columns.iter().map(|column| row[at(column)].to_owned()).collect()
}

/// Fields of `show info`.
fn info(api: &Api, names: &[&str]) -> Vec<String> {
    let text = api.ask("show info");
    let value = |name: &&str| {
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    names.iter().map(value).collect()
}

/// A proxy that ends TLS and begins it again, in front of one that ends it.
struct Chain {
    proxy: Proxy,
    api: Api,
    _ending: Proxy,
    _server: Backend,
    _authority: Authority,
}

fn chain(kind: Kind, global: &str) -> Chain {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    let ending = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let api = Api::new();
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .global(global)
        .frontend("option socket-stats")
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("retries 0\nserver s1 {} ssl verify none", ending.addr))
        .start();
    Chain { proxy, api, _ending: ending, _server: server, _authority: authority }
}

fn handshakes_are_counted_where_they_are_done(kind: Kind) {
    // Each thread of 2.6 remembers sessions of its own.
    let Chain { proxy, api, .. } = &chain(kind, "nbthread 1");
    let hello = DB.clone().remembering(Resumption::in_memory_sessions(8));
    for _ in 0..3 {
        let mut client = TlsClient::connect(proxy.addr, &hello).unwrap();
        client.ping("x");
        client.half_close();
        let _ = client.0.read_to_end(&mut Vec::new());
    }
    let mut garbage = Client::connect(proxy.addr);
    garbage.send("GET / HTTP/1.0\r\n\r\n");
    garbage.drain();
    // Nothing at all.
    Client::connect(proxy.addr).half_close();
    let columns = ["ssl_sess", "ssl_reused_sess", "ssl_failed_handshake"];
    for (row, expected) in [
        (["fe", "FRONTEND"], ["1", "2", "2"]),
        (["fe", "sock-1"], ["1", "2", "2"]),
        (["be", "s1"], ["1", "2", "0"]),
        (["be", "BACKEND"], ["1", "2", "0"]),
    ] {
        let mut last = Vec::new();
        let seen = within(Duration::from_secs(20), || {
            last = cells(api, row, &columns);
            (last == expected).then_some(())
        });
        assert!(seen.is_some(), "{row:?}: {last:?}");
    }
    let fields = ["CurrSslConns", "CumSslConns", "SslFrontendMaxKeyRate", "SslBackendMaxKeyRate"];
    let all = eventually("the connections have ended", || {
        let all = info(api, &fields);
        (all[0] == "0").then_some(all)
    });
    assert_eq!(all, ["0", "8", "1", "1"]);
    let page = proxy.metrics();
    assert_eq!(page.value("haproxy_process_ssl_connections_total", &[]), Some(8.0));
    assert_eq!(page.value("haproxy_process_max_backend_ssl_key_rate", &[]), Some(1.0));
}

fn connections_of_checks_count(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    let ending = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let api = Api::new();
    let _proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!("server s1 {} ssl verify none check inter 100ms", ending.addr))
        .start();
    eventually("checks are counted", || {
        let all = info(&api, &["CumSslConns", "SslBackendMaxKeyRate"]);
        (all[0].parse::<u32>().unwrap() > 2 && all[1] != "0").then_some(())
    });
    eventually("none is open between two", || {
        (info(&api, &["CurrSslConns"]) == ["0"]).then_some(())
    });
}

fn sessions_count_once_their_handshake_is_done(kind: Kind) {
    let Chain { proxy, api, .. } = &chain(kind, "");
    let silent = Client::connect(proxy.addr);
    let mut client = TlsClient::connect(proxy.addr, &DB).unwrap();
    client.ping("x");
    let columns = ["scur", "stot", "conn_tot", "ereq"];
    assert_eq!(cells(api, ["fe", "FRONTEND"], &columns), ["2", "1", "2", "0"]);
    assert_eq!(cells(api, ["fe", "sock-1"], &columns[..2]), ["2", "2"]);
    // Two with clients and one with a server.
    assert_eq!(info(api, &["CurrSslConns"]), ["3"]);
    drop((silent, client));
    eventually("all are gone", || (info(api, &["CurrSslConns"]) == ["0"]).then_some(()));
    assert_eq!(cells(api, ["fe", "FRONTEND"], &columns), ["0", "1", "2", "0"]);
    assert_eq!(cells(api, ["fe", "sock-1"], &columns[..2]), ["0", "2"]);
}

fn sessions_that_are_asked_for_are_counted(kind: Kind) {
    let sessions = Resumption::in_memory_sessions(8);
    let sessions = sessions.tls12_resumption(Tls12Resumption::SessionIdOnly);
    let hello = Hello { versions: &[&TLS12], ..DB.clone() };
    let hello = hello.remembering(sessions);
    let (one, other) = (&chain(kind, ""), &chain(kind, ""));
    for Chain { proxy, .. } in [one, one, other] {
        TlsClient::connect(proxy.addr, &hello).unwrap().ping("x");
    }
    let fields = ["SslCacheLookups", "SslCacheMisses"];
    assert_eq!(info(&one.api, &fields), ["1", "0"]);
    // Nothing of one's sessions is known to the other.
    assert_eq!(info(&other.api, &fields), ["1", "1"]);
    let columns = ["ssl_sess", "ssl_reused_sess"];
    assert_eq!(cells(&one.api, ["fe", "FRONTEND"], &columns), ["1", "1"]);
    assert_eq!(cells(&other.api, ["fe", "FRONTEND"], &columns), ["1", "0"]);
}

fn connections_beyond_the_limit_wait(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, api) = (Backend::echo(), Api::new());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .global("maxsslconn 2")
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let inside = || {
        let mut client = TlsClient::connect(proxy.addr, &DB).unwrap();
        client.ping("inside");
        client
    };
    let (first, _second) = (inside(), inside());
    assert_eq!(info(&api, &["MaxSslConns", "CurrSslConns"]), ["2", "2"]);
    let waiting = Client::connect(proxy.addr);
    waiting.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let socket = waiting.0.try_clone().unwrap();
    assert!(TlsClient::over(socket, &DB).is_err(), "there is no room");
    drop((waiting, first));
    // Clients of other listeners do not notice.
    proxy.metrics();
    eventually("there is room again", || {
        let mut client = TlsClient::connect(proxy.addr, &DB).ok()?;
        client.ping("let in");
        Some(())
    });
    assert_eq!(info(&api, &["MaxSslConns"]), ["2"]);
}

fn servers_beyond_the_limit_are_not_reached(kind: Kind) {
    let Chain { proxy, api, .. } = &chain(kind, "maxsslconn 1");
    let hello = Hello { versions: &[&TLS13], ..DB.clone() };
    assert!(!TlsClient::is_let_in(proxy.addr, &hello), "its server's connection is one too many");
    proxy.log.expect(&["] fe~ be/s1 ", " 0 IC "]);
    assert_eq!(cells(api, ["be", "s1"], &["econ", "wretr", "ssl_sess"]), ["1", "0", "0"]);
}

fn the_pace_of_connections_is_kept(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("db.pem", &["db.example"]);
    let (server, api, plain) = (Backend::echo(), Api::new(), free_port());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .global("maxsslrate 1000")
        .frontend(&format!("bind 127.0.0.1:{plain}"))
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    assert_eq!(info(&api, &["SslRateLimit"]), ["1000"]);
    assert_eq!(api.ask("set rate-limit ssl-sessions global 2"), "\n");
    assert_eq!(info(&api, &["SslRateLimit"]), ["2"]);
    for _ in 0..6 {
        TlsClient::connect(proxy.addr, &DB).unwrap().ping("paced");
    }
    let most: u32 = info(&api, &["MaxSslRate"])[0].parse().unwrap();
    assert!((1..=2).contains(&most), "{most}");
    // Those without TLS are not paced.
    for _ in 0..6 {
        Client::connect(([127, 0, 0, 1], plain).into()).ping("plain");
    }
    assert_eq!(api.ask("set rate-limit ssl-sessions global 0"), "\n");
    assert_eq!(info(&api, &["SslRateLimit"]), ["0"]);
    assert_eq!(proxy.metrics().value("haproxy_process_limit_ssl_rate", &[]), Some(0.0));
}
