//! Diagnostics: the operator's mistakes as values, all of them at once.

use crate::span::Span;

/// How bad it is, in HAProxy's three words and one for what it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// What the file itself says to whoever loads it (`.notice`).
    Remark,
    /// Loads, but probably not what was meant.
    Warning,
    /// The configuration is refused.
    Alert,
}

/// One mistake or remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None` for what concerns no single place (a file that cannot be read).
    pub span: Option<Span>,
    /// One sentence in lower case without a full stop, quoting what was written: `'foo' is not …`.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
    /// A second place that explains the first (`first defined here`).
    pub related: Option<(Span, String)>,
}

/// Most diagnostics kept for one load; a file of garbage must not fill the memory.
pub const DIAGNOSTICS_MAX: usize = 200;

/// What a load found, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    dropped: usize,
    refused: bool,
    warned: bool,
    /// Whether what was added last is there to be completed.
    is_last_kept: bool,
}

impl Report {
    /// Adds one; past [`DIAGNOSTICS_MAX`] it takes the place of a notice or is only counted. What
    /// was said of the same place before is not said again: a line may be read once for each half
    /// of a `listen` section, or for everyone who inherits it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.refused |= diagnostic.severity == Severity::Alert;
        self.warned |= diagnostic.severity >= Severity::Warning;
        let is_same = |known: &Diagnostic| {
            (known.severity, known.span) == (diagnostic.severity, diagnostic.span)
                && known.message == diagnostic.message
        };
        if diagnostic.span.is_some() && self.diagnostics.iter().any(is_same) {
            self.is_last_kept = false;
            return;
        }
        self.is_last_kept = true;
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
            return;
        }
        self.dropped += 1;
        let notice = |found: &Diagnostic| found.severity == Severity::Notice;
        if diagnostic.severity > Severity::Notice
            && let Some(at) = self.diagnostics.iter().rposition(notice)
        {
            self.diagnostics.remove(at);
            self.diagnostics.push(diagnostic);
        } else {
            self.is_last_kept = false;
        }
    }

    /// Adds an alert at `span`.
    pub fn alert(&mut self, span: Span, message: impl Into<String>) -> &mut Self {
        self.push(Diagnostic {
            severity: Severity::Alert,
            span: Some(span),
            message: message.into(),
            help: None,
            related: None,
        });
        self
    }

    /// Adds a warning at `span`.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Self {
        self.push(Diagnostic {
            severity: Severity::Warning,
            span: Some(span),
            message: message.into(),
            help: None,
            related: None,
        });
        self
    }

    /// Adds a notice at `span`.
    pub fn notice(&mut self, span: Span, message: impl Into<String>) -> &mut Self {
        self.push(Diagnostic {
            severity: Severity::Notice,
            span: Some(span),
            message: message.into(),
            help: None,
            related: None,
        });
        self
    }

    /// Gives the diagnostic added last a hint.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        if self.is_last_kept
            && let Some(last) = self.diagnostics.last_mut()
        {
            last.help = Some(help.into());
        }
        self
    }

    /// Gives the diagnostic added last a second place.
    pub fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        if self.is_last_kept
            && let Some(last) = self.diagnostics.last_mut()
        {
            last.related = Some((span, label.into()));
        }
        self
    }

    /// Whether an alert was found: the configuration is refused.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether anything above a notice was found.
    #[must_use]
    pub const fn has_warnings(&self) -> bool {
        self.warned
    }

    /// Whether nothing at all was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// How many were found beyond [`DIAGNOSTICS_MAX`].
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// The diagnostics, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Span = Span { file: crate::span::FileId(0), start: 0, end: 1 };

    #[test]
    fn only_notices_are_no_warnings() {
        let mut report = Report::default();
        assert!(!report.has_warnings() && report.is_empty());
        report.notice(HERE, "n");
        assert!(!report.has_warnings() && !report.is_empty() && !report.is_refused());
        report.warning(HERE, "w");
        assert!(report.has_warnings() && !report.is_refused());
        report.alert(HERE, "a");
        assert!(report.has_warnings() && report.is_refused());
    }

    #[test]
    fn what_is_said_again_of_the_same_place_is_said_once() {
        let mut report = Report::default();
        report.alert(HERE, "a").help("h");
        report.alert(HERE, "a").help("other");
        report.warning(HERE, "a");
        report.alert(Span { start: 1, ..HERE }, "a");
        assert_eq!((report.iter().count(), report.dropped()), (3, 0));
        assert_eq!(report.iter().next().and_then(|it| it.help.as_deref()), Some("h"));
    }

    #[test]
    fn a_full_report_gives_notices_up_and_counts() {
        let mut report = Report::default();
        for number in 1..DIAGNOSTICS_MAX {
            report.warning(HERE, format!("w{number}"));
        }
        report.notice(HERE, "n");
        report.notice(HERE, "dropped").help("dropped");
        report.alert(HERE, "a").help("h").related(HERE, "r");
        report.alert(HERE, "dropped").help("dropped");
        assert_eq!((report.iter().count(), report.dropped()), (DIAGNOSTICS_MAX, 3));
        let last = report.iter().last().expect("it is full");
        assert_eq!((last.message.as_str(), last.help.as_deref()), ("a", Some("h")));
        assert!(report.iter().all(|found| found.help.as_deref() != Some("dropped")));
    }
}
