//! Stick tables.

use crate::pure::id::Name;
use crate::pure::stick::Spec;

/// A stick table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickTable {
    /// Its name, that of its proxy; in a section of peers `SECTION/NAME`.
    pub name: String,
    /// What it is made by.
    pub spec: Spec,
}

/// A `peers` section: tables that belong to no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Its name.
    pub name: Name,
    /// Its tables as they were written, `table NAME …`.
    pub statements: Vec<String>,
}
