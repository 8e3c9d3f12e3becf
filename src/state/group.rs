//! What the servers of one backend are to each other, where their checks ask for it.

mod claims;
mod doubts;
mod kept_out;
mod lasting;
mod planned;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Server;
use crate::pure::health::verdict::Verdict;
use crate::pure::role::fence::{Fence, Memory, OnConflict, Refusal};
use crate::pure::role::incident::{Incident, Running, Unseen};
use crate::pure::role::lag::LagClock;
use crate::pure::role::route::Part;
use crate::pure::role::stray::Stray;
use crate::pure::role::{History, Reading, Role};

pub use claims::Claims;
use doubts::Doubts;
pub use doubts::Told;
use lasting::Lasting;
use planned::Planned;

/// How long a standby may take to follow a new primary before it is said to be astray: it is told whom to
/// follow, starts a receiver again (`wal_retrieve_retry_interval` is 5 s), and sees the new timeline.
const FOLLOW_WAIT: Duration = Duration::from_secs(10);

/// How long a claim waits for who is neither heard nor found to be gone since the start: longer than checks
/// take to find out, and no longer than clients are held.
const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// See the module. Changed by [`publish`](super::publish) only.
#[derive(Debug, Default)]
pub struct Group {
    inner: Mutex<Inner>,
    /// A failover is under way.
    is_measured: AtomicBool,
    /// It waits for its first session.
    expects_session: AtomicBool,
    /// Sessions that their servers ended in order while their clients stayed, since the start.
    left: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    fence: Fence,
    clock: LagClock,
    /// When who is primary was heard last.
    heard_at: Option<Instant>,
    incident: Option<Incident>,
    /// How far servers had come when they were heard as replicas last, those that claim to be primary among
    /// them.
    reached: BTreeMap<String, u64>,
    /// Those before it that it cut short, until they are written down.
    overtaken: Vec<Incident>,
    /// Postgres: servers for which each commit waited when the primary was heard last.
    awaited: BTreeSet<String>,
    /// Another server was primary than remembered when the first was heard.
    unseen: Option<Unseen>,
    /// Sessions that failed by themselves: when the primary spoke last, and when anybody did.
    failed: (u64, u64),
    /// Clients that waited when that was looked at last.
    queued: u32,
    /// What is not known yet of failovers that are over.
    doubts: Doubts,
    /// Who was said to be astray, and how.
    astray: BTreeMap<String, Stray>,
    /// Since when others are, of which that is not said yet.
    late: BTreeMap<String, Instant>,
    lasting: Lasting,
    /// Since when a claim waits for who was not heard yet.
    waiting_since: Option<Instant>,
    /// The primary is given no new sessions, for another is to take over.
    planned: Option<Planned>,
}

impl Inner {
    /// Who is primary, with what it said.
    fn primary(&self) -> Option<(String, Reading)> {
        let server = self.fence.primary()?;
        Some((server.to_owned(), self.fence.reading(server)?.clone()))
    }

    /// Who is remembered as primary, until the first is heard.
    fn remembered(&self) -> Option<(String, History)> {
        self.fence.memory().incumbent.clone().filter(|_| self.heard_at.is_none())
    }

    /// A server said what it is: no claim waits for ever.
    fn wait_for_others(&mut self, now: Instant) {
        if !self.fence.is_waiting() {
            self.waiting_since = None;
            return;
        }
        let since = *self.waiting_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= CLAIM_WAIT {
            self.fence.give_up_waiting();
        }
    }

    /// The first primary is heard: whether it is the one that was `remembered`. Of members of a cluster
    /// any may come first.
    fn compare(&mut self, remembered: Option<(String, History)>) {
        if self.incident.is_some() {
            return;
        }
        let found = self.primary().filter(|(_, reading)| reading.role != Role::Member);
        if let (Some(remembered), Some(found)) = (remembered, found)
            && remembered.0 != found.0
        {
            let reached = self.reached.remove(&found.0);
            self.unseen = Some(Unseen::of(remembered, found, reached));
        }
    }

    /// What follows when it may be that another server is primary than `before`.
    fn follow(&mut self, now: Instant, before: Option<(String, Reading)>) {
        let after = self.primary();
        let name =
            |primary: &Option<(String, Reading)>| primary.as_ref().map(|(name, _)| name.clone());
        let is_given_up = self.planned.as_ref().is_some_and(|planned| planned.is_given_up);
        let is_same = name(&before) == name(&after);
        if is_same && !is_given_up {
            return;
        }
        if let Some((_, reading)) = after.as_ref().filter(|_| !is_same) {
            // It may have said how far it is before it was taken for it.
            self.clock.handle_changed();
            self.clock.handle_primary(now, reading.position);
        }
        if let Some((from, reading)) = before {
            let planned = self.planned.as_ref();
            // What is done on purpose needs no detecting, and begins with it.
            let lost_at = planned.and_then(|planned| planned.frozen_at);
            let heard_at = lost_at.or(self.heard_at).unwrap_or(now);
            let answers = self.fence.reading(&from).is_some() && !self.fence.is_silent(&from);
            let times = (heard_at, lost_at.unwrap_or(now));
            let before = self.incident.replace(Incident {
                answers,
                recovered: reading.recovered,
                started: reading.started,
                awaited: std::mem::take(&mut self.awaited),
                cut: planned.map_or(0, |planned| planned.cut),
                held: planned.map_or(0, |planned| planned.held),
                paused_at: planned.map(|planned| planned.since),
                by_program: planned.is_some_and(|planned| planned.by_program),
                pending: planned.and_then(|planned| planned.pending.clone()),
                failed: self.failed,
                ..Incident::new(from, reading.history, reading.position, times)
            });
            // The one that had taken over is lost in its turn: more is not to be measured.
            self.overtaken.extend(before.filter(Incident::is_taken_over));
        }
        if let (Some(incident), Some((server, reading))) = (&mut self.incident, after) {
            // It may have claimed that for a while before it was taken for it.
            incident.handle_primary(now, &server, &reading, self.reached.remove(&server));
            if self.queued > 0 {
                incident.handle_waiting();
            }
        }
    }
}

impl Group {
    /// A group with this fence, of which nothing was heard yet.
    #[must_use]
    pub fn new(fence: Fence) -> Self {
        let inner = Mutex::new(Inner { fence, ..Inner::default() });
        Self { inner, ..Self::default() }
    }

    /// Goes on measuring a failover that an earlier process saw begin, of the primary that is
    /// remembered. `start` is the system's.
    pub fn resume(&self, running: &Running, start: Instant, now: Instant) {
        let mut inner = self.lock();
        let incumbent = inner.fence.memory().incumbent.clone();
        let lost = incumbent.filter(|(server, _)| *server == running.from);
        inner.incident =
            lost.and_then(|(_, history)| Incident::resume(running, history, start, now));
        self.expect(&inner);
    }

    /// The failover that goes on, for a process that may have to; `start` is the system's.
    #[must_use]
    pub fn running(&self, start: Instant) -> Option<Running> {
        self.lock().incident.as_ref()?.running(start)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server said what it is.
    pub(super) fn handle_reading(&self, now: Instant, server: &str, reading: Reading) {
        let mut inner = self.lock();
        let before = inner.primary();
        let remembered = inner.remembered();
        let position = reading.position;
        let as_replica = inner.fence.reading(server).filter(|had| had.role.follows());
        let reached = as_replica.and_then(|had| had.reached(inner.fence.stray(server)));
        if let Some(reached) = reached {
            inner.reached.insert(server.to_owned(), reached);
        }
        inner.doubts.handle_reading(server, &reading);
        inner.fence.handle_reading(server, reading);
        inner.wait_for_others(now);
        inner.follow(now, before);
        inner.compare(remembered);
        if inner.fence.primary() == Some(server) {
            inner.clock.handle_primary(now, position);
            inner.heard_at = Some(now);
            inner.note_awaited();
            inner.failed.0 = inner.failed.1;
        }
        self.expect(&inner);
    }

    /// A server is heard no more, for its check came to this. Whether it had said anything.
    pub(super) fn handle_lost(&self, now: Instant, server: &str, verdict: &Verdict) -> bool {
        self.lock().reached.remove(server);
        let told = self.tell(now, |fence| fence.handle_lost(server));
        let is_it = |incident: &&mut Incident| {
            (incident.from.as_str(), incident.lost_at) == (server, now) && incident.reason.is_none()
        };
        if let Some(incident) = self.lock().incident.as_mut().filter(is_it).filter(|_| told) {
            incident.handle_verdict(verdict);
        }
        told
    }

    /// Tells the fence what no server said of itself, and follows for the incident.
    fn tell<R>(&self, now: Instant, what: impl FnOnce(&mut Fence) -> R) -> R {
        let mut inner = self.lock();
        let before = inner.primary();
        let remembered = inner.remembered();
        let told = what(&mut inner.fence);
        inner.follow(now, before);
        inner.compare(remembered);
        self.expect(&inner);
        told
    }

    fn expect(&self, inner: &Inner) {
        self.is_measured.store(inner.incident.is_some(), Ordering::Relaxed);
        let next = inner.incident.as_ref().and_then(|incident| incident.next.as_ref());
        let expects = next.is_some_and(|next| next.first_session.is_none());
        self.expects_session.store(expects, Ordering::Relaxed);
    }

    /// A session has the primary, whose client is here since `came`. Costs a look at a flag where no
    /// failover waits for it.
    pub fn handle_session(&self, now: Instant, came: Instant) {
        if self.expects_session.swap(false, Ordering::Relaxed)
            && let Some(incident) = &mut self.lock().incident
        {
            incident.handle_session(now, came);
        }
    }

    /// What is measured of a failover: clients that wait.
    pub(super) fn note_held(&self, held: u32) {
        let mut inner = self.lock();
        inner.queued = held;
        if let Some(planned) = &mut inner.planned {
            planned.held = planned.held.max(held);
        }
        if let Some(incident) = &mut inner.incident {
            incident.held = incident.held.max(held);
        }
    }

    /// A session ended because its server had said goodbye to it. It is an error to its client.
    pub fn handle_left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// The same: sessions that failed by themselves since the start; those that were left count, too.
    pub(super) fn note_failed(&self, failed: u64) {
        let mut inner = self.lock();
        let failed = failed + self.left.load(Ordering::Relaxed);
        inner.failed.1 = failed;
        if let Some(incident) = &mut inner.incident {
            incident.failed.1 = failed;
        }
    }

    /// A session that had `server` last has ended, because it was cut or for another reason, on it or
    /// looking for another one. Costs a look at a flag where there is no failover.
    pub fn handle_gone(&self, now: Instant, server: &str, (was_cut, was_on): (bool, bool)) {
        if !self.is_measured.load(Ordering::Relaxed) {
            return;
        }
        if let Some(incident) = self.lock().incident.as_mut().filter(|i| i.from == server) {
            incident.handle_gone(now, was_cut, was_on);
        }
    }

    /// The same: sessions of `server` that were cut.
    pub(super) fn note_cut(&self, server: &str, cut: u64) {
        if let Some(incident) = self.lock().incident.as_mut().filter(|i| i.from == server) {
            incident.cut += cut;
        }
    }

    /// The failovers of which nothing more is to be measured, once; `left` says how many sessions a
    /// server has.
    pub(super) fn take_incidents(
        &self,
        now: Instant,
        left: impl FnOnce(&str) -> usize,
    ) -> Vec<Incident> {
        let mut inner = self.lock();
        let mut over = std::mem::take(&mut inner.overtaken);
        over.extend(inner.incident.take_if(|it| it.is_over(now, || left(&it.from))));
        self.expect(&inner);
        over
    }

    /// The failover that is under way, as far as it was measured.
    #[must_use]
    pub fn incident(&self) -> Option<Incident> {
        self.lock().incident.clone()
    }

    /// The failover that was under way when the process ends, as far as it was measured.
    pub fn break_off_incident(&self) -> Option<Incident> {
        self.lock().incident.take_if(|incident| incident.next.is_some())
    }

    /// Servers that went astray since this was asked, in another way than before, or (`None`) are not
    /// any more. Of one that is not heard nothing is known: what was said of it stays. One that does not
    /// follow the newest primary yet has [`FOLLOW_WAIT`] from `now` on to do so.
    pub(super) fn take_strays(&self, now: Instant) -> Vec<(String, Option<Stray>)> {
        let mut inner = self.lock();
        let Inner { fence, astray, late, .. } = &mut *inner;
        let found = fence.heard().map(|server| (server.to_owned(), fence.stray(server)));
        let is_news = |(server, found): &(String, Option<Stray>)| {
            let is_news = astray.get(server).map(discriminant) != found.as_ref().map(discriminant);
            if is_news && found.is_some_and(Stray::is_elsewhere) {
                let since = *late.entry(server.clone()).or_insert(now);
                return now.saturating_duration_since(since) >= FOLLOW_WAIT;
            }
            late.remove(server);
            is_news
        };
        let news: Vec<_> = found.filter(is_news).collect();
        for (server, now) in &news {
            match now {
                Some(stray) => drop(astray.insert(server.clone(), *stray)),
                None => drop(astray.remove(server)),
            }
        }
        news
    }

    /// The failover that nobody saw, once.
    pub(super) fn take_unseen(&self) -> Option<Unseen> {
        self.lock().unseen.take()
    }

    /// The configuration names these servers, and what to do on conflicts.
    pub(super) fn follow<'a>(
        &self,
        servers: impl Iterator<Item = &'a str>,
        on_conflict: OnConflict,
    ) {
        let mut inner = self.lock();
        let servers: BTreeSet<&str> = servers.collect();
        inner.astray.retain(|server, _| servers.contains(server.as_str()));
        inner.late.retain(|server, _| servers.contains(server.as_str()));
        inner.fence.handle_servers(servers.into_iter());
        inner.fence.set_on_conflict(on_conflict);
    }

    /// What is remembered.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.lock().fence.memory().clone()
    }

    /// The number of the last change of the memory that matters.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.lock().fence.revision()
    }

    /// What a server said last, if it is heard.
    #[must_use]
    pub fn reading(&self, server: &str) -> Option<Reading> {
        self.lock().fence.reading(server).cloned()
    }

    /// What each of `servers` is at `now`.
    #[must_use]
    pub fn parts(&self, now: Instant, servers: &[Arc<Server>]) -> Vec<Part> {
        let inner = self.lock();
        let primary = inner.fence.primary().and_then(|name| inner.fence.reading(name));
        // How far one that is not asked has come since, nobody knows.
        let is_mute = |server: &str| inner.fence.is_mute(server);
        let is_primary_mute = inner.fence.primary().is_some_and(is_mute);
        let part = |server: &Arc<Server>| {
            if inner.fence.primary() == Some(&server.name) {
                return match &inner.planned {
                    Some(_) => Part::Resting,
                    None => Part::Primary,
                };
            }
            let is_foreign = inner.fence.refusal(&server.name) == Some(Refusal::Foreign);
            match inner.fence.reading(&server.name) {
                Some(reading) if reading.role != Role::Primary && !is_foreign => {
                    let stray = inner.fence.stray(&server.name);
                    if stray.is_some_and(Stray::is_elsewhere) {
                        // Since the newest primary is there, at most.
                        return Part::Stray(inner.clock.lag(now, 0));
                    }
                    if is_primary_mute || is_mute(&server.name) {
                        return Part::Replica(None);
                    }
                    let position =
                        primary.map_or(reading.position, |one| reading.position_behind(one));
                    Part::Replica(inner.clock.lag(now, position))
                }
                _ => Part::Unknown,
            }
        };
        servers.iter().map(part).collect()
    }

    /// Why one that follows is not taken for a copy of the newest primary.
    #[must_use]
    pub fn stray(&self, server: &str) -> Option<Stray> {
        self.lock().fence.stray(server)
    }
}

#[cfg(test)]
mod tests;
