//! Pure: backends and servers as TOML.

use super::balance::balance_pairs;
use super::resolvers::naming;
use super::socket::server_socket;
use super::text::{Pairs, duration, key, list, quote};
use super::{check, keepalive, log, timeout, tls, unix_text, word};
use crate::config::defaults::{CONNECT_TIMEOUT, ERROR_LIMIT, REDISPATCH, RETRIES};
use crate::config::model::{
    Backend, Global, HashKey, LoadState, LogProto, Redispatch, Server, ServerAddr, ServerTimeouts,
};
use crate::config::validate::{
    AGREEMENTS, HASH_KEYS, LOG_PROTOS, MARKED_DOWN, MARKED_UP, ON_CONFLICTS, ON_ERRORS,
    PROXY_HEADERS, TROUBLES, source_text, stay_text,
};
use crate::pure::role::stay::Stays;
use crate::pure::role::witness::Agree;
use crate::pure::weight::Weight;

pub(super) fn backend_pairs(
    pairs: &mut Pairs,
    backend: &Backend,
    global: &Global,
    id: Option<u32>,
) {
    pairs.maybe("id", id);
    balance_pairs(pairs, backend);
    pairs.flag("allbackups", backend.allbackups);
    pairs.maybe("on_conflict", word(&ON_CONFLICTS[1..], &backend.on_conflict));
    pairs.table("sessions", &stays(&backend.stays));
    if let Some(drill) = &backend.drill {
        pairs.table("drill", &super::switchover::drill(drill));
    }
    if let Some(switchover) = &backend.switchover {
        pairs.table("switchover", &super::switchover::switchover(switchover));
    }
    super::frontend::rules(pairs, &backend.rules.statements);
    super::page::http(pairs, backend.http.as_deref());
    let shared = check::shared(&backend.servers);
    match check::witnesses(&backend.servers) {
        others if others.is_empty() => pairs.table("check", &shared),
        others => {
            let all = std::iter::once(shared.inline()).chain(others);
            pairs.add("check", format!("[{}]", all.collect::<Vec<_>>().join(", ")));
        }
    }
    let default = Agree::default();
    if backend.agree.agreement != default.agreement {
        pairs.maybe("agree", word(&AGREEMENTS, &backend.agree.agreement));
    }
    pairs.maybe("agree_deadline", backend.agree.deadline.map(duration));
    servers(pairs, &backend.servers, &shared);
    pairs.table("timeout", &server_timeouts(&backend.timeouts));
    pairs.maybe("retries", (backend.retries != RETRIES).then_some(backend.retries));
    if backend.redispatch != REDISPATCH {
        pairs.add(
            "redispatch",
            match backend.redispatch {
                Redispatch::Never => "false".to_owned(),
                Redispatch::Untied => "0".to_owned(),
                Redispatch::Every(count) => count.to_string(),
                Redispatch::FromLast(count) if count.get() == 1 => "true".to_owned(),
                Redispatch::FromLast(count) => format!("-{count}"),
            },
        );
    }
    keepalive(pairs, backend.keepalive);
    pairs.flag("nolinger", backend.nolinger);
    pairs.flag("persist", backend.persist);
    pairs.maybe("persist_rdp_cookie", backend.rdp_cookie.as_deref().map(quote));
    pairs.flag("abortonclose", backend.abortonclose);
    pairs.flag("independent_streams", backend.independent_streams);
    pairs.flag("tcp_smart_connect", backend.tcp_smart_connect);
    match &backend.direct {
        Some(direct) if direct.address.follows_client() => pairs.flag("transparent", true),
        direct => {
            let address = direct.as_ref().map(|server| quote(&server_address(server)));
            pairs.maybe("dispatch", address);
        }
    }
    pairs.maybe("source", backend.source.as_ref().map(|source| quote(&source_text(source))));
    pairs.maybe("fullconn", backend.fullconn);
    pairs.flag("log_health_checks", backend.log_health_checks);
    log(pairs, &backend.log, global);
    match &backend.load_state {
        LoadState::None => {}
        LoadState::Global => pairs.add("load_server_state", "\"global\""),
        LoadState::Local(file) => {
            pairs.add("load_server_state", "\"local\"");
            let named = file.as_os_str() != backend.name.as_str();
            let file = file.display().to_string();
            pairs.maybe("server_state_file", named.then(|| quote(&file)));
        }
    }
}

/// What is not the default.
fn stays(stays: &Stays) -> Pairs {
    let mut pairs = Pairs::default();
    for ((trouble, &stay), default) in TROUBLES.iter().zip(&stays.0).zip(Stays::default().0) {
        pairs.maybe(trouble, (stay != default).then(|| quote(&stay_text(stay))));
    }
    pairs
}

/// Servers by name, without what they `shared`.
pub(super) fn servers(pairs: &mut Pairs, servers: &[Server], shared: &Pairs) {
    for server in servers {
        let name = format!("server.{}", key(server.name.as_str()));
        pairs.add(&name, server_value(server, shared));
    }
}

fn server_timeouts(timeouts: &ServerTimeouts) -> Pairs {
    let mut pairs = Pairs::default();
    timeout(&mut pairs, "connect", timeouts.connect, Some(CONNECT_TIMEOUT));
    timeout(&mut pairs, "server", timeouts.server, None);
    timeout(&mut pairs, "server_fin", timeouts.server_fin, None);
    timeout(&mut pairs, "tunnel", timeouts.tunnel, None);
    timeout(&mut pairs, "queue", timeouts.queue, timeouts.connect);
    pairs
}

fn server_value(server: &Server, shared: &Pairs) -> String {
    let address = quote(&server_address(server));
    let mut pairs = Pairs::default();
    pairs.add("address", &address);
    pairs.maybe("id", server.has_own_id.then_some(server.id.0));
    let weight = server.weight;
    pairs.maybe("weight", (weight != Weight::DEFAULT).then_some(weight.value()));
    pairs.flag("backup", server.backup);
    pairs.flag("disabled", server.disabled);
    pairs.flag("non_stick", server.non_stick);
    pairs.maybe("maxconn", server.maxconn);
    pairs.maybe("minconn", server.minconn);
    pairs.maybe("maxqueue", server.maxqueue);
    pairs.maybe("slowstart", server.slowstart.map(duration));
    if server.hash_key != HashKey::Id {
        pairs.maybe("hash_key", word(&HASH_KEYS, &server.hash_key));
    }
    match check::own(server, shared) {
        Some(own) => pairs.table("check", &own),
        None if shared.is_empty() || server.track.is_some() => {}
        None => pairs.add("check", "false"),
    }
    pairs.maybe("track", server.track.as_ref().map(|track| quote(&track.to_string())));
    if let Some(agent) = &server.agent {
        pairs.table("agent", &check::agent(agent));
    }
    if let Some(observe) = &server.observe {
        pairs.add("observe", "\"layer4\"");
        let limit = observe.error_limit.get();
        pairs.maybe("error_limit", (limit != ERROR_LIMIT).then_some(limit));
        if observe.on_error != Default::default() {
            pairs.maybe("on_error", word(&ON_ERRORS, &observe.on_error));
        }
    }
    if server.on_marked_down != Default::default() {
        pairs.maybe("on_marked_down", word(&MARKED_DOWN, &server.on_marked_down));
    }
    if server.on_marked_up != Default::default() {
        pairs.maybe("on_marked_up", word(&MARKED_UP, &server.on_marked_up));
    }
    pairs.maybe("send_proxy", server.send_proxy.and_then(|header| word(&PROXY_HEADERS, &header)));
    let tlvs: Vec<String> = server
        .proxy_tlvs
        .iter()
        .map(|tlv| quote(&format!("{:#04X} {}", tlv.kind, tlv.format.text)))
        .collect();
    pairs.maybe("proxy_v2_tlvs", list(&tlvs));
    pairs.maybe("tcp_ut", server.tcp_ut.map(duration));
    if server.log_proto != LogProto::default() {
        pairs.maybe("log_proto", word(&LOG_PROTOS, &server.log_proto));
    }
    server_socket(&mut pairs, &server.socket);
    naming(&mut pairs, server);
    tls::server(&mut pairs, server);
    if pairs.len() == 1 { address } else { pairs.inline() }
}

fn server_address(server: &Server) -> String {
    let host = |ip: Option<std::net::IpAddr>| match (&server.hostname, ip) {
        (Some(name), _) => name.clone(),
        (None, Some(ip)) if ip.is_ipv6() => format!("[{ip}]"),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => String::new(),
    };
    match &server.address {
        ServerAddr::Tcp(address) => format!("{}:{}", host(Some(address.ip())), address.port()),
        ServerAddr::Unresolved { port: Some(port), .. } => format!("{}:{port}", host(None)),
        ServerAddr::TcpClientPort { offset: 0, .. } | ServerAddr::Unresolved { offset: 0, .. } => {
            host(server.address.ip())
        }
        ServerAddr::TcpClientPort { offset, .. } | ServerAddr::Unresolved { offset, .. } => {
            format!("{}:{offset:+}", host(server.address.ip()))
        }
        ServerAddr::Unix(path) => unix_text(path),
        ServerAddr::Abstract(name) => format!("abns@{}", String::from_utf8_lossy(name)),
        ServerAddr::Sockpair(fd) => format!("sockpair@{fd}"),
    }
}
