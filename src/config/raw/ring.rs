//! Rings of log lines, as written.

use std::time::Duration;

use haproxy_compat::span::Spanned;

use super::{Field, Server};

/// A `ring` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// Its name.
    pub name: Spanned<String>,
    /// `description`.
    pub description: Field<String>,
    /// `format`, a word.
    pub format: Field<String>,
    /// `maxlen`, in bytes.
    pub maxlen: Field<u64>,
    /// `size`, in bytes.
    pub size: Field<u64>,
    /// `backing-file`, a path.
    pub backing_file: Field<String>,
    /// `timeout connect`.
    pub connect: Field<Duration>,
    /// `timeout server`.
    pub stall: Field<Duration>,
    /// `server` lines.
    pub servers: Vec<Server>,
}

impl Ring {
    /// A section of which only the name was written.
    #[must_use]
    pub const fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            description: None,
            format: None,
            maxlen: None,
            size: None,
            backing_file: None,
            connect: None,
            stall: None,
            servers: Vec::new(),
        }
    }
}
