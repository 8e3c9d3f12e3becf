//! Conditions: the text after `.if` and of `haproxy -cc`.
//!
//! `||` binds less than `&&`, which binds less than `!`; parentheses group; an integer is true unless
//! zero; predicates ask the environment and the [`Facts`] that the program states about itself.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::diag::Report;
use crate::env::Environment;
use crate::lexer::{self, Scope};
use crate::span::FileId;
use crate::suggest;
use crate::tree::Word;

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 64;

/// A version as conditions compare it: `2.6`, `2.6.12`, `3.0-dev5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    /// Development versions come before the release.
    released: bool,
    patch: u32,
}

impl Version {
    /// Reads what can be read: what is missing or no number counts as zero, as in HAProxy.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (numbers, dev) = match text.split_once('-') {
            Some((numbers, suffix)) => (numbers, suffix.strip_prefix("dev")),
            None => (text, None),
        };
        let mut parts = numbers.split('.').map(leading_number);
        let mut next = || parts.next().unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        Self { major, minor, released: dev.is_none(), patch: dev.map_or(patch, leading_number) }
    }
}

fn leading_number(text: &str) -> u32 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}

/// What the program says of itself to `feature()`, `version_atleast()` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The HAProxy version whose language is understood.
    pub version: Version,
    /// What `feature()` finds, in upper case: `THREAD`, `PROMEX`, `OPENSSL`, …
    pub features: BTreeSet<String>,
    /// Which of [`OPTIONS`] are on.
    pub enabled: BTreeSet<String>,
    /// Name and version of the TLS library, where there is one.
    pub ssl_library: Option<(String, Version)>,
}

/// What `enabled()` may be asked.
pub const OPTIONS: [&str; 9] = [
    "POLL",
    "EPOLL",
    "KQUEUE",
    "EVPORTS",
    "SPLICE",
    "GETADDRINFO",
    "REUSEPORT",
    "FAST-FORWARD",
    "SERVER-SSL-VERIFY-NONE",
];

const PREDICATES: [&str; 11] = [
    "defined",
    "feature",
    "streq",
    "strneq",
    "strstr",
    "version_atleast",
    "version_before",
    "openssl_version_atleast",
    "openssl_version_before",
    "ssllib_name_startswith",
    "enabled",
];

/// Why a condition cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondError {
    /// One sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Evaluates a condition as it is written in a file or given to `-cc`: quotes and variables first.
///
/// # Errors
/// The first mistake in it.
pub fn check(text: &str, env: &Environment, facts: &Facts) -> Result<bool, CondError> {
    let scope = Scope { env, file: "", line: 1, section: "" };
    let mut report = Report::default();
    match lexer::words(text, FileId(0), 0, &scope, &mut report) {
        Some(words) => evaluate(&join(&words), env, facts),
        None => Err(report.iter().next().map_or_else(
            || error("not a condition"),
            |diagnostic| CondError {
                message: diagnostic.message.clone(),
                help: diagnostic.help.clone(),
            },
        )),
    }
}

/// The words of a condition as one text.
pub(crate) fn join(words: &[Word]) -> String {
    let texts: Vec<_> = words.iter().map(Word::text).collect();
    texts.join(" ")
}

/// Evaluates a condition whose quotes and variables are resolved. Nothing written is false.
///
/// # Errors
/// The first mistake in it.
pub fn evaluate(text: &str, env: &Environment, facts: &Facts) -> Result<bool, CondError> {
    let mut parser = Parser { text, at: 0, depth: 0, env, facts };
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(false);
    }
    let value = parser.or()?;
    match parser.rest().chars().next() {
        None => Ok(value),
        Some(found) => Err(error(format!(
            "unexpected {found:?} at character {} of the condition '{text}'",
            text[..parser.at].chars().count() + 1
        ))),
    }
}

fn error(message: impl Into<String>) -> CondError {
    CondError { message: message.into(), help: None }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    env: &'a Environment,
    facts: &'a Facts,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.blanks();
        }
        found
    }

    fn or(&mut self) -> Result<bool, CondError> {
        let mut value = self.and()?;
        while self.take("||") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, CondError> {
        let mut value = self.term()?;
        while self.take("&&") {
            value &= self.term()?;
        }
        Ok(value)
    }

    fn term(&mut self) -> Result<bool, CondError> {
        let mut negated = false;
        while self.take("!") {
            negated = !negated;
        }
        let value = if self.take("(") {
            self.group()?
        } else if let Some(number) = self.integer() {
            number
        } else {
            self.predicate()?
        };
        self.blanks();
        Ok(value != negated)
    }

    fn group(&mut self) -> Result<bool, CondError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(error(format!("more than {DEPTH_MAX} nested parentheses")));
        }
        let value = self.or()?;
        self.depth -= 1;
        if !self.take(")") {
            return Err(error(format!("a ')' is missing in '{}'", self.text)));
        }
        Ok(value)
    }

    /// An integer of any length; only whether it is zero matters.
    fn integer(&mut self) -> Option<bool> {
        let unsigned = self.rest().trim_start_matches(['-', '+']);
        let sign_len = self.rest().len() - unsigned.len();
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || sign_len > 1 {
            return None;
        }
        self.at += sign_len + digits;
        Some(unsigned[..digits].bytes().any(|digit| digit != b'0'))
    }

    fn predicate(&mut self) -> Result<bool, CondError> {
        let rest = self.rest();
        let name_len =
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = &rest[..name_len];
        if !PREDICATES.contains(&name) {
            let mut unknown = error(match name {
                "" => format!("a condition is missing at the end of '{}'", self.text),
                _ => format!("'{name}' is not a predicate of conditions"),
            });
            unknown.help = Some(suggest::nearest(name, PREDICATES).map_or_else(
                || format!("predicates are {}", PREDICATES.join(", ")),
                |near| format!("did you mean '{near}'?"),
            ));
            return Err(unknown);
        }
        self.at += name_len;
        if !self.rest().starts_with('(') {
            return Err(error(format!("'{name}' takes its arguments in parentheses")));
        }
        self.at += 1;
        let arguments = self.arguments(name)?;
        self.ask(name, &arguments)
    }

    /// Arguments up to `)`: separated by commas, quotes protect, blanks count.
    fn arguments(&mut self, name: &str) -> Result<Vec<String>, CondError> {
        let mut arguments = vec![String::new()];
        let mut quote = None;
        for (offset, found) in self.rest().char_indices() {
            match (found, quote) {
                (')', None) => {
                    self.at += offset + 1;
                    return Ok(arguments);
                }
                (',', None) => arguments.push(String::new()),
                ('\'' | '"', None) => quote = Some(found),
                (_, Some(opened)) if found == opened => quote = None,
                _ => {
                    if let Some(last) = arguments.last_mut() {
                        last.push(found);
                    }
                }
            }
        }
        Err(error(format!("a ')' is missing after '{name}('")))
    }

    fn ask(&self, name: &str, arguments: &[String]) -> Result<bool, CondError> {
        let expected = if name.starts_with("str") { 2 } else { 1 };
        if arguments.len() != expected {
            return Err(error(format!(
                "'{name}' takes {expected} argument(s), {} written",
                arguments.len()
            )));
        }
        let first = arguments[0].as_str();
        let second = arguments.get(1).map_or("", String::as_str);
        let compare = |ours: Version| ours.cmp(&Version::parse(first));
        let library = self.facts.ssl_library.as_ref();
        Ok(match name {
            "defined" => self.env.get(first).is_some(),
            "feature" => self.facts.features.contains(first),
            "streq" => first == second,
            "strneq" => first != second,
            "strstr" => first.contains(second),
            "version_atleast" => compare(self.facts.version) != Ordering::Less,
            "version_before" => compare(self.facts.version) == Ordering::Less,
            "openssl_version_atleast" => {
                library.is_some_and(|(_, version)| compare(*version) != Ordering::Less)
            }
            "openssl_version_before" => {
                library.is_some_and(|(_, version)| compare(*version) == Ordering::Less)
            }
            "ssllib_name_startswith" => library.is_some_and(|(name, _)| name.starts_with(first)),
            _ if OPTIONS.contains(&first) => self.facts.enabled.contains(first),
            _ => {
                return Err(CondError {
                    message: format!("'{first}' is not an option that 'enabled' knows"),
                    help: Some(format!("options are {}", OPTIONS.join(", "))),
                });
            }
        })
    }
}

#[cfg(test)]
mod tests;
