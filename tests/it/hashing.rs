//! Who owns a key: the same server as in haproxy, for every way to hash, while servers come and go.
//!
//! Clients say in a PROXY header who they are, so that there are as many as a test likes, of either
//! family.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Proxy, Scene};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const WEIGHTS: [&str; 5] = ["weight 5", "weight 1", "weight 12", "weight 3", "weight 7 backup"];

/// The headers of 24 clients, near and far from each other.
fn clients() -> Vec<String> {
    let v4 = (1..=12u32).map(|nth| {
        let [_, b, c, d] = nth.wrapping_mul(0x9e37_79b9).to_be_bytes();
        let near = format!("PROXY TCP4 10.0.0.{nth} 10.9.9.9 {} 80\r\n", 1000 + nth);
        let far = format!("PROXY TCP4 {}.{b}.{c}.{d} 10.9.9.9 4000 80\r\n", 20 + nth);
        if nth % 2 == 0 { near } else { far }
    });
    let v6 = (1..=12u32).map(|nth| {
        let word = nth.wrapping_mul(0x9e37_79b9) >> 16;
        format!("PROXY TCP6 2001:db8:{word:x}::{nth:x} 2001:db8::1 {} 80\r\n", 2000 + nth)
    });
    v4.chain(v6).collect()
}

fn owner(proxy: &Proxy, header: &str) -> String {
    let mut client = Client::connect(proxy.addr);
    client.send(header);
    match client.line() {
        Ok(name) if !name.is_empty() => name,
        _ => ".".to_owned(),
    }
}

/// The owners of all clients under `policy`, as it is and after each of `commands`.
fn owners(kind: Kind, policy: &str, commands: &[&str]) -> Vec<String> {
    let servers: Vec<Backend> = NAMES.into_iter().map(Backend::greet).collect();
    let api = Api::new();
    let mut scene = Scene::new(kind)
        .global("nbthread 1")
        .global(&format!("\n{}", api.lines()))
        .bind("accept-proxy")
        .backend(&format!("{policy}\n"));
    for ((name, server), words) in NAMES.iter().zip(&servers).zip(WEIGHTS) {
        scene = scene.backend(&format!("server {name} {} {words}\n", server.addr));
    }
    let proxy = scene.start();
    let all = || clients().iter().map(|header| owner(&proxy, header)).collect::<String>();
    let mut seen = vec![all()];
    for command in commands {
        let answer = api.ask(command);
        assert_eq!(answer.trim(), "", "{kind:?}: {command}");
        seen.push(format!("{command}: {}", all()));
    }
    seen
}

#[track_caller]
fn same_owners(policy: &str, commands: &[&str]) {
    let reference = owners(Kind::Haproxy, policy, commands);
    assert!(reference.iter().all(|owners| !owners.ends_with('.')), "{reference:?}");
    assert_eq!(owners(Kind::Evenkeel, policy, commands), reference, "{policy} (right: haproxy)");
}

/// Servers go and come back until only the backup is left.
const COMINGS_AND_GOINGS: [&str; 7] = [
    "disable server be/c",
    "disable server be/a",
    "enable server be/c",
    "enable server be/a",
    "set server be/b state drain",
    "disable server be/a; disable server be/c; disable server be/d",
    "enable server be/d",
];
const WEIGHTS_CHANGE: [&str; 5] = [
    "set weight be/a 50%",
    "set weight be/b 40",
    "set weight be/c 0",
    "set weight be/c 1",
    "set weight be/a 100%",
];

#[test]
fn an_address_belongs_to_the_same_server() {
    for hash_type in ["", "hash-type map-based sdbm avalanche", "hash-type map-based wt6"] {
        same_owners(&format!("balance source\n{hash_type}"), &COMINGS_AND_GOINGS);
    }
    for hash_type in ["consistent", "consistent sdbm", "consistent crc32 avalanche"] {
        let policy = format!("balance source\nhash-type {hash_type}");
        same_owners(&policy, &COMINGS_AND_GOINGS);
        same_owners(&policy, &WEIGHTS_CHANGE);
    }
}

#[test]
fn a_key_belongs_to_the_same_server_whatever_hashes_it() {
    for method in ["map-based", "consistent"] {
        for function in ["sdbm", "djb2", "wt6", "crc32"] {
            for avalanche in ["", " avalanche"] {
                let policy = format!("balance hash src\nhash-type {method} {function}{avalanche}");
                same_owners(&policy, &COMINGS_AND_GOINGS[..2]);
            }
        }
    }
    same_owners("balance hash src\nhash-type consistent", &WEIGHTS_CHANGE);
}

#[test]
fn keys_of_every_kind_belong_to_the_same_server() {
    for expr in ["src_port", "dst", "src,ipmask(24,48)", "src,lower", "str(one),length"] {
        same_owners(&format!("balance hash {expr}"), &COMINGS_AND_GOINGS[..1]);
    }
}

#[test]
fn a_session_without_a_key_takes_turns() {
    same_owners("balance hash req.ssl_sni", &COMINGS_AND_GOINGS);
    same_owners("balance rdp-cookie", &COMINGS_AND_GOINGS[..2]);
    same_owners("balance hash req.ssl_sni\nhash-type consistent", &COMINGS_AND_GOINGS);
}

/// Three sessions for each of three names that the client says first.
fn said(kind: Kind, key: &str, words: fn(char) -> String) -> Vec<String> {
    let servers: Vec<Backend> = NAMES.into_iter().map(Backend::greet).collect();
    let mut scene = Scene::new(kind)
        .global("nbthread 1")
        .frontend("tcp-request inspect-delay 5s\n")
        .frontend("tcp-request content set-var(txn.said) req.payload(0,4)\n")
        .frontend("tcp-request content accept if { req.len ge 20 }")
        .backend(&format!("balance hash {key}\n"));
    for (name, server) in NAMES.iter().zip(&servers) {
        scene = scene.backend(&format!("server {name} {}\n", server.addr));
    }
    let proxy = scene.start();
    let owner = |name| owner(&proxy, &words(name));
    ['x', 'y', 'z'].into_iter().flat_map(|name| [(); 3].map(|()| owner(name))).collect()
}

/// Bytes that were looked at are on their way when a server is chosen.
#[test]
fn bytes_are_hashed_only_from_variables() {
    let bytes: fn(char) -> String = |name| name.to_string().repeat(24);
    for (key, is_hashed) in
        [("req.payload(0,4)", false), ("req.len", true), ("var(txn.said)", true)]
    {
        let reference = said(Kind::Haproxy, key, bytes);
        let owned = |three: &[String]| three.iter().all(|owner| *owner == three[0]);
        assert_eq!(reference.chunks(3).all(owned), is_hashed, "{key}: {reference:?}");
        let ours = said(Kind::Evenkeel, key, bytes);
        if is_hashed {
            assert_eq!(ours, reference, "{key} (right: haproxy)");
        } else {
            assert!(!ours.chunks(3).any(owned), "{key}: {ours:?}");
        }
    }
}

#[test]
fn requests_of_http_are_hashed_in_bytes() {
    let request: fn(char) -> String =
        |name| format!("GET /{name} HTTP/1.1\r\nHost: {name}\r\n\r\n");
    for key in ["path", "req.hdr(host)"] {
        let reference = said(Kind::Haproxy, key, request);
        assert!(reference.chunks(3).all(|three| three[0] == three[2]), "{key}: {reference:?}");
        assert_eq!(said(Kind::Evenkeel, key, request), reference, "{key} (right: haproxy)");
    }
}

/// Sessions that stay fill the owners up: the ones beyond the bound go on along the ring.
#[test]
fn the_balance_factor_sends_the_same_sessions_on() {
    let held = |kind| {
        let servers: Vec<Backend> = NAMES.into_iter().map(Backend::greet).collect();
        let mut scene = Scene::new(kind)
            .global("nbthread 1")
            .bind("accept-proxy")
            .backend("balance source\nhash-type consistent\nhash-balance-factor 125\n");
        for ((name, server), words) in NAMES.iter().zip(&servers).zip(WEIGHTS) {
            scene = scene.backend(&format!("server {name} {} {words}\n", server.addr));
        }
        let proxy = scene.start();
        let mut open = Vec::new();
        let mut names = String::new();
        for header in clients().iter().chain(&clients()) {
            let mut client = Client::connect(proxy.addr);
            client.send(header);
            names.push_str(&client.line().unwrap());
            open.push(client);
        }
        names
    };
    let reference = held(Kind::Haproxy);
    assert_eq!(held(Kind::Evenkeel), reference, "right: haproxy's");
}
