//! A backend: its servers, the live set among them, and the desk that assigns sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Server;
use super::counters::Service;
use super::desk::Desk;
use crate::config::model;
use crate::pure::balance::{LiveSet, ServerIndex};

/// The servers of a backend and those of them that may be picked: one immutable snapshot.
#[derive(Debug)]
pub struct Live {
    /// Counts up with every snapshot of a backend.
    pub generation: u64,
    /// Who may be picked.
    pub set: LiveSet,
    /// Servers that may be picked and are not backups.
    pub active: usize,
    /// Backups that may be picked, whether they have to serve or not.
    pub backup: usize,
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
}

/// Since when a backend can or cannot serve.
#[derive(Clone, Copy, Debug)]
struct Availability {
    up: bool,
    since: Instant,
    downtime: Duration,
    downs: u64,
}

/// A backend's availability as statistics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvailabilityView {
    /// Time since it last became able or unable to serve.
    pub since: Duration,
    /// Time it could not serve, all in all.
    pub downtime: Duration,
    /// Times it became unable to serve.
    pub downs: u64,
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
    availability: Mutex<Availability>,
    /// Where sessions are assigned and wait.
    pub(super) desk: Desk,
}

impl Backend {
    /// A backend with its first live set, generation 0.
    #[must_use]
    pub fn new(settings: model::Backend, live: Live, now: Instant) -> Self {
        let up = !live.set.members().is_empty();
        let downs = u64::from(!up);
        let availability = Availability { up, since: now, downtime: Duration::ZERO, downs };
        Self {
            availability: Mutex::new(availability),
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

    /// Since when, and for how long before, this backend could not serve.
    #[must_use]
    pub fn availability(&self, now: Instant) -> AvailabilityView {
        let Availability { up, since, downtime, downs } = *self.lock_availability();
        let since = now.saturating_duration_since(since);
        let running = if up { Duration::ZERO } else { since };
        AvailabilityView { since, downtime: downtime + running, downs }
    }

    /// For [`publish`](super::publish) only.
    pub(super) fn note_availability(&self, up: bool, now: Instant) {
        let mut was = self.lock_availability();
        if was.up == up {
            return;
        }
        if !was.up {
            let lasted = now.saturating_duration_since(was.since);
            was.downtime += lasted;
        }
        was.downs += u64::from(!up);
        (was.up, was.since) = (up, now);
    }

    fn lock_availability(&self) -> MutexGuard<'_, Availability> {
        self.availability.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For [`publish`](super::publish) only: tells everybody who waits for a change.
    pub(super) fn announce(&self, generation: u64) {
        self.changed.send_replace(generation);
    }
}
