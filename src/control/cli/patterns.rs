//! Commands on the patterns of ACLs and maps, which take effect at once and end with the process.
//!
//! A change is whole or not at all, a payload of many lines too. What a command adds is compiled
//! for every place that uses the source before anything changes.

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call};
use crate::config::model::{Level, LogLevel};
use crate::pure::acl::pattern::{Entry, Method};
use crate::pure::acl::versions::Key;
use crate::pure::sample::Kind;
use crate::state::patterns::{Lookup, Reference};
use crate::state::{Registry, publish};

const fn command(name: &'static str, args: &'static str, help: &'static str, run: Run) -> Command {
    Command { name, args, help, level: Level::Operator, mode: Mode::Usual, run }
}

const SHOW: Run = Run::Later(show);
const GET: Run = Run::Now(get);
const ADD: Run = Run::Now(add);
const DEL: Run = Run::Now(del);
const CLEAR: Run = Run::Now(clear);
const PREPARE: Run = Run::Now(prepare);
const COMMIT: Run = Run::Now(commit);

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    command("show acl", "[[@<ver>] <acl>]", "list the sources of ACLs, or what one holds", SHOW),
    command("show map", "[[@<ver>] <map>]", "list the maps, or what one holds", SHOW),
    command("get acl", "<acl> <value>", "say what of an ACL a value matches", GET),
    command("get map", "<map> <value>", "say what a map gives for a value", GET),
    command("add acl", "[@<ver>] <acl> <pattern>", "add a pattern, or those of a payload", ADD),
    command("add map", "[@<ver>] <map> <key> <val>", "add to a map, or what a payload says", ADD),
    command("set map", "<map> [<key>|#<ref>] <value>", "change values of a map", Run::Now(set)),
    command("del acl", "<acl> [<key>|#<ref>]", "remove patterns from an ACL", DEL),
    command("del map", "<map> [<key>|#<ref>]", "remove entries from a map", DEL),
    command("clear acl", "[@<ver>] <acl>", "empty an ACL, or a version of it", CLEAR),
    command("clear map", "[@<ver>] <map>", "empty a map, or a version of it", CLEAR),
    command("prepare acl", "<acl>", "begin a new version of an ACL", PREPARE),
    command("prepare map", "<map>", "begin a new version of a map", PREPARE),
    command("commit acl", "@<ver> <acl>", "let a prepared version of an ACL count", COMMIT),
    command("commit map", "@<ver> <map>", "let a prepared version of a map count", COMMIT),
];

/// Lines of an answer between two flushes.
const LINES_AT_ONCE: usize = 500;

/// What the words of a command name.
struct Asked<'a> {
    /// The command is one of maps.
    is_map: bool,
    version: Option<u32>,
    /// The source, then what is to be done with it.
    words: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    fn new(call: &Call<'a>, takes_version: bool) -> Self {
        let mut words: Vec<&str> = call.args().iter().map(String::as_str).collect();
        let written = words.first().and_then(|word| word.strip_prefix('@'));
        // A number that is none reads as 0, as in HAProxy.
        let version = written.filter(|_| takes_version).map(|text| text.parse().unwrap_or(0));
        if version.is_some() {
            words.remove(0);
        }
        Self { is_map: call.words.get(1).is_some_and(|word| word == "map"), version, words }
    }

    fn noun(&self) -> &'static str {
        if self.is_map { "map" } else { "ACL" }
    }

    fn word(&self, index: usize) -> Option<&'a str> {
        self.words.get(index).copied()
    }

    fn unknown(&self) -> String {
        format!("Unknown {} identifier. Please use #<id> or <file>.", self.noun())
    }

    /// The source that is named, whatever commands it belongs to.
    fn any<'s>(&self, patterns: &'s Registry) -> Result<&'s Reference, String> {
        let name = self.word(0).unwrap_or_default();
        patterns.reference(name).ok_or_else(|| self.unknown())
    }

    /// The source that is named, which belongs to these commands.
    fn own<'s>(&self, patterns: &'s Registry) -> Result<&'s Reference, String> {
        let reference = self.any(patterns)?;
        if reference.belongs(self.is_map) { Ok(reference) } else { Err(self.unknown()) }
    }
}

fn tell<T>(answer: &mut Answer<'_>, done: Result<T, String>) {
    if let Err(why) = done {
        answer.refuse(why);
    }
}

fn show<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        let asked = Asked::new(call, true);
        let lines = {
            let objects = call.shared.process.objects();
            if asked.words.is_empty() && asked.version.is_none() {
                list(&objects.patterns, asked.is_map)
            } else {
                match asked.own(&objects.patterns) {
                    Ok(reference) => rows(reference, asked.version),
                    Err(why) => return answer.refuse(why),
                }
            }
        };
        for (at, line) in lines.iter().enumerate() {
            answer.line(line);
            if at % LINES_AT_ONCE == LINES_AT_ONCE - 1 && answer.flush().await.is_err() {
                return;
            }
        }
    })
}

fn list(patterns: &Registry, is_map: bool) -> Vec<String> {
    let mut lines = vec!["# id (file) description".to_owned()];
    let mut references: Vec<&Reference> =
        patterns.references().iter().filter(|reference| reference.belongs(is_map)).collect();
    references.sort_by_key(|reference| reference.id);
    for reference in references {
        let versions = reference.versions();
        lines.push(format!(
            "{} ({}) {}. curr_ver={} next_ver={} entry_cnt={}",
            reference.id,
            reference.file.as_deref().unwrap_or_default(),
            reference.description,
            versions.current(),
            versions.prepared(),
            versions.len()
        ));
    }
    lines
}

fn rows(reference: &Reference, version: Option<u32>) -> Vec<String> {
    let versions = reference.versions();
    let line = |id: u64, entry: &Entry| match &entry.value {
        Some(value) => format!("{id:#x} {} {value}", entry.pattern),
        None => format!("{id:#x} {}", entry.pattern),
    };
    let rows = versions.rows(version.unwrap_or(versions.current()));
    rows.map(|row| line(row.id, &row.entry)).collect()
}

fn get(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, false);
    let (Some(_), Some(value)) = (asked.word(0), asked.word(1)) else {
        return answer.refuse(format_args!("Missing {} identifier and/or key.", asked.noun()));
    };
    let objects = call.shared.process.objects();
    match asked.any(&objects.patterns) {
        Ok(reference) => {
            for lookup in reference.lookups(value) {
                answer.line(found(&lookup, asked.is_map));
            }
        }
        Err(why) => answer.refuse(why),
    }
}

fn found(lookup: &Lookup, is_map: bool) -> String {
    let case = if lookup.ignores_case { "insensitive" } else { "sensitive" };
    let (verb, noun) = if is_map { ("found", "key") } else { ("match", "pattern") };
    let method = lookup.method.name();
    let mut text = format!("type={method}, case={case}, {verb}=");
    let Some(entry) = &lookup.found else { return text + "no" };
    let is_exact = matches!(lookup.method, Method::Str | Method::Beg) && !lookup.ignores_case;
    let idx = if is_exact || lookup.method == Method::Ip { "tree" } else { "list" };
    text += &format!("yes, idx={idx}, {noun}=\"{}\"", entry.pattern);
    if let (true, Some(value)) = (is_map, &entry.value) {
        let kind = lookup.output.unwrap_or(Kind::Str).word();
        text += &format!(", value=\"{value}\", type=\"{kind}\"");
    }
    text
}

fn add(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, true);
    let entries = match to_add(&asked, call.payload) {
        Ok(entries) => entries,
        Err(why) => return answer.refuse(why),
    };
    let objects = call.shared.process.objects();
    let done = asked.any(&objects.patterns).and_then(|reference| {
        if reference.is_map && !asked.is_map {
            return Err("This ACL is shared with a map containing samples. You must use the \
                        command 'add map' to add values."
                .to_owned());
        }
        entries.iter().try_for_each(|entry| reference.check(entry))?;
        publish::patterns(reference, |versions| {
            if asked.version.is_some_and(|version| version > versions.prepared()) {
                let noun = call.words[1].as_str();
                return Err(format!(
                    "Version number in the future, please use 'prepare {noun}' before."
                ));
            }
            entries.into_iter().try_for_each(|entry| versions.add(asked.version, entry))
        })
    });
    tell(answer, done);
}

/// The entries that a command or its payload names.
fn to_add(asked: &Asked<'_>, payload: Option<&str>) -> Result<Vec<Entry>, String> {
    let entry = |pattern: &str, value: Option<&str>| Entry {
        pattern: pattern.to_owned(),
        value: value.map(str::to_owned),
    };
    if let (Some(_), Some(text), None) = (asked.word(0), payload, asked.word(1)) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let of_map = |line: &str| match line.split_once([' ', '\t']) {
            Some((key, value)) => Ok(entry(key, Some(value.trim_start()))),
            None => Err(format!("Missing value for key '{line}'.")),
        };
        let of_line = |line| if asked.is_map { of_map(line) } else { Ok(entry(line, None)) };
        return lines.map(of_line).collect();
    }
    match (asked.is_map, asked.word(1), asked.word(2)) {
        (false, Some(pattern), _) => Ok(vec![entry(pattern, None)]),
        (true, Some(key), Some(value)) => Ok(vec![entry(key, Some(value))]),
        (false, ..) => Err("'add acl' expects two parameters: ACL identifier and pattern.".into()),
        (true, ..) => Err("'add map' expects three parameters (map identifier, key and value) or \
                           one parameter (map identifier) and a payload"
            .into()),
    }
}

/// The entries that `#<ref>` or a pattern calls.
fn key(word: &str) -> Result<Key<'_>, String> {
    let Some(id) = word.strip_prefix('#') else { return Ok(Key::Pattern(word)) };
    let digits = id.strip_prefix("0x").unwrap_or(id);
    let bad = |_| "Malformed identifier. Please use #<id> or <file>.".to_owned();
    u64::from_str_radix(digits, 16).map(Key::Id).map_err(bad)
}

fn set(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, false);
    let (Some(word), Some(value)) = (asked.word(1), asked.word(2)) else {
        return answer.refuse("'set map' expects three parameters: map identifier, key and value.");
    };
    let objects = call.shared.process.objects();
    let done = asked.any(&objects.patterns).and_then(|reference| {
        let key = key(word)?;
        reference.check_value(value)?;
        publish::patterns(reference, |versions| {
            versions.set(key, value).then_some(()).ok_or_else(|| "entry not found.".to_owned())
        })
    });
    tell(answer, done);
}

fn del(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, false);
    let Some(word) = asked.word(1) else {
        let noun = asked.noun();
        return answer.refuse(format_args!(
            "This command expects two parameters: {noun} identifier and key."
        ));
    };
    let objects = call.shared.process.objects();
    let done = asked.own(&objects.patterns).and_then(|reference| {
        let key = key(word)?;
        publish::patterns(reference, |versions| {
            versions.remove(key).then_some(()).ok_or_else(|| "Key not found.".to_owned())
        })
    });
    tell(answer, done);
}

fn clear(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, true);
    if asked.words.is_empty() {
        return answer.refuse(format_args!("Missing {} identifier.", asked.noun()));
    }
    let objects = call.shared.process.objects();
    let done = asked.own(&objects.patterns).and_then(|reference| {
        publish::patterns(reference, |versions| {
            versions.clear(asked.version);
            Ok(())
        })
    });
    tell(answer, done);
}

fn prepare(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, false);
    let objects = call.shared.process.objects();
    let version = asked
        .own(&objects.patterns)
        .and_then(|reference| publish::patterns(reference, |versions| versions.prepare()));
    match version {
        Ok(version) => {
            answer.say(LogLevel::Info, format_args!("New version created: {version}"));
        }
        Err(why) => answer.refuse(why),
    }
}

fn commit(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let asked = Asked::new(call, true);
    let Some(version) = asked.version else { return answer.refuse("Missing version number.") };
    if asked.words.is_empty() {
        return answer.refuse(format_args!("Missing {} identifier.", asked.noun()));
    }
    let objects = call.shared.process.objects();
    let done = asked
        .own(&objects.patterns)
        .and_then(|reference| publish::patterns(reference, |versions| versions.commit(version)));
    tell(answer, done);
}
