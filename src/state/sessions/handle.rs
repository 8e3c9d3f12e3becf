//! One running session as others see it, and their way to end it.
//!
//! The session writes, from its worker; statistics and commands read, from theirs. What changes
//! with every message is a plain atomic cell that only the session stores to; what changes a few
//! times in its life stands behind a lock of its own.

mod served;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Instant;

use super::{CutReason, SessionId, View};
use crate::clock::Stamp;
use crate::pure::role::route::RoleRoute;
use crate::pure::session::termination::Phase;
use crate::state::counters::Traffic;
use crate::state::{Backend, Frontend, Listener, Process, Server, Tracker};

/// How a session ends between two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Once nothing was asked for a while: who is just about to ask has the answer first.
    Quiet = 1,
    /// At the first chance.
    Soon,
}

impl Parting {
    /// The parting of this code, which is below those of [`CutReason`].
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Quiet),
            2 => Some(Self::Soon),
            _ => None,
        }
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its header is read and its rules are asked.
    Inspecting,
    /// It waits for a slot of a server.
    Queued,
    /// A server is dialled.
    Connecting,
    /// Bytes are relayed.
    Relaying,
}

impl Stage {
    const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Inspecting,
            1 => Self::Queued,
            2 => Self::Connecting,
            _ => Self::Relaying,
        }
    }

    /// The phase a session ends in when it is ended here.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Inspecting => Phase::Request,
            Self::Queued => Phase::Queue,
            Self::Connecting => Phase::Connect,
            Self::Relaying => Phase::Data,
        }
    }
}

/// Bytes a session has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// From the client.
    pub bytes_in: u64,
    /// To the client.
    pub bytes_out: u64,
    /// Those of both that went through a pipe.
    pub spliced: u64,
}

/// A running session.
#[derive(Debug)]
pub struct Handle {
    /// Its name; never given to another session of this process.
    pub id: SessionId,
    /// When it was accepted.
    pub started: Instant,
    /// Where it came in.
    pub frontend: Arc<Frontend>,
    /// Its listener.
    pub listener: Arc<Listener>,
    stage: AtomicU8,
    order: AtomicU8,
    hidden: AtomicBool,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    spliced: AtomicU64,
    /// Of the client and of the server; -1: there is none.
    descriptors: [AtomicI32; 2],
    /// When bytes moved last, as [`Stamp::bits`].
    active: AtomicU64,
    facts: Mutex<Facts>,
}

/// What changes a few times in a session's life.
#[derive(Debug, Default)]
struct Facts {
    /// Wakes the session's task.
    waker: Option<Waker>,
    source: Option<SocketAddr>,
    /// Boxed: known of few.
    destination: Option<Box<SocketAddr>>,
    backend: Option<Arc<Backend>>,
    server: Option<Arc<Server>>,
    retries: u32,
    /// What the counters have of it already.
    counted: Moved,
    /// Entries of stick tables that count it.
    trackers: Vec<Arc<Tracker>>,
}

impl Facts {
    fn has(&self, server: &Arc<Server>) -> bool {
        self.server.as_ref().is_some_and(|known| Arc::ptr_eq(known, server))
    }
}

impl Handle {
    pub(super) fn new(
        id: SessionId,
        frontend: Arc<Frontend>,
        listener: Arc<Listener>,
        source: Option<SocketAddr>,
        started: Instant,
    ) -> Self {
        Self {
            id,
            started,
            frontend,
            listener,
            stage: AtomicU8::new(Stage::Inspecting as u8),
            order: AtomicU8::new(0),
            hidden: AtomicBool::new(false),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            spliced: AtomicU64::new(0),
            descriptors: [AtomicI32::new(-1), AtomicI32::new(-1)],
            active: AtomicU64::new(Stamp::from(started).bits()),
            facts: Mutex::new(Facts { source, ..Facts::default() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session's task can be woken from now on. To be called once, by the task itself, before
    /// the first look at [`order`](Self::order).
    pub fn attach(&self, cx: &Context<'_>) {
        self.lock().waker = Some(cx.waker().clone());
    }

    /// The session's task is polled again.
    pub(super) fn wake(&self) {
        self.lock().waker.iter().for_each(Waker::wake_by_ref);
    }

    /// The session has come this far.
    pub fn reach(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// The client's connection has this descriptor.
    pub fn note_client(&self, fd: i32) {
        self.descriptors[0].store(fd, Ordering::Relaxed);
    }

    /// The server's connection has this descriptor.
    pub fn note_server(&self, fd: i32) {
        self.descriptors[1].store(fd, Ordering::Relaxed);
    }

    /// How far the session has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        Stage::from_code(self.stage.load(Ordering::Relaxed))
    }

    /// The connection's addresses as its PROXY header or a rule gives them.
    pub fn set_addresses(&self, source: Option<SocketAddr>, destination: Option<SocketAddr>) {
        let mut facts = self.lock();
        (facts.source, facts.destination) = (source, destination.map(Box::new));
    }

    /// The client's address, from the connection, its PROXY header or a rule; `None` for a Unix socket.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.lock().source
    }

    /// The address it connected to, where somebody learned or named it.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.lock().destination.as_deref().copied()
    }

    /// The address it connected to was learned.
    pub fn learn_destination(&self, destination: Option<SocketAddr>) {
        self.lock().destination = destination.map(Box::new);
    }

    /// An entry of a stick table counts the session.
    pub fn track(&self, tracker: Arc<Tracker>) {
        self.lock().trackers.push(tracker);
    }

    /// The session enters a backend.
    pub fn enter_backend(&self, backend: &Arc<Backend>) {
        self.lock().backend = Some(Arc::clone(backend));
    }

    /// The session is in no backend any more: what it moves from now on is not that one's.
    pub fn leave_backend(&self) {
        self.lock().backend = None;
    }

    /// The session has a slot of `server`, which was cut `cuts` times when the slot was granted: a
    /// cut between then and now is not missed. `retries` counts attempts after the first.
    pub fn enter_server(&self, server: &Arc<Server>, cuts: u64, retries: u32) {
        {
            let mut facts = self.lock();
            facts.server = Some(Arc::clone(server));
            facts.retries = retries;
        }
        // Whoever cuts counts first and then looks at the sessions: either they see the server
        // above, or this sees their count.
        if let Some((reason, count)) = server.cut_after(cuts) {
            // Only the last reason is known: of several, one may be for this session.
            if count > 1 || self.may_concern(reason) {
                self.order.fetch_max(reason as u8, Ordering::AcqRel);
            }
        }
    }

    /// Whether a cut for `reason` can be for a session that came by this one's route. One that is
    /// only about to have its server loses nothing where it was not.
    fn may_concern(&self, reason: CutReason) -> bool {
        match (reason, self.role()) {
            (CutReason::RoleLost, role) => role == Some(RoleRoute::Primary),
            (CutReason::Lagging, role) => {
                matches!(role, Some(RoleRoute::Replica { max_lag: Some(_), .. }))
            }
            _ => true,
        }
    }

    /// The session has given its slot back; what its server was cut for is no matter any more.
    pub fn leave_server(&self) {
        self.note_server(-1);
        let mut facts = self.lock();
        facts.server = None;
        self.clear(&facts);
    }

    /// As [`order`](Self::order); and whether it is to end between two transactions.
    #[must_use]
    pub fn orders(&self) -> (Option<CutReason>, Option<Parting>) {
        let code = self.order.load(Ordering::Acquire);
        (CutReason::from_code(code), Parting::from_code(code))
    }

    /// Tells the session to end between two transactions, if it has `server` by a route to the
    /// primary. Whether it had not been told before; `None`: it has not.
    pub(super) fn part_on(&self, server: &Arc<Server>, how: Parting) -> Option<bool> {
        if self.role() != Some(RoleRoute::Primary) {
            return None;
        }
        let facts = self.lock();
        facts.has(server).then(|| {
            let was = self.order.fetch_max(how as u8, Ordering::AcqRel);
            facts.waker.iter().for_each(Waker::wake_by_ref);
            was == 0
        })
    }

    /// Takes back what [`part_on`](Self::part_on) said.
    pub(super) fn stay_on(&self, server: &Arc<Server>) {
        let facts = self.lock();
        if facts.has(server) {
            let parts = |code| Parting::from_code(code).map(|_| 0);
            // Another order stays.
            let _ = self.order.fetch_update(Ordering::AcqRel, Ordering::Acquire, parts);
        }
    }

    /// What the session's two sides say to each other is encrypted.
    pub fn note_hidden(&self) {
        self.hidden.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    /// Takes note of an order that concerns the session's server, and goes on.
    pub fn dismiss(&self) {
        self.clear(&self.lock());
    }

    /// The lock says that nobody orders anything meanwhile.
    fn clear(&self, _locked: &Facts) {
        if self.order() != Some(CutReason::Killed) {
            self.order.store(0, Ordering::Release);
        }
    }

    /// What is wanted of the session. One load: it may be asked with every message.
    #[must_use]
    pub fn order(&self) -> Option<CutReason> {
        CutReason::from_code(self.order.load(Ordering::Acquire))
    }

    /// The session has moved these many bytes since its beginning, the last of them at `at`. Whether its
    /// server's first are among them.
    pub fn note_moved(&self, moved: Moved, at: Stamp) -> bool {
        let is_first = moved.bytes_out > 0 && self.bytes_out.load(Ordering::Relaxed) == 0;
        self.bytes_in.store(moved.bytes_in, Ordering::Relaxed);
        self.bytes_out.store(moved.bytes_out, Ordering::Relaxed);
        self.spliced.store(moved.spliced, Ordering::Relaxed);
        self.active.store(at.bits(), Ordering::Relaxed);
        is_first
    }

    /// When it moved bytes last, or began.
    fn active(&self) -> Instant {
        Stamp::of_bits(self.active.load(Ordering::Relaxed)).instant()
    }

    /// What the session has moved so far.
    #[must_use]
    pub fn moved(&self) -> Moved {
        Moved {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            spliced: self.spliced.load(Ordering::Relaxed),
        }
    }

    /// Adds to the counters what they do not have of this session's bytes yet.
    pub fn count_bytes(&self, process: &Process) {
        let mut facts = self.lock();
        let (moved, counted) = (self.moved(), facts.counted);
        // A session that started over has moved less than was counted of its first attempt.
        let more = Moved {
            bytes_in: moved.bytes_in.saturating_sub(counted.bytes_in),
            bytes_out: moved.bytes_out.saturating_sub(counted.bytes_out),
            spliced: moved.spliced.saturating_sub(counted.spliced),
        };
        if more == Moved::default() {
            return;
        }
        facts.counted = Moved {
            bytes_in: moved.bytes_in.max(counted.bytes_in),
            bytes_out: moved.bytes_out.max(counted.bytes_out),
            spliced: moved.spliced.max(counted.spliced),
        };
        let add = |traffic: &Traffic| {
            traffic.bytes_in.add(more.bytes_in);
            traffic.bytes_out.add(more.bytes_out);
        };
        add(&self.frontend.traffic);
        self.listener.traffic.iter().for_each(add);
        facts.backend.iter().for_each(|backend| add(&backend.service.traffic));
        facts.server.iter().for_each(|server| add(&server.service.traffic));
        let at = self.active();
        for tracker in &facts.trackers {
            tracker.note_moved(moved.bytes_in, moved.bytes_out, at);
        }
        process.bytes_out.add(more.bytes_in + more.bytes_out);
        process.bytes_spliced.add(more.spliced);
    }

    /// Tells the session to end, or what else `reason` means to it. Never waits.
    pub fn end(&self, reason: CutReason) {
        self.end_if(reason, |_| true);
    }

    /// The route by role that it came by.
    pub(super) fn role(&self) -> Option<RoleRoute> {
        self.frontend.route().settings.role
    }

    /// The same of a session that has `server`. Whether it has and is served by it, and was not told to
    /// end before: others go on elsewhere.
    pub(super) fn end_on(&self, server: &Arc<Server>, reason: CutReason) -> bool {
        self.end_if(reason, |facts| facts.has(server)) && self.is_served()
    }

    fn end_if(&self, reason: CutReason, wanted: impl FnOnce(&Facts) -> bool) -> bool {
        let facts = self.lock();
        if !wanted(&facts) {
            return false;
        }
        let before = self.order.fetch_max(reason as u8, Ordering::AcqRel);
        facts.waker.iter().for_each(Waker::wake_by_ref);
        before <= CutReason::ServerLeft as u8
    }

    /// The session at `now`.
    #[must_use]
    pub fn view(&self, now: Instant) -> View {
        let facts = self.lock();
        let age = now.saturating_duration_since(self.started);
        View {
            id: self.id,
            age,
            idle: now.saturating_duration_since(self.active().max(self.started)),
            frontend: Arc::clone(&self.frontend),
            listener: Arc::clone(&self.listener),
            source: facts.source,
            destination: facts.destination.as_deref().copied(),
            backend: facts.backend.clone(),
            server: facts.server.clone(),
            stage: self.stage(),
            moved: self.moved(),
            retries: facts.retries,
            descriptors: self.descriptors.each_ref().map(|descriptor| {
                Some(descriptor.load(Ordering::Relaxed)).filter(|&number| number >= 0)
            }),
            ordered: self.order(),
        }
    }
}
