//! `http-errors` sections, and what proxies take out of them: every `errorfiles` becomes the
//! `errorfile` lines that it stands for.

use haproxy_compat::keywords::form::Form;
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::Section;

use super::form;
use super::words::{Args, Context, text};
use crate::config::raw::{Config, Statement};

/// An `http-errors` section.
#[derive(Debug)]
pub(super) struct ErrorSection {
    name: Spanned<String>,
    /// Statuses and files, in order.
    files: Vec<(Spanned<String>, Spanned<String>)>,
}

impl ErrorSection {
    /// Reads a section.
    pub(super) fn lower(section: &Section, cx: &mut Context<'_>) -> Option<Self> {
        let mut files = Vec::new();
        for line in &section.lines {
            let word = &line.words[0];
            if word.bytes != b"errorfile" {
                cx.unknown(word, "in a 'http-errors' section", ["errorfile"]);
                continue;
            }
            form::judge(Form::StatusFile, "errorfile", &mut Args::new(line, 1), cx);
            if let [_, status, path, ..] = line.words.as_slice() {
                files.push((text(status), text(path)));
            }
        }
        let Some(name) = section.name.as_ref().map(text) else {
            let message = "this 'http-errors' section has no name";
            cx.report.alert(section.header.span, message);
            return None;
        };
        Some(Self { name, files })
    }

    /// The file for `status`; the last one counts.
    fn file(&self, status: &str) -> Option<&Spanned<String>> {
        let is_meant = |written: &str| leading(written) == leading(status);
        let mut files = self.files.iter().rev();
        files.find(|(written, _)| is_meant(&written.value)).map(|(_, path)| path)
    }
}

/// Names of sections that are written twice.
pub(super) fn judge(sections: &[ErrorSection], cx: &mut Context<'_>) {
    for (at, section) in sections.iter().enumerate() {
        let name = &section.name;
        if let Some(first) = sections[..at].iter().find(|known| known.name.value == name.value) {
            let message = format!("two 'http-errors' sections are called '{}'", name.value);
            cx.report.alert(name.span, message).related(first.name.span, "the first");
        }
    }
}

/// Puts files in the place of the sections that statements name.
pub(super) fn resolve(config: &mut Config, sections: &[ErrorSection], cx: &mut Context<'_>) {
    // Both halves of a `listen` section have its statements: what is wrong is told once.
    let mut told = Vec::new();
    let fronts = config.frontends.iter_mut().map(|it| (&it.name.value, &mut it.rules));
    let backs = config.backends.iter_mut().map(|it| (&it.name.value, &mut it.rules));
    for (name, rules) in fronts.chain(backs) {
        let mut taker = Taker { proxy: name, sections, told: &mut told, cx };
        let statements = std::mem::take(rules);
        rules.extend(statements.into_iter().flat_map(|it| taker.statement(it)));
    }
}

struct Taker<'a, 'c> {
    proxy: &'a str,
    sections: &'a [ErrorSection],
    told: &'a mut Vec<Span>,
    cx: &'a mut Context<'c>,
}

impl Taker<'_, '_> {
    /// What is read in the place of a statement.
    fn statement(&mut self, mut statement: Statement) -> Vec<Statement> {
        match statement.keyword() {
            "errorfiles" => return self.files(&statement),
            "http-request" | "http-error" => {}
            _ => return vec![statement],
        }
        let conditional = |word: &Spanned<String>| matches!(&*word.value, "if" | "unless");
        let end = statement.words.iter().position(conditional).unwrap_or(statement.words.len());
        let at = statement.words[..end].iter().position(|word| word.value == "errorfiles");
        if let Some(at) = at.filter(|at| at + 1 < end) {
            let path = self.file_of_reply(&statement, at + 1);
            let span = statement.words[at].span;
            let words = match path {
                Some(path) => vec![Spanned::new("errorfile".to_owned(), span), path],
                None => vec![Spanned::new("default-errorfiles".to_owned(), span)],
            };
            statement.words.splice(at..at + 2, words);
        }
        vec![statement]
    }

    /// The lines that `errorfiles NAME [STATUS]…` stands for.
    fn files(&mut self, statement: &Statement) -> Vec<Statement> {
        let Some(name) = statement.words.get(1) else { return Vec::new() };
        // A name that is wrong was reported where it was read.
        let found = self.sections.iter().find(|section| section.name.value == name.value);
        let Some(section) = found else { return Vec::new() };
        let wanted = &statement.words[2..];
        for status in wanted.iter().filter(|status| section.file(&status.value).is_none()) {
            self.lacks(status, &name.value);
        }
        let is_wanted = |status: &Spanned<String>| {
            let same = |it: &Spanned<String>| leading(&it.value) == leading(&status.value);
            wanted.is_empty() || wanted.iter().any(same)
        };
        let files = section.files.iter().filter(|(status, _)| is_wanted(status));
        let line = |(status, path): &(Spanned<String>, Spanned<String>)| {
            let keyword = Spanned::new("errorfile".to_owned(), statement.span);
            Statement { words: vec![keyword, status.clone(), path.clone()], span: statement.span }
        };
        files.map(line).collect()
    }

    /// The file that a reply takes out of the section that word `at` names.
    fn file_of_reply(&mut self, statement: &Statement, at: usize) -> Option<Spanned<String>> {
        let name = &statement.words[at];
        let section = self.sections.iter().find(|section| section.name.value == name.value);
        let Some(section) = section else {
            let message = format!("there is no 'http-errors' section '{}'", name.value);
            if !self.is_told(name.span) {
                self.cx.report.alert(name.span, message);
            }
            return None;
        };
        let mut pairs = statement.words.windows(2).rev();
        let written = pairs.find(|pair| matches!(&*pair[0].value, "status" | "deny_status"));
        let usual = if statement.second() == "deny" { "403" } else { "200" };
        let status = written
            .map_or_else(|| Spanned::new(usual.to_owned(), statement.span), |pair| pair[1].clone());
        let file = section.file(&status.value).cloned();
        if file.is_none() {
            self.lacks(&status, &name.value);
        }
        file
    }

    fn lacks(&mut self, status: &Spanned<String>, section: &str) {
        if !self.is_told(status.span) {
            let message = format!(
                "'{}': the 'http-errors' section '{section}' has no file for status {}",
                self.proxy, status.value
            );
            self.cx.report.warning(status.span, message);
        }
    }

    fn is_told(&mut self, span: Span) -> bool {
        let told = self.told.contains(&span);
        self.told.push(span);
        told
    }
}

/// The digits that a status begins with.
fn leading(status: &str) -> &str {
    &status[..status.bytes().take_while(u8::is_ascii_digit).count()]
}
