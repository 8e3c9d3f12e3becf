//! TLS on a socket: rustls' buffered connection, driven by the polls of its stream.
//!
//! Own code instead of an adapter for one reason: the relay keeps a byte until the stream has taken
//! it, so a write here is done when its ciphertext is in the kernel, not when it is buffered
//! (`Tls::poll_write`). Nothing has to be flushed later, and what backs up is bounded: one chunk of
//! plaintext as ciphertext per stream, and one record that is not complete.
//!
//! Handshakes cost a worker up to a millisecond each. They take turns, one step each round of the
//! worker's loop, so that a flood of them slows other handshakes and leaves everybody else's bytes
//! flowing.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::{Accepted, Acceptor};
use rustls::sign::CertifiedKey;
use rustls::{ClientConnection, Connection, HandshakeKind, ProtocolVersion};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::sync::Semaphore;

use super::stream::{Socket, Stream};
use crate::config::model::{BindTls, Examine, Selected, ServerTls};
use crate::pure::tls::facts::Facts;
use crate::pure::tls::faults::Seen;
use crate::pure::tls::refusal::Refusal;

/// Plaintext taken for one write: four records of the largest size.
const CHUNK_BYTES: usize = 64 * 1024;

/// The longest hello of a client: longer ones are refused by their own length first.
const HELLO_MAX_BYTES: usize = 64 * 1024;

thread_local! {
    /// Whose turn it is to compute on this worker.
    static TURN: RefCell<Arc<Semaphore>> = RefCell::new(Arc::new(Semaphore::new(1)));
}

/// An established connection's state.
pub struct Tls {
    conn: Connection,
    /// Bytes of the caller that were encrypted and are not all in the kernel.
    taken: usize,
    /// The `close_notify` was made.
    closed: bool,
    facts: Facts,
    /// What was shown to a client.
    shown: Option<Arc<CertifiedKey>>,
}

/// Why there was no handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The other side closed before it had said a whole hello.
    #[error("closed before the handshake")]
    Closed,
    /// The connection broke.
    #[error("{0}")]
    Broken(#[source] io::Error),
    /// What the other side said is no handshake, or none that both agree on.
    #[error("{0}")]
    Failed(#[source] rustls::Error),
    /// The connection ended within the handshake, or the hello has none.
    #[error("ended within the handshake")]
    Cut,
    /// No certificate is for the name that the client asked for (`strict-sni`).
    #[error("no certificate is for the name asked for")]
    NoCertificate,
}

impl HandshakeError {
    /// What is said of it in the log of sessions.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::Closed => Refusal::Closed,
            Self::Failed(rustls::Error::InvalidCertificate(_)) => Refusal::CertificateUntrusted,
            // Ours: no authority counts any more.
            Self::Failed(rustls::Error::General(_)) => Refusal::AuthorityUntrusted,
            Self::Broken(_) | Self::Failed(_) | Self::Cut | Self::NoCertificate => Refusal::Failed,
        }
    }
}

/// Makes `stream` a client's TLS stream. `early` is what was read of it already.
///
/// # Errors
/// Why the handshake failed; an alert was sent where there was one to send.
///
/// # Cancel safety
/// Dropped, it leaves the handshake unfinished: the stream must be closed then.
pub async fn accept(
    stream: &mut Stream,
    early: Vec<u8>,
    bind: &BindTls,
) -> Result<(), HandshakeError> {
    let socket = stream.socket();
    let mut input = Input { early, ..Input::default() };
    let accepted = hello(socket, &mut input).await?;
    let sni = accepted.client_hello().server_name().map(Box::from);
    let Some(selected) = bind.select(&accepted.client_hello()) else {
        // alert, TLS 1.2, 2 bytes: fatal, unrecognized_name (RFC 8446 §6).
        let alert = [21, 3, 3, 0, 2, 2, 112];
        let _ = poll_fn(|cx| socket.poll_write(cx, &alert)).await;
        return Err(HandshakeError::NoCertificate);
    };
    let Selected { config, key, examine } = selected;
    let shown = Some(key);
    let conn = match in_turn(|| accepted.into_connection(config)).await {
        Ok(conn) => conn,
        Err((error, mut alert)) => {
            let mut bytes = Vec::new();
            let _ = alert.write_all(&mut bytes);
            let _ = poll_fn(|cx| socket.poll_write(cx, &bytes)).await;
            return Err(HandshakeError::Failed(error));
        }
    };
    let conn = complete(socket, conn.into(), &mut input).await?;
    let mut facts = facts(&conn, sni);
    if let (Some(Examine(examine)), Some(chain)) = (examine, conn.peer_certificates()) {
        let seen = in_turn(|| examine(chain, UnixTime::now())).await;
        // Of a session that goes on nothing is found anew: its result is remembered.
        facts.seen = match facts.resumed {
            true => Seen { verify: seen.verify, ..Seen::default() },
            false => seen,
        };
    }
    stream.start_tls(Box::new(Tls { conn, taken: 0, closed: false, facts, shown }));
    Ok(())
}

/// Makes `stream` a TLS stream to a server; `name` is asked for where it is a host name.
///
/// # Errors
/// Why the handshake failed.
///
/// # Cancel safety
/// Dropped, it leaves the handshake unfinished: the stream must be closed then.
pub async fn connect(
    stream: &mut Stream,
    server: &ServerTls,
    name: ServerName<'static>,
) -> Result<(), HandshakeError> {
    let config = Arc::clone(&server.config);
    let sni = match &name {
        ServerName::DnsName(name) => Some(Box::from(name.as_ref())),
        _ => None,
    };
    let conn = in_turn(|| ClientConnection::new(config, name)).await;
    let conn = conn.map_err(HandshakeError::Failed)?;
    let conn = complete(stream.socket(), conn.into(), &mut Input::default()).await?;
    let facts = facts(&conn, sni);
    stream.start_tls(Box::new(Tls { conn, taken: 0, closed: false, facts, shown: None }));
    Ok(())
}

/// The same with a server whose certificate is judged, and used in spite of it: what is wrong with it
/// is yielded, and nothing that is secret may be sent then.
///
/// # Errors
/// Why the handshake failed.
///
/// # Cancel safety
/// As [`connect`].
pub async fn connect_unjudged(
    stream: &mut Stream,
    server: &ServerTls,
    name: ServerName<'static>,
) -> Result<Option<rustls::Error>, HandshakeError> {
    let (server, leniency) = server.lenient();
    connect(stream, &server, name).await?;
    Ok(leniency.found())
}

/// What arrives during a handshake.
#[derive(Default)]
struct Input {
    /// Bytes read before, which come first.
    early: Vec<u8>,
    used: usize,
    /// The other side has said hello.
    greeted: bool,
}

impl Input {
    /// Lets `take` read what arrives next, at most once; yields how much that was.
    async fn feed(
        &mut self,
        socket: &mut Socket,
        mut take: impl FnMut(&mut dyn io::Read) -> io::Result<usize>,
    ) -> Result<usize, HandshakeError> {
        if self.used < self.early.len() {
            let mut rest = &self.early[self.used..];
            let read = take(&mut rest).map_err(HandshakeError::Broken)?;
            self.used += read;
            return Ok(read);
        }
        let read = poll_fn(|cx| unblocked(take(&mut Io { socket, cx }))).await;
        match read {
            Ok(0) if self.greeted => Err(HandshakeError::Cut),
            Ok(0) => Err(HandshakeError::Closed),
            Ok(read) => Ok(read),
            Err(error) => Err(HandshakeError::Broken(error)),
        }
    }
}

/// Reads a client's hello.
async fn hello(socket: &mut Socket, input: &mut Input) -> Result<Accepted, HandshakeError> {
    let mut acceptor = Acceptor::default();
    let mut length = 0;
    loop {
        length += input.feed(socket, |from| acceptor.read_tls(from)).await?;
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                input.greeted = true;
                return Ok(accepted);
            }
            Ok(None) if length <= HELLO_MAX_BYTES => {}
            Ok(None) => return Err(HandshakeError::Cut),
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                let _ = alert.write_all(&mut bytes);
                let _ = poll_fn(|cx| socket.poll_write(cx, &bytes)).await;
                return Err(HandshakeError::Failed(error));
            }
        }
    }
}

/// Goes on until both sides are done.
async fn complete(
    socket: &mut Socket,
    mut conn: Connection,
    input: &mut Input,
) -> Result<Connection, HandshakeError> {
    loop {
        while conn.wants_write() {
            poll_fn(|cx| poll_flush(&mut conn, socket, cx))
                .await
                .map_err(HandshakeError::Broken)?;
        }
        // Of what came with the end of the handshake nothing may be left behind.
        if !conn.is_handshaking() && input.used == input.early.len() {
            return Ok(conn);
        }
        input.feed(socket, |from| conn.read_tls(from)).await?;
        if let Err(error) = in_turn(|| conn.process_new_packets()).await {
            let _ = poll_fn(|cx| poll_flush(&mut conn, socket, cx)).await;
            return Err(HandshakeError::Failed(error));
        }
    }
}

/// Computes when it is this handshake's turn, and lets everybody else go on before the next one.
async fn in_turn<T>(compute: impl FnOnce() -> T) -> T {
    let turn = TURN.with_borrow(Arc::clone);
    let permit = turn.acquire_owned().await;
    let computed = compute();
    tokio::task::yield_now().await;
    drop(permit);
    computed
}

fn facts(conn: &Connection, sni: Option<Box<str>>) -> Facts {
    let chain = conn.peer_certificates().unwrap_or_default();
    Facts {
        version: match conn.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        suite: conn.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into()),
        sni,
        alpn: conn.alpn_protocol().map(Box::from),
        resumed: conn.handshake_kind() == Some(HandshakeKind::Resumed),
        peer_certificate: chain.first().map(|certificate| Box::from(certificate.as_ref())),
        peer_chain: chain.iter().skip(1).flat_map(|one| one.iter().copied()).collect(),
        seen: Seen::default(),
    }
}

impl Tls {
    pub(super) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The certificate that a client was shown, DER.
    pub(super) fn shown(&self) -> Option<&[u8]> {
        self.shown.as_ref()?.cert.first().map(|certificate| certificate.as_ref())
    }

    /// Reads plaintext; 0 is the other side's end, with or without a `close_notify`: which of the
    /// two it is tells nobody anything here, since no end is hidden from the receiver either.
    pub(super) fn poll_read(
        &mut self,
        socket: &mut Socket,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match io::Read::read(&mut self.conn.reader(), buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(0));
                }
                read => return Poll::Ready(read),
            }
            let conn = &mut self.conn;
            let read = unblocked(conn.read_tls(&mut Io { socket: &mut *socket, cx: &mut *cx }));
            if ready!(read)? > 0 {
                let processed = conn.process_new_packets();
                // Answers of TLS itself, and alerts: what does not fit now goes with the next write.
                let _ = poll_flush(conn, socket, cx);
                processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
        }
    }

    /// Encrypts some of `bytes` and writes it; done when all of it is in the kernel. Until then the
    /// same bytes are passed again.
    pub(super) fn poll_write(
        &mut self,
        socket: &mut Socket,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.taken == 0 && !bytes.is_empty() {
            ready!(poll_flush(&mut self.conn, socket, cx))?;
            let part = &bytes[..bytes.len().min(CHUNK_BYTES)];
            self.taken = io::Write::write(&mut self.conn.writer(), part)?;
        }
        ready!(poll_flush(&mut self.conn, socket, cx))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken)))
    }

    /// Writes the `close_notify` and everything before it. A connection that is broken is done, too.
    pub(super) fn poll_close(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<()> {
        if !self.closed {
            self.closed = true;
            self.conn.send_close_notify();
        }
        poll_flush(&mut self.conn, socket, cx).map(|_| ())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Writes all ciphertext there is.
fn poll_flush(
    conn: &mut Connection,
    socket: &mut Socket,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while conn.wants_write() {
        let written = conn.write_tls(&mut Io { socket: &mut *socket, cx: &mut *cx });
        if ready!(unblocked(written))? == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
    }
    Poll::Ready(Ok(()))
}

/// The socket as rustls sees it: `WouldBlock` where it has to be waited for, with the waker set.
struct Io<'s, 'c, 'w> {
    socket: &'s mut Socket,
    cx: &'c mut Context<'w>,
}

fn blocked<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn unblocked<T>(done: io::Result<T>) -> Poll<io::Result<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

impl io::Read for Io<'_, '_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        blocked(self.socket.poll_read(self.cx, buf))
    }
}

impl io::Write for Io<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocked(self.socket.poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        blocked(self.socket.poll_write_vectored(self.cx, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
