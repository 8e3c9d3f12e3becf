//! The descriptor limit, and the connection limit that follows from it.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::model::{Config, Life};

/// Descriptors kept for what is neither a session nor named below: standard streams, log sockets,
/// files, connections of statistics.
const RESERVE: u64 = 50;

/// Descriptors of a worker beside its listeners: its event loops and what wakes them.
const PER_WORKER: u64 = 8;

/// Descriptors of one session: the client's and the server's.
const PER_SESSION: u64 = 2;

/// Pipes for bulk transfers, as a share of `maxconn` (HAProxy's `maxpipes` is the same quarter), at
/// most 1,024: a pipe is lent only while bytes are in it.
const PIPE_SHARE: u64 = 4;
const PIPES_MAX: u64 = 1024;

/// Descriptors asked for at most where nothing says how many: HAProxy's `fd-hard-limit`.
const CEILING: u64 = 1 << 20;

/// Descriptors of a pipe.
const PER_PIPE: u64 = 2;

/// What the process may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Client connections at once.
    pub(super) maxconn: u32,
    /// Descriptors wanted for them, where the system gives fewer.
    pub(super) short_of: Option<u64>,
    /// Descriptors the system gives.
    pub(super) descriptors: u64,
    /// Pipes for bulk transfers.
    pub(super) pipes: usize,
}

/// Raises the descriptor limit as far as `config` needs and the system allows, and derives the
/// connection limit where none is configured.
pub(super) fn settle(config: &Config, workers: usize) -> Limits {
    let listeners = config.frontends.iter().map(|frontend| frontend.binds.len()).sum::<usize>();
    let servers = config.backends.iter().flat_map(|backend| &backend.servers);
    let checks = servers
        .map(|server| usize::from(server.check.is_some()) + usize::from(server.agent.is_some()));
    let checks = checks.sum::<usize>() as u64;
    let commands = &config.commands;
    let commands = commands.sockets.len() as u64 * (1 + u64::from(commands.maxconn.get()));
    // A reload opens the new listeners before it closes the old ones.
    let per_worker = PER_WORKER + 2 * listeners as u64;
    let fixed = RESERVE + per_worker * workers as u64 + checks + commands;
    let tuning = config.global.tuning;
    let pipes = |maxconn: u64| match tuning.maxpipes {
        _ if !tuning.splice => 0,
        Some(pipes) => u64::from(pipes),
        None => (maxconn / PIPE_SHARE).min(PIPES_MAX),
    };
    let sessions = |maxconn: u64| maxconn * PER_SESSION + fixed;
    let configured = config.global.maxconn.map(|max| u64::from(max.get()));
    let life = &config.global.life;
    let written = life.ulimit_n.map(|limit| u64::from(limit.get()));
    let needed = configured.map(|maxconn| sessions(maxconn) + pipes(maxconn) * PER_PIPE);
    let ceiling = life.fd_hard_limit.map_or(CEILING, |limit| u64::from(limit.get()));
    let descriptors = match (written, needed) {
        // Fewer than the connections need would break them.
        (Some(written), needed) => set(needed.map_or(written, |needed| needed.max(written))),
        (None, Some(needed)) => raise(needed),
        (None, None) => set(hard_limit().min(ceiling)),
    };
    let left = descriptors.saturating_sub(fixed);
    let beside = |pipes: u64| left.saturating_sub(pipes * PER_PIPE) / PER_SESSION;
    let maxconn = configured.unwrap_or_else(|| match tuning.maxpipes {
        _ if !tuning.splice => beside(0),
        Some(pipes) => beside(pipes.into()),
        None => {
            let a_quarter = left * PIPE_SHARE / (PER_SESSION * PIPE_SHARE + PER_PIPE);
            a_quarter.max(beside(PIPES_MAX))
        }
    });
    let maxconn = maxconn.max(1);
    // Where the system gives too few, sessions come first.
    let spare = descriptors.saturating_sub(sessions(maxconn)) / PER_PIPE;
    Limits {
        maxconn: u32::try_from(maxconn).unwrap_or(u32::MAX),
        short_of: written.or(configured.map(sessions)).filter(|&wanted| wanted > descriptors),
        descriptors,
        pipes: usize::try_from(pipes(maxconn).min(spare)).unwrap_or(0),
    }
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
            self.maxconn, self.descriptors
        );
        if life.lenient_limits {
            tracing::warn!("{said}");
            return Ok(());
        }
        Err(said)
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

/// Raises the soft limit to `wanted`, and a privileged process' hard limit with it. Returns the limit
/// in force.
fn raise(wanted: u64) -> u64 {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if wanted <= soft { soft } else { set(wanted) }
}

/// Sets the soft limit to `wanted`, or as near as the system allows. Returns the limit in force.
fn set(wanted: u64) -> u64 {
    let hard = hard_limit();
    for maximum in [wanted.max(hard), hard] {
        let limit = Rlimit { current: Some(wanted.min(maximum)), maximum: Some(maximum) };
        if setrlimit(Resource::Nofile, limit).is_ok() {
            return wanted.min(maximum);
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
