use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::columns::{COLUMNS, MODULES};
use super::render::{self, Form};
use super::rows::{Filter, rows};
use super::{info, schema};
use crate::control::snapshot::{
    Backend, Bytes, Check, Frontend, FrontendStatus, Intake, Load, Server, ServerStatus, Service,
    Snapshot,
};
use crate::pure::id::{ProxyId, ServerId};

fn server(name: &str, id: u32, status: ServerStatus, text: &str) -> Server {
    Server {
        name: name.into(),
        id: ServerId(id),
        address: format!("127.0.0.1:{id}"),
        role: None,
        witnesses: Vec::new(),
        status,
        status_text: text.to_owned(),
        backup: false,
        throttle_percent: None,
        tracked: None,
        was_used: true,
        detections: Some(2),
        check: None,
        agent: None,
        service: Service::default(),
    }
}

fn check() -> Check {
    Check {
        status: Some("L7OK"),
        running: true,
        code: Some(200),
        duration: Some(Duration::from_millis(7)),
        description: "Layer7 check passed",
        info: "HTTP, \"fine\"".to_owned(),
        rise: 2,
        fall: 3,
        health: 4,
        failures: 1,
    }
}

fn snapshot() -> Snapshot {
    let frontend = |name: &str, id| Frontend {
        name: Arc::from(name),
        id: ProxyId(id),
        status: FrontendStatus::Open,
        intake: Intake {
            sessions: Load { limit: Some(100), total: 5, ..Load::default() },
            bytes: Bytes { r#in: 1, out: 2 },
            ..Intake::default()
        },
        connections: Load::default(),
        requests: None,
        listeners: Vec::new(),
    };
    let mut checked = server("a", 1, ServerStatus::Up, "UP");
    checked.check = Some(check());
    let backend = |name: &str, id, servers| Backend {
        name: Arc::from(name),
        requests: None,
        id: ProxyId(id),
        algo: "roundrobin",
        up: true,
        required: true,
        failovers: None,
        hold: None,
        active: 1,
        backups: 0,
        service: Service::default(),
        servers,
    };
    let down = server("b", 2, ServerStatus::Down, "DOWN 1/2");
    let maint = server("c", 3, ServerStatus::Maint, "MAINT");
    Snapshot {
        process: crate::control::prometheus::tests::process(),
        frontends: vec![frontend("fe", 2), frontend("li", 4)],
        backends: vec![backend("be", 3, vec![checked, down, maint]), backend("li", 4, vec![])],
        order: [2, 3, 4].map(ProxyId).to_vec(),
        nameservers: Vec::new(),
        workers: Vec::new(),
        tables: Vec::new(),
        webhooks: Vec::new(),
    }
}

fn names(filter: &Filter) -> Vec<String> {
    let text = render::stat(&rows(&snapshot(), filter), Form::Plain, false);
    let lines = text.lines().skip(1);
    lines.map(|line| line.split(',').take(2).collect::<Vec<_>>().join("/")).collect()
}

#[test]
fn proxies_stand_in_their_order_with_servers_before_their_backend() {
    let all = ["fe/FRONTEND", "be/a", "be/b", "be/c", "be/BACKEND", "li/FRONTEND", "li/BACKEND"];
    assert_eq!(names(&Filter::ALL), all);
}

#[test]
fn filters_leave_out_what_is_not_wanted() {
    let servers = Filter { kinds: 4, ..Filter::ALL };
    assert_eq!(names(&servers), ["be/a", "be/b", "be/c"]);
    assert_eq!(names(&Filter { id: Some(2), ..servers }), ["be/b"]);
    assert_eq!(names(&Filter { no_maint: true, ..servers }), ["be/a", "be/b"]);
    assert_eq!(names(&Filter { only_up: true, ..servers }), ["be/a"]);
    let li = Filter { proxy: Some(4), ..Filter::ALL };
    assert_eq!(names(&li), ["li/FRONTEND", "li/BACKEND"]);
}

#[test]
fn every_line_has_every_column_and_a_comma_at_its_end() {
    let plain = Filter { kinds: 3, ..Filter::ALL };
    let text = render::stat(&rows(&snapshot(), &plain), Form::Plain, false);
    for line in text.lines() {
        assert_eq!(line.split(',').count(), COLUMNS.len() + 2, "{line}");
        assert!(line.ends_with(','), "{line}");
        assert_eq!(line.split(',').nth(MODULES), Some("-"), "{line}");
    }
}

#[test]
fn texts_with_commas_are_quoted() {
    let text = render::stat(&rows(&snapshot(), &Filter::ALL), Form::Plain, false);
    assert!(text.contains(",* L7OK,200,7,"), "{text}");
    assert!(text.contains(",\"HTTP, \"\"fine\"\"\","), "{text}");
}

#[test]
fn who_may_not_see_addresses_does_not() {
    let seen = |secrets| {
        let filter = Filter { secrets, ..Filter::ALL };
        let text = render::stat(&rows(&snapshot(), &filter), Form::Plain, false);
        (text.contains("127.0.0.1"), text.contains("roundrobin"))
    };
    assert_eq!((seen(true), seen(false)), ((true, true), (false, false)));
}

#[test]
fn typed_lines_name_kind_number_column_and_type() {
    let text = render::stat(&rows(&snapshot(), &Filter::ALL), Form::Typed, true);
    for line in [
        "F.2.0.0.pxname.1:KNSV:str:fe:\"Name of the proxy\"",
        "S.3.2.17.status.1:SGPV:str:DOWN 1/2:",
        "S.3.1.19.act.1:SGPV:u32:1:",
        "B.3.0.19.act.1:MGPV:u32:1:",
        "S.3.1.55.lastsess.1:MAPV:s32:-1:",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} is not in\n{text}");
    }
}

#[test]
fn json_is_json() {
    let text = render::stat(&rows(&snapshot(), &Filter::ALL), Form::Json, false);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let first = &json[0][0];
    assert_eq!((&first["objType"], &first["proxyId"]), (&"Frontend".into(), &2.into()));
    assert_eq!(first["tags"]["nature"], "Name");
    let check = json[1].as_array().expect("a row").iter();
    let mut check = check.filter(|field| field["field"]["name"] == "last_chk");
    assert_eq!(check.next().expect("a check")["value"]["value"], "HTTP, \"fine\"");
    let fields = info::fields(&snapshot().process, false);
    let info = render::info(&fields, Form::Json, false);
    let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
    assert_eq!(info[0]["value"]["value"], "HAProxy");
    serde_json::from_str::<serde_json::Value>(schema::SCHEMA).expect("JSON");
}

#[test]
fn info_counts_as_haproxy_does() {
    let mut process = snapshot().process;
    process.started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    process.uptime = Duration::from_millis(93_784_250);
    let text = render::info(&info::fields(&process, false), Form::Plain, false);
    for line in ["Uptime: 1d 2h03m04s", "Uptime_sec: 93784", "Start_time_sec: 1"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let float = render::info(&info::fields(&process, true), Form::Typed, false);
    assert!(float.contains("8.Uptime_sec.1:MDPV:flt:93784.250000\n"), "{float}");
    assert!(float.contains("\n50.node.1:COSV:str:"), "{float}");
    assert!(float.contains("\n70.Start_time_sec.1:"), "{float}");
}
