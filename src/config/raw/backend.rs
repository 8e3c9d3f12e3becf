//! Where clients are sent, as written.

use std::time::Duration;

use haproxy_compat::span::{Span, Spanned};

use super::{
    AgentSettings, CheckKind, CheckSettings, Field, Http, Keepalive, Log, Naming, ServerSide,
    ServerSocket, Statement, Tls, Witness,
};

/// A `backend`, or the back half of a `listen` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// See [`Frontend::section`](super::Frontend::section).
    pub section: u32,
    /// Its name.
    pub name: Spanned<String>,
    /// An explicit number for statistics.
    pub id: Field<u64>,
    /// `roundrobin`, `static-rr`, `leastconn`, `first`, `source`, `random`, `random(3)`.
    pub balance: Field<String>,
    /// `hash-type`, its words.
    pub hash_type: Field<String>,
    /// `hash-balance-factor`, in percent; 0 counts as not written.
    pub hash_balance_factor: Field<u64>,
    /// `hash-preserve-affinity`, a word.
    pub hash_preserve_affinity: Field<String>,
    /// `on_conflict`, of the native form only.
    pub on_conflict: Field<String>,
    /// `sessions`, of the native form only: one word or two for each trouble.
    pub stays: [Field<String>; 5],
    /// `switchover`, of the native form only.
    pub switchover: Option<super::Switchover>,
    /// `drill`, of the native form only.
    pub drill: Option<super::Drill>,
    /// `option allbackups`.
    pub allbackups: Field<bool>,
    /// Servers, in file order, `default-server` applied.
    pub servers: Vec<Server>,
    /// What checked servers are asked (`option …-check`); `None`: a plain connection.
    pub check: Field<CheckKind>,
    /// What checked servers without a setting of their own use. Only TOML writes these here;
    /// `default-server` is applied to the servers themselves.
    pub check_settings: CheckSettings,
    /// Checks beside it, of the native form only.
    pub witnesses: Vec<Witness>,
    /// `agree`, of the native form only.
    pub agree: Field<String>,
    /// `agree_deadline`, of the native form only.
    pub agree_deadline: Field<Duration>,
    /// `retries`.
    pub retries: Field<u64>,
    /// `option redispatch [interval]` as HAProxy counts it: n > 0 on every n-th retry, n < 0 on the
    /// n-th from the last, 0 on none; -1 where no interval was written, `None` where it is off.
    pub redispatch: Field<Option<i64>>,
    /// Timeouts.
    pub timeouts: ServerTimeouts,
    /// `option tcpka`, `option srvtcpka` and their numbers.
    pub keepalive: Keepalive,
    /// `option nolinger`.
    pub nolinger: Field<bool>,
    /// `option abortonclose` and socket options.
    pub side: ServerSide,
    /// `source`, all of its words.
    pub source: Field<String>,
    /// `fullconn`; 0 counts as not written.
    pub fullconn: Field<u64>,
    /// `option log-health-checks`.
    pub log_health_checks: Field<bool>,
    /// `log` lines.
    pub log: Vec<Log>,
    /// `log-tag`.
    pub log_tag: Field<String>,
    /// ACLs and rules, in order.
    pub rules: Vec<Statement>,
    /// `load-server-state-from-file`: `global`, `local` or `none`.
    pub load_server_state: Field<String>,
    /// `server-state-file-name`; empty: the backend's name.
    pub server_state_file: Field<String>,
    /// `mode http` and what goes with it.
    pub http: Box<Http>,
}

impl Backend {
    /// A backend of which only the name was written.
    #[must_use]
    pub fn new(section: u32, name: Spanned<String>) -> Self {
        Self {
            section,
            name,
            id: None,
            balance: None,
            hash_type: None,
            hash_balance_factor: None,
            hash_preserve_affinity: None,
            on_conflict: None,
            stays: [const { None }; 5],
            switchover: None,
            drill: None,
            allbackups: None,
            servers: Vec::new(),
            check: None,
            check_settings: CheckSettings::default(),
            witnesses: Vec::new(),
            agree: None,
            agree_deadline: None,
            retries: None,
            redispatch: None,
            timeouts: ServerTimeouts::default(),
            keepalive: Keepalive::default(),
            nolinger: None,
            side: ServerSide::default(),
            source: None,
            fullconn: None,
            log_health_checks: None,
            rules: Vec::new(),
            log: Vec::new(),
            log_tag: None,
            load_server_state: None,
            server_state_file: None,
            http: Box::default(),
        }
    }
}

/// Timeouts of the server side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerTimeouts {
    /// `timeout connect`.
    pub connect: Field<Duration>,
    /// `timeout server`.
    pub server: Field<Duration>,
    /// `timeout server-fin`.
    pub server_fin: Field<Duration>,
    /// `timeout tunnel`.
    pub tunnel: Field<Duration>,
    /// `timeout queue`.
    pub queue: Field<Duration>,
    /// `timeout check`.
    pub check: Field<Duration>,
}

/// A `server`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its name.
    pub name: Spanned<String>,
    /// HAProxy's address grammar, variables already replaced: `10.0.0.1:3306`, `db1.local:3306`,
    /// `[::1]:80`, `10.0.0.1` and `10.0.0.1:+1000` (the client's port), `unix@/path`, `abns@name`, `sockpair@3`.
    pub address: Spanned<String>,
    /// An explicit number for statistics.
    pub id: Field<u64>,
    /// `weight`.
    pub weight: Field<u64>,
    /// `backup`.
    pub backup: Field<bool>,
    /// `disabled`.
    pub disabled: Field<bool>,
    /// `non-stick`.
    pub non_stick: Field<bool>,
    /// `maxconn`; 0 counts as not written.
    pub maxconn: Field<u64>,
    /// `minconn`; 0 counts as not written.
    pub minconn: Field<u64>,
    /// `maxqueue`; 0 counts as not written.
    pub maxqueue: Field<u64>,
    /// `slowstart`; 0 counts as not written.
    pub slowstart: Field<Duration>,
    /// `hash-key`, a word.
    pub hash_key: Field<String>,
    /// `check`: only `true` makes a server checked.
    pub check: Field<bool>,
    /// What this server is asked where that differs from the backend's. Only TOML can write it.
    pub check_kind: Field<CheckKind>,
    /// `healthcheck`: the section that says so. Only haproxy.cfg can write it, and it is gone once
    /// the file is read.
    pub check_section: Field<String>,
    /// Settings of its check.
    pub check_settings: CheckSettings,
    /// `track`: `server` or `backend/server`.
    pub track: Field<String>,
    /// Its agent.
    pub agent: AgentSettings,
    /// `observe`, a word.
    pub observe: Field<String>,
    /// `error-limit`.
    pub error_limit: Field<u64>,
    /// `on-error`, a word.
    pub on_error: Field<String>,
    /// `on-marked-down`, a word.
    pub on_marked_down: Field<String>,
    /// `on-marked-up`, a word.
    pub on_marked_up: Field<String>,
    /// `v1` (`send-proxy`), `v2` (`send-proxy-v2`), `v2-ssl` or `v2-ssl-cn`.
    pub send_proxy: Field<String>,
    /// `log-proto`, a word.
    pub log_proto: Field<String>,
    /// `tcp-ut`.
    pub tcp_ut: Field<Duration>,
    /// `tfo`, which has no effect; HAProxy wants `retry-on` beside it. Only haproxy.cfg can write it.
    pub tfo: Option<Span>,
    /// Socket options.
    pub socket: ServerSocket,
    /// How its name is followed.
    pub naming: Naming,
    /// `ssl` and what goes with it.
    pub tls: Box<Tls>,
}

impl Server {
    /// A server without options.
    #[must_use]
    pub fn new(name: Spanned<String>, address: Spanned<String>) -> Self {
        Self {
            name,
            address,
            id: None,
            weight: None,
            backup: None,
            disabled: None,
            non_stick: None,
            maxconn: None,
            minconn: None,
            maxqueue: None,
            slowstart: None,
            hash_key: None,
            check: None,
            check_kind: None,
            check_section: None,
            check_settings: CheckSettings::default(),
            track: None,
            agent: AgentSettings::default(),
            observe: None,
            error_limit: None,
            on_error: None,
            on_marked_down: None,
            on_marked_up: None,
            send_proxy: None,
            log_proto: None,
            tcp_ut: None,
            tfo: None,
            socket: ServerSocket::default(),
            naming: Naming::default(),
            tls: Box::default(),
        }
    }
}
