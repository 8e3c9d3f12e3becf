//! A backend: its servers, the live set among them, and the desk that assigns sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::counters::Service;
use super::desk::{Desk, HoldCounts};
use super::http::Requests;
use super::remembered::Remembered;
use super::{Group, Registry, Server};
use crate::config::model::{self, CheckKind};
use crate::pure::balance::{Candidate, LiveSet, ServerIndex};
use crate::pure::role::fence::{Fence, Memory, OnConflict};
use crate::pure::role::route::RoleRoute;

/// A backend's rules, and the patterns they name.
#[derive(Debug, Default)]
pub struct Ruling {
    /// The rules.
    pub rules: model::BackendRules,
    /// The patterns of the same configuration.
    pub patterns: Arc<Registry>,
}

/// The servers of a backend and those of them that may be picked: one immutable snapshot.
#[derive(Debug)]
pub struct Live {
    /// Counts up with every snapshot of a backend.
    pub generation: u64,
    /// Who may be picked.
    pub set: LiveSet,
    /// Who of them may be picked by each of the routes by role that lead here.
    pub lanes: Vec<(RoleRoute, LiveSet)>,
    /// Servers that may be picked and are not backups.
    pub active: usize,
    /// Backups that may be picked, whether they have to serve or not.
    pub backup: usize,
    /// All servers in file order.
    pub servers: Vec<Arc<Server>>,
    /// What each of them was worth, in the same order.
    pub(super) candidates: Vec<Candidate>,
    /// Who is at a place, indexed by it.
    places: Box<[Place]>,
}

/// One place of the backend's table.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Position among the servers in file order; `None`: nobody of this snapshot is here.
    position: Option<usize>,
    /// Whether the server here may be picked.
    live: bool,
}

impl Live {
    /// The snapshot of `servers` of which those of `set` may be picked.
    pub(super) fn new(
        generation: u64,
        (set, lanes): (LiveSet, Vec<(RoleRoute, LiveSet)>),
        (active, backup): (usize, usize),
        servers: Vec<Arc<Server>>,
        candidates: Vec<Candidate>,
    ) -> Self {
        let count = servers.iter().map(|server| server.index.0 as usize + 1).max().unwrap_or(0);
        let mut places = vec![Place::default(); count];
        for (position, server) in servers.iter().enumerate() {
            places[server.index.0 as usize].position = Some(position);
        }
        for member in set.members() {
            places[member.server.0 as usize].live = true;
        }
        Self { generation, set, lanes, active, backup, servers, candidates, places: places.into() }
    }

    fn place(&self, index: ServerIndex) -> Place {
        self.places.get(index.0 as usize).copied().unwrap_or_default()
    }

    /// The server at a place of the backend's table.
    #[must_use]
    pub fn server(&self, index: ServerIndex) -> Option<&Arc<Server>> {
        self.place(index).position.map(|position| &self.servers[position])
    }

    /// What a server was worth when this snapshot was made; `None` if it is not part of it.
    #[must_use]
    pub fn candidate(&self, index: ServerIndex) -> Option<&Candidate> {
        self.place(index).position.map(|position| &self.candidates[position])
    }

    /// Whether a server may be picked.
    #[must_use]
    pub fn contains(&self, index: ServerIndex) -> bool {
        self.place(index).live
    }

    /// The same by a route.
    #[must_use]
    pub fn leads_to(&self, role: Option<RoleRoute>, index: ServerIndex) -> bool {
        let Some(role) = role else { return self.contains(index) };
        let lane = self.lanes.iter().find(|(lane, _)| *lane == role);
        lane.is_some_and(|(_, set)| set.members().iter().any(|member| member.server == index))
    }
}

/// The servers that have a place in a backend, by that place.
///
/// A place is given to another server only when nothing refers to the one before: a session on a
/// removed server, its slot and its wait in the queue all hold the server, so that a new server
/// never inherits them. Bound: the largest number of servers that existed at one time.
#[derive(Debug, Default)]
pub struct Places(Vec<Weak<Server>>);

impl Places {
    /// Makes a server at the first free place.
    pub fn settle(&mut self, make: impl FnOnce(ServerIndex) -> Server) -> Arc<Server> {
        let free = self.0.iter().position(|server| server.strong_count() == 0);
        let place = free.unwrap_or(self.0.len());
        let index = u32::try_from(place).expect("servers of a file are fewer than its 2^32 lines");
        let server = Arc::new(make(ServerIndex(index)));
        let entry = Arc::downgrade(&server);
        match self.0.get_mut(place) {
            Some(freed) => *freed = entry,
            None => self.0.push(entry),
        }
        server
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
    /// What comes in `mode http`.
    pub requests: Requests,
    settings: ArcSwap<model::Backend>,
    live: ArcSwap<Live>,
    changed: watch::Sender<u64>,
    availability: Mutex<Availability>,
    places: Mutex<Places>,
    /// What its servers are to each other.
    pub group: Group,
    /// What became of clients that were held.
    pub hold: HoldCounts,
    /// Where sessions are assigned and wait.
    pub(super) desk: Desk,
    ruling: ArcSwap<Ruling>,
}

/// A fence of these servers, of which those that are asked what they are may have to be waited for, and
/// the one that is remembered, if anything asks after it.
fn fence(memory: Memory, on_conflict: OnConflict, servers: &[Arc<Server>]) -> Fence {
    let incumbent = memory.incumbent.as_ref().map(|(incumbent, _)| incumbent.clone());
    let is_asked = |server: &&Arc<Server>| {
        let settings = server.settings();
        let check = settings.check.as_ref().filter(|_| server.next_check().is_some());
        let is_incumbent = incumbent.as_deref() == Some(&*server.name);
        check.is_some_and(|it| is_incumbent || matches!(it.kind, CheckKind::Database(_)))
    };
    let asked = servers.iter().filter(is_asked);
    Fence::new(memory, on_conflict).asking(asked.map(|server| &*server.name))
}

impl Backend {
    /// A backend with its first live set, generation 0, and the places its servers have.
    #[must_use]
    pub fn new(settings: model::Backend, live: Live, places: Places, now: Instant) -> Self {
        let up = !live.set.members().is_empty();
        // What the file itself keeps from serving is no fall.
        let meant_to = |server: &model::Server| !server.disabled && server.weight.value() > 0;
        let downs = u64::from(!up && settings.servers.iter().any(meant_to));
        let availability = Availability { up, since: now, downtime: Duration::ZERO, downs };
        Self {
            availability: Mutex::new(availability),
            places: Mutex::new(places),
            name: settings.name.as_str().into(),
            service: Service::default(),
            requests: Requests::default(),
            group: Group::new(fence(Memory::default(), settings.on_conflict, &live.servers)),
            hold: HoldCounts::default(),
            desk: Desk::new(settings.balance, &live),
            settings: ArcSwap::from_pointee(settings),
            live: ArcSwap::from_pointee(live),
            changed: watch::Sender::new(0),
            ruling: ArcSwap::default(),
        }
    }

    /// The same, which goes on with what is remembered of its primaries, and of a failover.
    #[must_use]
    pub fn remembering(mut self, remembered: &Remembered, now: Instant) -> Self {
        let memory = remembered.of(&self.name);
        let fence = fence(memory, self.settings().on_conflict, &self.live().servers);
        self.group = Group::new(fence);
        if let Some((running, start)) = remembered.running(&self.name) {
            self.group.resume(&running, start, now);
        }
        self
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

    /// The rules.
    #[must_use]
    pub fn ruling(&self) -> Guard<Arc<Ruling>> {
        self.ruling.load()
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn ruling_cell(&self) -> &ArcSwap<Ruling> {
        &self.ruling
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

    /// Makes a server that joins this backend, at a place no session refers to.
    pub fn settle(&self, make: impl FnOnce(ServerIndex) -> Server) -> Arc<Server> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).settle(make)
    }

    fn lock_availability(&self) -> MutexGuard<'_, Availability> {
        self.availability.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For [`publish`](super::publish) only: tells everybody who waits for a change.
    pub(super) fn announce(&self, generation: u64) {
        self.changed.send_replace(generation);
    }
}
