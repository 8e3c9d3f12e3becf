//! The server behind the proxies: one listener that echoes, discards or sends without end. It
//! is driven by the load program's own loop, so that the load core never switches threads.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

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
}

impl Backend {
    /// Listens on `addr` (port 0 for a free one), reachable through loopback only even when
    /// `addr` is the wildcard.
    pub(crate) fn listen(poller: &Poller, addr: SocketAddr, role: Role) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let listener = Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP))?;
        listener.bind_device(Some(b"lo"))?;
        // Accepted connections inherit it: an echo in two pieces must not wait for an ACK.
        listener.set_tcp_nodelay(true)?;
        listener.bind(&addr.into())?;
        listener.listen(BACKLOG)?;
        poller.add(&listener, Token::Listener.into(), EventFlags::IN)?;
        let buf = vec![0; RECEIVE_BYTES];
        let (conns, free) = (Vec::new(), Vec::new());
        Ok(Self { listener, role, conns, free, buf, received_bytes: 0 })
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
                Role::Source => EventFlags::OUT,
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
            Role::Source => send(conn, &self.buf[..SEND_BYTES]),
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
