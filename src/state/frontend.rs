//! A frontend: what its listeners need for each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use arc_swap::{ArcSwap, Guard};

use super::counters::{Counter, Rate, Traffic};
use super::http::Requests;
use super::{Backend, Gate, Listener, Pace, Registry};
use crate::config::model;

/// The settings that new sessions of a frontend start with. A session keeps the ones it started
/// with, whatever a reload does.
#[derive(Debug)]
pub struct Route {
    /// The frontend as configured.
    pub settings: model::Frontend,
    /// Its log settings, shared with the records of its sessions.
    pub log: Arc<model::SessionLog>,
    /// Where its sessions go.
    pub backend: Option<Arc<Backend>>,
    /// The backends of `use_backend` by the rules' order; `None`: the name is computed.
    pub switches: Vec<Option<Arc<Backend>>>,
    /// The patterns of the same configuration.
    pub patterns: Arc<Registry>,
}

/// What a frontend's listening sockets do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They accept.
    Open,
    /// They keep their ports and refuse connections (`disable frontend`).
    Paused,
    /// They are closed (`shutdown frontend`).
    Stopped,
}

/// A frontend. It keeps its identity, counters and sessions through reloads.
#[derive(Debug)]
pub struct Frontend {
    /// Its name.
    pub name: Arc<str>,
    /// Connections inside, and their limit.
    pub gate: Arc<Gate>,
    /// Connections that were accepted.
    pub connections: Counter,
    /// Those a second: sessions begin a moment later, and not all do.
    pub connection_rate: Rate,
    /// `rate-limit sessions`.
    pub pace: Pace,
    /// Sessions and bytes.
    pub traffic: Traffic,
    /// Connections refused by a rule or a broken PROXY header.
    pub request_errors: Counter,
    /// What comes in `mode http`.
    pub requests: Requests,
    route: ArcSwap<Route>,
    listeners: ArcSwap<Vec<Arc<Listener>>>,
    /// The limit as configured; a command may have given the gate another.
    limit: AtomicU32,
    phase: AtomicU8,
}

impl Frontend {
    /// A frontend without sessions. `limit` is its own `maxconn`, or the process'.
    #[must_use]
    pub fn new(route: Route, limit: u32) -> Self {
        Self {
            name: route.settings.name.as_str().into(),
            gate: Arc::new(Gate::new(limit)),
            connections: Counter::default(),
            connection_rate: Rate::default(),
            pace: Pace::new(route.settings.rate_limit_sessions),
            traffic: Traffic::default(),
            request_errors: Counter::default(),
            requests: Requests::default(),
            route: ArcSwap::from_pointee(route),
            listeners: ArcSwap::default(),
            limit: AtomicU32::new(limit),
            phase: AtomicU8::new(Phase::Open as u8),
        }
    }

    /// Its listeners in file order.
    #[must_use]
    pub fn listeners(&self) -> Guard<Arc<Vec<Arc<Listener>>>> {
        self.listeners.load()
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn listeners_cell(&self) -> &ArcSwap<Vec<Arc<Listener>>> {
        &self.listeners
    }

    /// What a session that starts now starts with.
    #[must_use]
    pub fn route(&self) -> Guard<Arc<Route>> {
        self.route.load()
    }

    /// What its listening sockets do.
    #[must_use]
    pub fn phase(&self) -> Phase {
        const OPEN: u8 = Phase::Open as u8;
        const PAUSED: u8 = Phase::Paused as u8;
        match self.phase.load(Ordering::Relaxed) {
            OPEN => Phase::Open,
            PAUSED => Phase::Paused,
            _ => Phase::Stopped,
        }
    }

    /// For the owner of the listening sockets.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A reload says what the limit is: what a command made of it stays where that is what was
    /// configured before. For [`publish`](super::publish) only.
    pub(super) fn follow_limit(&self, limit: u32) {
        if self.limit.swap(limit, Ordering::Relaxed) != limit {
            self.gate.set_limit(limit);
        }
    }

    /// The limit that the file gives it.
    #[must_use]
    pub fn configured_limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn route_cell(&self) -> &ArcSwap<Route> {
        &self.route
    }
}
