//! What was written: everything optional, every value with its place.
//!
//! Both front ends, TOML and `haproxy.cfg`, lower to these types, and validation
//! turns them into the [model](super::model). What a front end owes:
//! - the inheritance of `defaults` and `default-server` sections is already applied;
//! - durations, sizes and numbers are already numbers, in the units named here;
//! - words that choose among a few (`roundrobin`, `local0`, `shutdown-sessions`) and addresses stay
//!   text, so that both front ends accept the same ones and complain in the same words;
//! - a timeout of zero is infinite in TOML (where it was written so) and not written in
//!   `haproxy.cfg`, as in HAProxy;
//! - an option that was written and then taken back (`no option …`) is `None` or `false`.
//!
//! What was not written is `None`: no default is known here.

mod backend;
mod check;
mod commands;
mod crt_store;
mod drill;
mod frontend;
mod global;
mod life;
mod page;
mod peers;
mod resolvers;
mod ring;
mod rules;
mod socket;
mod switchover;
mod tls;
mod tuning;
mod webhook;

pub use backend::{Backend, Server, ServerTimeouts};
pub use check::{
    AgentSettings, CheckKind, CheckSettings, DatabaseCheck, Expect, ExpectReport, ExternalCheck,
    Header, HttpCheck, HttpExpect, HttpMatch, HttpSend, Layer, Pattern, Payload, Step, TextMatch,
    Witness,
};
pub use commands::{CommandSocket, Commands};
pub use crt_store::StoredCertificate;
pub use drill::Drill;
pub use frontend::{
    Bind, ClientTimeouts, Frontend, Keepalive, Log, LogTarget, RoleSettings, Stats,
};
pub use global::Global;
pub use life::Life;
pub use page::{Http, Page, Userlist};
pub use peers::Peers;
pub use resolvers::{Hold, Naming, Resolvers, TEMPLATE_MAX, made_from, template_numbers};
pub use ring::Ring;
pub use rules::Statement;
pub use socket::{BindSocket, ClientSide, ServerSide, ServerSocket};
pub use switchover::Switchover;
pub use tls::Tls;
pub use tuning::{SocketBuffers, Tuning};
pub use webhook::Webhook;

use haproxy_compat::env::Environment;
use haproxy_compat::span::Spanned;

use crate::config::world::Account;
use crate::pure::id::Disabled;

/// A setting that may have been written.
pub type Field<T> = Option<Spanned<T>>;

/// Everything one load found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Which rules fill the gaps.
    pub dialect: Dialect,
    /// The process.
    pub global: Global,
    /// Frontends and front halves of `listen`, in file order.
    pub frontends: Vec<Frontend>,
    /// Backends and back halves of `listen`, in file order.
    pub backends: Vec<Backend>,
    /// HTTP listeners for metrics and health, in file order.
    pub stats: Vec<Stats>,
    /// `userlist` sections, in file order.
    pub userlists: Vec<Userlist>,
    /// `resolvers` sections, in file order.
    pub resolvers: Vec<Resolvers>,
    /// Certificates of `crt-store` sections, in file order.
    pub certificates: Vec<StoredCertificate>,
    /// `peers` sections, in file order.
    pub peers: Vec<Peers>,
    /// What frontends of `haproxy.cfg` say about servers: it is judged and has no effect.
    pub misplaced: Vec<Backend>,
    /// `bind` lines of backends of `haproxy.cfg`, likewise, and whose they are.
    pub misplaced_binds: Vec<(String, Bind)>,
    /// Sections of `haproxy.cfg` that are `disabled`.
    pub disabled: Disabled,
    /// `ring` sections, in file order.
    pub rings: Vec<Ring>,
    /// Files and directories that words without effect name. Only `haproxy.cfg` has such words.
    pub unread: Vec<Unread>,
    /// Webhooks, in file order.
    pub webhooks: Vec<Webhook>,
    /// Variables that `env(NAME)` reads.
    pub environment: Environment,
}

/// A file or a directory that nothing is read from: HAProxy refuses a file that names one which is
/// not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    /// The word that names it.
    pub keyword: String,
    /// Its path.
    pub path: Spanned<String>,
    /// What has that path, or that name.
    pub object: Object,
}

/// What words without effect name, and has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A file.
    File,
    /// A file that holds an answer of HTTP, or nothing.
    Answer,
    /// A directory.
    Directory,
    /// A user or a group.
    Account(Account),
}

/// The front end a configuration came from. It decides what a missing timeout means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// A timeout that is missing is infinite, and HAProxy's warnings are given.
    #[default]
    Haproxy,
    /// A connect timeout that is missing has a default.
    Toml,
}
