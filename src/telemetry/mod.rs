//! What is measured and announced inside the process.
//!
//! **Architecture invariant.** Nothing here sends anything outside: sessions and checks put
//! [`record::Record`]s and [`event::Event`]s on a bounded [`bus::Bus`], and `notify` ships them.
//! Producers never wait; what does not fit is counted.

pub mod bus;
pub(crate) mod digits;
pub mod event;
pub mod failover;
pub mod names;
pub mod outbox;
pub mod record;
pub mod ring;
pub mod stdio;
pub mod time;
pub mod trace;
pub mod written;
