//! What programs are told of an event: a word for its kind, what it is about, and whether a trouble
//! begins or ends with it.

use std::sync::Arc;

use super::{Change, Event, RoleChange, ServerChange, What};
use crate::config::model::Topic;
use crate::pure::role::fence::Refusal;
use crate::telemetry::failover::{Kind, Record};

/// An event in a few words. The words are stable: others' programs compare them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct News<'a> {
    /// What happened: `server_down`.
    pub kind: &'static str,
    /// What it is about.
    pub topic: Topic,
    /// Whether a trouble begins or ends.
    pub turn: Turn,
    /// The backend concerned.
    pub backend: Option<&'a Arc<str>>,
    /// The server concerned.
    pub server: Option<&'a str>,
    /// The failover that is over.
    pub failover: Option<&'a Record>,
}

/// What an event is to a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Begins,
    /// It ends.
    Ends,
    /// Neither.
    Told,
}

impl Event {
    /// What programs are told; `None`: it is for logs only.
    #[must_use]
    pub fn news(&self) -> Option<News<'_>> {
        let news = |kind, topic, turn| News {
            kind,
            topic,
            turn,
            backend: None,
            server: None,
            failover: None,
        };
        Some(match &self.what {
            What::Server(change) => {
                let (kind, turn) = change.kind();
                let news = news(kind, Topic::Server, turn);
                News { backend: Some(&change.backend), server: Some(&change.server), ..news }
            }
            What::Role(backend, change) => News { backend: Some(backend), ..change.news() },
            What::NoServer { backend, .. } => {
                // That a server went is the trouble, and it ends when that comes back.
                let news = news("no_server", Topic::Server, Turn::Told);
                News { backend: Some(backend), ..news }
            }
            What::Notice { .. } => news("notice", Topic::Process, Turn::Told),
            What::Check(_) | What::Report(_) | What::ProxyStopped { .. } => return None,
        })
    }
}

impl ServerChange {
    fn kind(&self) -> (&'static str, Turn) {
        match self.change {
            Change::Down { .. }
            | Change::LosesAddress { .. }
            | Change::LeavesMaintenance { up: false, .. }
            | Change::LeavesDrain { up: false } => ("server_down", Turn::Begins),
            Change::Up
            | Change::LeavesMaintenance { up: true, .. }
            | Change::LeavesDrain { up: true } => ("server_up", Turn::Ends),
            Change::Stopping
            | Change::EntersDrain { .. }
            | Change::RemainsInDrain
            | Change::RemainsInTrackedDrain => ("server_drain", Turn::Told),
            // Somebody has it in hand.
            Change::EntersMaintenance { .. }
            | Change::EntersMaintenanceDown
            | Change::LosesAddressDown { .. }
            | Change::RemainsInMaintenance
            | Change::RemainsInTrackedMaintenance => ("server_maintenance", Turn::Ends),
        }
    }
}

impl RoleChange {
    /// What the trouble of one server is called that begins or ends with it; `None`: it is the
    /// backend's.
    #[must_use]
    pub const fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Refused { why: Refusal::Conflict, .. } => None,
            Self::Refused { .. } | Self::Unfenced { .. } => Some("fence"),
            Self::LetOut { .. } | Self::LetIn { .. } => Some("login"),
            Self::Astray { .. } | Self::Follows { .. } => Some("stray"),
            Self::Hangs { .. } | Self::GoesOn { .. } => Some("commits"),
            Self::Disputed { .. } | Self::Undisputed { .. } => Some("dispute"),
            _ => None,
        }
    }

    fn news(&self) -> News<'_> {
        let (kind, topic, turn, server) = match self {
            Self::Primary { server, .. } => {
                ("primary", Topic::Role, Turn::Ends, Some(server.as_str()))
            }
            Self::NoPrimary { was } => {
                ("failover_begun", Topic::Failover, Turn::Begins, Some(was.as_str()))
            }
            Self::Refused { server, why } => {
                let kind = if *why == Refusal::Conflict { "conflict" } else { "fenced" };
                (kind, Topic::Fence, Turn::Begins, Some(server.as_str()))
            }
            Self::Replaced { server } => {
                ("replaced", Topic::Switchover, Turn::Told, Some(server.as_str()))
            }
            Self::Unfenced { server } => {
                ("unfenced", Topic::Fence, Turn::Ends, Some(server.as_str()))
            }
            Self::Over(record) => {
                let (kind, topic) = match record.kind {
                    Kind::Failover => ("failover_ended", Topic::Failover),
                    Kind::Switchover => ("switchover_ended", Topic::Switchover),
                    Kind::Unseen => ("failover_unseen", Topic::Failover),
                };
                (kind, topic, Turn::Told, record.to.as_deref())
            }
            Self::Settled(record) => {
                ("failover_settled", Topic::Failover, Turn::Told, Some(record.from.as_str()))
            }
            Self::Planned { to, .. } => {
                ("switchover_begun", Topic::Switchover, Turn::Told, Some(to.as_str()))
            }
            Self::GivenUp { to, is_leaderless, .. } => {
                let turn = if *is_leaderless { Turn::Begins } else { Turn::Told };
                ("switchover_given_up", Topic::Switchover, turn, Some(to.as_str()))
            }
            Self::LetOut { server, .. } => {
                ("login_refused", Topic::Role, Turn::Begins, Some(server.as_str()))
            }
            Self::LetIn { server } => {
                ("login_accepted", Topic::Role, Turn::Ends, Some(server.as_str()))
            }
            Self::Astray { server, why } => {
                let kind = if why.is_elsewhere() { "replica_astray" } else { "replica_errant" };
                (kind, Topic::Role, Turn::Begins, Some(server.as_str()))
            }
            Self::Follows { server } => {
                ("replica_follows", Topic::Role, Turn::Ends, Some(server.as_str()))
            }
            Self::Hangs { server, .. } => {
                ("commits_wait", Topic::Role, Turn::Begins, Some(server.as_str()))
            }
            Self::GoesOn { server } => {
                ("commits_go_on", Topic::Role, Turn::Ends, Some(server.as_str()))
            }
            Self::Disputed { server, .. } => {
                ("primary_disputed", Topic::Role, Turn::Begins, Some(server.as_str()))
            }
            Self::Undisputed { server } => {
                ("primary_undisputed", Topic::Role, Turn::Ends, Some(server.as_str()))
            }
            Self::Cleared => ("fence_cleared", Topic::Fence, Turn::Told, None),
        };
        let failover = match self {
            Self::Over(record) | Self::Settled(record) => Some(&**record),
            _ => None,
        };
        News { kind, topic, turn, backend: None, server, failover }
    }
}
