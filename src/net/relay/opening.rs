//! What a client has sent before its server's first byte, and whether another server may have it.

use crate::pure::wire::pgsql_startup::{STARTUP_MAX, is_opening};

/// What may be done when the server ends the connection before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The end is passed on.
    Never,
    /// Another server may be tried while the client has sent nothing.
    Silent,
    /// Postgres: the first packet of a client has no effect by itself and may be repeated.
    Opening,
}

/// What the client has sent, for as long as it may be sent again.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) replay: Replay,
    /// At most [`STARTUP_MAX`]. Boxed: most sessions have none.
    bytes: Option<Box<Vec<u8>>>,
    /// Bytes that another server must not see twice were sent.
    spent: bool,
}

impl Opening {
    pub(super) const fn new(replay: Replay) -> Self {
        Self { replay, bytes: None, spent: false }
    }

    /// Whether another server may take over.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.replay != Replay::Never && !self.spent
    }

    /// Nothing is repeated from now on.
    pub(super) fn forbid(&mut self) {
        self.replay = Replay::Never;
        self.bytes = None;
    }

    /// What is to be sent again.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.take().map_or_else(Vec::new, |bytes| *bytes)
    }

    /// The client sent `bytes`.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        if self.spent || bytes.is_empty() {
            return;
        }
        if self.replay == Replay::Opening {
            let known = self.bytes.get_or_insert_default();
            if known.len() + bytes.len() <= STARTUP_MAX {
                known.extend_from_slice(bytes);
                if is_opening(known) {
                    return;
                }
            }
        }
        self.spent = true;
        self.bytes = None;
    }
}
