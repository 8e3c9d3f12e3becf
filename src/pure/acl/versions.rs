//! What a source of patterns holds over time: its versions, one of which counts.
//!
//! ```text
//! prepare ──> next + 1, empty ──add──> filled ──commit──> current; all that were before are dropped
//! ```
//! Bound: [`ROWS_MAX`] over all versions.

use super::pattern::Entry;

/// Entries of all versions of one source together: what one command can make a process hold.
pub const ROWS_MAX: usize = 1 << 20;

/// An entry of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What commands may call it by.
    pub id: u64,
    /// Which version it belongs to.
    pub version: u32,
    /// What it says.
    pub entry: Entry,
}

/// What a command calls entries by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// All with this pattern.
    Pattern(&'a str),
    /// The one with this id.
    Id(u64),
}

/// The versions of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    rows: Vec<Row>,
    current: u32,
    prepared: u32,
    last_id: u64,
}

impl Versions {
    /// Version 0, as the configuration has it.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        let rows = (1..).zip(entries).map(|(id, entry)| Row { id, version: 0, entry });
        let rows: Vec<Row> = rows.collect();
        let last_id = rows.last().map_or(0, |row| row.id);
        Self { rows, current: 0, prepared: 0, last_id }
    }

    /// The version that counts.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// The last version that was prepared.
    #[must_use]
    pub const fn prepared(&self) -> u32 {
        self.prepared
    }

    /// Entries of all versions.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no version has entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The entries of a version.
    pub fn rows(&self, version: u32) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.version == version)
    }

    /// The entries that count.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.rows(self.current).map(|row| &row.entry)
    }

    /// Adds an entry to a version that is prepared; `None`: the one that counts.
    ///
    /// # Errors
    /// Nobody has prepared the version, or [`ROWS_MAX`] is reached.
    pub fn add(&mut self, version: Option<u32>, entry: Entry) -> Result<(), String> {
        let version = version.unwrap_or(self.current);
        if version > self.prepared {
            return Err("Version number in the future".to_owned());
        }
        if self.rows.len() >= ROWS_MAX {
            return Err(format!("There are {ROWS_MAX} entries already."));
        }
        self.last_id += 1;
        self.rows.push(Row { id: self.last_id, version, entry });
        Ok(())
    }

    /// Changes the value of entries; `false`: there is none.
    #[must_use]
    pub fn set(&mut self, key: Key<'_>, value: &str) -> bool {
        let mut found = false;
        for row in self.rows.iter_mut().filter(|row| key.names(row)) {
            row.entry.value = Some(value.to_owned());
            found = true;
        }
        found
    }

    /// Removes entries; `false`: there is none.
    #[must_use]
    pub fn remove(&mut self, key: Key<'_>) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !key.names(row));
        self.rows.len() < before
    }

    /// Empties a version; `None`: the one that counts.
    pub fn clear(&mut self, version: Option<u32>) {
        let version = version.unwrap_or(self.current);
        self.rows.retain(|row| row.version != version);
    }

    /// Makes a new version, which is empty.
    ///
    /// # Errors
    /// There are no more numbers.
    pub fn prepare(&mut self) -> Result<u32, String> {
        let next = self.prepared.checked_add(1).ok_or("There are no more version numbers.")?;
        self.prepared = next;
        Ok(next)
    }

    /// Lets a version that was prepared count, and drops all before it.
    ///
    /// # Errors
    /// It is not newer than what counts, or nobody prepared it.
    pub fn commit(&mut self, version: u32) -> Result<(), String> {
        if version <= self.current || version > self.prepared {
            return Err("Version number out of range.".to_owned());
        }
        self.current = version;
        self.rows.retain(|row| row.version >= version);
        Ok(())
    }
}

impl Key<'_> {
    fn names(self, row: &Row) -> bool {
        match self {
            Self::Pattern(pattern) => row.entry.pattern == pattern,
            Self::Id(id) => row.id == id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pattern: &str) -> Entry {
        Entry { pattern: pattern.to_owned(), value: None }
    }

    fn counting(versions: &Versions) -> Vec<&str> {
        versions.entries().map(|entry| entry.pattern.as_str()).collect()
    }

    #[test]
    fn a_version_counts_when_it_is_committed_and_only_then() {
        let mut versions = Versions::new(vec![entry("a"), entry("b")]);
        assert!(versions.add(Some(1), entry("c")).is_err());
        assert!(versions.commit(1).is_err() && versions.commit(0).is_err());
        assert_eq!((versions.prepare(), versions.prepare()), (Ok(1), Ok(2)));
        versions.add(Some(2), entry("c")).unwrap();
        versions.add(Some(1), entry("d")).unwrap();
        assert_eq!(counting(&versions), ["a", "b"]);
        versions.commit(2).unwrap();
        assert_eq!(counting(&versions), ["c"]);
        assert_eq!(versions.len(), 1);
        assert!(versions.commit(1).is_err() && versions.commit(2).is_err());
    }

    #[test]
    fn entries_are_called_by_pattern_or_id() {
        let mut versions = Versions::new(vec![entry("a"), entry("b"), entry("a")]);
        assert!(versions.set(Key::Pattern("a"), "x") && !versions.set(Key::Pattern("z"), "x"));
        assert_eq!(versions.entries().filter(|entry| entry.value.is_some()).count(), 2);
        assert!(versions.remove(Key::Id(1)) && !versions.remove(Key::Id(1)));
        versions.add(None, entry("c")).unwrap();
        assert_eq!(counting(&versions), ["b", "a", "c"]);
        assert!(versions.remove(Key::Id(4)));
        versions.clear(None);
        assert!(versions.is_empty());
    }
}
