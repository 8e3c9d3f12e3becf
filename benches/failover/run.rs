//! One run: a fresh pair, a fresh proxy, the load, the kill, and what the clients saw.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use measure::log_sink::LogSink;
use measure::poller::{Poller, Ready};

use crate::load::{Failure, Load, Seen};
use crate::pair::{Kind, Pair};
use crate::proxy::Proxy;

/// The log sink's token; a client's is its index.
const LOG: u64 = u64::MAX;
/// The grain of the load's clock: one client at a time at 500 a second.
const TICK: Duration = Duration::from_millis(1);

/// The load and when the primary dies in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// New connections a second.
    pub(crate) rate: u32,
    /// From the load's start to the kill.
    pub(crate) before: Duration,
    /// From the kill to the last new connection.
    pub(crate) after: Duration,
}

/// What a run came to. Times are in milliseconds from the kill unless they say otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) connections: f64,
    /// In the order of [`Failure::ALL`].
    pub(crate) failures: [f64; Failure::ALL.len()],
    /// Absent when the backup never answered.
    pub(crate) first_backup_ms: Option<f64>,
    /// 0 without failures.
    pub(crate) last_failure_ms: f64,
    /// The longest time without any answer.
    pub(crate) longest_stall_ms: f64,
    /// From its connect to its answer.
    pub(crate) slowest_answer_ms: f64,
}

/// Runs `plan` through `proxy`; everything it starts has ended when it returns.
pub(crate) fn run(proxy: Proxy, kind: &Kind, plan: &Plan, folder: &Path) -> io::Result<Outcome> {
    let poller = Poller::new()?;
    let mut log = LogSink::open(&poller, LOG)?;
    let mut pair = Pair::start(kind, folder)?;
    let (_process, addr) = proxy.start(&pair, log.addr()?, folder)?;
    let mut load = Load::new(addr);
    let mut ready: Vec<Ready> = Vec::new();
    let start = Instant::now();
    let mut killed = None;
    loop {
        let elapsed = start.elapsed();
        if killed.is_none() && elapsed >= plan.before {
            if load.seen.answers.iter().any(|answer| answer.by_backup) {
                return Err(io::Error::other("the backup served while the primary lived"));
            }
            pair.primary.kill()?;
            killed = Some(Instant::now());
        }
        let starting = elapsed < plan.before + plan.after;
        if !starting && load.waiting() == 0 {
            break;
        }
        let due = (elapsed.as_secs_f64() * f64::from(plan.rate)) as u64;
        while starting && load.seen.started < due {
            load.start(&poller)?;
        }
        poller.wait(&mut ready, TICK)?;
        for event in &ready {
            match event.token {
                LOG => log.drain()?,
                // A token is an index of the table of clients.
                id => load.handle(&poller, id as usize)?,
            }
        }
        load.expire();
    }
    let killed = killed.ok_or_else(|| io::Error::other("the run ended before its kill"))?;
    Ok(outcome(&load.seen, killed))
}

/// What the clients saw around `killed`.
fn outcome(seen: &Seen, killed: Instant) -> Outcome {
    let since_kill = |at: Instant| millis(at.saturating_duration_since(killed));
    let by_backup = seen.answers.iter().find(|answer| answer.by_backup);
    let stalls = seen.answers.windows(2).map(|pair| millis(pair[1].at - pair[0].at));
    let count = |failure| seen.failures.get(&failure).copied().unwrap_or(0) as f64;
    Outcome {
        connections: seen.started as f64,
        failures: Failure::ALL.map(count),
        first_backup_ms: by_backup.map(|answer| since_kill(answer.at)),
        last_failure_ms: seen.last_failure.map_or(0.0, since_kill),
        longest_stall_ms: stalls.fold(0.0, f64::max),
        slowest_answer_ms: seen
            .answers
            .iter()
            .map(|answer| millis(answer.took))
            .fold(0.0, f64::max),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
