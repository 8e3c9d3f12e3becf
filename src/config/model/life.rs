//! How the process lives.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::default_path::DefaultPath;
use crate::pure::cpu_map::CpuMap;

/// What `global` says of the process as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// A master reads and binds for a worker (`-W`).
    pub master_worker: bool,
    /// The master stays when its worker dies unasked.
    pub no_exit_on_failure: bool,
    /// A warning of the configuration is an error (`-dW`).
    pub zero_warning: bool,
    /// Nothing is said on standard error (`-q`).
    pub quiet: bool,
    /// Time between the request of a soft stop and the end of accepting.
    pub grace: Option<Duration>,
    /// The node's name in statistics.
    pub node: Option<String>,
    /// What is shown of the process in statistics.
    pub description: Option<String>,
    /// The machine's name among peers (`-L`).
    pub localpeer: Option<String>,
    /// Descriptors to ask the system for; `None`: what the connection limit needs.
    pub ulimit_n: Option<NonZeroU32>,
    /// Descriptors not to exceed where `ulimit_n` and the connection limit leave it open.
    pub fd_hard_limit: Option<NonZeroU32>,
    /// A limit that the system does not give is a warning, not an error.
    pub lenient_limits: bool,
    /// Reloads after which a worker that was replaced is ended.
    pub mworker_max_reloads: Option<u32>,
    /// From where relative names of files are meant.
    pub default_path: DefaultPath,
    /// How long a worker spins after the last activity before it sleeps; `None`: it sleeps at once.
    pub busy_poll: Option<Duration>,
    /// Where threads may run.
    pub cpu_map: CpuMap,
    /// Rights kept when another user is taken on.
    pub setcap: Vec<Capability>,
}

/// A right of the superuser that may be kept, capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `cap_net_raw`.
    NetRaw,
    /// `cap_net_admin`.
    NetAdmin,
    /// `cap_net_bind_service`.
    NetBindService,
    /// `cap_sys_admin`.
    SysAdmin,
}

/// Names of the capabilities.
const CAPABILITIES: [(&str, Capability); 4] = [
    ("cap_net_raw", Capability::NetRaw),
    ("cap_net_admin", Capability::NetAdmin),
    ("cap_net_bind_service", Capability::NetBindService),
    ("cap_sys_admin", Capability::SysAdmin),
];

impl Capability {
    /// All of them with their names.
    #[must_use]
    pub const fn all() -> &'static [(&'static str, Self)] {
        &CAPABILITIES
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        CAPABILITIES[self as usize].0
    }
}
