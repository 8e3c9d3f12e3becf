//! One connected stream socket, TCP or Unix.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected stream. Dropping it closes the socket.
#[derive(Debug)]
pub enum Stream {
    /// IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

/// The address of one end, or none for a Unix socket.
pub type PeerAddr = Option<SocketAddr>;

impl Stream {
    /// Registers an accepted, non-blocking socket with the runtime of the calling task.
    ///
    /// # Errors
    /// What registering with epoll reports (no memory, too many watches).
    pub fn from_accepted(socket: Socket, tcp: bool) -> io::Result<Self> {
        if tcp {
            TcpStream::from_std(socket.into()).map(Self::Tcp)
        } else {
            UnixStream::from_std(socket.into()).map(Self::Unix)
        }
    }

    /// The address this end is bound to; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> PeerAddr {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Reads what is there, at most `buf.len()` bytes; 0 is the peer's FIN. A read shorter than the
    /// buffer clears the readiness, which saves the receive call that would only say `EAGAIN`.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(buf);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut into),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut into),
        };
        polled.map_ok(|()| into.filled().len())
    }

    /// Writes as much of `bytes` as the socket takes.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Waits until a read may find something. For `splice`, with [`try_io`](Self::try_io).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Waits until a write may find room. For `splice`, with [`try_io`](Self::try_io).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Runs a non-blocking call on the socket and clears its readiness on `WouldBlock`.
    ///
    /// # Errors
    /// What `call` returns.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, call),
            Self::Unix(stream) => stream.try_io(interest, call),
        }
    }

    /// Sends the FIN. The socket can still be read. A peer that is gone already is no error.
    pub fn shutdown_write(&self) {
        // The only failure is ENOTCONN: the connection is over, which the next read reports.
        let _ = SockRef::from(self).shutdown(std::net::Shutdown::Write);
    }

    /// Makes closing send a RST and drop unsent bytes, on TCP (on a Unix socket it means nothing).
    pub fn reset_on_close(&self) {
        if matches!(self, Self::Tcp(_)) {
            // Fails only for a socket that is no longer connected: then there is nothing to reset.
            let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}
