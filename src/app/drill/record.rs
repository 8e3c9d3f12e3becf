//! What is written down of a drill.

use serde::{Deserialize, Serialize};

use crate::telemetry::failover;

/// The record of one drill, as it is written and told. Times are seconds since the fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::app) struct Record {
    /// The frontend.
    pub(in crate::app) route: String,
    /// Its backend.
    pub(in crate::app) backend: String,
    /// What was done to the primary: `kill`, `hang`, `partition` or `switchover`.
    pub(in crate::app) fault: String,
    /// When, UTC (RFC 3339).
    pub(in crate::app) started_at: String,
    /// Who was primary.
    pub(in crate::app) from: String,
    /// Who is since; absent where nobody was in time.
    pub(in crate::app) to: Option<String>,
    /// Until it was taken for primary no more.
    pub(in crate::app) detected: Option<f64>,
    /// Until another one, or itself again, was taken for it.
    pub(in crate::app) promoted: Option<f64>,
    /// Until a client that came through the route was served by it.
    pub(in crate::app) served: Option<f64>,
    /// Clients of the drill that were served.
    pub(in crate::app) probes_good: u64,
    /// Those that saw an error.
    pub(in crate::app) probes_failed: u64,
    /// The longest time from a client's connection to its answer.
    pub(in crate::app) longest_wait: f64,
    /// How long it may take, as declared.
    pub(in crate::app) rto: Option<f64>,
    /// What may be missing, as declared, in bytes of WAL or transactions.
    pub(in crate::app) rpo: Option<u64>,
    /// What was measured of the failover: sessions, positions, what is missing.
    pub(in crate::app) failover: Option<failover::Record>,
}

impl Record {
    /// What it does not keep of what was declared; empty: all of it is kept.
    #[must_use]
    pub(in crate::app) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        match self.served {
            None => broken.push("nobody was served again in time".to_owned()),
            Some(served) if self.rto.is_some_and(|rto| served > rto) => {
                broken.push(format!("it took {served:.3} s, more than the rto"));
            }
            Some(_) => {}
        }
        let missing = self.failover.as_ref().map_or(0, |failover| failover.rpo);
        if self.rpo.is_some_and(|rpo| missing > rpo) {
            broken.push(format!("{missing} are missing, more than the rpo"));
        }
        broken
    }
}
