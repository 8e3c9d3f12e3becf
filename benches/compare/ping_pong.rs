//! Ping-pong: each connection sends a message, waits for its echo, and sends the next. Also
//! the way to open many connections that then lie idle.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use measure::histogram::Histogram;
use measure::poller::{EventFlags, Poller, dial, receive, send};
use socket2::Socket;

use crate::peer::Running;
use crate::reading::{Measure, Reading, latencies};
use crate::stage::{Client, Stage, Token};
use crate::window::Window;
use crate::workload::Pace;

/// Connections that wait for their first echo at a time: below every peer's accept backlog.
const OPENING_MAX: usize = 64;
/// How long the opening of all connections may take.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

struct Conn {
    socket: Socket,
    sent_at: Instant,
    /// Bytes of the echo still to come; 0 while idle.
    missing: usize,
}

/// What happens when an echo is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterEcho {
    /// The connection is open.
    Idle,
    /// The next message is sent.
    Next,
    /// The next message has its time.
    Wait,
}

/// Connections that exchange messages of one size.
pub(crate) struct PingPong {
    conns: Vec<Conn>,
    message: Vec<u8>,
    buf: Vec<u8>,
    after_echo: AfterEcho,
    /// Connections whose echo is not complete.
    waiting: usize,
    histogram: Histogram,
}

impl PingPong {
    /// Opens `connections` through `target`, each with one exchange of `bytes`, and leaves them
    /// idle.
    pub(crate) fn open(
        stage: &mut Stage,
        target: SocketAddr,
        connections: usize,
        bytes: usize,
    ) -> io::Result<Self> {
        let deadline = Instant::now() + OPEN_LIMIT;
        let mut client = Self {
            conns: Vec::with_capacity(connections),
            message: vec![b'x'; bytes],
            buf: vec![0; bytes],
            after_echo: AfterEcho::Idle,
            waiting: 0,
            histogram: Histogram::new(),
        };
        while client.conns.len() < connections || client.waiting > 0 {
            if client.conns.len() < connections && client.waiting < OPENING_MAX {
                client.add(&stage.poller, target)?;
            } else {
                stage.turn(&mut client)?;
            }
            if Instant::now() > deadline {
                let opened = client.conns.len() - client.waiting;
                let message = format!("{opened} of {connections} connections answer");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        Ok(client)
    }

    fn add(&mut self, poller: &Poller, target: SocketAddr) -> io::Result<()> {
        let socket = dial(target)?;
        // Ready to write at first; `handle` then sends the first message and listens.
        poller.add(&socket, Token::Client(self.conns.len()).into(), EventFlags::OUT)?;
        self.conns.push(Conn { socket, sent_at: Instant::now(), missing: self.message.len() });
        self.waiting += 1;
        Ok(())
    }

    /// Sends a message on the first `active` connections and goes on with each echo.
    pub(crate) fn start(&mut self, active: usize) -> io::Result<()> {
        self.after_echo = AfterEcho::Next;
        for id in 0..active {
            self.ping(id)?;
        }
        Ok(())
    }

    /// For `duration`, sends a message on each connection that has its echo, every so often.
    fn run_paced(
        &mut self,
        stage: &mut Stage,
        every: Duration,
        duration: Duration,
    ) -> io::Result<()> {
        self.after_echo = AfterEcho::Wait;
        let end = Instant::now() + duration;
        while Instant::now() < end {
            for id in 0..self.conns.len() {
                if self.conns[id].missing == 0 {
                    self.ping(id)?;
                }
            }
            stage.run(self, every)?;
        }
        Ok(())
    }

    /// Echoes that came since the start.
    pub(crate) fn round_trips(&self) -> u64 {
        self.histogram.total()
    }

    fn ping(&mut self, id: usize) -> io::Result<()> {
        let conn = &mut self.conns[id];
        conn.sent_at = Instant::now();
        conn.missing = self.message.len();
        // The peer has read the message before: the socket's buffer is empty.
        match send(&conn.socket, &self.message)? {
            Some(len) if len == self.message.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn pong(&mut self, id: usize) -> io::Result<()> {
        let conn = &mut self.conns[id];
        let Some(len) = receive(&conn.socket, &mut self.buf)? else {
            return Ok(());
        };
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        conn.missing = conn.missing.saturating_sub(len);
        if conn.missing > 0 {
            return Ok(());
        }
        if self.after_echo == AfterEcho::Idle {
            self.waiting -= 1;
            return Ok(());
        }
        self.histogram.record(conn.sent_at.elapsed());
        match self.after_echo {
            AfterEcho::Next => self.ping(id),
            AfterEcho::Idle | AfterEcho::Wait => Ok(()),
        }
    }
}

impl Client for PingPong {
    fn handle(&mut self, poller: &Poller, id: usize, flags: EventFlags) -> io::Result<()> {
        if flags.contains(EventFlags::OUT) {
            let socket = &self.conns[id].socket;
            poller.modify(socket, Token::Client(id).into(), EventFlags::IN)?;
            return self.ping(id);
        }
        self.pong(id)
    }
}

/// Measures `connections`, of which the first `active` exchange messages of `bytes`.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    (active, connections): (usize, usize),
    bytes: usize,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let mut client = PingPong::open(stage, peer.addr, connections, bytes)?;
    client.start(active)?;
    stage.run(&mut client, pace.warm_up)?;
    client.histogram = Histogram::new();
    let window = Window::open(peer)?;
    stage.run(&mut client, pace.measured)?;
    let spent = window.close(peer)?;
    let round_trips = client.histogram.total() as f64;
    let mut readings = spent.readings(Measure::CpuPerRoundTrip, round_trips, 1e6);
    readings.push((Measure::RoundTrips, round_trips / spent.seconds));
    readings.extend(latencies(&client.histogram));
    Ok(readings)
}

/// Measures `connections` that each send 64 bytes `every` so often.
pub(crate) fn measure_paced(
    stage: &mut Stage,
    peer: &Running,
    connections: usize,
    every: Duration,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let mut client = PingPong::open(stage, peer.addr, connections, 64)?;
    client.run_paced(stage, every, pace.warm_up)?;
    client.histogram = Histogram::new();
    let window = Window::open(peer)?;
    client.run_paced(stage, every, pace.measured)?;
    let spent = window.close(peer)?;
    let round_trips = client.histogram.total() as f64 / spent.seconds;
    let mut readings = vec![(Measure::RoundTrips, round_trips)];
    readings.extend(latencies(&client.histogram));
    Ok(readings)
}

/// Measures what an idle connection keeps resident, after one exchange of 64 bytes on each.
pub(crate) fn measure_idle(
    stage: &mut Stage,
    peer: &Running,
    connections: usize,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    stage.run(&mut crate::stage::Nobody, pace.warm_up)?;
    let before = peer.resident_bytes()?;
    let mut client = PingPong::open(stage, peer.addr, connections, 64)?;
    stage.run(&mut client, pace.measured)?;
    let (Some(before), Some(after)) = (before, peer.resident_bytes()?) else {
        return Ok(vec![]);
    };
    let grown = after as f64 - before as f64;
    Ok(vec![(Measure::ResidentPerConnection, grown / connections as f64)])
}
