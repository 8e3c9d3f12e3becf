//! Worker threads: one current-thread runtime each, on which sessions live and never migrate.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::model::Life;
use crate::net::busy_poll;

/// Scheduler turns between two looks at the sockets. 16 instead of tokio's 61 gained about 5 % on
/// ping-pong (measured on a prototype).
const EVENT_INTERVAL: u32 = 16;

/// The running workers.
#[derive(Debug)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    stop: CancellationToken,
    /// Held by every loop on them that accepts sessions.
    accepting: Arc<()>,
}

#[derive(Debug)]
struct Worker {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Workers {
    /// Starts `count` threads, placed and spinning as `life` says.
    ///
    /// # Errors
    /// What the system says of a thread or an epoll instance it does not give.
    pub(super) fn start(count: usize, life: &Life) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let started = (0..count).map(|number| {
            Worker::start(number, life.cpu_map.cpus(number), life.busy_poll, stop.clone())
        });
        let workers = started.collect::<io::Result<_>>()?;
        Ok(Self { workers, stop, accepting: Arc::default() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.workers.len()
    }

    /// Their runtimes.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> + Clone {
        self.workers.iter().map(|worker| &worker.handle)
    }

    /// What a loop that accepts sessions holds until it has looked for the last time.
    pub(super) fn accepting(&self) -> Arc<()> {
        Arc::clone(&self.accepting)
    }

    /// Whether a session may still be accepted.
    pub(super) fn is_accepting(&self) -> bool {
        Arc::strong_count(&self.accepting) > 1
    }

    /// Ends them, and every session on them.
    pub(super) fn stop(self) {
        self.stop.cancel();
        for worker in self.workers {
            // A worker that panicked has said so; there is nothing left to end.
            let _ = worker.thread.join();
        }
    }
}

impl Worker {
    fn start(
        number: usize,
        cpus: Option<&BTreeSet<usize>>,
        busy_poll: Option<Duration>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().event_interval(EVENT_INTERVAL);
        let woken = Arc::new(Notify::new());
        if busy_poll.is_some() {
            let woken = Arc::clone(&woken);
            builder.on_thread_unpark(move || woken.notify_one());
        }
        let runtime = builder.build()?;
        let handle = runtime.handle().clone();
        if let Some(window) = busy_poll {
            handle.spawn(busy_poll::spin(window, woken));
        }
        let cpus = cpus.cloned();
        let body = move || {
            if let Some(cpus) = cpus {
                stay_on(number, &cpus);
            }
            runtime.block_on(stop.cancelled());
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(body)?;
        Ok(Self { handle, thread })
    }
}

/// Keeps the calling thread, that of worker `number`, on those of `cpus` that the process may use;
/// where there is none of them it runs anywhere, as in HAProxy.
fn stay_on(number: usize, cpus: &BTreeSet<usize>) {
    let placed = sched_getaffinity(None).and_then(|allowed| {
        let mut wanted = CpuSet::new();
        for &cpu in cpus.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU && allowed.is_set(cpu)) {
            wanted.set(cpu);
        }
        if wanted.count() == 0 { Ok(()) } else { sched_setaffinity(None, &wanted) }
    });
    if let Err(error) = placed {
        tracing::warn!("cpu-map: worker {number} cannot be placed: {error}");
    }
}
