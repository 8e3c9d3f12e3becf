//! `README.md` holds the keyword tables, one row a keyword, as the code has them.
//!
//! `BLESS=1 cargo test -p haproxy-compat --test readme` writes the tables anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use haproxy_compat::keywords::{
    BIND, Effect, GLOBAL, OPTIONS, PROXY, RESOLVERS, SECTIONS, SERVER, Table, place,
};

/// What the tables begin after.
const MARK: &str = "<!-- What follows is written by the test `readme`. -->\n";

/// What they end before: words below keywords are another test's.
const END: &str = "\n<!-- What follows is written by the test `words`. -->\n";

/// What works differently though it applies: heading, keyword, how.
const DIFFERENCES: [(&str, &str, &str); 13] = [
    (
        "`defaults`, `frontend`, `backend`, `listen`",
        "filter",
        "`trace` is read without effect; the others are refused: sessions would not be shaped",
    ),
    (
        "`defaults`, `frontend`, `backend`, `listen`",
        "mode",
        "`tcp`, and `http` for sections that serve the statistics page, `monitor-uri` or the exporter",
    ),
    (
        "Sections without effect",
        "http-errors",
        "for sections in `mode http` that take files out of it",
    ),
    ("`global`", "quiet", "mistakes for which the file is not loaded are told all the same"),
    ("`global`", "nbthread", "that many workers, each with a runtime and listeners of its own"),
    ("`global`", "ssl-default-bind-ciphers", "suites that rustls has; the others are passed over"),
    (
        "`global`",
        "ssl-default-server-ciphers",
        "suites that rustls has; the others are passed over",
    ),
    ("`bind ADDRESS …`", "ciphers", "suites that rustls has; the others are passed over"),
    (
        "`server NAME ADDRESS …`, `default-server …`",
        "ciphers",
        "suites that rustls has; the others are passed over",
    ),
    (
        "`bind ADDRESS …`",
        "accept-proxy",
        "as the specification has it where 2.6 is stricter (text after `UNKNOWN`; datagrams, Unix \
         sockets and no family in version 2: the connection's own addresses) or laxer (ports above \
         65535, leading zeroes: refused); a header refused for its TLVs is logged with the \
         connection's own address, since nothing it says is known to be true",
    ),
    (
        "`bind ADDRESS …`",
        "interface",
        "one that is not there keeps the process from starting; 2.6 then listens on all of them",
    ),
    ("`bind ADDRESS …`", "ssl-min-ver", "TLS 1.2 and 1.3 only"),
    ("`server NAME ADDRESS …`, `default-server …`", "ssl-min-ver", "TLS 1.2 and 1.3 only"),
];

/// The headings, with what stands in front of a keyword in its section.
const TABLES: [(&str, &Table); 7] = [
    ("`global`", &GLOBAL),
    ("`defaults`, `frontend`, `backend`, `listen`", &PROXY),
    ("`option …`", &OPTIONS),
    ("`bind ADDRESS …`", &BIND),
    ("`server NAME ADDRESS …`, `default-server …`", &SERVER),
    ("`resolvers`", &RESOLVERS),
    ("Sections without effect", &SECTIONS),
];

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The sections that `places` names: `d f l b`.
fn sections(places: u8) -> String {
    [(place::DEFAULTS, 'd'), (place::FRONTEND, 'f'), (place::LISTEN, 'l'), (place::BACKEND, 'b')]
        .into_iter()
        .filter(|(place, _)| places & place != 0)
        .map(|(_, letter)| letter)
        .collect()
}

/// The two cells after a keyword's name; `None` for what is about HTTP.
fn verdict(heading: &str, word: &str, effect: Effect) -> Option<(&'static str, String)> {
    let noted = DIFFERENCES.iter().find(|(at, noted, _)| *at == heading && *noted == word);
    Some(match effect {
        Effect::Applies => match noted {
            Some((_, _, how)) => ("differs", (*how).to_owned()),
            None => ("works", String::new()),
        },
        Effect::Renamed(name) => ("works", format!("an old name of `{name}`; a warning says so")),
        Effect::Moot(reason) => ("differs", format!("read without effect: {reason}")),
        Effect::Ignored(reason) => ("differs", format!("ignored with a warning: {reason}")),
        Effect::Refused(reason) => ("refused", reason.to_owned()),
        Effect::Gone(instead) => ("refused", format!("as HAProxy does: {instead}")),
        Effect::Http => return None,
    })
}

fn tables() -> String {
    let mut text = String::new();
    for (heading, table) in TABLES {
        let rows: BTreeMap<_, _> =
            table.rows().map(|(word, effect, number)| (word, (effect, number))).collect();
        let has_places = std::ptr::eq(table, &PROXY) || std::ptr::eq(table, &OPTIONS);
        let place = if has_places { " in |" } else { "" };
        let rule = if has_places { "---|" } else { "" };
        let _ = write!(text, "\n## {heading}\n\n| keyword |{place} | how, or why not |\n");
        let _ = writeln!(text, "|---|{rule}---|---|");
        let mut http = Vec::new();
        for (word, (effect, number)) in rows {
            let Some((verdict, how)) = verdict(heading, word, effect) else {
                http.push(format!("`{word}`"));
                continue;
            };
            let place = if has_places { format!(" {} |", sections(number)) } else { String::new() };
            let line = format!("| `{word}` |{place} {verdict} | {how} |");
            let _ = writeln!(text, "{}", line.replace("|  |", "| |"));
        }
        if !http.is_empty() {
            let _ = writeln!(
                text,
                "\nAbout HTTP, ignored with HAProxy's warning in a TCP proxy: {}.",
                http.join(", ")
            );
        }
    }
    text
}

#[test]
fn the_readme_holds_every_keyword() {
    let written = std::fs::read_to_string(readme()).expect("the README");
    let (before, found) = written.split_once(MARK).expect("the mark before the tables");
    let (found, words) = found.split_once(END).expect("the mark behind the tables");
    let wanted = tables();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(readme(), format!("{before}{MARK}{wanted}{END}{words}"))
            .expect("a writable README");
    } else if found != wanted {
        let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        panic!(
            "the tables are not the code's (`BLESS=1 cargo test -p haproxy-compat --test readme` \
             writes them): {differs:?}"
        );
    }
}

#[test]
fn every_difference_is_one_of_a_keyword_that_applies() {
    for (heading, word, _) in DIFFERENCES {
        let (_, table) = TABLES.iter().find(|(known, _)| *known == heading).expect(heading);
        assert!(matches!(table.find(word), Some((Effect::Applies, _))), "{heading} {word}");
    }
}
