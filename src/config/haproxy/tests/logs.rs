//! Log targets, rings and mailers: what 2.6 accepts and refuses, and the same in TOML.

use super::agreement::accepted_by_haproxy;
use super::*;
use crate::config::{Language, Surroundings, export, load as load_whole, model, tests::no_facts};

/// What all files begin with, so that no warning about timeouts is given.
const BEFORE: &str = "defaults\n mode tcp\n timeout client 1s\n timeout server 1s\n \
                      timeout connect 1s\nlisten l\n bind :1\n server a 1.1.1.1:1\n";

/// Sections and whether they are accepted.
const FILES: &[(&str, bool)] = &[
    ("global\n log tcp@127.0.0.1:514 len 100 format raw local0 info", true),
    ("global\n log uxst@/run/log local0\n log udp@127.0.0.1 local0", true),
    ("global\n log ring@one local0\nring one", true),
    ("global\n log ring@nowhere local0", true),
    ("ring one\n description x\n format rfc5424\n maxlen 1200\n size 32764", true),
    ("ring one\n timeout connect 5s\n timeout server 1s\n server a 127.0.0.1:1", true),
    ("ring one\n server a 127.0.0.1:1 log-proto octet-count", true),
    ("ring one\n server a unix@/x log-proto legacy\n server b 127.0.0.1:2", true),
    ("ring one\n server a 127.0.0.1:1 log-proto other", false),
    ("ring one\n server a 127.0.0.1:1\n server a 127.0.0.1:2", false),
    ("ring one\n maxlen 100000", true),
    ("ring one\n maxlen 0", false),
    ("ring one\n maxlen x", false),
    ("ring one\n size 100", false),
    ("ring one\n size x", false),
    ("ring one\n format other", false),
    ("ring one\n other", false),
    ("ring one\nring one", false),
    ("ring", false),
    ("ring a*b", false),
    ("backend b\n server a 127.0.0.1:1 log-proto octet-count", true),
    ("global\n log 127.0.0.1 sample 1:4 local0", true),
    ("global\n log 127.0.0.1 sample 1,2-3:4 local0", true),
    ("global\n log 127.0.0.1 sample 3,1:3 local0", true),
    ("global\n log 127.0.0.1 sample 0:4 local0", false),
    ("global\n log 127.0.0.1 sample 5:4 local0", false),
    ("global\n log 127.0.0.1 sample 3-2:4 local0", false),
    ("global\n log 127.0.0.1 sample 1-2,2:4 local0", false),
    ("global\n log 127.0.0.1 sample 4 local0", false),
    ("global\n log 127.0.0.1 sample 1: local0", false),
    ("global\n log 127.0.0.1 sample :4 local0", false),
    ("global\n log 127.0.0.1 sample 1-:3 local0", false),
];

/// The model of a `haproxy.cfg` or of a TOML file, and what was said of it.
fn whole(language: Language, text: &str) -> (Option<model::Config>, Report) {
    let mut sources = SourceMap::default();
    sources.add("t", text);
    let mut surroundings = Surroundings {
        world: &mut |_: &str| Err("no names here".to_owned()),
        environment: &mut Environment::new(),
        facts: &no_facts(),
    };
    load_whole(language, &sources, &mut surroundings)
}

#[test]
fn the_real_one_accepts_and_refuses_the_same() {
    let path = std::env::temp_dir().join(format!("evenkeel-logs-{}.cfg", std::process::id()));
    let mut wrong = Vec::new();
    for (sections, accepted) in FILES {
        let text = format!("{BEFORE}{sections}\n");
        let (_, report) = whole(Language::Haproxy, &text);
        if report.is_refused() == *accepted {
            wrong.push(format!("{sections:?}: {:?}", messages_of(&report)));
        }
        std::fs::write(&path, text).unwrap();
        if accepted_by_haproxy(&path).is_some_and(|theirs| theirs != *accepted) {
            wrong.push(format!("haproxy on {sections:?}"));
        }
    }
    std::fs::remove_file(&path).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_that_is_accepted_is_the_same_in_toml() {
    for (sections, _) in FILES.iter().filter(|(_, accepted)| *accepted) {
        let (config, _) = whole(Language::Haproxy, &format!("{BEFORE}{sections}\n"));
        let config = config.unwrap();
        let toml = export::export(&config);
        let (again, report) = whole(Language::Toml, &toml);
        assert_eq!(again.as_ref(), Some(&config), "{toml}\n{:?}", messages_of(&report));
    }
}
