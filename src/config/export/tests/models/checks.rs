//! Checks of every shape that validation can yield.

use std::num::NonZeroU16;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{address, duration, port, text};
use crate::config::model::{
    AgentCheck, Assigned, Check, CheckKind, CheckStatus, Expect, ExpectReport, ExternalCheck,
    Format, HttpCheck, HttpExpect, HttpMatch, HttpSend, InitState, Layer, MysqlDialect, Observe,
    OnError, Pattern, Payload, PortFrom, ProxyHeader, ScriptStep, SendHeader, TextMatch, TextWay,
};
use crate::pure::pattern::Regex;
use crate::pure::probe::Place;
use crate::pure::sample::testing::Nowhere;
use crate::pure::sample::{Expr, Variable};

pub(super) fn check() -> impl Strategy<Value = Check> {
    let states = [InitState::None, InitState::FullyUp, InitState::Down];
    let counts = (1u16..20, 1u16..20, proptest::sample::select(states.to_vec()));
    let interval = || prop_oneof![Just(Duration::from_secs(2)), duration()];
    let header = of(Just(ProxyHeader::V1));
    (
        kind().boxed(),
        interval(),
        interval(),
        interval(),
        counts,
        of(duration()),
        of(place().boxed()),
        of(port()),
        header,
    )
        .prop_map(
            |(
                kind,
                inter,
                fastinter,
                downinter,
                (rise, fall, init_state),
                timeout,
                addr,
                port,
                header,
            )| {
                Check {
                    kind,
                    inter,
                    fastinter,
                    downinter,
                    rise: NonZeroU16::new(rise).unwrap(),
                    fall: NonZeroU16::new(fall).unwrap(),
                    init_state,
                    timeout,
                    timeout_connect: inter,
                    addr,
                    port,
                    send_proxy: header,
                    tls: None,
                    is_tls: false,
                }
            },
        )
}

pub(super) fn agent() -> impl Strategy<Value = AgentCheck> {
    let send = prop_oneof![Just(Vec::new()), bytes().boxed()];
    (duration(), of(duration()), of(address().boxed()), port(), send).prop_map(
        |(inter, timeout, addr, port, send)| AgentCheck {
            inter,
            timeout,
            timeout_connect: inter,
            addr: addr.map(|addr| Place::Inet((addr.ip(), 0).into())),
            port,
            send,
        },
    )
}

pub(super) fn observe() -> impl Strategy<Value = Observe> {
    let reactions = [OnError::FastInter, OnError::FailCheck, OnError::MarkDown];
    let limit = (1u32..20).prop_map(|limit| std::num::NonZeroU32::new(limit).unwrap());
    (limit, proptest::sample::select(reactions.to_vec()))
        .prop_map(|(error_limit, on_error)| Observe { error_limit, on_error })
}

fn kind() -> impl Strategy<Value = CheckKind> {
    let dialect = proptest::sample::select(
        &[MysqlDialect::Pre41, MysqlDialect::Post41, MysqlDialect::Post80][..],
    );
    prop_oneof![
        Just(CheckKind::Tcp),
        Just(CheckKind::Redis),
        Just(CheckKind::Patroni { lag: None }),
        Just(CheckKind::Patroni { lag: Some("10MB".to_owned()) }),
        Just(CheckKind::Ldap),
        Just(CheckKind::SslHello),
        (text().boxed(), of(text().boxed()), any::<bool>()).prop_map(
            |(command, path, preserve_env)| {
                CheckKind::External(ExternalCheck { command, path, preserve_env })
            }
        ),
        prop_oneof![Just("HELO localhost".to_owned()), "EHLO [a-z\"]{1,5}"]
            .prop_map(|hello| CheckKind::Smtp { hello }),
        vec(step().boxed(), 0..4).prop_map(CheckKind::Script),
        http().boxed().prop_map(CheckKind::Http),
        of((text().boxed(), dialect)).prop_map(|user| CheckKind::Mysql { user }),
        text().boxed().prop_map(|user| CheckKind::Pgsql { user }),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 1..6), text().boxed().prop_map(String::into_bytes)]
}

fn regex() -> impl Strategy<Value = Regex> {
    let texts = &["^\\+PONG", "role:(master|slave)", "\\d+ \"x\""][..];
    proptest::sample::select(texts).prop_map(|text| Regex::new(text, false).unwrap())
}

/// A sample of a check.
fn sample(text: &str) -> Expr {
    Expr::parse(text, &mut Nowhere).unwrap()
}

/// A text that is computed.
fn computed() -> impl Strategy<Value = Format> {
    proptest::sample::select(&["x%[srv_name]", "%[int(5)]%%", "%[res.len] \"%[var(check.a)]"][..])
        .prop_map(|text| Format::parse(text.as_bytes(), &mut Nowhere).unwrap())
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![bytes().prop_map(|bytes| Format::literal(&bytes)), computed()]
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        bytes().prop_map(Payload::Text),
        bytes().prop_map(Payload::Binary),
        format().prop_map(Payload::Format),
        format().prop_map(Payload::BinaryFormat),
    ]
}

fn variable_step() -> impl Strategy<Value = ScriptStep> {
    let name = || Variable::parse("check.a").unwrap();
    prop_oneof![
        Just(ScriptStep::UnsetVar(name())),
        Just(ScriptStep::SetVar(name(), Assigned::Sample(sample("res.len,add(1)")))),
        computed().prop_map(move |format| ScriptStep::SetVar(name(), Assigned::Format(format))),
    ]
}

/// Where a check goes.
fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        address().prop_map(Place::Inet),
        Just(Place::Unix("/run/s".into())),
        Just(Place::Abstract(b"s".to_vec())),
    ]
}

fn step() -> impl Strategy<Value = ScriptStep> {
    let pattern = prop_oneof![
        bytes().boxed().prop_map(Pattern::Text),
        bytes().boxed().prop_map(Pattern::Binary),
        regex().boxed().prop_map(Pattern::Regex),
        regex().boxed().prop_map(Pattern::BinaryRegex),
        format().boxed().prop_map(Pattern::TextFormat),
        format().boxed().prop_map(Pattern::BinaryFormat),
    ];
    let port = prop_oneof![
        port().prop_map(PortFrom::Fixed),
        Just(PortFrom::Sample(sample("var(check.port)"))),
    ];
    let connect = (of(port), of(place().boxed()), any::<[bool; 3]>(), of(text().boxed()));
    prop_oneof![
        connect.prop_map(|(port, addr, [send_proxy, via_socks4, linger], comment)| {
            ScriptStep::Connect {
                port,
                addr,
                send_proxy,
                via_socks4,
                linger,
                layer: match linger {
                    true => Layer::Default,
                    false => Layer::Plain,
                },
                comment,
            }
        }),
        (payload(), of(text().boxed()))
            .prop_map(|(data, comment)| { ScriptStep::Send { data, comment } }),
        variable_step(),
        (pattern, any::<bool>(), of(0u32..9), of(text().boxed()), report()).prop_map(
            |(pattern, negated, min_recv, comment, report)| {
                ScriptStep::Expect(Expect { pattern, negated, min_recv, comment, report })
            }
        ),
        text().boxed().prop_map(ScriptStep::Comment),
    ]
}

fn report() -> impl Strategy<Value = ExpectReport> {
    use CheckStatus::{L4Con, L4Ok, L6Timeout, L7Ok, L7Response, L7Timeout};
    let code = proptest::sample::select(&["int(7)", "res.payload(1,2)"][..]).prop_map(sample);
    (
        proptest::sample::select(&[L7Ok, L4Ok][..]),
        proptest::sample::select(&[L7Response, L4Con][..]),
        proptest::sample::select(&[L7Timeout, L6Timeout][..]),
        of(format().boxed()),
        of(format().boxed()),
        of(code),
    )
        .prop_map(|(ok, error, timeout, on_success, on_error, code)| ExpectReport {
            ok,
            error,
            timeout,
            on_success,
            on_error,
            code,
        })
}

fn text_match() -> impl Strategy<Value = TextMatch> {
    prop_oneof![
        text().prop_map(TextMatch::Is),
        text().prop_map(TextMatch::Begins),
        text().prop_map(TextMatch::Ends),
        text().prop_map(TextMatch::Contains),
        regex().prop_map(|regex| TextMatch::Regex(Pattern::Regex(regex))),
        (
            proptest::sample::select(
                &[TextWay::Is, TextWay::Begins, TextWay::Ends, TextWay::Contains][..]
            ),
            computed()
        )
            .prop_map(|(way, format)| TextMatch::Computed(way, format)),
    ]
}

fn http() -> impl Strategy<Value = HttpCheck> {
    let ranges = vec((100u16..400, 0u16..9).prop_map(|(low, more)| (low, low + more)), 1..3);
    let matcher = prop_oneof![
        ranges.prop_map(HttpMatch::Status),
        regex().boxed().prop_map(|regex| HttpMatch::StatusRegex(Pattern::Regex(regex))),
        bytes().boxed().prop_map(|bytes| HttpMatch::Body(Pattern::Text(bytes))),
        regex().boxed().prop_map(|regex| HttpMatch::Body(Pattern::Regex(regex))),
        (any::<bool>(), text_match().boxed(), of(text_match().boxed()))
            .prop_map(|(full, name, value)| HttpMatch::Header { full, name, value }),
    ];
    let details = (any::<bool>(), of(1u32..9), of(text().boxed()), of(format().boxed()));
    let expect = (matcher, details)
        .prop_map(|(matcher, (negated, min_recv, comment, on_error))| {
            let report = ExpectReport { on_error, ..matcher.report() };
            HttpExpect { negated, matcher, min_recv, comment, report }
        })
        .boxed();
    let header = ("[A-Z][a-z-]{0,5}", "[a-z:%]([a-z :\"]{0,5}[a-z])?")
        .prop_map(|(name, value)| SendHeader { name, value: Format::literal(value.as_bytes()) });
    let literal = |text: String| Format::literal(text.as_bytes());
    let send = (
        prop_oneof![Just("OPTIONS".to_owned()), "[A-Z]{3,4}"],
        prop_oneof![Just("/".to_owned()), "/[a-z?=&]{0,6}"].prop_map(literal),
        prop_oneof![Just("HTTP/1.0".to_owned()), Just("HTTP/1.1".to_owned())],
        vec(header, 0..3),
        prop_oneof![Just(Format::default()), format()],
        of(text().boxed()),
    )
        .prop_map(|(method, uri, version, headers, body, comment)| HttpSend {
            method,
            uri,
            version,
            headers,
            body,
            comment,
        });
    let steps = prop_oneof![
        vec(expect.clone().prop_map(ScriptStep::HttpExpect), 1..3),
        vec(prop_oneof![variable_step(), text().prop_map(ScriptStep::Comment)], 1..3),
    ];
    (send, steps, expect, any::<[bool; 2]>()).prop_map(
        |(send, steps, expect, [disable_on_404, send_state])| HttpCheck {
            steps: std::iter::once(ScriptStep::HttpSend(send))
                .chain(steps)
                .chain([ScriptStep::HttpExpect(expect)])
                .collect(),
            disable_on_404,
            send_state,
        },
    )
}
