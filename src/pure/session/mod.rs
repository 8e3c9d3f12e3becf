//! Decisions about one session: when to try again, when silence has lasted too long, what its end
//! is called.
//!
//! The order of a session's steps is not decided here: that is one async function in `session`,
//! which asks these. They must not know a socket, a server's address or the configuration's types.

pub mod farewell;
pub mod idle;
pub mod placement;
pub mod retry;
pub mod termination;
pub mod turned_away;
pub mod vain;
