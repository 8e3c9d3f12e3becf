//! `peers` sections, as written.

use haproxy_compat::span::Spanned;

use super::Statement;

/// A `peers` section: its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Peers {
    /// Its name.
    pub name: Spanned<String>,
    /// `table NAME …` lines.
    pub tables: Vec<Statement>,
    /// Where the processes are; nothing is sent there.
    pub members: Vec<Spanned<String>>,
    /// Where this process would listen.
    pub binds: Vec<Spanned<String>>,
    /// It is in force and names no process at all.
    pub is_empty: bool,
}
