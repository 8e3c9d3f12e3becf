//! A server: its settings, its health as others see it, and the sessions' ways to speak to its check.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, watch};

use super::CutReason;
use super::counters::Service;
use crate::clock::Stamp;
use crate::config::model;
use crate::pure::balance::{EffectiveWeight, Limits, ServerIndex};
use crate::pure::health::ramp::Ramp;
use crate::pure::health::{Health, Standing};
use crate::pure::role::stay::Partings;
use crate::pure::role::witness::Panel;

/// The check's end of [`Server::passes`]: who waits for a verdict waits no longer than this lives.
#[derive(Debug)]
pub struct Passes(watch::Sender<Option<Instant>>);

impl Passes {
    /// A check that began at `started` passed.
    pub fn note(&self, started: Instant) {
        self.0.send_replace(Some(started));
    }
}

/// A server. It keeps its identity, counters, health and sessions through reloads.
#[derive(Debug)]
pub struct Server {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the backend's table.
    pub index: ServerIndex,
    /// Counters.
    pub service: Service,
    settings: ArcSwap<model::Server>,
    configured: ArcSwap<model::Server>,
    added: AtomicBool,
    health: Mutex<Health>,
    wake: Notify,
    hinted: AtomicBool,
    doubted: Notify,
    /// When a database answered a new session last, as a [`Stamp`].
    answered: AtomicU64,
    /// When the last check with a verdict was started, as a [`Stamp`].
    asked: AtomicU64,
    wake_agent: Notify,
    /// Who is primary has changed: its witnesses are asked at once.
    wake_witnesses: watch::Sender<()>,
    /// Connections that failed in a row, counted where `observe` asks for it.
    errors: AtomicU32,
    /// As many of them as were too many, until the check heard of it; 0: none.
    errors_to_hear: AtomicU32,
    passes: Mutex<watch::Receiver<Option<Instant>>>,
    /// Times its sessions were cut, and in the lowest byte why they were last.
    cuts: AtomicU64,
    /// Troubles that may end its sessions.
    partings: Mutex<Partings>,
    /// What is said of it beside its check.
    pub(super) panel: Mutex<Panel>,
}

impl Server {
    /// A server as configured, with its health before the first check.
    #[must_use]
    pub fn new(settings: model::Server, index: ServerIndex, health: Health) -> Self {
        let settings = Arc::new(settings);
        Self {
            name: settings.name.as_str().into(),
            index,
            service: Service::default(),
            settings: ArcSwap::new(Arc::clone(&settings)),
            configured: ArcSwap::new(settings),
            added: AtomicBool::new(false),
            health: Mutex::new(health),
            wake: Notify::new(),
            hinted: AtomicBool::new(false),
            doubted: Notify::new(),
            answered: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            wake_agent: Notify::new(),
            wake_witnesses: watch::Sender::new(()),
            errors: AtomicU32::new(0),
            errors_to_hear: AtomicU32::new(0),
            // Nobody checks yet: the other end is gone.
            passes: Mutex::new(watch::channel(None).1),
            cuts: AtomicU64::new(0),
            partings: Mutex::default(),
            panel: Mutex::default(),
        }
    }

    /// The same server, with other settings in force than the configured ones.
    #[must_use]
    pub fn with(self, in_force: model::Server) -> Self {
        Self { settings: ArcSwap::from_pointee(in_force), ..self }
    }

    /// The same server, made by a command: no file knows it.
    #[must_use]
    pub fn added(self) -> Self {
        self.added.store(true, Ordering::Relaxed);
        self
    }

    /// Whether a command made it.
    #[must_use]
    pub fn is_added(&self) -> bool {
        self.added.load(Ordering::Relaxed)
    }

    /// A file knows the server now. Whether that is news.
    pub fn adopt(&self) -> bool {
        self.added.swap(false, Ordering::Relaxed)
    }

    /// The server as it is: as configured, but for what commands changed since.
    #[must_use]
    pub fn settings(&self) -> Guard<Arc<model::Server>> {
        self.settings.load()
    }

    /// The server as configured.
    #[must_use]
    pub fn configured(&self) -> Guard<Arc<model::Server>> {
        self.configured.load()
    }

    /// Its health now. Sessions have no need of it: the live set says who may be picked.
    #[must_use]
    pub fn health(&self) -> Health {
        self.lock_health().clone()
    }

    /// Its standing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock_health().standing()
    }

    fn lock_health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may take a session that asks for it by name.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.standing() == Standing::Up
    }

    /// What load balancing gives it at `now` under a policy that follows weights or does not;
    /// `None` where it may not be picked.
    #[must_use]
    pub fn effective_weight(&self, dynamic: bool, now: Instant) -> Option<EffectiveWeight> {
        let health = self.lock_health();
        let (standing, since) = (health.standing(), health.serves_since());
        drop(health);
        if standing != Standing::Up {
            return None;
        }
        let settings = self.settings();
        match since.and_then(|since| Ramp::new(since, settings.slowstart?)) {
            Some(ramp) if dynamic => EffectiveWeight::ramped(settings.weight, ramp.step(now)),
            _ => EffectiveWeight::full(settings.weight),
        }
    }

    /// How many sessions it takes at `now`; `None`: any number.
    #[must_use]
    pub fn limits(&self, now: Instant) -> Option<Limits> {
        let settings = self.settings();
        let max = settings.maxconn?;
        let ramp_percent = self.ramp().map_or(100, |ramp| ramp.percent(now));
        Some(Limits { max, min: settings.minconn, queue: settings.maxqueue, ramp_percent })
    }

    /// Its slow start; `None` where it has none.
    #[must_use]
    pub fn ramp(&self) -> Option<Ramp> {
        let slowstart = self.settings().slowstart?;
        Ramp::new(self.lock_health().serves_since()?, slowstart)
    }

    /// What a slow start leaves of its weight at `now`, rounded up as HAProxy shows it.
    #[must_use]
    pub fn shown_weight(&self, dynamic: bool, now: Instant) -> u32 {
        let weight = u32::from(self.settings().weight.value());
        match self.ramp().filter(|_| dynamic) {
            Some(ramp) => (weight * u32::from(ramp.step(now))).div_ceil(u32::from(Ramp::STEPS)),
            None => weight,
        }
    }

    /// The same in hundredths, as HAProxy computes its `throttle`. `None` outside of a slow start,
    /// and while it takes no new sessions.
    #[must_use]
    pub fn throttle_percent(&self, dynamic: bool, now: Instant) -> Option<u32> {
        let ramp = self.ramp().filter(|ramp| !ramp.is_over(now))?;
        let weight = u32::from(self.settings().weight.value());
        if self.standing() != Standing::Up || weight == 0 {
            return None;
        }
        let steps = u32::from(Ramp::STEPS);
        let step = if dynamic { u32::from(ramp.step(now)) } else { steps };
        Some((100 * weight * step + steps - 1) / (steps * weight))
    }

    /// Tells the server's check that a session's connection failed, or that a database ended one.
    /// Never waits; many hints before the check looks are one.
    pub fn hint(&self) {
        self.hinted.store(true, Ordering::Release);
        self.wake.notify_one();
        self.doubted.notify_waiters();
    }

    /// A session heard the first of a database at `at`.
    pub fn note_answer(&self, at: Stamp) {
        self.answered.fetch_max(at.bits(), Ordering::Relaxed);
    }

    /// A check that was started at `at` has come to a verdict.
    pub fn note_asked(&self, at: Instant) {
        self.asked.store(Stamp::from(at).bits(), Ordering::Release);
    }

    /// When the last check was started that has come to a verdict; long ago where none has.
    #[must_use]
    pub fn asked_at(&self) -> Instant {
        Stamp::of_bits(self.asked.load(Ordering::Acquire)).instant()
    }

    /// When a session heard the first of it last; long ago where none did.
    #[must_use]
    pub fn answered_at(&self) -> Instant {
        Stamp::of_bits(self.answered.load(Ordering::Relaxed)).instant()
    }

    /// A session's attempt to connect failed, and `observe` asks to count it: the `limit`-th in a row
    /// is told to the server's check. Never waits.
    pub fn note_error(&self, limit: NonZeroU32) {
        let count = self.errors.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if count >= limit.get() {
            self.errors.store(0, Ordering::Release);
            self.errors_to_hear.store(count, Ordering::Release);
            self.wake.notify_one();
        }
    }

    /// The server is reached: errors no longer come in a row. Only reads where there were none.
    pub fn forget_errors(&self) {
        if self.errors.load(Ordering::Acquire) != 0 {
            self.errors.store(0, Ordering::Release);
        }
    }

    /// How many errors came in a row, if they were too many since this was asked last. For the
    /// server's check only.
    #[must_use]
    pub fn take_errors(&self) -> Option<u32> {
        let count = self.errors_to_hear.swap(0, Ordering::AcqRel);
        (count > 0).then_some(count)
    }

    /// Tells the server's check and its agent that its settings or its health changed. Never waits.
    pub fn wake_check(&self) {
        self.wake.notify_one();
        self.wake_agent.notify_one();
    }

    /// Has its witnesses asked at once.
    pub fn wake_witnesses(&self) {
        self.wake_witnesses.send_replace(());
    }

    /// Hears of [`wake_witnesses`](Self::wake_witnesses) from now on.
    pub fn witnesses_woken(&self) -> watch::Receiver<()> {
        self.wake_witnesses.subscribe()
    }

    /// Waits for [`wake_check`](Self::wake_check). For the task that asks the agent only.
    ///
    /// # Cancel safety
    /// Safe: what was not received stays.
    pub async fn agent_woken(&self) {
        self.wake_agent.notified().await;
    }

    /// When the agent is to be asked next; `None`: not before its task is woken.
    #[must_use]
    pub fn next_agent_check(&self) -> Option<Instant> {
        self.lock_health().next_agent_check()
    }

    /// Waits for [`hint`](Self::hint) or [`wake_check`](Self::wake_check), and says whether there
    /// was a hint. For the server's check only.
    ///
    /// # Cancel safety
    /// Safe: what was not received stays.
    pub async fn woken(&self) -> bool {
        self.wake.notified().await;
        self.hinted.swap(false, Ordering::AcqRel)
    }

    /// Waits for a [`hint`](Self::hint) that is given from now on, which is left to
    /// [`woken`](Self::woken) all the same.
    ///
    /// # Cancel safety
    /// Safe: it takes nothing.
    pub async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// When the next check is due; `None`: not before the check is woken.
    #[must_use]
    pub fn next_check(&self) -> Option<Instant> {
        self.lock_health().next_check()
    }

    /// Follows the start times of checks that passed. It ends at once when the server's check
    /// does, and where there is none.
    #[must_use]
    pub fn passes(&self) -> watch::Receiver<Option<Instant>> {
        self.lock_passes().clone()
    }

    /// A check begins to look after this server; dropping what this yields says that nobody does.
    /// For the server's check only, which must be the only one.
    #[must_use]
    pub fn begin_checks(&self) -> Passes {
        let (told, passes) = watch::channel(None);
        *self.lock_passes() = passes;
        Passes(told)
    }

    fn lock_passes(&self) -> MutexGuard<'_, watch::Receiver<Option<Instant>>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mark that changes each time the sessions of this server are cut, to be read when a slot is
    /// granted and given to [`cut_after`](Self::cut_after) once the session is known to have it.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Acquire)
    }

    /// Why the sessions of this server were cut last, and how often they were, since `seen` was read.
    #[must_use]
    pub fn cut_after(&self, seen: u64) -> Option<(CutReason, u64)> {
        let cuts = self.cuts();
        let [code, ..] = cuts.to_le_bytes();
        let count = (cuts >> 8).wrapping_sub(seen >> 8);
        if cuts == seen { None } else { Some((CutReason::from_code(code)?, count)) }
    }

    /// What troubles it has that may end its sessions; for the control thread.
    pub fn partings(&self) -> MutexGuard<'_, Partings> {
        // A change that panicked half-way is made whole by the next one.
        self.partings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For [`Sessions::end_on_server`](super::Sessions::end_on_server) only.
    pub(super) fn note_cut(&self, reason: CutReason) {
        let next = |cuts: u64| Some((cuts >> 8).wrapping_add(1) << 8 | reason as u64);
        // The function always gives a value: this cannot fail.
        let _ = self.cuts.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// For [`publish`](super::publish) only.
    pub(super) fn change_health<R>(&self, change: impl FnOnce(&mut Health) -> R) -> R {
        change(&mut self.lock_health())
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn configured_cell(&self) -> &ArcSwap<model::Server> {
        &self.configured
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn settings_cell(&self) -> &ArcSwap<model::Server> {
        &self.settings
    }
}
