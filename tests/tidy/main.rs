//! The rules of the tree that a machine can check: who may import whom, what `pure` must not name,
//! where `unsafe` and the publisher's store may stand, how long a file may be.
//!
//! Each rule is a function from a file to its offences; [`every_rule_can_fail`] shows each of them
//! an offence it must find. The layers are those of the crate documentation in `src/lib.rs`.
#![allow(clippy::unwrap_used, reason = "a file that cannot be read must end the test")]

mod rules;
mod source;

use std::fs;
use std::path::Path;

use rules::{
    LINES_MAX, RULES, Rule, TOP_LEVEL, every_allow_has_a_reason, files_are_short,
    files_say_what_they_are, imports_point_down, nothing_is_left_over, only_publish_stores,
    pure_is_pure, top_level_offences, unsafe_stays_in_sys,
};
use source::Source;

/// All Rust files below `dir`, besides this one, which quotes what it forbids.
fn collect(root: &Path, dir: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.ends_with("target") {
            collect(root, &path, sources);
        } else if name.ends_with(".rs") && name != "tests/tidy/main.rs" {
            sources.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for dir in ["src", "haproxy-compat", "tests", "benches"] {
        collect(root, &root.join(dir), &mut sources);
    }
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"));
    let offences: Vec<String> =
        sources.iter().flat_map(|source| RULES.iter().flat_map(move |rule| rule(source))).collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn the_top_level_is_the_documented_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
    let names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .filter(|name| !ignored.lines().any(|line| line.trim_matches('/') == name))
        .collect();
    assert_eq!(top_level_offences(&names), Vec::<String>::new());
}

/// What each rule must find: a path and a text that offends.
const OFFENCES: [(Rule, &str, &str); 25] = [
    (imports_point_down, "src/pure/a.rs", "use crate::state::Server;"),
    (imports_point_down, "src/session/a.rs", "use crate::check::Driver;"),
    (imports_point_down, "src/check/mod.rs", "fn a() { crate::session::run() }"),
    (imports_point_down, "src/state/a.rs", "use crate::{\n pure::Id,\n net::{Dial, b},\n};"),
    (imports_point_down, "src/net/mod.rs", "use super::session::run;"),
    (imports_point_down, "src/net/relay/copy.rs", "use super::super::super::app::App;"),
    (imports_point_down, "src/session/a.rs", "use crate::config::raw::Server;"),
    (imports_point_down, "src/session/a.rs", "use haproxy_compat::Span;"),
    (imports_point_down, "src/notify/a.rs", "use crate::state::Server;"),
    (imports_point_down, "src/novel/a.rs", ""),
    (pure_is_pure, "src/pure/a.rs", "use tokio::time::sleep;"),
    (pure_is_pure, "src/pure/a.rs", "let now = Instant::now();"),
    (pure_is_pure, "src/pure/a.rs", "use std::sync::Arc;"),
    (pure_is_pure, "src/pure/a.rs", "let n = fastrand::u32(..);"),
    (pure_is_pure, "src/config/a.rs", "//! Pure: text in.\nuse std::fs;"),
    (unsafe_stays_in_sys, "src/net/a.rs", "let a = unsafe { b() };"),
    (only_publish_stores, "src/state/backend.rs", "self.live.store(Arc::new(f(a, b)));"),
    (only_publish_stores, "src/app/mod.rs", "live.rcu(|old| new(old));"),
    (files_say_what_they_are, "src/net/a.rs", "use std::io;"),
    (files_say_what_they_are, "src/net/util.rs", "//! Things."),
    (nothing_is_left_over, "src/net/a.rs", "// FIXME later"),
    (nothing_is_left_over, "src/net/a.rs", "dbg!(a);"),
    (nothing_is_left_over, "tests/it/a.rs", "#[test]\n#[ignore]\nfn a() {}"),
    (every_allow_has_a_reason, "src/net/a.rs", "#[allow(dead_code)]"),
    (every_allow_has_a_reason, "src/net/a.rs", "#![expect(\n    unused,\n    dead_code\n)]"),
];

#[test]
fn every_rule_can_fail() {
    let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
    assert_eq!(files_are_short(&Source::new("src/net/a.rs", &long)).len(), 1);
    for (rule, path, text) in OFFENCES {
        assert!(!rule(&Source::new(path, text)).is_empty(), "not found in {path}: {text}");
    }
    let names: Vec<String> = TOP_LEVEL.iter().map(ToString::to_string).collect();
    assert_eq!(top_level_offences(&names), Vec::<String>::new());
    assert_eq!(top_level_offences(&names[1..]).len(), 1);
    assert_eq!(top_level_offences(&[names, vec!["docs".to_owned()]].concat()).len(), 1);
}

#[test]
fn no_rule_sees_what_is_not_there() {
    let clean = [
        ("src/pure/a.rs", "//! A.\n// tokio, Arc, unsafe\nconst A: &str = \"unsafe Mutex\";\n"),
        ("src/pure/a.rs", "//! A.\nuse std::time::Instant;\nuse crate::pure::id::ServerId;\n"),
        ("src/pure/a.rs", "//! A.\n#[cfg(test)]\nmod tests {\n    use std::sync::Arc;\n}\n"),
        ("src/sys/mod.rs", "//! A.\nfn a() { unsafe { b() } }\n"),
        (
            "src/state/a.rs",
            "//! A.\nuse crate::config::model::Server;\nfn a() { x.store(1, Relaxed) }\n",
        ),
        ("src/state/publish.rs", "//! A.\nfn a() { live.store(new) }\n"),
        (
            "src/control/a.rs",
            "//! A.\nuse crate::config::export::toml;\nuse super::socket::Line;\n",
        ),
        ("src/app/mod.rs", "//! A.\nuse crate::{check, config::load, session};\n"),
        (
            "src/net/a.rs",
            "//! A.\n#[allow(dead_code, reason = \"why\")]\nfn a<'a>(b: &'a str, c: char) -> bool { c == '\"' }\n",
        ),
    ];
    for (path, text) in clean {
        let source = Source::new(path, text);
        let offences: Vec<String> = RULES.iter().flat_map(|rule| rule(&source)).collect();
        assert_eq!(offences, Vec::<String>::new(), "{path}: {text}");
    }
}
