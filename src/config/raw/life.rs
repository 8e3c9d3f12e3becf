//! How the process lives, as written.

use std::time::Duration;

use super::Field;

/// Lines of `global` about the process as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// `master-worker`.
    pub master_worker: Field<bool>,
    /// Whether the master ends with its worker.
    pub exit_on_failure: Field<bool>,
    /// `zero-warning`.
    pub zero_warning: Field<bool>,
    /// `quiet`.
    pub quiet: Field<bool>,
    /// `grace`.
    pub grace: Field<Duration>,
    /// `node`.
    pub node: Field<String>,
    /// `description`.
    pub description: Field<String>,
    /// `localpeer`.
    pub localpeer: Field<String>,
    /// `ulimit-n`; 0 counts as not written.
    pub ulimit_n: Field<u64>,
    /// `fd-hard-limit`; 0 counts as not written.
    pub fd_hard_limit: Field<u64>,
    /// `strict-limits`.
    pub strict_limits: Field<bool>,
    /// `mworker-max-reloads`.
    pub mworker_max_reloads: Field<u64>,
    /// `default-path`, its words.
    pub default_path: Field<String>,
    /// How long `busy-polling` lasts.
    pub busy_poll: Field<Duration>,
    /// `cpu-map` lines, without the keyword.
    pub cpu_map: Vec<haproxy_compat::span::Spanned<String>>,
    /// `setcap`, words.
    pub setcap: Vec<haproxy_compat::span::Spanned<String>>,
}
