//! The measured part of a measurement: what the proxy spent in it, and whether somebody else's
//! work disturbed it.

use std::io;
use std::time::Instant;

use measure::pinned::waited;

use crate::peer::Running;
use crate::reading::{Measure, Reading};

/// An open window.
pub(crate) struct Window {
    started: Instant,
    cpu_seconds: Option<f64>,
    waited_seconds: f64,
}

/// What a window came to.
pub(crate) struct Spent {
    /// Its length.
    pub(crate) seconds: f64,
    /// The proxy's CPU; none for the direct path.
    pub(crate) cpu_seconds: Option<f64>,
    /// The part of it that the load program was ready to run and did not.
    waited_share: f64,
}

impl Window {
    /// Begins to measure.
    pub(crate) fn open(peer: &Running) -> io::Result<Self> {
        let waited_seconds = waited()?.as_secs_f64();
        let cpu_seconds = peer.cpu()?.map(|cpu| cpu.as_secs_f64());
        Ok(Self { started: Instant::now(), cpu_seconds, waited_seconds })
    }

    /// Ends the measuring.
    pub(crate) fn close(self, peer: &Running) -> io::Result<Spent> {
        let seconds = self.started.elapsed().as_secs_f64();
        let after = peer.cpu()?.map(|cpu| cpu.as_secs_f64());
        let cpu_seconds = after.zip(self.cpu_seconds).map(|(after, before)| after - before);
        let waited_share = (waited()?.as_secs_f64() - self.waited_seconds) / seconds;
        Ok(Spent { seconds, cpu_seconds, waited_share })
    }
}

impl Spent {
    /// The readings of a window in which the proxy did `units` of work, `scale` of its CPU
    /// seconds making the measure's unit.
    pub(crate) fn readings(&self, measure: Measure, units: f64, scale: f64) -> Vec<Reading> {
        let cpu = self.cpu_seconds.map(|seconds| (measure, seconds * scale / units));
        cpu.into_iter().chain([(Measure::Disturbed, self.waited_share)]).collect()
    }
}
