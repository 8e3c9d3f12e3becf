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
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::before::Before;
use super::drain::Rest;
use super::journal::{Entry, Journal, Peek};
use super::plan::{Plan, named};
use crate::clock;
use crate::state::request::{Stage, UnderWay};
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
    /// The names of those in `state_dir` that are known, our own among them.
    found: Mutex<BTreeSet<String>>,
    mending: Mutex<Vec<Owned<()>>>,
}

#[derive(Debug, Default)]
struct State {
    known: Vec<Known>,
    /// How many were known until now.
    count: u64,
    /// The process stops softly: none begins.
    is_closing: bool,
    /// The process ends: all are given up.
    is_over: bool,
}

/// One that goes on, here or elsewhere.
#[derive(Debug)]
struct Known {
    number: u64,
    begun: Instant,
    what: UnderWay,
    /// Where its servers are; `None`: it is none of this process's.
    servers: Option<[String; 2]>,
}

impl Known {
    /// Whether it has one of these servers, or their backend.
    fn shares(&self, plan: &Plan, servers: &[String; 2]) -> bool {
        let is_shared = |address: &String| !address.is_empty() && servers.contains(address);
        let own = self.servers.as_ref();
        own.is_some_and(|own| *plan.backend.name == self.what.backend || own.iter().any(is_shared))
    }
}

/// One that goes on, until this is dropped.
#[derive(Debug)]
pub(super) struct Going {
    all: Arc<Switchovers>,
    number: u64,
}

impl Going {
    /// It has come as far as this.
    pub(super) fn reach(&self, stage: Stage) {
        self.all.state.send_modify(|state| {
            let ours = state.known.iter_mut().find(|known| known.number == self.number);
            ours.into_iter().for_each(|known| known.what.stage = stage);
        });
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.all.state.send_modify(|state| state.known.retain(|known| known.number != self.number));
    }
}

impl State {
    /// Whether one of this process's goes on.
    fn is_busy(&self) -> bool {
        self.known.iter().any(|known| known.servers.is_some())
    }

    fn add(
        &mut self,
        entry: &Entry,
        (stage, age): (Stage, Duration),
        servers: Option<[String; 2]>,
    ) -> u64 {
        self.count += 1;
        let Entry { route, backend, from, to, .. } = entry.clone();
        let begun = clock::now().checked_sub(age).unwrap_or_else(clock::now);
        let what = UnderWay { route, backend, from, to, stage, age };
        self.known.push(Known { number: self.count, begun, what, servers });
        self.count
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
            found: Mutex::default(),
            mending: Mutex::default(),
        });
        all.find();
        let again = Arc::clone(&all);
        // One may begin in a predecessor before that is told to stop.
        all.look_after(async move {
            let until = clock::now() + LOOK_AGAIN;
            while clock::now() < until {
                tokio::time::sleep(LOOK_EVERY).await;
                again.find();
            }
        });
        all
    }

    /// Notes the name of one in `state_dir`. Whether that is news.
    pub(super) fn note(&self, name: &str) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    /// Looks after those that others have and that were not found before.
    fn find(self: &Arc<Self>) {
        let Some(journal) = &self.journal else { return };
        let names = journal.names().unwrap_or_else(|error| {
            tracing::error!("cannot look for switchovers that are half done: {error}");
            Vec::new()
        });
        for name in names.into_iter().filter(|name| self.note(name)) {
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
    pub(super) fn begin(self: &Arc<Self>, plan: &Plan) -> Result<Going, String> {
        let servers = [&plan.from, &plan.to].map(|server| server.settings().address.text());
        let mut begun = Err("the process stops".to_owned());
        self.state.send_if_modified(|state| {
            if state.is_closing || state.is_over {
                return false;
            }
            let shared = state.known.iter().find(|known| known.shares(plan, &servers));
            begun = match shared.map(|known| &known.what.backend) {
                Some(backend) => Err(format!("another switchover of backend '{backend}' goes on")),
                None => {
                    let entry = super::entry(plan, &Before::default());
                    Ok(state.add(&entry, (Stage::Looking, Duration::ZERO), Some(servers)))
                }
            };
            begun.is_ok()
        });
        begun.map(|number| Going { all: Arc::clone(self), number })
    }

    /// One goes on that this process did not begin, or could not undo, for `age` until now.
    pub(super) fn go_on(self: &Arc<Self>, entry: &Entry, stage: Stage, age: Duration) -> Going {
        let mut number = 0;
        self.state.send_modify(|state| number = state.add(entry, (stage, age), None));
        Going { all: Arc::clone(self), number }
    }

    /// Tells of all that are known.
    pub(in crate::app) fn tell(&self, told: &mpsc::Sender<UnderWay>) {
        let now = clock::now();
        for known in &self.state.borrow().known {
            let age = now.saturating_duration_since(known.begun);
            // More than fit are not shown.
            let _ = told.try_send(UnderWay { age, ..known.what.clone() });
        }
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
        self.state.borrow().is_busy()
    }

    /// Completes when none goes on.
    ///
    /// # Cancel safety
    /// Safe.
    pub(in crate::app) async fn ended(&self) {
        // The sender is ours.
        let _ = self.state.subscribe().wait_for(|state| !state.is_busy()).await;
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
