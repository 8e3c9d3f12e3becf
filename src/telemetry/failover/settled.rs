//! What becomes known of a failover after it is over.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Record, Verdict, position, written};
use crate::pure::role::Reading;
use crate::pure::role::doubt::Settled;

/// Why what an old primary has is more than what it had.
pub(super) const RAN_ON: &str =
    "ran on, or may have, and what it wrote since is not told from what it had written before";

/// Who said how much was missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exact {
    /// When.
    pub at: String,
    /// Who had been primary.
    pub server: String,
    /// How far it had come: an LSN, or GTIDs.
    pub position: String,
}

impl Record {
    /// The same, once the one that was primary has said at `wall` what it is.
    pub fn settle(&mut self, settled: Settled, reading: &Reading, wall: SystemTime) {
        match settled {
            Settled::Exact { missing, had } => {
                let position = position(&reading.history, had);
                let (at, server) = (written(wall), self.from.clone());
                (self.rpo, self.rpo_at_least) = (Some(missing), false);
                self.rpo_exact = Some(Exact { at, server, position });
            }
            Settled::AtMost(most) => self.rpo_at_most = Some(most),
            Settled::Never(why) => self.rpo_never = Some(why.to_owned()),
        }
        let (routes, declared) = (self.routes.clone(), self.declared.clone());
        *self = std::mem::take(self).judged(routes, declared);
    }

    /// Whether that is still to come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.rpo_at_least && self.rpo_never.is_none() && self.rpo_at_most.is_none()
    }

    /// Whether all that is not kept to of what was declared is not known to be broken either.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let is_unknown = [self.verdict.rto, self.verdict.rpo].contains(&Some(Verdict::Unknown));
        is_unknown && !self.is_missed() && self.seconds.total.is_some()
    }

    /// What would say how much is missing, or why nothing will, for people.
    #[must_use]
    pub fn open_question(&self) -> Option<String> {
        let from = &self.from;
        match &self.rpo_never {
            Some(why) => Some(format!("{from} was heard again, and {why}")),
            None if self.rpo_at_most.is_some() => Some(format!("{from} {RAN_ON}")),
            None if self.is_open() => Some(format!(
                "{from} says it once it answers again as it was left, neither rewound nor rebuilt"
            )),
            None => None,
        }
    }

    /// One sentence of what became known.
    #[must_use]
    pub fn settled_line(&self) -> String {
        let Self { backend, from, at, .. } = self;
        let to = self.to.as_deref().unwrap_or("nobody");
        let of = format!("Failover of backend {backend} from {from} to {to} ({at})");
        match &self.rpo_never {
            Some(why) => {
                format!("{of}: what is missing stays not known to the end, for {from}: {why}.")
            }
            None if self.rpo_at_most.is_some() => {
                format!("{of}: {} are missing, for {from} {RAN_ON}.", self.missing())
            }
            None => {
                let broken = self.broken().join("; ");
                let broken = if broken.is_empty() { broken } else { format!("; {broken}") };
                format!("{of}: {from} is heard again, {} were missing{broken}.", self.missing())
            }
        }
    }
}
