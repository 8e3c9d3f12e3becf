//! Decisions: deterministic functions and machines over plain values.
//!
//! **Architecture invariant.** Nothing here names tokio, a socket, a file, the environment, a
//! thread, a lock, a reference count, a log or a clock. Time and randomness are arguments, so that
//! every decision can be tested by a table, a property or a seeded simulation. Verbs: `handle_*`
//! for what happened, `next_*` for what to do and when to ask again, nouns for queries.

pub mod acl;
pub mod asked;
pub mod balance;
pub mod cpu_map;
pub mod hash;
pub mod health;
pub mod http;
pub mod id;
pub mod log_format;
pub mod password;
pub mod pattern;
pub mod probe;
pub mod resolve;
pub mod role;
pub mod rules;
pub mod sample;
pub mod sentinel;
pub mod session;
pub mod state_file;
pub mod stick;
pub mod tls;
pub mod weight;
pub mod wire;
