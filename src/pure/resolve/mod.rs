//! Names of servers resolved while running, as `resolvers` sections say: what is asked and when
//! ([`Resolution`]), what answers mean ([`message`]), and which server gets which address ([`assign`]).
//!
//! The machine of one name is told what happened (`handle_*`), says when it wants to be asked again
//! ([`Resolution::next_deadline`]) and what is known ([`Resolution::knowledge`]). It knows no socket.
//! The schedule is HAProxy's (compared with 2.6.12): a round of questions every `timeout resolve`, to
//! every name server at once; an answer that does not come is asked for again after `timeout retry`,
//! `resolve_retries` times in all. What was known is kept for the `hold` of the reason why it is not
//! known any more.

pub mod assign;
pub mod message;
mod resolution;

use std::time::Duration;

pub use resolution::{Ask, Knowledge, Resolution};

/// What is asked about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: ports, weights and the names of their hosts (RFC 2782).
    Srv,
}

impl Kind {
    /// The other family of addresses; a service has none.
    #[must_use]
    pub const fn other(self) -> Option<Self> {
        match self {
            Self::A => Some(Self::Aaaa),
            Self::Aaaa => Some(Self::A),
            Self::Srv => None,
        }
    }
}

/// One thing an answer said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// An address of the name.
    Address(std::net::IpAddr),
    /// A service.
    Service(Service),
}

impl Item {
    /// Whether it is about the same as `other`.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service(one), Self::Service(other)) => one.is_same(other),
            _ => self == other,
        }
    }
}

/// A service record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// The name of its host, without the final dot, in lower case.
    pub target: String,
    /// Its port.
    pub port: u16,
    /// 0 to 65535.
    pub weight: u16,
}

impl Service {
    /// A record that changed its weight is the same service.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.target, self.port) == (&other.target, other.port)
    }
}

/// How a round of questions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// With an answer.
    Valid,
    /// The name does not exist.
    Nx,
    /// Every name server refused to answer.
    Refused,
    /// No name server answered in time.
    Timeout,
    /// An answer without what was asked for, or an error of a name server.
    Other,
}

/// How long what was known is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// How long an answer counts for names that are asked for now and then (`do-resolve`).
    pub valid: Duration,
    /// After an item was missing from an answer.
    pub obsolete: Duration,
    /// After the name ceased to exist.
    pub nx: Duration,
    /// After name servers refused.
    pub refused: Duration,
    /// After name servers ceased to answer.
    pub timeout: Duration,
    /// After any other error.
    pub other: Duration,
}

impl Hold {
    fn of(&self, status: Status) -> Duration {
        match status {
            Status::Valid => self.valid,
            Status::Nx => self.nx,
            Status::Refused => self.refused,
            Status::Timeout => self.timeout,
            Status::Other => self.other,
        }
    }
}

/// When names are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Questions without an answer before a round is given up, at least 1.
    pub retries: u32,
    /// From the start of a round to the start of the next.
    pub resolve: Duration,
    /// From a question to the next where no answer comes.
    pub retry: Duration,
    /// How long what was known is kept.
    pub hold: Hold,
}
