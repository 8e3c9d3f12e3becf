//! Passive health: sessions that cannot connect, and what they do to a server whose checks pass.

use std::net::SocketAddr;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    errors_count_as_a_failed_check,
    errors_mark_a_server_down,
    sudden_death_leaves_one_life,
    init_state_is_what_a_server_starts_as,
}

/// A server that nobody listens for, whose checks pass elsewhere.
fn observed(kind: Kind, checked: &Backend, words: &str) -> Proxy {
    let gone: SocketAddr = free_addr();
    Scene::new(kind)
        .defaults("retries 0\n")
        .backend("option log-health-checks\n")
        .backend(&format!(
            "server s1 {gone} check port {} inter 30s fall 3 observe layer4 {words}\n",
            checked.addr.port()
        ))
        .start()
}

fn fail(proxy: &Proxy, times: usize) {
    for _ in 0..times {
        let _ = served_by(proxy.addr);
    }
}

fn errors_count_as_a_failed_check(kind: Kind) {
    let checked = Backend::close();
    let proxy = observed(kind, &checked, "error-limit 4");
    proxy.log.expect(&["Health check for server be/s1 succeeded", "status: 3/3 UP."]);
    fail(&proxy, 4);
    let line = proxy.log.expect(&["Health check for server be/s1 failed"]);
    assert_eq!(
        line,
        "Health check for server be/s1 failed, reason: Health analyze, info: \"Detected 4 \
         consecutive errors, last one was: L4 unsuccessful connection\", status: 2/3 UP."
    );
    assert_eq!(proxy.log.count("Server be/s1 is DOWN"), 0);
}

fn errors_mark_a_server_down(kind: Kind) {
    let checked = Backend::close();
    let proxy = observed(kind, &checked, "error-limit 3 on-error mark-down");
    proxy.log.expect(&["Health check for server be/s1 succeeded"]);
    fail(&proxy, 3);
    proxy.log.expect(&["Health check for server be/s1 failed", "Detected 3", "status: 0/2 DOWN."]);
    proxy.log.expect(&["Server be/s1 is DOWN. 0 active and 0 backup servers left."]);
}

fn sudden_death_leaves_one_life(kind: Kind) {
    let checked = Backend::close();
    let proxy = observed(kind, &checked, "error-limit 2 on-error sudden-death");
    proxy.log.expect(&["Health check for server be/s1 succeeded"]);
    fail(&proxy, 2);
    proxy.log.expect(&["Health check for server be/s1 failed", "Detected 2", "status: 1/3 UP."]);
}

fn init_state_is_what_a_server_starts_as(kind: Kind) {
    if kind == Kind::Haproxy {
        // Newer than the one that is installed.
        return;
    }
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .backend("option log-health-checks\n")
        .backend(&format!(
            "server s1 {} check inter 200ms rise 3 init-state fully-down",
            server.addr
        ))
        .start();
    for status in ["1/3 DOWN.", "2/3 DOWN.", "3/3 UP."] {
        proxy.log.expect(&["Health check for server be/s1 succeeded", status]);
    }
    proxy.log.expect(&["Server be/s1 is UP."]);
}
