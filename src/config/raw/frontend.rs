//! Where clients connect, and what is logged of them, as written.

use std::time::Duration;

use haproxy_compat::span::{Span, Spanned};

use super::{BindSocket, ClientSide, Field, Http, Statement, Tls};

/// A `frontend`, or the front half of a `listen` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontend {
    /// Which proxy section of the load this is, from 0, counting every `frontend`, `backend` and
    /// `listen` (also disabled ones): automatic ids follow it. The
    /// two halves of a `listen` have the same number.
    pub section: u32,
    /// Its name.
    pub name: Spanned<String>,
    /// An explicit number for statistics.
    pub id: Field<u64>,
    /// Listening sockets.
    pub binds: Vec<Bind>,
    /// `backlog`, which binds without their own use.
    pub backlog: Field<u64>,
    /// `role`: which servers of the backend, a word. Only TOML can write it and what follows.
    pub role: RoleSettings,
    /// `default_backend`; the back half's name for a `listen`.
    pub default_backend: Field<String>,
    /// Connections; 0 counts as not written.
    pub maxconn: Field<u64>,
    /// Timeouts.
    pub timeouts: ClientTimeouts,
    /// `option tcpka`, `option clitcpka` and their numbers.
    pub keepalive: Keepalive,
    /// `option nolinger`.
    pub nolinger: Field<bool>,
    /// `log` lines.
    pub log: Vec<Log>,
    /// `connect`, `tcp` (`option tcplog`), `tcp-clf` (`option tcplog clf`), or a format.
    pub log_format: Field<String>,
    /// `error-log-format`.
    pub error_log_format: Field<String>,
    /// `unique-id-format`.
    pub unique_id_format: Field<String>,
    /// `log-format-sd`.
    pub log_format_sd: Field<String>,
    /// `log-tag`.
    pub log_tag: Field<String>,
    /// `option dontlognull`.
    pub dontlognull: Field<bool>,
    /// `option dontlog-normal`.
    pub dontlog_normal: Field<bool>,
    /// `option log-separate-errors`.
    pub log_separate_errors: Field<bool>,
    /// `option logasap`.
    pub logasap: Field<bool>,
    /// ACLs and rules, in order.
    pub rules: Vec<Statement>,
    /// Rates and socket options.
    pub side: ClientSide,
    /// `mode http` and what goes with it.
    pub http: Box<Http>,
}

/// Which servers of its backend a frontend's sessions may go to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleSettings {
    /// `role`, a word.
    pub role: Field<String>,
    /// `max_lag`.
    pub max_lag: Field<Duration>,
    /// `fallback`, a word.
    pub fallback: Field<String>,
    /// `rto`.
    pub rto: Field<Duration>,
    /// `rpo`.
    pub rpo: Field<u64>,
    /// `hold`; zero: nobody is held.
    pub hold: Field<Duration>,
    /// `hold_max`.
    pub hold_max: Field<u64>,
    /// `attach_rate`, a text.
    pub attach_rate: Field<String>,
}

impl Frontend {
    /// Backends that it names, the default one last.
    pub fn targets(&self) -> impl Iterator<Item = &Spanned<String>> {
        let switches = self.rules.iter().filter(|rule| rule.keyword() == "use_backend");
        switches.filter_map(|rule| rule.words.get(1)).chain(&self.default_backend)
    }

    /// A frontend of which only the name was written.
    #[must_use]
    pub fn new(section: u32, name: Spanned<String>) -> Self {
        Self {
            section,
            name,
            id: None,
            binds: Vec::new(),
            backlog: None,
            role: RoleSettings::default(),
            default_backend: None,
            maxconn: None,
            timeouts: ClientTimeouts::default(),
            keepalive: Keepalive::default(),
            nolinger: None,
            log: Vec::new(),
            log_format: None,
            error_log_format: None,
            unique_id_format: None,
            log_format_sd: None,
            log_tag: None,
            dontlognull: None,
            dontlog_normal: None,
            log_separate_errors: None,
            logasap: None,
            rules: Vec::new(),
            side: ClientSide::default(),
            http: Box::default(),
        }
    }
}

/// Timeouts of the client side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientTimeouts {
    /// `timeout client`.
    pub client: Field<Duration>,
    /// `timeout client-fin`.
    pub client_fin: Field<Duration>,
    /// `timeout client-hs`.
    pub client_hs: Field<Duration>,
    /// `timeout http-request`.
    pub http_request: Field<Duration>,
    /// `timeout http-keep-alive`.
    pub http_keep_alive: Field<Duration>,
}

/// One `bind`: an address, a comma-separated list of them or a range of ports, with its options.
#[derive(Clone, Debug, PartialEq)]
pub struct Bind {
    /// HAProxy's address grammar, variables already replaced: `*:3306`, `[::]:80-89`, `unix@/path`,
    /// `/path`, `abns@name`, `fd@3`, `sockpair@3`, `10.0.0.1:80,10.0.0.2:80`.
    pub address: Spanned<String>,
    /// `name`.
    pub name: Field<String>,
    /// `maxconn`; 0 counts as not written.
    pub maxconn: Field<u64>,
    /// `backlog`.
    pub backlog: Field<u64>,
    /// `accept-proxy`.
    pub accept_proxy: Field<bool>,
    /// `tcp-ut`.
    pub tcp_ut: Field<Duration>,
    /// `interface`.
    pub interface: Field<String>,
    /// `v6only` (true) or `v4v6` (false).
    pub v6only: Field<bool>,
    /// `mode`: permission bits, already read as octal.
    pub mode: Field<u64>,
    /// `user` or `uid`, as written.
    pub user: Field<String>,
    /// `group` or `gid`, as written.
    pub group: Field<String>,
    /// Socket options.
    pub socket: BindSocket,
    /// `ssl` and what goes with it.
    pub tls: Box<Tls>,
}

impl Bind {
    /// A bind without options.
    #[must_use]
    pub fn new(address: Spanned<String>) -> Self {
        Self {
            address,
            name: None,
            maxconn: None,
            backlog: None,
            accept_proxy: None,
            tcp_ut: None,
            interface: None,
            v6only: None,
            mode: None,
            user: None,
            group: None,
            socket: BindSocket::default(),
            tls: Box::default(),
        }
    }
}

/// Keepalive of either side. The numbers count only where `enabled` is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keepalive {
    /// Whether it is on.
    pub enabled: Field<bool>,
    /// `clitcpka-idle`, `srvtcpka-idle`.
    pub idle: Field<Duration>,
    /// `clitcpka-intvl`, `srvtcpka-intvl`.
    pub intvl: Field<Duration>,
    /// `clitcpka-cnt`, `srvtcpka-cnt`.
    pub cnt: Field<u64>,
}

/// One `log` line of a proxy.
#[derive(Clone, Debug, PartialEq)]
pub enum Log {
    /// `log global`.
    Global(Span),
    /// A target of its own.
    Target(Box<LogTarget>),
}

/// A log target.
#[derive(Clone, Debug, PartialEq)]
pub struct LogTarget {
    /// `127.0.0.1:514`, `/dev/log`, `unix@/path`, `abns@name`, `stdout`, `stderr`, `fd@2`,
    /// `ring@name`, `tcp@127.0.0.1:514`; variables replaced.
    pub target: Spanned<String>,
    /// `len`, in bytes.
    pub len: Field<u64>,
    /// `format`, a word.
    pub format: Field<String>,
    /// Facility, a word; `None` is refused by HAProxy and local0 in TOML.
    pub facility: Field<String>,
    /// Level, a word.
    pub level: Field<String>,
    /// Minimum level, a word.
    pub minlevel: Field<String>,
    /// `sample`: `1,3-4:5`.
    pub sample: Field<String>,
}

impl LogTarget {
    /// A target without options.
    #[must_use]
    pub const fn new(target: Spanned<String>) -> Self {
        Self {
            target,
            len: None,
            format: None,
            facility: None,
            level: None,
            minlevel: None,
            sample: None,
        }
    }
}

/// An HTTP listener for metrics and health.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// The section's name; `stats` in TOML.
    pub name: Spanned<String>,
    /// Listening sockets.
    pub binds: Vec<Bind>,
    /// Path of the Prometheus exporter.
    pub metrics_path: Field<String>,
}
