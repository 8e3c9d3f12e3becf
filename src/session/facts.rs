//! What samples learn of a session.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Session;
use super::rare::Rare;
use crate::clock;
use crate::config::model;
use crate::net::stream::Stream;
use crate::pure::acl::pattern::{Found, PatternsId};
use crate::pure::http::Request;
use crate::pure::sample::content::Side;
use crate::pure::sample::tracked::{Data, Tracked};
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Scope, Value, Variable};
use crate::pure::wire::Parsed;
use crate::pure::wire::proxy_v2::kind;
use crate::state::http::RequestFacts;
use crate::state::process_facts::ProcessFacts;
use crate::state::{Backend, Frontend, Registry, Server};
use std::sync::Arc;

/// Variables of one session, few and short-lived.
pub(super) type Variables = RefCell<Rare<Vec<(Variable, Value)>>>;

/// What came of a server.
#[derive(Clone, Copy)]
pub(super) struct Response<'a> {
    /// What it said so far.
    pub(super) bytes: &'a [u8],
    /// Bytes of the client that it was sent.
    pub(super) passed_on: u64,
    /// Its connection, where that is at hand.
    pub(super) server: Option<&'a Stream>,
}

/// A session at one moment.
pub(super) struct View<'a> {
    pub(super) session: &'a Session,
    /// The patterns of the rules that ask.
    pub(super) patterns: &'a Registry,
    /// The server's, while its rules are evaluated.
    pub(super) response: Option<Response<'a>>,
    /// Nothing more is waited for.
    pub(super) is_final: bool,
}

impl Facts for View<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        if fact.is_of_request() && self.session.exchange.is_none() {
            return self.overheard(fact, args);
        }
        let value = self.client(fact, args).or_else(|| self.proxy(fact, args));
        let value = value.or_else(|| self.server(fact, args)).or_else(|| self.process(fact, args));
        let value = value.or_else(|| self.request(fact, args));
        let value = value.or_else(|| self.course(fact, args));
        value.or_else(|| self.connections(fact, args)).into()
    }

    fn tracked(&self, tracked: &Tracked) -> Option<Value> {
        self.session.tracked_value(tracked)
    }

    fn in_table(&self, table: &str, data: Option<Data>, index: u32, key: &Value) -> Option<Value> {
        self.session.value_in_table(table, data, index, key)
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let bytes = match (side, self.response) {
            (Side::Request, _) | (Side::Current, None) => self.session.early.as_slice(),
            (Side::Response | Side::Current, Some(response)) => response.bytes,
            (Side::Response, None) => return None,
        };
        let capacity = self.session.door.context.process.objects().config.global.bufsize;
        Some(Buffer { bytes, capacity, may_grow: !self.is_final })
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        if name.scope == Scope::Process {
            return self.session.door.context.process.variable(name);
        }
        let variables = self.session.ruled.variables.borrow();
        variables.get()?.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        if name.scope == Scope::Process {
            return self.session.door.context.process.set_variable(name, value);
        }
        let mut variables = self.session.ruled.variables.borrow_mut();
        let variables = variables.change();
        variables.retain(|(known, _)| known != name);
        variables.extend(value.map(|value| (name.clone(), value)));
    }

    fn knows_variable(&self, name: &Variable) -> bool {
        // The configuration makes those of the process.
        name.scope == Scope::Process || self.variable(name).is_some()
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        self.patterns.find(patterns, value)
    }

    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.patterns.fill(patterns, value, template)
    }

    fn is_final(&self) -> bool {
        self.is_final
    }
}

fn int(number: impl TryInto<i64>) -> Option<Value> {
    Some(Value::Int(number.try_into().unwrap_or(i64::MAX)))
}

fn ip(address: Option<SocketAddr>) -> Option<Value> {
    Some(Value::from(address?.ip()))
}

fn port(address: Option<SocketAddr>) -> Option<Value> {
    int(address?.port())
}

/// Of the PROXY header.
fn received(value: Option<&[u8]>) -> Option<Value> {
    value.map(|value| Value::Str(value.to_vec()))
}

fn millis(duration: Option<Duration>) -> Option<Value> {
    int(duration.unwrap_or_default().as_millis())
}

impl View<'_> {
    /// Of a request in the bytes that a proxy of TCP holds.
    fn overheard(&self, fact: Fact, args: &[Arg]) -> Fetched {
        if self.response.is_some() {
            return Fetched::Absent;
        }
        match Request::parse(self.session.early.as_slice()) {
            Parsed::Done(request, _) => {
                let objects = self.session.door.context.process.objects();
                let userlists = &objects.config.userlists;
                let facts = RequestFacts { request: &request, is_first: true, userlists };
                facts.value(fact, args).into()
            }
            Parsed::More if !self.is_final => Fetched::NotYet,
            Parsed::More | Parsed::Bad(_) => Fetched::Absent,
        }
    }

    /// Of the request that is answered.
    fn request(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let exchange = self.session.exchange.as_deref()?;
        let request = exchange.request.as_ref()?;
        let objects = self.session.door.context.process.objects();
        let userlists = &objects.config.userlists;
        RequestFacts { request, is_first: exchange.is_first, userlists }.value(fact, args)
    }

    fn destination(&self) -> Option<SocketAddr> {
        self.session.running.destination().or_else(|| self.session.client.local_addr())
    }

    /// Of the connection, as the PROXY header and rules changed it; `fc_…` is as it
    /// came, or as the connection's own rules named it.
    fn client(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let session = self.session;
        let wire = session.ruled.wire.get();
        let peer = session.ruled.peer();
        let named = wire.and_then(|wire| wire.local);
        let local = || named.or_else(|| session.client.local_addr());
        match fact {
            Fact::Src => ip(session.running.source()),
            Fact::SrcPort => port(session.running.source()),
            Fact::Dst => ip(self.destination()),
            Fact::DstPort => port(self.destination()),
            Fact::FcSrc => ip(peer.or(session.running.source())),
            Fact::FcSrcPort => port(peer.or(session.running.source())),
            Fact::FcDst => ip(local()),
            Fact::FcDstPort => port(local()),
            Fact::SrcIsLocal | Fact::FcSrcIsLocal => Some(is_local(session.running.source()?.ip())),
            Fact::DstIsLocal | Fact::FcDstIsLocal => Some(is_local(self.destination()?.ip())),
            Fact::FcRcvdProxy => Some(Value::Bool(session.ruled.received_proxy)),
            Fact::FcPpAuthority => received(session.received_tlv(kind::AUTHORITY)),
            Fact::FcPpUniqueId => received(session.received_tlv(kind::UNIQUE_ID)),
            Fact::FcPpTlv => {
                received(session.received_tlvs().find(kind::parse(args.first()?.text()?)?))
            }
            Fact::UniqueId => session.unique_id().map(Value::text),
            Fact::SoId => int(session.running.listener.id),
            _ => None,
        }
    }

    fn proxy(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let (session, route) = (self.session, &self.session.route);
        match fact {
            Fact::FeId => int(route.settings.id.0),
            Fact::FeName => Some(Value::text(&session.running.frontend.name)),
            Fact::FeDefbe => Some(Value::text(route.settings.backend.as_ref()?.as_str())),
            Fact::FeClientTimeout | Fact::CurClientTimeout => {
                millis(route.settings.timeouts.client)
            }
            Fact::SoName => Some(Value::text(session.door.bind.name.as_ref()?)),
            Fact::FeConn => int(self.frontend(args)?.traffic.sessions.current()),
            Fact::FeSessRate => int(self.frontend(args)?.traffic.rate.at(session.uptime())),
            Fact::DstConn => int(session.running.frontend.traffic.sessions.current()),
            _ => self.backend_fact(fact, args),
        }
    }

    fn backend_fact(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let backend = || self.backend(args.first().and_then(Arg::text));
        let own = |of: fn(&model::ServerTimeouts) -> Option<Duration>| {
            millis(of(&self.session.outcome.backend.as_ref()?.settings().timeouts))
        };
        match fact {
            // Before a backend is chosen, a session is the frontend's.
            Fact::BeId => int(match &self.session.outcome.backend {
                Some(backend) => backend.settings().id.0,
                None => self.session.route.settings.id.0,
            }),
            Fact::BeName => Some(Value::text(match &self.session.outcome.backend {
                Some(backend) => &backend.name,
                None => &self.session.running.frontend.name,
            })),
            Fact::BeServerTimeout | Fact::CurServerTimeout => own(|timeouts| timeouts.server),
            Fact::BeTunnelTimeout | Fact::CurTunnelTimeout => own(|timeouts| timeouts.tunnel),
            Fact::BeConnectTimeout | Fact::CurConnectTimeout => own(|timeouts| timeouts.connect),
            Fact::BeQueueTimeout | Fact::CurQueueTimeout => own(|timeouts| timeouts.queue),
            Fact::CurMaxRetries => int(self.session.outcome.backend.as_ref()?.settings().retries),
            Fact::NbSrv => {
                let live = backend()?.live().active;
                int(if live > 0 { live } else { backend()?.live().backup })
            }
            Fact::BeConn => int(backend()?.service.traffic.sessions.current()),
            Fact::BeSessRate => int(backend()?.service.traffic.rate.at(self.session.uptime())),
            Fact::Queue => int(queued(backend()?.as_ref())),
            Fact::AvgQueue => {
                let backend = backend()?;
                let (queued, servers) = (queued(&backend), backend.live().active);
                int(if servers > 0 {
                    queued.div_ceil(servers as u64)
                } else {
                    queued.saturating_mul(2)
                })
            }
            Fact::BeConnFree => free_slots(backend()?.as_ref()),
            Fact::ConnSlots => free_places(backend()?.as_ref()),
            _ => None,
        }
    }

    fn server(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let own = || self.session.outcome.server.as_ref();
        match fact {
            Fact::SrvId => return int(own()?.settings().id.0),
            Fact::SrvName => return Some(Value::text(&own()?.name)),
            _ => {}
        }
        let Some(Arg::Server(backend, name)) = args.first() else { return None };
        let backend = self.backend(backend.as_deref())?;
        let server =
            backend.live().servers.iter().find(|server| *server.name == **name).cloned()?;
        let sessions = &server.service.traffic.sessions;
        match fact {
            Fact::SrvIsUp => Some(Value::Bool(server.is_up())),
            Fact::SrvConn => int(sessions.current()),
            Fact::SrvConnFree => match server.settings().maxconn {
                Some(limit) => int(limit.get().saturating_sub(sessions.current())),
                None => Some(Value::Int(-1)),
            },
            Fact::SrvQueue => int(server.service.queued.current()),
            Fact::SrvSessRate => int(server.service.traffic.rate.at(self.session.uptime())),
            Fact::SrvWeight | Fact::SrvUweight => int(server.settings().weight.value()),
            Fact::SrvIweight => int(server.configured().weight.value()),
            _ => None,
        }
    }

    fn process(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        match fact {
            Fact::PrioClass => int(self.session.ruled.priority.class),
            Fact::PrioOffset => int(self.session.ruled.priority.offset_ms),
            _ => {
                let (process, uptime) = (&self.session.door.context.process, self.session.uptime());
                ProcessFacts { process, wall: clock::wall(), uptime }.value(fact, args)
            }
        }
    }

    fn backend(&self, name: Option<&str>) -> Option<Arc<Backend>> {
        let Some(name) = name else {
            return self
                .session
                .outcome
                .backend
                .clone()
                .or_else(|| self.session.route.backend.clone());
        };
        let objects = self.session.door.context.process.objects();
        objects.backends.iter().find(|backend| *backend.name == *name).cloned()
    }

    fn frontend(&self, args: &[Arg]) -> Option<Arc<Frontend>> {
        let Some(name) = args.first().and_then(Arg::text) else {
            return Some(Arc::clone(&self.session.running.frontend));
        };
        let objects = self.session.door.context.process.objects();
        objects.frontends.iter().find(|frontend| *frontend.name == *name).cloned()
    }
}

/// Whether the machine has this address: who can bind it can be it.
fn is_local(ip: IpAddr) -> Value {
    let local = ip.is_loopback() || std::net::UdpSocket::bind((ip, 0)).is_ok();
    Value::Bool(local)
}

fn queued(backend: &Backend) -> u64 {
    let servers = backend.live();
    let servers = servers.servers.iter().map(|server| u64::from(server.service.queued.current()));
    u64::from(backend.service.queued.current()) + servers.sum::<u64>()
}

/// Room on the servers that run and in their queues; -1 where one has no limit of either.
fn free_places(backend: &Backend) -> Option<Value> {
    let live = backend.live();
    let free = |server: &Arc<Server>| {
        let settings = server.settings();
        let (sessions, waiting) = (settings.maxconn?.get(), settings.maxqueue?.get());
        let (there, queued) =
            (server.service.traffic.sessions.current(), server.service.queued.current());
        Some(u64::from(sessions.saturating_sub(there)) + u64::from(waiting.saturating_sub(queued)))
    };
    let running = live.servers.iter().filter(|server| server.standing().is_running());
    match running.map(free).sum::<Option<u64>>() {
        Some(free) => int(free),
        None => Some(Value::Int(-1)),
    }
}

/// Room on the servers that may be picked; -1 where one has no limit.
fn free_slots(backend: &Backend) -> Option<Value> {
    let live = backend.live();
    let free = |server: &Arc<Server>| {
        let limit = server.settings().maxconn?.get();
        Some(u64::from(limit.saturating_sub(server.service.traffic.sessions.current())))
    };
    let usable = live.servers.iter().filter(|server| live.contains(server.index));
    match usable.map(free).sum::<Option<u64>>() {
        Some(free) => int(free),
        None => Some(Value::Int(-1)),
    }
}
