//! What is asked of a policy, and what it answers.

use super::live_set::ServerIndex;

/// Who asks for a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What hashing policies pick by, of [`HashType::of`](super::HashType::of) or
    /// [`of_source`](super::HashType::of_source); `None`: the session has no key, and takes turns.
    pub hash: Option<u32>,
    /// The server that failed this session: another one is preferred.
    pub avoid: Option<ServerIndex>,
    /// The server that a rule or persistence chose: the policy has no say. The caller knows that it
    /// is running; it may be one that is not in the live set.
    pub direct: Option<ServerIndex>,
    /// The session waits already, and is counted.
    pub waits: bool,
    /// Its place where sessions wait.
    pub order: QueueOrder,
}

/// Who of those who wait comes first: the lowest class, in it the earliest, among equals the one
/// that has waited longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueOrder {
    /// `set-priority-class`, -2047 to 2047.
    pub class: i16,
    /// Its time in milliseconds since the start of the process, moved by `set-priority-offset`.
    pub due_ms: i64,
}

/// The answer to a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This server has room.
    Server(ServerIndex),
    /// Only this server will do, and it is full: wait in its queue.
    QueueAt(ServerIndex),
    /// Only this server will do, and its queue is full, too.
    QueueFull(ServerIndex),
    /// Every server that could do is full: wait for any.
    QueueAny,
    /// Nobody may be picked at all.
    NoServer,
}
