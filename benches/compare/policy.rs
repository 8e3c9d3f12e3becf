//! Balancing policies: what a connection costs with few and with many servers to choose from.

use std::fmt::{self, Display, Formatter};
use std::io;

use crate::checks;
use crate::connect::{self, Close};
use crate::peer::Running;
use crate::plan::Plan;
use crate::reading::{Measure, Reading};
use crate::stage::Stage;
use crate::workload::Pace;

/// Sessions that each server takes where a policy fills one after the other: a few of those that
/// connect at a time, so that it has full ones to pass.
const FULL: u16 = 4;

/// How a server is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    RoundRobin,
    StaticRr,
    LeastConn,
    First,
    /// The client's address in a table of the servers.
    Source,
    /// The client's address on a ring of the servers.
    Consistent,
}

impl Policy {
    pub(crate) const ALL: [Self; 6] = [
        Self::RoundRobin,
        Self::StaticRr,
        Self::LeastConn,
        Self::First,
        Self::Source,
        Self::Consistent,
    ];

    /// What `balance` is followed by.
    fn words(self) -> &'static str {
        match self {
            Self::RoundRobin => "roundrobin",
            Self::StaticRr => "static-rr",
            Self::LeastConn => "leastconn",
            Self::First => "first",
            Self::Source => "source",
            Self::Consistent => "source\n    hash-type consistent",
        }
    }

    /// A backend of `servers` that `clients` connect to at a time.
    pub(crate) fn plan(self, stage: &Stage, servers: u16, clients: usize) -> io::Result<Plan> {
        // One check a second of all of them: what a pick costs is to be seen, not what checks do.
        let mut each_server = format!("check inter {servers}s");
        if self == Self::First && usize::from(servers) * usize::from(FULL) > clients {
            each_server.push_str(&format!(" maxconn {FULL}"));
        }
        let servers = checks::servers(stage, servers)?;
        Ok(Plan { servers, balance: self.words(), each_server, ..Plan::default() })
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Consistent { "consistent" } else { self.words() })
    }
}

/// Measures `clients` as [`connect::measure`] does; the rest of what that says is in its own rows.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    clients: usize,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let mut readings = connect::measure(stage, peer, clients, Close::Fin, pace)?;
    let kept = [Measure::CpuPerConnection, Measure::Failed, Measure::Disturbed];
    readings.retain(|(measure, _)| kept.contains(measure));
    Ok(readings)
}
