//! `get var` and `set var`: variables of the process.

use super::table::{Command, Mode, Run};
use super::{Answer, Call};
use crate::clock;
use crate::config::model::{Level, LogLevel};
use crate::pure::acl::pattern::{PatternUse, PatternsId};
use crate::pure::rules::preset::Preset;
use crate::pure::sample::{Definitions, Kind, Scope, Stage, Variable};
use crate::state::Process;
use crate::state::process_facts::ProcessFacts;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "get var",
        args: "<name>",
        help: "retrieve contents of a process-wide variable",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Now(get),
    },
    Command {
        name: "set var",
        args: "<name> [fmt|expr] {<fmt>|<expr>}",
        help: "set variable from an expression or a format",
        level: Level::Operator,
        mode: Mode::Experimental,
        run: Run::Now(set),
    },
];

fn get(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let name = call.arg(0);
    if name.is_empty() {
        return answer.refuse("Missing process-wide variable identifier.");
    }
    let variable = Variable::parse(name).ok().filter(|known| known.scope == Scope::Process);
    let value = variable.and_then(|variable| call.shared.process.variable(&variable));
    let Some(value) = value else { return answer.refuse("Variable not found.") };
    let kind = value.kind().word();
    let text = value.cast(Kind::Str).map(|text| text.to_string()).unwrap_or_default();
    answer.say_bare(LogLevel::Info, format_args!("{name}: type={kind} value=<{text}>"));
}

fn set(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (name, args) = (call.arg(0), call.args());
    if name.is_empty() {
        return answer.refuse("Missing process-wide variable identifier.");
    }
    let (is_format, words) = match args.get(1..).unwrap_or_default() {
        [] => return answer.refuse("Missing either 'expr', 'fmt' or expression."),
        [word] => (false, std::slice::from_ref(word)),
        [kind, words @ ..] if kind == "expr" => (false, words),
        [kind, words @ ..] if kind == "fmt" => (true, words),
        [other, ..] => {
            let message = format!("arg type must be either 'expr' or 'fmt' but got '{other}'.");
            return answer.refuse_bare(format_args!("'set var': {message}"));
        }
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let process = &call.shared.process;
    match Preset::parse(name, is_format, &words, Stage::Command, &mut Outside(process)) {
        Ok(preset) => {
            let uptime = process.uptime(clock::now());
            preset.apply(&ProcessFacts { process, wall: clock::wall(), uptime });
        }
        Err(why) => answer.refuse_bare(format_args!("'set var': {}.", why.trim_end_matches('.'))),
    }
}

/// There is no configuration around a command: only the environment.
struct Outside<'a>(&'a Process);

impl Definitions for Outside<'_> {
    fn environment(&self, name: &str) -> Option<String> {
        let value = self.0.environment.get(name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    fn patterns(&mut self, _: PatternUse) -> Result<PatternsId, String> {
        Err("lists and maps are not looked up by a command".to_owned())
    }
}
