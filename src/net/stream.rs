//! One connected stream, TCP or Unix, with or without TLS on it.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::tls::Tls;
use crate::pure::tls::facts::Facts;
pub use crate::sys::tcp_info::TcpInfo;
use crate::sys::tcp_info::tcp_info;

/// Bytes that [`Stream::read_arrived`] reads at most: HAProxy's buffer.
const ARRIVED_MAX: usize = 16 * 1024;

/// A connected stream. Dropping it closes the socket.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// What is read and written goes through it. Boxed: most streams have none.
    tls: Option<Box<Tls>>,
}

/// A connected stream socket.
#[derive(Debug)]
pub(super) enum Socket {
    /// IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

impl Stream {
    /// Registers an accepted, non-blocking socket with the runtime of the calling task.
    ///
    /// # Errors
    /// What registering with epoll reports (no memory, too many watches).
    pub fn from_accepted(socket: socket2::Socket, tcp: bool) -> io::Result<Self> {
        if tcp {
            TcpStream::from_std(socket.into()).map(Self::tcp)
        } else {
            UnixStream::from_std(socket.into()).map(Self::unix)
        }
    }

    /// A TCP connection.
    #[must_use]
    pub const fn tcp(socket: TcpStream) -> Self {
        Self { socket: Socket::Tcp(socket), tls: None }
    }

    /// A connection of a Unix socket.
    #[must_use]
    pub const fn unix(socket: UnixStream) -> Self {
        Self { socket: Socket::Unix(socket), tls: None }
    }

    /// From now on what is read and written goes through `tls`, whose handshake is done.
    pub(super) fn start_tls(&mut self, tls: Box<Tls>) {
        self.tls = Some(tls);
    }

    /// What was agreed on with the other side; `None` without TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.tls.as_deref().map(Tls::facts)
    }

    /// The certificate that a client was shown, DER; `None` without TLS, and of servers.
    #[must_use]
    pub fn shown_certificate(&self) -> Option<&[u8]> {
        self.tls.as_deref().and_then(Tls::shown)
    }

    /// Whether bytes on the socket are those that are read and written, so that the kernel may
    /// move them.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// The socket beneath.
    pub(super) const fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// What the kernel measures of it; `None` for what is no TCP.
    #[must_use]
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        tcp_info(self).ok()
    }

    /// Whether the peer has reset the connection, asked of the kernel without reading. Nothing can
    /// be sent or received then.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        SockRef::from(self).take_error().is_ok_and(|error| error.is_some())
    }

    /// The address this end is bound to; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> PeerAddr {
        match &self.socket {
            Socket::Tcp(stream) => stream.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Where the peer wanted to go: what a packet filter has made another address of (REDIRECT), or
    /// the local address.
    #[must_use]
    pub fn original_destination(&self) -> PeerAddr {
        let local = self.local_addr()?;
        let socket = SockRef::from(self);
        let original = match local {
            SocketAddr::V4(_) => socket.original_dst_v4(),
            SocketAddr::V6(_) => socket.original_dst_v6(),
        };
        // Without a packet filter that follows connections there is none.
        original.ok().and_then(|address| address.as_socket()).or(Some(local))
    }

    /// Reads what is there, at most `buf.len()` bytes; 0 is the peer's FIN. A read shorter than the
    /// buffer clears the readiness, which saves the receive call that would only say `EAGAIN`.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.tls {
            None => self.socket.poll_read(cx, buf),
            Some(tls) => tls.poll_read(&mut self.socket, cx, buf),
        }
    }

    /// Writes as much of `bytes` as the socket takes. After `Pending` it is called again with the
    /// same bytes, or more behind them: under TLS some of them may be on their way already.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.tls {
            None => self.socket.poll_write(cx, bytes),
            Some(tls) => tls.poll_write(&mut self.socket, cx, bytes),
        }
    }

    /// Sends the end: the FIN, under TLS behind a `close_notify`. The stream can still be read. A
    /// peer that is gone already is no error.
    pub fn poll_shutdown_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(tls) = &mut self.tls {
            ready!(tls.poll_close(&mut self.socket, cx));
        }
        self.socket.shutdown_write();
        Poll::Ready(())
    }

    /// Says goodbye before the stream is dropped, as far as that needs no waiting: a `close_notify`
    /// under TLS, nothing without.
    pub fn part(&mut self) {
        if let Some(tls) = &mut self.tls {
            let _ = tls.poll_close(&mut self.socket, &mut Context::from_waker(Waker::noop()));
        }
    }

    /// The same where the peer has not been told the end yet: its FIN goes out before the socket is
    /// closed, which would only reset where bytes of the peer are unread.
    pub fn part_early(&mut self) {
        self.part();
        self.socket.shutdown_write();
    }

    /// Reads of what has arrived, at most `most` bytes, without waiting and without asking the
    /// runtime, which does not know yet of a connection that is new. Yields whether the peer's side
    /// has ended.
    ///
    /// # Errors
    /// What the receive call reports, such as a reset.
    pub fn read_arrived(&mut self, into: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        let mut chunk = [0; ARRIVED_MAX];
        let chunk = &mut chunk[..most.min(ARRIVED_MAX)];
        if chunk.is_empty() {
            return Ok(false);
        }
        let read = match &mut self.tls {
            None => (&*SockRef::from(&self.socket)).read(chunk),
            Some(tls) => {
                let mut cx = Context::from_waker(Waker::noop());
                match tls.poll_read(&mut self.socket, &mut cx, chunk) {
                    Poll::Ready(read) => read,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        };
        match read {
            Ok(read) => {
                into.extend_from_slice(&chunk[..read]);
                Ok(read == 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits until a read may find something. For `splice`, with [`try_io`](Self::try_io).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(stream) => stream.poll_read_ready(cx),
            Socket::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Waits until a write may find room. For `splice`, with [`try_io`](Self::try_io).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(stream) => stream.poll_write_ready(cx),
            Socket::Unix(stream) => stream.poll_write_ready(cx),
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
        match &self.socket {
            Socket::Tcp(stream) => stream.try_io(interest, call),
            Socket::Unix(stream) => stream.try_io(interest, call),
        }
    }

    /// Makes closing send a RST and drop unsent bytes, on TCP (on a Unix socket it means nothing).
    pub fn reset_on_close(&self) {
        if matches!(self.socket, Socket::Tcp(_)) {
            // Fails only for a socket that is no longer connected: then there is nothing to reset.
            let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Socket {
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(buf);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut into),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut into),
        };
        polled.map_ok(|()| into.filled().len())
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn shutdown_write(&self) {
        // The only failure is ENOTCONN: the connection is over, which the next read reports.
        let _ = SockRef::from(self).shutdown(std::net::Shutdown::Write);
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// The address of one end, or none for a Unix socket.
pub type PeerAddr = Option<SocketAddr>;
