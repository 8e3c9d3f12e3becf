//! The sockets that take commands: HAProxy's runtime API.
//!
//! ```text
//! mod         accepts, within `stats maxconn`
//! crowd       who gives up a place that others wait for
//! wire        lines and payloads in, answers out, within `stats timeout`
//! line        a line's commands and words
//! converse    one client: line after line
//! table       every command: words, level, usage, what runs
//! answer      what a command says
//! expose      `_getsocks`, which no answer can carry
//! routed      lines that come through the master
//! master      the sockets of a master
//! show_*, …   the commands, one file a family, each with a table of its own
//! ```
//! A family is a `COMMANDS` table that `table` lists. What a command does gets a [`Call`] (its
//! words, its payload, its client, the process) and an [`Answer`] to write to.
//!
//! Everything runs on the control thread, one task a client. Bounds: a gate of clients a socket,
//! `wire::LINE_BYTES_MAX` and `wire::PAYLOAD_BYTES_MAX` of what a client sends, and the idle
//! time, which also ends clients that do not read their answer.

mod absent;
mod addition;
mod agent;
pub mod answer;
mod basics;
mod certificates;
mod converse;
mod crowd;
mod crt_lists;
mod end;
mod expose;
mod fence;
pub(crate) mod frontends;
mod limits;
pub mod line;
pub mod master;
mod move_server;
mod object;
mod patterns;
mod removal;
mod rename_server;
pub mod routed;
mod set_server;
mod show_events;
mod show_process;
mod show_resolvers;
mod show_servers;
mod show_sess;
mod show_stat;
mod stick_table;
mod switchover;
mod table;
mod variables;
mod wait;
mod weight;
mod wire;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::http::Listener;
use crate::config::model::{CommandSocket, Commands, Level, SeverityOutput};
use crate::state::{Gate, Process};
use crate::telemetry::bus::Bus;
use crowd::Crowd;
use wire::Wire;

pub use answer::Answer;
pub use expose::Exposed;
pub use table::{Command, Mode, Run, Running};

/// Pause after a failed accept: descriptors come back when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all commands work on.
#[derive(Debug)]
pub struct Shared {
    /// What runs.
    pub process: Arc<Process>,
    /// Where events go.
    pub bus: Bus,
    /// The listening sockets, for a successor.
    pub exposed: Arc<Exposed>,
    /// What the start had to say.
    startup_log: String,
    /// Clients that each socket may have.
    limit: AtomicU32,
}

impl Shared {
    /// The commands' view of `process`.
    #[must_use]
    pub fn new(process: Arc<Process>, bus: Bus, startup_log: String) -> Self {
        let limit = AtomicU32::new(process.objects().config.commands.maxconn.get());
        Self { process, bus, startup_log, exposed: Arc::default(), limit }
    }

    /// Takes over the limits of a newer configuration.
    pub fn follow(&self, commands: &Commands) {
        self.limit.store(commands.maxconn.get(), Ordering::Relaxed);
    }
}

/// One command while it runs.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its words, those that name it included.
    pub words: &'a [String],
    /// How many words name it.
    pub named: usize,
    /// What came behind `<<`.
    pub payload: Option<&'a str>,
    /// Who asks.
    pub client: &'a mut Client,
    /// What it works on.
    pub shared: &'a Shared,
}

impl<'a> Call<'a> {
    /// The argument at `index`, from 0; empty where there is none, as in HAProxy.
    #[must_use]
    pub fn arg(&self, index: usize) -> &'a str {
        self.args().get(index).map_or("", String::as_str)
    }

    /// The words behind those that name the command.
    #[must_use]
    pub fn args(&self) -> &'a [String] {
        &self.words[self.named..]
    }
}

/// What is remembered of a client from one command to the next.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it may do.
    pub level: Level,
    /// How messages show their severity.
    pub severity: SeverityOutput,
    /// `expert-mode on`.
    pub expert: bool,
    /// `experimental-mode on`.
    pub experimental: bool,
    /// Whether it goes on after a line was answered, and what it is shown then.
    pub prompt: Prompt,
    /// Whether the prompt shows the time since the start.
    pub timed: bool,
    /// Silence after which it is sent away; `None`: never.
    pub timeout: Option<Duration>,
    /// It said `quit`.
    pub quits: bool,
    /// It may have the listening sockets.
    pub takes_listeners: bool,
    /// It is a line that a master passes on: there is one, whatever the mode.
    pub is_routed: bool,
}

/// What happens between two lines of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// There is one line: the connection is closed once everything was answered.
    #[default]
    None,
    /// Line after line, in silence.
    Silent,
    /// Line after line, with a prompt.
    Shown,
}

impl Client {
    /// A client of `socket` that said nothing yet.
    #[must_use]
    pub fn new(socket: &CommandSocket, timeout: Option<Duration>) -> Self {
        Self {
            level: socket.level,
            severity: socket.severity,
            expert: false,
            experimental: false,
            prompt: Prompt::default(),
            timed: false,
            timeout,
            quits: false,
            takes_listeners: socket.expose_listeners,
            is_routed: false,
        }
    }
}

/// Serves `listener` until `stop` is cancelled; clients that are inside finish.
///
/// `own` is what its line says of its limit. `stats maxconn` holds for each socket by itself: whoever
/// fills one that is open to many locks nobody out of another, as he would of HAProxy's.
pub async fn serve(
    listener: Listener,
    socket: CommandSocket,
    own: Arc<Gate>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let socket = Arc::new(socket);
    let mut complained = false;
    let (gate, crowd) = (Arc::new(Gate::new(0)), Arc::new(Crowd::default()));
    loop {
        gate.set_limit(shared.limit.load(Ordering::Relaxed));
        let admitted = async {
            let stream = listener.accept().await?;
            Ok::<_, io::Error>((stream, crowd.places([&own, &gate]).await))
        };
        let Some(admitted) = stop.run_until_cancelled(admitted).await else { return };
        let (stream, places) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                if !complained {
                    tracing::warn!("command socket cannot accept: {error}");
                }
                complained = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        complained = false;
        // As HAProxy counts: operators' connections are in the totals, not in the rates.
        shared.process.connections.add(1);
        shared.process.sessions_begun.add(1);
        let (shared, socket, crowd) =
            (Arc::clone(&shared), Arc::clone(&socket), Arc::clone(&crowd));
        tokio::spawn(async move {
            let timeout = shared.process.objects().config.commands.timeout;
            let (mut wire, client) = (Wire::new(stream), Client::new(&socket, timeout));
            if crowd.hear(&mut wire, timeout).await.is_ok() {
                converse::run(wire, client, &shared).await;
            }
            drop(places);
        });
    }
}
