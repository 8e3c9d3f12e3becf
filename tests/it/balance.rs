//! Which server gets the next connection: the sequence each policy gives, equal to haproxy's.

use std::collections::BTreeMap;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, served_by};
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    leastconn_prefers_the_emptiest,
    first_fills_one_after_the_other,
    source_keeps_a_client_on_its_server,
    random_reaches_every_server,
    weight_zero_gets_no_traffic,
    backups_serve_only_without_active_servers,
    allbackups_uses_every_backup,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A proxy with one thread, so that its order is one order, and four servers with `words` each.
fn four(kind: Kind, policy: &str, words: [&str; 4]) -> (Proxy, Vec<Backend>) {
    let servers: Vec<Backend> = NAMES.into_iter().map(Backend::greet).collect();
    let mut scene = Scene::new(kind).global("nbthread 1").backend(&format!("{policy}\n"));
    for ((name, server), words) in NAMES.iter().zip(&servers).zip(words) {
        scene = scene.backend(&format!("server {name} {} {words}\n", server.addr));
    }
    (scene.start(), servers)
}

/// The servers of `count` connections one after the other, each closed before the next.
fn sequence(kind: Kind, policy: &str, words: [&str; 4], count: usize) -> String {
    let (proxy, _servers) = four(kind, policy, words);
    (0..count).map(|_| served_by(proxy.addr).unwrap()).collect()
}

/// The servers of `count` connections that all stay open.
fn held_sequence(kind: Kind, policy: &str, words: [&str; 4], count: usize) -> String {
    let (proxy, _servers) = four(kind, policy, words);
    let mut clients = Vec::new();
    let mut names = String::new();
    for _ in 0..count {
        let mut client = Client::connect(proxy.addr);
        names.push_str(&client.line().unwrap());
        clients.push(client);
    }
    names
}

fn same_on_both(run: impl Fn(Kind) -> String) {
    let reference = run(Kind::Haproxy);
    assert!(reference.len() >= 12, "{reference:?}");
    assert_eq!(run(Kind::Evenkeel), reference, "right: haproxy's");
}

#[test]
fn roundrobin_sequence_is_haproxys() {
    same_on_both(|kind| sequence(kind, "balance roundrobin", [""; 4], 16));
    let weights = ["weight 5", "weight 1", "weight 3", "weight 2"];
    same_on_both(|kind| sequence(kind, "balance roundrobin", weights, 44));
}

#[test]
fn static_rr_sequence_is_haproxys() {
    same_on_both(|kind| sequence(kind, "balance static-rr", [""; 4], 16));
    let weights = ["weight 4", "weight 1", "weight 2", "weight 1"];
    same_on_both(|kind| sequence(kind, "balance static-rr", weights, 32));
}

#[test]
fn leastconn_sequence_is_haproxys() {
    same_on_both(|kind| held_sequence(kind, "balance leastconn", [""; 4], 16));
    let weights = ["weight 4", "weight 1", "weight 2", "weight 1"];
    same_on_both(|kind| held_sequence(kind, "balance leastconn", weights, 32));
}

#[test]
fn source_choice_is_haproxys() {
    same_on_both(|kind| sequence(kind, "balance source", [""; 4], 12));
    let weights = ["weight 5", "weight 1", "weight 3", "weight 2"];
    same_on_both(|kind| sequence(kind, "balance source", weights, 12));
}

fn leastconn_prefers_the_emptiest(kind: Kind) {
    let names = held_sequence(kind, "balance leastconn", [""; 4], 12);
    for name in NAMES {
        assert_eq!(names.matches(name).count(), 3, "{names}");
    }
}

fn first_fills_one_after_the_other(kind: Kind) {
    let words = ["maxconn 3", "maxconn 2", "maxconn 3", "maxconn 3"];
    assert_eq!(held_sequence(kind, "balance first", words, 9), "aaabbcccd");
}

fn source_keeps_a_client_on_its_server(kind: Kind) {
    let names = sequence(kind, "balance source", [""; 4], 10);
    assert_eq!(names, names[..1].repeat(10));
}

fn random_reaches_every_server(kind: Kind) {
    let names = sequence(kind, "balance random(1)", [""; 4], 200);
    for name in NAMES {
        // A fair draw leaves a server with fewer than 10 of 200 once in 10^13 runs.
        assert!(names.matches(name).count() > 10, "{names}");
    }
}

fn weight_zero_gets_no_traffic(kind: Kind) {
    let names = sequence(kind, "balance roundrobin", ["", "weight 0", "", "weight 0"], 12);
    let mut counts = BTreeMap::new();
    for name in names.chars() {
        *counts.entry(name).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([('a', 6), ('c', 6)]));
}

/// Two dead servers before the living backups `c` and `d`.
fn only_backups_live(kind: Kind, policy: &str) -> String {
    let (third, fourth) = (Backend::greet("c"), Backend::greet("d"));
    let proxy = Scene::new(kind)
        .backend(&format!("{policy}\ndefault-server inter 200ms check\n"))
        .backend(&format!("server a {}\nserver b {}\n", free_addr(), free_addr()))
        .backend(&format!("server c {} backup\nserver d {} backup", third.addr, fourth.addr))
        .start();
    proxy.wait_status("a", "DOWN");
    proxy.wait_status("b", "DOWN");
    (0..8).map(|_| served_by(proxy.addr).unwrap()).collect()
}

fn backups_serve_only_without_active_servers(kind: Kind) {
    assert_eq!(only_backups_live(kind, "balance roundrobin"), "cccccccc");
    let words = ["", "", "backup", "backup"];
    assert!(!sequence(kind, "balance roundrobin", words, 8).contains(['c', 'd']));
}

fn allbackups_uses_every_backup(kind: Kind) {
    let names = only_backups_live(kind, "balance roundrobin\noption allbackups");
    assert_eq!(names.matches('c').count(), 4, "{names}");
    assert_eq!(names.matches('d').count(), 4, "{names}");
}
