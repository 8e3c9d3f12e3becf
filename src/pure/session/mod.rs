//! Decisions of one session's life.

pub mod termination;
