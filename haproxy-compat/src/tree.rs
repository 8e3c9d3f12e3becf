//! A file as sections, lines and words, with the place of each.

use crate::span::Span;

/// All sections of all files of one load, in reading order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The sections.
    pub sections: Vec<Section>,
}

/// A section: its opening line and the lines below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub kind: SectionKind,
    /// The whole opening line; `words[0]` is the section's keyword.
    pub header: Line,
    /// The second word of the opening line.
    pub name: Option<Word>,
    /// The name after `from`.
    pub from: Option<Word>,
    /// Its statements.
    pub lines: Vec<Line>,
}

/// Section keywords of HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are HAProxy's keywords")]
pub enum SectionKind {
    Global,
    Defaults,
    Frontend,
    Backend,
    Listen,
    Peers,
    Resolvers,
    Mailers,
    Ring,
    Userlist,
    Healthcheck,
    CrtStore,
    /// Known to HAProxy, without meaning for us.
    Other,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `no` or `default` in front of the keyword; not part of `words`.
    pub prefix: Prefix,
    /// The keyword and its arguments; never empty.
    pub words: Vec<Word>,
    /// From the first word to the last.
    pub span: Span,
}

/// What stands in front of a keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// Nothing.
    #[default]
    Plain,
    /// `no`.
    No,
    /// `default`.
    Default,
}

/// A word after quotes, escapes and variables were resolved. Escapes can make any byte, so it is
/// bytes; nearly all words are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it stands for.
    pub bytes: Vec<u8>,
    /// Where it was written, quotes included.
    pub span: Span,
}

impl Word {
    /// The word as text; bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}
