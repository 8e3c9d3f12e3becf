//! What Evenkeel's benchmarks share: pinned processes and what they cost, an epoll loop's
//! tools, latency histograms, medians, tables and kept results.
//!
//! It knows no workload and no configuration; `benches/compare` and `benches/failover` do. It
//! is a development dependency only and never part of the shipped program.

pub mod histogram;
pub mod log_sink;
pub mod machine;
pub mod pinned;
pub mod poller;
pub mod results;
pub mod scratch;
pub mod summary;
pub mod table;
