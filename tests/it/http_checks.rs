//! `http-check expect`: several in turn, headers, and what their outcomes are called.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{PATIENCE, both, within};

both! {
    expectations_are_judged_in_turn_and_named,
}

/// Rules on a server that answers [`ANSWER`]: status, code and words of the verdict.
const CASES: [(&str, &str, &str, &str); 23] = [
    ("status 200; string primary", "L7OK", "200", ""),
    ("status 200; string replica", "L7RSP", "", "HTTP content check did not match"),
    (
        "comment first status 200; comment second string replica",
        "L7RSP",
        "",
        "HTTP content check did not match comment: second",
    ),
    ("comment c status 500", "L7STS", "200", "OK comment: c"),
    ("on-error broken comment c status 500", "L7STS", "200", "broken comment: c"),
    ("error-status L6RSP status 500", "L6RSP", "", "OK"),
    ("on-success fine string primary", "L7OK", "200", "fine"),
    ("ok-status L6OK string primary", "L6OK", "", ""),
    ("hdr name x-role value leader", "L7OK", "200", ""),
    ("hdr name x-role value foo", "L7STS", "200", "OK"),
    ("fhdr name x-role value leader", "L7STS", "200", "OK"),
    ("fhdr name -m beg X-R value -m sub mary", "L7OK", "200", ""),
    ("! hdr name x-role", "L7STS", "200", "OK"),
    ("hdr name X-none", "L7STS", "200", "OK"),
    ("hdr name x-role value -m reg ^lead", "L7OK", "200", ""),
    ("hdr name x-role value -m sub LEAD", "L7STS", "200", "OK"),
    ("hdr name -m end role value -m end der", "L7OK", "200", ""),
    ("hdr name -m reg ^x- value primary", "L7OK", "200", ""),
    ("status-code int(7) string primary", "L7OK", "7", ""),
    ("status-code int(7) string replica", "L7RSP", "", "HTTP content check did not match"),
    ("string role; ! string primary", "L7RSP", "", "HTTP check matched unwanted content"),
    ("on-error bad hdr name x-none", "L7STS", "200", "bad"),
    ("min-recv 300 string primary", "L7OK", "200", ""),
];

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Role: primary, leader\r\nContent-Length: 12\r\n\r\nrole primary";

fn expectations_are_judged_in_turn_and_named(kind: Kind) {
    let server = Backend::new(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(ANSWER).await;
        let _ = stream.shutdown().await;
    });
    let api = Api::new();
    let mut scene = Scene::new(kind).global(&api.lines());
    for (number, (rules, ..)) in CASES.iter().enumerate() {
        scene = scene.backend(&format!("backend b{number}\noption httpchk\n"));
        for rule in rules.split("; ") {
            scene = scene.backend(&format!("http-check expect {rule}\n"));
        }
        scene = scene.backend(&format!("server s1 {} check inter 200ms fall 1\n", server.addr));
    }
    let _proxy = scene.start();
    for (number, (rules, status, code, words)) in CASES.iter().enumerate() {
        let want = [*status, *code, *words];
        let mut last = None;
        // A machine that is slow enough makes a check time out now and then; the next one will not.
        let met = within(PATIENCE, || {
            last = between_checks(&api, number).or(last.take());
            last.as_ref()
                .is_some_and(|row| row.each_ref().map(String::as_str) == want)
                .then_some(())
        });
        assert!(met.is_some(), "{rules}: {last:?}, not {want:?}");
    }
}

/// Status, code and words of the last check of `b<number>`, unless one runs: it forgets the words
/// of the one before as it starts.
fn between_checks(api: &Api, number: usize) -> Option<[String; 3]> {
    let csv = api.ask(&format!("show stat b{number} 4 -1"));
    let mut lines = csv.lines();
    let names = lines.next()?.strip_prefix("# ")?.split(',');
    let row: BTreeMap<&str, &str> = names.zip(lines.next()?.split(',')).collect();
    let status = row["check_status"];
    let runs = status.is_empty() || status.starts_with('*') || status.starts_with("INI");
    let shown = ["check_status", "check_code", "last_chk"].map(|name| row[name].to_owned());
    (!runs).then_some(shown)
}
