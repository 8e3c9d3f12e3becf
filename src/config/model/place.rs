//! Where the configuration says something, for messages that come after it was read.

use std::fmt;

use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Span;

/// Where something is written. It says nothing of what is meant: all places compare equal.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What orders places.
    pub span: Option<Span>,
    /// The file's name, as the operator wrote it.
    pub file: String,
    /// From 1; 0: nowhere.
    pub line: usize,
}

impl Place {
    pub(in crate::config) fn of(span: Option<Span>) -> Self {
        Self { span, ..Self::default() }
    }

    /// Where a text that is no file's begins, under the name it goes by.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { file: name.to_owned(), ..Self::default() }
    }

    /// Finds file and line.
    pub(in crate::config) fn locate(&mut self, sources: &SourceMap) {
        if let Some(span) = self.span {
            sources.name(span.file).clone_into(&mut self.file);
            self.line = sources.line(span);
        }
    }

    /// What comes first has less; nowhere is before all.
    #[must_use]
    pub fn order(&self) -> Option<(u32, u32)> {
        self.span.map(|span| (span.file.0, span.start))
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
