//! From a slot to a connected server: attempts, retries, and the wait for a verdict.
//!
//! A failed attempt is *heard*: it wakes the server's check at once, and the client is kept waiting
//! while the verdict forms. When the server leaves the live set the session goes to another one,
//! the backup included; until then HAProxy's rules for retries hold.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::assign::Choice;
use super::client::Gone;
use super::follow::unless_cut;
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model::{self, Redispatch, ServerAddr, Source, UseSrc};
use crate::net::connect::{Destination, Options, Origin, connect};
use crate::net::relay::write_all;
use crate::net::stream::Stream;
use crate::pure::role::route::RoleRoute;
use crate::pure::session::retry::{self, Failure, Next, Policy};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::{Backend, CutReason, Lease, Permit};

/// A connected server and the session's slot on it.
pub(super) struct Server {
    pub(super) stream: Stream,
    pub(super) lease: Lease,
    /// Its place among the connections with TLS.
    _tls: Option<Permit>,
}

/// Longest wait for a verdict where `timeout connect` is infinite.
const VERDICT_WAIT: Duration = Duration::from_secs(10);

impl Session {
    /// Connects to the server of `lease`, or to another one if that fails.
    pub(super) async fn dial(
        &mut self,
        backend: &Arc<Backend>,
        settings: &Arc<model::Backend>,
        mut lease: Lease,
    ) -> Result<Server, Ended> {
        loop {
            let failure = match self.attempt(settings, &lease).await? {
                Ok((stream, tls)) => {
                    lease.server.forget_errors();
                    self.note_stream(&stream);
                    if self.way(backend).role == Some(RoleRoute::Primary) {
                        backend.group.handle_session(clock::now(), self.running.started);
                    }
                    return Ok(Server { stream, lease, _tls: tls });
                }
                Err(failure) => failure,
            };
            if !failure.is_ours() {
                lease.server.hint();
                if let Some(observe) = lease.server.settings().observe {
                    lease.server.note_error(observe.error_limit);
                }
            }
            let cut = self.running.order();
            lease.cuts = lease.server.cuts();
            self.running.dismiss();
            let next = self.next_lease(backend, settings, lease, failure).await;
            lease = next.map_err(|ended| because(ended, cut))?;
        }
    }

    /// Connects to another server after one ended without a byte and was found dead.
    pub(super) async fn dial_again(
        &mut self,
        backend: &Arc<Backend>,
        settings: &Arc<model::Backend>,
        dead: Server,
    ) -> Result<Server, Ended> {
        if self.outcome.attempts > settings.retries {
            return Err(ended(Failure::Refused));
        }
        let Server { stream, lease, _tls: tls } = dead;
        // A server that stops waits for the end of its connections.
        drop((stream, tls));
        let lease = self.redispatch(backend, settings, lease).await?;
        self.dial(backend, settings, lease).await
    }

    /// One connection attempt. The outer error ends the session, the inner one the attempt.
    async fn attempt(
        &mut self,
        settings: &model::Backend,
        lease: &Lease,
    ) -> Result<Result<(Stream, Option<Permit>), Failure>, Ended> {
        let uptime = self.uptime();
        self.outcome.attempted(&lease.server, uptime);
        if !lease.is_direct() {
            self.running.enter_server(&lease.server, lease.cuts, self.outcome.retries);
        }
        let server = Arc::clone(&lease.server.settings());
        if server.address.follows_client() || server.send_proxy.is_some() {
            self.learn_destination();
        }
        let Some(destination) = destination(&server.address, self.running.destination()) else {
            return Ok(Err(Failure::Refused));
        };
        self.note_server_address(&destination);
        let options = Options {
            origin: origin(settings.source_of(&server), self.running.source()),
            socks4: server.socket.socks4,
            keepalive: settings.keepalive,
            tcp_ut: server.tcp_ut,
            cc: server.socket.cc.as_deref(),
            namespace: server.socket.namespace.as_deref(),
            nolinger: settings.nolinger,
            smart_connect: settings.tcp_smart_connect,
            buffers: self.door.context.process.objects().config.global.tuning.server,
            mark: self.ruled.server_mark,
            tos: self.ruled.server_tos,
        };
        let header = self.proxy_header(&server);
        let tls = match self.tls_ahead(&server, lease) {
            Ok(tls) => tls,
            Err(failure) => return Ok(Err(failure)),
        };
        let connecting = async {
            let mut stream = connect(&destination, &options).await?;
            write_all(&mut stream, &header).await?;
            let place = match tls {
                // Boxed: sessions without TLS have no room for it.
                Some(tls) => Some(Box::pin(tls.shake(&mut stream)).await?),
                None => None,
            };
            Ok((stream, place))
        };
        // A server that goes down while it is dialled is left at once.
        let handle = Arc::clone(self.running.handle());
        let connecting = pin!(connecting);
        let connecting = pin!(unless_cut(&handle, connecting));
        let connected =
            self.while_client_stays(settings, connecting, settings.timeouts.connect).await;
        match connected {
            Waited::Done(Some(Ok(connected))) => Ok(Ok(connected)),
            Waited::Done(Some(Err(error))) => Ok(Err(failure(&error))),
            Waited::Done(None) => Ok(Err(Failure::Refused)),
            Waited::TimedOut => Ok(Err(Failure::TimedOut)),
            Waited::ClientGone(how) => Err(how.ended(Phase::Connect)),
        }
    }

    /// The slot for the next attempt.
    async fn next_lease(
        &mut self,
        backend: &Arc<Backend>,
        settings: &Arc<model::Backend>,
        mut lease: Lease,
        failure: Failure,
    ) -> Result<Lease, Ended> {
        let index = lease.server.index;
        // What is no server cannot go down, and who is forced to one stays there.
        let direct = lease.is_direct() || self.ruled.choice == Choice::Forced;
        let role = self.way(backend).role;
        let live = |backend: &Backend| direct || backend.live().leads_to(role, index);
        let (live_now, mut policy) = (live(backend), policy(backend, settings));
        if direct {
            policy.redispatch = Redispatch::Never;
        }
        policy.fickle &= self.ruled.choice == Choice::Balanced;
        match retry::after(failure, self.outcome.attempts, live_now, &policy) {
            Next::GiveUp => Err(ended(failure)),
            Next::Other if !direct => self.redispatch(backend, settings, lease).await,
            next => {
                let (after, anew) = match next {
                    Next::Same { after } => (after, false),
                    Next::Later { after } => (after, true),
                    Next::Other | Next::GiveUp => (Duration::ZERO, false),
                };
                let mut changes = backend.changes();
                let left = async { while live(backend) && changes.changed().await.is_ok() {} };
                let left = pin!(left);
                lease.rest();
                match self.while_client_stays(settings, left, Some(after)).await {
                    Waited::Done(()) => self.redispatch(backend, settings, lease).await,
                    Waited::ClientGone(how) => {
                        self.outcome.retried(&lease.server);
                        Err(how.ended(Phase::Connect))
                    }
                    Waited::TimedOut if anew => self.redispatch(backend, settings, lease).await,
                    Waited::TimedOut => {
                        self.outcome.retried(&lease.server);
                        lease.resume();
                        Ok(lease)
                    }
                }
            }
        }
    }

    /// A slot of another server if there is one. The old slot is given back first: a session never
    /// waits for one while it holds one.
    async fn redispatch(
        &mut self,
        backend: &Arc<Backend>,
        settings: &Arc<model::Backend>,
        from: Lease,
    ) -> Result<Lease, Ended> {
        let left = Arc::clone(&from.server);
        drop(from);
        self.running.leave_server();
        let lease = self.slot(backend, settings, Some(left.index)).await?;
        if lease.server.index == left.index {
            self.outcome.retried(&left);
        } else {
            self.outcome.redispatched(&left);
            self.outcome.assigned(&lease.server, self.uptime());
        }
        Ok(lease)
    }

    /// Whether the server that ended without a byte is dead: asks its check and waits for the
    /// answer. A check that passes after the end was seen acquits it, and so does a client that
    /// leaves meanwhile. What the client sends is kept.
    pub(super) async fn is_dead(
        &mut self,
        backend: &Arc<Backend>,
        settings: &model::Backend,
        server: &Server,
    ) -> bool {
        let seen = clock::now();
        let role = self.way(backend).role;
        let server = &server.lease.server;
        let mut passes = server.passes();
        let mut changes = backend.changes();
        server.hint();
        let verdict = async {
            loop {
                if !backend.live().leads_to(role, server.index) {
                    return true;
                }
                if passes.borrow_and_update().is_some_and(|started| started >= seen) {
                    return false;
                }
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return false },
                    passed = passes.changed() => if passed.is_err() { return false },
                }
            }
        };
        let limit = settings.timeouts.connect.unwrap_or(VERDICT_WAIT);
        let verdict = self.while_client_stays(settings, pin!(verdict), Some(limit)).await;
        matches!(verdict, Waited::Done(true))
    }

    /// Runs `work` within `limit`, and ends it if the client leaves. Bytes the client sends
    /// meanwhile are kept.
    async fn while_client_stays<T>(
        &mut self,
        settings: &model::Backend,
        mut work: Pin<&mut impl Future<Output = T>>,
        limit: Option<Duration>,
    ) -> Waited<T> {
        let mut client = self.watch_client(settings);
        let work = poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Waited::Done(done));
            }
            client.poll_gone(cx).map(Waited::ClientGone)
        });
        tokio::select! {
            biased;
            waited = work => waited,
            () = sleep_or_forever(limit) => Waited::TimedOut,
        }
    }

    /// Asks the kernel which address the client connected to, once.
    pub(super) fn learn_destination(&mut self) {
        if self.running.destination().is_none() {
            self.running.learn_destination(self.client.original_destination());
        }
    }
}

/// The end of a session whose last attempt failed like this.
fn ended(failure: Failure) -> Termination {
    let cause = match failure {
        Failure::Refused => Cause::ServerAbort,
        Failure::TimedOut => Cause::ServerTimeout,
        Failure::NoResources => Cause::Resource,
        Failure::NoPlace => Cause::Internal,
    };
    Termination::new(cause, Phase::Connect)
}

/// The end of a session that found no other server after its own was cut.
fn because(ended: Ended, cut: Option<CutReason>) -> Ended {
    match cut {
        Some(cut) if ended.cause == Cause::ServerAbort => {
            Termination::new(cut.cause(), ended.phase)
        }
        _ => ended,
    }
}

/// Where a connection for the client at `client` comes from.
fn origin(source: Option<&Source>, client: Option<SocketAddr>) -> Origin<'_> {
    let Some(source) = source else { return Origin::default() };
    let own = (Some(source.ip).filter(|ip| !ip.is_unspecified()), source.ports);
    let port = |address: SocketAddr| Some((address.port(), address.port())).filter(|p| p.0 != 0);
    let (foreign, ports) = match (source.usesrc, client) {
        (UseSrc::Local, _) | (_, None) => (None, None),
        (UseSrc::ClientIp, Some(client)) => (Some(client.ip()), None),
        (UseSrc::Client, Some(client)) => (Some(client.ip()), port(client)),
        (UseSrc::Address(address), _) => (Some(address.ip()), port(address)),
    };
    let (ip, ports) = if foreign.is_some() { (foreign, ports) } else { own };
    Origin { ip, ports, transparent: foreign.is_some(), interface: source.interface.as_deref() }
}

/// How a wait ended.
enum Waited<T> {
    Done(T),
    TimedOut,
    ClientGone(Gone),
}

fn policy(backend: &Backend, settings: &model::Backend) -> Policy {
    Policy {
        retries: settings.retries,
        redispatch: settings.redispatch,
        connect: settings.timeouts.connect,
        active: backend.live().active,
        fickle: settings.balance.is_fickle(),
    }
}

fn destination(address: &ServerAddr, client_side: Option<SocketAddr>) -> Option<Destination> {
    // Where the server has no address of its own, the client said where it wanted to go.
    let own = |ip: IpAddr| match ip.is_unspecified() {
        true => client_side.map(|address| address.ip()),
        false => Some(ip),
    };
    Some(match address {
        ServerAddr::Tcp(address) => {
            Destination::Tcp(SocketAddr::new(own(address.ip())?, address.port()))
        }
        ServerAddr::TcpClientPort { ip, offset } => {
            let port = i32::from(client_side?.port()) + offset;
            Destination::Tcp(SocketAddr::new(own(*ip)?, u16::try_from(port).ok()?))
        }
        // Such a server is in maintenance: only a session that was given it before comes here.
        ServerAddr::Unresolved { .. } => return None,
        ServerAddr::Unix(path) => Destination::Unix(path.clone()),
        ServerAddr::Abstract(name) => Destination::Abstract(name.clone()),
        ServerAddr::Sockpair(number) => Destination::Sockpair(*number),
    })
}

fn failure(error: &io::Error) -> Failure {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(
            Errno::MFILE
            | Errno::NFILE
            | Errno::NOBUFS
            | Errno::NOMEM
            | Errno::ADDRNOTAVAIL
            | Errno::ADDRINUSE,
        ) => Failure::NoResources,
        Some(Errno::TIMEDOUT) => Failure::TimedOut,
        _ => Failure::Refused,
    }
}
