//! `haproxy.cfg` to raw: the tree of a file gets HAProxy's meaning.
//!
//! `defaults` and `default-server` are applied here, a `listen` section becomes a frontend and a
//! backend. What HAProxy reads and
//! this program does not do is ignored with a warning where it has no effect on traffic, and refused
//! where it has; [`haproxy_compat::keywords`] says which. Values are judged by validation.

mod balance;
mod bind;
mod build;
mod check;
mod commands;
mod condition;
mod crt_store;
mod expect;
mod form;
mod global;
mod healthcheck;
mod http_check;
mod keepalive;
mod life;
mod log;
mod numeral;
mod once;
mod option;
mod order;
mod pages;
mod peers;
mod proxy;
mod resolvers;
mod retry;
mod ring;
mod rules;
mod server;
mod settings;
mod socket;
mod stats;
mod tls;
mod tuning;
mod unheeded;
mod userlist;
mod words;

use haproxy_compat::diag::Report;
use haproxy_compat::env::Environment;
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{File, Line, Section, SectionKind};

use crate::config::raw;
use crate::pure::id::Disabled;
use global::UnixBind;
use pages::ErrorSection;
use proxy::Reader;
use settings::Settings;
use words::Context;

/// Sections that are suggested where a keyword is unknown.
const SECTIONS: [&str; 5] = ["global", "defaults", "frontend", "backend", "listen"];

/// Gives the sections of `file` their meaning. `env` is what variables in addresses are replaced
/// from; mistakes go to `report`, and what they concern is left out.
pub(super) fn lower(file: &File, env: &Environment, report: &mut Report) -> raw::Config {
    let mut lowering = Lowering {
        cx: Context::new(env, report),
        config: raw::Config { dialect: raw::Dialect::Haproxy, ..raw::Config::default() },
        unix_bind: UnixBind::default(),
        never_local: None,
        tls: tls::Defaults::default(),
        written: once::Written::default(),
        defaults: Vec::new(),
        disabled: Vec::new(),
        healthchecks: Vec::new(),
        http: Vec::new(),
        unheeded: Vec::new(),
        error_sections: Vec::new(),
        sections: 0,
    };
    for section in &file.sections {
        lowering.section(section);
    }
    lowering.finish()
}

/// A `server` line that stands alone; mistakes go to `report`.
pub(super) fn added_server(
    line: &Line,
    env: &Environment,
    report: &mut Report,
) -> Option<raw::Server> {
    let cx = &mut Context::new(env, report);
    let mut server = server::lower(line, &server::empty_template(), &mut Vec::new(), cx)?;
    healthcheck::apply(&mut server, &[], cx);
    Some(server)
}

struct Lowering<'a> {
    cx: Context<'a>,
    config: raw::Config,
    unix_bind: UnixBind,
    /// `pp2-never-send-local` of `global`, which all servers have then.
    never_local: raw::Field<bool>,
    tls: tls::Defaults,
    written: once::Written,
    defaults: Vec<Defaults>,
    /// Back halves of sections that are `disabled`.
    disabled: Vec<raw::Backend>,
    healthchecks: Vec<healthcheck::Named>,
    /// Sections in `mode http`.
    http: Vec<stats::HttpSection>,
    /// Keywords and names of sections without effect.
    unheeded: Vec<(String, Spanned<String>)>,
    error_sections: Vec<ErrorSection>,
    /// Proxy sections so far.
    sections: u32,
}

/// A `defaults` section.
struct Defaults {
    name: Option<String>,
    span: Span,
    settings: Settings,
    /// The first section that inherits from it.
    first_heir: Option<(SectionKind, Span)>,
}

impl Lowering<'_> {
    fn section(&mut self, section: &Section) {
        match section.kind {
            SectionKind::Global => {
                let global = &mut self.config.global;
                let defaults = (&mut self.unix_bind, &mut self.tls, &mut self.never_local);
                let lines = self.written.heeded(section, &mut self.cx);
                global::lower(lines, global, defaults, &mut self.cx);
            }
            SectionKind::Defaults => self.defaults(section),
            SectionKind::Frontend | SectionKind::Backend | SectionKind::Listen => {
                self.proxy(section);
            }
            SectionKind::Resolvers => {
                self.config.resolvers.extend(resolvers::lower(section, &mut self.cx));
            }
            SectionKind::Healthcheck => {
                self.healthchecks.extend(healthcheck::lower(section, &mut self.cx));
            }
            SectionKind::CrtStore => {
                let stored = crt_store::lower(section, &self.tls, &mut self.cx);
                self.config.certificates.extend(stored);
            }
            SectionKind::Peers => {
                let written = self.config.global.life.localpeer.as_ref();
                let local = match (written, self.cx.env.get("HAPROXY_LOCALPEER")) {
                    (Some(name), _) => Some(name.value.as_str().into()),
                    (None, name) => name.map(String::from_utf8_lossy),
                };
                let peers = peers::lower(section, local.as_deref(), &mut self.cx);
                self.config.peers.extend(peers);
            }
            SectionKind::Ring => self.config.rings.extend(ring::lower(section, &mut self.cx)),
            SectionKind::Userlist => {
                let list = userlist::lower(section, &mut self.cx);
                self.config.userlists.extend(list);
                userlist::first_counts(&mut self.config.userlists, &mut self.cx);
            }
            SectionKind::Mailers | SectionKind::Other => {
                if section.header.words[0].bytes == b"http-errors" {
                    self.error_sections.extend(ErrorSection::lower(section, &mut self.cx));
                } else {
                    unheeded::judge(section, &mut self.cx);
                }
                self.unheeded.extend(
                    section.name.as_ref().map(|name| {
                        (section.header.words[0].text().into_owned(), words::text(name))
                    }),
                );
            }
        }
    }

    fn defaults(&mut self, section: &Section) {
        let inherited = match &section.from {
            Some(_) => self.inherited(section),
            None => Settings::new(),
        };
        let mut reader = self.read(section, inherited);
        if reader.settings.is_http() {
            let warned = |(word, _): &&server::HttpWord| {
                matches!(&**word, "option httplog" | "option httpslog" | "option forwardfor")
            };
            reader.settings.http.extend(reader.http.iter().filter(warned).cloned());
        } else {
            reader.warn_of_http("this 'defaults' section", &mut self.cx);
        }
        if section.name.is_none() {
            rules::nameless(&reader.settings.rules, &mut self.cx);
            rules::nameless_http(&reader.http, &mut self.cx);
        }
        for line in &section.lines {
            stats::in_defaults(line, &mut self.cx);
        }
        self.defaults.push(Defaults {
            name: section.name.as_ref().map(|name| name.text().into_owned()),
            span: section.header.span,
            settings: reader.settings,
            first_heir: None,
        });
    }

    fn proxy(&mut self, section: &Section) {
        let number = self.sections;
        self.sections += 1;
        let inherited = self.inherited(section);
        rules::inherited(section, &inherited.rules, &mut self.cx);
        self.judge_heirs(section);
        let reader = self.read(section, inherited);
        // A section without a name was reported when the file was read.
        let Some(name) = section.name.as_ref().map(words::text) else {
            return;
        };
        if !reader.settings.is_http() {
            reader.warn_of_http(&format!("'{}'", name.value), &mut self.cx);
        }
        if reader.settings.disabled {
            let Disabled { frontends, backends } = &mut self.config.disabled;
            if section.kind != SectionKind::Backend {
                frontends.push(name.value.clone());
            }
            if section.kind != SectionKind::Frontend {
                backends.push(name.value.clone());
            }
            self.disabled.extend(build::disabled(section, number, name, reader, &mut self.cx));
        } else {
            let http = build::add(section, number, name, reader, &mut self.config, &mut self.cx);
            self.http.extend(http);
        }
    }

    /// Rules are handed down to frontends or to backends: to both, HAProxy takes it for a mistake.
    fn judge_heirs(&mut self, section: &Section) {
        let wanted = section.from.as_ref().map(|from| from.text());
        let is_it =
            |it: &&mut Defaults| wanted.is_none() || it.name.as_deref() == wanted.as_deref();
        let Some(defaults) = self.defaults.iter_mut().rev().find(is_it) else { return };
        let mut rules = defaults.settings.rules.iter();
        let rule = rules.find(|rule| {
            let is_rule = matches!(rule.keyword(), "tcp-request" | "tcp-response");
            is_rule && rule.second() != "inspect-delay"
        });
        let first = *defaults.first_heir.get_or_insert((section.kind, section.header.span));
        if let Some(rule) = rule.filter(|_| first.0 != section.kind) {
            let message = "frontends and backends cannot inherit the same rules";
            self.cx.report.alert(section.header.span, message).related(first.1, "inherits, too");
            self.cx.report.help(format!("give each its own 'defaults' with '{}'", rule.keyword()));
        }
    }

    fn read(&mut self, section: &Section, inherited: Settings) -> Reader {
        let mut reader = Reader::new(section.kind, inherited);
        // Lines above 'mode' mean what it says, too.
        for line in section.lines.iter().filter(|line| line.words[0].bytes == b"mode") {
            reader.foretell(line);
        }
        let mut order = order::Order::default();
        for line in &section.lines {
            order.line(line, &mut self.cx);
            reader.line(line, &mut self.cx);
        }
        reader
    }

    /// The settings of the `defaults` that `section` names, or else of the last one before it.
    fn inherited(&mut self, section: &Section) -> Settings {
        let Some(from) = &section.from else {
            let last = self.defaults.last();
            return last.map_or_else(Settings::new, |defaults| defaults.settings.inherited());
        };
        let wanted = from.text();
        let named = |defaults: &&Defaults| defaults.name.as_deref() == Some(wanted.as_ref());
        let mut found = self.defaults.iter().filter(named);
        let Some(first) = found.next() else {
            let known = self.defaults.iter().filter_map(|known| known.name.as_deref());
            self.cx.unknown(from, "as a 'defaults' section above this one", known);
            return Settings::new();
        };
        if let Some(second) = found.next() {
            self.cx
                .report
                .alert(from.span, format!("two 'defaults' sections are called '{wanted}'"))
                .related(second.span, "the second one")
                .help("give them different names");
        }
        first.settings.inherited()
    }

    /// A frontend may name a backend that is disabled: its clients find no server there.
    fn add_disabled(&mut self) {
        let config = &mut self.config;
        for backend in self.disabled.drain(..) {
            let name = &backend.name.value;
            let is_wanted = config.frontends.iter().any(|frontend| names(frontend, name));
            let is_taken = config.backends.iter().any(|known| known.name.value == *name);
            if !is_taken {
                untrack(&mut config.backends, &backend, &mut self.cx);
            }
            if is_wanted && !is_taken {
                config.backends.push(raw::Backend { servers: Vec::new(), ..backend });
            }
        }
        config.backends.sort_by_key(|backend| backend.section);
    }

    /// Programs are only run where `global` says so.
    fn external_checks(&mut self) {
        let global = &self.config.global;
        for backend in &mut self.config.backends {
            let Some(Spanned { value: raw::CheckKind::External(check), span }) = &mut backend.check
            else {
                continue;
            };
            let name = &backend.name.value;
            let Some(allowed) = &global.external_check else {
                self.cx
                    .report
                    .alert(*span, format!("the programs that '{name}' checks with may not be run"))
                    .help("write 'external-check' and 'insecure-fork-wanted' in 'global'");
                continue;
            };
            if !global.insecure_fork_wanted {
                let message = format!(
                    "HAProxy would not run the programs that '{name}' checks with: \
                     'insecure-fork-wanted' is missing in 'global'"
                );
                self.cx.report.warning(*span, message);
            }
            check.preserve_env = Some(allowed.clone());
        }
    }

    /// What does not count has to be there all the same.
    fn judge_targets(&mut self) {
        for target in std::mem::take(&mut self.cx.targets) {
            let mut known = self.config.backends.iter().map(|backend| backend.name.value.as_str());
            if !target.value.contains("%[") && !known.any(|name| *name == *target.value) {
                let message = format!("there is no backend '{}'", target.value);
                self.cx.report.alert(target.span, message);
            }
        }
    }

    fn finish(mut self) -> raw::Config {
        self.add_disabled();
        stats::judge(&self.http, &mut self.config, &mut self.cx);
        self.judge_targets();
        let master = &self.config.global.life.master_worker;
        let has_master = master.as_ref().is_some_and(|on| on.value);
        unheeded::judge_all(&self.unheeded, has_master, &mut self.cx);
        pages::judge(&self.error_sections, &mut self.cx);
        pages::resolve(&mut self.config, &self.error_sections, &mut self.cx);
        for bind in self.config.frontends.iter_mut().flat_map(|frontend| &mut frontend.binds) {
            self.unix_bind.apply(bind);
            self.tls.apply_bind(&mut bind.tls);
        }
        self.external_checks();
        let servers = self.config.backends.iter_mut().chain(&mut self.config.misplaced);
        for server in servers.flat_map(|backend| &mut backend.servers) {
            self.tls.apply_server(&mut server.tls);
            if let Some(never) = &self.never_local {
                server.socket.pp2_never_send_local.get_or_insert_with(|| never.clone());
            }
            healthcheck::apply(server, &self.healthchecks, &mut self.cx);
        }
        self.config.unread = self.cx.unread;
        self.config
    }
}

/// Servers that track one of a section that is disabled track nobody: nothing checks it.
fn untrack(backends: &mut [raw::Backend], disabled: &raw::Backend, cx: &mut Context<'_>) {
    let place = |server: &raw::Server| format!("{}/{}", disabled.name.value, server.name.value);
    let asleep: std::collections::BTreeSet<String> = disabled.servers.iter().map(place).collect();
    for server in backends.iter_mut().flat_map(|backend| &mut backend.servers) {
        if let Some(track) = server.track.take_if(|track| asleep.contains(&track.value)) {
            let message =
                format!("'{}' is in a section that is disabled: nothing is tracked", track.value);
            cx.report.notice(track.span, message);
        }
    }
}

/// Whether `frontend` may send clients to the backend `name`.
fn names(frontend: &raw::Frontend, name: &str) -> bool {
    let default = frontend.default_backend.as_ref().map(|wanted| wanted.value.as_str());
    let mut rules = frontend.rules.iter().filter(|rule| rule.keyword() == "use_backend");
    default == Some(name)
        || rules.any(|rule| rule.words.get(1).is_some_and(|word| word.value == name))
}

#[cfg(test)]
mod tests;
