//! The list of works, who does each, and one measurement of one peer.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::backend::Role;
use crate::bulk::{self, Direction};
use crate::checks;
use crate::connect::{self, Close};
use crate::exhaustion;
use crate::fairness;
use crate::hostile::{self, Crowd};
use crate::peer::{Peer, Running};
use crate::ping_pong;
use crate::plan::Plan;
use crate::policy::{self, Policy};
use crate::reading::Reading;
use crate::stage::Stage;
use crate::workers;

/// How long each part of a measurement lasts, and how large the large ones are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Until every server was checked once and what starting costs is over.
    pub(crate) checks_settle: Duration,
    /// A whole number of check intervals.
    pub(crate) checks_measured: Duration,
    pub(crate) idle_connections: usize,
    /// How long hostile clients stay, and how many.
    pub(crate) hostile: Duration,
    pub(crate) hostile_connections: usize,
    /// Those whose memory nothing but the machine bounds: 6 MB each.
    pub(crate) unbounded_connections: usize,
}

impl Pace {
    /// For figures to keep.
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_millis(400),
        measured: Duration::from_millis(1200),
        checks_settle: Duration::from_secs(2),
        checks_measured: Duration::from_secs(4),
        // Two descriptors each in the proxy and in the load program: under a limit of 20,000.
        idle_connections: 9000,
        hostile: Duration::from_secs(60),
        hostile_connections: 5000,
        unbounded_connections: 400,
    };

    /// To see that everything works; its figures mean little.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(50),
        measured: Duration::from_millis(150),
        checks_settle: Duration::from_secs(1),
        checks_measured: Duration::from_secs(1),
        idle_connections: 1000,
        hostile: Duration::from_secs(2),
        hostile_connections: 300,
        unbounded_connections: 20,
    };
}

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    PingPong {
        connections: usize,
        bytes: usize,
    },
    /// One connection before proxies that spin instead of sleeping.
    BusyPingPong,
    /// As many connections as lie idle elsewhere, of which one in a hundred does not.
    SparsePingPong,
    Connect {
        clients: usize,
        close: Close,
    },
    Bulk {
        streams: usize,
        direction: Direction,
    },
    Idle,
    Checks {
        servers: u16,
    },
    /// Connections before a backend with a choice.
    Policy {
        policy: Policy,
        servers: u16,
    },
    /// Connections through so many threads on both cores.
    Workers(u16),
    /// Messages beside so many streams.
    Fairness {
        streams: usize,
    },
    Exhaustion,
    Hostile(Crowd),
}

/// Clients that connect at a time.
const CLIENTS: usize = 32;

impl Workload {
    /// What a proxy is measured with most.
    const COMMON: [Self; 16] = [
        Self::PingPong { connections: 1, bytes: 64 },
        Self::PingPong { connections: 32, bytes: 64 },
        Self::PingPong { connections: 1000, bytes: 64 },
        Self::PingPong { connections: 32, bytes: 8192 },
        Self::BusyPingPong,
        Self::SparsePingPong,
        Self::Connect { clients: CLIENTS, close: Close::Fin },
        Self::Connect { clients: CLIENTS, close: Close::Rst },
        Self::Bulk { streams: 1, direction: Direction::Up },
        Self::Bulk { streams: 4, direction: Direction::Up },
        Self::Bulk { streams: 64, direction: Direction::Up },
        Self::Bulk { streams: 1, direction: Direction::Down },
        Self::Bulk { streams: 4, direction: Direction::Down },
        Self::Bulk { streams: 64, direction: Direction::Down },
        Self::Idle,
        Self::Checks { servers: 500 },
    ];

    /// All of them, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Self::COMMON.to_vec();
        for policy in Policy::ALL {
            all.extend([1, 10, 100, 1000].map(|servers| Self::Policy { policy, servers }));
        }
        all.extend([1, 2].map(Self::Workers));
        all.extend([Self::Fairness { streams: 500 }, Self::Exhaustion]);
        all.extend(Crowd::ALL.map(Self::Hostile));
        all
    }

    /// Whether one round of it is enough: what it keeps is no time, and a round takes long.
    pub(crate) fn is_once(self) -> bool {
        matches!(self, Self::Hostile(_))
    }

    /// Whether `peer` has something to do here.
    pub(crate) fn concerns(self, peer: Peer) -> bool {
        match (self, peer) {
            (_, Peer::Haproxy | Peer::Evenkeel) => true,
            (Self::PingPong { .. }, _) => true,
            (Self::BusyPingPong, _) => false,
            (Self::SparsePingPong, _) => peer == Peer::Nginx,
            (Self::Connect { .. } | Self::Bulk { .. }, _) => peer != Peer::Floor,
            (Self::Idle, _) => peer == Peer::Nginx,
            (Self::Checks { .. } | Self::Policy { .. } | Self::Workers(_), _) => false,
            (Self::Fairness { .. } | Self::Exhaustion | Self::Hostile(_), _) => false,
        }
    }

    /// Starts `peer`, measures it once, and ends it.
    pub(crate) fn measure(
        self,
        peer: Peer,
        pace: &Pace,
        folder: &Path,
    ) -> io::Result<Vec<Reading>> {
        let mut stage = match self {
            Self::Bulk { direction, .. } => Stage::new(direction.backend())?,
            Self::Checks { .. } | Self::Policy { .. } => Stage::everywhere(Role::Echo)?,
            Self::Hostile(crowd) => Stage::cramped(crowd.backend())?,
            _ => Stage::new(Role::Echo)?,
        };
        let plan = self.plan(&stage)?;
        let running = Running::start(peer, &mut stage, &plan, folder)?;
        match self {
            Self::PingPong { connections, bytes } => {
                ping_pong::measure(&mut stage, &running, (connections, connections), bytes, pace)
            }
            Self::BusyPingPong => ping_pong::measure(&mut stage, &running, (1, 1), 64, pace),
            Self::SparsePingPong => {
                let all = pace.idle_connections;
                ping_pong::measure(&mut stage, &running, (all / 100, all), 64, pace)
            }
            Self::Connect { clients, close } => {
                connect::measure(&mut stage, &running, clients, close, pace)
            }
            Self::Bulk { streams, direction } => {
                bulk::measure(&mut stage, &running, streams, direction, pace)
            }
            Self::Idle => {
                ping_pong::measure_idle(&mut stage, &running, pace.idle_connections, pace)
            }
            Self::Checks { .. } => checks::measure(&mut stage, &running, pace),
            Self::Policy { .. } => policy::measure(&mut stage, &running, CLIENTS, pace),
            Self::Workers(_) => workers::measure(&mut stage, &running, CLIENTS, pace),
            Self::Fairness { streams } => fairness::measure(&mut stage, running, streams, pace),
            Self::Exhaustion => exhaustion::measure(&mut stage, &running, pace),
            Self::Hostile(crowd) => hostile::measure(&mut stage, &running, crowd, pace),
        }
    }

    /// How the proxy is set up.
    fn plan(self, stage: &Stage) -> io::Result<Plan> {
        let plan = Plan::default();
        Ok(match self {
            Self::Checks { servers } => Plan { servers: checks::servers(stage, servers)?, ..plan },
            Self::BusyPingPong => Plan { is_busy: true, ..plan },
            Self::Policy { policy, servers } => policy.plan(stage, servers, CLIENTS)?,
            Self::Workers(workers) => Plan { workers, ..plan },
            Self::Fairness { .. } => Plan { beside: Some(Role::Source), ..plan },
            Self::Hostile(crowd) => crowd.plan(),
            _ => plan,
        })
    }
}

impl Display for Workload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PingPong { connections, bytes } => {
                write!(f, "ping-pong {bytes} B, {connections} conn")
            }
            Self::BusyPingPong => write!(f, "ping-pong 64 B, 1 conn, busy-polling"),
            Self::SparsePingPong => write!(f, "ping-pong 64 B, 1 % of idle conn"),
            Self::Connect { close: Close::Fin, .. } => write!(f, "connect, client FIN"),
            Self::Connect { close: Close::Rst, .. } => write!(f, "connect, client RST"),
            Self::Bulk { streams, direction: Direction::Up } => write!(f, "bulk up, {streams}"),
            Self::Bulk { streams, direction: Direction::Down } => write!(f, "bulk down, {streams}"),
            Self::Idle => write!(f, "idle connections"),
            Self::Checks { servers } => write!(f, "{servers} checked servers"),
            Self::Policy { policy, servers } => write!(f, "connect, {policy}, {servers} servers"),
            Self::Workers(workers) => write!(f, "connect, both cores, {workers} workers"),
            Self::Fairness { streams } => write!(f, "ping-pong 64 B, 10 conn by {streams} streams"),
            Self::Exhaustion => write!(f, "no descriptors left"),
            Self::Hostile(crowd) => crowd.fmt(f),
        }
    }
}
