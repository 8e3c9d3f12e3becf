//! Sends the lines of a ring to a log server over a connection (RFC 6587).
//!
//! ```text
//! connect ──> send what is there ──> wait for more ──┐
//!    ^                 ^─────────────────────────────┘
//!    └── pause <── refused, stuck, closed by the server
//! ```
//! Bound: one connection and one batch of lines a server. A server that is slow or away loses the
//! oldest lines only, once the ring has no room for them; they are counted. What the kernel took of
//! a batch before the connection broke is not sent again; the rest is, from the first whole line.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use super::readers::Readers;
use crate::config::model::{
    Config, LogProto, LogSink, LogStream, Server, ServerAddr, ServerTls, Sni,
};
use crate::net::connect::{Destination, Options, connect};
use crate::net::stream::Stream;
use crate::net::tls;
use crate::telemetry::bus::Losses;
use crate::telemetry::ring::{Place, Reader, Rings, streams};

/// From a connection that broke to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes that are sent in one go.
const BATCH_BYTES: usize = 16 * 1024;

/// Time limits of a log server that is named by its address alone (HAProxy).
const CONNECT: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_secs(5);

/// A log server.
#[derive(Clone, Debug, PartialEq)]
struct Outlet {
    /// Its ring.
    sink: LogSink,
    /// How messages call it.
    name: String,
    to: Destination,
    proto: LogProto,
    tls: Option<Box<ServerTls>>,
    connect: Option<Duration>,
    stall: Option<Duration>,
}

/// All log servers over connections, each with the task that sends to it.
#[derive(Debug, Default)]
pub struct Forwarders(Readers<Outlet>);

impl Forwarders {
    /// Makes the servers of `config` those that are sent to: what stays as it was goes on, with the
    /// ring it reads. Must be called within a runtime.
    pub fn follow(&mut self, config: &Config, rings: &Rings, losses: &Arc<Losses>) {
        let outlets = outlets(config).into_iter();
        let wanted = outlets.filter_map(|outlet| {
            let ring = rings.find(&outlet.sink)?;
            Some((outlet, ring))
        });
        self.0.follow(wanted, |outlet, ring, stop| {
            let sender = Sender {
                outlet: outlet.clone(),
                reader: ring.reader(),
                losses: Arc::clone(losses),
                complained: false,
            };
            Some(tokio::spawn(sender.run(stop)))
        });
    }

    /// Sends what is left, where the servers take it.
    ///
    /// # Cancel safety
    /// Dropping it leaves the tasks to the runtime.
    pub async fn finish(self) {
        self.0.finish().await;
    }
}

/// The servers of rings, and those of `log tcp@…`.
fn outlets(config: &Config) -> Vec<Outlet> {
    let mut found = Vec::new();
    for ring in &config.rings {
        let sink = LogSink::Ring(ring.name.clone());
        found.extend(ring.servers.iter().filter_map(|server| {
            Some(Outlet {
                sink: sink.clone(),
                name: format!("{}/{}", ring.name, server.name),
                to: destination(server)?,
                proto: server.log_proto,
                tls: server.tls.clone(),
                connect: ring.connect,
                stall: ring.stall,
            })
        }));
    }
    found.extend(streams(config).into_iter().map(|stream| Outlet {
        name: stream.to_string(),
        to: match &stream {
            LogStream::Tcp(address) => Destination::Tcp(*address),
            LogStream::Unix(path) => Destination::Unix(path.clone()),
        },
        sink: LogSink::Stream(stream),
        proto: LogProto::Legacy,
        tls: None,
        connect: Some(CONNECT),
        stall: Some(STALL),
    }));
    found
}

fn destination(server: &Server) -> Option<Destination> {
    match &server.address {
        ServerAddr::Tcp(address) => Some(Destination::Tcp(*address)),
        ServerAddr::Unix(path) => Some(Destination::Unix(path.clone())),
        ServerAddr::Abstract(name) => Some(Destination::Abstract(name.clone())),
        ServerAddr::Sockpair(number) => Some(Destination::Sockpair(*number)),
        ServerAddr::TcpClientPort { .. } | ServerAddr::Unresolved { .. } => None,
    }
}

/// Sends the lines of one ring to one server.
struct Sender {
    outlet: Outlet,
    reader: Reader,
    losses: Arc<Losses>,
    /// Its trouble was said.
    complained: bool,
}

/// Why a connection is over.
enum End {
    /// Everything was sent, and no more will come.
    Stopped,
    Broken(io::Error),
}

impl Sender {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let ended = match within(self.outlet.connect, self.connect()).await {
                Ok(stream) => self.converse(stream, &stop).await,
                Err(error) => End::Broken(error),
            };
            let End::Broken(error) = ended else { return };
            if !self.complained {
                self.complained = true;
                tracing::warn!("log server {}: {error}", self.outlet.name);
            }
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // One more attempt, for what still waits.
                () = stop.cancelled() => {}
            }
        }
    }

    async fn connect(&self) -> io::Result<Stream> {
        let mut stream = connect(&self.outlet.to, &Options::default()).await?;
        if let Some(server) = &self.outlet.tls {
            let name = match (&server.sni, &self.outlet.to) {
                (Sni::Fixed(name), _) => name.clone(),
                (_, Destination::Tcp(address)) => ServerName::from(address.ip()),
                _ => ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            };
            tls::connect(&mut stream, server, name).await.map_err(io::Error::other)?;
        }
        Ok(stream)
    }

    /// Sends what comes until the connection or the ring ends.
    async fn converse(&mut self, mut stream: Stream, stop: &CancellationToken) -> End {
        if self.complained {
            self.complained = false;
            tracing::info!("log server {} works again", self.outlet.name);
        }
        let mut batch = Batch::default();
        let mut answer = [0; 512];
        loop {
            batch.fill(self);
            if batch.bytes.is_empty() {
                if stop.is_cancelled() {
                    return End::Stopped;
                }
                let heard = tokio::select! {
                    () = self.reader.news() => continue,
                    () = stop.cancelled() => continue,
                    heard = poll_fn(|cx| stream.poll_read(cx, &mut answer)) => heard,
                };
                match heard {
                    Ok(0) => return End::Broken(io::ErrorKind::ConnectionAborted.into()),
                    // Log servers have nothing to say; what they say anyway is not read.
                    Ok(_) => continue,
                    Err(error) => return End::Broken(error),
                }
            }
            while batch.sent < batch.bytes.len() {
                let rest = &batch.bytes[batch.sent..];
                let write = poll_fn(|cx| stream.poll_write(cx, rest));
                match within(self.outlet.stall, write).await {
                    Ok(sent) => batch.sent += sent,
                    Err(error) => {
                        let lost = self.reader.go_back(batch.whole_lines());
                        self.losses.lose_lines(lost);
                        return End::Broken(error);
                    }
                }
            }
        }
    }
}

/// Lines on their way.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    sent: usize,
    /// Where each line ends, in the bytes and in the ring.
    ends: Vec<(usize, Place)>,
    /// Before the first of them.
    start: Place,
    length: String,
}

impl Batch {
    /// Takes the next lines of the ring.
    fn fill(&mut self, sender: &mut Sender) {
        let Self { bytes, sent, ends, start, length } = self;
        bytes.clear();
        ends.clear();
        *sent = 0;
        *start = sender.reader.place();
        let proto = sender.outlet.proto;
        sender.reader.read(|line, after| {
            if proto == LogProto::OctetCount {
                length.clear();
                // Writing to a string cannot fail.
                let _ = write!(length, "{} ", line.len());
                bytes.extend_from_slice(length.as_bytes());
            }
            bytes.extend_from_slice(line);
            if proto == LogProto::Legacy {
                bytes.push(b'\n');
            }
            ends.push((bytes.len(), after));
            bytes.len() < BATCH_BYTES
        });
    }

    /// The place after the last line that was sent whole.
    fn whole_lines(&self) -> Place {
        let whole = self.ends.iter().take_while(|(end, _)| *end <= self.sent);
        whole.last().map_or(self.start, |(_, place)| *place)
    }
}

/// Waits for `work`, but not for ever.
async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match limit {
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
        None => work.await,
    }
}
