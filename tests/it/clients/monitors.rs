//! Collectors: what they fetch of the page or the socket, and how they read it.

use std::io::Write;

use super::{Row, rows, site, watched};
use crate::harness::api::rest;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::http::Request;
use crate::harness::proxy::Kind;

both! {
    telegraf_reads_socket_and_page,
    the_exporter_reads_socket_and_page,
    zabbix_makes_objects_of_the_page,
    nagios_asks_how_full_and_who_is_down,
    collectd_keeps_what_are_numbers,
}

/// Columns that telegraf keeps as text; it makes integers of all others.
const TEXT: [&str; 15] = [
    "pxname",
    "svname",
    "status",
    "check_status",
    "last_chk",
    "check_desc",
    "agent_status",
    "last_agt",
    "agent_desc",
    "addr",
    "cookie",
    "mode",
    "algo",
    "tracked",
    // Where the columns of a module begin.
    "-",
];

#[track_caller]
fn are_numbers(rows: &[Row]) {
    for row in rows {
        for (name, value) in row {
            let number = value.is_empty() || value.parse::<i64>().is_ok();
            assert!(number || TEXT.contains(&name.as_str()), "{name}={value}");
        }
    }
}

/// The socket is asked once a round and never half-closed; of a page without `;csv` it asks for
/// `/;csv` behind its path.
fn telegraf_reads_socket_and_page(kind: Kind) {
    let site = site(kind);
    let mut stream = site.api.connect("admin");
    stream.write_all(b"show stat\n").unwrap();
    let socket = rest(&mut stream);
    assert!(socket.starts_with("# pxname,svname,qcur,"), "{socket}");
    for csv in [socket, site.get("/haproxy;csv"), site.get("/haproxy/;csv")] {
        let rows = rows(&watched(&csv));
        are_numbers(&rows);
        let names: Vec<_> =
            rows.iter().map(|row| format!("{} {}", row["pxname"], row["svname"])).collect();
        assert_eq!(
            names,
            ["fe FRONTEND", "be s1", "be s2", "be s3", "be BACKEND", "seen BACKEND",]
        );
        let types: Vec<_> = rows.iter().map(|row| row["type"].as_str()).collect();
        assert_eq!(types, ["0", "2", "2", "2", "1", "1"]);
    }
    let answer = Request::new().send(site.page, "/haproxy;csv");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
}

/// It gives up on rows of fewer than 33 fields; of the socket it asks `show info` for the version.
fn the_exporter_reads_socket_and_page(kind: Kind) {
    let site = site(kind);
    served_by(site.proxy.addr).unwrap();
    for csv in [site.api.ask("show stat"), site.get("/haproxy;csv")] {
        for line in csv.lines().skip(1).filter(|line| !line.is_empty()) {
            let fields: Vec<_> = line.split(',').collect();
            assert!(fields.len() >= 33, "{line}");
            // Up is one of these; what follows UP is how far a check got.
            let up = |status: &str| match status {
                "UP" | "UP 1/3" | "UP 2/3" | "OPEN" | "no check" | "DRAIN" => 1,
                "DOWN" | "DOWN 1/2" | "NOLB" | "MAINT" | "MAINT(via)" => 0,
                other => panic!("{other} of {line}"),
            };
            let wanted = u8::from(fields[1] != "s3");
            assert_eq!(up(fields[17]), wanted, "{line}");
        }
    }
    let info = site.api.ask("show info");
    let versions: Vec<_> = info
        .lines()
        .filter(|line| line.starts_with("Version: ") || line.starts_with("Release_date: "))
        .collect();
    assert_eq!(versions.len(), 2, "{info}");
}

/// The header without its `# ` names the members; every row must have as many as it.
fn zabbix_makes_objects_of_the_page(kind: Kind) {
    let site = site(kind);
    served_by(site.proxy.addr).unwrap();
    let rows = rows(&site.get("/haproxy;csv"));
    let find = |pxname: &str, svname: &str| {
        rows.iter().find(|row| row["pxname"] == pxname && row["svname"] == svname).unwrap()
    };
    for name in [
        "hrsp_4xx", "hrsp_5xx", "ereq", "dreq", "rate", "scur", "stot", "slim", "bin", "bout",
        "req_rate",
    ] {
        assert!(find("fe", "FRONTEND").contains_key(name), "{name}");
    }
    let be = find("be", "BACKEND");
    for name in [
        "act", "bck", "econ", "eresp", "wredis", "wretr", "qcur", "qtime", "rtime", "weight",
        "hrsp_5xx", "scur",
    ] {
        assert!(be.contains_key(name), "{name}");
    }
    assert_eq!((be["act"].as_str(), be["bck"].as_str(), be["weight"].as_str()), ("1", "1", "7"));
    let server = find("be", "s1");
    for name in
        ["chkfail", "chkdown", "downtime", "lastchg", "check_duration", "econ", "qcur", "stot"]
    {
        assert!(server[name].parse::<u64>().is_ok(), "{name} of {server:?}");
    }
    // What has no check has no time of being down.
    assert_eq!(
        (find("be", "s2")["downtime"].as_str(), find("seen", "BACKEND")["downtime"].as_str()),
        ("", "")
    );
    assert_eq!(find("seen", "BACKEND")["chkdown"], "0");
    // Version and uptime are cut out of the page.
    let page = site.get("/haproxy");
    let version = page.split_once("HAProxy version ").and_then(|(_, rest)| rest.split_once(','));
    assert!(version.is_some_and(|(version, _)| version.starts_with(['2', '3'])), "{page}");
    let uptime = regex::Regex::new(r"\d+d \d+h\d+m\d+s").unwrap();
    assert!(uptime.is_match(&page), "{page}");
}

/// Rows by position: limits that are near, and whoever is not up.
fn nagios_asks_how_full_and_who_is_down(kind: Kind) {
    let site = site(kind);
    let csv = site.get("/haproxy;csv;norefresh");
    let mut complaints = Vec::new();
    for line in csv.lines().skip(1).filter(|line| !line.is_empty()) {
        let fields: Vec<_> = line.split(',').collect();
        let [name, server, current, limit, status] = [0, 1, 4, 6, 17].map(|at| fields[at]);
        if limit
            .parse::<f64>()
            .is_ok_and(|limit| limit > 0.0 && current.parse::<f64>().unwrap() / limit > 0.8)
        {
            complaints.push(format!("{name}/{server} is full"));
        }
        let well = ["UP", "OPEN", "no check"].iter().any(|word| status.starts_with(word));
        if !well {
            complaints.push(format!("{name}/{server} is {status}"));
        }
    }
    assert_eq!(complaints, ["be/s3 is MAINT"]);
}

/// `show info` split at `: `, `show stat -1 N -1` with the sum of what is wanted.
fn collectd_keeps_what_are_numbers(kind: Kind) {
    let site = site(kind);
    let info = site.api.ask("show info");
    for line in info.trim_end().lines() {
        assert_eq!(line.split(": ").count(), 2, "{line}");
    }
    for (kinds, wanted) in
        [(1, &["FRONTEND"][..]), (3, &["FRONTEND", "BACKEND", "BACKEND"]), (4, &["s1", "s2", "s3"])]
    {
        let rows = rows(&watched(&site.api.ask(&format!("show stat -1 {kinds} -1"))));
        are_numbers(&rows);
        let names: Vec<_> = rows.iter().map(|row| row["svname"].as_str()).collect();
        assert_eq!(names, wanted, "{kinds}");
    }
}
