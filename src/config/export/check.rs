//! Pure: the checks of a backend: what its servers share, and what is left for each.

use std::net::IpAddr;
use std::time::Duration;

use super::script::script;
use super::text::{Pairs, bytes, duration, hex, quote};
use super::word;
use crate::config::defaults::{AGENT_INTER, SMTP_CHECK_HELLO};
use crate::config::model::{
    AgentCheck, Check, CheckKind, CheckStatus, DatabaseKind, DatabaseTls, Expect, ExpectReport,
    InitState, Pattern, Server,
};
use crate::config::units::OFF;
use crate::config::validate::{CLUSTERS, DATABASE_TLS, INIT_STATES, MYSQL_DIALECTS};

/// What all checked servers have in common; empty where there is none. A type counts with all of
/// its parameters, a setting of its own.
pub(super) fn shared(servers: &[Server]) -> Pairs {
    let checked = || servers.iter().filter_map(|server| Some((server, server.check.as_ref()?)));
    let Some((first, check)) = checked().next() else {
        return Pairs::default();
    };
    let mut shared = Pairs::default();
    if checked().all(|(_, other)| other.kind == check.kind) {
        shared.extend(kind(&check.kind));
    }
    shared.extend(checked().fold(settings(first, check), |settings, (server, check)| {
        let other = self::settings(server, check);
        settings.filtered(|pair| other.contains(pair))
    }));
    shared
}

/// The checks behind the first, which all servers have in common.
pub(super) fn witnesses(servers: &[Server]) -> Vec<String> {
    let Some(server) = servers.iter().find(|server| !server.witnesses.is_empty()) else {
        return Vec::new();
    };
    let witness = |check: &Check| {
        let mut pairs = kind(&check.kind);
        pairs.extend(settings(server, check));
        pairs.inline()
    };
    server.witnesses.iter().map(witness).collect()
}

/// What `server` writes itself; `None` where it is not checked.
pub(super) fn own(server: &Server, shared: &Pairs) -> Option<Pairs> {
    let check = server.check.as_ref()?;
    let mut own = kind(&check.kind);
    if own.filtered(|pair| !shared.contains(pair)).is_empty() {
        own = Pairs::default();
    }
    own.extend(settings(server, check).filtered(|pair| !shared.contains(pair)));
    Some(own)
}

/// Timing and target, as if nothing were shared.
fn settings(server: &Server, check: &Check) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.add("inter", duration(check.inter));
    let differs = |interval| (interval != check.inter).then(|| duration(interval));
    pairs.maybe("fastinter", differs(check.fastinter));
    pairs.maybe("downinter", differs(check.downinter));
    pairs.add("rise", check.rise.to_string());
    pairs.add("fall", check.fall.to_string());
    pairs.maybe("init_state", init_state(check.init_state));
    pairs.maybe("timeout", check.timeout.map(duration));
    pairs.maybe("addr", check.addr.as_ref().map(|addr| quote(&addr.to_string())));
    pairs.maybe("port", check.port);
    let has_own_target = check.addr.is_some() || check.port.is_some();
    let default = server.send_proxy.filter(|_| !has_own_target);
    let header = check.send_proxy;
    pairs.maybe("send_proxy", (header != default).then_some(header.is_some()));
    pairs
}

/// `None` is the same as not to write it.
fn init_state(state: InitState) -> Option<String> {
    if state == InitState::None { None } else { word(&INIT_STATES, &state) }
}

/// A server's agent.
pub(super) fn agent(agent: &AgentCheck) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.add("port", agent.port.to_string());
    pairs.maybe("inter", (agent.inter != AGENT_INTER).then(|| duration(agent.inter)));
    pairs.maybe("timeout", agent.timeout.map(duration));
    pairs.maybe(
        "addr",
        agent.addr.as_ref().map(|place| match place.inet().map(|addr| addr.ip()) {
            Some(IpAddr::V4(addr)) => quote(&addr.to_string()),
            Some(IpAddr::V6(addr)) => quote(&format!("[{addr}]")),
            None => quote(&place.to_string()),
        }),
    );
    pairs.maybe("send", (!agent.send.is_empty()).then(|| bytes(&agent.send)));
    pairs
}

fn kind(kind: &CheckKind) -> Pairs {
    let mut pairs = Pairs::default();
    match kind {
        CheckKind::Tcp => pairs.add("type", "\"tcp\""),
        CheckKind::Patroni { lag } => {
            pairs.add("type", "\"patroni\"");
            pairs.maybe("lag", lag.as_deref().map(quote));
        }
        CheckKind::Redis => pairs.add("type", "\"redis\""),
        CheckKind::Ldap => pairs.add("type", "\"ldap\""),
        CheckKind::External(check) => {
            pairs.add("type", "\"external\"");
            pairs.add("command", quote(&check.command));
            pairs.maybe("path", check.path.as_deref().map(quote));
            pairs.flag("preserve_env", check.preserve_env);
        }
        CheckKind::Database(check) => {
            let kind = match check.kind {
                DatabaseKind::Postgres => "\"postgres\"",
                DatabaseKind::Mysql => "\"mysql\"",
            };
            pairs.add("type", kind);
            pairs.add("user", quote(&check.user));
            pairs.maybe("password_file", check.password_file.as_deref().map(quote));
            // Written even where there is none: it is what tells the check from HAProxy's.
            pairs.add("database", quote(&check.database));
            pairs.maybe("cluster", check.cluster.and_then(|cluster| word(&CLUSTERS, &cluster)));
            let is_tls = check.tls != DatabaseTls::Off;
            pairs.maybe("tls", word(&DATABASE_TLS, &check.tls).filter(|_| is_tls));
            pairs.maybe("ca_file", check.ca_file.as_deref().map(quote));
            let off = |door: Duration| if door.is_zero() { quote(OFF) } else { duration(door) };
            pairs.maybe("door", check.door.map(off));
        }
        CheckKind::SslHello => pairs.add("type", "\"ssl-hello\""),
        CheckKind::Smtp { hello } => {
            pairs.add("type", "\"smtp\"");
            pairs.maybe("hello", (hello != SMTP_CHECK_HELLO).then(|| quote(hello)));
        }
        CheckKind::Script(steps) => {
            pairs.add("type", "\"tcp-check\"");
            let steps: Vec<String> = steps.iter().map(|step| script(step).inline()).collect();
            pairs.add("steps", format!("[{}]", steps.join(", ")));
        }
        CheckKind::Mysql { user } => {
            pairs.add("type", "\"mysql\"");
            if let Some((user, dialect)) = user {
                pairs.add("user", quote(user));
                if *dialect != Default::default() {
                    pairs.maybe("dialect", word(&MYSQL_DIALECTS, dialect));
                }
            }
        }
        CheckKind::Pgsql { user } => {
            pairs.add("type", "\"pgsql\"");
            pairs.add("user", quote(user));
        }
        CheckKind::Http(check) => {
            pairs.add("type", "\"http\"");
            pairs.extend(super::http_check::http(check));
        }
    }
    pairs
}

pub(super) fn expect(expect: &Expect) -> String {
    let mut pairs = pattern(&expect.pattern);
    pairs.flag("not", expect.negated);
    pairs.maybe("min_recv", expect.min_recv);
    report(&mut pairs, &expect.report, &ExpectReport::default());
    match (&expect.pattern, pairs.len()) {
        (Pattern::Text(data), 1) if std::str::from_utf8(data).is_ok() => bytes(data),
        _ => pairs.inline(),
    }
}

/// What differs from `default`.
pub(super) fn report(pairs: &mut Pairs, report: &ExpectReport, default: &ExpectReport) {
    let status = |status: CheckStatus, default: CheckStatus| {
        (status != default).then(|| quote(status.name()))
    };
    pairs.maybe("ok_status", status(report.ok, default.ok));
    pairs.maybe("error_status", status(report.error, default.error));
    pairs.maybe("tout_status", status(report.timeout, default.timeout));
    pairs.maybe("on_success", report.on_success.as_ref().map(|text| bytes(text.text())));
    pairs.maybe("on_error", report.on_error.as_ref().map(|text| bytes(text.text())));
    pairs.maybe("status_code", report.code.as_ref().map(|code| quote(&code.text)));
}

pub(super) fn pattern(pattern: &Pattern) -> Pairs {
    let mut pairs = Pairs::default();
    match pattern {
        Pattern::Text(data) => pairs.add("string", bytes(data)),
        Pattern::Binary(data) => pairs.add("binary", hex(data)),
        Pattern::Regex(regex) => pairs.add("rstring", quote(regex.as_str())),
        Pattern::BinaryRegex(regex) => pairs.add("rbinary", quote(regex.as_str())),
        Pattern::TextFormat(format) => pairs.add("string_lf", bytes(format.text())),
        Pattern::BinaryFormat(format) => pairs.add("binary_lf", bytes(format.text())),
    }
    pairs
}
