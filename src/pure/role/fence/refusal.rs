//! Why a claim to be primary is refused.

use std::cmp::Ordering;
use std::fmt;

use super::{Fence, History, Reading, Role};

/// Why a server that claims to be primary is not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Its data is of another cluster.
    Foreign,
    /// Another took over from it, or while it was a replica of those before, and it has not been a
    /// replica of that one.
    Returned,
    /// Its history lacks what the newest primary had.
    Older,
    /// It became primary without a new timeline, and not beside the newest primary.
    Diverged,
    /// It followed and took writes all the while, and ended that while the primary is there.
    Stopped,
    /// Another server claims it, too.
    Conflict,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "its data is of another cluster",
            Self::Returned => "another took over and it has not followed that one since",
            Self::Older => "its history lacks what the newest primary had",
            Self::Diverged => "it became primary without a history of its own",
            Self::Stopped => "it only stopped following the primary, which is there",
            Self::Conflict => "another server claims it too",
        })
    }
}

impl Fence {
    /// Why a server that claims to be primary is not taken for it, or one that follows is none of
    /// ours; `None` where it is, and where it claims nothing.
    #[must_use]
    pub fn refusal(&self, server: &str) -> Option<Refusal> {
        let reading = self.readings.get(server)?;
        if reading.role.follows() {
            return (!self.is_of_cluster(&reading.history)).then_some(Refusal::Foreign);
        }
        if self.primary() == Some(server) {
            return None;
        }
        let refused = self.refused(server, &reading.history, reading.role);
        if refused == Some(Refusal::Older) && self.is_member_behind(reading) {
            return None;
        }
        let rival = match self.stopped.contains(server) && self.primary.is_some() {
            true => Refusal::Stopped,
            false => Refusal::Conflict,
        };
        // Members do not contradict each other, nor does one that is only waited for.
        let has_rival = reading.role == Role::Primary && !self.is_waiting();
        refused.or(has_rival.then_some(rival))
    }

    /// Whether one is of a cluster where all take writes, and so was the newest primary: what it has is
    /// counted by the cluster.
    pub(super) fn is_node(&self, server: &str) -> bool {
        let id = |history: &History| match history {
            History::Mysql { server, .. } => Some(*server),
            History::Postgres { .. } => None,
        };
        let reading = self.readings.get(server).and_then(|reading| id(&reading.history));
        self.memory.incumbent.as_ref().is_some_and(|(incumbent, known)| {
            incumbent != server && reading.is_some() && reading == id(known)
        })
    }

    /// Whether this is said by a member that applies in its own time what its cluster has agreed on: it
    /// takes nothing over before it has all of it, and is no impostor either.
    fn is_member_behind(&self, reading: &Reading) -> bool {
        match (self.memory.incumbent.as_ref().map(|(_, known)| known), &reading.history) {
            (Some(History::Mysql { executed: known, .. }), History::Mysql { executed, .. }) => {
                reading.role == Role::Member && executed.lacks(known) < known.count()
            }
            _ => false,
        }
    }

    /// All claims that are refused.
    pub fn refusals(&self) -> impl Iterator<Item = (&str, Refusal)> {
        let servers = self.readings.keys().map(String::as_str);
        servers.filter_map(|server| Some((server, self.refusal(server)?)))
    }

    /// Why a claim is refused, whatever others claim.
    pub(super) fn refused(&self, server: &str, history: &History, role: Role) -> Option<Refusal> {
        let (incumbent, known) = self.memory.incumbent.as_ref()?;
        if !self.is_of_cluster(history) {
            return Some(Refusal::Foreign);
        }
        let is_incumbent = incumbent == server;
        // A member has what its cluster has, or says that it is none.
        let is_node = self.is_node(server);
        let is_bound = role != Role::Member && !is_node;
        if is_bound && self.memory.former.contains(server) && !self.is_full_heir(server, history) {
            return Some(Refusal::Returned);
        }
        match (known, history) {
            (
                History::Postgres { timeline: known, .. },
                History::Postgres { timeline: claimed, .. },
            ) => match claimed.cmp(known) {
                Ordering::Less => Some(Refusal::Older),
                Ordering::Equal if is_incumbent || self.memory.rivals.contains(server) => None,
                Ordering::Equal => Some(Refusal::Diverged),
                Ordering::Greater => None,
            },
            (
                History::Mysql { server: known_id, executed: known },
                History::Mysql { server: id, executed },
            ) => {
                let is_led = !is_incumbent && !is_node;
                let follows = is_led && self.memory.followers.contains(server);
                let is_complete = executed.lacks(known) == 0;
                let is_another = is_incumbent && id != known_id;
                match (is_another, follows || is_complete) {
                    (true, _) => Some(Refusal::Diverged),
                    (false, true) => None,
                    (false, false) => Some(Refusal::Older),
                }
            }
            _ => Some(Refusal::Foreign),
        }
    }

    /// Whether a history can be one of the cluster that is remembered.
    pub(super) fn is_of_cluster(&self, history: &History) -> bool {
        match (self.memory.incumbent.as_ref().map(|(_, known)| known), history) {
            (None, _) | (Some(History::Mysql { .. }), History::Mysql { .. }) => true,
            (Some(History::Postgres { system: known, .. }), History::Postgres { system, .. }) => {
                known == system
            }
            _ => false,
        }
    }
}
