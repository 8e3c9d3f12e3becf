//! Health checks alone: many servers checked every second by a TCP connection, no client.

use std::fs;
use std::io;
use std::net::SocketAddr;

use crate::peer::Running;
use crate::reading::{Measure, Reading};
use crate::stage::{Nobody, Stage};
use crate::window::Window;
use crate::workload::Pace;

/// Servers 127.1.x.y, all of them the stage's one backend.
pub(crate) fn servers(stage: &Stage, count: u16) -> io::Result<Vec<SocketAddr>> {
    let port = stage.backend.addr()?.port();
    let server = |index: u16| {
        let [high, low] = index.to_be_bytes();
        SocketAddr::from(([127, 1, high, low], port))
    };
    Ok((1..=count).map(server).collect())
}

/// Measures a proxy that was started before [`servers`] and gets no connections.
pub(crate) fn measure(stage: &mut Stage, peer: &Running, pace: &Pace) -> io::Result<Vec<Reading>> {
    stage.run(&mut Nobody, pace.checks_settle)?;
    let (connects_before, window) = (connects()?, Window::open(peer)?);
    stage.run(&mut Nobody, pace.checks_measured)?;
    let spent = window.close(peer)?;
    let checks = (connects()? - connects_before) as f64;
    let mut readings = spent.readings(Measure::CpuPerSecond, spent.seconds, 1e3);
    readings.push((Measure::Connects, checks / spent.seconds));
    Ok(readings)
}

/// Connections begun by anyone on this machine. A checker may reset a connection before its last
/// acknowledgement left, as haproxy does, and then no listener ever sees it.
fn connects() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/snmp")?;
    let mut tcp = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (Some(names), Some(values)) = (tcp.next(), tcp.next()) else {
        return Err(io::Error::other("/proc/net/snmp: no TCP counters"));
    };
    let mut counters = names.split_whitespace().zip(values.split_whitespace());
    let active_opens = counters.find(|(name, _)| *name == "ActiveOpens");
    active_opens
        .and_then(|(_, value)| value.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/net/snmp: no count of active opens"))
}
