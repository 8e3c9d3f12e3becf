//! The language: thousands of short files that both programs judge. They must agree on whether a
//! file is taken, on whether it is warned about, and on the line that is refused.
//!
//! The snippets stand in `language/*.txt`. `@ KIND…` says where the lines below stand, each in every
//! one of these places; `;;` is a line's end in whole files. `language/intended.txt` names those that
//! are judged otherwise on purpose, under the reason; one that no longer differs has to go.

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::harness::dir::TempDir;
use crate::harness::proxy::Kind;
use crate::harness::tls::Authority;

const DEFAULTS: &str = "defaults
 mode tcp
 timeout connect 1s
 timeout client 1s
 timeout server 1s
";
const FRONTEND: &str = "frontend f
 bind 127.0.0.1:1000
 default_backend b
";
const BACKEND: &str = "backend b
 server s 127.0.0.1:80
";
/// What snippets may name.
const OTHERS: &str = "backend t
 stick-table type ip size 1k expire 1h store gpc0,gpc1,gpt0,conn_cur,conn_rate(10s)
resolvers r
 nameserver n 127.0.0.1:53
";

/// A file of one snippet.
fn file(kind: &str, snippet: &str) -> String {
    let (d, f, b, others) = (DEFAULTS, FRONTEND, BACKEND, OTHERS);
    match kind {
        "file" => format!("{}\n", snippet.replace(";;", "\n")),
        "global" => format!("global\n {snippet}\n{d}{f}{b}"),
        "defaults" => format!("{d} {snippet}\n{f}{b}"),
        "frontend" => format!("{d}{f} {snippet}\n{b}{others}"),
        "backend" => format!("{d}{f}{b} {snippet}\n{others}"),
        "listen" => {
            let listen = "listen l\n bind 127.0.0.1:1009\n server s 127.0.0.1:80\n";
            format!("{d}{listen} {snippet}\n{f}{b}{others}")
        }
        "bindline" => format!("{d}{f} bind {snippet}\n{b}"),
        "bind" => {
            format!("{d}frontend f\n bind 127.0.0.1:1000 {snippet}\n default_backend b\n{b}")
        }
        "serverline" => format!("{d}{f}{b} server {snippet}\n{others}"),
        "server" => format!("{d}{f}backend b\n server s 127.0.0.1:80 {snippet}\n{others}"),
        "default-server" => {
            format!("{d}{f}backend b\n default-server {snippet}\n server s 127.0.0.1:80\n{others}")
        }
        "resolvers" => format!("{d}{f}{b}resolvers r\n nameserver n 127.0.0.1:53\n {snippet}\n"),
        "ring" => format!("{d}{f}{b}ring g\n {snippet}\n"),
        "mailers" => format!("{d}{f}{b}mailers m\n {snippet}\n"),
        "userlist" => format!("{d}{f}{b}userlist u\n {snippet}\n"),
        _ => panic!("no place '{kind}'"),
    }
}

/// How a program judges a file.
#[derive(Debug, PartialEq, Eq)]
struct Judgement {
    code: Option<i32>,
    /// Of a file that is taken.
    warns: bool,
    /// Lines that are refused.
    refused: BTreeSet<u32>,
    said: String,
}

impl Judgement {
    fn of(kind: Kind, text: &str, dir: &TempDir, name: &str) -> Self {
        let path = dir.write(&format!("{name}.cfg"), text);
        let mut command = Command::new(kind.program());
        // Names of files are looked up from here.
        let output =
            command.args(["-c", "-f"]).arg(&path).current_dir(dir.path()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let code = output.status.code();
        let alerts = said.lines().filter(|line| line.starts_with("[ALERT]"));
        let line =
            |alert: &str| alert.split_once(".cfg:")?.1.split([']', ' ']).next()?.parse().ok();
        let refused = alerts.filter_map(line).collect();
        // What haproxy passes over it calls an alert as well.
        let warns = code == Some(0) && (said.contains("[WARNING]") || said.contains("[ALERT]"));
        Self { code, warns, refused, said }
    }

    /// How `ours` is not as this one is.
    fn differs(&self, ours: &Self) -> Option<String> {
        if self.code != ours.code {
            return Some(format!("haproxy exits {:?}, evenkeel {:?}", self.code, ours.code));
        }
        if self.warns != ours.warns {
            return Some(format!("haproxy warns: {}, evenkeel: {}", self.warns, ours.warns));
        }
        let names = self.code != Some(1) || self.refused.is_subset(&ours.refused);
        (!names).then(|| format!("haproxy refuses {:?}, evenkeel {:?}", self.refused, ours.refused))
    }
}

/// `(place, snippet)` of each that is judged otherwise on purpose.
static INTENDED: LazyLock<BTreeSet<(&str, &str)>> = LazyLock::new(|| {
    let mut found = BTreeSet::new();
    for line in include_str!("language/intended.txt").lines() {
        let Some((kinds, snippet)) = line.split_once(" | ") else {
            assert!(line.is_empty() || line.starts_with("# "), "{line}");
            continue;
        };
        for kind in kinds.split(',') {
            assert!(found.insert((kind, snippet)), "twice: {line}");
        }
    }
    found
});

/// Files that snippets name.
fn prepare(dir: &TempDir) {
    let authority = Authority::new();
    let pem = std::fs::read_to_string(authority.issue("cert.pem", &["localhost"])).unwrap();
    dir.write("cert.pem", &pem);
    dir.write("empty", "");
    dir.write("list", "10.0.0.0/8\n127.0.0.1\n");
    dir.write("map", "127.0.0.1 a\n");
    dir.write("crtlist", &format!("{}\n", dir.join("cert.pem").display()));
}

fn compare(snippets: &str) {
    let dir = TempDir::new();
    prepare(&dir);
    let mut jobs: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    let mut kinds = Vec::new();
    for line in snippets.lines() {
        match line.strip_prefix("@ ") {
            Some(words) => kinds = words.split(' ').collect(),
            None if line.is_empty() => {}
            None => jobs.extend(kinds.iter().map(|kind| ((*kind, line), ()))),
        }
    }
    let jobs: Vec<(&str, &str)> = jobs.into_keys().collect();
    assert!(jobs.len() > 100, "{}", jobs.len());
    let next = Mutex::new(jobs.iter());
    let wrong = Mutex::new(String::new());
    std::thread::scope(|scope| {
        for worker in ["one", "two"] {
            let (dir, next, wrong) = (&dir, &next, &wrong);
            scope.spawn(move || {
                loop {
                    let Some(&(kind, snippet)) = next.lock().unwrap().next() else { return };
                    if let Some(why) = judge(kind, snippet, dir, worker) {
                        let _ = writeln!(wrong.lock().unwrap(), "{kind} | {snippet}\n{why}");
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is wrong with how both judge a snippet.
fn judge(kind: &str, snippet: &str, dir: &TempDir, worker: &str) -> Option<String> {
    let text = file(kind, &snippet.replace("{dir}", dir.path().to_str().unwrap()));
    let reference = Judgement::of(Kind::Haproxy, &text, dir, worker);
    let ours = Judgement::of(Kind::Evenkeel, &text, dir, worker);
    if !matches!(ours.code, Some(0..=2)) || ours.said.contains("panicked") {
        return Some(format!("evenkeel ends with {:?}: {}", ours.code, ours.said));
    }
    match (reference.differs(&ours), INTENDED.contains(&(kind, snippet))) {
        (Some(why), false) => Some(format!("{why}\n{}\n{}", reference.said, ours.said)),
        (None, true) => Some("it no longer differs: remove it from intended.txt".to_owned()),
        (Some(_), true) | (None, false) => None,
    }
}

#[test]
fn of_global() {
    compare(include_str!("language/global.txt"));
}

#[test]
fn of_binds() {
    compare(include_str!("language/bind.txt"));
}

#[test]
fn of_servers() {
    compare(include_str!("language/server.txt"));
}

#[test]
fn of_proxies() {
    compare(include_str!("language/proxy.txt"));
}

#[test]
fn of_rules_and_checks() {
    compare(include_str!("language/rules.txt"));
}

#[test]
fn of_sections_and_conditions() {
    compare(include_str!("language/sections.txt"));
}
