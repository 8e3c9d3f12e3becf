//! The sockets of a master (`-S`): its own commands, and the way to those of its workers.
//!
//! ```text
//! mod        accepts, within CLIENTS_MAX; what the master says of its processes
//! converse   one client: prefixes (`@1`, `@!PID`, `@master`), modes, prompt
//! commands   what the master itself answers
//! route      one line to a worker, and its answer back
//! ```
//! Everything runs on the master's only thread, one task a client, and nothing here waits for a worker
//! without a bound. Bounds: `CLIENTS_MAX` clients (more wait in the kernel), a line and a payload
//! as on the other sockets, `IDLE` of silence, and `SEND_PATIENCE` for a client that does not
//! read; of an answer no more than one chunk is held.

mod commands;
mod converse;
mod route;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::Client;
use super::crowd::Crowd;
use super::routed::Line;
use super::wire::Wire;
use crate::config::model::{CommandSocket, Level};
use crate::control::http::Listener;
use crate::state::Gate;

/// Clients of all sockets at a time; HAProxy's number.
const CLIENTS_MAX: u32 = 10;

/// Silence after which a client is sent away. HAProxy waits for ever; a place that nobody uses is
/// free after a coffee.
const IDLE: Duration = Duration::from_mins(10);

/// How long a client may take nothing of its answer; as `stats timeout`.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// Pause after a failed accept: descriptors come back when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the master says of its processes.
#[derive(Clone, Debug)]
pub struct Family {
    /// When the master started.
    pub started: Instant,
    /// Reloads since then, refused ones included.
    pub reloads: u64,
    /// How many were refused since the last one that was not.
    pub failed: u64,
    /// Those that follow the configuration.
    pub workers: Vec<Worker>,
    /// Those that finish their sessions.
    pub leaving: Vec<Worker>,
    /// What the last start or reload had to say.
    pub startup_log: Arc<str>,
}

/// A process of the master's.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started: Instant,
    /// Reloads that it has not followed.
    pub reloads: u64,
    /// Which version it is.
    pub version: Arc<str>,
    /// The way to its commands.
    pub line: Arc<Line>,
}

/// What a client asks of the master.
#[derive(Debug)]
pub enum Ask {
    /// Reload; how that went goes there.
    Reload(oneshot::Sender<Done>),
    /// The same, with a new worker in any case; the former one ends its sessions at once.
    HardReload(oneshot::Sender<Done>),
}

/// How a reload went.
#[derive(Clone, Debug)]
pub struct Done {
    /// Whether the new configuration is followed.
    pub success: bool,
    /// What it had to say.
    pub log: Arc<str>,
}

/// What all clients work on.
#[derive(Debug)]
pub struct Shared {
    family: watch::Receiver<Arc<Family>>,
    asks: mpsc::Sender<Ask>,
    /// The addresses of the sockets, and what their clients may do.
    sockets: Vec<(String, Level)>,
    gate: Arc<Gate>,
}

impl Shared {
    /// Shows what `family` says, and sends `asks`.
    #[must_use]
    pub fn new(
        family: watch::Receiver<Arc<Family>>,
        asks: mpsc::Sender<Ask>,
        sockets: Vec<(String, Level)>,
    ) -> Self {
        Self { family, asks, sockets, gate: Arc::new(Gate::new(CLIENTS_MAX)) }
    }

    fn family(&self) -> Arc<Family> {
        Arc::clone(&self.family.borrow())
    }
}

/// Serves `listener` for as long as the master lives.
pub async fn serve(listener: Listener, socket: CommandSocket, shared: Arc<Shared>) {
    let mut complained = false;
    let crowd = Arc::new(Crowd::default());
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                if !complained {
                    tracing::warn!("the master's command socket cannot accept: {error}");
                }
                complained = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        complained = false;
        let places = crowd.places([&shared.gate]).await;
        let (mut wire, client) = (Wire::new(stream), Client::new(&socket, Some(IDLE)));
        let (shared, crowd) = (Arc::clone(&shared), Arc::clone(&crowd));
        tokio::spawn(async move {
            if crowd.hear(&mut wire, Some(IDLE)).await.is_ok() {
                converse::run(wire, client, &shared).await;
            }
            drop(places);
        });
    }
}
