//! A section that was read becomes a frontend, a backend, or both.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Section, SectionKind};

use super::proxy::Reader;
use super::settings::Settings;
use super::stats::HttpSection;
use super::words::Context;
use crate::config::raw::{
    self, Backend, ClientSide, Config, Field, Frontend, Keepalive, Server, ServerSide, Statement,
};

/// Adds what `section` became to `config`. What there is to judge of one in `mode http` is yielded: it
/// depends on the others.
pub(super) fn add(
    section: &Section,
    number: u32,
    name: Spanned<String>,
    reader: Reader,
    config: &mut Config,
    cx: &mut Context<'_>,
) -> Option<HttpSection> {
    let Reader { mut settings, binds, servers, id, misplaced, .. } = reader;
    if let Some(misplaced) = misplaced {
        let binds = misplaced.binds.iter().map(|bind| (name.value.clone(), bind.clone()));
        config.misplaced_binds.extend(binds);
        if section.kind == SectionKind::Frontend {
            add_misplaced(number, &name, &misplaced.settings, config, cx);
        }
        let mut switches = switches(&misplaced.settings);
        if let Some(rule) = switches.find(|rule| rule.words.len() < 2) {
            cx.report.alert(rule.span, "'use_backend' needs the name of a backend");
        }
        for target in targets(&misplaced.settings).cloned() {
            if target.value == name.value {
                cx.report.alert(target.span, format!("'{}' leads to itself", name.value));
            }
            cx.targets.push(target);
        }
    }
    let http = settings.is_http().then(|| HttpSection {
        kind: section.kind,
        name: name.clone(),
        header: section.header.span,
        has_servers: !servers.is_empty() || settings.dispatch.is_some(),
        serves: settings.page.serves(),
        backends: backends(&settings),
    });
    if http.is_some() {
        settings.rules.append(&mut settings.page.rules);
    }
    if section.kind != SectionKind::Backend {
        let mut frontend = frontend(number, name.clone(), &settings);
        frontend.binds = binds;
        let rules = settings.rules.iter().filter(|rule| rule.is_of_frontend());
        frontend.rules = rules.cloned().collect();
        frontend.id.clone_from(&id);
        if section.kind == SectionKind::Listen {
            whole(&mut frontend, &name, &servers, cx);
        }
        config.frontends.push(frontend);
    }
    if section.kind == SectionKind::Listen {
        // Both halves have one table, which is that of the first.
        settings.rules.retain(|rule| rule.keyword() != "stick-table");
    }
    if section.kind != SectionKind::Frontend {
        if let Some(check) = settings.checks.unused() {
            let judged = Backend::new(number, name.clone());
            config.misplaced.push(Backend { check: Some(check), ..judged });
        }
        config.backends.push(backend(number, name, id, servers, settings, cx));
    }
    http
}

/// What a frontend says about servers.
fn add_misplaced(
    number: u32,
    name: &Spanned<String>,
    settings: &Settings,
    config: &mut Config,
    cx: &mut Context<'_>,
) {
    let mut settings = settings.inherited();
    settings.rules.clear();
    config.misplaced.push(backend(number, name.clone(), None, Vec::new(), settings, cx));
}

/// Backends that a section may send to.
fn backends(settings: &Settings) -> Vec<String> {
    targets(settings).map(|name| name.value.clone()).collect()
}

fn switches(settings: &Settings) -> impl Iterator<Item = &Statement> {
    settings.rules.iter().filter(|rule| rule.keyword() == "use_backend")
}

fn targets(settings: &Settings) -> impl Iterator<Item = &Spanned<String>> {
    switches(settings).filter_map(|rule| rule.words.get(1)).chain(&settings.default_backend)
}

/// Both halves of a `listen` section belong together, unless it says otherwise.
fn whole(
    frontend: &mut Frontend,
    name: &Spanned<String>,
    servers: &[Server],
    cx: &mut Context<'_>,
) {
    match &frontend.default_backend {
        None => frontend.default_backend = Some(name.clone()),
        Some(other) if !servers.is_empty() => {
            let message = format!("the servers of '{}' are never used", name.value);
            cx.report.warning(other.span, message).help("'default_backend' comes before them");
        }
        Some(_) => {}
    }
}

/// What is left of a section that is disabled: its back half, for frontends that name it.
pub(super) fn disabled(
    section: &Section,
    number: u32,
    name: Spanned<String>,
    reader: Reader,
    cx: &mut Context<'_>,
) -> Option<Backend> {
    let Reader { settings, servers, id, .. } = reader;
    let is_tcp_backend = section.kind != SectionKind::Frontend && !settings.is_http();
    is_tcp_backend.then(|| backend(number, name, id, servers, settings, cx))
}

fn frontend(number: u32, name: Spanned<String>, settings: &Settings) -> Frontend {
    let flags = &settings.flags;
    Frontend {
        id: None,
        binds: Vec::new(),
        backlog: settings.backlog.clone(),
        default_backend: settings.default_backend.clone(),
        maxconn: settings.maxconn.clone(),
        timeouts: settings.client.clone(),
        keepalive: Keepalive {
            enabled: flags.either("tcpka", "clitcpka"),
            ..settings.client_keepalive.clone()
        },
        nolinger: flags.of("nolinger"),
        log: settings.log.clone(),
        log_format: log_format(settings),
        error_log_format: settings.error_log_format.clone(),
        log_format_sd: settings.log_format_sd.clone(),
        unique_id_format: settings.unique_id_format.clone(),
        log_tag: settings.log_tag.clone(),
        dontlognull: flags.of("dontlognull"),
        dontlog_normal: flags.of("dontlog-normal"),
        log_separate_errors: flags.of("log-separate-errors"),
        logasap: flags.of("logasap"),
        side: ClientSide {
            rate_limit_sessions: settings.rate_limit.clone(),
            socket_stats: flags.of("socket-stats"),
            independent_streams: flags.of("independent-streams"),
            tcp_smart_accept: flags.of("tcp-smart-accept"),
        },
        http: http(settings),
        ..Frontend::new(number, name)
    }
}

/// Lines about requests are lines about sessions where there are no requests.
fn log_format(settings: &Settings) -> Field<String> {
    let mut format = settings.log_format.clone();
    if let Some(format) = &mut format
        && matches!(format.value.as_str(), "http" | "http-clf" | "https")
        && !settings.is_http()
    {
        "tcp".clone_into(&mut format.value);
    }
    format
}

/// What only `mode http` can say.
fn http(settings: &Settings) -> Box<raw::Http> {
    match settings.is_http() {
        true => settings.page.http(settings.mode.clone()),
        false => Box::default(),
    }
}

fn backend(
    number: u32,
    name: Spanned<String>,
    id: Field<u64>,
    servers: Vec<Server>,
    settings: Settings,
    cx: &mut Context<'_>,
) -> Backend {
    let flags = &settings.flags;
    let http = http(&settings);
    let check = settings.checks.clone().finish(&name.value, cx);
    let mut rules = settings.rules;
    rules.retain(Statement::is_of_backend);
    super::retry::tfo(&servers, &settings.retried, cx);
    let retries = match super::retry::is_never(&settings.retried) {
        true => Some(Spanned::new(0, name.span)),
        false => settings.retries,
    };
    Backend {
        id,
        rules,
        balance: settings.balance,
        hash_type: settings.hash_type,
        hash_balance_factor: settings.hash_balance_factor,
        hash_preserve_affinity: settings.hash_preserve_affinity,
        allbackups: flags.of("allbackups"),
        servers,
        check,
        retries,
        redispatch: settings.redispatch,
        timeouts: settings.server,
        keepalive: Keepalive {
            enabled: flags.either("tcpka", "srvtcpka"),
            ..settings.server_keepalive
        },
        nolinger: flags.of("nolinger"),
        side: ServerSide {
            persist: flags.of("persist"),
            abortonclose: flags.of("abortonclose"),
            independent_streams: flags.of("independent-streams"),
            tcp_smart_connect: flags.of("tcp-smart-connect"),
            persist_rdp_cookie: settings.persist_rdp_cookie,
            dispatch: settings.dispatch,
            transparent: flags.of("transparent"),
        },
        source: settings.source,
        fullconn: settings.fullconn,
        log_health_checks: flags.of("log-health-checks"),
        log: settings.log,
        log_tag: settings.log_tag,
        load_server_state: settings.load_server_state,
        server_state_file: settings.server_state_file,
        http,
        ..Backend::new(number, name)
    }
}
