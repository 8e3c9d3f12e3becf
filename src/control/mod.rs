//! Operators ask: what is seen of the process from outside.
//!
//! **Architecture invariant.** Nothing here reads the engines: whoever owns the state fills a
//! [`snapshot::Snapshot`], and every view of it ([`prometheus`], [`http`]) is made from that.

pub mod http;
pub mod prometheus;
pub mod snapshot;
