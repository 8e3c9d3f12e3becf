//! The process, as written.

use std::time::Duration;

use super::{Commands, Field, Life, LogTarget, Statement, Tuning};

/// The `global` section; several of them were merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Global {
    /// Connections; 0 counts as not written.
    pub maxconn: Field<u64>,
    /// Worker threads.
    pub nbthread: Field<u64>,
    /// Targets of `log global`.
    pub log: Vec<LogTarget>,
    /// `log-tag`.
    pub log_tag: Field<String>,
    /// `log-send-hostname`; empty: the machine's own name.
    pub log_send_hostname: Field<String>,
    /// `user`, a name.
    pub user: Field<String>,
    /// `group`, a name.
    pub group: Field<String>,
    /// `uid`, a number.
    pub uid: Field<u64>,
    /// `gid`, a number.
    pub gid: Field<u64>,
    /// `user` of `unix-bind`, which sockets have already that need it. Only `haproxy.cfg` writes it.
    pub unix_user: Field<String>,
    /// `group` of `unix-bind`.
    pub unix_group: Field<String>,
    /// A directory.
    pub chroot: Field<String>,
    /// A file.
    pub pidfile: Field<String>,
    /// `server-state-file`.
    pub server_state_file: Field<String>,
    /// `server-state-base`, a directory.
    pub server_state_base: Field<String>,
    /// A directory; of the native form only.
    pub state_dir: Field<String>,
    /// The process as a whole.
    pub life: Life,
    /// Go to the background.
    pub daemon: Field<bool>,
    /// Longest graceful stop.
    pub hard_stop_after: Field<Duration>,
    /// `spread-checks`, in percent.
    pub spread_checks: Field<u64>,
    /// `max-spread-checks`.
    pub max_spread_checks: Field<Duration>,
    /// `external-check`, without which HAProxy runs no programs; true with `preserve-env`. Only
    /// `haproxy.cfg` writes it.
    pub external_check: Field<bool>,
    /// `insecure-fork-wanted`, whose absence is warned of. Only `haproxy.cfg` writes it.
    pub insecure_fork_wanted: bool,
    /// `tune.bufsize`, in bytes.
    pub bufsize: Field<u64>,
    /// Rates, buffers and pipes.
    pub tuning: Tuning,
    /// `set-var` and `set-var-fmt`.
    pub variables: Vec<Statement>,
    /// `stats` lines; `[commands]` in TOML.
    pub commands: Commands,
}
