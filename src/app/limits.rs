//! The descriptor limit, and the connection limit that follows from it.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::model::{Config, Life};

/// Descriptors kept for what is not a session: standard streams, epoll instances, log sockets,
/// command connections, pipes of bulk transfers.
const RESERVE: u64 = 100;

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
    let checks = config.backends.iter().map(|backend| backend.servers.len()).sum::<usize>();
    let fixed = RESERVE + (2 * listeners * workers + checks) as u64;
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
    let descriptors = raise(written.or(needed), ceiling);
    let maxconn = match configured {
        Some(maxconn) => maxconn,
        None => {
            let left = descriptors.saturating_sub(fixed);
            let all_with_pipes = left * PIPE_SHARE / (PER_SESSION * PIPE_SHARE + PER_PIPE);
            let most_without = left.saturating_sub(PIPES_MAX * PER_PIPE) / PER_SESSION;
            all_with_pipes.max(most_without).max(1)
        }
    };
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

/// Raises the soft limit to the hard one where `wanted` needs it (or nothing says how much is
/// needed), and a privileged process' hard limit beyond. Returns the limit in force.
fn raise(wanted: Option<u64>, ceiling: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let target = wanted.unwrap_or(hard.min(ceiling));
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
