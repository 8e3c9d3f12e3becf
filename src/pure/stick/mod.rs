//! Stick tables: what is remembered of clients, by key, for a while.
//!
//! ```text
//! data     what an entry can hold, in the order it is shown
//! layout   what the entries of one table hold, and where
//! key      a table's keys, made of samples or of words
//! window   rates: events of the last period, of two half-known ones
//! entry    the values of one key
//! table    the entries: found by key, held by sessions, purged by age
//! ask      what samples ask of an entry, or tell it
//! ```
//! Bounds: a table has no more entries than its size, and an entry no more values than its layout.

pub mod ask;
pub mod data;
pub mod entry;
pub mod key;
pub mod layout;
pub mod table;
pub mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use data::DataType;
pub use entry::Entry;
pub use key::{Key, KeyKind};
pub use layout::{Layout, Stored};
pub use table::{Removal, Table};

/// How servers are named in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerKey {
    /// By their names.
    #[default]
    Name,
    /// By their addresses and ports.
    Addr,
}

/// What a table is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its keys.
    pub kind: KeyKind,
    /// Most entries.
    pub size: usize,
    /// How long an entry is kept after it was used last; `None`: until there is no room.
    pub expire: Option<Duration>,
    /// The oldest entries give way to new ones; otherwise new ones are not kept.
    pub purges: bool,
    /// How servers are named.
    pub server_key: ServerKey,
    /// What entries hold.
    pub layout: Layout,
}

impl Spec {
    /// Whether entries of a table made by `other` mean the same here.
    #[must_use]
    pub fn keeps_entries_of(&self, other: &Self) -> bool {
        self.kind == other.kind && self.size == other.size && self.layout == other.layout
    }
}
