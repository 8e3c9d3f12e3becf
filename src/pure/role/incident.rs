//! A failover, from the last word of a primary to the first session on the next one: what is measured
//! of it. Times are ours alone; nothing a server says of time counts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{History, Reading, Role};
use crate::pure::health::verdict::Verdict;

/// Longest wait for a first session on a new primary; where nobody comes, that is not measured.
const FIRST_SESSION_WAIT: Duration = Duration::from_secs(10);

/// A primary that was lost, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Who was primary.
    pub from: String,
    /// What it said last.
    pub history: History,
    /// How far it had come then.
    pub position: u64,
    /// Postgres: where the recovery ended that it began with.
    pub recovered: Option<u64>,
    /// Postgres: what tells the run of it that was lost from its next one.
    pub started: Option<u64>,
    /// Postgres: servers for which each commit of it waited when it was heard last.
    pub awaited: BTreeSet<String>,
    /// When it said that.
    pub heard_at: Instant,
    /// When it was taken for primary no more.
    pub lost_at: Instant,
    /// What its check found that took it for lost; `None`: it said something else, or another did.
    pub reason: Option<String>,
    /// Whether it still answers: it lost its role, is kept out, or takes no new sessions.
    pub answers: bool,
    /// Whether its check found that nobody listens there any more, or it said that it goes: what it was
    /// heard to have, and what it wrote until then, is all it had. Who is merely silent may run on.
    pub has_ended: bool,
    /// Sessions that were told to end.
    pub cut: u64,
    /// Sessions that ended because of that.
    pub gone: u64,
    /// When a session of it ended last, for whatever reason.
    pub gone_at: Option<Instant>,
    /// Sessions of the backend that had failed by themselves when the primary spoke last, and now.
    pub failed: (u64, u64),
    /// Most clients that were kept waiting.
    pub held: u32,
    /// Since when new clients are kept waiting for it on purpose; `None`: it was not planned.
    pub paused_at: Option<Instant>,
    /// That was done by a program, which alone knows whether the one before took writes meanwhile.
    pub by_program: bool,
    /// Who was told to become primary in vain, and may do so yet.
    pub pending: Option<String>,
    /// Another process saw it begin: what clients met there is not known.
    pub is_resumed: bool,
    /// Most clients that one kept waiting: it has them to the end, and when they had a primary is known
    /// there alone.
    pub held_before: u32,
    /// Who is primary since.
    pub next: Option<Next>,
}

/// An incident that has no next primary yet, as another process goes on with it. Times are since the
/// system's start, which no step of a clock moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Who was primary.
    pub from: String,
    position: u64,
    heard: Duration,
    lost: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    answers: bool,
    #[serde(default)]
    has_ended: bool,
    cut: u64,
    /// Sessions that failed, for whatever reason.
    errors: u64,
    /// Most clients that were kept waiting.
    #[serde(default)]
    held: u32,
    #[serde(default)]
    recovered: Option<u64>,
    #[serde(default)]
    started: Option<u64>,
}

/// The primary after an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// Its name; that of the one before where that came back.
    pub server: String,
    /// What it said then.
    pub history: History,
    /// What it lacked of the one before: bytes of WAL, or transactions. `None`: the two cannot be
    /// compared.
    pub lacks: Option<u64>,
    /// How far it had come then.
    pub reached: u64,
    /// Postgres: that is where it left what the one before wrote, to the byte.
    pub is_fork: bool,
    /// It was heard to have that while it followed: what it has written since is not among it.
    pub was_heard: bool,
    /// What the one before acknowledged waited for this one: it lacks nothing of that.
    pub is_synchronous: bool,
    /// When it was taken for primary.
    pub at: Instant,
    /// Whether a client waited for it then. How long the next one took to come is that one's affair.
    pub is_awaited: bool,
    /// When the first session was on it.
    pub first_session: Option<Instant>,
}

/// A failover that nobody saw: another server was primary before this process heard the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// Who is remembered as primary.
    pub from: String,
    /// What is remembered of what it said.
    pub before: History,
    /// Who was found.
    pub server: String,
    /// What that said.
    pub history: History,
    /// How far it had come then.
    pub reached: u64,
    /// Postgres: that is where it left what the one before wrote, to the byte.
    pub is_fork: bool,
    /// Whether it was heard as a replica first: only how the one before was lost was not seen.
    pub followed: bool,
}

impl Unseen {
    /// `server` is heard to be primary where `from` is remembered, and had come as far as `heard` when it
    /// was heard as a replica.
    #[must_use]
    pub fn of(
        (from, before): (String, History),
        (server, reading): (String, Reading),
        heard: Option<u64>,
    ) -> Self {
        let fork = heard.filter(|&heard| heard > 0).and_then(|heard| reading.fork(heard));
        Self {
            from,
            before,
            server,
            reached: fork.unwrap_or(reading.position),
            history: reading.history,
            is_fork: fork.is_some(),
            followed: heard.is_some(),
        }
    }
}

/// How long the parts of an incident took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// From the last word of the primary to the decision that it is lost: at most so long nobody knew.
    pub detect: Duration,
    /// From there until its last session had ended; `None`: none did.
    pub cut: Option<Duration>,
    /// From the decision to the next primary.
    pub promote: Duration,
    /// From there to the first session on it; `None`: no client waited for it.
    pub attach: Option<Duration>,
    /// How long new clients were kept waiting on purpose.
    pub pause: Option<Duration>,
    /// All of it.
    pub total: Duration,
}

impl Incident {
    /// A primary that was `heard` last and `lost` then, of which no more is known.
    #[must_use]
    pub const fn new(
        from: String,
        history: History,
        position: u64,
        (heard_at, lost_at): (Instant, Instant),
    ) -> Self {
        Self {
            from,
            history,
            position,
            recovered: None,
            started: None,
            awaited: BTreeSet::new(),
            heard_at,
            lost_at,
            reason: None,
            answers: false,
            has_ended: false,
            cut: 0,
            gone: 0,
            gone_at: None,
            failed: (0, 0),
            held: 0,
            paused_at: None,
            by_program: false,
            pending: None,
            is_resumed: false,
            held_before: 0,
            next: None,
        }
    }

    /// What another process needs to go on with it; `None`: there is a next primary, or it is planned,
    /// and whoever planned it undoes it. `start` is the system's.
    #[must_use]
    pub fn running(&self, start: Instant) -> Option<Running> {
        let is_open = self.next.is_none() && self.paused_at.is_none();
        is_open.then(|| Running {
            from: self.from.clone(),
            position: self.position,
            heard: self.heard_at.saturating_duration_since(start),
            lost: self.lost_at.saturating_duration_since(start),
            reason: self.reason.clone(),
            answers: self.answers,
            has_ended: self.has_ended,
            cut: self.cut,
            errors: self.gone,
            held: self.held.max(self.held_before),
            recovered: self.recovered,
            started: self.started,
        })
    }

    /// Goes on with what another process measured, of a primary whose `history` is remembered. `None`:
    /// one of its times is not over `now`. `start` is the system's.
    #[must_use]
    pub fn resume(
        running: &Running,
        history: History,
        start: Instant,
        now: Instant,
    ) -> Option<Self> {
        let at = |since| start.checked_add(since).filter(|&at| at <= now);
        let times = (at(running.heard)?, at(running.lost)?);
        Some(Self {
            reason: running.reason.clone(),
            answers: running.answers,
            has_ended: running.has_ended,
            cut: running.cut,
            gone: running.errors,
            recovered: running.recovered,
            started: running.started,
            is_resumed: true,
            held_before: running.held,
            ..Self::new(running.from.clone(), history, running.position, times)
        })
    }

    /// The check of the primary took it for lost, with this verdict.
    pub fn handle_verdict(&mut self, verdict: &Verdict) {
        let (status, info) = (verdict.status.text(), verdict.info());
        let more = if info.is_empty() { String::new() } else { format!(": {info}") };
        self.reason = Some(format!("{status}{more}"));
        self.answers |= verdict.shut.is_some();
        self.has_ended = verdict.certain && verdict.shut.is_none();
        // Its word to whom it knows is none to new clients.
        self.heard_at = verdict.shut.map_or(self.heard_at, |since| self.heard_at.min(since));
    }

    /// Another primary is there, which had come as far as `heard` when it was heard as a replica.
    pub fn handle_primary(
        &mut self,
        now: Instant,
        server: &str,
        reading: &Reading,
        heard: Option<u64>,
    ) {
        // One that went another way had nothing that counts.
        let fork = heard.filter(|&heard| heard > 0).and_then(|heard| reading.fork(heard));
        // A planned change comes when nothing is lacking; what the one before, frozen and alive, logs
        // of its own after that is nobody's data.
        let is_planned = self.is_ours() && self.answers;
        // It caught up after it was heard.
        let heard_then = heard.filter(|_| !is_planned);
        let reached = fork.or(heard_then).unwrap_or(reading.position);
        let history = &reading.history;
        let lacks = match (&self.history, history) {
            _ if server == self.from || is_planned => Some(0),
            // The cluster was begun anew, and counts from there.
            (History::Mysql { server: had, .. }, History::Mysql { server, .. })
                if reading.role == Role::Member && had != server =>
            {
                None
            }
            // Without GTIDs nothing is said of transactions.
            (History::Mysql { executed: had, .. }, History::Mysql { executed, .. }) => {
                (had.count() > 0).then(|| executed.lacks(had))
            }
            (History::Postgres { system: had, .. }, History::Postgres { system, .. }) => {
                (had == system).then(|| self.position.saturating_sub(reached))
            }
            _ => None,
        };
        let (server, history) = (server.to_owned(), history.clone());
        let is_fork = fork.is_some();
        let is_synchronous = self.awaited.contains(&server)
            && server != self.from
            && lacks.is_some()
            && heard.is_some_and(|heard| heard > 0);
        self.next = Some(Next {
            server,
            history,
            lacks,
            reached,
            is_fork,
            was_heard: fork.or(heard_then).is_some(),
            is_synchronous,
            at: now,
            is_awaited: false,
            first_session: None,
        });
    }

    /// Whether it was planned, and the one before kept from taking writes here.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.paused_at.is_some() && !self.by_program
    }

    /// Whether clients waited for the next primary in another process only, which knows when they had it.
    #[must_use]
    pub fn is_awaited_elsewhere(&self) -> bool {
        self.held_before > 0 && self.next.as_ref().is_some_and(|next| !next.is_awaited)
    }

    /// Whether another server is primary since.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.server != self.from)
    }

    /// Clients are kept waiting.
    pub fn handle_waiting(&mut self) {
        if let Some(next) = &mut self.next {
            next.is_awaited = true;
        }
    }

    /// A session has the new primary, whose client is here since `came`.
    pub fn handle_session(&mut self, now: Instant, came: Instant) {
        if let Some(next) = self.next.as_mut().filter(|next| next.first_session.is_none()) {
            next.first_session = Some(now);
            next.is_awaited |= came <= next.at;
        }
    }

    /// A session of the one before has ended, because it was cut or for another reason. One that was
    /// looking for a server by then, and not `was_on` that one any more, is none of its.
    pub fn handle_gone(&mut self, now: Instant, was_cut: bool, was_on: bool) {
        self.gone += u64::from(was_cut);
        if was_on {
            self.gone_at = Some(now);
        }
    }

    /// Sessions that failed since the primary spoke last.
    #[must_use]
    pub const fn errors(&self) -> u64 {
        let (before, now) = self.failed;
        self.gone + now.saturating_sub(before)
    }

    /// Whether nothing more is to be measured, where `left` says how many sessions the one before has yet.
    #[must_use]
    pub fn is_over(&self, now: Instant, left: impl FnOnce() -> usize) -> bool {
        self.next.as_ref().is_some_and(|next| {
            next.first_session.is_some() && (next.server == self.from || left() == 0)
                || now.saturating_duration_since(next.at) >= FIRST_SESSION_WAIT
        })
    }

    /// How long its parts took, as far as it has come.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let next = self.next.as_ref();
        let since = |later: Instant, earlier| later.saturating_duration_since(earlier);
        let awaited = next.filter(|next| next.is_awaited);
        let attached = awaited.and_then(|next| next.first_session);
        let end = attached.or(next.map(|next| next.at)).unwrap_or(self.lost_at);
        Phases {
            detect: since(self.lost_at, self.heard_at),
            cut: self.gone_at.map(|at| since(at, self.lost_at)),
            promote: next.map_or(Duration::ZERO, |next| since(next.at, self.lost_at)),
            attach: next.zip(attached).map(|(next, attached)| since(attached, next.at)),
            pause: self.paused_at.map(|paused| since(end, paused)),
            total: since(end, self.paused_at.unwrap_or(self.heard_at)),
        }
    }
}

#[cfg(test)]
mod tests;
