//! The validated configuration: what was meant, with every default filled in.
//!
//! There is no `Option` where a default exists and no combination that cannot be run. Both front
//! ends (TOML and `haproxy.cfg`) end here, and two files that mean the same compare equal. Durations
//! that are `None` are infinite. No format leaks in: nothing here derives serde.

mod backend;
mod check;
mod commands;
mod frontend;
mod global;
mod patterns;
mod socket;
mod tls;

pub use crate::pure::balance::Algorithm as Balance;
pub use crate::pure::health::verdict::CheckStatus;
pub use crate::pure::probe::kind::{
    CheckKind, CodeFrom, Expect, ExpectReport, HttpCheck, HttpExpect, HttpMatch, MysqlDialect,
    Pattern, ScriptStep, SendHeader,
};
pub use crate::pure::rules::{BackendRules, FrontendRules};
pub use crate::pure::session::retry::Redispatch;
pub use backend::{
    Backend, OnMarkedDown, OnMarkedUp, ProxyHeader, Server, ServerAddr, ServerTimeouts,
};
pub use check::Check;
pub use commands::{CommandSocket, Commands, Level, SeverityOutput};
pub use frontend::{ClientTimeouts, Frontend, LogFormat, SessionLog, Stats};
pub use global::{Facility, Global, LogFraming, LogLevel, LogSink, LogTarget};
pub use patterns::{PatternSet, PatternSource};
pub use socket::{Bind, Keepalive, ListenAddr, UnixPermissions};
pub use tls::{BindTls, Context as TlsContext, ServerTls, Sni, TlsWords, Verify, Versions};

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The process.
    pub global: Global,
    /// Frontends in file order; names are unique.
    pub frontends: Vec<Frontend>,
    /// Backends in file order; names are unique among backends.
    pub backends: Vec<Backend>,
    /// Patterns of ACLs and maps, by their numbers.
    pub patterns: Vec<PatternSet>,
    /// HTTP listeners for metrics, health and the stats page.
    pub stats: Vec<Stats>,
    /// Sockets that take commands.
    pub commands: Commands,
}

impl Config {
    /// Whether anything would listen: a process without a listener serves nobody.
    #[must_use]
    pub fn has_listener(&self) -> bool {
        let frontends = self.frontends.iter().map(|frontend| &frontend.binds);
        let stats = self.stats.iter().map(|stats| &stats.binds);
        frontends.chain(stats).any(|binds| !binds.is_empty()) || !self.commands.sockets.is_empty()
    }
}
