//! The door of one listener: who is let in, and what is done with them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket};

use super::Context;
use crate::clock;
use crate::config::model::{Bind, ListenAddr};
use crate::net::accept::{Accepted, Doorkeeper};
use crate::state::sessions::Table;
use crate::state::{Frontend, Gate, Listener};

/// Ports below are those only a privileged process may bind.
const PRIVILEGED_PORTS: u16 = 1024;

/// One listener of a frontend.
#[derive(Debug)]
pub struct Door {
    /// What all sessions share.
    pub context: Arc<Context>,
    /// The frontend.
    pub frontend: Arc<Frontend>,
    /// The listener as configured.
    pub bind: Bind,
    /// Its counters and its own limit.
    pub listener: Arc<Listener>,
    /// The sessions of the worker that accepts here.
    pub table: Arc<Table>,
}

/// A connection's places inside all gates of its door; dropping it frees them.
#[derive(Debug)]
pub struct Admission(Arc<Door>);

impl Admission {
    /// Where it came in.
    #[must_use]
    pub const fn door(&self) -> &Arc<Door> {
        &self.0
    }
}

impl std::ops::Deref for Admission {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.0
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.gates().for_each(Gate::leave);
    }
}

impl Door {
    /// Those of the listener, of the frontend, of the process, and of its connections with TLS.
    fn gates(&self) -> impl Iterator<Item = &Gate> {
        let process = &self.context.process;
        let tls = self.bind.tls.as_ref().map(|_| &*process.tls.gate);
        let gates: [&Gate; 3] = [&self.listener.gate, &self.frontend.gate, &process.gate];
        gates.into_iter().chain(tls)
    }

    /// How long to wait before one more connection keeps all paces; `None`: it may come.
    fn pace_wait(&self) -> Option<Duration> {
        let process = &self.context.process;
        let paces = [
            (&process.connection_pace, &process.connection_rate),
            (&process.session_pace, &process.connection_rate),
            (&self.frontend.pace, &self.frontend.connection_rate),
        ];
        let now = || process.uptime(clock::now());
        let tls = self.bind.tls.as_ref().map(|_| (&process.tls.pace, &process.tls.rate));
        paces.iter().chain(&tls).find_map(|(pace, rate)| pace.wait(rate, now))
    }

    /// Whether `accepted`, which came in here, is TCP; an inherited listener is what its opener made it.
    #[must_use]
    pub fn is_tcp(&self, accepted: &Socket) -> bool {
        match self.bind.address {
            ListenAddr::Tcp(_) => true,
            ListenAddr::Unix(_) | ListenAddr::Abstract(_) => false,
            ListenAddr::Fd(_) | ListenAddr::Sockpair(_) => {
                accepted.domain().is_ok_and(|domain| domain != Domain::UNIX)
            }
        }
    }
}

impl Doorkeeper for Arc<Door> {
    type Permit = Admission;

    fn batch(&self) -> u32 {
        self.context.process.objects().config.global.tuning.maxaccept.get()
    }

    fn try_admit(&self) -> Option<Admission> {
        if self.pace_wait().is_some() {
            return None;
        }
        let process = &self.context.process;
        for (entered, gate) in self.gates().enumerate() {
            if !gate.admits() {
                self.gates().take(entered).for_each(Gate::leave);
                if std::ptr::eq(gate, &*process.gate) {
                    process.maxconn_reached.add(1);
                }
                return None;
            }
        }
        Some(Admission(Arc::clone(self)))
    }

    async fn room(&self) {
        for gate in self.gates() {
            gate.room().await;
        }
        while let Some(wait) = self.pace_wait() {
            tokio::time::sleep(wait).await;
        }
    }

    fn welcome(&self, accepted: Accepted, admission: Admission) {
        let process = &self.context.process;
        let privileged = accepted.peer.is_some_and(|peer| peer.port() < PRIVILEGED_PORTS);
        if privileged && process.objects().config.global.tuning.reject_privileged_ports {
            return;
        }
        process.connections.add(1);
        let uptime = process.uptime(clock::now());
        process.connection_rate.tick(uptime);
        self.frontend.connections.add(1);
        self.frontend.connection_rate.tick(uptime);
        if self.bind.tls.is_some() {
            process.tls.connections.add(1);
            process.tls.rate.tick(uptime);
        }
        self.context.crew.begin(accepted, admission);
    }

    fn exhausted(&self, error: &io::Error) {
        let process = &self.context.process;
        process.exhausted.add(1);
        if process.exhaustion.begins(process.uptime(clock::now())) {
            tracing::error!(
                "Proxy {}: cannot accept: {error}; connections wait in the backlog \
                 (current connections: {}, process limit: {})",
                self.frontend.name,
                process.gate.current(),
                process.gate.limit(),
            );
        }
    }
}
