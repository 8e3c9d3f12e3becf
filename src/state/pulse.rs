//! How busy the process is: what its workers do now, and what they did from one look to the next.
//!
//! Nothing is measured while nobody looks: the runtimes count by themselves, and what a second or more
//! added is what a look finds. Bound: one remembered look.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::RuntimeMetrics;

/// Shortest time that is worth an average; looks that follow faster see the one before.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Tasks alive on the workers.
    pub tasks: u64,
    /// Tasks that came from other threads and wait for a worker.
    pub run_queue: u64,
    /// Share of the time since the look before that the workers slept, 0 to 100.
    pub idle_percent: u8,
    /// Bytes a second since then.
    pub bytes_rate: u64,
}

/// The workers' figures.
#[derive(Debug, Default)]
pub struct Pulse {
    workers: OnceLock<Vec<RuntimeMetrics>>,
    last: Mutex<Option<Look>>,
}

/// What was seen, and what came out of it.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Duration,
    busy: Duration,
    bytes: u64,
    idle_percent: u8,
    bytes_rate: u64,
}

impl Pulse {
    /// Takes the figures from these workers, each a runtime of one thread; once.
    pub fn watch(&self, workers: Vec<RuntimeMetrics>) {
        // A second call would be of the same workers.
        let _ = self.workers.set(workers);
    }

    /// How things are at `now`, time since the process started, when `bytes` were sent so far.
    #[must_use]
    pub fn look(&self, now: Duration, bytes: u64) -> Beat {
        let workers = self.workers.get().map_or(&[][..], Vec::as_slice);
        let sum = |count: fn(&RuntimeMetrics) -> usize| workers.iter().map(count).sum::<usize>();
        let busy = workers.iter().map(|worker| worker.worker_total_busy_duration(0)).sum();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match *last {
            Some(before) if now.saturating_sub(before.at) < SPAN_MIN => before,
            before => Look::new(before, (now, busy, bytes), workers.len()),
        };
        *last = Some(look);
        Beat {
            tasks: sum(RuntimeMetrics::num_alive_tasks) as u64,
            run_queue: sum(RuntimeMetrics::global_queue_depth) as u64,
            idle_percent: look.idle_percent,
            bytes_rate: look.bytes_rate,
        }
    }
}

impl Look {
    fn new(before: Option<Self>, seen: (Duration, Duration, u64), workers: usize) -> Self {
        let (at, busy, bytes) = seen;
        let (from, was_busy, were) =
            before.map_or_else(Default::default, |it| (it.at, it.busy, it.bytes));
        let span_us = at.saturating_sub(from).as_micros().max(1);
        let all_us = span_us * workers.max(1) as u128;
        let busy_percent = busy.saturating_sub(was_busy).as_micros() * 100 / all_us;
        let rate = u128::from(bytes.saturating_sub(were)) * 1_000_000 / span_us;
        Self {
            at,
            busy,
            bytes,
            idle_percent: 100 - u8::try_from(busy_percent.min(100)).unwrap_or(100),
            bytes_rate: u64::try_from(rate).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_look_sees_what_came_since_the_one_before() {
        let first = Look::new(None, (ms(2_000), ms(1_000), 4_000), 2);
        assert_eq!((first.idle_percent, first.bytes_rate), (75, 2_000));
        let second = Look::new(Some(first), (ms(4_000), ms(4_500), 4_500), 2);
        assert_eq!((second.idle_percent, second.bytes_rate), (13, 250));
        let third = Look::new(Some(second), (ms(5_000), ms(9_999), 4_500), 2);
        assert_eq!((third.idle_percent, third.bytes_rate), (0, 0));
    }

    #[test]
    fn looks_in_a_row_see_the_same() {
        let pulse = Pulse::default();
        assert_eq!(pulse.look(ms(1_000), 500).bytes_rate, 500);
        assert_eq!(pulse.look(ms(1_500), 9_000).bytes_rate, 500);
        let beat = pulse.look(ms(2_000), 9_000);
        assert_eq!((beat.bytes_rate, beat.idle_percent, beat.tasks), (8_500, 100, 0));
    }

    #[tokio::test]
    async fn workers_that_work_are_not_idle() {
        let pulse = Pulse::default();
        pulse.watch(vec![tokio::runtime::Handle::current().metrics()]);
        let task = tokio::spawn(std::future::pending::<()>());
        assert_eq!(pulse.look(Duration::ZERO, 0).tasks, 1);
        task.abort();
    }
}
