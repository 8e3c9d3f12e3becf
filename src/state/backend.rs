//! A backend: its servers, the live set among them, and the desk that assigns sessions.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Server;
use super::counters::Service;
use super::desk::Desk;
use crate::config::model;
use crate::pure::balance::{LiveSet, ServerIndex, Tier};

/// The servers of a backend and those of them that may be picked: one immutable snapshot.
#[derive(Debug)]
pub struct Live {
    /// Counts up with every snapshot of a backend.
    pub generation: u64,
    /// Who may be picked.
    pub set: LiveSet,
    /// All servers in file order.
    pub servers: Vec<Arc<Server>>,
}

impl Live {
    /// The server at a place of the backend's table.
    #[must_use]
    pub fn server(&self, index: ServerIndex) -> Option<&Arc<Server>> {
        // Places are file positions unless a reload removed a server before it.
        let guess = self.servers.get(index.0 as usize).filter(|server| server.index == index);
        guess.or_else(|| self.servers.iter().find(|server| server.index == index))
    }

    /// Whether a server may be picked.
    #[must_use]
    pub fn contains(&self, index: ServerIndex) -> bool {
        self.set.members().iter().any(|member| member.server == index)
    }

    /// Servers in the set that are not backups, and servers in it that are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let usable = |backup| {
            let counted = |server: &&Arc<Server>| {
                server.settings().backup == backup && server.effective_weight().is_some()
            };
            self.servers.iter().filter(counted).count()
        };
        (usable(false), usable(true))
    }

    /// Whether sessions go to backups because no active server may be picked.
    #[must_use]
    pub fn on_backup(&self) -> bool {
        self.set.tier() != Tier::Active
    }
}

/// A backend. It keeps its identity, counters and sessions through reloads.
#[derive(Debug)]
pub struct Backend {
    /// Its name.
    pub name: Arc<str>,
    /// Counters.
    pub service: Service,
    settings: ArcSwap<model::Backend>,
    live: ArcSwap<Live>,
    changed: watch::Sender<u64>,
    /// Where sessions are assigned and wait.
    pub(super) desk: Desk,
}

impl Backend {
    /// A backend with its first live set, generation 0.
    #[must_use]
    pub fn new(settings: model::Backend, live: Live) -> Self {
        Self {
            name: settings.name.as_str().into(),
            service: Service::default(),
            desk: Desk::new(settings.balance, &live),
            settings: ArcSwap::from_pointee(settings),
            live: ArcSwap::from_pointee(live),
            changed: watch::Sender::new(0),
        }
    }

    /// The backend as configured.
    #[must_use]
    pub fn settings(&self) -> Guard<Arc<model::Backend>> {
        self.settings.load()
    }

    /// The live set. Hold it for one pick, not across an await.
    #[must_use]
    pub fn live(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    /// Follows the generations of live sets.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn settings_cell(&self) -> &ArcSwap<model::Backend> {
        &self.settings
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn live_cell(&self) -> &ArcSwap<Live> {
        &self.live
    }

    /// For [`publish`](super::publish) only: tells everybody who waits for a change.
    pub(super) fn announce(&self, generation: u64) {
        self.changed.send_replace(generation);
    }
}
