//! Regular expressions, as people wrote them for PCRE, on bytes.
//!
//! The time to match is linear in the subject wherever the expression allows it. Look-around,
//! back-references, atomic groups, possessive quantifiers, `\K`, `\R` and the like have to go back:
//! there `BACKTRACKS` bounds the time, and a subject that takes more does not match, as one that
//! exceeds PCRE's own bound.

mod property;
mod translation;

use std::fmt::Display;
use std::ops::Range;

use fancy_regex::{BytesMode, RegexInput};
use regex::bytes;

use translation::{Engine, Translation};

/// How often one search goes back at most; PCRE's own is ten times that.
const BACKTRACKS: usize = 1_000_000;

/// In what the linear engine says of an expression that has to go back.
const UNSUPPORTED: &str = "not supported";

/// A regular expression; equal to one that is written the same.
#[derive(Clone, Debug)]
pub struct Regex {
    written: String,
    ignores_case: bool,
    asks_for_start: bool,
    asks_for_end: bool,
    /// `None`: it has to go back.
    linear: Option<bytes::Regex>,
    /// Beside a linear one where that does not tell of every text what PCRE does.
    backtracking: Option<fancy_regex::Regex>,
}

/// Where the whole was found, and its groups `\1` to `\9`.
type Groups = [Option<Range<usize>>; 10];

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        (&self.written, self.ignores_case) == (&other.written, other.ignores_case)
    }
}

impl Regex {
    /// Compiles `written`.
    ///
    /// # Errors
    /// Says why it is no regular expression, in one line.
    pub fn new(written: &str, ignores_case: bool) -> Result<Self, String> {
        let text = Translation::of(written, Engine::Linear);
        if let Some(refused) = text.refused {
            return Err(refused);
        }
        let linear = if text.is_possessive {
            Err(None)
        } else {
            let mut builder = bytes::RegexBuilder::new(&text.out);
            let built = builder.unicode(false).case_insensitive(ignores_case).build();
            // What is not supported there may be here: the other one judges it.
            built.map_err(|error| Some(last_line(&error)).filter(|it| !it.contains(UNSUPPORTED)))
        };
        let made = || backtracking(written, ignores_case);
        let (linear, backtracking) = match linear {
            Ok(linear) => {
                let is_needed = text.asks_for_start || text.asks_for_end;
                (Some(linear), is_needed.then(made).and_then(Result::ok))
            }
            Err(why) => (None, Some(made().map_err(|own| why.unwrap_or(own))?)),
        };
        Ok(Self {
            written: written.to_owned(),
            ignores_case,
            asks_for_start: text.asks_for_start,
            asks_for_end: text.asks_for_end,
            linear,
            backtracking,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it is found in `text`.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        match self.linear_for(text, false) {
            Some(regex) => regex.is_match(text),
            None => self
                .backtracking
                .as_ref()
                .is_some_and(|regex| regex.is_match(text).unwrap_or(false)),
        }
    }

    /// `template` with `\0` to `\9` replaced by what is first found and its groups.
    #[must_use]
    pub fn expand(&self, text: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let groups = self.groups_in(text, false)?;
        let mut out = Vec::new();
        fill(&mut out, template, text, &groups);
        Some(out)
    }

    /// `text` with the first or `all` of what is found replaced by `template`, filled as above.
    ///
    /// As in HAProxy, a search is shown only what stands behind the find before, and knows that no
    /// text begins there; a byte at which nothing was found to begin and end is kept and left.
    #[must_use]
    pub fn replace(&self, text: &[u8], all: bool, template: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(groups) = self.groups_in(rest, rest.len() < text.len()) {
            let Some(whole) = groups[0].clone() else { break };
            out.extend_from_slice(&rest[..whole.start]);
            fill(&mut out, template, rest, &groups);
            rest = &rest[whole.end..];
            if !all {
                break;
            }
            if whole.end == 0 {
                let Some((first, behind)) = rest.split_first() else { break };
                out.push(*first);
                rest = behind;
            }
        }
        out.extend_from_slice(rest);
        out
    }

    fn groups_in(&self, text: &[u8], is_rest: bool) -> Option<Groups> {
        if let Some(regex) = self.linear_for(text, is_rest) {
            let found = regex.captures(text)?;
            return Some(std::array::from_fn(|group| found.get(group).map(|at| at.range())));
        }
        let input = RegexInput::new(text).start_text(!is_rest);
        let found = self.backtracking.as_ref()?.captures_input(input).ok()??;
        Some(std::array::from_fn(|group| found.get(group).map(|at| at.range())))
    }

    /// The linear one, where it tells of this text what PCRE does: to PCRE, a text ends before a
    /// line feed at its end as well.
    fn linear_for(&self, text: &[u8], is_rest: bool) -> Option<&bytes::Regex> {
        let is_other = self.asks_for_end && text.ends_with(b"\n") || self.asks_for_start && is_rest;
        self.linear.as_ref().filter(|_| !is_other || self.backtracking.is_none())
    }
}

/// Appends `template` with the groups of `text`.
fn fill(out: &mut Vec<u8>, template: &[u8], text: &[u8], groups: &Groups) {
    let mut bytes = template.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'9') => {
                let group = groups[usize::from(digit - b'0')].clone();
                out.extend_from_slice(group.map_or(&[], |at| &text[at]));
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
}

fn backtracking(written: &str, ignores_case: bool) -> Result<fancy_regex::Regex, String> {
    let text = Translation::of(written, Engine::Backtracking);
    let mut builder = fancy_regex::RegexBuilder::new(&text.out);
    builder.bytes_mode(BytesMode::Ascii).case_insensitive(ignores_case);
    builder.allow_input_assertion_overrides(true).backtrack_limit(BACKTRACKS);
    builder.build().map_err(|error| last_line(&error))
}

/// What is wrong: before it may come the text again and a mark below it.
fn last_line(error: &dyn Display) -> String {
    let error = error.to_string();
    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
