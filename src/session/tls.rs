//! TLS at either end of a session: the client's before anything else, the server's behind the PROXY
//! header.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::{Context, Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model::{self, Bind, BindTls, ServerAddr, ServerTls, Sni};
use crate::net::stream::Stream;
use crate::net::tls::{self, HandshakeError};
use crate::pure::session::retry::Failure;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::pure::tls::refusal::Refusal;
use crate::state::counters::Shaken;
use crate::state::{Backend, Lease, Permit, Server};
use crate::telemetry::record::Why;

impl Session {
    /// Shakes hands with the client, within what is left of `timeout client-hs`.
    pub(super) async fn start_tls(&mut self, tls: &BindTls, bind: &Bind) -> Result<(), Ended> {
        let spent = clock::now().saturating_duration_since(self.running.started);
        let limit = self.route.settings.timeouts.client_hs;
        let limit = limit.map(|limit| limit.saturating_sub(spent));
        let early = std::mem::take(&mut self.early);
        let shaken = tokio::select! {
            biased;
            shaken = tls::accept(&mut self.client, early, tls) => shaken.map_err(|error| {
                tracing::debug!("Proxy {}: {error:?}", self.running.frontend.name);
                error.refusal()
            }),
            () = sleep_or_forever(limit) => Err(Refusal::Timeout),
        };
        self.count_handshake(&shaken, tls);
        shaken.map_err(|why| {
            self.note_refusal(Why::Tls(why), bind);
            let cause = match why {
                Refusal::Timeout => Cause::ClientTimeout,
                _ => Cause::ClientAbort,
            };
            Termination::new(cause, Phase::Request)
        })
    }
}

/// How it ended.
fn shaken(stream: &Stream) -> Shaken {
    match stream.tls() {
        Some(facts) if facts.resumed => Shaken::Resumed,
        _ => Shaken::Full,
    }
}

impl Session {
    fn count_handshake(&self, done: &Result<(), Refusal>, bind: &BindTls) {
        let counters = &self.door.context.process.tls;
        let (lookups, misses) = bind.lookups.take();
        counters.lookups.add(lookups);
        counters.misses.add(misses);
        let how = match done {
            Ok(()) => shaken(&self.client),
            Err(Refusal::Timeout) => return,
            Err(_) => Shaken::Failed,
        };
        self.intake().for_each(|traffic| traffic.handshakes.note(how));
        if how == Shaken::Full {
            counters.client_keys.tick(self.uptime());
        }
    }

    /// The handshake that is due with a server of `settings`; `None`: none is.
    ///
    /// # Errors
    /// There is no place for one more connection with TLS.
    pub(super) fn tls_ahead<'t>(
        &self,
        settings: &'t model::Server,
        lease: &Lease,
    ) -> Result<Option<Ahead<'t>>, Failure> {
        let Some(tls) = settings.tls.as_deref() else { return Ok(None) };
        let place = self.door.context.process.tls.try_enter().ok_or(Failure::NoPlace)?;
        Ok(Some(Ahead {
            tls,
            name: self.server_name(tls, &settings.address),
            context: Arc::clone(&self.door.context),
            backend: self.outcome.backend.clone(),
            server: Arc::clone(&lease.server),
            place,
        }))
    }

    /// The name to ask a server for: its address where none is, which is never sent.
    fn server_name(&self, tls: &ServerTls, address: &ServerAddr) -> ServerName<'static> {
        let name = match &tls.sni {
            Sni::Absent => None,
            Sni::Fixed(name) => Some(name.clone()),
            Sni::Expr(expr) => {
                let value = expr.evaluate(&self.held(true)).value();
                let name = value.and_then(|value| String::from_utf8(value.into_bytes()).ok());
                name.and_then(|name| ServerName::try_from(name).ok())
            }
        };
        name.unwrap_or_else(|| {
            let ip = match address {
                ServerAddr::Tcp(address) => address.ip(),
                ServerAddr::TcpClientPort { ip, .. } => *ip,
                _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            ServerName::from(ip)
        })
    }
}

/// A handshake with a server, its place among the connections with TLS, and who counts it.
pub(super) struct Ahead<'t> {
    tls: &'t ServerTls,
    name: ServerName<'static>,
    context: Arc<Context>,
    backend: Option<Arc<Backend>>,
    server: Arc<Server>,
    place: Permit,
}

impl Ahead<'_> {
    /// Shakes hands; yields the connection's place.
    ///
    /// # Errors
    /// As one of the connection: a server that cannot be spoken to is tried again like one that
    /// refuses.
    pub(super) async fn shake(self, stream: &mut Stream) -> std::io::Result<Permit> {
        let done = tls::connect(stream, self.tls, self.name).await;
        let how = if done.is_ok() { shaken(stream) } else { Shaken::Failed };
        let services = self.backend.iter().map(|backend| &backend.service);
        for service in services.chain([&self.server.service]) {
            service.traffic.handshakes.note(how);
        }
        if how == Shaken::Full {
            let process = &self.context.process;
            process.tls.server_keys.tick(process.uptime(clock::now()));
        }
        done.map_err(|error: HandshakeError| {
            tracing::debug!("TLS to a server: {error:?}");
            std::io::Error::new(std::io::ErrorKind::ConnectionAborted, error)
        })?;
        Ok(self.place)
    }
}
