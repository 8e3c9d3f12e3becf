//! The validated configuration: what was meant, with every default filled in.
//!
//! There is no `Option` where a default exists and no combination that cannot be run. Both front
//! ends (TOML and `haproxy.cfg`) end here, and two files that mean the same compare equal. Durations
//! that are `None` are infinite. No format leaks in: nothing here derives serde.

mod backend;
pub mod certificate;
mod check;
mod commands;
pub mod contexts;
mod drill;
mod frontend;
mod global;
mod lenient;
mod life;
mod number;
mod page;
mod patterns;
mod place;
mod resolvers;
mod ring;
mod socket;
mod stick;
mod switchover;
mod tls;
mod tuning;
mod webhook;

use haproxy_compat::source::SourceMap;

pub use crate::pure::balance::{
    Affinity, Algorithm as Balance, Function, HashKey, HashType, Method,
};
pub use crate::pure::health::InitState;
pub use crate::pure::health::passive::OnError;
pub use crate::pure::health::verdict::CheckStatus;
use crate::pure::id::{Disabled, ProxyId};
pub use crate::pure::probe::format::Format;
pub use crate::pure::probe::kind::{
    Assigned, CheckKind, DatabaseCheck, DatabaseKind, DatabaseTls, Expect, ExpectReport,
    ExternalCheck, HttpCheck, HttpExpect, HttpMatch, HttpSend, Layer, MysqlDialect, Pattern,
    Payload, PortFrom, ScriptStep, SendHeader, TextMatch, TextWay,
};
pub use crate::pure::rules::{BackendRules, FrontendRules};
pub use crate::pure::session::retry::Redispatch;
pub use crate::pure::state_file::SavedServer;
pub use backend::{
    Backend, BalanceKey, LoadState, OnMarkedDown, OnMarkedUp, ProxyHeader, Server, ServerAddr,
    ServerTimeouts, Track,
};
pub use certificate::StoredCertificate;
pub use check::{AgentCheck, Check, Observe};
pub use commands::{CommandSocket, Commands, Level, SeverityOutput};
pub use drill::Drill;
pub use frontend::{ClientTimeouts, Frontend, LogFormat, SessionLog, Stats};
pub use global::{
    Facility, Global, Log, LogFraming, LogLevel, LogSink, LogTarget, ProcessVariable,
};
pub use life::{Capability, Life};
pub(in crate::config) use number::{automatic as automatic_ids, proxies as automatic_proxy_ids};
pub use page::{Http, Page, User, Userlist, Written};
pub use patterns::{PatternSet, PatternSource};
pub use place::Place;
pub use resolvers::{InitAddr, Nameserver, Resolve, Resolvers};
pub use ring::{LogProto, LogSample, LogStream, Ring};
pub use socket::{
    Bind, BindSocket, Inherited, Keepalive, ListenAddr, ProxyTlv, ProxyV2Options, ServerSocket,
    Source, UnixPermissions, UseSrc,
};
pub use stick::{Peers, StickTable};
pub use switchover::{Promote, Switchover};
pub use tls::{BindTls, Examine, Lookups, Selected, ServerTls, Sni, TlsWords, Verify, Versions};
pub use tuning::{SocketBuffers, Tuning};
pub use webhook::{HookFormat, Topic, Url, Webhook};

/// The HAProxy version whose language and commands are understood: `version_atleast()`,
/// `show info`.
pub const CLAIMED_VERSION: &str = "3.2.0";

/// The day that version was released.
pub const CLAIMED_DATE: &str = "2025/05/28";

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The process.
    pub global: Global,
    /// Frontends in file order; names are unique.
    pub frontends: Vec<Frontend>,
    /// Backends in file order; names are unique among backends.
    pub backends: Vec<Backend>,
    /// What is `disabled`: commands tell it from what there is not.
    pub disabled: Disabled,
    /// Numbers of frontends and backends, merged as their sections are written.
    pub order: Vec<ProxyId>,
    /// Patterns of ACLs and maps, by their numbers.
    pub patterns: Vec<PatternSet>,
    /// Stick tables: those of frontends, of backends, of peers.
    pub tables: Vec<StickTable>,
    /// `peers` sections, in file order.
    pub peers: Vec<Peers>,
    /// HTTP listeners for metrics, health and the stats page.
    pub stats: Vec<Stats>,
    /// `userlist` sections, in file order.
    pub userlists: Vec<Userlist>,
    /// What servers were before, from the state files; for those that start with this load.
    pub saved: Vec<SavedServer>,
    /// `resolvers` sections, in file order.
    pub resolvers: Vec<Resolvers>,
    /// Certificates of `crt-store` sections, in file order.
    pub certificates: Vec<StoredCertificate>,
    /// `ring` sections, in file order.
    pub rings: Vec<Ring>,
    /// Who is told of events, in file order.
    pub webhooks: Vec<Webhook>,
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

    /// Finds file and line of what is told of after the load.
    pub(in crate::config) fn locate(&mut self, sources: &SourceMap) {
        let fronts = self.frontends.iter_mut().map(|frontend| &mut frontend.binds);
        let stats = self.stats.iter_mut().map(|stats| &mut stats.binds);
        let commands = self.commands.sockets.iter_mut().map(|socket| &mut socket.bind);
        let binds = fronts.chain(stats).flatten().chain(commands).map(|bind| &mut bind.place);
        let patterns = self.patterns.iter_mut().map(|set| &mut set.place);
        let global = [&mut self.global.chroot_place, &mut self.global.pidfile_place];
        // The ports of a range stand in one place: their line is counted once.
        let mut last = Place::default();
        for place in binds.chain(patterns).chain(global) {
            if place.span.is_some() && place.span == last.span {
                place.clone_from(&last);
            } else {
                place.locate(sources);
                last.clone_from(place);
            }
        }
    }
}
