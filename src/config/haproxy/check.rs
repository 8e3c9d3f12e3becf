//! What checked servers are asked: `option …-check` and `tcp-check` rules.

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, Word};

use super::expect::Options;
use super::words::{Args, Context, text};
use crate::config::raw::{CheckKind, Expect, ExternalCheck, Field, Layer, Pattern, Payload, Step};

/// What a section said about checks so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    /// The `option` written last.
    pub(super) choice: Option<Spanned<Choice>>,
    /// `tcp-check` rules.
    steps: Vec<Step>,
    /// `http-check` rules and the arguments of `option httpchk`.
    pub(super) http: super::http_check::HttpRules,
    /// `external-check` lines.
    external: ExternalCheck,
    /// The first `tcp-check` and the first `http-check` rule of the section itself.
    own_steps: Option<Span>,
    pub(super) own_http: Option<Span>,
}

/// Which check an `option` chose.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    Tcp,
    Http,
    Mysql { user: Field<String>, dialect: Field<String> },
    Pgsql { user: Field<String> },
    Redis,
    Smtp { hello: Field<String> },
    Ldap,
    SslHello,
    External,
}

/// Words after `tcp-check`.
const RULES: [&str; 10] = [
    "connect",
    "send",
    "send-lf",
    "send-binary",
    "send-binary-lf",
    "expect",
    "comment",
    "set-var(check.x)",
    "set-var-fmt(check.x)",
    "unset-var(check.x)",
];

impl Checks {
    /// What a section starts from that inherits `self`: its own rules will replace these.
    pub(super) fn inherited(&self) -> Self {
        Self { own_steps: None, own_http: None, ..self.clone() }
    }

    /// Takes an `option` line whose second word chooses a check; false for other options.
    pub(super) fn option(&mut self, line: &Line, cx: &mut Context<'_>) -> bool {
        let option = line.words[1].text();
        let mut args = Args::new(line, 2);
        let choice = match option.as_ref() {
            "tcp-check" => Choice::Tcp,
            "redis-check" => Choice::Redis,
            "smtpchk" => smtp(&mut args),
            "ldap-check" => Choice::Ldap,
            "external-check" => Choice::External,
            "ssl-hello-chk" => Choice::SslHello,
            "mysql-check" => mysql(&mut args, cx),
            "pgsql-check" => pgsql(line, &mut args, cx),
            "httpchk" => {
                super::http_check::option(&mut args, &mut self.http, cx);
                Choice::Http
            }
            _ => return false,
        };
        args.finish(&format!("option {option}"), cx);
        self.choice = Some(Spanned::new(choice, line.span));
        true
    }

    /// A `tcp-check` rule.
    pub(super) fn rule(&mut self, line: &Line, cx: &mut Context<'_>) {
        if self.own_steps.is_none() {
            self.own_steps = Some(line.span);
            self.steps.clear();
        }
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("tcp-check", "a rule such as 'connect' or 'expect'", cx)
        else {
            return;
        };
        let rule = word.text();
        let step = match rule.as_ref() {
            "connect" => connect("tcp-check", &self.steps, word, &mut args, cx),
            "send" | "send-lf" | "send-binary" | "send-binary-lf" => send(&rule, &mut args, cx),
            "expect" => expect(&mut args, cx).map(|expect| Step::Expect(Box::new(expect))),
            "comment" => {
                let comment = args.text("comment", "a text", cx);
                args.finish("tcp-check comment", cx);
                comment.map(Step::Comment)
            }
            _ if super::expect::is_variable(&rule) => super::expect::variable(word, &mut args, cx),
            _ => {
                cx.unknown(word, "after 'tcp-check'", RULES);
                None
            }
        };
        self.steps.extend(step);
    }

    /// An `external-check` line.
    pub(super) fn external_rule(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("external-check", "'command' or 'path'", cx) else {
            return;
        };
        match word.text().as_ref() {
            "command" => self.external.command = args.text("command", "a program", cx),
            "path" => self.external.path = args.text("path", "directories", cx),
            _ => return cx.unknown(word, "after 'external-check'", ["command", "path"]),
        }
        args.finish("external-check", cx);
    }

    /// Rules that no option asks for: they are judged, then forgotten.
    pub(super) fn unused(&self) -> Option<Spanned<CheckKind>> {
        let choice = self.choice.as_ref().map(|choice| &choice.value);
        let tcp = self.own_steps.filter(|_| choice != Some(&Choice::Tcp));
        let http = self.own_http.filter(|_| choice != Some(&Choice::Http));
        match (tcp, http) {
            (Some(span), _) => Some(Spanned::new(CheckKind::Script(self.steps.clone()), span)),
            (None, Some(span)) => {
                let http = Box::new(super::http_check::finish(self.http.clone()));
                Some(Spanned::new(CheckKind::Http(http), span))
            }
            (None, None) => None,
        }
    }

    /// What the servers of `name` are asked.
    pub(super) fn finish(self, name: &str, cx: &mut Context<'_>) -> Field<CheckKind> {
        let choice = self.choice.as_ref().map(|choice| &choice.value);
        if let Some(span) = self.own_steps
            && choice != Some(&Choice::Tcp)
        {
            unused(span, "tcp-check", "tcp-check", name, cx);
        }
        if let Some(span) = self.own_http
            && choice != Some(&Choice::Http)
        {
            unused(span, "http-check", "httpchk", name, cx);
        }
        if let Some(command) = self.external.command.as_ref().or(self.external.path.as_ref())
            && choice != Some(&Choice::External)
        {
            unused(command.span, "external-check", "external-check", name, cx);
        }
        let choice = self.choice?;
        Some(choice.map(|choice| match choice {
            Choice::Tcp => CheckKind::Script(self.steps),
            Choice::Http => CheckKind::Http(Box::new(super::http_check::finish(self.http))),
            Choice::Mysql { user, dialect } => CheckKind::Mysql { user, dialect },
            Choice::Pgsql { user } => CheckKind::Pgsql { user },
            Choice::Redis => CheckKind::Redis,
            Choice::Smtp { hello } => CheckKind::Smtp { hello },
            Choice::Ldap => CheckKind::Ldap,
            Choice::External => CheckKind::External(self.external),
            Choice::SslHello => CheckKind::SslHello,
        }))
    }
}

/// `connect [default] [port <n>] [addr <a>] …`, which `rules` before it may not forbid.
pub(super) fn connect(
    rules: &str,
    steps: &[Step],
    rule: &Word,
    args: &mut Args<'_>,
    cx: &mut Context<'_>,
) -> Option<Step> {
    let passive =
        |step: &&Step| !matches!(step, Step::Comment(_) | Step::SetVar { .. } | Step::UnsetVar(_));
    let mut acting = steps.iter().filter(passive);
    let begins = matches!(acting.next(), None | Some(Step::Connect { .. }));
    if !begins {
        cx.report
            .alert(rule.span, "'connect' after rules that already use a connection")
            .help("make the first rule a 'connect' too");
    }
    let (mut port, mut addr) = (None, None);
    let (mut send_proxy, mut via_socks4, mut linger) = (false, false, false);
    let mut comment = None;
    let mut layer = Layer::default();
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "port" => port = args.text("port", "a number", cx),
            "addr" => {
                let address = args.expect("addr", "an address", cx)?;
                addr = Some(cx.address(address));
            }
            "send-proxy" => send_proxy = true,
            "via-socks4" => via_socks4 = true,
            "linger" => linger = true,
            "comment" => comment = args.text("comment", "a text", cx),
            "default" => layer.default = true,
            "ssl" => layer.ssl = true,
            "sni" => layer.sni = args.text("sni", "a name", cx),
            "alpn" => layer.alpn = args.text("alpn", "protocols separated by commas", cx),
            "proto" if args.take("h1") || args.take("none") => {}
            option @ "proto" => {
                cx.report
                    .alert(word.span, format!("'{option}' is not supported in '{rules} connect'"));
                return None;
            }
            _ => {
                let known = [
                    "port",
                    "addr",
                    "send-proxy",
                    "via-socks4",
                    "linger",
                    "comment",
                    "default",
                    "ssl",
                    "sni",
                    "alpn",
                ];
                cx.unknown(word, &format!("after '{rules} connect'"), known);
                return None;
            }
        }
    }
    Some(Step::Connect { port, addr, send_proxy, via_socks4, linger, layer, comment })
}

fn unused(span: Span, rules: &str, option: &str, name: &str, cx: &mut Context<'_>) {
    cx.report
        .warning(
            span,
            format!("the {rules} rules of '{name}' are ignored: another check is chosen, or none"),
        )
        .help(format!("add 'option {option}' below any other check option"));
}

fn mysql(args: &mut Args<'_>, cx: &mut Context<'_>) -> Choice {
    let (mut user, mut dialect) = (None, None);
    match args.next() {
        Some(word) if word.bytes == b"user" => {
            user = args.text("option mysql-check user", "an account's name", cx);
            dialect = args.next().map(text);
        }
        Some(word) => {
            cx.unknown(word, "after 'option mysql-check'", ["user"]);
            args.skip_all();
        }
        None => {}
    }
    Choice::Mysql { user, dialect }
}

fn pgsql(line: &Line, args: &mut Args<'_>, cx: &mut Context<'_>) -> Choice {
    let mut user = None;
    match args.next() {
        Some(word) if word.bytes == b"user" => {
            user = args.text("option pgsql-check user", "an account's name", cx);
        }
        Some(word) => {
            cx.unknown(word, "after 'option pgsql-check'", ["user"]);
            args.skip_all();
        }
        None => {
            cx.report
                .alert(line.span, "'option pgsql-check' needs an account to ask for")
                .help("write 'option pgsql-check user NAME'");
        }
    }
    Choice::Pgsql { user }
}

/// `send`, `send-binary`, and their forms with a log-format.
fn send(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<Step> {
    let word = args.expect(keyword, "what to send", cx)?;
    let written = Spanned::new(word.bytes.clone(), word.span);
    let data = match keyword {
        "send-lf" => written.map(Payload::Format),
        "send-binary-lf" => written.map(Payload::BinaryFormat),
        "send-binary" => hexadecimal(written, cx)?.map(Payload::Binary),
        _ => written.map(Payload::Text),
    };
    let comment = if args.take("comment") { args.text("comment", "a text", cx) } else { None };
    args.finish(keyword, cx);
    Some(Step::Send { data, comment })
}

/// `[!] <match> <pattern>` with its options, in any order before the match or after it.
fn expect(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<Expect> {
    const MATCHES: [&str; 6] = ["string", "binary", "rstring", "rbinary", "string-lf", "binary-lf"];
    let mut options = Options::default();
    let (kind, word) = options.until_match("tcp-check expect", args, cx)?;
    if !MATCHES.contains(&kind.as_str()) {
        let known = MATCHES.iter().chain(&super::expect::OPTIONS).copied();
        cx.unknown(word, "after 'tcp-check expect'", known);
        return None;
    }
    let written = if kind.ends_with("-lf") {
        super::expect::format(args, &kind, cx)?
    } else {
        let pattern = args.expect(&kind, "a pattern", cx)?;
        Spanned::new(pattern.bytes.clone(), pattern.span)
    };
    let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let pattern = match kind.as_str() {
        "string" => written.map(Pattern::Text),
        "string-lf" => written.map(Pattern::TextFormat),
        "binary" => hexadecimal(written, cx)?.map(Pattern::Binary),
        "binary-lf" => written.map(Pattern::BinaryFormat),
        "rstring" => written.map(|bytes| Pattern::Regex(lossy(bytes))),
        _ => written.map(|bytes| Pattern::BinaryRegex(lossy(bytes))),
    };
    options.after_match("tcp-check expect", args, cx)?;
    let Options { negated, min_recv, comment, report } = options;
    Some(Expect { pattern, negated, min_recv, comment, report })
}

/// The bytes that pairs of hexadecimal digits stand for.
fn hexadecimal(written: Spanned<Vec<u8>>, cx: &mut Context<'_>) -> Option<Spanned<Vec<u8>>> {
    let digits: Option<Vec<u32>> =
        written.value.iter().map(|&byte| char::from(byte).to_digit(16)).collect();
    if let Some(digits) = digits.filter(|digits| digits.len() % 2 == 0) {
        let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).ok();
        let bytes: Option<Vec<u8>> = digits.chunks_exact(2).map(byte).collect();
        return Some(Spanned::new(bytes?, written.span));
    }
    let text = String::from_utf8_lossy(&written.value);
    cx.report
        .alert(written.span, format!("'{text}' is not made of hexadecimal digits in pairs"))
        .help("each byte is two digits, such as 0d0a");
    None
}

/// `smtpchk [HELO|EHLO <host>]`; anything else counts as nothing, as in HAProxy.
fn smtp(args: &mut Args<'_>) -> Choice {
    let command = args.next();
    let host = command.and_then(|_| args.next());
    let hello = command
        .zip(host)
        .filter(|(command, _)| matches!(command.bytes.as_slice(), b"HELO" | b"EHLO"))
        .map(|(command, host)| text(command).map(|word| format!("{word} {}", host.text())));
    Choice::Smtp { hello }
}
