//! Models of every shape that validation can yield.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use crate::config::model::*;
use crate::config::validate::connect_bound;
use crate::pure::id::{Disabled, Name, ProxyId, ServerId};
use crate::pure::role::fence::OnConflict;
use crate::pure::weight::Weight;
use checks::{agent, check, observe};
use process::{global, log_target, ring};
use sockets::address;

mod checks;
mod choice;
mod names;
mod process;
mod sockets;

pub(super) fn config() -> impl Strategy<Value = Config> {
    let names = || btree_set("[a-f]{1,2}[-_.:0-9]?", 0..4);
    (global().boxed(), names(), names(), names(), commands().boxed(), any::<[bool; 2]>())
        .prop_flat_map(|(global, fronts, backs, stats, commands, [in_order, other_log])| {
            let backends: Vec<String> = backs.iter().cloned().collect();
            let frontends: Vec<_> =
                fronts.into_iter().map(|name| frontend(name, backends.clone()).boxed()).collect();
            let backends: Vec<_> = backs.into_iter().map(|name| backend(name).boxed()).collect();
            let stats: Vec<_> = stats.into_iter().map(sockets::stats).collect();
            let ids = vec(2u32..40, 8).prop_map(|ids| ids.into_iter().collect::<BTreeSet<_>>());
            let rings = vec(ring().boxed(), 0..=1);
            let rest = (Just(commands), rings, Just((in_order, other_log)));
            (Just(global), frontends, backends, stats, ids, rest).prop_map(assemble)
        })
}

type Rest = (Commands, Vec<Ring>, (bool, bool));
type Parts = (Global, Vec<Frontend>, Vec<Backend>, Vec<Stats>, BTreeSet<u32>, Rest);

fn log(targets: Vec<LogTarget>, tagged: bool) -> Log {
    Log { targets: targets.into(), tag: tagged.then(|| "other".into()) }
}

/// Gives ids, makes listening addresses unique, and shares the global log.
fn assemble((global, mut frontends, mut backends, stats, ids, rest): Parts) -> Config {
    let (commands, rings, flags) = rest;
    let (in_order, share_log) = flags;
    let mut ids: Box<dyn Iterator<Item = u32>> = match in_order {
        true => Box::new(2..),
        false => Box::new(ids.into_iter().rev().chain(100..)),
    };
    for frontend in &mut frontends {
        frontend.id = ProxyId(ids.next().unwrap());
        if share_log {
            frontend.log.to.targets = global.log.clone().into();
        }
    }
    for backend in &mut backends {
        backend.id = ProxyId(ids.next().unwrap());
        if share_log {
            backend.log.targets = global.log.clone().into();
        }
    }
    let resolvers = names::sections(&backends);
    let patterns = Vec::new();
    let order = frontends.iter().map(|frontend| frontend.id);
    let order = order.chain(backends.iter().map(|backend| backend.id)).collect();
    let mut config = Config {
        disabled: Disabled::default(),
        global,
        frontends,
        backends,
        order,
        patterns,
        tables: Vec::new(),
        peers: Vec::new(),
        stats,
        userlists: Vec::new(),
        resolvers,
        commands,
        saved: Vec::new(),
        certificates: Vec::new(),
        rings,
        webhooks: Vec::new(),
    };
    let mut taken = std::collections::HashSet::new();
    let mut keep = |bind: &Bind| taken.insert((bind.address.clone(), bind.interface.clone()));
    for frontend in &mut config.frontends {
        frontend.binds.retain(&mut keep);
        // A frontend that nobody can reach loads with a warning, which is fine.
    }
    for stats in &mut config.stats {
        stats.binds.retain(&mut keep);
    }
    config.commands.sockets.retain(|socket| keep(&socket.bind));
    config
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1u64..5000).prop_map(Duration::from_millis),
        (1u64..5000).prop_map(Duration::from_micros),
        (1u64..90000).prop_map(Duration::from_secs),
    ]
}

fn limit() -> impl Strategy<Value = NonZeroU32> {
    (1u32..100_000).prop_map(|limit| NonZeroU32::new(limit).unwrap())
}

fn port() -> impl Strategy<Value = NonZeroU16> {
    any::<NonZeroU16>()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "\\PC{1,6}", Just("a \"q\" \\ \t\r\n\u{7f}'".to_owned())]
}

fn bind() -> impl Strategy<Value = Bind> {
    let address = prop_oneof![
        (any::<[u8; 4]>(), 1..=u16::MAX).prop_map(|(ip, port)| ListenAddr::Tcp((ip, port).into())),
        (1u16..9).prop_map(|port| ListenAddr::Tcp(([0, 0, 0, 0], port).into())),
        (1u16..9).prop_map(|port| ListenAddr::Tcp(([0u16; 8], port).into())),
        "/[a-z@]{1,5}".prop_map(|path| ListenAddr::Unix(path.into())),
        "[a-z]{1,5}".prop_map(|path| ListenAddr::Unix(path.into())),
        "[a-z]{1,5}".prop_map(|name| ListenAddr::Abstract(name.into())),
        (3i32..9).prop_map(ListenAddr::Fd),
    ];
    let rare = (of(text().boxed()), of(limit()), any::<bool>(), of(duration()), of("[a-z]{1,5}"));
    let rare = prop_oneof![Just((None, None, false, None, None)), rare];
    let unix = (of(0u32..=0o7777), of(text().boxed()), of(text().boxed()));
    let socket = prop_oneof![Just(BindSocket::default()), sockets::bind_socket()];
    let backlog = prop_oneof![Just(4096), 1u32..9];
    (address, rare, backlog, of(any::<bool>()), of(unix), socket).prop_map(
        |(address, rare, backlog, v6only, unix, socket)| Bind {
            name: rare.0,
            address,
            maxconn: rare.1,
            backlog: NonZeroU32::new(backlog).unwrap(),
            accept_proxy: rare.2,
            tcp_ut: rare.3,
            interface: rare.4,
            v6only,
            unix: unix
                .map(|(mode, user, group)| UnixPermissions { mode, user, group })
                .unwrap_or_default(),
            id: None,
            socket,
            tls: None,
            place: Place::default(),
        },
    )
}

fn commands() -> impl Strategy<Value = Commands> {
    let level = proptest::sample::select(Level::WORDS.map(|(_, level)| level).to_vec());
    let severity = proptest::sample::select(SeverityOutput::WORDS.map(|(_, it)| it).to_vec());
    let socket = (bind().boxed(), level, severity, any::<bool>()).prop_map(
        |(bind, level, severity, expose_listeners)| CommandSocket {
            bind,
            level,
            severity,
            expose_listeners,
        },
    );
    (vec(socket, 0..3), of(duration()), limit()).prop_map(|(sockets, timeout, maxconn)| Commands {
        sockets,
        timeout,
        maxconn,
    })
}

fn keepalive() -> impl Strategy<Value = Option<Keepalive>> {
    let seconds = || of((1u64..=32767).prop_map(Duration::from_secs));
    of((seconds(), seconds(), of(limit())).prop_map(|(idle, intvl, cnt)| Keepalive {
        idle,
        intvl,
        cnt,
    }))
}

fn frontend(name: String, backends: Vec<String>) -> impl Strategy<Value = Frontend> {
    let backend = match backends.is_empty() {
        true => Just(None).boxed(),
        false => of(proptest::sample::select(backends)).boxed(),
    };
    let flags = any::<[bool; 9]>();
    let times = vec(of(duration()), 3);
    let rare = (of(limit()), times, of(limit()), keepalive().boxed());
    (
        vec(bind().prop_map(sockets::handed).boxed(), 0..5),
        backend,
        rare,
        flags,
        vec(log_target().boxed(), 0..3),
    )
        .prop_map(move |(binds, backend, rare, flags, targets)| Frontend {
            role: None,
            rto: None,
            rpo: None,
            hold: None,
            http: None,
            rules: Default::default(),
            name: Name::new(&name).unwrap(),
            id: ProxyId(0),
            binds,
            backend: backend.map(|name| Name::new(&name).unwrap()),
            maxconn: rare.0,
            timeouts: ClientTimeouts {
                client: rare.1[0],
                client_fin: rare.1[1],
                client_hs: rare.1[2],
                http_request: None,
                http_keep_alive: None,
            },
            keepalive: rare.3,
            nolinger: flags[0],
            rate_limit_sessions: rare.2,
            socket_stats: flags[6],
            independent_streams: flags[7],
            tcp_smart_accept: flags[8],
            log: SessionLog {
                structured: None,
                to: log(targets, flags[7]),
                format: if flags[1] { LogFormat::Tcp } else { LogFormat::Connect },
                error_format: None,
                unique_id: None,
                dontlognull: flags[2],
                dontlog_normal: flags[3],
                separate_errors: flags[4],
                logasap: flags[5],
            },
        })
}

fn hash_type() -> impl Strategy<Value = HashType> {
    let factor = of(101u32..1000).prop_map(|factor| factor.and_then(NonZeroU32::new));
    let method = prop_oneof![
        Just(Method::MapBased),
        factor.prop_map(|factor| Method::Consistent { factor }),
    ];
    let functions = [Function::Sdbm, Function::Djb2, Function::Wt6, Function::Crc32];
    let affinities = [Affinity::Always, Affinity::Maxconn, Affinity::Maxqueue];
    (
        method,
        proptest::sample::select(functions.to_vec()),
        any::<bool>(),
        proptest::sample::select(affinities.to_vec()),
    )
        .prop_map(|(method, function, avalanche, affinity)| HashType {
            method,
            function,
            avalanche,
            affinity,
        })
}

fn load_state(name: &str, bits: [bool; 6]) -> LoadState {
    match bits {
        [true, true, ..] => LoadState::Local("x.state".into()),
        [false, true, true, ..] => LoadState::Local(name.into()),
        [true, false, true, ..] => LoadState::Global,
        _ => LoadState::None,
    }
}

fn backend(name: String) -> impl Strategy<Value = Backend> {
    let timeouts = vec(of(duration()), 5).prop_map(|times| ServerTimeouts {
        connect: times[0],
        server: times[1],
        server_fin: times[2],
        tunnel: times[3],
        queue: times[4],
    });
    let plain_or_any = prop_oneof![Just(3u32), 0u32..9];
    (
        (choice::balance(), choice::redispatch(), plain_or_any, timeouts, any::<[bool; 6]>()),
        (
            keepalive().boxed(),
            of(sockets::source()),
            of(limit()),
            vec(log_target().boxed(), 0..3),
            names::stays().boxed(),
        ),
        servers().boxed(),
    )
        .prop_map(move |(first, second, servers)| {
            let mut backend = Backend {
                agree: Default::default(),
                http: None,
                rules: Default::default(),
                name: Name::new(&name).unwrap(),
                id: ProxyId(0),
                has_own_id: false,
                balance: first.0,
                balance_key: None,
                routes: Vec::new(),
                stays: second.4,
                switchover: None,
                drill: None,
                on_conflict: if first.4[5] { OnConflict::KeepIncumbent } else { OnConflict::Stop },
                allbackups: first.4[0],
                servers,
                direct: None,
                retries: first.2,
                redispatch: first.1,
                timeouts: first.3,
                keepalive: second.0,
                nolinger: first.4[1],
                persist: first.4[3],
                rdp_cookie: first.4[5].then(|| "msts".into()),
                abortonclose: first.4[3],
                independent_streams: first.4[4],
                tcp_smart_connect: first.4[5],
                source: second.1,
                fullconn: second.2,
                log_health_checks: first.4[2],
                log: log(second.3, first.4[4]),
                load_state: load_state(&name, first.4),
            };
            let connect = backend.timeouts.connect;
            for server in &mut backend.servers {
                if let Some(check) = &mut server.check {
                    check.timeout_connect = connect_bound(check.inter, check.timeout, connect);
                }
                if let Some(agent) = &mut server.agent {
                    agent.timeout_connect = connect_bound(agent.inter, agent.timeout, connect);
                }
            }
            backend
        })
}

/// Servers with names of their own; half of the time all with one check.
fn servers() -> impl Strategy<Value = Vec<Server>> {
    let names = btree_set("[a-z]{1,3}[.:]?", 0..5);
    (names, check().boxed(), any::<bool>(), any::<bool>()).prop_flat_map(
        |(names, shared, share, odd)| {
            let servers: Vec<_> = names.into_iter().map(|name| server(name).boxed()).collect();
            servers.prop_map(move |mut servers| {
                for (at, server) in servers.iter_mut().enumerate() {
                    let number = u32::try_from(at).unwrap() + 1;
                    server.id = ServerId(if odd { number * 3 } else { number });
                    server.has_own_id = odd;
                    if share && server.check.is_some() {
                        server.check = Some(shared.clone());
                    }
                    settle(server);
                }
                servers
            })
        },
    )
}

/// All versions of PROXY headers.
const HEADERS: [ProxyHeader; 4] =
    [ProxyHeader::V1, ProxyHeader::V2, ProxyHeader::V2Ssl, ProxyHeader::V2SslCn];

/// Makes the check one that validation yields: it knows its port, and sends a PROXY header of the
/// version that the server does.
fn settle(server: &mut Server) {
    let Some(check) = &mut server.check else {
        return;
    };
    if matches!(server.address, ServerAddr::TcpClientPort { .. }) && check.port.is_none() {
        check.port = NonZeroU16::new(8008);
    }
    if check.send_proxy.is_some() {
        check.send_proxy = Some(server.send_proxy.unwrap_or(ProxyHeader::V1));
    }
}

fn server(name: String) -> impl Strategy<Value = Server> {
    let address = prop_oneof![
        4 => address().boxed().prop_map(ServerAddr::Tcp),
        1 => (address().boxed(), prop_oneof![Just(0), -9..9i32])
            .prop_map(|(address, offset)| ServerAddr::TcpClientPort { ip: address.ip(), offset }),
        1 => "/[a-z]{1,5}".prop_map(|path| ServerAddr::Unix(path.into())),
        1 => "[a-z]{1,5}".prop_map(|name| ServerAddr::Abstract(name.into())),
        1 => (3i32..9).prop_map(ServerAddr::Sockpair),
    ];
    let header = || of(proptest::sample::select(&HEADERS[..]));
    let rare = (0u16..=256, any::<[bool; 4]>(), of(limit()), header(), of(duration()));
    let rare = prop_oneof![Just((1, [false; 4], None, None, None)), rare];
    let socket = prop_oneof![Just(ServerSocket::default()), sockets::server_socket()];
    let agent = (of(agent().boxed()), of(observe().boxed()));
    (address, rare, of(check().boxed()), any::<bool>(), (agent, socket)).prop_map(
        move |(address, rare, check, named, ((agent, observe), socket))| {
            let flags = rare.1;
            let (address, hostname) = match address {
                // The only address that a name of these tests has.
                ServerAddr::Tcp(address) if named => {
                    let ip = IpAddr::from([192, 0, 2, 7]);
                    let name = if flags[0] { "db.test" } else { "ipv4@db.test" };
                    (ServerAddr::Tcp((ip, address.port()).into()), Some(name.to_owned()))
                }
                address => (address, None),
            };
            let resolve = hostname.as_deref().filter(|_| flags[1]).map(|_| names::resolve(flags));
            let (address, hostname) = match resolve.as_ref().filter(|_| flags[3]) {
                Some(resolve) => (address.at(None), Some(resolve.fqdn.clone())),
                None => (address, hostname),
            };
            let init_addr = names::init_addr(&address, flags);
            Server {
                resolve,
                init_addr,
                name: Name::new(&name).unwrap(),
                id: ServerId(0),
                has_own_id: false,
                address,
                hostname,
                weight: Weight::new(rare.0).unwrap(),
                backup: flags[0],
                disabled: flags[1],
                non_stick: flags[0] && flags[1],
                maxconn: rare.2,
                minconn: rare.2.filter(|max| flags[3] && max.get() > 1).map(|_| NonZeroU32::MIN),
                maxqueue: rare.2.filter(|_| flags[0]),
                slowstart: flags[2].then_some(Duration::from_secs(60)),
                hash_key: if flags[1] { HashKey::AddrPort } else { HashKey::Id },
                observe: observe.filter(|_| check.is_some()),
                check,
                witnesses: Vec::new(),
                track: None,
                agent,
                on_marked_down: match flags[2] {
                    true => OnMarkedDown::ShutdownSessions,
                    false => OnMarkedDown::Keep,
                },
                on_marked_up: [OnMarkedUp::Keep, OnMarkedUp::ShutdownBackupSessions]
                    [usize::from(flags[3])],
                send_proxy: rare.3,
                proxy_tlvs: Vec::new(),
                tcp_ut: rare.4,
                log_proto: if flags[2] { LogProto::OctetCount } else { LogProto::Legacy },
                socket,
                tls: None,
            }
        },
    )
}
