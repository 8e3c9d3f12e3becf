//! The list of works, who does each, and one measurement of one peer.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::backend::Role;
use crate::bulk::{self, Direction};
use crate::checks;
use crate::connect::{self, Close};
use crate::peer::{Peer, Running};
use crate::ping_pong;
use crate::reading::Reading;
use crate::stage::Stage;

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
    };

    /// To see that everything works; its figures mean little.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(50),
        measured: Duration::from_millis(150),
        checks_settle: Duration::from_secs(1),
        checks_measured: Duration::from_secs(1),
        idle_connections: 1000,
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
}

impl Workload {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 16] = [
        Self::PingPong { connections: 1, bytes: 64 },
        Self::PingPong { connections: 32, bytes: 64 },
        Self::PingPong { connections: 1000, bytes: 64 },
        Self::PingPong { connections: 32, bytes: 8192 },
        Self::BusyPingPong,
        Self::SparsePingPong,
        Self::Connect { clients: 32, close: Close::Fin },
        Self::Connect { clients: 32, close: Close::Rst },
        Self::Bulk { streams: 1, direction: Direction::Up },
        Self::Bulk { streams: 4, direction: Direction::Up },
        Self::Bulk { streams: 64, direction: Direction::Up },
        Self::Bulk { streams: 1, direction: Direction::Down },
        Self::Bulk { streams: 4, direction: Direction::Down },
        Self::Bulk { streams: 64, direction: Direction::Down },
        Self::Idle,
        Self::Checks { servers: 500 },
    ];

    /// Whether `peer` has something to do here.
    pub(crate) fn concerns(self, peer: Peer) -> bool {
        match (self, peer) {
            (_, Peer::Haproxy | Peer::Evenkeel) => true,
            (Self::PingPong { .. }, _) => true,
            (Self::BusyPingPong, _) => false,
            (Self::SparsePingPong, _) => peer == Peer::Nginx,
            (Self::Connect { .. } | Self::Bulk { .. }, _) => peer != Peer::Floor,
            (Self::Idle, _) => peer == Peer::Nginx,
            (Self::Checks { .. }, _) => false,
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
            Self::Checks { .. } => Stage::everywhere(Role::Echo)?,
            _ => Stage::new(Role::Echo)?,
        };
        let servers = match self {
            Self::Checks { servers } => Some(checks::servers(&stage, servers)?),
            _ => None,
        };
        let is_busy = self == Self::BusyPingPong;
        let running = Running::start(peer, &mut stage, servers.as_deref(), is_busy, folder)?;
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
        }
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
        }
    }
}
