//! The words below keywords: timeouts, actions, fetches, converters, flags and commands. Each is
//! tried as it stands in `haproxy-compat/tests/words.txt`, and `haproxy-compat/README.md` says what
//! came of it.
//!
//! A line there is a word, how it is tried, and, where it does not work as in HAProxy, how or why.
//! `BLESS=1 cargo test --test it words::` writes the README anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel::cli::haproxy::Flags;
use evenkeel::config::world::{Account, World};
use evenkeel::config::{self, Language, Surroundings};
use haproxy_compat::cond::{Facts, Version};
use haproxy_compat::diag::Severity;
use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

use crate::harness::api::Api;
use crate::harness::proxy::{Kind, Scene};

/// What the words begin after in the README.
const MARK: &str = "<!-- What follows is written by the test `words`. -->\n";

/// Before what says how a word differs; other words say why one is refused, should it be.
const HOW: &str = "how: ";

/// The lists of rules that actions may stand in, with the letter each has in the README.
const RULES: [(char, &str, &str); 4] = [
    ('c', "frontend", "tcp-request connection"),
    ('s', "frontend", "tcp-request session"),
    ('r', "frontend", "tcp-request content"),
    ('a', "backend", "tcp-response content"),
];

/// What came of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Works,
    Differs,
    Refused,
    /// It is read and never told.
    Untold,
}

/// A line of `words.txt`.
#[derive(Debug)]
struct Word {
    name: String,
    form: String,
    why: String,
}

fn compat(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("haproxy-compat").join(path)
}

/// The words by their chapter.
fn words() -> BTreeMap<String, Vec<Word>> {
    let text = std::fs::read_to_string(compat("tests/words.txt")).unwrap();
    let mut chapters: BTreeMap<String, Vec<Word>> = BTreeMap::new();
    let mut chapter = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            chapter = name.trim_end_matches(']').to_owned();
            continue;
        }
        let mut cells = line.split('\t').map(str::to_owned);
        let mut cell = || cells.next().unwrap_or_default();
        let word = Word { name: cell(), form: cell(), why: cell() };
        chapters.entry(chapter.clone()).or_default().push(word);
    }
    chapters
}

/// A world with four maps and nothing else.
struct Nowhere;

impl World for Nowhere {
    fn resolve(&mut self, _: &str) -> Result<Vec<IpAddr>, String> {
        Err("no such host".to_owned())
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        match path.to_str() {
            Some("value-value.map") => Ok(b"1 1
"
            .to_vec()),
            Some("value-ip.map") => Ok(b"1 192.0.2.1
"
            .to_vec()),
            Some("ip-value.map") => Ok(b"192.0.2.1 1
"
            .to_vec()),
            Some("ip-ip.map") => Ok(b"192.0.2.1 192.0.2.1
"
            .to_vec()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn list(&mut self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Err("no such directory".to_owned())
    }

    fn account(&mut self, _: Account, _: &str) -> Option<u32> {
        None
    }
}

/// The file that holds `line` in a section of this kind.
fn file(section: &str, line: &str) -> String {
    let at = |kind: &str| if kind == section { format!(" {line}\n") } else { String::new() };
    format!(
        "global\n localpeer me\ndefaults\n mode tcp\n timeout client 1s\n timeout server 1s\n \
         timeout connect 1s\nfrontend fe\n bind 127.0.0.1:1\n default_backend be\n \
         tcp-request inspect-delay 1s\n\
         {}backend be\n server s1 127.0.0.1:1\n{}backend t\n stick-table type ip size 1 store \
         gpc0,gpc1,gpc0_rate(1s),conn_cnt,conn_cur\n{}",
        at("frontend"),
        at("backend"),
        if section == "page" {
            format!("listen page\n mode http\n bind 127.0.0.1:2\n stats enable\n {line}\n")
        } else {
            String::new()
        }
    )
}

/// What the loader makes of `line`.
fn load(section: &str, line: &str) -> Verdict {
    let mut sources = SourceMap::default();
    sources.add("words.cfg", file(section, line));
    let facts = Facts {
        version: Version::parse("3.2.0"),
        features: BTreeSet::new(),
        enabled: BTreeSet::new(),
        ssl_library: None,
    };
    let mut surroundings =
        Surroundings { world: &mut Nowhere, environment: &mut Environment::new(), facts: &facts };
    let (_, report) = config::load(Language::Haproxy, &sources, &mut surroundings);
    let quoted = |severity: Severity| report.iter().filter(move |it| it.severity == severity);
    if report.is_refused() {
        return Verdict::Refused;
    }
    if quoted(Severity::Warning).any(|it| it.message.contains("never has a value")) {
        return Verdict::Untold;
    }
    let ignored = quoted(Severity::Warning).next().is_some()
        || quoted(Severity::Notice).any(|it| it.message.contains("no effect"));
    if ignored { Verdict::Differs } else { Verdict::Works }
}

/// The best that came of several tries.
fn best(tries: impl IntoIterator<Item = (&'static str, String)>) -> Verdict {
    let mut found = Verdict::Refused;
    for (section, line) in tries {
        match load(section, &line) {
            Verdict::Works => return Verdict::Works,
            Verdict::Refused => {}
            other => found = other,
        }
    }
    found
}

/// Where a fetch may be asked for.
fn asked(fetch: &str) -> Vec<(&'static str, String)> {
    vec![
        ("frontend", format!("tcp-request content set-var(txn.v) {fetch}")),
        ("frontend", format!("log-format \"%[{fetch}]\"")),
        ("frontend", format!("tcp-request connection set-var(sess.v) {fetch}")),
        ("frontend", format!("tcp-request content accept if {{ {fetch} -m found }}")),
        ("backend", format!("tcp-response content set-var(txn.v) {fetch}")),
    ]
}

/// What a converter may be given.
fn given(converter: &str) -> Vec<(&'static str, String)> {
    let line =
        |from: &str| ("frontend", format!("tcp-request content set-var(txn.v) {from},{converter}"));
    ["str(x)", "int(1)", "src", "bin(00)", "bool(1)"].map(line).into()
}

fn flag(form: &str) -> Verdict {
    let read = |text: &str| Flags::parse(text.split_whitespace().map(str::to_owned));
    // Any flag but none prints the usage; `-q` stands for "some flag".
    let nothing = read("-q").unwrap();
    match read(&format!("-q {form}")) {
        Err(_) => Verdict::Refused,
        Ok(flags) if flags == nothing && form != "-q" => Verdict::Differs,
        Ok(_) => Verdict::Works,
    }
}

/// The names in what `help` says, of the process that serves and of its master.
fn commands(kind: Kind) -> BTreeSet<String> {
    let api = Api::new();
    let scene = Scene::new(kind).global(&api.lines()).backend("server s1 127.0.0.1:1");
    let _proxy = scene.commanded(&api.path("master")).start();
    let all = "expert-mode on;experimental-mode on;help";
    let help = api.ask(all) + &api.ask_as("master", all);
    let name = |line: &str| -> Option<String> {
        let words = line.strip_prefix("  ")?.split(" : ").next()?.split(": ").next()?;
        let plain = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
        let words: Vec<_> = words.split_whitespace().take_while(plain).collect();
        (!words.is_empty()).then(|| words.join(" "))
    };
    help.lines().filter_map(name).collect()
}

fn verdict(chapter: &str, word: &Word, known: &BTreeSet<String>) -> Verdict {
    let begins = |name: &String| name == &word.name || name.starts_with(&format!("{} ", word.name));
    match chapter {
        "timeouts" => best([("frontend", word.form.clone()), ("backend", word.form.clone())]),
        "stats" => load("page", &word.form),
        "actions" => {
            best(RULES.map(|(_, section, list)| (section, format!("{list} {}", word.form))))
        }
        "fetches" => best(asked(&word.form)),
        "converters" => best(given(&word.form)),
        "flags" => flag(&word.form),
        _ if known.iter().any(begins) => Verdict::Works,
        _ => Verdict::Refused,
    }
}

/// Letters of the lists of rules where an action works.
fn places(form: &str) -> String {
    let stands = |&&(_, section, list): &&(char, &'static str, &str)| {
        load(section, &format!("{list} {form}")) == Verdict::Works
    };
    RULES.iter().filter(stands).map(|(letter, ..)| letter).collect()
}

/// Heading and introduction of each chapter, in the README's order.
const CHAPTERS: [(&str, &str, &str); 7] = [
    ("timeouts", "`timeout …`", ""),
    ("stats", "`stats …` of a page", ""),
    (
        "actions",
        "`tcp-request …`, `tcp-response content …`",
        "In brackets the lists an action may stand in: `c` connection, `s` session, `r` content of \
         requests, `a` content of answers.\n\n",
    ),
    ("fetches", "Fetches", ""),
    ("converters", "Converters", ""),
    ("flags", "Flags of the command line", ""),
    ("commands", "Commands of the socket", ""),
];

fn written() -> String {
    let known = commands(Kind::Evenkeel);
    let words = words();
    let mut text = String::new();
    let mut unsaid = Vec::new();
    for (chapter, heading, introduction) in CHAPTERS {
        let _ = write!(text, "\n## {heading}\n\n{introduction}");
        let (mut works, mut untold) = (Vec::new(), Vec::new());
        // Words by what is said of them.
        let mut others: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for word in &words[chapter] {
            let name = format!("`{}`", word.name);
            match verdict(chapter, word, &known) {
                Verdict::Works if !word.why.starts_with(HOW) => {
                    let place = if chapter == "actions" {
                        format!(" ({})", places(&word.form))
                    } else {
                        String::new()
                    };
                    works.push(format!("{name}{place}"));
                }
                Verdict::Untold => untold.push(name),
                found => {
                    let verdict = if found == Verdict::Refused { "refused" } else { "differs" };
                    if word.why.starts_with(HOW) == (found == Verdict::Refused)
                        || word.why.is_empty()
                    {
                        unsaid.push(format!("{chapter} {} {verdict}", word.name));
                    }
                    let why = word.why.trim_start_matches(HOW);
                    others.entry((verdict, why)).or_default().push(name);
                }
            }
        }
        let _ = writeln!(text, "Work: {}.", works.join(", "));
        if !others.is_empty() {
            text.push_str("\n| words | | how, or why not |\n|---|---|---|\n");
        }
        for ((verdict, why), names) in others {
            let _ = writeln!(text, "| {} | {verdict} | {why} |", names.join(", "));
        }
        if !untold.is_empty() {
            let _ = writeln!(
                text,
                "\nAbout HTTP or secrets of TLS, never told; a warning says so: {}.",
                untold.join(", ")
            );
        }
    }
    assert!(unsaid.is_empty(), "how or why?\n{}", unsaid.join("\n"));
    text
}

#[test]
fn the_readme_says_what_becomes_of_each() {
    let readme = compat("README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (before, found) = text.split_once(MARK).expect("the mark before the words");
    let wanted = written();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&readme, format!("{before}{MARK}{wanted}")).unwrap();
    } else if found != wanted {
        let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        panic!(
            "the words are not the code's (`BLESS=1 cargo test --test it words::` writes them): \
             {differs:?}"
        );
    }
}

#[test]
fn commands_that_are_refused_say_why() {
    let known = commands(Kind::Evenkeel);
    let api = Api::new();
    let scene = Scene::new(Kind::Evenkeel).global(&api.lines()).backend("server s1 127.0.0.1:1");
    let _proxy = scene.start();
    for word in &words()["commands"] {
        if verdict("commands", word, &known) == Verdict::Refused {
            let answer = api.ask(&word.name);
            assert!(answer.contains(&format!(" is not to be had: {}.", word.why)), "{answer}");
        }
    }
}

/// Every word that the installed HAProxy has is in the list.
#[test]
fn the_list_holds_what_haproxy_has() {
    let output =
        Command::new("haproxy").args(["-dKall", "-c", "-f", "/dev/null"]).output().unwrap();
    let dump = String::from_utf8(output.stdout).unwrap();
    let words = words();
    let listed: BTreeMap<_, BTreeSet<_>> = words
        .iter()
        .map(|(chapter, words)| {
            (chapter.as_str(), words.iter().map(|word| word.name.as_str()).collect())
        })
        .collect();
    let mut seen = 0;
    let mut chapter = "";
    for line in dump.lines() {
        if let Some(title) = line.strip_prefix("# List of registered ") {
            chapter = match title {
                "CLI keywords:" => "commands",
                "sample converter functions:" => "converters",
                "sample fetch functions:" => "fetches",
                _ => "",
            };
            continue;
        }
        let name = match chapter {
            "commands" => line.split(" [").next(),
            "converters" => line.split(['(', ':']).next(),
            "fetches" => line.split("] ").nth(1).and_then(|rest| rest.split(['(', ':']).next()),
            _ => continue,
        };
        let Some(name) = name
            .map(str::trim)
            .filter(|name| !name.is_empty() && !name.starts_with(['#', '@', '_']))
        else {
            continue;
        };
        assert!(listed[chapter].contains(name), "{chapter}: {name}");
        seen += 1;
    }
    assert!(seen > 500, "{seen} words in\n{dump}");
    // The others are in no list of HAProxy's.
    let ours = ["fence ", "failovers", "switchover", "drill"];
    let own = |command: &String| ours.iter().any(|name| command.starts_with(name));
    for command in commands(Kind::Evenkeel).into_iter().filter(|command| !own(command)) {
        let begins = |name: &&str| command == **name || command.starts_with(&format!("{name} "));
        assert!(listed["commands"].iter().any(begins), "{command}");
    }
}
