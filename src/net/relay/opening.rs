//! What a client has sent before its server's first byte, and whether another server may have it.

use std::task::{Context, Poll};

use super::rest::Rest;
use super::{End, Relay};
use crate::net::stream::Stream;
use crate::pure::session::turned_away::is_turned_away;
use crate::pure::wire::pgsql_startup::{STARTUP_MAX, asks_for_encryption, is_opening};

/// What a server answers that has no encryption, and how often a client asks: for TLS and for GSSAPI.
const DECLINED: &[u8] = b"N";
const DECLINED_MAX: u8 = 2;

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
    /// At most [`STARTUP_MAX`].
    bytes: Rest,
    /// Bytes that another server must not see twice were sent.
    spent: bool,
    /// Bytes of the server's that are no answer: it was asked for encryption, and has none. Whoever takes
    /// over is not asked again, for the client knows.
    declined: u8,
}

impl Opening {
    pub(super) fn new(replay: Replay) -> Self {
        Self { replay, bytes: Rest::default(), spent: false, declined: 0 }
    }

    /// Whether another server may take over.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.replay != Replay::Never && !self.spent
    }

    /// Bytes that the client has had, which are no answer.
    pub(super) fn declined(&self) -> u64 {
        self.declined.into()
    }

    /// The server sent `first`: whether it only declines to encrypt.
    fn declines(&mut self, first: &[u8]) -> bool {
        let is_one = self.replay == Replay::Opening
            && first == DECLINED
            && self.declined < DECLINED_MAX
            && asks_for_encryption(self.bytes.bytes());
        if is_one {
            self.declined += 1;
            self.bytes = Rest::default();
        }
        is_one
    }

    /// Nothing is repeated from now on.
    pub(super) fn forbid(&mut self) {
        self.replay = Replay::Never;
        self.bytes = Rest::default();
    }

    /// What is to be sent again.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.take()
    }

    /// The client sent `bytes`.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        if self.spent || bytes.is_empty() {
            return;
        }
        if self.replay == Replay::Opening && self.bytes.bytes().len() + bytes.len() <= STARTUP_MAX {
            self.bytes.push(bytes);
            if is_opening(self.bytes.bytes()) {
                return;
            }
        }
        self.spent = true;
        self.bytes = Rest::default();
    }
}

impl Relay {
    /// Reads the server's first bytes. Where they say that it shuts down they are kept back, and that
    /// counts as an end without a byte.
    pub(super) fn poll_first(
        &mut self,
        cx: &mut Context<'_>,
        server: &mut Stream,
        buffer: &mut [u8],
    ) -> Option<End> {
        let is_database = self.opening.replay == Replay::Opening || self.down.tail.is_some();
        // What the client does not take yet is not to be mixed with what is kept back.
        if !is_database || !self.is_unanswered() || self.down.is_stuck() {
            return None;
        }
        // Its end is found by whoever reads next.
        let Poll::Ready(Ok(read @ 1..)) = server.poll_read(cx, buffer) else { return None };
        let first = buffer[..read].to_vec();
        if is_turned_away(&first) {
            self.down.keep_back(first);
            return Some(End::ServerSilent);
        }
        self.opening.declines(&first);
        self.down.bytes += read as u64;
        self.down.queue(first);
        None
    }
}
