//! What is written down of a failover: one record for those that happened, those that were planned,
//! those that were made on purpose, and those that nobody saw.
//!
//! What is not known is absent, and never 0.

mod settled;
mod verdict;
mod words;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pure::role::History;
use crate::pure::role::doubt::Doubt;
use crate::pure::role::incident::{Incident, Unseen};

pub use settled::Exact;
pub use verdict::{Declared, Verdict, Verdicts};

/// What the line with a record begins with that `evenkeel ctl` writes to files.
pub const LEAD: &str = "Record: ";

/// The record of one failover, as it is written and told. Times are UTC (RFC 3339).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What changed the primary.
    #[serde(default)]
    pub kind: Kind,
    /// The backend.
    pub backend: String,
    /// The frontends that lead to its primary; of a drill, the one that was drilled.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Who was primary.
    pub from: String,
    /// Who is since; the same where it came back. Absent where nobody was in time, in a drill.
    pub to: Option<String>,
    /// When the one before was lost; where nobody saw that, when the next one was found.
    #[serde(alias = "lost_at")]
    pub at: String,
    /// What its check found that took it for lost; absent where it was lost in another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it still answered then: it lost its role, was kept out, or took no new sessions.
    pub answered: Option<bool>,
    /// How long it took.
    pub seconds: Seconds,
    /// No client waited when the next one was there: how long the first one took to come is no part of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nobody_waited: bool,
    /// Only clients of the process before this one waited: when the first of them had the next one is not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waited_elsewhere: bool,
    /// Sessions that failed: those that were cut, those their server left, those that found none.
    #[serde(default)]
    pub client_errors: Option<u64>,
    /// Sessions of the one before that were cut.
    pub sessions_cut: Option<u64>,
    /// Sessions of routes to the primary that stayed on the one before.
    #[serde(default)]
    pub sessions_kept: Option<u64>,
    /// Most clients that were kept waiting at a time.
    pub clients_held: Option<u32>,
    /// What the next one lacked of what the one before was last seen to have: the data at risk.
    pub rpo: Option<u64>,
    /// It may be more: the one before, which was not stopped on purpose, could write after it was heard
    /// last (`seconds.detect`). Without `rpo`: nothing of it is known until the one before says it.
    #[serde(default)]
    pub rpo_at_least: bool,
    /// It counts what was acknowledged, which had waited for the next one (`synchronous_standby_names`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub rpo_synchronous: bool,
    /// Who said later how much it was, to the byte or the transaction; `rpo` is that then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_exact: Option<Exact>,
    /// It is no more than this: the one before was heard again and had run on, so that what it wrote since
    /// is among it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_at_most: Option<u64>,
    /// Why nobody will know, since the one before was heard again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_never: Option<String>,
    /// What that counts: `bytes` of WAL, or `transactions`.
    pub rpo_unit: String,
    /// What the one before said last.
    pub history_before: String,
    /// What the next one said first.
    pub history_after: String,
    /// How far the one before had come: an LSN, or GTIDs.
    #[serde(default)]
    pub position_before: String,
    /// How far the next one had when it took over.
    #[serde(default)]
    pub position_after: String,
    /// What may be lost, as the frontends declare it.
    #[serde(default)]
    pub declared: Declared,
    /// Whether that was kept to; nothing of a switchover that was given up, for nobody had to take over.
    #[serde(default)]
    pub verdict: Verdicts,
    /// What it counts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Who was told to become primary, did not within the time of a switchover, and may do so yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// The drill that it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
}

/// What changed the primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was lost.
    #[default]
    Failover,
    /// An operator.
    Switchover,
    /// It is not known: it was another one before this process heard the first.
    Unseen,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Switchover => "switchover",
            Self::Unseen => "unseen",
        }
    }
}

/// What a record counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The primary was lost; it may have come back.
    Failover,
    /// Another server became the primary on purpose.
    Switchover,
    /// That was given up or undone: nobody has another primary.
    GivenUp,
    /// Another one was primary than remembered.
    Unseen,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Failover, Self::Switchover, Self::GivenUp, Self::Unseen];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Switchover => "switchover",
            Self::GivenUp => "given_up",
            Self::Unseen => "unseen",
        }
    }
}

/// The parts of a failover in seconds; absent: not known, or it did not come to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// From the primary's last word, or a drill's fault, to the decision that it is lost.
    pub detect: Option<f64>,
    /// From there until the last session of the one before had ended; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<f64>,
    /// From the decision to the next primary.
    pub promote: Option<f64>,
    /// From there to the first session on it, or the first client of a drill that it served; absent where
    /// no client waited for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<f64>,
    /// How long new clients were kept waiting on purpose; absent where that was not planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<f64>,
    /// All of it.
    pub total: Option<f64>,
}

/// What a drill adds: the fault, and what became of clients of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// What was done to the primary: `kill`, `hang`, `partition` or `switchover`.
    pub fault: String,
    /// Whether its clients wrote something, and did not only look who answers.
    pub writes: bool,
    /// Clients that were served.
    pub clients_good: u64,
    /// Those that saw an error.
    pub clients_failed: u64,
    /// The longest time from a client's connection to its answer, in seconds.
    pub longest_wait: f64,
}

impl Record {
    /// The record of an incident of a backend that is over. `None`: it has no next primary.
    ///
    /// `ago`: how long before `wall` the primary was lost. The rest is for whoever knows it.
    #[must_use]
    pub fn of(backend: &str, incident: &Incident, wall: SystemTime, ago: Duration) -> Option<Self> {
        incident.next.as_ref()?;
        Some(Self::so_far(backend, incident, wall, ago))
    }

    /// The same of one that may have no next primary: what is known until now.
    #[must_use]
    pub fn so_far(backend: &str, incident: &Incident, wall: SystemTime, ago: Duration) -> Self {
        let next = incident.next.as_ref();
        let is_synchronous = !incident.is_ours() && next.is_some_and(|next| next.is_synchronous);
        let lacks = if is_synchronous { Some(0) } else { next.and_then(|next| next.lacks) };
        let is_back = next.is_some_and(|next| next.server == incident.from);
        let phases = incident.phases();
        let seconds = |time: Duration| Some(time.as_secs_f64());
        Self {
            kind: match incident.paused_at {
                Some(_) => Kind::Switchover,
                None => Kind::Failover,
            },
            backend: backend.to_owned(),
            from: incident.from.clone(),
            to: next.map(|next| next.server.clone()),
            at: written(wall.checked_sub(ago).unwrap_or(wall)),
            reason: incident.reason.clone(),
            answered: Some(incident.answers),
            seconds: Seconds {
                detect: seconds(phases.detect),
                cut: phases.cut.and_then(seconds),
                promote: next.and(seconds(phases.promote)),
                attach: phases.attach.and_then(seconds),
                pause: phases.pause.and_then(seconds),
                total: next.and(seconds(phases.total)),
            },
            nobody_waited: next.is_some_and(|next| !next.is_awaited)
                && !incident.is_awaited_elsewhere(),
            waited_elsewhere: incident.is_awaited_elsewhere(),
            // What another process saw before this one is not known.
            client_errors: (!incident.is_resumed).then(|| incident.errors()),
            sessions_cut: Some(incident.cut),
            clients_held: (!incident.is_resumed).then_some(incident.held),
            rpo: lacks,
            rpo_unit: unit(&incident.history).to_owned(),
            history_before: incident.history.to_string(),
            history_after: next.map_or_else(String::new, |next| next.history.to_string()),
            rpo_at_least: lacks.is_some() && !incident.is_ours() && !is_back && !is_synchronous,
            rpo_synchronous: is_synchronous,
            position_before: position(&incident.history, incident.position),
            position_after: next
                .map_or_else(String::new, |next| position(&next.history, next.reached)),
            pending: incident.pending.clone(),
            ..Self::default()
        }
    }

    /// The record of a failover that nobody saw, found at `wall`.
    #[must_use]
    pub fn unseen(backend: &str, unseen: &Unseen, wall: SystemTime) -> Self {
        Self {
            kind: Kind::Unseen,
            backend: backend.to_owned(),
            from: unseen.from.clone(),
            to: Some(unseen.server.clone()),
            at: written(wall),
            rpo_unit: unit(&unseen.history).to_owned(),
            history_before: unseen.before.to_string(),
            history_after: unseen.history.to_string(),
            position_after: position(&unseen.history, unseen.reached),
            rpo_at_least: Doubt::of_unseen(unseen).is_some(),
            ..Self::default()
        }
    }

    /// The same, compared with what is `declared` for its `routes`.
    #[must_use]
    pub fn judged(mut self, routes: Vec<String>, declared: Declared) -> Self {
        let rto = match (self.seconds.total, self.kind) {
            // It was seen to the end, and there was none.
            (None, Kind::Failover | Kind::Switchover) => declared.rto.map(|_| Verdict::Missed),
            (total, _) => match Verdict::of(declared.rto, total) {
                // It ended later than that.
                Some(Verdict::Met) if self.waited_elsewhere => Some(Verdict::Unknown),
                verdict => verdict,
            },
        };
        let outcome = self.outcome();
        self.verdict = match outcome {
            Outcome::GivenUp => Verdicts::default(),
            _ => Verdicts { rto, rpo: self.data_verdict(declared.rpo) },
        };
        (self.routes, self.declared, self.outcome) = (routes, declared, Some(outcome));
        self
    }

    /// Of what is only known to be missing at least, nobody can say that it is no more, unless that is
    /// bounded.
    fn data_verdict(&self, declared: Option<u64>) -> Option<Verdict> {
        let is_bounded = self.rpo_at_most.is_some() && self.rpo_at_most <= declared;
        match Verdict::of(declared, self.rpo) {
            Some(Verdict::Met) if self.rpo_at_least && !is_bounded => Some(Verdict::Unknown),
            Some(Verdict::Unknown) if is_bounded => Some(Verdict::Met),
            verdict => verdict,
        }
    }

    /// What it counts as.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            Kind::Failover => Outcome::Failover,
            Kind::Switchover if self.to.as_ref() == Some(&self.from) => Outcome::GivenUp,
            Kind::Switchover => Outcome::Switchover,
            Kind::Unseen => Outcome::Unseen,
        }
    }

    /// Whether both are about the same failover.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.backend, &self.at) == (&other.backend, &other.at)
    }

    /// Whether something that was declared is known not to be kept.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        let Verdicts { rto, rpo } = self.verdict;
        [rto, rpo].contains(&Some(Verdict::Missed))
    }
}

/// What is not written down.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_false(it: &bool) -> bool {
    !*it
}

/// A time as records have it: to the millisecond.
#[must_use]
pub fn written(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

const fn unit(history: &History) -> &'static str {
    match history {
        History::Postgres { .. } => "bytes",
        History::Mysql { .. } => "transactions",
    }
}

/// A place in the WAL as Postgres writes it, or the names of transactions.
fn position(history: &History, position: u64) -> String {
    match history {
        History::Postgres { .. } => format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff),
        History::Mysql { executed, .. } => executed.to_string(),
    }
}

#[cfg(test)]
mod tests;
