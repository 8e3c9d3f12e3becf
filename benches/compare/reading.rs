//! What is measured: a figure, its unit and which way is better.

use measure::histogram::Histogram;

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    CpuPerRoundTrip,
    CpuPerConnection,
    CpuPerGigabyte,
    LatencyP50,
    LatencyP99,
    /// How much the p99 is above that without the other load.
    LatencyRise,
    RoundTrips,
    Connections,
    Throughput,
    ResidentPerConnection,
    /// At most.
    Resident,
    /// The last quarter of the time less the second one.
    ResidentDrift,
    KernelPerConnection,
    /// Of what all processes hold and the kernel holds for them.
    MachinePerConnection,
    WorkerBalance,
    CpuPerSecond,
    Connects,
    LogLines,
    Failed,
    Disturbed,
}

/// Which of two figures a peer would rather have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
    /// The figure only shows that the work was the same.
    Neither,
}

impl Measure {
    /// Its name with its unit.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CpuPerRoundTrip => "CPU per round trip, µs",
            Self::CpuPerConnection => "CPU per connection, µs",
            Self::CpuPerGigabyte => "CPU per GB, s",
            Self::LatencyP50 => "p50, µs",
            Self::LatencyP99 => "p99, µs",
            Self::LatencyRise => "p99 above that alone, µs",
            Self::RoundTrips => "round trips/s",
            Self::Connections => "connections/s",
            Self::Throughput => "GB/s",
            Self::ResidentPerConnection => "resident per connection, B",
            Self::Resident => "resident at most, MB",
            Self::ResidentDrift => "resident, end less middle, KB",
            Self::KernelPerConnection => "kernel's TCP memory per connection, B",
            Self::MachinePerConnection => "all memory per connection, B",
            Self::WorkerBalance => "CPU of the second thread to that of the busiest",
            Self::CpuPerSecond => "CPU per second, ms",
            Self::Connects => "connects/s of the machine",
            Self::LogLines => "log lines per connection",
            Self::Failed => "failed connections",
            Self::Disturbed => "share of time the load waited for its core",
        }
    }

    /// Which way is better.
    pub(crate) fn better(self) -> Better {
        match self {
            Self::RoundTrips | Self::Connections | Self::Throughput => Better::Higher,
            Self::Connects
            | Self::LogLines
            | Self::Failed
            | Self::ResidentDrift
            | Self::WorkerBalance
            | Self::Disturbed => Better::Neither,
            Self::CpuPerRoundTrip
            | Self::CpuPerConnection
            | Self::CpuPerGigabyte
            | Self::LatencyP50
            | Self::LatencyP99
            | Self::LatencyRise
            | Self::ResidentPerConnection
            | Self::Resident
            | Self::KernelPerConnection
            | Self::MachinePerConnection
            | Self::CpuPerSecond => Better::Lower,
        }
    }
}

/// One figure of one measurement.
pub(crate) type Reading = (Measure, f64);

/// The two quantiles of `latencies`, in microseconds; nothing when nothing was recorded.
pub(crate) fn latencies(latencies: &Histogram) -> impl Iterator<Item = Reading> {
    [(Measure::LatencyP50, 0.5), (Measure::LatencyP99, 0.99)].into_iter().filter_map(
        |(measure, share)| Some((measure, latencies.quantile(share)?.as_secs_f64() * 1e6)),
    )
}
