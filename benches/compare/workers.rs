//! One worker and two, on both cores with the load program beside them: connections a second, and
//! how evenly the work is spread.

use std::io;
use std::time::Duration;

use crate::connect::{self, Close};
use crate::peer::Running;
use crate::reading::{Measure, Reading};
use crate::stage::Stage;
use crate::workload::Pace;

/// Measures `clients` as [`connect::measure`] does, and how the second thread's CPU compares with the
/// busiest one's: who accepts a connection serves it.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    clients: usize,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let before = peer.cpu_by_thread()?;
    let mut readings = connect::measure(stage, peer, clients, Close::Fin, pace)?;
    let mut spent = peer.cpu_by_thread()?;
    for (thread, cpu) in &mut spent {
        *cpu = cpu.saturating_sub(before.get(thread).copied().unwrap_or_default());
    }
    let mut spent: Vec<Duration> = spent.into_values().collect();
    spent.sort();
    if let [.., second, busiest] = spent[..] {
        readings.push((Measure::WorkerBalance, second.div_duration_f64(busiest)));
    }
    // A core is shared on purpose.
    readings.retain(|(measure, _)| *measure != Measure::Disturbed);
    Ok(readings)
}
