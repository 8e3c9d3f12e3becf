//! Sockets that take commands, as written.

use std::time::Duration;

use super::{Bind, Field};

/// `stats` lines of `global`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commands {
    /// `stats socket` lines, in order.
    pub sockets: Vec<CommandSocket>,
    /// `stats timeout`.
    pub timeout: Field<Duration>,
    /// `stats maxconn`.
    pub maxconn: Field<u64>,
}

/// One `stats socket`: an address or a comma-separated list of them, with its options.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSocket {
    /// Where it listens.
    pub bind: Bind,
    /// `level`, a word.
    pub level: Field<String>,
    /// `severity-output`, a word.
    pub severity: Field<String>,
    /// `expose-fd listeners`.
    pub expose_listeners: Field<bool>,
}
