//! The descriptor limit, and the connection limit that follows from it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::model::Config;

/// Descriptors kept for what is not a session: standard streams, epoll instances, log sockets,
/// command connections, pipes of bulk transfers.
const RESERVE: u64 = 100;

/// Descriptors of one session: the client's and the server's.
const PER_SESSION: u64 = 2;

/// What the process may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Client connections at once.
    pub(super) maxconn: u32,
    /// Descriptors wanted for them, where the system gives fewer.
    pub(super) short_of: Option<u64>,
    /// Descriptors the system gives.
    pub(super) descriptors: u64,
}

/// Raises the descriptor limit as far as `config` needs and the system allows, and derives the
/// connection limit where none is configured.
pub(super) fn settle(config: &Config, workers: usize) -> Limits {
    let listeners = config.frontends.iter().map(|frontend| frontend.binds.len()).sum::<usize>();
    let checks = config.backends.iter().map(|backend| backend.servers.len()).sum::<usize>();
    let fixed = RESERVE + (listeners * workers + checks) as u64;
    let wanted = config.global.maxconn.map(|max| u64::from(max.get()) * PER_SESSION + fixed);
    let descriptors = raise(wanted);
    let affordable = descriptors.saturating_sub(fixed) / PER_SESSION;
    let maxconn = config.global.maxconn.map_or(affordable.max(1), |max| u64::from(max.get()));
    Limits {
        maxconn: u32::try_from(maxconn).unwrap_or(u32::MAX),
        short_of: wanted.filter(|&wanted| wanted > descriptors),
        descriptors,
    }
}

/// Raises the soft limit to the hard one where `wanted` needs it (or nothing says how much is
/// needed), and a privileged process' hard limit beyond. Returns the limit in force.
fn raise(wanted: Option<u64>) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let target = wanted.unwrap_or(hard);
    if target <= soft {
        return soft;
    }
    let attempts = [target.max(hard), hard];
    for maximum in attempts {
        let raised = Rlimit { current: Some(target.min(maximum)), maximum: Some(maximum) };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return target.min(maximum);
        }
    }
    soft
}
