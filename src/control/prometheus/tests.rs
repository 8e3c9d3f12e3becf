//! The text by itself, and its names, labels and types beside those of a real HAProxy.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::*;
use crate::control::snapshot::{
    Bytes, Check, Failovers, FrontendStatus, Intake, Listener, Load, Nameserver, Pipes, Service,
};
use crate::pure::id::{ProxyId, ServerId};

mod real;

pub(crate) fn process() -> Process {
    Process {
        version: "0.1.0".to_owned(),
        claimed_version: "3.2.0",
        claimed_date: "2025/05/28",
        pid: 7,
        node: "db1".to_owned(),
        description: None,
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_247_347),
        uptime: Duration::from_millis(1_900),
        threads: 2,
        max_fds: 439,
        max_sockets: 439,
        max_connections: 200,
        hard_max_connections: 200,
        connections: Load { current: 1, total: 28, ..Load::default() },
        sessions: Load::default(),
        tls: crate::control::snapshot::Tls::default(),
        pipes: Pipes::default(),
        bytes_out: 96,
        spliced_bytes_out: 0,
        bytes_out_rate: 0,
        tasks: 22,
        run_queue: 0,
        idle_percent: 100,
        stopping: false,
        jobs: 12,
        unstoppable_jobs: 0,
        listeners: 11,
        dropped_logs: 3,
        is_state_unsaved: true,
        busy_polling: false,
        failed_resolutions: 0,
        warnings: 0,
        maxconn_reached: 0,
    }
}

fn frontend() -> Frontend {
    let listener = Listener {
        name: "sock-1".into(),
        id: 1,
        address: "127.0.0.1:3306".to_owned(),
        status: ListenerStatus::Full,
        intake: Intake::default(),
    };
    Frontend {
        name: "fe".into(),
        id: ProxyId(2),
        status: FrontendStatus::Open,
        intake: Intake {
            sessions: Load { current: 5, max: 9, limit: Some(200), total: 8, ..Load::default() },
            bytes: Bytes { r#in: 18, out: u64::MAX },
            ..Intake::default()
        },
        connections: Load::default(),
        requests: None,
        listeners: vec![listener],
    }
}

fn server(name: &str, number: u32, status: ServerStatus, check: Option<Check>) -> Server {
    Server {
        name: name.into(),
        id: ServerId(number),
        address: "127.0.0.1:3307".to_owned(),
        role: None,
        witnesses: Vec::new(),
        status,
        status_text: "UP".to_owned(),
        backup: number > 1,
        throttle_percent: None,
        tracked: None,
        agent: None,
        was_used: false,
        detections: None,
        check,
        service: Service {
            downs: 1,
            time_average: crate::control::snapshot::Times {
                connect: Duration::from_micros(1_500),
                ..Default::default()
            },
            ..Service::default()
        },
    }
}

fn check(status: &'static str) -> Check {
    Check {
        status: Some(status),
        running: false,
        code: Some(200),
        duration: Some(Duration::from_millis(3)),
        description: "Layer4 check passed",
        info: String::new(),
        rise: 2,
        fall: 3,
        health: 4,
        failures: 1,
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let servers = vec![
        server("s1", 1, ServerStatus::Up, Some(check("L4OK"))),
        server("s2", 2, ServerStatus::Down, Some(check("L4CON"))),
        server("s3", 3, ServerStatus::Up, None),
    ];
    let backend = Backend {
        name: "be".into(),
        requests: None,
        id: ProxyId(3),
        algo: "roundrobin",
        up: true,
        required: true,
        failovers: None,
        hold: None,
        active: 1,
        backups: 1,
        service: Service::default(),
        servers,
    };
    let nameserver = Nameserver {
        section: "dns".to_owned(),
        name: "one".to_owned(),
        questions: std::array::from_fn(|at| at as u64),
    };
    Snapshot {
        process: process(),
        frontends: vec![frontend()],
        backends: vec![backend],
        order: Vec::new(),
        nameservers: vec![nameserver],
        tables: Vec::new(),
        webhooks: Vec::new(),
        workers: Vec::new(),
    }
}

#[test]
fn failovers_are_counted_by_what_came_of_them() {
    let mut snapshot = snapshot();
    snapshot.backends[0].failovers = Some(Failovers { counts: [4, 3, 2, 1], last: None });
    let text = render(&snapshot, &Selection::default());
    let words = [("failover", 4), ("switchover", 3), ("given_up", 2), ("unseen", 1)];
    for (word, count) in words {
        let line = format!("evenkeel_failover_total{{proxy=\"be\",outcome=\"{word}\"}} {count}");
        assert!(has(&text, &line), "{line}\n{text}");
    }
}

/// Whether `line` is one of the lines of `text`.
fn has(text: &str, line: &str) -> bool {
    text.lines().any(|candidate| candidate == line)
}

#[test]
fn values_labels_and_states_are_haproxys() {
    let text = render(&snapshot(), &Selection::default());
    for line in [
        "# TYPE haproxy_process_connections_total counter",
        "haproxy_resolver_nx{resolver=\"dns\",nameserver=\"one\"} 7",
        "# HELP haproxy_process_nbthread Worker threads",
        "haproxy_process_connections_total 28",
        "haproxy_process_uptime_seconds 1",
        "haproxy_process_start_time_seconds 1795247347",
        "haproxy_process_build_info{version=\"3.2.0-evenkeel-0.1.0\"} 1",
        "haproxy_process_dropped_logs_total 3",
        "evenkeel_state_unsaved 1",
        "haproxy_frontend_limit_sessions{proxy=\"fe\"} 200",
        "haproxy_frontend_bytes_out_total{proxy=\"fe\"} 18446744073709551615",
        "haproxy_frontend_status{proxy=\"fe\",state=\"UP\"} 1",
        "haproxy_frontend_status{proxy=\"fe\",state=\"DOWN\"} 0",
        "haproxy_listener_limit_sessions{proxy=\"fe\",listener=\"sock-1\"} 0",
        "haproxy_listener_status{proxy=\"fe\",listener=\"sock-1\",state=\"FULL\"} 1",
        "haproxy_backend_agg_server_status{proxy=\"be\",state=\"UP\"} 2",
        "haproxy_backend_agg_check_status{proxy=\"be\",state=\"L4CON\"} 1",
        "haproxy_backend_last_session_seconds{proxy=\"be\"} -1",
        "haproxy_server_status{proxy=\"be\",server=\"s2\",state=\"DOWN\"} 1",
        "haproxy_server_status{proxy=\"be\",server=\"s2\",state=\"UP\"} 0",
        "haproxy_server_check_status{proxy=\"be\",server=\"s1\",state=\"L4OK\"} 1",
        "haproxy_server_check_duration_seconds{proxy=\"be\",server=\"s1\"} 0.003",
        "haproxy_server_connect_time_average_seconds{proxy=\"be\",server=\"s1\"} 0.0015",
        "haproxy_server_limit_sessions{proxy=\"be\",server=\"s1\"} NaN",
        "haproxy_server_backup{proxy=\"be\",server=\"s2\"} 1",
        "haproxy_server_check_up_down_total{proxy=\"be\",server=\"s2\"} 1",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    assert!(!text.contains("haproxy_server_check_code{proxy=\"be\",server=\"s3\"}"));
}

#[test]
fn every_family_has_one_head_and_stands_together() {
    let text = render(&snapshot(), &Selection::default());
    let mut seen = BTreeMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().expect("a name");
            assert!(seen.insert(family, 0).is_none(), "{family} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(rest.starts_with(family) && seen[family] == 0, "{line}");
        } else {
            assert_eq!(line.split(['{', ' ']).next(), Some(family));
            *seen.get_mut(family).expect("head first") += 1;
        }
    }
    assert!(seen.len() > 100 && seen.values().all(|&samples| samples > 0), "{seen:?}");
    assert_eq!(
        text,
        render(&snapshot(), &Selection::default()),
        "two scrapes of one state are the same text"
    );
}
