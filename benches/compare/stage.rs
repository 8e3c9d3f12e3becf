//! The load core's event loop: one epoll turn serves the backend, the log sink and the client
//! of the workload. A stage lives for one measurement, so that no event outlives its owner.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use measure::log_sink::LogSink;
use measure::poller::{EventFlags, Poller, Ready};

use crate::backend::{Backend, Role};

/// The longest that a turn waits when nothing happens: the grain of every deadline here.
const TURN: Duration = Duration::from_millis(5);
/// Bytes of a socket buffer where the load's own memory is not to be seen.
pub(crate) const CRAMPED_BYTES: usize = 8 * 1024;

/// Whom an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A connection of the workload's client.
    Client(usize),
    /// A connection that the backend accepted.
    Backend(usize),
    /// The backend's listener.
    Listener,
    /// The log sink.
    Log,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        let (kind, id) = match token {
            Token::Client(id) => (0, id as u64),
            Token::Backend(id) => (1, id as u64),
            Token::Listener => (2, 0),
            Token::Log => (3, 0),
        };
        kind << 32 | id
    }
}

impl From<u64> for Token {
    fn from(word: u64) -> Self {
        // The lower half was a `usize` index of a table far below 2^32 entries.
        let id = (word & 0xffff_ffff) as usize;
        match word >> 32 {
            0 => Self::Client(id),
            1 => Self::Backend(id),
            2 => Self::Listener,
            _ => Self::Log,
        }
    }
}

/// The client side of a workload.
pub(crate) trait Client {
    /// Serves its connection `id`. An error ends the measurement.
    fn handle(&mut self, poller: &Poller, id: usize, flags: EventFlags) -> io::Result<()>;
}

/// A client without connections: the stage only serves the backend and the log.
pub(crate) struct Nobody;

impl Client for Nobody {
    fn handle(&mut self, _: &Poller, _: usize, _: EventFlags) -> io::Result<()> {
        Ok(())
    }
}

/// The loop and what it always serves.
pub(crate) struct Stage {
    pub(crate) poller: Poller,
    pub(crate) backend: Backend,
    pub(crate) log: LogSink,
    ready: Vec<Ready>,
}

impl Stage {
    /// A backend of `role` on a free port of 127.0.0.1.
    pub(crate) fn new(role: Role) -> io::Result<Self> {
        Self::listening(Ipv4Addr::LOCALHOST, role, None)
    }

    /// A backend of `role` on a free port of every loopback address.
    pub(crate) fn everywhere(role: Role) -> io::Result<Self> {
        Self::listening(Ipv4Addr::UNSPECIFIED, role, None)
    }

    /// A backend of `role` on a free port of 127.0.0.1 whose sockets hold next to nothing.
    pub(crate) fn cramped(role: Role) -> io::Result<Self> {
        Self::listening(Ipv4Addr::LOCALHOST, role, Some(CRAMPED_BYTES))
    }

    fn listening(ip: Ipv4Addr, role: Role, buffer_bytes: Option<usize>) -> io::Result<Self> {
        let poller = Poller::new()?;
        let backend = Backend::listen(&poller, SocketAddr::from((ip, 0)), role, buffer_bytes)?;
        let log = LogSink::open(&poller, Token::Log.into())?;
        Ok(Self { poller, backend, log, ready: Vec::new() })
    }

    /// One turn: waits for events, a few milliseconds at most, and serves them.
    pub(crate) fn turn(&mut self, client: &mut impl Client) -> io::Result<()> {
        self.poller.wait(&mut self.ready, TURN)?;
        for ready in &self.ready {
            match Token::from(ready.token) {
                Token::Client(id) => client.handle(&self.poller, id, ready.flags)?,
                Token::Backend(id) => self.backend.handle(id, *ready),
                Token::Listener => self.backend.accept(&self.poller)?,
                Token::Log => self.log.drain()?,
            }
        }
        Ok(())
    }

    /// Turns for as long as `duration`.
    pub(crate) fn run(&mut self, client: &mut impl Client, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.turn(client)?;
        }
        Ok(())
    }
}
