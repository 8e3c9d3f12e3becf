//! Connection rate: a number of clients that each connect, exchange 64 bytes and close, over
//! and over. How a connection ends is most of what it costs, so both ends are measured.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use measure::histogram::Histogram;
use measure::poller::{EventFlags, Poller, dial, receive, send};
use socket2::Socket;

use crate::peer::Running;
use crate::reading::{Measure, Reading, latencies};
use crate::stage::{Client, Nobody, Stage, Token};
use crate::window::Window;
use crate::workload::Pace;

const MESSAGE_BYTES: usize = 64;
/// How long the last log lines may take to arrive.
const LOG_DELAY: Duration = Duration::from_millis(200);

/// How the client ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Politely.
    Fin,
    /// With a reset, as load balancers' checks and impatient clients do.
    Rst,
}

struct Conn {
    socket: Socket,
    started: Instant,
    sent: bool,
    /// Bytes of the echo still to come.
    missing: usize,
}

struct Churn {
    target: SocketAddr,
    close: Close,
    /// One for each client; `None` until [`Churn::refill`] dials again.
    slots: Vec<Option<Conn>>,
    histogram: Histogram,
    failed: u64,
}

impl Churn {
    fn new(target: SocketAddr, close: Close, clients: usize) -> Self {
        let slots = (0..clients).map(|_| None).collect();
        Self { target, close, slots, histogram: Histogram::new(), failed: 0 }
    }

    /// Turns for `duration`, dialling again wherever a connection has ended.
    fn run(&mut self, stage: &mut Stage, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.refill(&stage.poller)?;
            stage.turn(self)?;
        }
        Ok(())
    }

    fn refill(&mut self, poller: &Poller) -> io::Result<()> {
        for (id, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
            let started = Instant::now();
            let Ok(socket) = dial(self.target) else {
                self.failed += 1;
                continue;
            };
            // Edges: connected, then answered; no change of interest in between.
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            poller.add(&socket, Token::Client(id).into(), interest)?;
            *slot = Some(Conn { socket, started, sent: false, missing: MESSAGE_BYTES });
        }
        Ok(())
    }
}

impl Conn {
    /// Takes the exchange a step further; `true` when it is complete.
    fn step(&mut self) -> io::Result<bool> {
        if !self.sent {
            self.sent = true;
            if send(&self.socket, &[b'x'; MESSAGE_BYTES])? != Some(MESSAGE_BYTES) {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        let mut buf = [0; MESSAGE_BYTES];
        match receive(&self.socket, &mut buf)? {
            None => Ok(false),
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(len) => {
                self.missing = self.missing.saturating_sub(len);
                Ok(self.missing == 0)
            }
        }
    }
}

impl Client for Churn {
    fn handle(&mut self, _: &Poller, id: usize, _: EventFlags) -> io::Result<()> {
        let Some(conn) = &mut self.slots[id] else {
            return Ok(());
        };
        match conn.step() {
            Ok(false) => return Ok(()),
            Ok(true) => self.histogram.record(conn.started.elapsed()),
            Err(_) => self.failed += 1,
        }
        if self.close == Close::Rst {
            conn.socket.set_linger(Some(Duration::ZERO))?;
        }
        self.slots[id] = None;
        Ok(())
    }
}

/// Measures `clients` that connect, exchange 64 bytes and end the connection as `close` says.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    clients: usize,
    close: Close,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let mut client = Churn::new(peer.addr, close, clients);
    client.run(stage, pace.warm_up)?;
    client.histogram = Histogram::new();
    let (lines_before, window) = (stage.log.lines(), Window::open(peer)?);
    client.run(stage, pace.measured)?;
    let spent = window.close(peer)?;
    let connections = client.histogram.total() as f64;
    let mut readings = spent.readings(Measure::CpuPerConnection, connections, 1e6);
    readings.push((Measure::Connections, connections / spent.seconds));
    readings.push((Measure::Failed, client.failed as f64));
    readings.extend(latencies(&client.histogram));
    stage.run(&mut Nobody, LOG_DELAY)?;
    if spent.cpu_seconds.is_some() {
        let lines = stage.log.lines() - lines_before;
        readings.push((Measure::LogLines, lines as f64 / connections));
    }
    Ok(readings)
}
