//! Patterns of ACLs and maps, files already read.

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
    /// Where they come from.
    pub sources: Vec<PatternSource>,
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
