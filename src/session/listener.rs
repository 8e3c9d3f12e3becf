//! The door of one listener: who is let in, and what is done with them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use crate::clock;
use crate::config::model::{Bind, ListenAddr};
use crate::net::accept::{Accepted, Doorkeeper};
use crate::state::sessions::Table;
use crate::state::{Frontend, Gate, Permit};

/// How often a listener that waits for a rate limit looks again: a hundredth of the second that
/// rates are counted in.
const RATE_PAUSE: Duration = Duration::from_millis(10);

/// One listener of a frontend.
#[derive(Debug)]
pub struct Door {
    /// What all sessions share.
    pub context: Arc<Context>,
    /// The frontend.
    pub frontend: Arc<Frontend>,
    /// The listener as configured.
    pub bind: Bind,
    /// Its number within the frontend, from 1.
    pub number: u32,
    /// Its own limit.
    pub gate: Arc<Gate>,
    /// The sessions of the worker that accepts here.
    pub table: Arc<Table>,
}

/// A connection's places inside the listener, the frontend and the process.
#[derive(Debug)]
pub struct Admission {
    _listener: Permit,
    _frontend: Permit,
    _process: Permit,
}

impl Door {
    /// Whether its connections are TCP.
    #[must_use]
    pub const fn is_tcp(&self) -> bool {
        matches!(self.bind.address, ListenAddr::Tcp(_) | ListenAddr::Fd(_))
    }
}

impl Doorkeeper for Arc<Door> {
    type Permit = Admission;

    fn try_admit(&self) -> Option<Admission> {
        if !self.context.process.has_rate_room(clock::now) {
            return None;
        }
        let listener = self.gate.try_enter()?;
        let frontend = self.frontend.gate.try_enter()?;
        let Some(process) = self.context.process.gate.try_enter() else {
            self.context.process.maxconn_reached.add(1);
            return None;
        };
        Some(Admission { _listener: listener, _frontend: frontend, _process: process })
    }

    async fn room(&self) {
        let gates = [&self.gate, &self.frontend.gate, &self.context.process.gate];
        for gate in gates {
            gate.room().await;
        }
        while !self.context.process.has_rate_room(clock::now) {
            tokio::time::sleep(RATE_PAUSE).await;
        }
    }

    fn welcome(&self, accepted: Accepted, admission: Admission) {
        let process = &self.context.process;
        process.connections.add(1);
        process.connection_rate.tick(process.uptime(clock::now()));
        tokio::spawn(super::run(accepted, admission, Arc::clone(self)));
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
