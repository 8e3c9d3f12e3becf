//! The scripted server: greets, lets everybody in, and answers each query with its own id. It
//! runs as a process of its own, so that `kill -9` is what it is in life.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use measure::poller::{EventFlags, Poller, accept, receive, send};

use crate::packet::{self, Command};

/// The listener's token; connections have their index in the table.
const LISTENER: u64 = u64::MAX;
/// Bytes a client may send without completing a packet.
const INBOX_LIMIT_BYTES: usize = 4096;

struct Conn {
    socket: OwnedFd,
    inbox: Vec<u8>,
    logged_in: bool,
}

struct Server {
    poller: Poller,
    conns: Vec<Option<Conn>>,
    /// Indexes of `conns` that are `None`.
    free: Vec<usize>,
    answer: Vec<u8>,
}

/// Serves `listen` as server `id` until the process is ended.
pub(crate) fn run(listen: SocketAddr, id: &str) -> io::Result<Infallible> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let poller = Poller::new()?;
    poller.add(&listener, LISTENER, EventFlags::IN)?;
    let (conns, free) = (Vec::new(), Vec::new());
    let mut server = Server { poller, conns, free, answer: packet::answer(id) };
    let mut ready = Vec::new();
    loop {
        server.poller.wait(&mut ready, Duration::from_secs(60))?;
        for event in &ready {
            if event.token == LISTENER {
                server.greet(&listener)?;
            } else {
                // A token is an index of the table, given by `greet`.
                server.serve(event.token as usize);
            }
        }
    }
}

impl Server {
    fn greet(&mut self, listener: &TcpListener) -> io::Result<()> {
        let Some(socket) = accept(listener)? else {
            return Ok(());
        };
        // A checker may have gone by now: its end shows when the connection is served.
        let _ = send(&socket, &packet::greeting());
        let id = self.free.pop().unwrap_or(self.conns.len());
        self.poller.add(&socket, id as u64, EventFlags::IN)?;
        let conn = Some(Conn { socket, inbox: Vec::new(), logged_in: false });
        if id < self.conns.len() {
            self.conns[id] = conn;
        } else {
            self.conns.push(conn);
        }
        Ok(())
    }

    fn serve(&mut self, id: usize) {
        let Some(conn) = self.conns.get_mut(id).and_then(Option::as_mut) else {
            return;
        };
        if !conn.step(&self.answer).unwrap_or(false) {
            self.conns[id] = None;
            self.free.push(id);
        }
    }
}

impl Conn {
    /// Answers what has arrived; `false` when the connection has ended.
    fn step(&mut self, answer: &[u8]) -> io::Result<bool> {
        let mut buf = [0; 1024];
        match receive(&self.socket, &mut buf)? {
            None => return Ok(true),
            Some(0) => return Ok(false),
            Some(len) => self.inbox.extend_from_slice(&buf[..len]),
        }
        while let Some((payload, used)) = packet::first(&self.inbox) {
            match (self.logged_in, Command::of(payload)) {
                (false, _) => send(&self.socket, &packet::login_accepted())?,
                (true, Command::Query) => send(&self.socket, answer)?,
                (true, Command::Quit | Command::Unknown) => return Ok(false),
            };
            self.logged_in = true;
            self.inbox.drain(..used);
        }
        Ok(self.inbox.len() <= INBOX_LIMIT_BYTES)
    }
}
