//! The metrics page: haproxy's names and labels, and values that say what happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually, metrics};

both! {
    sessions_and_bytes_are_counted,
    status_is_one_series_per_state,
    failed_connections_are_counted,
    every_family_has_help_and_type,
}

/// Traffic of three sessions of known sizes through a backend with one dead server.
fn busy(kind: Kind) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .backend("balance roundrobin\n")
        .backend(&format!("server s1 {} check inter 200ms weight 7\n", server.addr))
        .backend(&format!("server s2 {} check inter 200ms fall 1\n", free_addr()))
        .backend(&format!("server s3 {} backup", free_addr()))
        .start();
    proxy.wait_status("s2", "DOWN");
    for _ in 0..3 {
        let mut client = Client::connect(proxy.addr);
        client.ping("ten bytes!");
        client.half_close();
        client.drain();
    }
    (proxy, server)
}

/// A family, labels of one series of it, and its value.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

fn sessions_and_bytes_are_counted(kind: Kind) {
    let (proxy, _server) = busy(kind);
    let (fe, be, s1) = ([("proxy", "fe")], [("proxy", "be")], [("proxy", "be"), ("server", "s1")]);
    let expected: [Expected<'_>; 16] = [
        ("haproxy_frontend_sessions_total", &fe, 3.0),
        ("haproxy_frontend_connections_total", &fe, 3.0),
        ("haproxy_frontend_current_sessions", &fe, 0.0),
        ("haproxy_frontend_bytes_in_total", &fe, 30.0),
        ("haproxy_frontend_bytes_out_total", &fe, 30.0),
        ("haproxy_backend_sessions_total", &be, 3.0),
        ("haproxy_backend_current_sessions", &be, 0.0),
        ("haproxy_backend_bytes_in_total", &be, 30.0),
        ("haproxy_backend_bytes_out_total", &be, 30.0),
        ("haproxy_backend_active_servers", &be, 1.0),
        ("haproxy_backend_backup_servers", &be, 1.0),
        ("haproxy_server_sessions_total", &s1, 3.0),
        ("haproxy_server_current_sessions", &s1, 0.0),
        ("haproxy_server_bytes_in_total", &s1, 30.0),
        ("haproxy_server_bytes_out_total", &s1, 30.0),
        ("haproxy_server_weight", &s1, 7.0),
    ];
    eventually("the values are there", || {
        let page = proxy.metrics();
        let wrong: Vec<_> = expected
            .iter()
            .map(|(name, labels, value)| (name, page.value(name, labels), *value))
            .filter(|(_, found, value)| *found != Some(*value))
            .collect();
        if !wrong.is_empty() {
            eprintln!("{wrong:?}");
        }
        wrong.is_empty().then_some(())
    });
}

fn status_is_one_series_per_state(kind: Kind) {
    let (proxy, _server) = busy(kind);
    let page = proxy.metrics();
    for (server, status) in [("s1", "UP"), ("s2", "DOWN"), ("s3", "UP")] {
        for state in ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"] {
            let labels = [("proxy", "be"), ("server", server), ("state", state)];
            let expected = f64::from(u8::from(state == status));
            assert_eq!(page.value("haproxy_server_status", &labels), Some(expected), "{labels:?}");
        }
    }
    let labels = [("proxy", "be"), ("server", "s2"), ("state", "L4CON")];
    assert_eq!(page.value("haproxy_server_check_status", &labels), Some(1.0));
    let labels = [("proxy", "be"), ("state", "UP")];
    assert_eq!(page.value("haproxy_backend_status", &labels), Some(1.0));
    let labels = [("proxy", "fe"), ("state", "UP")];
    assert_eq!(page.value("haproxy_frontend_status", &labels), Some(1.0));
}

fn failed_connections_are_counted(kind: Kind) {
    let scene = Scene::new(kind).backend(&format!("retries 2\nserver s1 {}", free_addr()));
    let proxy = scene.start();
    Client::connect(proxy.addr).drain();
    let labels = [("proxy", "be"), ("server", "s1")];
    eventually("they are counted", || {
        let page = proxy.metrics();
        let errors = page.value("haproxy_server_connection_errors_total", &labels);
        let retries = page.value("haproxy_server_retry_warnings_total", &labels);
        (errors == Some(1.0) && retries == Some(2.0)).then_some(())
    });
}

fn every_family_has_help_and_type(kind: Kind) {
    let (proxy, _server) = busy(kind);
    let page = proxy.metrics();
    let declared = |keyword: &str| -> BTreeSet<String> {
        let lines = page.text.lines().filter_map(|line| line.strip_prefix(keyword));
        lines.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    };
    let (help, types) = (declared("# HELP "), declared("# TYPE "));
    assert_eq!(help, types);
    assert!(help.len() > 50, "{}", help.len());
    for line in page.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(types.contains(name), "{name} is not declared");
    }
}

#[test]
fn types_are_haproxys() {
    let families = |kind| -> BTreeMap<String, String> {
        let (proxy, _server) = busy(kind);
        let page = proxy.metrics();
        let lines = page.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines
            .filter_map(|line| line.split_once(' '))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    };
    let (reference, ours) = (families(Kind::Haproxy), families(Kind::Evenkeel));
    // Later versions of haproxy have names that this one lacks; those it has mean the same.
    let differing: Vec<_> = ours
        .iter()
        .filter(|(name, kind)| reference.get(*name).is_some_and(|theirs| theirs != *kind))
        .collect();
    assert!(differing.is_empty(), "{differing:?}");
    let foreign: Vec<_> = ours
        .keys()
        .filter(|name| !name.starts_with("haproxy_") && !name.starts_with("evenkeel_"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let common = ours.keys().filter(|name| reference.contains_key(*name)).count();
    assert!(common > 50, "only {common} names are haproxy's");
}

#[test]
fn health_and_ready_answer_orchestrators() {
    let mut server = Backend::echo();
    let proxy = Scene::new(Kind::Evenkeel)
        .backend(&format!("server s1 {} check inter 200ms fall 1 rise 1", server.addr))
        .start();
    let status = |path: &str| metrics::get(proxy.metrics_addr(), path).unwrap().0;
    let becomes = |path: &str, code: &str| {
        eventually(path, || status(path).contains(code).then_some(()));
    };
    becomes("/health", " 200 ");
    becomes("/ready", " 200 ");
    server.die();
    becomes("/ready", " 503 ");
    assert!(status("/health").contains(" 200 "));
    server.revive();
    becomes("/ready", " 200 ");
}
