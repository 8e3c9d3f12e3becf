//! The HTTP listener for scrapers, orchestrators and people: `/metrics`, `/health`, `/ready`, and the
//! statistics page.
//!
//! HTTP/1 only; GET and HEAD, and the forms of the statistics page, which change servers where the
//! configuration lets them. Bounds against clients that are slow or mean it: [`CONNECTIONS_MAX`] connections (more wait in the kernel's backlog),
//! [`HEAD_BYTES_MAX`] and [`HEADERS_MAX`] of a request's head and [`HEAD_TIMEOUT`] to send it, which
//! is also how long an idle connection lives; of bodies only
//! forms are read, up to [`FORM_BYTES_MAX`] within [`HEAD_TIMEOUT`]; after [`AGE_POLITE`] a connection
//! is closed with its next response, and after [`AGE_MAX`] in any case.

pub mod action;
mod asked;
mod html;
mod options;
mod page;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
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

use self::asked::Asked;
use self::page::{Body, Route};
use super::snapshot::Snapshot;
use crate::config::model::{ListenAddr, Page, Stats};
use crate::net::stream;

/// Connections at a time: a few scrapers and probes, with room for the impatient.
pub const CONNECTIONS_MAX: usize = 64;

/// Bytes of a request's head; also the read buffer of a connection.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;

/// Bytes of a form.
pub const FORM_BYTES_MAX: usize = 64 * 1024;

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

/// Carries out a form, on the listener's thread; yields HAProxy's word for what became of it.
pub type Forms = Arc<dyn Fn(&str) -> &'static str + Send + Sync>;

/// What is served.
pub struct Site {
    stats: Stats,
    snapshots: Snapshots,
    forms: Forms,
    /// One page is rendered at a time: scrapers cannot take more than one core from the sessions.
    renders: Arc<Semaphore>,
}

impl Site {
    /// The site that `stats` describes.
    #[must_use]
    pub fn new(stats: Stats, snapshots: Snapshots, forms: Forms) -> Self {
        Self { stats, snapshots, forms, renders: Arc::new(Semaphore::new(1)) }
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

/// A connection and who made it; `None` on a Unix socket.
type Accepted = (Box<dyn Stream>, Option<IpAddr>);

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                Ok((Box::new(stream), Some(client.ip())))
            }
            Self::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None)),
        }
    }
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
            Ok(accepted) => {
                complained = false;
                connections.spawn(converse(accepted, Arc::clone(&site), limits, permit));
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
) -> Option<(io::Result<Accepted>, OwnedSemaphorePermit)> {
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
    (stream, client): Accepted,
    site: Arc<Site>,
    limits: Limits,
    permit: OwnedSemaphorePermit,
) {
    let service = service_fn(|request| respond(Arc::clone(&site), client, request));
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
    client: Option<IpAddr>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let asked = Asked::new(request.method(), target, request.headers(), client);
    let route = page::route(&asked, &site.stats);
    if let (Route::Act(options), Some(page)) = (&route, &site.stats.page) {
        let done = act(&site, &asked, page, request.into_body()).await;
        return Ok(page::after(done, options, &page.uri));
    }
    if !route.needs_snapshot() {
        return Ok(page::render(route, &asked, &site.stats, None));
    }
    let turn = Arc::clone(&site.renders).acquire_owned().await;
    let snapshot = (site.snapshots)();
    let rendered = tokio::task::spawn_blocking(move || {
        let page = page::render(route, &asked, &site.stats, Some(&snapshot));
        drop(turn);
        page
    });
    Ok(rendered.await.unwrap_or_else(|_| page::broken()))
}

/// Reads a form and carries it out, if who sent it may.
async fn act(site: &Site, asked: &Asked, page: &Page, body: Incoming) -> &'static str {
    if !page::is_admin(asked, page) {
        return "DENY";
    }
    let whole = Limited::new(body, FORM_BYTES_MAX).collect();
    let Ok(Ok(form)) = tokio::time::timeout(HEAD_TIMEOUT, whole).await else { return "EXCD" };
    match std::str::from_utf8(&form.to_bytes()) {
        Ok(form) => (site.forms)(form),
        Err(_) => "ERRP",
    }
}

#[cfg(test)]
mod tests;
