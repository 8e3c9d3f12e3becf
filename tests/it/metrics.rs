//! The metrics page: haproxy's names and labels, and values that say what happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::api::Api;
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
    scopes_choose_what_is_shown,
    stick_tables_show_their_size_and_use,
    a_draining_server_keeps_its_weight,
    the_dashboards_panels_have_data,
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

fn scopes_choose_what_is_shown(kind: Kind) {
    let (proxy, _server) = busy(kind);
    let scopes = |query: &str| -> BTreeSet<String> {
        let (status, text) =
            metrics::get(proxy.metrics_addr(), &format!("/metrics{query}")).unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE haproxy_"));
        types.map(|line| line.split('_').next().unwrap().to_owned()).collect()
    };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(scopes("?scope=server"), set(&["server"]));
    assert_eq!(scopes("?scope=global&scope=backend"), set(&["process", "backend"]));
    assert_eq!(scopes("?scope=frontend&scope="), set(&[]));
    let all = scopes("?scope=*");
    assert!(all.is_superset(&set(&["process", "frontend", "backend", "server"])), "{all:?}");
    let (status, _) = metrics::get(proxy.metrics_addr(), "/metrics?scope=nothing").unwrap();
    assert!(status.contains(" 400 "), "{status}");
}

/// What the queries of the public dashboard ask for, apart from panels about HTTP and stick tables.
const DASHBOARD: [(&str, &[&str]); 4] = [
    (
        "backend",
        &[
            "active_servers",
            "backup_servers",
            "bytes_in_total",
            "bytes_out_total",
            "check_up_down_total",
            "client_aborts_total",
            "connect_time_average_seconds",
            "connection_attempts_total",
            "connection_errors_total",
            "connection_reuses_total",
            "current_queue",
            "current_sessions",
            "downtime_seconds_total",
            "failed_header_rewriting_total",
            "internal_errors_total",
            "last_session_seconds",
            "limit_sessions",
            "loadbalanced_total",
            "max_sessions",
            "queue_time_average_seconds",
            "redispatch_warnings_total",
            "requests_denied_total",
            "response_errors_total",
            "response_time_average_seconds",
            "responses_denied_total",
            "retry_warnings_total",
            "server_aborts_total",
            "sessions_total",
            "status",
            "total_time_average_seconds",
            "uweight",
            "weight",
        ],
    ),
    (
        "frontend",
        &[
            "bytes_in_total",
            "bytes_out_total",
            "connections_total",
            "current_sessions",
            "denied_connections_total",
            "denied_sessions_total",
            "failed_header_rewriting_total",
            "internal_errors_total",
            "limit_sessions",
            "max_sessions",
            "request_errors_total",
            "requests_denied_total",
            "responses_denied_total",
            "sessions_total",
            "status",
        ],
    ),
    (
        "process",
        &[
            "active_peers",
            "connected_peers",
            "current_backend_ssl_key_rate",
            "current_connections",
            "current_frontend_ssl_key_rate",
            "current_run_queue",
            "current_ssl_connections",
            "current_tasks",
            "current_zlib_memory",
            "dropped_logs_total",
            "failed_resolutions",
            "frontend_ssl_reuse",
            "hard_max_connections",
            "idle_time_percent",
            "jobs",
            "limit_connection_rate",
            "limit_session_rate",
            "limit_ssl_rate",
            "listeners",
            "max_connection_rate",
            "max_memory_bytes",
            "max_pipes",
            "max_session_rate",
            "max_ssl_connections",
            "max_ssl_rate",
            "max_zlib_memory",
            "nbproc",
            "nbthread",
            "pipes_free_total",
            "pipes_used_total",
            "pool_allocated_bytes",
            "pool_failures_total",
            "pool_used_bytes",
            "recv_logs_total",
            "ssl_cache_lookups_total",
            "ssl_cache_misses_total",
            "ssl_connections_total",
            "start_time_seconds",
            "stopping",
            "unstoppable_jobs",
            "uptime_seconds",
        ],
    ),
    (
        "server",
        &[
            "bytes_in_total",
            "bytes_out_total",
            "check_duration_seconds",
            "check_failures_total",
            "check_last_change_seconds",
            "check_up_down_total",
            "client_aborts_total",
            "connect_time_average_seconds",
            "connection_attempts_total",
            "connection_errors_total",
            "connection_reuses_total",
            "current_queue",
            "downtime_seconds_total",
            "failed_header_rewriting_total",
            "idle_connections_current",
            "internal_errors_total",
            "last_session_seconds",
            "loadbalanced_total",
            "max_sessions",
            "need_connections_current",
            "queue_time_average_seconds",
            "redispatch_warnings_total",
            "response_errors_total",
            "response_time_average_seconds",
            "responses_denied_total",
            "retry_warnings_total",
            "safe_idle_connections_current",
            "server_aborts_total",
            "sessions_total",
            "status",
            "total_time_average_seconds",
            "unsafe_idle_connections_current",
            "used_connections_current",
            "uweight",
            "weight",
        ],
    ),
];

fn the_dashboards_panels_have_data(kind: Kind) {
    let (proxy, _server) = busy(kind);
    let page = proxy.metrics();
    let names = DASHBOARD
        .iter()
        .flat_map(|(scope, ends)| ends.iter().map(move |end| format!("haproxy_{scope}_{end}")));
    let missing: Vec<String> = names.filter(|name| page.value(name, &[]).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_choose_metrics() {
    let (proxy, _server) = busy(Kind::Evenkeel);
    let query = "/metrics?metrics=haproxy_server_status,haproxy_process_jobs,-haproxy_process_jobs";
    let (_, text) = metrics::get(proxy.metrics_addr(), query).unwrap();
    let types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    assert_eq!(types, ["# TYPE haproxy_server_status gauge"]);
}

fn stick_tables_show_their_size_and_use(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .frontend("tcp-request connection track-sc0 src table by_ip")
        .backend(&format!("server s1 {}\n", server.addr))
        .backend("backend by_ip\nstick-table type ip size 1k store conn_cnt\n")
        .backend("backend by_name\nstick-table type string len 20 size 10\n")
        .start();
    Client::connect(proxy.addr).ping("tracked");
    let page = proxy.metrics();
    for (name, of, size, used) in [("by_ip", "ip", 1024.0, 1.0), ("by_name", "string", 10.0, 0.0)] {
        let labels = [("name", name), ("type", of)];
        assert_eq!(page.value("haproxy_sticktable_size", &labels), Some(size), "{name}");
        assert_eq!(page.value("haproxy_sticktable_used", &labels), Some(used), "{name}");
    }
}

fn a_draining_server_keeps_its_weight(kind: Kind) {
    let (server, api) = (Backend::echo(), Api::new());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!("server s1 {} weight 37", server.addr))
        .start();
    for (command, status, weight) in [
        ("state drain", "DRAIN", 37.0),
        ("weight 20", "DRAIN", 20.0),
        ("state ready", "UP", 20.0),
        ("weight 0", "DRAIN", 0.0),
    ] {
        api.ask(&format!("set server be/s1 {command}"));
        let labels = [("proxy", "be"), ("server", "s1")];
        let page = proxy.metrics();
        assert_eq!(page.value("haproxy_server_weight", &labels), Some(weight), "{command}");
        if weight > 0.0 {
            let shown = page.state("haproxy_server_status", &labels);
            assert_eq!(shown.as_deref(), Some(status), "{command}");
        }
    }
}
