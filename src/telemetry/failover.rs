//! What is written down of a failover.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pure::role::History;
use crate::pure::role::incident::Incident;

/// The record of one failover, as it is written and told. Times are UTC (RFC 3339).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whether it was planned.
    #[serde(default)]
    pub kind: Kind,
    /// The backend.
    pub backend: String,
    /// Who was primary.
    pub from: String,
    /// Who is since; the same where it came back.
    pub to: String,
    /// When the one before was lost.
    pub lost_at: String,
    /// Whether it still answered then: it lost its role, or was kept out.
    pub answered: bool,
    /// How long it took.
    pub seconds: Seconds,
    /// Sessions of the one before that were cut.
    pub sessions_cut: u64,
    /// Most clients that were kept waiting at a time.
    pub clients_held: u32,
    /// What the next one lacked of the one before when it took over: the data at risk.
    pub rpo: u64,
    /// What that counts: `bytes` of WAL, or `transactions`.
    pub rpo_unit: String,
    /// What the one before said last.
    pub history_before: String,
    /// What the next one said first.
    pub history_after: String,
    /// How far the one before had come, of Postgres: an LSN. Of MySQL the history says it.
    #[serde(default)]
    pub position_before: String,
    /// How far the next one had when it took over.
    #[serde(default)]
    pub position_after: String,
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
}

/// The parts of a failover in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// From the primary's last word to the decision that it is lost.
    pub detect: f64,
    /// From there to the next primary.
    pub promote: f64,
    /// From there to the first session on it; absent where nobody came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<f64>,
    /// How long new clients were kept waiting on purpose; absent where that was not planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<f64>,
    /// All of it.
    pub total: f64,
}

impl Record {
    /// The record of an incident of a backend that is over. `None`: it has no next primary.
    ///
    /// `ago`: how long before `wall` the primary was lost.
    #[must_use]
    pub fn of(backend: &str, incident: &Incident, wall: SystemTime, ago: Duration) -> Option<Self> {
        let next = incident.next.as_ref()?;
        let phases = incident.phases();
        let lost_at = wall.checked_sub(ago).unwrap_or(wall);
        let unit = match next.history {
            History::Postgres { .. } => "bytes",
            History::Mysql { .. } => "transactions",
        };
        Some(Self {
            kind: match incident.paused_at {
                Some(_) => Kind::Switchover,
                None => Kind::Failover,
            },
            backend: backend.to_owned(),
            from: incident.from.clone(),
            to: next.server.clone(),
            lost_at: Timestamp::try_from(lost_at).map_or_else(|_| String::new(), |t| t.to_string()),
            answered: incident.answers,
            seconds: Seconds {
                detect: phases.detect.as_secs_f64(),
                promote: phases.promote.as_secs_f64(),
                attach: phases.attach.map(|time| time.as_secs_f64()),
                pause: phases.pause.map(|time| time.as_secs_f64()),
                total: phases.total.as_secs_f64(),
            },
            sessions_cut: incident.cut,
            clients_held: incident.held,
            rpo: next.lacks,
            rpo_unit: unit.to_owned(),
            history_before: incident.history.to_string(),
            history_after: next.history.to_string(),
            position_before: lsn(&incident.history, incident.position),
            position_after: lsn(&next.history, next.reached),
        })
    }

    /// One sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { backend, from, to, seconds, sessions_cut, clients_held, rpo, rpo_unit, .. } =
            self;
        let what = match from == to {
            true => format!("Primary {backend}/{from} was away for"),
            false if self.kind == Kind::Switchover => {
                format!("Switchover of backend {backend} from {from} to {to} took")
            }
            false => format!("Failover of backend {backend} from {from} to {to} took"),
        };
        let Seconds { detect, promote, attach, total, .. } = seconds;
        let mut line =
            format!("{what} {total:.3} s ({detect:.3} to detect, {promote:.3} to promote");
        if let Some(attach) = attach {
            // Writing to a string cannot fail.
            let _ = write!(line, ", {attach:.3} to attach");
        }
        let _ = write!(
            line,
            "); {sessions_cut} sessions cut, {clients_held} clients held, {rpo} {rpo_unit} missing."
        );
        line
    }
}

/// A place in the WAL as Postgres writes it.
fn lsn(history: &History, position: u64) -> String {
    match history {
        History::Postgres { .. } => format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff),
        History::Mysql { .. } => String::new(),
    }
}
