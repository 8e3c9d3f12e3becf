//! What a proxy section says before it is known what the section becomes: the state that `defaults`
//! hands down.

use super::check::Checks;
use super::option::Flags;
use super::server::{self, HttpWord};
use super::stats::Page;
use crate::config::raw::{
    ClientTimeouts, Field, Keepalive, Log, Server, ServerTimeouts, Statement,
};

/// What a section says that the sections below it can inherit.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Field<String>,
    pub(super) disabled: bool,
    pub(super) client: ClientTimeouts,
    pub(super) server: ServerTimeouts,
    pub(super) default_backend: Field<String>,
    pub(super) maxconn: Field<u64>,
    pub(super) backlog: Field<u64>,
    pub(super) retries: Field<u64>,
    /// Events of `retry-on`; empty: not written.
    pub(super) retried: Vec<String>,
    pub(super) redispatch: Field<Option<i64>>,
    pub(super) fullconn: Field<u64>,
    pub(super) source: Field<String>,
    pub(super) dispatch: Field<String>,
    pub(super) persist_rdp_cookie: Field<String>,
    pub(super) rate_limit: Field<u64>,
    pub(super) balance: Field<String>,
    pub(super) hash_type: Field<String>,
    pub(super) hash_balance_factor: Field<u64>,
    pub(super) hash_preserve_affinity: Field<String>,
    pub(super) flags: Flags,
    pub(super) client_keepalive: Keepalive,
    pub(super) server_keepalive: Keepalive,
    pub(super) log: Vec<Log>,
    pub(super) log_format: Field<String>,
    pub(super) error_log_format: Field<String>,
    pub(super) unique_id_format: Field<String>,
    /// `log-format-sd`.
    pub(super) log_format_sd: Field<String>,
    pub(super) log_tag: Field<String>,
    pub(super) checks: Checks,
    pub(super) template: Server,
    pub(super) page: Page,
    pub(super) rules: Vec<Statement>,
    /// What TCP proxies are warned of that inherit it from a section of HTTP.
    pub(super) http: Vec<HttpWord>,
    pub(super) load_server_state: Field<String>,
    pub(super) server_state_file: Field<String>,
}

impl Settings {
    /// Nothing said.
    pub(super) fn new() -> Self {
        Self {
            mode: None,
            disabled: false,
            client: ClientTimeouts::default(),
            server: ServerTimeouts::default(),
            default_backend: None,
            maxconn: None,
            backlog: None,
            retries: None,
            retried: Vec::new(),
            redispatch: None,
            fullconn: None,
            source: None,
            dispatch: None,
            persist_rdp_cookie: None,
            rate_limit: None,
            balance: None,
            hash_type: None,
            hash_balance_factor: None,
            hash_preserve_affinity: None,
            flags: Flags::default(),
            client_keepalive: Keepalive::default(),
            server_keepalive: Keepalive::default(),
            log: Vec::new(),
            log_format: None,
            error_log_format: None,
            unique_id_format: None,
            log_format_sd: None,
            log_tag: None,
            checks: Checks::default(),
            template: server::empty_template(),
            page: Page::default(),
            rules: Vec::new(),
            http: Vec::new(),
            load_server_state: None,
            server_state_file: None,
        }
    }

    /// What a section starts from that inherits these.
    pub(super) fn inherited(&self) -> Self {
        Self { checks: self.checks.inherited(), ..self.clone() }
    }

    /// Whether the section speaks HTTP.
    pub(super) fn is_http(&self) -> bool {
        self.mode.as_ref().is_some_and(|mode| mode.value == "http")
    }
}
