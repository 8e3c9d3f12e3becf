//! The HTTP listener for scrapers and orchestrators: `/metrics`, `/health`, `/ready`.
//!
//! HTTP/1 only, GET and HEAD only, nothing is changed from here. Bounds against clients that are
//! slow or mean it: [`CONNECTIONS_MAX`] connections (more wait in the kernel's backlog),
//! [`HEAD_BYTES_MAX`] and [`HEADERS_MAX`] of a request's head and [`HEAD_TIMEOUT`] to send it, which
//! is also how long an idle connection lives; bodies are not read; after [`AGE_POLITE`] a connection
//! is closed with its next response, and after [`AGE_MAX`] in any case.

mod page;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::page::Body;
use super::snapshot::Snapshot;
use crate::config::model::ListenAddr;
use crate::net::stream;

/// Connections at a time: a few scrapers and probes, with room for the impatient.
pub const CONNECTIONS_MAX: usize = 64;

/// Bytes of a request's head; also the read buffer of a connection.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;

/// Time for a request's head, and of an idle connection. Scrapers ask every 15 s or so.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Age from which a connection is closed after its response.
pub const AGE_POLITE: Duration = Duration::from_secs(300);

/// Age at which a connection is cut, for clients that do not read their response.
pub const AGE_MAX: Duration = Duration::from_secs(330);

/// Pause after a failed accept: descriptors come back when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where what is shown comes from; called on the listener's thread, once a request.
pub type Snapshots = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// What is served.
pub struct Site {
    metrics_path: String,
    snapshots: Snapshots,
    /// One page is rendered at a time: scrapers cannot take more than one core from the sessions.
    renders: Arc<Semaphore>,
}

impl Site {
    /// A site with the Prometheus exporter at `metrics_path`, `/metrics` by default.
    #[must_use]
    pub fn new(metrics_path: String, snapshots: Snapshots) -> Self {
        Self { metrics_path, snapshots, renders: Arc::new(Semaphore::new(1)) }
    }
}

/// How patient and generous a listener is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time for a request's head.
    pub head: Duration,
    /// Age from which a connection is closed after its response.
    pub age_polite: Duration,
    /// Age at which a connection is cut.
    pub age_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            head: HEAD_TIMEOUT,
            age_polite: AGE_POLITE,
            age_max: AGE_MAX,
        }
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

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => Ok(Box::new(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

impl Listener {
    /// What `socket`, which listens on `address`, becomes on the runtime of the calling task.
    ///
    /// # Errors
    /// What registering with epoll reports.
    pub fn new(socket: socket2::Socket, address: &ListenAddr) -> io::Result<Self> {
        match address {
            ListenAddr::Tcp(_) | ListenAddr::Fd(_) => {
                TcpListener::from_std(socket.into()).map(Self::Tcp)
            }
            ListenAddr::Unix(_) | ListenAddr::Abstract(_) => {
                UnixListener::from_std(socket.into()).map(Self::Unix)
            }
        }
    }

    /// The next connection.
    pub(in crate::control) async fn accept_stream(&self) -> io::Result<stream::Stream> {
        match self {
            Self::Tcp(listener) => Ok(stream::Stream::tcp(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(stream::Stream::unix(listener.accept().await?.0)),
        }
    }
}

/// Serves `listener` until `stop` is cancelled; open connections are cut then.
///
/// Cancel safety: dropping the future closes the listener and cuts its connections.
pub async fn serve(listener: Listener, site: Arc<Site>, limits: Limits, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut complained = false;
    while let Some((accepted, permit)) = next(&listener, &permits, &stop).await {
        // Ends of earlier connections are seen here; what went wrong in one concerns its client.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(stream) => {
                complained = false;
                connections.spawn(converse(stream, Arc::clone(&site), limits, permit));
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

/// The next connection, once there is room for it; `None`: it is time to stop.
async fn next(
    listener: &Listener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(io::Result<Box<dyn Stream>>, OwnedSemaphorePermit)> {
    let accepted = async {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        Some((listener.accept().await, permit))
    };
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accepted => accepted,
    }
}

/// One connection, to its end; holds `permit` meanwhile.
async fn converse(
    stream: Box<dyn Stream>,
    site: Arc<Site>,
    limits: Limits,
    permit: OwnedSemaphorePermit,
) {
    let service = service_fn(|request| respond(Arc::clone(&site), request));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::time::timeout(limits.age_polite, connection.as_mut()).await.is_ok();
    if !ended {
        connection.as_mut().graceful_shutdown();
        let rest = limits.age_max.saturating_sub(limits.age_polite);
        // Whether it ended or was cut, this was all it gets.
        let _ = tokio::time::timeout(rest, connection).await;
    }
    drop(permit);
}

/// Answers one request. Rendering has a thread of its own: this one also runs the checks.
async fn respond(
    site: Arc<Site>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = page::route(&method, &path, &site.metrics_path);
    if !route.needs_snapshot() {
        return Ok(page::render(route, &site.metrics_path, None));
    }
    let turn = Arc::clone(&site.renders).acquire_owned().await;
    let snapshot = (site.snapshots)();
    let rendered = tokio::task::spawn_blocking(move || {
        let page = page::render(route, &site.metrics_path, Some(&snapshot));
        drop(turn);
        page
    });
    Ok(rendered.await.unwrap_or_else(|_| page::broken()))
}

#[cfg(test)]
mod tests;
