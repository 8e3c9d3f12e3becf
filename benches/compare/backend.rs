//! The server behind the proxies: one listener that echoes, discards or sends without end. It
//! is driven by the load program's own loop, so that the load core never switches threads.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use measure::poller::{EventFlags, Poller, Ready, accept, discard, receive, send};
use socket2::{Domain, Protocol, Socket, Type};

use crate::stage::Token;

/// Longest queue of connections not accepted yet; what Linux allows by default.
const BACKLOG: i32 = 4096;
/// Connections accepted in one turn.
const ACCEPT_BATCH: usize = 64;
/// A bulk sender's write: what a database sends from its buffer at once.
pub(crate) const SEND_BYTES: usize = 128 * 1024;
/// The most that one receive takes; discarding does not touch the buffer.
pub(crate) const RECEIVE_BYTES: usize = 1024 * 1024;

/// What the server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sends back what it receives.
    Echo,
    /// Receives and discards.
    Sink,
    /// Sends as fast as the connection takes it.
    Source,
    /// Sends like that, and receives a little when told to [`Backend::sip`].
    Slow,
}

/// How often each connection of a slow reader is read from.
const SIP_EVERY: Duration = Duration::from_secs(1);
/// What is read then.
const SIP_BYTES: usize = 1024;

/// Reads a little from one connection after the other.
pub(crate) struct Sips {
    since: Instant,
    taken: usize,
}

impl Sips {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), taken: 0 }
    }

    /// Reads from as many of `conns` as are due.
    pub(crate) fn take<'a>(&mut self, conns: impl ExactSizeIterator<Item = &'a (impl AsFd + 'a)>) {
        let len = conns.len();
        let passed = self.since.elapsed().div_duration_f64(SIP_EVERY);
        let due = ((passed * len as f64) as usize).min(len);
        for conn in conns.take(due).skip(self.taken) {
            // One that broke is seen by who sends on it.
            let _ = receive(conn, &mut [0; SIP_BYTES]);
        }
        self.taken = due;
        if due == len {
            *self = Self::new();
        }
    }
}

/// A listener and its connections.
pub(crate) struct Backend {
    listener: Socket,
    role: Role,
    conns: Vec<Option<OwnedFd>>,
    /// Indexes of `conns` that are `None`.
    free: Vec<usize>,
    buf: Vec<u8>,
    received_bytes: u64,
    sips: Sips,
}

impl Backend {
    /// Listens on `addr` (port 0 for a free one), reachable through loopback only even when
    /// `addr` is the wildcard; sockets have buffers of `buffer_bytes` or as the kernel sees fit.
    pub(crate) fn listen(
        poller: &Poller,
        addr: SocketAddr,
        role: Role,
        buffer_bytes: Option<usize>,
    ) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let listener = Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP))?;
        listener.bind_device(Some(b"lo"))?;
        // Accepted connections inherit it: an echo in two pieces must not wait for an ACK.
        listener.set_tcp_nodelay(true)?;
        if let Some(bytes) = buffer_bytes {
            listener.set_recv_buffer_size(bytes)?;
            listener.set_send_buffer_size(bytes)?;
        }
        listener.bind(&addr.into())?;
        listener.listen(BACKLOG)?;
        poller.add(&listener, Token::Listener.into(), EventFlags::IN)?;
        let buf = vec![0; RECEIVE_BYTES];
        let (conns, free) = (Vec::new(), Vec::new());
        Ok(Self { listener, role, conns, free, buf, received_bytes: 0, sips: Sips::new() })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        let addr = self.listener.local_addr()?;
        addr.as_socket().ok_or_else(|| io::Error::other("the backend has no IP address"))
    }

    /// Bytes discarded so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Reads a little from the connections whose turn it is.
    pub(crate) fn sip(&mut self) {
        let open: Vec<_> = self.conns.iter().flatten().collect();
        self.sips.take(open.into_iter());
    }

    /// Accepts what waits, up to a batch.
    pub(crate) fn accept(&mut self, poller: &Poller) -> io::Result<()> {
        for _ in 0..ACCEPT_BATCH {
            let Some(conn) = accept(&self.listener)? else {
                break;
            };
            let id = self.free.pop().unwrap_or_else(|| {
                self.conns.push(None);
                self.conns.len() - 1
            });
            let interest = match self.role {
                Role::Echo | Role::Sink => EventFlags::IN,
                Role::Source | Role::Slow => EventFlags::OUT,
            };
            poller.add(&conn, Token::Backend(id).into(), interest)?;
            self.conns[id] = Some(conn);
        }
        Ok(())
    }

    /// Serves connection `id`; one that ended or broke is closed.
    pub(crate) fn handle(&mut self, id: usize, ready: Ready) {
        let Some(conn) = self.conns.get(id).and_then(Option::as_ref) else {
            return;
        };
        let served = match self.role {
            _ if ready.flags.contains(EventFlags::ERR) => {
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Role::Echo => echo(conn, &mut self.buf),
            Role::Sink => discard(conn, &mut self.buf),
            Role::Source | Role::Slow => send(conn, &self.buf[..SEND_BYTES]),
        };
        match served {
            Ok(None) => {}
            Ok(Some(bytes)) if bytes > 0 => self.received_bytes += bytes as u64,
            Ok(_) | Err(_) => {
                self.conns[id] = None;
                self.free.push(id);
            }
        }
    }
}

/// Echoes once. A message is far below a socket's buffer and its sender waits for the answer: a
/// short write is a fault of the set-up, and ends the connection where the client sees it.
fn echo(conn: &OwnedFd, buf: &mut [u8]) -> io::Result<Option<usize>> {
    let Some(len) = receive(conn, buf)? else {
        return Ok(None);
    };
    if len > 0 && send(conn, &buf[..len])? != Some(len) {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(Some(len))
}
