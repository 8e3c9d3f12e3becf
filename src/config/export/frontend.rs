//! Pure: frontends and listening sockets as TOML.

use std::time::Duration;

use super::socket::bind_socket;
use super::text::{Pairs, duration, list, quote};
use super::{keepalive, log, page, timeout, tls, unix_text};
use crate::config::defaults::{ATTACH_RATE, HOLD, HOLD_MAX};
use crate::config::model::{
    Bind, ClientTimeouts, Frontend, Global, ListenAddr, LogFormat, SessionLog, UnixPermissions,
};
use crate::config::units::INFINITE;
use crate::config::validate::{BacklogRule, HTTP_LOGS, listen_text};
use crate::pure::role::route::RoleRoute;

pub(super) fn frontend_pairs(
    pairs: &mut Pairs,
    frontend: &Frontend,
    global: &Global,
    id: Option<u32>,
) {
    let rule = BacklogRule {
        frontend: None,
        frontend_maxconn: frontend.maxconn,
        global_maxconn: global.maxconn,
    };
    pairs.maybe("id", id);
    pairs.maybe("bind", list(&binds(&frontend.binds, rule)));
    pairs.maybe("backend", frontend.backend.as_ref().map(|name| quote(name.as_str())));
    role(pairs, frontend);
    pairs.maybe("maxconn", frontend.maxconn);
    pairs.table("timeout", &client_timeouts(&frontend.timeouts));
    keepalive(pairs, frontend.keepalive);
    pairs.flag("nolinger", frontend.nolinger);
    pairs.maybe("rate_limit_sessions", frontend.rate_limit_sessions);
    pairs.flag("socket_stats", frontend.socket_stats);
    pairs.flag("independent_streams", frontend.independent_streams);
    pairs.flag("tcp_smart_accept", frontend.tcp_smart_accept);
    log(pairs, &frontend.log.to, global);
    session_log(pairs, &frontend.log);
    pairs.flag("dontlognull", frontend.log.dontlognull);
    pairs.flag("dontlog_normal", frontend.log.dontlog_normal);
    pairs.flag("log_separate_errors", frontend.log.separate_errors);
    pairs.flag("logasap", frontend.log.logasap);
    rules(pairs, &frontend.rules.statements);
    page::http(pairs, frontend.http.as_deref());
}

/// `role` with what belongs to it.
fn role(pairs: &mut Pairs, frontend: &Frontend) {
    match frontend.role {
        None => {}
        Some(RoleRoute::Primary) => pairs.add("role", "\"primary\""),
        Some(RoleRoute::Replica { max_lag, fallback }) => {
            pairs.add("role", "\"replica\"");
            pairs.maybe("max_lag", max_lag.map(duration));
            pairs.maybe("fallback", fallback.then(|| quote("primary")));
        }
    }
    pairs.maybe("rto", frontend.rto.map(duration));
    pairs.maybe("rpo", frontend.rpo);
    hold(pairs, frontend);
}

/// `hold` with what belongs to it, as far as a role does not say it.
fn hold(pairs: &mut Pairs, frontend: &Frontend) {
    let by_role = frontend.role.map(|_| (HOLD, ATTACH_RATE));
    let Some(hold) = frontend.hold else {
        pairs.maybe("hold", by_role.map(|_| duration(Duration::ZERO)));
        return;
    };
    let (time, rate) = by_role.unzip();
    pairs.maybe("hold", Some(hold.time).filter(|own| time != Some(*own)).map(duration));
    pairs.maybe("hold_max", Some(hold.max).filter(|max| *max != HOLD_MAX));
    if hold.rate != rate {
        let text = hold.rate.map_or_else(|| INFINITE.to_owned(), |rate| rate.to_string());
        pairs.add("attach_rate", quote(&text));
    }
}

fn session_log(pairs: &mut Pairs, log: &SessionLog) {
    let format = match &log.format {
        LogFormat::Connect => None,
        LogFormat::Tcp => Some("tcp"),
        LogFormat::TcpClf(_) => Some("tcp-clf"),
        LogFormat::Http(format) => {
            HTTP_LOGS.iter().find(|row| row.1 == format.text).map(|row| row.0)
        }
        LogFormat::Custom(format) => Some(format.text.as_str()),
    };
    pairs.maybe("log_format", format.map(quote));
    pairs.maybe("error_log_format", log.error_format.as_ref().map(|format| quote(&format.text)));
    let structured = log.structured.as_ref();
    pairs.maybe("log_format_sd", structured.map(|format| quote(&format.text)));
    pairs.maybe("unique_id_format", log.unique_id.as_ref().map(|format| quote(&format.text)));
}

/// ACLs and rules, a text each.
pub(super) fn rules(pairs: &mut Pairs, statements: &[String]) {
    let quoted: Vec<String> = statements.iter().map(|text| quote(text)).collect();
    pairs.maybe("rules", list(&quoted));
}

fn client_timeouts(timeouts: &ClientTimeouts) -> Pairs {
    let mut pairs = Pairs::default();
    timeout(&mut pairs, "client", timeouts.client, None);
    timeout(&mut pairs, "client_fin", timeouts.client_fin, None);
    timeout(&mut pairs, "client_hs", timeouts.client_hs, timeouts.client);
    timeout(&mut pairs, "http_request", timeouts.http_request, None);
    timeout(&mut pairs, "http_keep_alive", timeouts.http_keep_alive, None);
    pairs
}

/// Binds, neighbouring ports with equal options as one range.
pub(super) fn binds(binds: &[Bind], rule: BacklogRule) -> Vec<String> {
    let mut written = Vec::new();
    let mut rest = binds;
    while let Some(first) = rest.first() {
        let count = 1 + rest.windows(2).take_while(|pair| continues(&pair[0], &pair[1])).count();
        written.push(bind(first, &rest[count - 1], rule));
        rest = &rest[count..];
    }
    written
}

/// Whether `next` is `last` one port up.
fn continues(last: &Bind, next: &Bind) -> bool {
    let (ListenAddr::Tcp(a), ListenAddr::Tcp(b)) = (&last.address, &next.address) else {
        return false;
    };
    last.id.is_none()
        && a.ip() == b.ip()
        && a.port().checked_add(1) == Some(b.port())
        && Bind { address: next.address.clone(), ..last.clone() } == *next
}

fn bind(first: &Bind, last: &Bind, rule: BacklogRule) -> String {
    let address = quote(&bind_text(first, last));
    let pairs = bind_pairs(first, &address, rule);
    if pairs.len() == 1 { address } else { pairs.inline() }
}

/// An address, or the range of ports from that of `first` to that of `last`.
pub(super) fn bind_text(first: &Bind, last: &Bind) -> String {
    let mut address = match &first.address {
        ListenAddr::Unix(path) => unix_text(path),
        address => listen_text(address),
    };
    if let ListenAddr::Tcp(last) = &last.address
        && first.address != ListenAddr::Tcp(*last)
    {
        address.push_str(&format!("-{}", last.port()));
    }
    address
}

/// A listening socket; the address comes in quotes.
pub(super) fn bind_pairs(first: &Bind, address: &str, rule: BacklogRule) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.add("address", address);
    pairs.maybe("name", first.name.as_ref().map(|name| quote(name)));
    pairs.maybe("maxconn", first.maxconn);
    let default = rule.default_for(first.maxconn);
    pairs.maybe("backlog", (first.backlog != default).then_some(first.backlog));
    pairs.flag("accept_proxy", first.accept_proxy);
    pairs.maybe("tcp_ut", first.tcp_ut.map(duration));
    pairs.maybe("interface", first.interface.as_ref().map(|name| quote(name)));
    pairs.maybe("v6only", first.v6only);
    let UnixPermissions { mode, user, group } = &first.unix;
    pairs.maybe("mode", mode.map(|mode| format!("\"{mode:o}\"")));
    pairs.maybe("user", user.as_ref().map(|user| quote(user)));
    pairs.maybe("group", group.as_ref().map(|group| quote(group)));
    pairs.maybe("id", first.id);
    bind_socket(&mut pairs, &first.socket);
    tls::bind(&mut pairs, first.tls.as_deref());
    pairs
}
