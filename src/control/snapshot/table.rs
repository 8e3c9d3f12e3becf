//! Stick tables as they are seen from outside.

/// A stick table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The type of its keys.
    pub kind: &'static str,
    /// Entries it may hold.
    pub size: u64,
    /// Entries it holds.
    pub used: u64,
}
