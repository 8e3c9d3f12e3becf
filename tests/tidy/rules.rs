//! The rules, each a function from a file to its offences.

use super::source::{Source, imports, pattern};

/// Longest file, in lines; above it a file holds two nouns.
pub(crate) const LINES_MAX: usize = 450;

/// All that stands at the top, besides dotfiles and what git ignores.
pub(crate) const TOP_LEVEL: [&str; 8] =
    ["Cargo.lock", "Cargo.toml", "README.md", "benches", "conf", "haproxy-compat", "src", "tests"];

/// Modules that wire the others and may import all of them.
const TOP_LAYER: [&str; 5] = ["app", "cli", "demo", "lib", "main"];

/// Whom each module may import besides itself. An import points down, never sideways, never up.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("pure", &[]),
    ("sys", &[]),
    ("clock", &[]),
    ("config", &["pure", "haproxy_compat"]),
    ("telemetry", &["pure", "clock", "config"]),
    ("net", &["pure", "sys", "clock", "config"]),
    ("state", &["pure", "clock", "config", "telemetry"]),
    ("session", &["pure", "clock", "config", "telemetry", "net", "state"]),
    ("check", &["pure", "sys", "clock", "config", "telemetry", "net", "state"]),
    ("resolve", &["pure", "clock", "config", "telemetry", "net", "state"]),
    ("control", &["pure", "clock", "config", "telemetry", "net", "state"]),
    ("fleet", &["pure", "clock", "config", "telemetry", "net", "state"]),
    ("notify", &["pure", "clock", "config", "telemetry", "net"]),
];

/// What pure code must not name: I/O, clocks, randomness, threads, locks, sharing, logs.
const IMPURE: &str = concat!(
    r"\b(tokio|tracing|metrics|socket2|rustix|libc|arc_swap|Mutex|RwLock|Arc|async|await)\b",
    r"|\bstd::(fs|env|thread|process|sync|io)\b",
    r"|\b(TcpStream|TcpListener|UdpSocket|UnixStream|UnixListener)\b",
    r"|\b(Instant|SystemTime)::now\b|\bfastrand::[a-z]|\bRng::new\b",
    r"|\b(println|eprintln|print)!",
);

pub(crate) fn imports_point_down(source: &Source) -> Vec<String> {
    let Some(layer) = source.layer().filter(|layer| !TOP_LAYER.contains(layer)) else {
        return Vec::new();
    };
    if source.is_test() {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{}: `{layer}` stands in no layer", source.path)];
    };
    let mut offences = Vec::new();
    for (at, first, second) in imports(source) {
        // A macro or an item of the crate's root is no module.
        let known = MAY_IMPORT.iter().any(|(name, _)| *name == first)
            || TOP_LAYER.contains(&first.as_str())
            || first == "haproxy_compat";
        if first == layer || !known {
            continue;
        }
        if !allowed.contains(&first.as_str()) {
            let what = format!("`{layer}` must not import `{first}`");
            offences.push(source.offence(&source.code, at, &what));
        } else if first == "config"
            && second != "model"
            && !(layer == "control" && second == "export")
        {
            let what = format!("`{layer}` may import `config::model` only, not `config::{second}`");
            offences.push(source.offence(&source.code, at, &what));
        }
    }
    offences
}

pub(crate) fn pure_is_pure(source: &Source) -> Vec<String> {
    if !source.is_pure() || source.is_test() {
        return Vec::new();
    }
    source.find(&source.code, IMPURE, "pure code names")
}

pub(crate) fn unsafe_stays_in_sys(source: &Source) -> Vec<String> {
    if source.path.starts_with("src/sys") {
        return Vec::new();
    }
    source.find(&source.code, r"\bunsafe\b", "outside of src/sys")
}

/// An atomic's `store` and `swap` take an ordering as well; an `ArcSwap`'s take the value alone.
pub(crate) fn only_publish_stores(source: &Source) -> Vec<String> {
    if source.is_test() || source.path.starts_with("src/state/publish") {
        return Vec::new();
    }
    let mut offences =
        source.find(&source.code, r"\.(rcu|compare_and_swap)\(", "an ArcSwap is written");
    for found in pattern(r"\.(store|swap)\(").find_iter(&source.code) {
        let (mut level, mut commas) = (1, 0);
        for c in source.code[found.end()..].chars() {
            match c {
                '(' | '[' | '{' => level += 1,
                ')' | ']' | '}' => level -= 1,
                ',' if level == 1 => commas += 1,
                _ => {}
            }
            if level == 0 {
                break;
            }
        }
        if commas == 0 {
            offences.push(source.offence(&source.code, found.start(), "an ArcSwap is written"));
        }
    }
    offences
}

pub(crate) fn files_are_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, at most {LINES_MAX}", source.path)]
}

pub(crate) fn files_say_what_they_are(source: &Source) -> Vec<String> {
    let mut offences = Vec::new();
    if !source.text.starts_with("//! ") && !source.path.ends_with("/tests.rs") {
        offences.push(format!("{}: does not open with `//!`", source.path));
    }
    let name = pattern(r"(^|/)(util|utils|helper|helpers|common|misc)(\.rs|/)");
    if name.is_match(&source.path) {
        offences.push(format!("{}: a name that says nothing", source.path));
    }
    offences
}

pub(crate) fn nothing_is_left_over(source: &Source) -> Vec<String> {
    let mut offences = source.find(&source.text, r"\b(FIXM[E]|XX[X])\b", "left over");
    offences.extend(source.find(&source.code, r"\b(dbg|todo|unimplemented)!", "left over"));
    offences.extend(source.find(&source.code, r"#\[ignore", "a test that does not run"));
    offences
}

pub(crate) fn every_allow_has_a_reason(source: &Source) -> Vec<String> {
    let attribute = pattern(r"(?s)#!?\[(allow|expect)\(.*?\)\]");
    let bare =
        attribute.find_iter(&source.code).filter(|found| !found.as_str().contains("reason ="));
    bare.map(|found| source.offence(&source.code, found.start(), "an exception without a reason"))
        .collect()
}

pub(crate) type Rule = fn(&Source) -> Vec<String>;

pub(crate) const RULES: [Rule; 8] = [
    imports_point_down,
    pure_is_pure,
    unsafe_stays_in_sys,
    only_publish_stores,
    files_are_short,
    files_say_what_they_are,
    nothing_is_left_over,
    every_allow_has_a_reason,
];

/// What stands at the top and should not, or should and does not.
pub(crate) fn top_level_offences(names: &[String]) -> Vec<String> {
    let strange = names.iter().filter(|name| !TOP_LEVEL.contains(&name.as_str()));
    let missing = TOP_LEVEL.iter().filter(|name| !names.iter().any(|have| have == *name));
    strange
        .map(|name| format!("{name} does not belong at the top"))
        .chain(missing.map(|name| format!("{name} is missing at the top")))
        .collect()
}
