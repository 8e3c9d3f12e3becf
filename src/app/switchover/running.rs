//! The switchovers of a process: those that go on, and those that are left half done.
//!
//! ```text
//! run ── goes on ──> done, or undone
//!           └─ the process ends ──> undone in a hurry ──┐
//!              (or it could not be undone) ─────────────┴─> mend: here again and again, or by the next
//!                                                           process, which finds it in `state_dir`
//! ```
//! Bound: one at a time of those that share a server.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::drain::Rest;
use super::journal::{self, Journal, Peek};
use super::plan::{Plan, named};
use crate::clock;
use crate::state::upkeep::{Owned, own};
use crate::state::{Backend, Occasion, Process};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::RoleChange;

/// How long after the start others are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How often that is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(in crate::app) struct Switchovers {
    pub(in crate::app) process: Arc<Process>,
    bus: Bus,
    /// Where they are written down; `None`: there is no `state_dir`.
    pub(super) journal: Option<Journal>,
    state: watch::Sender<State>,
    mending: Mutex<Vec<Owned<()>>>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the servers are of those that go on.
    going: Vec<(Arc<str>, [String; 2])>,
    /// The process stops softly: none begins.
    is_closing: bool,
    /// The process ends: all are given up.
    is_over: bool,
}

/// One that goes on, until this is dropped.
#[derive(Debug)]
pub(super) struct Going<'a> {
    all: &'a Switchovers,
    servers: [String; 2],
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.all
            .state
            .send_modify(|state| state.going.retain(|(_, servers)| *servers != self.servers));
    }
}

impl Switchovers {
    /// Those of `process`. What an earlier one left half done, or one that runs yet goes on with, is
    /// looked after. Must be called within the control thread's runtime.
    pub(in crate::app) fn new(
        process: &Arc<Process>,
        bus: &Bus,
        journal: Option<Journal>,
    ) -> Arc<Self> {
        let all = Arc::new(Self {
            process: Arc::clone(process),
            bus: bus.clone(),
            journal,
            state: watch::Sender::default(),
            mending: Mutex::default(),
        });
        let mut found = BTreeSet::new();
        // Whatever their numbers of processes: in a container they are all the same.
        all.find(&mut found, |_| true);
        let again = Arc::clone(&all);
        // One may begin in a predecessor before that is told to stop.
        all.look_after(async move {
            let until = clock::now() + LOOK_AGAIN;
            while clock::now() < until {
                tokio::time::sleep(LOOK_EVERY).await;
                again.find(&mut found, |name| !journal::is_own(name));
            }
        });
        all
    }

    /// Looks after those that others have, but for those that were `found` before.
    fn find(self: &Arc<Self>, found: &mut BTreeSet<String>, is_meant: impl Fn(&str) -> bool) {
        let Some(journal) = &self.journal else { return };
        let names = journal.names().unwrap_or_else(|error| {
            tracing::error!("cannot look for switchovers that are half done: {error}");
            Vec::new()
        });
        for name in names.into_iter().filter(|name| is_meant(name)) {
            if !found.insert(name.clone()) {
                continue;
            }
            // Clients wait from the beginning on.
            let peek = journal.peek(&name);
            let rest = peek.as_ref().and_then(|Peek { entry, .. }| {
                let objects = self.process.objects();
                let backend =
                    objects.backends.iter().find(|known| *known.name == *entry.backend)?;
                let (from, to) = (named(backend, &entry.from)?, named(backend, &entry.to)?);
                Rest::begin(&self.process, backend, &from, &to).ok()
            });
            self.look_after(super::mend::found(
                Arc::clone(self),
                journal.clone(),
                (name, peek),
                rest,
            ));
        }
    }

    /// Goes on with `work` until it ends or the process does.
    pub(super) fn look_after(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut mending = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        mending.push(own(work));
    }

    /// One begins.
    ///
    /// # Errors
    /// Another one has one of its servers, or the process ends.
    pub(super) fn begin(&self, plan: &Plan) -> Result<Going<'_>, String> {
        let servers = [&plan.from, &plan.to].map(|server| server.settings().address.text());
        let mut why = None;
        self.state.send_if_modified(|state| {
            let is_shared = |address: &String| !address.is_empty() && servers.contains(address);
            let shared = state.going.iter().find(|(backend, others)| {
                *backend == plan.backend.name || others.iter().any(is_shared)
            });
            why = match (state.is_closing || state.is_over, shared) {
                (true, _) => Some("the process stops".to_owned()),
                (_, Some((backend, _))) => {
                    Some(format!("another switchover of backend '{backend}' goes on"))
                }
                (false, None) => None,
            };
            if why.is_none() {
                state.going.push((Arc::clone(&plan.backend.name), servers.clone()));
            }
            why.is_none()
        });
        why.map_or(Ok(Going { all: self, servers }), Err)
    }

    /// The process stops softly: one whose clients wait goes on, and no other.
    pub(in crate::app) fn close(&self) {
        self.state.send_modify(|state| state.is_closing = true);
    }

    /// Whether [`close`](Self::close) was called.
    pub(super) fn is_closing(&self) -> bool {
        self.state.borrow().is_closing
    }

    /// Completes when [`close`](Self::close) is called.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn closing(&self) {
        // The sender is ours.
        let _ = self.state.subscribe().wait_for(|state| state.is_closing).await;
    }

    /// Completes when the process ends and all are to be given up.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn over(&self) {
        // The sender is ours.
        let _ = self.state.subscribe().wait_for(|state| state.is_over).await;
    }

    /// Whether one goes on.
    pub(in crate::app) fn is_busy(&self) -> bool {
        !self.state.borrow().going.is_empty()
    }

    /// Completes when none goes on.
    ///
    /// # Cancel safety
    /// Safe.
    pub(in crate::app) async fn ended(&self) {
        // The sender is ours.
        let _ = self.state.subscribe().wait_for(|state| state.going.is_empty()).await;
    }

    /// The process ends: what goes on is undone, within `limit`. What is not is left to the next one.
    pub(in crate::app) async fn give_up(&self, limit: Duration) {
        self.state.send_modify(|state| state.is_over = true);
        self.mending.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if tokio::time::timeout(limit, self.ended()).await.is_err() {
            let left = match self.journal {
                Some(_) => "the next process undoes it",
                None => "look at its servers: the primary may refuse writes",
            };
            tracing::error!("A switchover could not be undone within {limit:?}; {left}.");
        }
    }

    /// Says something of who is primary of a backend.
    pub(super) fn say(&self, backend: &Backend, change: RoleChange) {
        let (process, bus) = (&*self.process, &self.bus);
        let occasion = Occasion { process, bus, now: clock::now(), wall: clock::wall() };
        occasion.say_role(backend, change);
    }
}
