//! A server: its settings, its health as others see it, and the sessions' ways to speak to its check.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, watch};

use super::counters::Service;
use crate::config::model;
use crate::pure::balance::{EffectiveWeight, ServerIndex};
use crate::pure::health::{Health, Standing};

/// Why sessions of a server are stirred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutReason {
    /// `on-marked-down shutdown-sessions`.
    ServerDown,
    /// The server went down, and sessions may stay: those it has not answered yet do better
    /// elsewhere.
    ServerLeft,
    /// `on-marked-up shutdown-backup-sessions`.
    ServerUp,
    /// An operator.
    Killed,
}

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
    health: Mutex<Health>,
    wake: Notify,
    hinted: AtomicBool,
    passes: Mutex<watch::Receiver<Option<Instant>>>,
    cut: Notify,
    cuts: AtomicU64,
    cut_reason: AtomicU8,
}

impl Server {
    /// A server as configured, with its health before the first check.
    #[must_use]
    pub fn new(settings: model::Server, index: ServerIndex, health: Health) -> Self {
        Self {
            name: settings.name.as_str().into(),
            index,
            service: Service::default(),
            settings: ArcSwap::from_pointee(settings),
            health: Mutex::new(health),
            wake: Notify::new(),
            hinted: AtomicBool::new(false),
            // Nobody checks yet: the other end is gone.
            passes: Mutex::new(watch::channel(None).1),
            cut: Notify::new(),
            cuts: AtomicU64::new(0),
            cut_reason: AtomicU8::new(0),
        }
    }

    /// The server as configured.
    #[must_use]
    pub fn settings(&self) -> Guard<Arc<model::Server>> {
        self.settings.load()
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

    /// What load balancing gives it now; `None` where it may not be picked.
    #[must_use]
    pub fn effective_weight(&self) -> Option<EffectiveWeight> {
        match self.standing() {
            Standing::Up => EffectiveWeight::full(self.settings().weight),
            _ => None,
        }
    }

    /// Tells the server's check that a session's connection failed. Never waits; many hints before
    /// the check looks are one.
    pub fn hint(&self) {
        self.hinted.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Tells the server's check that its settings or its health changed. Never waits.
    pub fn wake_check(&self) {
        self.wake.notify_one();
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

    /// Number of times the sessions of this server were cut, to be read before a pick and given to
    /// [`cut_since`](Self::cut_since) after it.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Acquire)
    }

    /// Tells all sessions that have this server now; the reason says what they do.
    pub fn cut_sessions(&self, reason: CutReason) {
        self.cut_reason.store(reason as u8, Ordering::Release);
        self.cuts.fetch_add(1, Ordering::AcqRel);
        self.cut.notify_waiters();
    }

    /// Completes when sessions that were assigned at count `seen` are cut. Only the first poll takes
    /// a lock; later ones compare a number, so that a session may poll it with every message.
    ///
    /// # Cancel safety
    /// Safe. It must be polled by one task only: the waker of the first poll is kept.
    pub async fn cut_since(&self, seen: u64) {
        // Created before the count is read: a cut between the two is not missed.
        let mut cut = std::pin::pin!(self.cut.notified());
        let mut registered = false;
        poll_fn(|cx| {
            if self.cuts() != seen {
                return Poll::Ready(());
            }
            if registered {
                return Poll::Pending;
            }
            registered = true;
            cut.as_mut().poll(cx)
        })
        .await;
    }

    /// Why sessions were cut last.
    #[must_use]
    pub fn cut_reason(&self) -> CutReason {
        const DOWN: u8 = CutReason::ServerDown as u8;
        const LEFT: u8 = CutReason::ServerLeft as u8;
        const UP: u8 = CutReason::ServerUp as u8;
        match self.cut_reason.load(Ordering::Acquire) {
            DOWN => CutReason::ServerDown,
            LEFT => CutReason::ServerLeft,
            UP => CutReason::ServerUp,
            _ => CutReason::Killed,
        }
    }

    /// For [`publish`](super::publish) only.
    pub(super) fn change_health<R>(&self, change: impl FnOnce(&mut Health) -> R) -> R {
        change(&mut self.lock_health())
    }

    /// For [`publish`](super::publish) only.
    pub(super) const fn settings_cell(&self) -> &ArcSwap<model::Server> {
        &self.settings
    }
}
