//! Pure: the checks of a backend: what its servers share, and what is left for each.

use std::net::IpAddr;

use super::text::{Pairs, bytes, duration, hex, quote};
use super::word;
use crate::config::defaults::{
    AGENT_INTER, HTTP_CHECK_METHOD, HTTP_CHECK_URI, HTTP_CHECK_VERSION, SMTP_CHECK_HELLO,
};
use crate::config::model::{
    AgentCheck, Check, CheckKind, CheckStatus, Expect, ExpectReport, HttpCheck, HttpExpect,
    HttpMatch, InitState, Layer, Pattern, ScriptStep, Server, TextMatch,
};
use crate::config::validate::{INIT_STATES, MYSQL_DIALECTS};

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
    pairs.maybe("addr", check.addr.map(|addr| quote(&addr.to_string())));
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
        agent.addr.map(|addr| match addr {
            IpAddr::V4(addr) => quote(&addr.to_string()),
            IpAddr::V6(addr) => quote(&format!("[{addr}]")),
        }),
    );
    pairs.maybe("send", (!agent.send.is_empty()).then(|| bytes(&agent.send)));
    pairs
}

fn kind(kind: &CheckKind) -> Pairs {
    let mut pairs = Pairs::default();
    match kind {
        CheckKind::Tcp => pairs.add("type", "\"tcp\""),
        CheckKind::Redis => pairs.add("type", "\"redis\""),
        CheckKind::Ldap => pairs.add("type", "\"ldap\""),
        CheckKind::External(check) => {
            pairs.add("type", "\"external\"");
            pairs.add("command", quote(&check.command));
            pairs.maybe("path", check.path.as_deref().map(quote));
            pairs.flag("preserve_env", check.preserve_env);
        }
        CheckKind::Database(check) => {
            pairs.add("type", "\"postgres\"");
            pairs.add("user", quote(&check.user));
            pairs.maybe("password_file", check.password_file.as_deref().map(quote));
            pairs.add("database", quote(&check.database));
        }
        CheckKind::SslHello => pairs.add("type", "\"ssl-hello\""),
        CheckKind::Smtp { hello } => {
            pairs.add("type", "\"smtp\"");
            pairs.maybe("hello", (hello != SMTP_CHECK_HELLO).then(|| quote(hello)));
        }
        CheckKind::Script(steps) => {
            pairs.add("type", "\"tcp-check\"");
            let steps: Vec<String> = steps.iter().map(|step| self::step(step).inline()).collect();
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
            pairs.extend(http(check));
        }
    }
    pairs
}

fn step(step: &ScriptStep) -> Pairs {
    let mut pairs = Pairs::default();
    let comment = match step {
        ScriptStep::Comment(comment) => {
            pairs.add("comment", quote(comment));
            return pairs;
        }
        ScriptStep::Connect { port, addr, send_proxy, linger, layer, comment } => {
            let mut options = Pairs::default();
            options.maybe("port", *port);
            options.maybe("addr", addr.map(|addr| quote(&addr.to_string())));
            options.flag("send_proxy", *send_proxy);
            options.flag("linger", *linger);
            options.flag("default", *layer == Layer::Default);
            if let Layer::Tls { sni, alpn } = layer {
                options.flag("ssl", true);
                options.maybe("sni", sni.as_ref().map(|sni| quote(sni)));
                options.maybe("alpn", alpn.as_ref().map(|alpn| quote(alpn)));
            }
            match options.is_empty() {
                true => pairs.flag("connect", true),
                false => pairs.table("connect", &options),
            }
            comment
        }
        ScriptStep::Send { data, binary, comment } => {
            match binary {
                true => pairs.add("send_binary", hex(data)),
                false => pairs.add("send", bytes(data)),
            }
            comment
        }
        ScriptStep::Expect(expect) => {
            pairs.add("expect", self::expect(expect));
            &expect.comment
        }
    };
    pairs.maybe("comment", comment.as_ref().map(|comment| quote(comment)));
    pairs
}

fn expect(expect: &Expect) -> String {
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
fn report(pairs: &mut Pairs, report: &ExpectReport, default: &ExpectReport) {
    let status = |status: CheckStatus, default: CheckStatus| {
        (status != default).then(|| quote(status.name()))
    };
    pairs.maybe("ok_status", status(report.ok, default.ok));
    pairs.maybe("error_status", status(report.error, default.error));
    pairs.maybe("tout_status", status(report.timeout, default.timeout));
    pairs.maybe("on_success", report.on_success.as_deref().map(bytes));
    pairs.maybe("on_error", report.on_error.as_deref().map(bytes));
    pairs.maybe("status_code", report.code.as_ref().map(|code| quote(&code.to_string())));
}

fn pattern(pattern: &Pattern) -> Pairs {
    let mut pairs = Pairs::default();
    match pattern {
        Pattern::Text(data) => pairs.add("string", bytes(data)),
        Pattern::Binary(data) => pairs.add("binary", hex(data)),
        Pattern::Regex(regex) => pairs.add("rstring", quote(regex.as_str())),
        Pattern::BinaryRegex(regex) => pairs.add("rbinary", quote(regex.as_str())),
        Pattern::TextFormat(data) => pairs.add("string_lf", bytes(data)),
        Pattern::BinaryFormat(data) => pairs.add("binary_lf", hex(data)),
    }
    pairs
}

fn http(check: &HttpCheck) -> Pairs {
    let mut pairs = Pairs::default();
    let differs = |value: &str, default| (value != default).then(|| quote(value));
    pairs.maybe("method", differs(&check.method, HTTP_CHECK_METHOD));
    pairs.maybe("uri", differs(&check.uri, HTTP_CHECK_URI));
    pairs.maybe("version", differs(&check.version, HTTP_CHECK_VERSION));
    let headers: Vec<String> = check
        .headers
        .iter()
        .map(|header| quote(&format!("{}: {}", header.name, header.value)))
        .collect();
    pairs.maybe("headers", super::list(&headers));
    pairs.maybe("body", (!check.body.is_empty()).then(|| bytes(&check.body)));
    match check.expects.as_slice() {
        [] => {}
        [expect] => pairs.table("expect", &http_expect(expect)),
        expects => {
            let expects: Vec<String> = expects.iter().map(|it| http_expect(it).inline()).collect();
            pairs.add("expect", format!("[{}]", expects.join(", ")));
        }
    }
    pairs.flag("disable_on_404", check.disable_on_404);
    pairs
}

fn http_expect(expect: &HttpExpect) -> Pairs {
    let mut pairs = Pairs::default();
    match &expect.matcher {
        HttpMatch::Status(ranges) => {
            let ranges: Vec<String> = ranges
                .iter()
                .map(|(first, last)| match first == last {
                    true => first.to_string(),
                    false => format!("{first}-{last}"),
                })
                .collect();
            pairs.add("status", quote(&ranges.join(",")));
        }
        HttpMatch::StatusRegex(Pattern::Regex(regex)) => {
            pairs.add("rstatus", quote(regex.as_str()));
        }
        HttpMatch::StatusRegex(other) | HttpMatch::Body(other) => pairs.extend(pattern(other)),
        HttpMatch::Header { full, name, value } => {
            let mut header = Pairs::default();
            text_match(&mut header, ["name", "name_match"], name);
            if let Some(value) = value {
                text_match(&mut header, ["value", "value_match"], value);
            }
            header.flag("full", *full);
            pairs.table("hdr", &header);
        }
    }
    pairs.flag("not", expect.negated);
    pairs.maybe("min_recv", expect.min_recv);
    pairs.maybe("comment", expect.comment.as_deref().map(quote));
    report(&mut pairs, &expect.report, &expect.matcher.report());
    pairs
}

fn text_match(pairs: &mut Pairs, [text, way]: [&'static str; 2], written: &TextMatch) {
    let (value, word) = match written {
        TextMatch::Is(value) => (value.as_str(), None),
        TextMatch::Begins(value) => (value.as_str(), Some("beg")),
        TextMatch::Ends(value) => (value.as_str(), Some("end")),
        TextMatch::Contains(value) => (value.as_str(), Some("sub")),
        TextMatch::Regex(Pattern::Regex(regex)) => (regex.as_str(), Some("reg")),
        TextMatch::Regex(_) => return,
    };
    pairs.add(text, quote(value));
    pairs.maybe(way, word.map(quote));
}
