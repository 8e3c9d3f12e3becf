//! Fairness: sessions that exchange messages on the worker that moves streams as fast as they go.
//!
//! The streams are another thread's, which runs when the messages' thread has nothing to do: what
//! is measured is how long the proxy keeps a message waiting, and not how long the load does.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

use crate::bulk::{Direction, Streams};
use crate::peer::Running;
use crate::ping_pong;
use crate::reading::{Measure, Reading};
use crate::stage::Stage;
use crate::workload::Pace;

/// Sessions that exchange messages.
const SESSIONS: usize = 10;
/// How often each does: a tenth of the load core at most, which is the streams'.
const EVERY: Duration = Duration::from_millis(10);
/// The last to run.
const NICE: i32 = 19;
/// How often the streams' thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// Measures round trips of 64 bytes alone, then beside `streams` that go the other way through
/// `peer`.
pub(crate) fn measure(
    stage: &mut Stage,
    mut peer: Running,
    streams: usize,
    pace: &Pace,
) -> io::Result<Vec<Reading>> {
    let Some((target, mut other)) = peer.beside.take() else {
        return Err(io::Error::other("the proxy has no other way"));
    };
    let mut round_trips = || ping_pong::measure_paced(stage, &peer, SESSIONS, EVERY, pace);
    let alone = round_trips()?;
    let is_over = AtomicBool::new(false);
    let (opened, open) = channel();
    let (disturbed, moved) = thread::scope(|scope| {
        let stream = scope.spawn(|| stream(&mut other, target, streams, opened, &is_over));
        // Without an answer the thread has failed, and says so at its end.
        let measured = open.recv().map_or(Ok(Vec::new()), |()| round_trips());
        is_over.store(true, Ordering::Relaxed);
        let moved =
            stream.join().map_err(|_| io::Error::other("the streams' thread panicked"))??;
        Ok::<_, io::Error>((measured?, moved))
    })?;
    let p99 = |readings: &[Reading]| {
        let found = readings.iter().find(|(measure, _)| *measure == Measure::LatencyP99);
        found.map_or(f64::NAN, |(_, value)| *value)
    };
    let rise = p99(&disturbed) - p99(&alone);
    let more = [(Measure::LatencyRise, rise), (Measure::Throughput, moved)];
    Ok(disturbed.into_iter().chain(more).collect())
}

/// Moves `streams` through `target` until it is over; GB/s.
fn stream(
    stage: &mut Stage,
    target: SocketAddr,
    streams: usize,
    opened: Sender<()>,
    is_over: &AtomicBool,
) -> io::Result<f64> {
    setpriority_process(None, NICE)?;
    let mut client = Streams::open(stage, target, streams, Direction::Down)?;
    let begun = Instant::now();
    // Who waits for it waits until this thread ends.
    let _ = opened.send(());
    while !is_over.load(Ordering::Relaxed) {
        stage.run(&mut client, LOOK)?;
    }
    Ok(client.moved_bytes(stage) as f64 / 1e9 / begun.elapsed().as_secs_f64())
}
