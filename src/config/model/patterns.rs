//! Patterns of ACLs and maps, files already read.

use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Span;

use crate::pure::acl::pattern::{Entry, Method};
use crate::pure::sample::Kind;

/// Patterns as one place uses them, compared in the order of their sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternSet {
    /// How they are compared.
    pub method: Method,
    /// A map's: what its values are.
    pub output: Option<Kind>,
    /// `-u`: the number that commands know the written ones by.
    pub unique_id: Option<u32>,
    /// A test's: the name of its sample; `None` for a map.
    pub sample: Option<String>,
    /// Where they are used.
    pub place: Place,
    /// Where they come from.
    pub sources: Vec<PatternSource>,
}

impl PatternSet {
    /// There is no file, and nothing written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.file.is_none() && source.entries.is_empty())
    }
}

/// One source of patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternSource {
    /// The file's name, as commands know it; `None`: written in the configuration.
    pub file: Option<String>,
    /// Entries have values.
    pub is_map: bool,
    /// `-i`.
    pub ignores_case: bool,
    /// What is there.
    pub entries: Vec<Entry>,
}

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
