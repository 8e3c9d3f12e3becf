//! Operators ask: what is seen of the process from outside.
//!
//! **Architecture invariant.** Only [`collect`] reads the state: it fills a [`snapshot::Snapshot`],
//! and every view of it ([`prometheus`], [`http`]) is made from that.

pub mod cli;
pub mod collect;
pub mod http;
pub mod prometheus;
pub mod snapshot;
