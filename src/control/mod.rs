//! Operators ask: what is seen of the process from outside.
//!
//! **Architecture invariant.** Only [`collect`] reads figures: it fills a [`snapshot::Snapshot`], and
//! every view of them ([`stats`] for CSV, typed lines and JSON, [`prometheus`], [`http`]) is made
//! from that. Commands ([`cli`]) change what runs through [`crate::state::publish`] only.

pub mod cli;
pub mod collect;
pub mod http;
pub mod prometheus;
pub mod snapshot;
pub mod stats;
