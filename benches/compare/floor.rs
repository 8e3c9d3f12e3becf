//! The kernel's floor: what a proxy costs that does nothing but wake up, receive from one
//! socket and send to the other. No timeouts, no counters, no logs; messages only, no streams.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use measure::poller::{EventFlags, Poller, accept, receive, send};

/// The listener's token; connections have their index in the table.
const LISTENER: u64 = u64::MAX;
/// Larger than any message of the workloads.
const BUFFER_BYTES: usize = 64 * 1024;

/// The two ends of pair `n` are 2n and 2n + 1: the other end of `id` is `id ^ 1`.
struct Relay {
    poller: Poller,
    backend: SocketAddr,
    conns: Vec<Option<OwnedFd>>,
    buf: Vec<u8>,
}

/// Relays from `listen` to `backend` until the process is ended.
pub(crate) fn run(listen: SocketAddr, backend: SocketAddr) -> io::Result<Infallible> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let poller = Poller::new()?;
    poller.add(&listener, LISTENER, EventFlags::IN)?;
    let mut relay = Relay { poller, backend, conns: Vec::new(), buf: vec![0; BUFFER_BYTES] };
    let mut ready = Vec::new();
    loop {
        relay.poller.wait(&mut ready, Duration::from_secs(60))?;
        for event in &ready {
            if event.token == LISTENER {
                relay.pair(&listener)?;
            } else {
                // A token is an index of the table, given by `pair`.
                relay.forward(event.token as usize);
            }
        }
    }
}

impl Relay {
    fn pair(&mut self, listener: &TcpListener) -> io::Result<()> {
        let Some(client) = accept(listener)? else {
            return Ok(());
        };
        let server = TcpStream::connect(self.backend)?;
        server.set_nonblocking(true)?;
        for conn in [client, server.into()] {
            let interest = EventFlags::IN | EventFlags::ET;
            self.poller.add(&conn, self.conns.len() as u64, interest)?;
            self.conns.push(Some(conn));
        }
        Ok(())
    }

    /// Moves one message; an end, an error or a short write ends the pair.
    fn forward(&mut self, id: usize) {
        let (Some(from), Some(to)) = (&self.conns[id], &self.conns[id ^ 1]) else {
            return;
        };
        let moved = match receive(from, &mut self.buf) {
            Ok(None) => true,
            Ok(Some(0)) | Err(_) => false,
            Ok(Some(len)) => matches!(send(to, &self.buf[..len]), Ok(Some(sent)) if sent == len),
        };
        if !moved {
            self.conns[id] = None;
            self.conns[id ^ 1] = None;
        }
    }
}
