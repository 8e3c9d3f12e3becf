//! The checking of servers.
//!
//! **Architecture invariant.** Nothing here sees a session: checks and sessions meet in the state
//! both read. Probes are pure; [`driver`] is the only check code that waits for a socket.

pub mod driver;
pub mod target;
