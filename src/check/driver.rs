//! Drives any probe over a socket, within its time.
//!
//! It knows nothing of what is asked and judges nothing: it tells the probe what happened and does
//! what the probe says. Bound: one connection and one stack buffer at a time; time as [`Timing`](super::target::Timing)
//! says. System calls of a plain TCP check that passes: `socket`, two `setsockopt`, `connect`, and
//! `close`, with one more `connect` on loopback, or an `epoll` round trip elsewhere.

pub(super) mod held;
pub(super) mod hush;
mod socks4;
mod tls;

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;

use socket2::{Domain, SockAddr, SockRef, Socket};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

use tls::Reached;

use super::target::{Ends, Target, TargetAddr};
use crate::net::connect::{self, bind_source};
use crate::net::probe_socket;
use crate::net::stream::Stream;
use crate::net::system_text::system_text;
use crate::pure::health::verdict::Verdict;
use crate::pure::probe::{Close, Connect, Input, Opening, Place, Probe, Step};
use crate::state::Permit;

/// Bytes read at once. Answers are a line or a packet; longer ones take several reads.
const CHUNK_BYTES: usize = 4096;

/// What the system refused.
struct Problem {
    text: String,
    /// The other side said no, so that asking again soon tells more.
    heard: bool,
    /// A proxy on the way said no, or nobody listens on a Unix socket.
    denied: bool,
    /// There was no descriptor or memory to ask with.
    ours: bool,
}

/// A connection, known to the poller once something had to be waited for.
enum Conn {
    Fresh(Socket, Domain),
    Polled(Polled),
    /// With its place among the connections with TLS, where they are counted.
    Tls {
        stream: Stream,
        _place: Option<Permit>,
    },
}

/// A socket the poller knows.
enum Polled {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Checks `target` with a fresh `probe`.
///
/// # Cancel safety
/// Dropping the future closes the connection; there is no verdict then.
pub async fn run(target: &Target, probe: &mut Probe<'_>) -> Verdict {
    let started = Instant::now();
    let whole = started + target.timing.inter;
    let mut deadline = whole;
    let mut conn = None;
    let (mut heard, mut unasked) = (false, false);
    let mut layer = Reached::Plain;
    let mut step = probe.step(Input::Start);
    loop {
        let happened = match step {
            Step::Done(mut verdict) => {
                layer.name(&mut verdict);
                verdict.duration = started.elapsed();
                verdict.heard = heard && !verdict.passed();
                verdict.unasked = unasked && !verdict.passed();
                return verdict;
            }
            Step::Connect(ask) => {
                drop(conn.take());
                let timing = &target.timing;
                deadline = timing.answer.map_or(whole, |_| Instant::now() + timing.connect);
                layer = Reached::Plain;
                let mut connected = timeout_at(deadline, connect(target, &ask)).await;
                if let Some(tls) = tls::wanted(target, &ask) {
                    (connected, layer) = tls::on(connected, deadline, target, &tls).await;
                }
                connected.map(|connected| {
                    conn = Some(connected?);
                    deadline = timing.answer.map_or(whole, |answer| Instant::now() + answer);
                    Ok(probe.step(Input::Connected))
                })
            }
            Step::Send(bytes) => timeout_at(deadline, send(&mut conn, &bytes))
                .await
                .map(|sent| sent.map(|()| probe.step(Input::Sent))),
            Step::Receive => timeout_at(deadline, receive(&mut conn, probe)).await,
        };
        step = match happened {
            Ok(Ok(next)) => next,
            Ok(Err(problem)) => {
                heard |= problem.heard;
                unasked |= problem.ours;
                if problem.denied {
                    layer = Reached::Denied;
                }
                probe.step(Input::Failed(&problem.text))
            }
            Err(_) => probe.step(Input::TimedOut),
        };
    }
}

/// Makes the connection a probe asks for and sends the PROXY header it starts with.
async fn connect(target: &Target, ask: &Connect) -> Result<Conn, Problem> {
    let server = match destination(target, ask) {
        Ok(server) => server,
        Err(pair) => {
            let socket = connect::hand_over(pair)
                .map_err(|error| Problem::new("General socket error", &error))?;
            let mut conn = Some(Conn::Fresh(socket, Domain::UNIX));
            if target.sends_header(ask) {
                send(&mut conn, &(target.proxy_header)(None)).await?;
            }
            return conn.ok_or_else(Problem::not_connected);
        }
    };
    let socks4 = target.socks4_of(ask);
    let addr = socks4.map_or_else(|| server.clone(), Into::into);
    let socket = probe_socket::open(addr.domain(), &socket_options(target, ask))
        .map_err(|error| Problem::new("General socket error", &error))?;
    if let (Some(source), Some(_)) = (target.source, addr.as_socket()) {
        bind_source(&socket, source)
            .map_err(|error| Problem::new("Can't bind to source address", &error))?;
    }
    let mut conn = Some(establish(socket, &addr).await?);
    if socks4.is_some() {
        socks4::ask(&mut conn, server.as_socket()).await?;
    }
    if target.sends_header(ask) {
        let ends = conn.as_ref().and_then(Conn::ends);
        // The other end of a connection through a proxy is the server all the same.
        let ends = ends.map(|(own, peer)| (own, server.as_socket().unwrap_or(peer)));
        let header = (target.proxy_header)(ends);
        send(&mut conn, &header).await?;
    }
    conn.ok_or_else(Problem::not_connected)
}

/// The check's address with what the probe changes of it; `Err`: a socket pair, which has none.
fn destination(target: &Target, ask: &Connect) -> Result<SockAddr, i32> {
    Ok(match (&ask.addr, &target.addr) {
        (Some(Place::Inet(addr)), _) | (None, TargetAddr::Tcp(addr)) => {
            let own = match &target.addr {
                TargetAddr::Tcp(own) if addr.port() == 0 => own.port(),
                _ => addr.port(),
            };
            let port = ask.port.map_or(own, std::num::NonZeroU16::get);
            SocketAddr::new(addr.ip(), port).into()
        }
        (Some(Place::Unix(path)), _) | (None, TargetAddr::Unix(path)) => {
            probe_socket::unix_address(path)
        }
        (Some(Place::Abstract(name)), _) | (None, TargetAddr::Abstract(name)) => {
            probe_socket::abstract_unix_address(name)
        }
        (None, TargetAddr::Sockpair(number)) => return Err(*number),
    })
}

/// What the probe asks of its connection.
fn socket_options(target: &Target, ask: &Connect) -> probe_socket::Options {
    let sends_header = target.sends_header(ask);
    probe_socket::Options {
        unseen: ask.opening == Opening::Silent
            && !sends_header
            && target.socks4_of(ask).is_none()
            && tls::wanted(target, ask).is_none(),
        reset: ask.close == Close::Reset,
        nodelay: sends_header,
    }
}

async fn establish(socket: Socket, addr: &SockAddr) -> Result<Conn, Problem> {
    let in_progress = |error: &io::Error| {
        use rustix::io::Errno;
        let progress = [Errno::INPROGRESS, Errno::ALREADY].map(Errno::raw_os_error);
        error.raw_os_error().is_some_and(|number| progress.contains(&number))
    };
    match socket.connect(addr) {
        Ok(()) => return Ok(Conn::Fresh(socket, addr.domain())),
        Err(error) if !in_progress(&error) => {
            // HAProxy waits for a connection over the network, and only that can fail to be made.
            let denied = addr.is_unix();
            return Err(Problem { denied, ..Problem::new("General socket error", &error) });
        }
        Err(_) => {}
    }
    let loopback = addr.as_socket().is_some_and(|addr| addr.ip().is_loopback());
    if loopback {
        // The kernel answers itself within the first call; asking again saves three calls of the
        // poller.
        match socket.connect(addr) {
            Ok(()) => return Ok(Conn::Fresh(socket, addr.domain())),
            Err(error) if !in_progress(&error) => return Err(Problem::of(&error)),
            Err(_) => {}
        }
    }
    let polled = Polled::new(socket, addr.domain()).map_err(|error| Problem::of(&error))?;
    match polled.io(Interest::WRITABLE, |socket| socket.take_error()).await {
        Ok(None) => Ok(Conn::Polled(polled)),
        Ok(Some(error)) | Err(error) => Err(Problem::of(&error)),
    }
}

async fn send(conn: &mut Option<Conn>, mut bytes: &[u8]) -> Result<(), Problem> {
    while !bytes.is_empty() {
        let sent = match conn {
            Some(Conn::Fresh(socket, _)) => socket.send(bytes),
            Some(Conn::Tls { stream, .. }) => poll_fn(|cx| stream.poll_write(cx, bytes)).await,
            _ => polled(conn)?.io(Interest::WRITABLE, |socket| socket.send(bytes)).await,
        };
        match sent {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(polled(conn)?),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::of(&error)),
        }
    }
    Ok(())
}

/// Waits for some of the answer and hands it to the probe.
async fn receive(conn: &mut Option<Conn>, probe: &mut Probe<'_>) -> Result<Step, Problem> {
    if let Some(Conn::Tls { stream, .. }) = conn {
        let mut chunk = [0; CHUNK_BYTES];
        return match poll_fn(|cx| stream.poll_read(cx, &mut chunk)).await {
            Ok(0) => Ok(probe.step(Input::Closed)),
            Ok(n) => Ok(probe.step(Input::Bytes(&chunk[..n]))),
            Err(error) => Err(Problem::of(&error)),
        };
    }
    let read = |mut socket: &Socket| {
        let mut chunk = [0; CHUNK_BYTES];
        Ok(match socket.read(&mut chunk)? {
            0 => probe.step(Input::Closed),
            n => probe.step(Input::Bytes(&chunk[..n])),
        })
    };
    let step = polled(conn)?.io(Interest::READABLE, read).await;
    step.map_err(|error| Problem::of(&error))
}

/// The connection, made known to the poller.
fn polled(conn: &mut Option<Conn>) -> Result<&Polled, Problem> {
    let known = match conn.take().ok_or_else(Problem::not_connected)? {
        Conn::Fresh(socket, domain) => {
            Polled::new(socket, domain).map_err(|error| Problem::of(&error))?
        }
        Conn::Polled(polled) => polled,
        Conn::Tls { .. } => return Err(Problem::not_connected()),
    };
    match conn.insert(Conn::Polled(known)) {
        Conn::Polled(polled) => Ok(polled),
        Conn::Fresh(..) | Conn::Tls { .. } => Err(Problem::not_connected()),
    }
}

impl Conn {
    fn ends(&self) -> Option<Ends> {
        let socket = match self {
            Self::Fresh(socket, _) => SockRef::from(socket),
            Self::Polled(Polled::Tcp(stream)) => SockRef::from(stream),
            Self::Polled(Polled::Unix(stream)) => SockRef::from(stream),
            Self::Tls { stream, .. } => SockRef::from(stream),
        };
        let local = socket.local_addr().ok()?.as_socket()?;
        Some((local, socket.peer_addr().ok()?.as_socket()?))
    }
}

impl Polled {
    fn new(socket: Socket, domain: Domain) -> io::Result<Self> {
        Ok(if domain == Domain::UNIX {
            Self::Unix(UnixStream::from_std(socket.into())?)
        } else {
            Self::Tcp(TcpStream::from_std(socket.into())?)
        })
    }

    /// Waits until the socket is ready and tries `call`, until that does not block.
    async fn io<T>(
        &self,
        interest: Interest,
        mut call: impl FnMut(&Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.async_io(interest, || call(&SockRef::from(stream))).await,
            Self::Unix(stream) => stream.async_io(interest, || call(&SockRef::from(stream))).await,
        }
    }
}

impl Problem {
    /// In the system's words alone.
    fn of(error: &io::Error) -> Self {
        let heard = matches!(
            error.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        );
        Self { text: system_text(error), heard, denied: false, ours: is_ours(error) }
    }

    /// Refused by the system at once: in HAProxy's words, the system's in parentheses.
    fn new(doing: &str, error: &io::Error) -> Self {
        let refused = error.kind() == ErrorKind::ConnectionRefused;
        let text = format!("{doing} ({})", system_text(error));
        let heard = refused || error.kind() == ErrorKind::NotFound;
        Self { text, heard, denied: false, ours: is_ours(error) }
    }

    fn not_connected() -> Self {
        let text = "Transport endpoint is not connected".to_owned();
        Self { text, heard: false, denied: false, ours: false }
    }
}

/// Whether it is this process, or this machine, that has no room for one more socket.
fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lack = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|number| lack.contains(&number))
}

#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
