//! Files to sections and lines.
//!
//! Conditional blocks are resolved here, and the keywords of `global` that change the environment act
//! here, because what follows them depends on both. What a line means is decided by who uses the
//! tree. No mistake ends the reading: the rest of the file is read as if the line were not there.

mod blocks;
mod section;

use blocks::Blocks;

use crate::cond::{self, Facts};
use crate::diag::{Diagnostic, Report, Severity};
use crate::env::Environment;
use crate::keywords;
use crate::lexer::{self, Scope};
use crate::source::SourceMap;
use crate::span::{FileId, Span};
use crate::suggest;
use crate::tree::{File, Line, Prefix, SectionKind, Word};

/// Most statements of one load: a larger file is a mistake, and each costs memory.
pub const LINES_MAX: usize = 1_000_000;

/// Keywords that `no` and `default` may stand in front of.
const NEGATABLE: [&str; 7] = [
    "option",
    "log",
    "busy-polling",
    "set-dumpable",
    "strict-limits",
    "insecure-fork-wanted",
    "numa-cpu-mapping",
];

/// Reads all files of `sources` in their order. `env` is what variables are replaced from; `setenv`
/// and its kin change it. Mistakes go to `report`.
pub fn parse(
    sources: &SourceMap,
    env: &mut Environment,
    facts: &Facts,
    report: &mut Report,
) -> File {
    let mut parser = Parser {
        sources,
        env,
        facts,
        report,
        file: File::default(),
        blocks: Blocks::default(),
        in_section: false,
        lines: 0,
    };
    for file in sources.files() {
        parser.file(file);
    }
    parser.file
}

struct Parser<'a> {
    sources: &'a SourceMap,
    env: &'a mut Environment,
    facts: &'a Facts,
    report: &'a mut Report,
    file: File,
    blocks: Blocks,
    /// Whether a section of the current file is open: each file begins outside of one.
    in_section: bool,
    lines: usize,
}

impl Parser<'_> {
    fn file(&mut self, id: FileId) {
        let text = self.sources.text(id);
        self.in_section = false;
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            match line.strip_suffix('\n') {
                Some(line) => self.line(id, start, index + 1, line),
                None => {
                    self.line(id, start, index + 1, line);
                    self.report
                        .warning(
                            place(id, start, line.len()),
                            "the last line does not end with a line feed",
                        )
                        .help("the file may be truncated; if it is complete, end it with a newline: HAProxy refuses it since 2.5");
                }
            }
            start += line.len();
            if self.lines > LINES_MAX {
                self.report.alert(place(id, start, 0), format!("more than {LINES_MAX} statements"));
                break;
            }
        }
        self.blocks.finish(self.report);
    }

    fn line(&mut self, id: FileId, start: usize, number: usize, line: &str) {
        let section = match self.file.sections.last() {
            Some(section) if self.in_section => {
                section.name.as_ref().unwrap_or(&section.header.words[0]).text()
            }
            _ => "".into(),
        };
        let scope =
            Scope { env: self.env, file: self.sources.name(id), line: number, section: &section };
        let words = lexer::words(line, id, start, &scope, self.report);
        let Some(words) = words else { return };
        let Some(first) = words.first() else { return };
        match first.bytes.as_slice() {
            b".if" | b".elif" | b".else" | b".endif" => {
                self.blocks.directive(&words, self.env, self.facts, self.report);
            }
            _ if !self.blocks.is_active() => {}
            b".notice" | b".warning" | b".alert" | b".diag" => self.remark(&words),
            [b'.', ..] => {
                let text = first.text().into_owned();
                self.report
                    .alert(first.span, format!("there is no directive '{text}'"))
                    .help("directives are .if, .elif, .else, .endif, .notice, .warning and .alert");
            }
            _ => self.statement(words),
        }
    }

    /// `.notice` and its kin: the operator talks to themselves.
    fn remark(&mut self, words: &[Word]) {
        let directive = &words[0];
        if let Some(excess) = words.get(2) {
            let text = excess.text().into_owned();
            self.report
                .alert(excess.span, format!("unexpected '{text}' after the message"))
                .help("a message of several words needs quotes");
            return;
        }
        let severity = match directive.bytes.as_slice() {
            b".alert" => Severity::Alert,
            b".warning" => Severity::Warning,
            b".notice" => Severity::Remark,
            // Shown by HAProxy in its diagnostic mode only.
            _ => return,
        };
        let message = words.get(1).map(|word| word.text().into_owned());
        self.report.push(Diagnostic {
            severity,
            span: Some(directive.span),
            message: message.unwrap_or_default(),
            help: None,
            related: None,
        });
    }

    fn statement(&mut self, mut words: Vec<Word>) {
        let span = words[0].span.to(words[words.len() - 1].span);
        let prefix = match words[0].bytes.as_slice() {
            b"no" => Prefix::No,
            b"default" => Prefix::Default,
            _ => Prefix::Plain,
        };
        if prefix != Prefix::Plain {
            let written = words.remove(0);
            let negatable =
                words.first().is_some_and(|word| NEGATABLE.contains(&word.text().as_ref()));
            if !negatable {
                self.not_negatable(&written, words.first());
                return;
            }
        }
        self.lines += 1;
        let line = Line { prefix, words, span };
        if let Some(kind) = section::kind_of(&line.words[0].text()) {
            self.file.sections.push(section::open(kind, line, self.report));
            self.in_section = true;
            return;
        }
        match self.file.sections.last_mut() {
            Some(section) if self.in_section => {
                if section.kind == SectionKind::Global {
                    change_environment(&line.words, self.env);
                }
                section.lines.push(line);
            }
            _ => out_of_section(&line.words[0], self.report),
        }
    }

    fn not_negatable(&mut self, prefix: &Word, keyword: Option<&Word>) {
        let prefix_text = prefix.text();
        match keyword {
            Some(keyword) => {
                let text = keyword.text();
                self.report.alert(
                    prefix.span.to(keyword.span),
                    format!("'{prefix_text}' cannot stand in front of '{text}'"),
                )
            }
            None => self
                .report
                .alert(prefix.span, format!("a keyword is missing after '{prefix_text}'")),
        }
        .help(format!("it applies to {} only", NEGATABLE.join(", ")));
    }
}

/// `setenv`, `presetenv`, `unsetenv` and `resetenv`; mistakes in them are found where `global` is
/// given its meaning.
fn change_environment(words: &[Word], env: &mut Environment) {
    let text = |word: &Word| word.text().into_owned();
    match (words[0].bytes.as_slice(), &words[1..]) {
        (b"setenv", [name, value, ..]) => env.set(text(name), value.bytes.clone()),
        (b"presetenv", [name, value, ..]) => env.preset(text(name), value.bytes.clone()),
        (b"unsetenv", names) => names.iter().for_each(|name| env.unset(&name.text())),
        (b"resetenv", names) => {
            let names: Vec<String> = names.iter().map(text).collect();
            env.retain(&names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        _ => {}
    }
}

fn out_of_section(keyword: &Word, report: &mut Report) {
    let text = keyword.text();
    report.alert(keyword.span, format!("'{text}' stands outside of a section"));
    if let Some(near) = suggest::nearest(&text, section::names()) {
        report.help(format!("did you mean '{near}'?"));
    } else if let Some(sections) = keywords::sections_of(&text) {
        report.help(format!("'{text}' belongs in {sections}"));
    } else {
        report.help("a file begins with a section such as 'global', 'defaults' or 'frontend NAME'");
    }
}

fn place(file: FileId, start: usize, len: usize) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file, start: offset(start), end: offset(start + len) }
}

/// The condition of a `.if` or `.elif`, evaluated; a mistake is an alert and counts as false.
fn condition(words: &[Word], env: &Environment, facts: &Facts, report: &mut Report) -> bool {
    let Some((first, last)) = words.first().zip(words.last()) else {
        return false;
    };
    match cond::evaluate(&cond::join(words), env, facts) {
        Ok(value) => value,
        Err(error) => {
            report.alert(first.span.to(last.span), error.message);
            if let Some(help) = error.help {
                report.help(help);
            }
            false
        }
    }
}

#[cfg(test)]
mod tests;
