//! Pure: raw -> model, never stopping at the first mistake.
//!
//! Each part reports what is wrong with it and goes on with a default, so that one load shows every
//! mistake; if any was an alert, what came out is thrown away. No I/O: host names, files and
//! accounts are asked of a [`World`] that the caller passes in.

mod acls;
mod agent;
mod backend;
mod balance;
mod check;
mod commands;
mod context;
mod database;
mod direct;
mod drill;
mod expect;
mod frontend;
mod global;
mod http_check;
mod inspect;
mod life;
mod page;
mod patterns;
mod references;
mod resolvers;
mod ring;
mod role;
mod rules;
mod server_addr;
mod session_log;
mod socket;
mod source;
mod state_file;
mod stick;
mod switchover;
mod tls;
mod track;
mod tuning;
mod use_server;
mod variables;
mod webhook;
mod witness;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use haproxy_compat::diag::{Diagnostic, Report, Severity};
use haproxy_compat::span::{Span, Spanned};

pub(super) use self::agent::{INIT_STATES, ON_ERRORS};
pub(super) use self::backend::{LOG_PROTOS, MARKED_DOWN, MARKED_UP, PROXY_HEADERS};
pub(super) use self::balance::{AFFINITIES, BALANCES, FUNCTIONS, HASH_KEYS};
pub(super) use self::check::MYSQL_DIALECTS;
#[cfg(test)]
pub(super) use self::check::connect_bound;
use self::context::Context;
pub(super) use self::database::{CLUSTERS, DATABASE_TLS};
pub(super) use self::frontend::BacklogRule;
use self::frontend::Listening;
pub(super) use self::global::{FRAMINGS, default_framing};
pub(super) use self::resolvers::RESOLVE_FAMILIES;
pub(super) use self::role::{ON_CONFLICTS, TROUBLES, stay_text};
pub(super) use self::session_log::HTTP_LOGS;
pub(super) use self::source::source_text;
pub(super) use self::tls::VERIFY;
pub(super) use self::track::parse as track;
pub(super) use self::webhook::{HOOK_FORMATS, TOPICS};
pub(super) use self::witness::AGREEMENTS;
use super::model::{Config, Global, ListenAddr, Stats, automatic_proxy_ids};
use super::raw::{self, Dialect, Field};
use super::suggest::did_you_mean;
use super::world::World;
use crate::pure::http::ErrorFile;
use crate::pure::id::{Name, ProxyId};

/// What was meant, or `None` where the report refuses it.
pub(super) fn validate(
    raw: &raw::Config,
    world: &mut dyn World,
    report: &mut Report,
) -> Option<Config> {
    let mut context = Context::new(raw.dialect, world, report);
    context.environment = raw.environment.clone();
    let was_refused = context.report.is_refused();
    let ids = context.proxy_ids(raw);
    let (frontend_ids, backend_ids) = ids.split_at(raw.frontends.len());
    let userlists = context.userlists(&raw.userlists);
    context.userlists.clone_from(&userlists);
    let rings = context.all_rings(raw);
    let global = context.global(&raw.global);
    let resolvers = context.all_resolvers(raw);
    context.resolvers = resolvers.iter().map(|section| section.name.clone()).collect();
    context.rulebook.tables.know_peers(&raw.peers);
    context.stored_certificates(&raw.certificates);
    let (mut listening, mut names) = (HashMap::new(), HashMap::new());
    let mut frontends = Vec::new();
    for (raw, &id) in raw.frontends.iter().zip(frontend_ids) {
        let Some(name) = context.new_name("frontend", &raw.name, &mut names) else {
            continue;
        };
        frontends.push(context.frontend(raw, name, ProxyId(id), &global, &mut listening));
    }
    context.missing_binds(raw);
    let mut names = HashMap::new();
    let mut backends = Vec::new();
    for (raw, &id) in raw.backends.iter().zip(backend_ids) {
        let Some(name) = context.new_name("backend", &raw.name, &mut names) else {
            continue;
        };
        context.learn_saved(raw, &name, ProxyId(id), &global);
        backends.push(context.backend(raw, name, ProxyId(id), &global.log));
    }
    context.routes(raw, &frontends, &mut backends);
    context.without_effect(raw, &global);
    let stats = context.all_stats(&raw.stats, &global, &mut listening);
    let commands = context.commands(&raw.global.commands, &mut listening);
    if !was_refused {
        // A server that is wrong in itself would seem to be missing.
        if !context.report.is_refused() {
            context.tracks_exist(raw, &backends);
        }
        context.references_exist(&backends, &frontends);
    }
    // Where sections or lines could not be read, much seems to be missing that is there.
    if !(was_refused && raw.backends.is_empty()) {
        context.backends_exist(raw);
    }
    if raw.dialect == Dialect::Haproxy && !context.report.is_refused() {
        context.missing_timeouts(raw);
    }
    let peers = context.peers(raw);
    let webhooks = context.webhooks(raw);
    let patterns = context.take_patterns();
    let tables = context.take_tables();
    let config = Config {
        global,
        frontends,
        backends,
        disabled: raw.disabled.clone(),
        order: file_order(raw, &ids),
        patterns,
        tables,
        peers,
        stats,
        userlists,
        resolvers,
        rings,
        webhooks,
        certificates: std::mem::take(&mut context.certificates),
        saved: std::mem::take(&mut context.saved.servers),
        commands,
    };
    (!report.is_refused()).then_some(config)
}

/// `ids`, of all frontends and then all backends, as the sections are written.
fn file_order(raw: &raw::Config, ids: &[u32]) -> Vec<ProxyId> {
    let frontends = raw.frontends.iter().map(|raw| raw.name.span);
    let names = frontends.chain(raw.backends.iter().map(|raw| raw.name.span));
    let mut places: Vec<_> = names.map(|span| (span.file, span.start)).zip(ids).collect();
    places.sort_unstable();
    // Both halves of a proxy have its number.
    let mut known = HashSet::new();
    places.into_iter().filter(|(_, id)| known.insert(*id)).map(|(_, &id)| ProxyId(id)).collect()
}

/// Whether a section of this name is a frontend and a backend at once.
fn is_listen(raw: &raw::Config, name: &Spanned<String>) -> bool {
    raw.dialect == Dialect::Haproxy
        && raw.frontends.iter().any(|front| front.name.span == name.span)
        && raw.backends.iter().any(|back| back.name.span == name.span)
}

/// An address as HAProxy writes it.
pub(super) fn listen_text(address: &ListenAddr) -> String {
    match address {
        ListenAddr::Tcp(address) => address.to_string(),
        ListenAddr::Unix(path) => format!("unix@{}", path.display()),
        ListenAddr::Abstract(name) => format!("abns@{}", String::from_utf8_lossy(name)),
        ListenAddr::Fd(fd) => format!("fd@{fd}"),
        ListenAddr::Sockpair(fd) => format!("sockpair@{fd}"),
    }
}

impl Context<'_> {
    fn all_stats(
        &mut self,
        raw: &[raw::Stats],
        global: &Global,
        listening: &mut Listening,
    ) -> Vec<Stats> {
        let mut names = HashMap::new();
        let mut stats = Vec::new();
        for raw in raw {
            if let Some(name) = self.new_name("stats listener", &raw.name, &mut names) {
                stats.push(self.stats(raw, name, global, listening));
            }
        }
        stats
    }

    /// What frontends say about servers is judged and thrown away, and what nothing is read from has to
    /// be there.
    fn without_effect(&mut self, raw: &raw::Config, global: &Global) {
        self.unasked_state_file(&raw.global, global);
        self.unread(raw);
        for raw in &raw.misplaced {
            if let Ok(name) = Name::new(&raw.name.value) {
                self.backend(raw, name, ProxyId(0), &[]);
            }
        }
        for (name, bind) in &raw.misplaced_binds {
            let what = format!("backend '{name}'");
            let (rule, listening) = (BacklogRule::default(), &mut Listening::default());
            self.binds(std::slice::from_ref(bind), &what, rule, listening);
        }
    }

    /// A name that no other of its kind has.
    fn new_name(
        &mut self,
        kind: &str,
        written: &Spanned<String>,
        names: &mut HashMap<String, Span>,
    ) -> Option<Name> {
        let name = self.name(kind, written)?;
        if let Some(&first) = names.get(&written.value) {
            self.report.alert(written.span, format!("a second {kind} '{name}'"));
            self.report.related(first, "the first");
            return None;
        }
        names.insert(written.value.clone(), written.span);
        Some(name)
    }

    /// The ids of all frontends, then all backends.
    fn proxy_ids(&mut self, raw: &raw::Config) -> Vec<u32> {
        let frontends =
            raw.frontends.iter().map(|raw| ("frontend", raw.section, &raw.name, &raw.id));
        let backends = raw.backends.iter().map(|raw| ("backend", raw.section, &raw.name, &raw.id));
        let mut halves = Vec::new();
        let mut taken: HashMap<u32, (u32, Span)> = HashMap::new();
        for (kind, section, name, field) in frontends.chain(backends) {
            let what = format!("{kind} '{}'", name.value);
            let id = self.positive(&format!("id of {what}"), field).map(std::num::NonZero::get);
            halves.push((section, id));
            let (Some(id), Some(field)) = (id, field) else {
                continue;
            };
            match taken.get(&id) {
                Some(&(owner, first)) if owner != section => {
                    self.report.alert(field.span, format!("{what} has an id that is taken: {id}"));
                    self.report.related(first, "taken here");
                }
                _ => {
                    taken.insert(id, (section, field.span));
                }
            }
        }
        automatic_proxy_ids(&halves)
    }

    /// HAProxy calls both halves of a `listen` section a proxy.
    fn missing_binds(&mut self, raw: &raw::Config) {
        for frontend in raw.frontends.iter().filter(|frontend| frontend.binds.is_empty()) {
            let kind = if is_listen(raw, &frontend.name) { "proxy" } else { "frontend" };
            let message =
                format!("{kind} '{}' has no 'bind': no client can reach it", frontend.name.value);
            self.warn_of_section(&frontend.name, message);
            self.report.help("add a bind, or make it a backend if that was meant");
        }
    }

    /// A warning about what a section lacks: HAProxy's form names no line for it.
    fn warn_of_section(&mut self, name: &Spanned<String>, message: String) {
        if self.dialect == Dialect::Toml {
            self.report.warning(name.span, message);
            return;
        }
        self.report.push(Diagnostic {
            severity: Severity::Warning,
            span: None,
            message,
            help: None,
            related: Some((name.span, "defined here".to_owned())),
        });
    }

    fn backends_exist(&mut self, raw: &raw::Config) {
        let known: Vec<&str> = raw.backends.iter().map(|raw| raw.name.value.as_str()).collect();
        let names: HashSet<&str> = known.iter().copied().collect();
        self.modes_agree(raw);
        for frontend in &raw.frontends {
            let Some(backend) = &frontend.default_backend else {
                continue;
            };
            if names.contains(backend.value.as_str()) {
                continue;
            }
            let guess = did_you_mean(&backend.value, known.iter().copied());
            let message = format!(
                "frontend '{}': there is no backend '{}'{guess}",
                frontend.name.value, backend.value
            );
            self.report.alert(backend.span, message);
            if known.is_empty() {
                self.report.help("no backend is defined");
            } else {
                self.report.help(format!("backends: {}", known.join(", ")));
            }
        }
    }

    /// Requests go to a backend that answers requests, and bytes to one that relays bytes.
    fn modes_agree(&mut self, raw: &raw::Config) {
        let is_http = |http: &raw::Http| http.mode.as_ref().is_some_and(|it| it.value == "http");
        for frontend in &raw.frontends {
            for name in frontend.targets() {
                let found = raw.backends.iter().find(|it| it.name.value == name.value);
                if found.is_some_and(|it| is_http(&it.http) != is_http(&frontend.http)) {
                    let message = format!(
                        "frontend '{}' and backend '{}' are not in the same 'mode'",
                        frontend.name.value, name.value
                    );
                    self.report.alert(name.span, message);
                }
            }
        }
    }

    /// Files and directories that words without effect name.
    fn unread(&mut self, raw: &raw::Config) {
        for raw::Unread { keyword, path, object } in &raw.unread {
            if self.is_told(path.span) {
                continue;
            }
            let place = Path::new(&path.value);
            let found = match *object {
                raw::Object::Directory => self.world.list(place).map(drop),
                raw::Object::File => self.world.read(place).map(drop),
                raw::Object::Answer => self.answer(place),
                raw::Object::Account(kind) => {
                    self.account(kind, &Some(path.clone()));
                    continue;
                }
            };
            if let Err(error) = found {
                let message = format!("{keyword}: cannot read '{}': {error}", path.value);
                self.report.alert(path.span, message);
            }
        }
    }

    /// A file that holds an answer of HTTP, or nothing.
    fn answer(&mut self, path: &Path) -> Result<(), String> {
        let bytes = self.world.read(path)?;
        match ErrorFile::read(&bytes) {
            Err(why) if !bytes.is_empty() => Err(why.to_string()),
            _ => Ok(()),
        }
    }

    /// HAProxy's warning, once a section.
    fn missing_timeouts(&mut self, raw: &raw::Config) {
        let is_set = |field: &Field<std::time::Duration>| {
            field.as_ref().is_some_and(|field| !field.value.is_zero())
        };
        let mut missing: Vec<(u32, &str, &Spanned<String>, Vec<&str>)> = Vec::new();
        for frontend in &raw.frontends {
            if !is_set(&frontend.timeouts.client) {
                missing.push((frontend.section, "frontend", &frontend.name, vec!["client"]));
            }
        }
        for backend in raw.backends.iter().filter(|backend| !backend.servers.is_empty()) {
            let timeouts = &backend.timeouts;
            let mut words = Vec::new();
            if !is_set(&timeouts.connect) {
                words.push("connect");
            }
            if !is_set(&timeouts.server) && !is_set(&timeouts.tunnel) {
                words.push("server");
            }
            let front = missing.iter_mut().find(|(section, ..)| *section == backend.section);
            match front {
                _ if words.is_empty() => {}
                Some((_, kind, _, front_words)) => {
                    *kind = "proxy";
                    front_words.append(&mut words);
                }
                None => missing.push((backend.section, "backend", &backend.name, words)),
            }
        }
        missing.sort_by_key(|(section, ..)| *section);
        for (_, kind, name, words) in missing {
            let kind = if is_listen(raw, name) { "proxy" } else { kind };
            self.warn_of_section(name, format!("missing timeouts for {kind} '{}'", name.value));
            let words = words.join("', '");
            self.report.help(format!(
                "set timeout '{words}' to more than zero, or a peer that vanished is kept forever"
            ));
        }
    }
}
