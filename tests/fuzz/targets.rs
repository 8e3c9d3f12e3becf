//! What reads bytes of strangers, each under a name: bytes in, and neither a panic nor more memory
//! than its bound out. Driven by `cargo fuzz` and by the ordinary test beside it.
#![allow(unreachable_pub, reason = "to the programs beside it this is a library")]

use std::collections::BTreeSet;
use std::hint::black_box;

use evenkeel::config::{self, Language, Surroundings};
use evenkeel::control::cli::line;
use evenkeel::pure::health::agent_words::AgentWords;
use evenkeel::pure::http::Request;
use evenkeel::pure::http::body::Body;
use evenkeel::pure::probe::kind::{CheckKind, MysqlDialect};
use evenkeel::pure::probe::{Context, Input, Probe, Step};
use evenkeel::pure::resolve::message;
use evenkeel::pure::sentinel::{Dialogue, Login, Said};
use evenkeel::pure::state_file;
use evenkeel::pure::wire::client_hello::{self, ClientHello};
use evenkeel::pure::wire::{Parsed, pgsql_startup, proxy, rdp, x509};
use haproxy_compat::cond::{Facts, Version};
use haproxy_compat::diag::DIAGNOSTICS_MAX;
use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

/// All names, as [`run`] takes them.
pub const NAMES: [&str; 13] = [
    "config",
    "proxy_header",
    "client_hello",
    "command",
    "mysql",
    "pgsql",
    "ldap",
    "smtp",
    "agent",
    "dns",
    "state_file",
    "sentinel",
    "http",
];

/// Bytes of an answer that a check keeps here.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a form that are kept here.
const BODY_BYTES_MAX: usize = 64;

/// Steps after which a check must have come to a verdict: it takes one for each piece, and few more.
const STEPS_MAX: usize = 200;

/// Gives `bytes` to what `name` says.
///
/// # Panics
/// Where something is wrong: that is the purpose. Also for a name that is none.
pub fn run(name: &str, bytes: &[u8]) {
    let account = || "haproxy".to_owned();
    match name {
        "config" => load(bytes),
        "proxy_header" => proxy_header(bytes),
        "client_hello" => hello(bytes),
        "command" => command(bytes),
        "mysql" => {
            probe(&CheckKind::Mysql { user: None }, bytes);
            for dialect in [MysqlDialect::Post41, MysqlDialect::Pre41] {
                probe(&CheckKind::Mysql { user: Some((account(), dialect)) }, bytes);
            }
        }
        "pgsql" => {
            black_box(pgsql_startup::is_opening(bytes));
            probe(&CheckKind::Pgsql { user: account() }, bytes);
        }
        "ldap" => probe(&CheckKind::Ldap, bytes),
        "smtp" => probe(&CheckKind::Smtp { hello: "EHLO localhost".to_owned() }, bytes),
        "agent" => agent(bytes),
        "dns" => {
            black_box(message::answer(bytes));
        }
        "state_file" => state(bytes),
        "sentinel" => sentinel(bytes),
        "http" => http(bytes),
        other => panic!("there is no target '{other}'"),
    }
}

/// A `haproxy.cfg`, and the same text as TOML.
fn load(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let facts = Facts {
        version: Version::parse("3.2.0"),
        features: BTreeSet::new(),
        enabled: BTreeSet::new(),
        ssl_library: None,
    };
    for language in [Language::Haproxy, Language::Toml] {
        let mut sources = SourceMap::default();
        sources.add("fuzz", text.clone());
        let mut surroundings = Surroundings {
            world: &mut |_: &str| Err("there are no hosts".to_owned()),
            environment: &mut Environment::new(),
            facts: &facts,
        };
        let (config, report) = config::load(language, &sources, &mut surroundings);
        assert_eq!(config.is_none(), report.is_refused());
        assert!(report.iter().count() <= DIAGNOSTICS_MAX);
        // Messages quote what was written, so they are made as well.
        let shown = config::diag::render(&report, &sources, config::diag::Look::Plain);
        black_box(shown);
    }
}

/// PROXY headers of both versions: what was read lies within the bytes, and more bytes behind a
/// whole header change nothing.
fn proxy_header(bytes: &[u8]) {
    if let Parsed::Done(header, used) = proxy::decode(bytes) {
        assert!(used <= bytes.len());
        let alone = proxy::decode(&bytes[..used]);
        assert!(matches!(alone, Parsed::Done(_, whole) if whole == used), "{header:?}");
    }
    black_box(rdp::cookie(bytes, "msts"));
}

fn hello(bytes: &[u8]) {
    black_box(client_hello::handshake_type(bytes));
    if let Parsed::Done(hello, used) = ClientHello::parse(bytes) {
        assert!(used <= bytes.len());
        black_box((hello.version(), hello.cipher_suites(), hello.server_name()));
        assert!(hello.extensions().count() <= bytes.len() / 4);
    }
    black_box(x509::decode(bytes));
}

fn command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for text in text.lines() {
        let (commands, payload) = line::parse(text);
        assert!(!commands.is_empty());
        let kept: usize = commands.iter().flat_map(|words| &words.0).map(String::len).sum();
        let payload = payload.map_or(0, |end| end.0.len());
        assert!(kept + payload <= text.len(), "more than was said");
    }
}

/// Nothing is known around a check.
struct Alone;

impl evenkeel::pure::sample::Facts for Alone {}

impl evenkeel::pure::probe::Surroundings for Alone {
    fn state(&self) -> String {
        String::new()
    }
}

/// A whole check whose server sends `bytes` in pieces and then closes.
fn probe(kind: &CheckKind, bytes: &[u8]) {
    let context =
        Context { answer_bytes_max: ANSWER_BYTES_MAX, down: false, unix_time_s: 1_700_000_000 };
    drive(Probe::for_kind(kind, &context, &Alone), bytes);
}

fn agent(bytes: &[u8]) {
    let context =
        Context { answer_bytes_max: ANSWER_BYTES_MAX, down: true, unix_time_s: 1_700_000_000 };
    let probe = drive(Probe::for_agent(b"how\n", &context), bytes);
    if let Some(line) = probe.agent_line() {
        assert!(line.len() <= ANSWER_BYTES_MAX);
        black_box(AgentWords::parse(line).verdict(None));
    }
    black_box(AgentWords::parse(bytes).verdict(Some("odd")));
}

/// A request with its body: read in pieces it is what it is when it is read whole.
fn http(bytes: &[u8]) {
    let Parsed::Done(request, used) = Request::parse(bytes) else { return };
    assert!(used <= bytes.len());
    black_box((
        request.path(),
        request.query(),
        request.connection(true),
        request.is_from_its_host(),
    ));
    let behind = &bytes[used..];
    let whole = Body::new(request.framing, BODY_BYTES_MAX).read(behind);
    if let Parsed::Done(body, taken) = &whole {
        assert!(*taken <= behind.len());
        assert!(body.as_ref().is_none_or(|body| body.len() <= BODY_BYTES_MAX));
    }
    let mut body = Body::new(request.framing, BODY_BYTES_MAX);
    let piece = 1 + used % 7;
    let mut ends = (0..behind.len()).step_by(piece).chain([behind.len()]);
    let found =
        ends.find_map(|end| Some(body.read(&behind[..end])).filter(|it| *it != Parsed::More));
    assert_eq!(found.unwrap_or(Parsed::More), whole);
}

/// Drives `probe` to its verdict. The length of the pieces comes from the bytes themselves.
fn drive<'a>(mut probe: Probe<'a>, bytes: &[u8]) -> Probe<'a> {
    let piece = usize::from(bytes.first().copied().unwrap_or_default()) + bytes.len() / 100 + 1;
    let mut pieces = bytes.chunks(piece);
    let mut input = Input::Start;
    for _ in 0..STEPS_MAX {
        input = match probe.step(input) {
            Step::Connect(_) => Input::Connected,
            Step::Send(_) => Input::Sent,
            Step::Receive => pieces.next().map_or(Input::Closed, Input::Bytes),
            Step::Done(verdict) => {
                black_box(verdict);
                return probe;
            }
        };
    }
    panic!("no verdict after {STEPS_MAX} steps");
}

/// All that a database says in a session that is held, to both kinds of dialogue.
fn sentinel(bytes: &[u8]) {
    let login = || {
        let [user, password, database] = ["evenkeel", "secret", "app"].map(str::to_owned);
        Login { user, password, database, cluster: None }
    };
    let piece = usize::from(bytes.first().copied().unwrap_or_default()) + bytes.len() / 100 + 1;
    for tls in [false, true] {
        for mut dialogue in [Dialogue::mysql(login(), tls), Dialogue::postgres(login(), tls)] {
            let _ = dialogue.handle_connected();
            for piece in bytes.chunks(piece) {
                let Ok(said) = dialogue.handle_bytes(piece) else { break };
                if said.contains(&Said::StartTls) {
                    let _ = dialogue.handle_secured();
                }
                black_box(dialogue.poll());
            }
            black_box(dialogue.goodbye());
        }
    }
}

fn state(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(known) = state_file::parse(&text) {
        assert!(known.servers.len() + known.wrong.len() <= text.lines().count());
    }
}
