//! Every sample that HAProxy lists, asked for wherever a rule can stand: both must know it, and both
//! must say so where it has nothing to tell.

use std::collections::BTreeSet;
use std::process::Command;

use super::{BACKEND, DEFAULTS, FRONTEND, OTHERS};
use crate::harness::dir::TempDir;
use crate::harness::proxy::Kind;

/// Rules that ask, with the section they stand in.
const RULES: [(&str, &str); 8] = [
    ("frontend", "tcp-request connection accept if"),
    ("frontend", "tcp-request session accept if"),
    ("frontend", "tcp-request content accept if"),
    ("frontend", "use_backend b if"),
    ("backend", "tcp-request content accept if"),
    ("backend", "use-server s if"),
    ("backend", "tcp-response content accept if"),
    ("backend", "force-persist if"),
];

/// What nobody asks of bytes: the parts of HAProxy's own form of a message, a protocol of compilers,
/// and groups that have to be compared with some.
const STRANGE: [&str; 3] = ["internal.htx_blk.", "distcc_", "http_auth_group"];

/// Lines of a file: nobody complains without end.
const LINES_MAX: usize = 90;

/// Each sample with all of the arguments it needs, as `-dKsmp` lists them.
fn samples() -> Vec<String> {
    let listed = Command::new(Kind::Haproxy.program())
        .args(["-dKsmp", "-q", "-c", "-f", "/dev/null"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let rows = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] "));
    let names = rows.filter_map(|(_, row)| row.rsplit_once(": ")).map(|(name, _)| name);
    let known = names.filter(|name| !STRANGE.iter().any(|strange| name.starts_with(strange)));
    known.map(written).collect()
}

/// `sc_get_gpc(integer,integer[,table])` -> `sc_get_gpc(1,1)`.
fn written(listed: &str) -> String {
    let Some((name, kinds)) = listed.split_once('(') else { return listed.to_owned() };
    let needed = kinds.split(['[', ')']).next().unwrap_or_default();
    let value = |kind: &str| match kind {
        "integer" => "1",
        "table" => "t",
        "backend" => "b",
        "frontend" => "f",
        "server" => "b/s",
        "user list" => "u",
        "IPv4 address" => "10.0.0.1",
        "IPv6 address" => "::1",
        _ if name == "bin" => "00",
        _ if name == "bool" => "1",
        _ if name == "var" => "txn.a",
        _ if name == "method" => "GET",
        _ => "x",
    };
    let values: Vec<&str> = needed.split(',').filter(|it| !it.is_empty()).map(value).collect();
    match values.as_slice() {
        [] => name.to_owned(),
        values => format!("{name}({})", values.join(",")),
    }
}

/// The numbers of lines that are refused and that are warned of.
fn judged(kind: Kind, text: &str, dir: &TempDir) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let path = dir.write("samples.cfg", text);
    let output = Command::new(kind.program()).args(["-c", "-f"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let lines = |level: &str| {
        let told = said.lines().filter(|line| line.starts_with(level));
        let number =
            |line: &str| line.split_once(".cfg:")?.1.split([']', ' ']).next()?.parse().ok();
        told.filter_map(number).collect()
    };
    (lines("[ALERT]"), lines("[WARNING]"))
}

#[test]
fn of_every_sample_and_stage() {
    let (dir, samples) = (TempDir::new(), samples());
    assert!(samples.len() > 400, "{}", samples.len());
    let mut wrong = Vec::new();
    let asked = RULES.iter().flat_map(|rule| samples.chunks(LINES_MAX).map(move |it| (rule, it)));
    for ((section, rule), samples) in asked {
        let lines: Vec<String> =
            samples.iter().map(|sample| format!(" {rule} {{ {sample} -m found }}")).collect();
        let head = format!("userlist u\n user a insecure-password x\n{DEFAULTS}");
        let (before, after) = match *section {
            "frontend" => (format!("{head}{FRONTEND}"), format!("\n{BACKEND}{OTHERS}")),
            _ => (format!("{head}{FRONTEND}{BACKEND}"), format!("\n{OTHERS}")),
        };
        let first = before.lines().count() + 1;
        let text = [before, lines.join("\n"), after].concat();
        let (refused, warned) = judged(Kind::Haproxy, &text, &dir);
        let ours = judged(Kind::Evenkeel, &text, &dir);
        for (at, line) in (first..).zip(&lines) {
            let (theirs, ours) = (
                (refused.contains(&at), warned.contains(&at)),
                (ours.0.contains(&at), ours.1.contains(&at)),
            );
            // A warning more tells of what is never told here.
            if theirs.0 != ours.0 || (theirs.1 && !ours.1) {
                wrong.push(format!(
                    "{line}: haproxy refuses, warns: {theirs:?}, evenkeel: {ours:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
