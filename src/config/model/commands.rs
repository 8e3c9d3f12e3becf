//! Sockets that take commands.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Bind;
use crate::config::defaults::{COMMANDS_MAX, COMMANDS_TIMEOUT};

/// Where operators and programs give commands, and how patient the process is with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    /// `stats socket` lines.
    pub sockets: Vec<CommandSocket>,
    /// `stats timeout`: silence after which a connection is closed; `None` is infinite.
    pub timeout: Option<Duration>,
    /// `stats maxconn`: connections of each socket at a time; more wait in the kernel.
    pub maxconn: NonZeroU32,
}

impl Default for Commands {
    fn default() -> Self {
        const MAX: NonZeroU32 = NonZeroU32::new(COMMANDS_MAX).expect("the default is not 0");
        Self { sockets: Vec::new(), timeout: Some(COMMANDS_TIMEOUT), maxconn: MAX }
    }
}

/// One `stats socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSocket {
    /// Where it listens.
    pub bind: Bind,
    /// What its clients may do.
    pub level: Level,
    /// Whether messages show how serious they are.
    pub severity: SeverityOutput,
    /// `expose-fd listeners`: a successor may fetch the listening sockets here.
    pub expose_listeners: bool,
}

/// What a client may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Look at what shows no secret.
    User,
    /// Look at everything, and change what does no lasting harm.
    #[default]
    Operator,
    /// Everything.
    Admin,
}

impl Level {
    /// All levels with HAProxy's words.
    pub const WORDS: [(&str, Self); 3] =
        [("user", Self::User), ("operator", Self::Operator), ("admin", Self::Admin)];

    /// HAProxy's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// How a message shows its severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SeverityOutput {
    /// Not at all.
    #[default]
    None,
    /// `[3]: `
    Number,
    /// `[err]: `
    Text,
}

impl SeverityOutput {
    /// All of them with HAProxy's words.
    pub const WORDS: [(&str, Self); 3] =
        [("none", Self::None), ("number", Self::Number), ("string", Self::Text)];
}
