//! The process's own HTTP listener, for scrapers and orchestrators: metrics, `/health`, `/ready`; and
//! what sessions in `mode http` show of the process.
//!
//! HTTP/1 only; GET and HEAD. Bounds against clients that are slow or mean it: [`CONNECTIONS_MAX`]
//! connections, of which one that is not being answered makes room for the next client, the one that
//! is idle longest first; [`HEAD_BYTES_MAX`] of a request's head and [`HEAD_TIMEOUT`] to send it,
//! which is also how long an idle connection lives and how long one step of an answer may take; and
//! [`AGE_MAX`] for all of it.

pub mod action;
mod html;
pub(super) mod options;
mod page;
mod seats;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::options::Options;
use self::seats::{Seat, Seats};
use super::snapshot::Snapshot;
use crate::config::model::{ListenAddr, Page, Stats};
use crate::net::http::{self, Patience};
use crate::net::stream::Stream;
use crate::pure::http::answer::{Connection, TEXT};
use crate::pure::http::{Answer, Framing, Request};
use crate::state::http::{Form, Pages};

/// Connections at a time: a few scrapers and probes, with room for the impatient.
pub const CONNECTIONS_MAX: usize = 64;

/// Bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Time for a request's head, and of an idle connection. Scrapers ask every 15 s or so.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Age at which a connection is cut.
pub const AGE_MAX: Duration = Duration::from_secs(330);

/// Pause after a failed accept: descriptors come back when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where what is shown comes from.
pub type Snapshots = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// Carries out a form; yields HAProxy's word for what became of it.
pub type Forms = Arc<dyn Fn(&str) -> &'static str + Send + Sync>;

/// What is shown of the process, wherever it is asked for.
#[derive(Clone)]
pub struct Site {
    snapshots: Snapshots,
    forms: Forms,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

impl Site {
    /// What these show and do.
    #[must_use]
    pub fn new(snapshots: Snapshots, forms: Forms) -> Self {
        Self { snapshots, forms }
    }
}

impl Pages for Site {
    fn statistics(&self, page: &Page, wanted: &str, admin: bool) -> Answer {
        page::stats(&Options::read(wanted), page, admin, &(self.snapshots)())
    }

    fn act(&self, page: &Page, wanted: &str, form: Form) -> Answer {
        let done = match form {
            Form::Denied => "DENY",
            Form::TooLong => "EXCD",
            Form::Text(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => (self.forms)(text),
                Err(_) => "ERRP",
            },
        };
        page::after(done, &Options::read(wanted), &page.uri)
    }

    fn metrics(&self, query: &str) -> Answer {
        page::exposition(query, &(self.snapshots)())
    }
}

/// How patient and generous a listener is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time for a request's head, of an idle connection, and for a step of an answer.
    pub head: Duration,
    /// Age at which a connection is cut.
    pub age_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS_MAX, head: HEAD_TIMEOUT, age_max: AGE_MAX }
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix stream socket.
    Unix(UnixListener),
}

impl Listener {
    /// What `socket`, which listens on `address`, becomes on the runtime of the calling task.
    ///
    /// # Errors
    /// What registering with epoll reports.
    pub fn new(socket: socket2::Socket, address: &ListenAddr) -> io::Result<Self> {
        let is_unix = match address {
            ListenAddr::Tcp(_) => false,
            ListenAddr::Unix(_) | ListenAddr::Abstract(_) => true,
            ListenAddr::Fd(_) | ListenAddr::Sockpair(_) => {
                socket.domain()? == socket2::Domain::UNIX
            }
        };
        if is_unix {
            UnixListener::from_std(socket.into()).map(Self::Unix)
        } else {
            TcpListener::from_std(socket.into()).map(Self::Tcp)
        }
    }

    /// The next connection.
    pub(in crate::control) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => Ok(Stream::tcp(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(Stream::unix(listener.accept().await?.0)),
        }
    }
}

/// Serves `listener` until `stop` is cancelled; open connections are cut then.
///
/// Cancel safety: dropping the future closes the listener and cuts its connections.
pub async fn serve(
    listener: Listener,
    stats: Stats,
    site: Arc<Site>,
    limits: Limits,
    stop: CancellationToken,
) {
    let desk = Arc::new(Desk { stats, site, limits, renders: Semaphore::new(1) });
    let seats = Arc::new(Seats::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut complained = false;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        // Ends of earlier connections are seen here; what went wrong in one concerns its client.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(stream) => {
                complained = false;
                // Where all are being answered, the next client waits for the first of them.
                let seat = tokio::select! {
                    () = stop.cancelled() => break,
                    seat = seats.take() => seat,
                };
                connections.spawn(Arc::clone(&desk).converse(stream, seat));
            }
            Err(error) => {
                if !complained {
                    tracing::warn!("stats listener cannot accept: {error}");
                }
                complained = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.shutdown().await;
}

/// What all connections of a listener share.
struct Desk {
    stats: Stats,
    site: Arc<Site>,
    limits: Limits,
    /// One page is made at a time: scrapers cannot take more than one core from the sessions.
    renders: Semaphore,
}

impl Desk {
    /// One connection, to its end.
    async fn converse(self: Arc<Self>, mut stream: Stream, seat: Seat) {
        let talk = async {
            let mut buffer = Vec::new();
            while self.serve_one(&mut stream, &mut buffer, &seat).await {
                seat.rest();
            }
            http::end(&mut stream, &mut buffer).await;
        };
        tokio::select! {
            () = talk => {}
            () = seat.evicted() => {}
            () = tokio::time::sleep(self.limits.age_max) => {}
        }
    }

    /// Answers one request; whether the connection stays.
    async fn serve_one(&self, stream: &mut Stream, buffer: &mut Vec<u8>, seat: &Seat) -> bool {
        let limit = Some(self.limits.head);
        let patience = Patience { begin: limit, head: limit };
        let read = http::read_head(stream, buffer, HEAD_BYTES_MAX, patience, || {}).await;
        let (answer, bare, connection) = match read {
            Ok((request, used)) => {
                seat.work();
                buffer.drain(..used);
                let connection = request.connection(request.framing == Framing::Length(0));
                (self.answer(&request).await, request.is_head(), connection)
            }
            Err(http::Unread::Bad) => (Answer::plain(400), false, Connection::Closes),
            Err(http::Unread::Late) if !buffer.is_empty() => {
                (Answer::plain(408), false, Connection::Closes)
            }
            Err(_) => return false,
        };
        let bytes = answer.bytes(bare, connection);
        let sent = http::write(stream, &bytes, limit, |_| {}).await;
        sent.is_ok() && connection != Connection::Closes
    }

    async fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Answer::new(405, TEXT, "only GET, HEAD\n").with("allow", "GET, HEAD");
        }
        let (path, query) = (request.path(), request.query().to_owned());
        let is_metrics = path == self.stats.metrics_path;
        match path {
            "/health" if !is_metrics => return Answer::new(200, TEXT, "alive\n").uncached(),
            "/" if !is_metrics => return page::index(&self.stats),
            "/ready" => {}
            _ if is_metrics => {}
            _ => return Answer::new(404, TEXT, "not found\n").uncached(),
        }
        // Looking and rendering have a thread of their own: this one also runs the checks.
        let Ok(turn) = self.renders.acquire().await else { return Answer::plain(500) };
        let snapshots = Arc::clone(&self.site.snapshots);
        let made = tokio::task::spawn_blocking(move || match is_metrics {
            true => page::exposition(&query, &snapshots()),
            false => page::ready(&snapshots()),
        });
        let made = made.await.unwrap_or_else(|_| Answer::plain(500));
        drop(turn);
        made
    }
}

#[cfg(test)]
mod tests;
