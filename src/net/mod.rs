//! Transport: addresses and bytes, and the only opener of sockets on the data path.
//!
//! **Architecture invariant.** Nothing here knows servers, policies or configuration beyond the
//! address and options of a socket.

pub mod accept;
pub mod connect;
pub mod listen;
pub mod relay;
pub mod stream;
