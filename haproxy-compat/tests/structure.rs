//! The same files given to us and to the real `haproxy`: both accept or both refuse.
//!
//! Where no `haproxy` is installed, only our half is checked.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use haproxy_compat::cond::{Facts, Version};
use haproxy_compat::diag::Report;
use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

/// Files whose words all mean something to HAProxy, so that only their structure decides.
const FILES: [(&str, bool); 24] = [
    ("", true),
    ("# nothing\n\n", true),
    ("global\n  maxconn 5\n", true),
    ("global\r\n  maxconn 5\r\n", true),
    ("global x\n", false),
    ("maxconn 5\n", false),
    ("no global\n", false),
    ("global\n no maxconn 5\n", false),
    ("global\n no\n", false),
    ("global\n log-tag 'a b\n", false),
    ("global\n log-tag 'a\\'\n log-tag \"a\\\"b\" \n", true),
    ("global\n log-tag a\\x4g\n", false),
    ("global\n log-tag \"${X[*]}\"\n", true),
    ("global\n log-tag \"${X\"\n", false),
    ("global\n log-tag \"$9\"\n", false),
    ("global\n log-tag a\0b\n", false),
    (".if defined(X) && !(0 || streq(a,b))\nglobal\n.else\nglobal x\n.endif\n", true),
    (".if 1\n", false),
    (".if 1 2\n.endif\n", false),
    (".if 0\n.elif 1\n.alert no\n.endif\n", false),
    (".if 0\nnonsense here\n.endif\n", true),
    ("frontend a/b\n", false),
    ("backend a b\n", true),
    ("frontend x from\n bind :1\n", false),
];

fn accepted_here(text: &str) -> bool {
    let mut sources = SourceMap::default();
    sources.add("t.cfg", text);
    let mut env: Environment = [("X", "a")].into_iter().collect();
    let facts = Facts {
        version: Version::parse("2.6.12"),
        features: BTreeSet::new(),
        enabled: BTreeSet::new(),
        ssl_library: None,
    };
    let mut report = Report::default();
    haproxy_compat::parse(&sources, &mut env, &facts, &mut report);
    !report.is_refused()
}

/// `None` where there is no `haproxy`. Status 2 means "nothing to listen on", which is no refusal.
fn accepted_by_haproxy(path: &std::path::Path) -> Option<bool> {
    let status = Command::new("haproxy")
        .args(["-c", "-q", "-f"])
        .arg(path)
        .env("X", "a")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    Some(matches!(status.code(), Some(0 | 2)))
}

#[test]
fn the_real_one_agrees() {
    let path = std::env::temp_dir().join(format!("structure-{}.cfg", std::process::id()));
    for (text, accepted) in FILES {
        assert_eq!(accepted_here(text), accepted, "{text:?}");
        std::fs::write(&path, text).expect("a writable temporary directory");
        if let Some(theirs) = accepted_by_haproxy(&path) {
            assert_eq!(theirs, accepted, "haproxy on {text:?}");
        }
    }
    std::fs::remove_file(&path).expect("it was written");
}
