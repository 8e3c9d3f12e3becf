//! Pure: a TOML table as the decoder sees it: what was asked for, and what stands in `[defaults]`
//! behind it.

use haproxy_compat::span::{FileId, Span, Spanned};
use toml::Spanned as Ranged;
use toml::de::{DeTable, DeValue};

/// A value of the parsed file.
pub(super) type Value<'a> = &'a Ranged<DeValue<'a>>;

/// One table while its keys are read.
pub(super) struct Table<'a> {
    entries: Option<&'a DeTable<'a>>,
    /// The same table in `[defaults]`: keys that `entries` lacks are taken from it.
    inherited: Option<&'a DeTable<'a>>,
    /// Every key that was asked for: these are the known ones.
    asked: Vec<&'static str>,
    /// What it is, for messages: `backend 'mysql'`.
    pub(super) place: String,
    /// The table is (part of) `[defaults]`, which has keys of frontends and of backends.
    pub(super) is_defaults: bool,
    /// Where it stands.
    pub(super) span: Span,
}

impl<'a> Table<'a> {
    pub(super) fn new(entries: &'a DeTable<'a>, span: Span, place: impl Into<String>) -> Self {
        Self {
            entries: Some(entries),
            inherited: None,
            asked: Vec::new(),
            place: place.into(),
            is_defaults: false,
            span,
        }
    }

    /// Puts `defaults` behind this table.
    pub(super) fn inherit(mut self, defaults: Option<&'a DeTable<'a>>) -> Self {
        self.inherited = defaults;
        self
    }

    /// The value under `key`, of this table or of the defaults.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let own = self.entries.and_then(|entries| entries.get(key));
        own.or_else(|| self.inherited.and_then(|inherited| inherited.get(key)))
    }

    /// All entries in file order: every key is known.
    pub(super) fn all(&self) -> Vec<(&'a Ranged<std::borrow::Cow<'a, str>>, Value<'a>)> {
        self.entries.map(in_order).unwrap_or_default()
    }

    /// The key as it was written in this table (not in the defaults).
    pub(super) fn own_key(&self, key: &str, file: FileId) -> Option<Span> {
        let (key, _) = self.entries?.get_key_value(key)?;
        Some(span_of(file, key))
    }

    /// The value under `key` in the defaults, where this table has one of its own too.
    fn shadowed(&self, key: &str) -> Option<&'a DeTable<'a>> {
        self.entries?.get(key)?;
        self.inherited?.get(key)?.get_ref().as_table()
    }

    /// The table `value`, which was taken from under `key`.
    pub(super) fn child(
        &self,
        key: &str,
        entries: &'a DeTable<'a>,
        span: Span,
        place: String,
    ) -> Self {
        let is_own = self.entries.is_some_and(|entries| entries.contains_key(key));
        Self {
            is_defaults: self.is_defaults || !is_own,
            ..Table::new(entries, span, place).inherit(self.shadowed(key))
        }
    }

    /// Counts `keys` as known although nothing asked for them.
    pub(super) fn allow(&mut self, keys: &[&'static str]) {
        self.asked.extend_from_slice(keys);
    }

    /// The known keys, in the order in which they were asked for.
    pub(super) fn known(&self) -> &[&'static str] {
        &self.asked
    }

    /// The keys of this table that nothing asked for, in file order.
    pub(super) fn unknown(&self, file: FileId) -> Vec<Spanned<String>> {
        let Some(entries) = self.entries else {
            return Vec::new();
        };
        in_order(entries)
            .into_iter()
            .filter(|(key, _)| !self.asked.contains(&key.get_ref().as_ref()))
            .map(|(key, _)| Spanned::new(key.get_ref().to_string(), span_of(file, key)))
            .collect()
    }
}

/// The entries of a table in file order (the parser sorts them by name).
pub(super) fn in_order<'a>(
    table: &'a DeTable<'a>,
) -> Vec<(&'a Ranged<std::borrow::Cow<'a, str>>, Value<'a>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The place of a parsed value.
pub(super) fn span_of<T>(file: FileId, ranged: &Ranged<T>) -> Span {
    span(file, ranged.span())
}

/// A byte range of `file`; files are far below 4 GiB.
pub(super) fn span(file: FileId, range: std::ops::Range<usize>) -> Span {
    let offset = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Span { file, start: offset(range.start), end: offset(range.end) }
}
