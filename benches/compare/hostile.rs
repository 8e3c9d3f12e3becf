//! Clients and servers that take memory and give nothing: what a proxy keeps for each of them, what
//! the kernel keeps, and whether it stays so.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use measure::poller::{EventFlags, Poller, send};
use socket2::{Domain, Protocol, Socket, Type};

use crate::backend::{Role, SEND_BYTES, Sips};
use crate::peer::Running;
use crate::plan::Plan;
use crate::reading::{Measure, Reading};
use crate::stage::{CRAMPED_BYTES, Client, Nobody, Stage, Token};
use crate::window::Window;
use crate::workload::Pace;

/// What bounds the kernel's share: it takes twice this for each buffer of a session.
const BUFFER_BYTES: u32 = 32 * 1024;
/// Looks at the memory; the middle half and the end are compared.
const LOOKS: u32 = 40;
/// Clients that connect before the backend has its turn: fewer than it accepts in one.
const OPENING: usize = 16;
/// A page of `/proc/net/sockstat`.
const PAGE_BYTES: f64 = 4096.0;

/// Who is hostile, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// Clients that never read what servers send without end.
    Deaf,
    /// The same before a proxy whose socket buffers the kernel sizes.
    DeafUnbounded,
    /// Clients that never send.
    Mute,
    /// Both sides send without end and read a little each second.
    Slow,
}

impl Crowd {
    pub(crate) const ALL: [Self; 4] = [Self::Deaf, Self::Mute, Self::Slow, Self::DeafUnbounded];

    /// What the servers do.
    pub(crate) fn backend(self) -> Role {
        match self {
            Self::Deaf | Self::DeafUnbounded => Role::Source,
            Self::Mute => Role::Echo,
            Self::Slow => Role::Slow,
        }
    }

    /// A proxy that lets nobody go meanwhile.
    pub(crate) fn plan(self) -> Plan {
        let buffer_bytes = (self != Self::DeafUnbounded).then_some(BUFFER_BYTES);
        Plan { buffer_bytes, timeout: "1h", ..Plan::default() }
    }

    fn size(self, pace: &Pace) -> usize {
        match self {
            Self::DeafUnbounded => pace.unbounded_connections,
            _ => pace.hostile_connections,
        }
    }
}

impl Display for Crowd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deaf => "hostile: clients never read",
            Self::DeafUnbounded => "hostile: never read, buffers unbounded",
            Self::Mute => "hostile: clients never send",
            Self::Slow => "hostile: both sides read slowly",
        })
    }
}

struct Clients {
    conns: Vec<Socket>,
    message: Vec<u8>,
    sips: Sips,
}

impl Clients {
    fn open(stage: &mut Stage, target: SocketAddr, crowd: Crowd, size: usize) -> io::Result<Self> {
        let message = vec![b'x'; SEND_BYTES];
        let mut clients = Self { conns: Vec::new(), message, sips: Sips::new() };
        for id in 0..size {
            let socket =
                Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
            // The load's own memory is not to be seen beside the proxy's.
            socket.set_recv_buffer_size(CRAMPED_BYTES)?;
            socket.set_send_buffer_size(CRAMPED_BYTES)?;
            socket.connect(&target.into())?;
            socket.set_nonblocking(true)?;
            if crowd == Crowd::Slow {
                stage.poller.add(&socket, Token::Client(id).into(), EventFlags::OUT)?;
            }
            clients.conns.push(socket);
            if id % OPENING == 0 {
                stage.turn(&mut clients)?;
            }
        }
        Ok(clients)
    }
}

impl Client for Clients {
    fn handle(&mut self, _: &Poller, id: usize, _: EventFlags) -> io::Result<()> {
        send(&self.conns[id], &self.message).map(drop)
    }
}

/// Measures the memory of a proxy and of the kernel's TCP while the crowd is there.
pub(crate) fn measure(
    stage: &mut Stage,
    peer: &Running,
    crowd: Crowd,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    stage.run(&mut Nobody, pace.warm_up)?;
    let (resident_before, kernel_before) = (resident(peer)?, kernel_bytes()?);
    let available_before = available_bytes()?;
    let size = crowd.size(pace);
    let mut clients = Clients::open(stage, peer.addr, crowd, size)?;
    let window = Window::open(peer)?;
    let (mut residents, mut kernel) = (Vec::new(), kernel_before);
    for _ in 0..LOOKS {
        let end = Instant::now() + pace.hostile / LOOKS;
        while Instant::now() < end {
            if crowd == Crowd::Slow {
                clients.sips.take(clients.conns.iter());
                stage.backend.sip();
            }
            stage.turn(&mut clients)?;
        }
        residents.push(resident(peer)?);
        kernel = kernel_bytes()?.max(kernel);
    }
    let spent = window.close(peer)?;
    let taken = available_before - available_bytes()?;
    let most = residents.iter().copied().fold(0.0, f64::max);
    let quarter = residents.len() / 4;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let drift = mean(&residents[3 * quarter..]) - mean(&residents[quarter..2 * quarter]);
    let mut readings = spent.readings(Measure::CpuPerSecond, spent.seconds, 1e3);
    readings.extend([
        (Measure::ResidentPerConnection, (most - resident_before) / size as f64),
        (Measure::Resident, most / 1e6),
        (Measure::ResidentDrift, drift / 1e3),
        (Measure::KernelPerConnection, (kernel - kernel_before) / size as f64),
        (Measure::MachinePerConnection, taken / size as f64),
    ]);
    Ok(readings)
}

fn resident(peer: &Running) -> io::Result<f64> {
    Ok(peer.resident_bytes()?.unwrap_or(0) as f64)
}

/// What all TCP sockets of this machine hold.
fn kernel_bytes() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = tcp.and_then(|line| line.rsplit_once("mem ")?.1.trim().parse::<f64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/net/sockstat: no memory of TCP"))?;
    Ok(pages * PAGE_BYTES)
}

/// What all programs of this machine could still have; pipes are seen nowhere else.
fn available_bytes() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    let kilobytes = kilobytes.ok_or_else(|| io::Error::other("/proc/meminfo: no MemAvailable"))?;
    Ok(kilobytes * 1024.0)
}
