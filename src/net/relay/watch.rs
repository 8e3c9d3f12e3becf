//! Who follows a relay from outside, and what they may want of it.

use std::time::Duration;

use super::{End, Relay};
use crate::clock::{self, Stamp};
use crate::pure::session::farewell::Tail;
use crate::pure::session::idle::Side;

/// How long a client that is about to ask something is waited for before it is parted with: longer
/// than any takes that does not wait for a person.
pub(super) const QUIET: Duration = Duration::from_millis(100);

/// What is wanted of a relay from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It goes on.
    GoOn,
    /// It ends between two transactions, once nothing was moved for a while. Who wants that asks
    /// again from time to time.
    PartQuiet,
    /// It ends as soon as it is between two transactions.
    Part,
    /// It ends.
    End,
}

/// Who follows a relay from outside, and may end it.
pub trait Watch {
    /// Whether the relay is to end. Asked at each poll; who changes the answer wakes the task.
    fn wish(&self) -> Wish;

    /// Whether the server is between two transactions, of whom the client has had `last` as the
    /// last bytes. Asked where that is to end the relay.
    fn is_between(&self, last: &[u8]) -> bool;

    /// What was moved since the session's beginning; `at` is when bytes moved last. Called at each
    /// poll.
    fn note(&self, relay: &Relay, at: Stamp);
}

impl Relay {
    /// Remembers what the server sent last, for [`last_sent`](Self::last_sent).
    pub fn remember_last(&mut self) {
        self.down.tail = Some(Box::default());
    }

    /// What the server sent last; `None` where the client does not have all of it, or got its end.
    #[must_use]
    pub fn last_sent(&self) -> Option<&[u8]> {
        let is_open = !self.down.is_stuck() && !self.down.fin_sent && !self.is_encrypted();
        self.down.tail.as_deref().filter(|_| is_open).map(Tail::bytes)
    }

    /// Whether the server has ended its side while the client stays, or says that it will: a Postgres whose
    /// first process was killed says so milliseconds before its sessions end.
    #[must_use]
    pub fn is_left_by_server(&self) -> bool {
        let says_so = || self.down.tail.as_deref().is_some_and(Tail::is_leaving);
        !self.up.source_ended && (self.down.source_ended || says_so())
    }

    /// Whether the server's end is for somebody to judge.
    pub(super) const fn is_judged(&self) -> bool {
        self.down.tail.is_some() && !self.is_end_accepted && self.first.is_none()
    }

    /// The relay has come to `end`, if any: whether that is the server's, for somebody to judge.
    pub(super) fn left(&mut self, end: Option<End>) -> Option<End> {
        let is_told = !self.down.is_stuck();
        match end {
            None if is_told && self.down.source_ended => Some(End::ServerLeft),
            Some(End::Reset(Side::Server)) if is_told => {
                self.was_reset = true;
                Some(End::ServerLeft)
            }
            end => end,
        }
    }

    /// Whether the client waits for an answer, of which it has had nothing; `None`: it has said goodbye
    /// or ended its side, as far as anybody saw.
    #[must_use]
    pub const fn is_asking(&self) -> Option<bool> {
        let is_gone = self.may_quit || self.up.source_ended && !self.up.failed;
        if is_gone { None } else { Some(self.asked) }
    }

    /// Whether the server ended its side before the client did.
    #[must_use]
    pub fn was_left_by_server(&self) -> bool {
        let (by_server, by_client) = (self.down.fin_sent_at, self.up.fin_sent_at);
        by_server.is_some_and(|at| by_client.is_none_or(|client| at < client))
    }

    /// Whether what the server says is encrypted, where what it sent last is remembered.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.down.tail.as_deref().is_some_and(Tail::is_encrypted)
    }

    /// Whether both sides have all of what the other sent, and the server spoke last. A client that has
    /// said nothing for a while has not logged in: nothing of it is under way.
    pub(super) fn is_between(&self, watch: &impl Watch, wish: Wish) -> bool {
        let is_late =
            || clock::now().saturating_duration_since(self.last_activity.instant()) >= QUIET;
        if self.up.bytes == 0 && !self.up.source_ended {
            return is_late();
        }
        let is_quiet = !self.asked && !self.up.is_stuck();
        is_quiet
            && (wish == Wish::Part || is_late())
            && self.last_sent().is_some_and(|last| watch.is_between(last))
    }
}
