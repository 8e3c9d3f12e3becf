//! The texts a configuration was read from, and positions in them as line and column.

use crate::span::{FileId, Span};

/// Every text of one load. Files are added by the caller: this crate does no I/O.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

impl SourceMap {
    /// Adds a text under the name that messages show (its path as the operator wrote it).
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = u32::try_from(self.files.len()).expect("fewer than 2^32 files");
        self.files.push(Source { name: name.into(), text: text.into() });
        FileId(id)
    }

    /// The name given to [`add`](Self::add); empty for an id of another map.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |source| &source.name)
    }

    /// The whole text; empty for an id of another map.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |source| &source.text)
    }

    /// The ids of all files, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len()).map(|index| FileId(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// The line of the first byte of `span`, from 1.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        let text = self.text(span.file);
        let end = (span.start as usize).min(text.len());
        1 + text.as_bytes()[..end].iter().filter(|&&byte| byte == b'\n').count()
    }
}
