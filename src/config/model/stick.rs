//! Stick tables.

use crate::pure::stick::Spec;

/// A stick table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickTable {
    /// Its name, that of its proxy; in a section of peers `SECTION/NAME`.
    pub name: String,
    /// What it is made by.
    pub spec: Spec,
}
