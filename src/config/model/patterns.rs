//! Patterns of ACLs and maps, files already read.

use super::Place;
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
