//! What values are compared with: methods, where patterns come from, and one compiled use of them.

use super::set::Set;
use crate::pure::sample::{FileName, Kind, Value};

/// How a value is compared with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// There is a value at all.
    Found,
    /// The value is true.
    Bool,
    /// A number or a range.
    Int,
    /// A number or range of versions such as 3.3.
    Version,
    /// An address or a network.
    Ip,
    /// Bytes, written in hexadecimal.
    Bin,
    /// The length is a number or in a range.
    Len,
    /// The whole text.
    Str,
    /// Its beginning.
    Beg,
    /// Its end.
    End,
    /// A part of it.
    Sub,
    /// A part between slashes.
    Dir,
    /// A part between dots.
    Dom,
    /// A regular expression.
    Reg,
}

/// The words of `-m`.
const METHODS: [(&str, Method); 13] = [
    ("found", Method::Found),
    ("bool", Method::Bool),
    ("int", Method::Int),
    ("ip", Method::Ip),
    ("bin", Method::Bin),
    ("len", Method::Len),
    ("str", Method::Str),
    ("beg", Method::Beg),
    ("end", Method::End),
    ("sub", Method::Sub),
    ("dir", Method::Dir),
    ("dom", Method::Dom),
    ("reg", Method::Reg),
];

impl Method {
    /// The method that `-m` calls so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        METHODS.iter().find(|(known, _)| *known == name).map(|row| row.1)
    }

    /// Every word of `-m`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        METHODS.iter().map(|row| row.0)
    }

    /// HAProxy's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|row| row.1 == self).map_or("int", |row| row.0)
    }

    /// What a value of this kind is compared by where nothing is said; bytes need a word.
    #[must_use]
    pub const fn default_for(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Bool => Some(Self::Bool),
            Kind::Int => Some(Self::Int),
            Kind::Addr | Kind::Ipv4 | Kind::Ipv6 => Some(Self::Ip),
            Kind::Str => Some(Self::Str),
            Kind::Any | Kind::Bin => None,
        }
    }

    /// The kind of value it compares.
    #[must_use]
    pub const fn looks_at(self) -> Kind {
        match self {
            Self::Found => Kind::Any,
            Self::Bool | Self::Int | Self::Version => Kind::Int,
            Self::Ip => Kind::Addr,
            Self::Bin => Kind::Bin,
            _ => Kind::Str,
        }
    }

    /// Whether it has patterns.
    #[must_use]
    pub const fn has_patterns(self) -> bool {
        !matches!(self, Self::Found | Self::Bool)
    }

    /// Whether patterns are numbers, which `eq`, `ge` and so on can stand before.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Len | Self::Version)
    }
}

/// The number of a [`PatternUse`] within its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternsId(pub usize);

/// Patterns as one place uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternUse {
    /// How they are compared.
    pub method: Method,
    /// Where they come from, in order.
    pub sources: Vec<Source>,
    /// A map's: what its values are.
    pub output: Option<Kind>,
    /// `-u`: the number commands know the written ones by.
    pub unique_id: Option<u32>,
    /// A test's: the name of its sample; `None` for a map.
    pub sample: Option<String>,
    /// A test's: its ACL is predefined, and known to its proxy under this name from now on.
    pub predefined: Option<String>,
}

/// One source of patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Written in the configuration, or in a file.
    pub origin: Origin,
    /// `-i`.
    pub ignores_case: bool,
    /// No `-n`: names of hosts stand for their addresses.
    pub resolves: bool,
}

/// Where patterns are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration.
    Written(Vec<String>),
    /// In a file.
    File {
        /// Which.
        file: FileName,
        /// A second column holds a value (`-M`, maps).
        is_map: bool,
    },
}

/// A pattern, and the value a map gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As written.
    pub pattern: String,
    /// The second column.
    pub value: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The pattern, as written.
    pub pattern: String,
    /// What a map says.
    pub value: Option<String>,
}

impl PatternUse {
    /// What a map's converter uses.
    #[must_use]
    pub fn map(file: FileName, method: Method, output: Kind) -> Self {
        let origin = Origin::File { file, is_map: true };
        Self {
            method,
            sources: vec![Source { origin, ignores_case: false, resolves: true }],
            output: Some(output),
            unique_id: None,
            sample: None,
            predefined: None,
        }
    }
}

/// Compiled patterns of one source.
#[derive(Clone, Debug)]
pub struct Patterns {
    entries: Vec<Entry>,
    set: Set,
}

impl Patterns {
    /// Compiles `entries`.
    ///
    /// # Errors
    /// The place of the first wrong entry, and what is wrong with it.
    pub fn compile(
        method: Method,
        ignores_case: bool,
        entries: Vec<Entry>,
    ) -> Result<Self, (usize, String)> {
        let mut set = Set::new(method, ignores_case);
        for (index, entry) in entries.iter().enumerate() {
            set.add(&entry.pattern, index).map_err(|why| (index, why))?;
        }
        set.seal();
        Ok(Self { entries, set })
    }

    /// The pattern that `value` matches: the most specific one of networks and prefixes, otherwise
    /// the first.
    #[must_use]
    pub fn find(&self, value: &Value) -> Option<&Entry> {
        self.entries.get(self.set.find(value)?)
    }

    /// `template` filled with the groups of the first expression that matches.
    #[must_use]
    pub fn fill(&self, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.set.fill(value, template)
    }

    /// All of them, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The entries of a pattern file, each with its line's number from 1.
pub fn file_lines(text: &str, is_map: bool) -> impl Iterator<Item = (usize, Entry)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let lines = lines.filter(|(_, line)| !line.starts_with('#'));
    lines.filter_map(move |(number, line)| {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() {
            return None;
        }
        let end = if is_map { line.find([' ', '\t']) } else { None };
        let (pattern, value) = match end {
            Some(end) => (&line[..end], Some(line[end..].trim_matches([' ', '\t']).to_owned())),
            None => (line, None),
        };
        Some((number, Entry { pattern: pattern.to_owned(), value }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_comments_columns_and_odd_spaces() {
        let text = "# no\n\n a  x y \n #b\tz\nc";
        let entry = |pattern: &str, value: Option<&str>| Entry {
            pattern: pattern.to_owned(),
            value: value.map(str::to_owned),
        };
        let map: Vec<_> = file_lines(text, true).collect();
        let expected =
            [(3, entry("a", Some("x y"))), (4, entry("#b", Some("z"))), (5, entry("c", None))];
        assert_eq!(map, expected);
        let list: Vec<_> = file_lines("a b\n", false).collect();
        assert_eq!(list, [(1, entry("a b", None))]);
    }
}
