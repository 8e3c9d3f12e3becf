//! One connection's life: inspect, assign, dial, relay, finish.
//!
//! Each step returns how the session ended if it ended there, so that every way out has its two
//! letters by type. What is decided is decided in `pure::session`; this is the order of things.
//!
//! **Architecture invariant.** Nothing here knows a check. A session learns of a server's death from
//! the live set, and tells of its own bad luck by a hint.

mod assign;
mod client;
mod course;
pub mod crew;
mod dial;
mod facts;
mod farewell;
mod finish;
mod follow;
mod hold;
mod http;
mod identity;
mod inspect;
mod key;
pub mod listener;
mod noted;
mod presence;
mod proxy_header;
mod rare;
mod response;
mod ruled;
mod rules;
mod stick;
mod tls;
mod vain;
mod wire_facts;

use std::future::poll_fn;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, SystemTime};

use client::Heard;
use crew::Crew;
use dial::Server;
use finish::Outcome;
use follow::Watched;
use http::Exchange;
use presence::Presence;
use ruled::Ruled;

use crate::clock;
use crate::config::model::{self, DatabaseKind};
use crate::net::accept::{Accepted, Doorkeeper};
use crate::net::relay::{self, Alarm, End, Relay, Replay};
use crate::net::stream::Stream;
use crate::pure::role::route::RoleRoute;
use crate::pure::session::idle::{Limits, Side};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::frontend::Route;
use crate::state::http::Pages;
use crate::state::sessions::{Running, Seat, Stage};
use crate::state::{Backend, CutReason, Process};
use crate::telemetry::bus::Bus;
use listener::Admission;

/// What all sessions share.
#[derive(Debug)]
pub struct Context {
    /// The process.
    pub process: Arc<Process>,
    /// Where records go.
    pub bus: Bus,
    /// What requests are answered with in `mode http`.
    pub pages: Arc<dyn Pages>,
    /// One page is made at a time: who asks for them cannot take more than one core from the others.
    pub renders: Arc<tokio::sync::Semaphore>,
    /// The workers, who share sessions among them.
    pub crew: Crew,
}

/// A running session: what is known of it so far.
pub(crate) struct Session {
    route: Arc<Route>,
    client: Stream,
    accepted: SystemTime,
    /// Bytes the client sent before there was a server.
    early: Vec<u8>,
    /// What became of the client's side before it is relayed.
    heard: Heard,
    /// The client is not to learn that its session is over.
    silenced: bool,
    /// What rules know and did; nothing where there are none.
    ruled: Ruled,
    outcome: Outcome,
    /// The request that is answered, in `mode http`.
    exchange: Option<Box<Exchange>>,
    /// What others see of it, and end it by.
    running: Running,
    /// Counted here until the session is over.
    presence: Presence,
    /// What its server speaks, where its check knows it.
    spoken: Option<DatabaseKind>,
    /// Where it came in, and its place there: held until the session is over.
    door: Admission,
}

/// A session's server, and the backend it was found in.
struct Reached {
    backend: Arc<Backend>,
    /// Those the session began with: a reload changes nothing for it.
    settings: Arc<model::Backend>,
    server: Server,
}

/// Why a session ended before both sides were relayed.
type Ended = Termination;

/// Runs one accepted connection to its end.
///
/// An `async fn` would keep what it is given twice, here and in the functions below that say so: once
/// as its arguments, once as its variables. An idle session is little more than this future.
///
/// # Cancel safety
/// Dropping it (at process stop) closes both sides and frees the slot, without a record.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
pub(crate) fn run(mut session: Session) -> impl Future<Output = ()> {
    async move {
        if !session.passes_connection_rules() {
            return;
        }
        let handle = Arc::clone(session.running.handle());
        let ended = {
            let serving = pin!(session.serve());
            follow::unless_killed(&handle, serving).await
        };
        let termination = match ended {
            Ok(end) => end,
            Err(end) => session.part_early(end),
        };
        let is_told = session.outcome.was_told;
        let client = session.finish(termination);
        if is_told {
            // Boxed: few sessions come here.
            Box::pin(farewell::linger(client)).await;
        }
    }
}

impl Session {
    /// `accepted` becomes a session on this worker, at `seat`; `None` where there is no descriptor or memory for it.
    pub(crate) fn accept(accepted: Accepted, door: Admission, seat: Seat) -> Option<Self> {
        let is_tcp = door.is_tcp(&accepted.socket);
        let client = match Stream::from_accepted(accepted.socket, is_tcp) {
            Ok(client) => client,
            Err(error) => {
                Doorkeeper::exhausted(door.door(), &error);
                return None;
            }
        };
        let route = Arc::clone(&door.frontend.route());
        let started = clock::now();
        let uptime = door.context.process.uptime(started);
        let running = seat.begin(&door.frontend, &door.listener, accepted.peer, started);
        running.note_client(client.as_fd().as_raw_fd());
        let session = Self {
            route,
            client,
            accepted: clock::wall(),
            early: Vec::new(),
            heard: Heard::Open,
            silenced: false,
            ruled: Ruled::default(),
            outcome: Outcome::default(),
            exchange: None,
            presence: Presence::begin(Arc::clone(running.handle()), uptime),
            running,
            spoken: None,
            door,
        };
        Some(session)
    }

    /// The sentence: inspect, assign, dial, relay.
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
    fn serve(&mut self) -> impl Future<Output = Result<Termination, Ended>> {
        async move {
            // Boxed: the way to a server takes more room than relaying, and is behind it then.
            let Some(reached) = Box::pin(self.reach()).await? else {
                // Boxed: sessions that relay bytes have no room for it.
                return Box::pin(self.serve_requests()).await;
            };
            let (end, server) = self.relay(reached).await?;
            self.outcome.leave(&server.lease);
            Ok(termination(end, self.running.order()))
        }
    }

    /// From an accepted connection to a connected server; `None` where requests are answered here.
    async fn reach(&mut self) -> Result<Option<Reached>, Ended> {
        let door = Arc::clone(self.door.door());
        if door.bind.socket.netscaler_cip.is_some() || self.ruled.expects_netscaler {
            self.read_netscaler_header(&door.bind).await?;
        }
        if door.bind.accept_proxy || self.ruled.expects_proxy {
            self.read_proxy_header(&door.bind).await?;
        }
        if let Some(tls) = &door.bind.tls {
            // Boxed: sessions without TLS have no room for it.
            Box::pin(self.start_tls(tls, &door.bind)).await?;
        }
        if door.bind.accept_proxy || door.bind.tls.is_some() {
            self.note_handshake();
        }
        self.session_rules()?;
        self.begin();
        self.count_tracked_session();
        if self.route.settings.http.is_some() {
            return Ok(None);
        }
        self.note_accepted();
        self.content_rules().await?;
        let Some(backend) = self.backend() else {
            return Err(Termination::new(Cause::ServerAbort, Phase::Connect));
        };
        let settings = Arc::clone(&backend.settings());
        self.presence.enter(&backend);
        self.outcome.enter(&backend, self.door.context.process.uptime(self.running.started));
        self.running.enter_backend(&backend);
        self.backend_rules(&backend).await?;
        self.still_there()?;
        let lease = self.assign(&backend, &settings).await?;
        let server = self.dial(&backend, &settings, lease).await?;
        self.note_connected();
        self.note_sticking(&server.lease);
        Ok(Some(Reached { backend, settings, server }))
    }

    /// Relays. A session whose client has had no byte of a server that died gets another server and
    /// starts from its beginning: the client only sees a pause.
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
    fn relay(
        &mut self,
        mut reached: Reached,
    ) -> impl Future<Output = Result<(End, Server), Ended>> {
        async move {
            let mut relay = self.begin_relay(&reached);
            self.response_rules(&reached.backend, &mut reached.server, &mut relay).await?;
            let end = loop {
                self.running.reach(Stage::Relaying);
                self.spoken = farewell::database_of(&reached.server);
                let end = {
                    let (this, server, relay) = (&mut *self, &mut reached.server, &mut relay);
                    let mut alarm = pin!(relay::alarm());
                    poll_fn(|cx| this.poll_relay(cx, server, relay, alarm.as_mut())).await
                };
                if end == End::Reset(Side::Server) {
                    Box::pin(relay.deliver(&mut self.client)).await;
                }
                let end = relay.first(end);
                let Reached { backend, settings, server } = &mut reached;
                let dead = match end {
                    // Boxed, as what follows from it: few sessions come here.
                    End::ServerSilent => Box::pin(self.is_dead(backend, settings, server)).await,
                    End::Cut => match self.running.order() {
                        Some(CutReason::ServerUp | CutReason::Killed) => break end,
                        Some(_) if relay.is_unanswered() => true,
                        Some(CutReason::ServerLeft) | None => false,
                        Some(_) => break end,
                    },
                    // Whom the server has told nothing starts over.
                    End::Parted if relay.is_unanswered() => true,
                    // Boxed for the same reason.
                    End::ServerLeft
                        if Box::pin(self.is_to_be_told(&relay, backend, settings, server))
                            .await =>
                    {
                        break end;
                    }
                    End::ServerLeft => false,
                    _ => break end,
                };
                if dead {
                    // Where there is no other server, the client is told so in answer to it.
                    self.early.splice(0..0, relay.take_opening());
                    let Reached { backend, settings, server } = reached;
                    let server = Box::pin(self.dial_again(&backend, &settings, server)).await?;
                    self.note_sticking(&server.lease);
                    reached = Reached { backend, settings, server };
                    relay.rewind();
                } else if end == End::Cut {
                    self.running.dismiss();
                } else if let Some(end) = relay.accept_end() {
                    break end;
                }
                relay.prepend(std::mem::take(&mut self.early));
            };
            let mut server = reached.server;
            if end == End::Reset(Side::Server) {
                server.lease.server.hint();
            }
            self.outcome.was_left = relay.was_left_by_server();
            self.close(&relay, &mut server, end).await;
            Ok((end, server))
        }
    }

    fn poll_relay(
        &mut self,
        cx: &mut task::Context<'_>,
        server: &mut Server,
        relay: &mut Relay,
        alarm: Pin<&mut Alarm>,
    ) -> Poll<End> {
        if self.is_in_doubt() {
            return Poll::Pending;
        }
        let database = self.spoken.map(|kind| (kind, &*server.lease.server));
        let watch = Watched(&self.running, database);
        relay.poll(cx, &mut self.client, &mut server.stream, &watch, alarm)
    }

    /// Whether its server may be primary no more for all that this process knows; whoever finds out
    /// wakes the session.
    fn is_in_doubt(&self) -> bool {
        self.route.settings.role == Some(RoleRoute::Primary)
            && self.door.context.process.waking.is_in_doubt()
            && self.running.order().is_none()
    }

    /// What a session that has reached a server is relayed by.
    fn begin_relay(&mut self, reached: &Reached) -> Relay {
        let Reached { settings, server, .. } = reached;
        let limits = limits(&self.route.settings, settings);
        let mut relay = Relay::new(limits, replay(&server.lease.server.settings()));
        if self.route.settings.independent_streams {
            relay.make_independent(Side::Client);
        }
        if settings.independent_streams {
            relay.make_independent(Side::Server);
        }
        if settings.nolinger {
            relay.end_with_client();
        }
        if farewell::database_of(server).is_some() {
            relay.remember_last();
        }
        relay.prepend(std::mem::take(&mut self.early));
        relay
    }

    /// Makes the way the sockets are closed tell the same story as the session's end. Those with
    /// `option nolinger` are reset anyway.
    async fn close(&mut self, relay: &Relay, server: &mut Server, end: End) {
        if end == End::Reset(Side::Client) {
            server.stream.reset_on_close();
        } else {
            server.stream.part();
        }
        if self.say_farewell(relay, server, end).await {
            self.client.part_early();
            self.outcome.was_told = true;
        } else if end == End::Cut && self.running.order() == Some(CutReason::Killed) {
            self.client.part_early();
        } else if end == End::Reset(Side::Server) {
            self.client.reset_on_close();
        } else {
            self.client.part();
        }
    }

    fn uptime(&self) -> Duration {
        self.door.context.process.uptime(clock::now())
    }
}

/// When a session on this server may start over elsewhere: only where a check will tell whether
/// the server is dead, and with bytes of the client only where the protocol makes that harmless.
fn replay(server: &model::Server) -> Replay {
    let is_postgres = farewell::spoken_by(server) == Some(model::DatabaseKind::Postgres);
    match server.check.as_ref().map(|check| &check.kind) {
        None => Replay::Never,
        // The first packet of a Postgres client (startup, SSLRequest) changes nothing.
        Some(model::CheckKind::Pgsql { .. }) => Replay::Opening,
        Some(_) if is_postgres => Replay::Opening,
        Some(_) => Replay::Silent,
    }
}

fn limits(frontend: &model::Frontend, backend: &model::Backend) -> Limits {
    Limits {
        client: frontend.timeouts.client.into(),
        client_fin: frontend.timeouts.client_fin.into(),
        server: backend.timeouts.server.into(),
        server_fin: backend.timeouts.server_fin.into(),
        tunnel: backend.timeouts.tunnel.into(),
    }
}

fn termination(end: End, cut: Option<CutReason>) -> Termination {
    let (cause, phase) = match end {
        End::Closed => (Cause::Normal, Phase::Ended),
        End::Reset(Side::Client) => (Cause::ClientAbort, Phase::Data),
        End::Reset(Side::Server) | End::ServerSilent | End::ServerLeft => {
            (Cause::ServerAbort, Phase::Data)
        }
        End::TimedOut(Side::Client) => (Cause::ClientTimeout, Phase::Data),
        End::TimedOut(Side::Server) => (Cause::ServerTimeout, Phase::Data),
        End::Cut => (cut.map_or(Cause::Killed, CutReason::cause), Phase::Data),
        End::Parted => (Cause::Killed, Phase::Data),
    };
    Termination::new(cause, phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the runtime's 104 bytes it fits into a kilobyte.
    #[test]
    fn a_session_that_relays_is_small() {
        fn size_of_future<A, F>(_: fn(A) -> F) -> usize {
            size_of::<F>()
        }
        // What is not optimized keeps a few bytes more.
        let most = if cfg!(debug_assertions) { 952 } else { 920 };
        assert!(size_of_future(run) <= most, "{} bytes", size_of_future(run));
    }
}
