//! Bulk: streams that move bytes one way as fast as they go. The receiver discards without
//! copying, so that the load core has as much as possible left for sending.

use std::io;
use std::net::{SocketAddr, TcpStream};

use measure::poller::{EventFlags, Poller, discard, send};

use crate::backend::{RECEIVE_BYTES, Role, SEND_BYTES};
use crate::peer::Running;
use crate::reading::{Measure, Reading};
use crate::stage::{Client, Stage, Token};
use crate::window::Window;
use crate::workload::Pace;

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the backend.
    Up,
    /// From the backend to the client.
    Down,
}

impl Direction {
    /// What the backend does.
    pub(crate) fn backend(self) -> Role {
        match self {
            Self::Up => Role::Sink,
            Self::Down => Role::Source,
        }
    }
}

/// Streams in one direction, and what arrived.
pub(crate) struct Streams {
    direction: Direction,
    conns: Vec<TcpStream>,
    buf: Vec<u8>,
    received_bytes: u64,
}

impl Streams {
    /// Opens `streams` through `target`.
    pub(crate) fn open(
        stage: &Stage,
        target: SocketAddr,
        streams: usize,
        direction: Direction,
    ) -> io::Result<Self> {
        let mut conns = Vec::with_capacity(streams);
        let interest = match direction {
            Direction::Up => EventFlags::OUT,
            Direction::Down => EventFlags::IN,
        };
        for id in 0..streams {
            let conn = TcpStream::connect(target)?;
            conn.set_nonblocking(true)?;
            stage.poller.add(&conn, Token::Client(id).into(), interest)?;
            conns.push(conn);
        }
        Ok(Self { direction, conns, buf: vec![0; RECEIVE_BYTES], received_bytes: 0 })
    }

    /// Bytes that arrived at their receiver so far.
    pub(crate) fn moved_bytes(&self, stage: &Stage) -> u64 {
        match self.direction {
            Direction::Up => stage.backend.received_bytes(),
            Direction::Down => self.received_bytes,
        }
    }
}

impl Client for Streams {
    fn handle(&mut self, _: &Poller, id: usize, _: EventFlags) -> io::Result<()> {
        let conn = &self.conns[id];
        match self.direction {
            Direction::Up => drop(send(conn, &self.buf[..SEND_BYTES])?),
            Direction::Down => match discard(conn, &mut self.buf)? {
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                received => self.received_bytes += received.unwrap_or(0) as u64,
            },
        }
        Ok(())
    }
}

/// Measures `streams` that move bytes in `direction`.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    streams: usize,
    direction: Direction,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let mut client = Streams::open(stage, peer.addr, streams, direction)?;
    stage.run(&mut client, pace.warm_up)?;
    let (moved, window) = (client.moved_bytes(stage), Window::open(peer)?);
    stage.run(&mut client, pace.measured)?;
    let spent = window.close(peer)?;
    let gigabytes = (client.moved_bytes(stage) - moved) as f64 / 1e9;
    let mut readings = spent.readings(Measure::CpuPerGigabyte, gigabytes, 1.0);
    readings.push((Measure::Throughput, gigabytes / spent.seconds));
    Ok(readings)
}
