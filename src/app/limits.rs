//! The descriptor limit, and the connection limit that follows from it.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::model::{Config, Life};
use crate::net::relay::allow_pipes;
use crate::state::Told;

/// Descriptors that HAProxy counts for what is not named below: standard streams, log sockets, files.
const RESERVE: u64 = 10;

/// Descriptors that HAProxy counts for a worker: its event loop, and two ends to wake it by.
const PER_WORKER: u64 = 3;

/// Descriptors that a worker here has beside those.
const MORE_PER_WORKER: u64 = 5;

/// Descriptors of one session: the client's and the server's.
const PER_SESSION: u64 = 2;

/// Pipes for bulk transfers, as a share of `maxconn` (HAProxy's `maxpipes` is the same quarter), at
/// most 1,024: a pipe is lent only while bytes are in it.
const PIPE_SHARE: u64 = 4;
const PIPES_MAX: u64 = 1024;

/// Descriptors asked for at most where nothing says how many: HAProxy's `fd-hard-limit`.
const CEILING: u64 = 1 << 20;

/// Descriptors that HAProxy counts for an agent check.
const AGENT: u64 = 2;

/// Descriptors of a pipe.
const PER_PIPE: u64 = 2;

/// Connections where the descriptors allow fewer than those and nothing is configured: the system is
/// asked for what they need, as HAProxy does.
const MAXCONN_MIN: u64 = 100;

/// The last of so many parts of the descriptor table is for sessions alone: no pipe is made then.
const CROWDED_SHARE: u64 = 8;

/// What HAProxy counts for a session beside its two buffers, in bytes, and the share of the memory
/// that sessions get (seen through `-m 100`, `200` and `300`).
const SESSION_BYTES: u64 = 2_560;
const SESSIONS_PERCENT: u64 = 97;

/// What the process may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Client connections at once.
    pub(super) maxconn: u32,
    /// What commands tell of descriptors.
    pub(super) told: Told,
    /// Descriptors wanted, where the system gives fewer.
    short_of: Option<u64>,
    /// Descriptors the system gives.
    given: u64,
    /// Pipes for bulk transfers.
    pub(super) pipes: usize,
}

/// Raises the descriptor limit as far as `config` needs and the system allows, and derives the
/// connection limit where none is configured: from the descriptors, and from the memory that the
/// command line allows.
pub(super) fn settle(config: &Config, workers: usize, memory: Option<NonZeroU32>) -> Limits {
    let tuning = &config.global.tuning;
    let life = &config.global.life;
    let fixed = fixed(config) + PER_WORKER * workers as u64;
    let maxpipes = tuning.maxpipes.map_or(0, u64::from);
    let ceiling = life.fd_hard_limit.map_or(CEILING, |limit| u64::from(limit.get()));
    let most = hard_limit().min(ceiling);
    let maxconn = config.global.maxconn.map_or_else(
        || {
            let left = most.saturating_sub(fixed + maxpipes * PER_PIPE);
            let by_memory = memory.map_or(u64::MAX, |mib| sessions_in(mib, config.global.bufsize));
            (left / PER_SESSION).max(MAXCONN_MIN).min(by_memory)
        },
        |maxconn| maxconn.get().into(),
    );
    let sockets = maxconn * PER_SESSION + maxpipes * PER_PIPE + fixed;
    let pipes = match tuning.maxpipes {
        _ if !tuning.splice => 0,
        Some(pipes) => u64::from(pipes),
        None => (maxconn / PIPE_SHARE).min(PIPES_MAX),
    };
    let written = life.ulimit_n.map(|limit| u64::from(limit.get()));
    let asked = written.unwrap_or(sockets);
    let needed = asked.max(sockets);
    // The pipes that nothing names, and the listeners that each worker has of its own, come out of
    // what the system gives beyond that.
    let listeners = listeners(config);
    let beside = (listeners + MORE_PER_WORKER) * workers as u64 + listeners + pipes * PER_PIPE;
    let given = raise((needed + beside).min(ceiling), needed.min(ceiling)).min(ceiling);
    Limits {
        maxconn: u32::try_from(maxconn.max(1)).unwrap_or(u32::MAX),
        told: Told {
            limit: if needed > given && written.is_none() { given } else { asked },
            sockets,
            maxpipes,
        },
        short_of: Some(needed).filter(|&needed| needed > given),
        given,
        pipes: usize::try_from(pipes).unwrap_or(0),
    }
}

/// Descriptors that HAProxy counts for what `config` names, but for its sessions.
fn fixed(config: &Config) -> u64 {
    let servers = config.backends.iter().flat_map(|backend| &backend.servers);
    let checks = servers
        .map(|server| u64::from(server.check.is_some()) + AGENT * u64::from(server.agent.is_some()))
        .sum::<u64>();
    let sockets = config.commands.sockets.len() as u64;
    let commands = if sockets > 0 { sockets + u64::from(config.commands.maxconn.get()) } else { 0 };
    RESERVE + listeners(config) + checks + commands
}

fn listeners(config: &Config) -> u64 {
    config.frontends.iter().map(|frontend| frontend.binds.len() as u64).sum()
}

/// The sessions that `mib` of memory are enough for, two digits of that number.
fn sessions_in(mib: NonZeroU32, bufsize: usize) -> u64 {
    let bytes = (u64::from(mib.get()) << 20) * SESSIONS_PERCENT / 100;
    let sessions = bytes / (2 * bufsize as u64 + SESSION_BYTES);
    let unit = 10_u64.pow(sessions.max(10).ilog10() - 1);
    sessions / unit * unit
}

impl Limits {
    /// Says what the system does not give; an error where the file is strict about it.
    ///
    /// # Errors
    /// The sentence.
    pub(super) fn check(&self, life: &Life) -> Result<(), String> {
        let Some(wanted) = self.short_of else { return Ok(()) };
        let said = format!(
            "{wanted} descriptors are wanted for maxconn {}, the system gives {}: \
             raise 'ulimit -n' (LimitNOFILE= in a systemd unit) or lower maxconn",
            self.maxconn, self.given
        );
        if life.lenient_limits {
            tracing::warn!("{said}");
            return Ok(());
        }
        Err(said)
    }

    /// Tells the data path how many pipes it may have, and from which descriptor on a table is so full
    /// that what is left is for sessions.
    pub(super) fn rule_pipes(&self, bytes: NonZeroU32) {
        let crowded = self.given - self.given / CROWDED_SHARE;
        allow_pipes(self.pipes, bytes, i32::try_from(crowded).unwrap_or(i32::MAX));
    }
}

/// Bounds the address space of the process (`-m`), as HAProxy does. Beyond it an allocation fails,
/// which ends the process.
pub(super) fn bound_memory(mib: NonZeroU32) {
    let bytes = Some(u64::from(mib.get()) << 20);
    if let Err(error) = setrlimit(Resource::As, Rlimit { current: bytes, maximum: bytes }) {
        tracing::warn!("cannot bound memory to {mib} MiB: {error}");
    }
}

/// The hard limit of descriptors.
fn hard_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the soft limit to `wanted`, or to `needed` at least. Returns the limit in force.
fn raise(wanted: u64, needed: u64) -> u64 {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if wanted <= soft {
        return soft;
    }
    let hard = hard_limit();
    // A privileged process may raise its hard limit, too.
    for maximum in [needed.max(hard), hard] {
        let limit = Rlimit { current: Some(wanted.min(maximum)), maximum: Some(maximum) };
        if setrlimit(Resource::Nofile, limit).is_ok() {
            return wanted.min(maximum);
        }
    }
    soft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_bounds_sessions_as_in_haproxy() {
        let sessions = |mib| sessions_in(NonZeroU32::new(mib).unwrap(), 16_384);
        assert_eq!((sessions(100), sessions(200), sessions(300)), (2_800, 5_700, 8_600));
    }
}
