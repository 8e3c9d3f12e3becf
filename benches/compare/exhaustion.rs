//! No descriptor left: what a proxy does about clients that it cannot accept, and whether the
//! sessions it has go on.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use measure::poller::receive;

use crate::peer::Running;
use crate::ping_pong::PingPong;
use crate::reading::{Measure, Reading};
use crate::stage::{Nobody, Stage};
use crate::window::Window;
use crate::workload::Pace;

/// Sessions that are there when descriptors run out.
const HELD: usize = 100;
/// Clients that come after that; fewer than any accept queue holds.
const WAITING: usize = 200;
/// How long they have for an answer once there are descriptors again, and how often that is looked at.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
const MESSAGE: [u8; 64] = [b'x'; 64];

/// Measures the CPU while clients wait and nothing else goes on, and how many of them are not
/// answered once there are descriptors again.
pub(crate) fn measure(stage: &mut Stage, peer: &Running, pace: &Pace) -> io::Result<Vec<Reading>> {
    let mut held = PingPong::open(stage, peer.addr, HELD, MESSAGE.len())?;
    let before = peer.limit_descriptors(Some(peer.descriptors()?))?;
    let waiting = (0..WAITING).map(|_| wait(peer)).collect::<io::Result<Vec<_>>>()?;
    stage.run(&mut held, pace.warm_up)?;
    let window = Window::open(peer)?;
    stage.run(&mut held, pace.checks_measured)?;
    let spent = window.close(peer)?;
    held.start(HELD)?;
    stage.run(&mut held, pace.warm_up)?;
    if held.round_trips() == 0 {
        return Err(io::Error::other("no session goes on without free descriptors"));
    }
    drop(held);
    peer.limit_descriptors(before)?;
    let (mut unanswered, deadline) = (waiting, Instant::now() + ANSWER_LIMIT);
    while !unanswered.is_empty() && Instant::now() < deadline {
        stage.run(&mut Nobody, LOOK)?;
        unanswered.retain(|client| {
            !matches!(receive(client, &mut [0; MESSAGE.len()]), Ok(Some(bytes)) if bytes > 0)
        });
    }
    let mut readings = spent.readings(Measure::CpuPerSecond, spent.seconds, 1e3);
    readings.push((Measure::Failed, unanswered.len() as f64));
    Ok(readings)
}

/// A client that has sent its message; the kernel accepts it for the proxy.
fn wait(peer: &Running) -> io::Result<TcpStream> {
    let mut client = TcpStream::connect(peer.addr)?;
    io::Write::write_all(&mut client, &MESSAGE)?;
    client.set_nonblocking(true)?;
    Ok(client)
}
