//! Where the proxies' logs go: a UDP socket that counts datagrams and keeps none, so that
//! logging costs a proxy what it costs in production and the load core almost nothing.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::poller::{EventFlags, Poller, receive};

/// Kernel buffer asked for: room for some thousand lines, so that a busy turn of the load loses none.
const BUFFER_BYTES: usize = 4 << 20;
/// Datagrams taken in one turn, so that the log never keeps the load waiting.
const BATCH: usize = 64;

/// A bound datagram socket and its count.
#[derive(Debug)]
pub struct LogSink {
    socket: UdpSocket,
    lines: u64,
}

impl LogSink {
    /// Binds a free loopback port and watches it under `token`.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn open(poller: &Poller, token: u64) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES)?;
        poller.add(&socket, token, EventFlags::IN)?;
        Ok(Self { socket, lines: 0 })
    }

    /// Where the proxies send their lines.
    ///
    /// # Errors
    /// None is known for a bound socket.
    pub fn addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Lines counted so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Takes what has arrived, up to a batch.
    ///
    /// # Errors
    /// What receiving refuses; no cause is known.
    pub fn drain(&mut self) -> io::Result<()> {
        // The rest of a longer line is of no interest.
        let mut start = [0; 16];
        for _ in 0..BATCH {
            if receive(&self.socket, &mut start)?.is_none() {
                break;
            }
            self.lines += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_counted_whatever_their_length() {
        let poller = Poller::new().expect("a poller");
        let mut sink = LogSink::open(&poller, 7).expect("a sink");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a sender");
        for line in ["short", "a line that is longer than what the sink looks at"] {
            sender.send_to(line.as_bytes(), sink.addr().expect("bound")).expect("sent");
        }
        let mut ready = Vec::new();
        poller.wait(&mut ready, Duration::from_secs(5)).expect("a turn");
        assert_eq!(ready[0].token, 7);
        sink.drain().expect("drained");
        assert_eq!(sink.lines(), 2);
    }
}
