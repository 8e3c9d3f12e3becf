//! The arguments of one line, taken one after the other, with HAProxy's notions of a number and a
//! time. What is missing or wrong is reported here, in the same words for every keyword.

use std::time::Duration;

use haproxy_compat::diag::Report;
use haproxy_compat::env::Environment;
use haproxy_compat::keywords::{Effect, Table};
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::suggest;
use haproxy_compat::tree::{Line, Word};
use haproxy_compat::units::{self, TimeUnit};

use crate::config::raw::{Field, Unread};

/// What every part of the lowering needs besides the line it reads.
pub(super) struct Context<'a> {
    /// What variables in addresses are replaced from.
    pub(super) env: &'a Environment,
    /// Where mistakes go.
    pub(super) report: &'a mut Report,
    /// Files and directories of words without effect.
    pub(super) unread: Vec<Unread>,
    /// Names of sections that `errorfiles` wants.
    pub(super) error_sections: Vec<Spanned<String>>,
    /// Backends that sections name which send nobody anywhere.
    pub(super) targets: Vec<Spanned<String>>,
    /// Names of headers that `h1-case-adjust` said how to write.
    pub(super) header_cases: Vec<Vec<u8>>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(env: &'a Environment, report: &'a mut Report) -> Self {
        Self {
            env,
            report,
            unread: Vec::new(),
            error_sections: Vec::new(),
            targets: Vec::new(),
            header_cases: Vec::new(),
        }
    }
}

impl Context<'_> {
    /// An address, its variables replaced.
    pub(super) fn address(&self, word: &Word) -> Spanned<String> {
        Spanned::new(self.env.expand_address(&word.text()), word.span)
    }

    /// Says that `word` is unknown in `place` and which known word is near.
    pub(super) fn unknown<'w>(
        &mut self,
        word: &Word,
        place: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) {
        /// Up to this many known words are listed where none is near.
        const LISTED_MAX: usize = 8;
        let known: Vec<&str> = known.into_iter().collect();
        let text = word.text();
        self.report.alert(word.span, format!("'{text}' is unknown {place}"));
        if let Some(near) = suggest::nearest(&text, known.iter().copied()) {
            self.report.help(format!("did you mean '{near}'?"));
        } else if (1..=LISTED_MAX).contains(&known.len()) {
            self.report.help(format!("it can be '{}'", known.join("', '")));
        }
    }

    /// Reports what becomes of `word` where it does not simply apply; `written` is how messages call
    /// it. `None` for a word that the table does not know, which is not reported.
    pub(super) fn effect(&mut self, word: &Word, written: &str, table: &Table) -> Option<Effect> {
        let (effect, _) = table.find(&word.text())?;
        match effect {
            Effect::Applies | Effect::Http => {}
            Effect::Ignored(reason) => {
                self.report.warning(word.span, format!("'{written}' is ignored: {reason}"));
            }
            Effect::Moot(reason) => {
                self.report.notice(word.span, format!("'{written}' has no effect: {reason}"));
            }
            Effect::Refused(reason) => {
                self.report.alert(word.span, format!("'{written}' is not supported: {reason}"));
            }
            Effect::Renamed(name) => {
                self.report.warning(
                    word.span,
                    format!("'{written}' is an old name, which HAProxy no longer knows"),
                );
                self.report.help(format!("write '{name}'"));
            }
            Effect::Gone(instead) => {
                self.report
                    .alert(word.span, format!("HAProxy no longer knows '{written}'"))
                    .help(instead);
            }
        }
        Some(effect)
    }
}

/// A word as text with its place.
pub(super) fn text(word: &Word) -> Spanned<String> {
    Spanned::new(word.text().into_owned(), word.span)
}

/// Keeps what was there when the line was wrong.
pub(super) fn set<T>(field: &mut Field<T>, value: Field<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// The arguments of a line, from some word on.
pub(super) struct Args<'a> {
    line: &'a Line,
    at: usize,
}

impl<'a> Args<'a> {
    /// The words of `line` after the first `skip`.
    pub(super) const fn new(line: &'a Line, skip: usize) -> Self {
        Self { line, at: skip }
    }

    /// The next word. An empty last word counts as none, as in HAProxy.
    pub(super) fn next(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// The next word, which stays.
    pub(super) fn peek(&self) -> Option<&'a Word> {
        let word = self.line.words.get(self.at)?;
        (!word.bytes.is_empty() || self.at + 1 < self.line.words.len()).then_some(word)
    }

    /// The words that are left, which stay.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'a Word> {
        self.line.words[self.at.min(self.line.words.len())..].iter()
    }

    /// Where the line is.
    pub(super) const fn span(&self) -> Span {
        self.line.span
    }

    /// Takes the next word if it is `expected`.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.bytes == expected.as_bytes());
        self.at += usize::from(found);
        found
    }

    /// The next word; an alert that `keyword` needs `what` where there is none.
    pub(super) fn expect(
        &mut self,
        keyword: &str,
        what: &str,
        cx: &mut Context<'_>,
    ) -> Option<&'a Word> {
        let word = self.next();
        if word.is_none() {
            self.lacks(keyword, what, cx);
        }
        word
    }

    /// An alert that `keyword` needs `what`, which is not there.
    pub(super) fn lacks(&self, keyword: &str, what: &str, cx: &mut Context<'_>) {
        let before = self.line.words[..self.at.min(self.line.words.len())].last();
        let span = before.map_or(self.line.span, |word| word.span);
        cx.report.alert(span, format!("'{keyword}' needs {what}"));
    }

    /// The next word as text.
    pub(super) fn text(
        &mut self,
        keyword: &str,
        what: &str,
        cx: &mut Context<'_>,
    ) -> Field<String> {
        self.expect(keyword, what, cx).map(text)
    }

    /// The next word and all after it, one space between them.
    pub(super) fn words(
        &mut self,
        keyword: &str,
        what: &str,
        cx: &mut Context<'_>,
    ) -> Field<String> {
        let mut words = text(self.expect(keyword, what, cx)?);
        while let Some(word) = self.next() {
            words.value.push(' ');
            words.value.push_str(&word.text());
            words.span = words.span.to(word.span);
        }
        Some(words)
    }

    /// The next word as a time; a bare number counts `unit`.
    pub(super) fn time(
        &mut self,
        keyword: &str,
        unit: TimeUnit,
        cx: &mut Context<'_>,
    ) -> Field<Duration> {
        const UNITS: &str = "a time is a number and one of us, ms, s, m, h, d, such as '10s'";
        let word = self.expect(keyword, "a time such as '10s'", cx)?;
        let text = word.text();
        match units::parse_time(&text, unit) {
            Ok(time) => {
                if let Some(excess) = time.excess {
                    let read = &text[..text.find(excess).unwrap_or(text.len())];
                    cx.report
                        .warning(
                            word.span,
                            format!("what follows the unit in '{text}' is ignored: it is {read}"),
                        )
                        .help(UNITS);
                }
                Some(Spanned::new(time.duration, word.span))
            }
            Err(error) => {
                cx.report
                    .alert(word.span, format!("'{text}' is no time for '{keyword}': {error}"))
                    .help(UNITS);
                None
            }
        }
    }

    /// An alert for the next word, if there is one: the line should have ended.
    pub(super) fn finish(&mut self, keyword: &str, cx: &mut Context<'_>) {
        if let Some(excess) = self.next() {
            let text = excess.text();
            cx.report.alert(excess.span, format!("unexpected '{text}' after '{keyword}'"));
        }
    }

    /// A warning for the next word, if there is one, where HAProxy reads no further.
    pub(super) fn ignore_rest(&mut self, keyword: &str, cx: &mut Context<'_>) {
        if let Some(excess) = self.next() {
            let text = excess.text();
            cx.report.warning(excess.span, format!("'{text}' after '{keyword}' is ignored"));
        }
        self.skip_all();
    }

    /// Leaves out the rest of the line: after a mistake nobody knows what it means.
    pub(super) fn skip_all(&mut self) {
        self.at = self.line.words.len();
    }

    /// Leaves out the next `count` words, the arguments of a word without effect.
    pub(super) fn skip(&mut self, count: u8) {
        self.at += usize::from(count);
    }
}
