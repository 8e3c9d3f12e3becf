//! Who follows a relay from outside, and what they may want of it.

use std::time::{Duration, Instant};

use super::Relay;

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
    fn note(&self, relay: &Relay, at: Instant);
}
