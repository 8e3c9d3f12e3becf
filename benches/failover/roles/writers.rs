//! Writers that remember which server acknowledged what, and when.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::pgsql_wire::Client;

/// Writers that keep their session for as long as it lasts.
pub(crate) const STAYING: usize = 4;

/// Writers that connect for each write.
pub(crate) const PASSING: usize = 4;

/// From an answer to the next write.
const PACE: Duration = Duration::from_millis(10);

/// How long a writer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

const WRITE: &str = "INSERT INTO written VALUES (1) RETURNING inet_server_port()";

/// A write that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ack {
    /// Of the server that did it.
    pub(super) port: u16,
    pub(super) at: Instant,
}

/// What all writers saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// In their order.
    pub(super) acks: Vec<Ack>,
    /// Writes and logins that failed.
    pub(super) errors: u64,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    acks: Mutex<Vec<Ack>>,
    errors: AtomicU64,
}

/// Running writers.
pub(super) struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    pub(super) fn start(addr: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = |number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                while !shared.ended.load(Ordering::Relaxed) {
                    if shared.session(addr, number < STAYING).is_err() {
                        shared.errors.fetch_add(1, Ordering::Relaxed);
                        sleep(PACE);
                    }
                }
            })
        };
        Self { threads: (0..STAYING + PASSING).map(thread).collect(), shared }
    }

    /// Whether the server at `port` has acknowledged something.
    pub(super) fn have_written_to(&self, port: u16) -> bool {
        let acks = self.shared.acks.lock().unwrap_or_else(PoisonError::into_inner);
        acks.iter().any(|ack| ack.port == port)
    }

    pub(super) fn finish(self) -> Seen {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked has said why.
            let _ = thread.join();
        }
        let mut acks = self.shared.acks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        acks.sort_by_key(|ack| ack.at);
        Seen { acks, errors: self.shared.errors.load(Ordering::Relaxed) }
    }
}

impl Shared {
    /// One session: of one write, or of all until it fails.
    fn session(&self, addr: SocketAddr, stays: bool) -> std::io::Result<()> {
        let mut client = Client::connect(addr, "postgres", PATIENCE)?;
        loop {
            let rows = client.query(WRITE)?;
            let port = rows.first().and_then(|row| row.first()?.parse().ok());
            let port = port.ok_or(std::io::ErrorKind::InvalidData)?;
            let ack = Ack { port, at: Instant::now() };
            self.acks.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
            sleep(PACE);
            if !stays || self.ended.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
}
