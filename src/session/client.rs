//! The client while its session has no server yet: what it sends is kept, and its leaving is heard.

use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use super::{Ended, Session};
use crate::config::model;
use crate::net::relay::poll_read_into;
use crate::net::stream::Stream;
use crate::pure::session::termination::{Cause, Phase, Termination};

/// Bytes read from a client before there is a server: what HAProxy's buffer takes of them.
const EARLY_MAX: usize = 15 * 1024;

/// How a client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It closed its side.
    Closed,
    /// It reset.
    Reset,
}

impl Gone {
    /// The end of a session whose client left in this phase. HAProxy says of a reset that it was in
    /// the data phase, however far the session had come.
    pub(super) const fn ended(self, phase: Phase) -> Ended {
        match self {
            Self::Closed => Termination::new(Cause::ClientAbort, phase),
            Self::Reset => Termination::new(Cause::ClientAbort, Phase::Data),
        }
    }
}

/// What is known of the client's side of the connection before it is relayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Heard {
    /// It may send more.
    #[default]
    Open,
    /// It was closed while its bytes were inspected. The session goes on: it may be a client that
    /// has said all it had to say.
    Closed,
    /// It was reset while its bytes were inspected.
    Reset,
    /// It was silent for `timeout client` while its bytes were inspected.
    Silent,
}

/// A client that is watched while something else is waited for.
pub(super) struct Watching<'s> {
    stream: &'s mut Stream,
    early: &'s mut Vec<u8>,
    /// A client that closes has left, whatever it sent before: `option abortonclose`.
    leaves_by_closing: bool,
    /// It had closed before the wait began.
    closed: bool,
}

impl Watching<'_> {
    /// It leaves by closing, whatever `abortonclose` says.
    pub(super) const fn leave_by_closing(&mut self) {
        self.leaves_by_closing = true;
    }

    /// Ready when the client leaves without having sent anything, or resets. What it sends meanwhile
    /// is kept, up to [`EARLY_MAX`] bytes; a client that has sent something is waited for even if it
    /// is half closed, as in HAProxy, unless `abortonclose`.
    pub(super) fn poll_gone(&mut self, cx: &mut TaskContext<'_>) -> Poll<Gone> {
        while self.early.len() < EARLY_MAX {
            let room = EARLY_MAX - self.early.len();
            match ready!(poll_read_into(cx, self.stream, self.early, room)) {
                Ok(0) if self.leaves_by_closing => return Poll::Ready(Gone::Closed),
                Ok(0) if self.early.is_empty() && !self.closed => return Poll::Ready(Gone::Closed),
                Err(_) => return Poll::Ready(Gone::Reset),
                Ok(0) => return Poll::Pending,
                Ok(_) => {}
            }
        }
        Poll::Pending
    }
}

impl Session {
    pub(super) fn watch_client(&mut self, settings: &model::Backend) -> Watching<'_> {
        Watching {
            stream: &mut self.client,
            early: &mut self.early,
            leaves_by_closing: settings.abortonclose,
            closed: self.heard == Heard::Closed,
        }
    }

    /// What is left, at `now`, of `timeout client` for a client heard last at `heard_at`; `None`:
    /// for ever.
    pub(super) fn patience(&self, heard_at: Instant, now: Instant) -> Option<Duration> {
        let limit = self.route.settings.timeouts.client?;
        Some((heard_at + limit).saturating_duration_since(now))
    }

    /// A client that reset, or was silent for too long, while it was inspected gets no server.
    pub(super) fn still_there(&self) -> Result<(), Ended> {
        match self.heard {
            Heard::Open | Heard::Closed => Ok(()),
            Heard::Reset => Err(Termination::new(Cause::ClientAbort, Phase::Request)),
            Heard::Silent => Err(Termination::new(Cause::ClientTimeout, Phase::Request)),
        }
    }

    /// Closes the client's side of a session that never came to relaying, or was ended by force. It
    /// learns so by a FIN, as from HAProxy, even where it sent what nobody read. What has arrived
    /// is counted, and a client that had reset before is the one who ended the session.
    pub(super) fn part_early(&mut self, end: Ended) -> Ended {
        if !self.outcome.begun || self.silenced {
            self.client.part();
            return end;
        }
        let room = EARLY_MAX.saturating_sub(self.early.len());
        let reset = self.client.read_arrived(&mut self.early, room).is_err();
        self.client.part_early();
        match (end.cause, end.phase) {
            (Cause::ServerAbort | Cause::ServerTimeout, Phase::Connect) if reset => {
                let served = self.outcome.server.is_some();
                let phase = if served { Phase::Data } else { Phase::Request };
                Termination::new(Cause::ClientAbort, phase)
            }
            _ => end,
        }
    }
}
