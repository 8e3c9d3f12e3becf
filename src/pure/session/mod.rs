//! Decisions about one session: when to try again, when silence has lasted too long.

pub mod idle;
pub mod retry;
pub mod termination;
