//! A frontend: what its listeners need for each connection.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::counters::{Counter, Traffic};
use super::{Backend, Gate};
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
}

/// A frontend. It keeps its identity, counters and sessions through reloads.
#[derive(Debug)]
pub struct Frontend {
    /// Its name.
    pub name: Arc<str>,
    /// Connections inside, and their limit.
    pub gate: Arc<Gate>,
    /// Sessions and bytes.
    pub traffic: Traffic,
    /// Connections refused by a rule or a broken PROXY header.
    pub request_errors: Counter,
    route: ArcSwap<Route>,
}

impl Frontend {
    /// A frontend without sessions. `limit` is its own `maxconn`, or the process'.
    #[must_use]
    pub fn new(route: Route, limit: u32) -> Self {
        Self {
            name: route.settings.name.as_str().into(),
            gate: Arc::new(Gate::new(limit)),
            traffic: Traffic::default(),
            request_errors: Counter::default(),
            route: ArcSwap::from_pointee(route),
        }
    }

    /// What a session that starts now starts with.
    #[must_use]
    pub fn route(&self) -> Guard<Arc<Route>> {
        self.route.load()
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn route_cell(&self) -> &ArcSwap<Route> {
        &self.route
    }
}
