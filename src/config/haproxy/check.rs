//! What checked servers are asked: `option …-check` and `tcp-check` rules.

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, Word};

use super::words::{Args, Context, text};
use crate::config::raw::{CheckKind, Expect, Field, HttpCheck, Pattern, Step};

/// What a section said about checks so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    /// The `option` written last.
    pub(super) choice: Option<Spanned<Choice>>,
    /// `tcp-check` rules.
    steps: Vec<Step>,
    /// `http-check` rules and the arguments of `option httpchk`.
    pub(super) http: HttpCheck,
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
}

/// Words after `tcp-check`.
const RULES: [&str; 5] = ["connect", "send", "send-binary", "expect", "comment"];

/// Words of `tcp-check` that HAProxy knows besides.
const RULES_REFUSED: [&str; 2] = ["send-lf", "send-binary-lf"];

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
            "mysql-check" => mysql(&mut args, cx),
            "pgsql-check" => pgsql(line, &mut args, cx),
            "httpchk" => {
                super::http_check::option(&mut args, &mut self.http);
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
            "connect" => self.connect(word, &mut args, cx),
            "send" => send(&mut args, false, cx),
            "send-binary" => send(&mut args, true, cx),
            "expect" => expect(&mut args, cx).map(Step::Expect),
            "comment" => {
                let comment = args.text("comment", "a text", cx);
                args.finish("tcp-check comment", cx);
                comment.map(Step::Comment)
            }
            _ if RULES_REFUSED.contains(&rule.as_ref()) || rule.contains("-var") => {
                cx.report
                    .alert(
                        word.span,
                        format!(
                            "'tcp-check {rule}' is not supported: nothing is computed in checks"
                        ),
                    )
                    .help("'send' and 'send-binary' send fixed bytes");
                None
            }
            _ => {
                cx.unknown(word, "after 'tcp-check'", RULES);
                None
            }
        };
        self.steps.extend(step);
    }

    fn connect(&self, rule: &Word, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<Step> {
        let mut acting = self.steps.iter().filter(|step| !matches!(step, Step::Comment(_)));
        let begins = matches!(acting.next(), None | Some(Step::Connect { .. }));
        if !begins {
            cx.report
                .alert(rule.span, "'connect' after rules that already use a connection")
                .help("make the first rule a 'connect' too");
        }
        let (mut port, mut addr, mut send_proxy, mut linger) = (None, None, false, false);
        let mut comment = None;
        while let Some(word) = args.next() {
            match word.text().as_ref() {
                "port" => port = args.number("port", cx),
                "addr" => {
                    let address = args.expect("addr", "an address", cx)?;
                    addr = Some(cx.address(address));
                }
                "send-proxy" => send_proxy = true,
                "linger" => linger = true,
                "comment" => comment = args.text("comment", "a text", cx),
                "default" => {}
                option @ ("ssl" | "sni" | "alpn" | "proto" | "via-socks4") => {
                    cx.report.alert(
                        word.span,
                        format!("'{option}' is not supported: checks talk plain TCP"),
                    );
                    return None;
                }
                _ => {
                    let known = ["port", "addr", "send-proxy", "linger", "comment", "default"];
                    cx.unknown(word, "after 'tcp-check connect'", known);
                    return None;
                }
            }
        }
        Some(Step::Connect { port, addr, send_proxy, linger, comment })
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
        let choice = self.choice?;
        Some(choice.map(|choice| match choice {
            Choice::Tcp => CheckKind::Script(self.steps),
            Choice::Http => CheckKind::Http(self.http),
            Choice::Mysql { user, dialect } => CheckKind::Mysql { user, dialect },
            Choice::Pgsql { user } => CheckKind::Pgsql { user },
            Choice::Redis => CheckKind::Redis,
        }))
    }
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

fn send(args: &mut Args<'_>, binary: bool, cx: &mut Context<'_>) -> Option<Step> {
    let keyword = if binary { "send-binary" } else { "send" };
    let word = args.expect(keyword, "what to send", cx)?;
    let data = if binary { hexadecimal(word, cx)? } else { word.bytes.clone() };
    let comment = if args.take("comment") { args.text("comment", "a text", cx) } else { None };
    args.finish(keyword, cx);
    Some(Step::Send { data: Spanned::new(data, word.span), binary, comment })
}

/// `[!] <match> <pattern>` with its options, in any order before the match.
fn expect(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<Expect> {
    let (mut negated, mut min_recv, mut comment) = (false, None, None);
    loop {
        let word = args.expect("tcp-check expect", "a match such as 'string'", cx)?;
        let written = word.text();
        let kind = match written.strip_prefix('!') {
            Some(rest) => {
                negated = !negated;
                rest
            }
            None => written.as_ref(),
        };
        match kind {
            "" => {}
            "min-recv" => min_recv = Some(integer(args, "min-recv", cx)?),
            "comment" => comment = args.text("comment", "a text", cx),
            "ok-status" | "error-status" | "tout-status" | "on-success" | "on-error"
            | "status-code" => {
                cx.report.warning(
                    word.span,
                    format!("'{kind}' is ignored: a check keeps its own status"),
                );
                args.skip(1);
            }
            "string" | "binary" | "rstring" | "rbinary" => {
                let pattern = args.expect(kind, "a pattern", cx)?;
                let value = match kind {
                    "string" => Pattern::Text(pattern.bytes.clone()),
                    "binary" => Pattern::Binary(hexadecimal(pattern, cx)?),
                    "rstring" => Pattern::Regex(pattern.text().into_owned()),
                    _ => Pattern::BinaryRegex(pattern.text().into_owned()),
                };
                args.finish("tcp-check expect", cx);
                return Some(Expect {
                    pattern: Spanned::new(value, pattern.span),
                    negated,
                    min_recv,
                    comment,
                });
            }
            "string-lf" | "binary-lf" => {
                cx.report
                    .alert(
                        word.span,
                        format!("'{kind}' is not supported: nothing is computed in checks"),
                    )
                    .help(
                        "'string', 'binary', 'rstring' and 'rbinary' compare with fixed patterns",
                    );
                return None;
            }
            _ => {
                let known = ["string", "binary", "rstring", "rbinary", "min-recv", "comment"];
                cx.unknown(word, "after 'tcp-check expect'", known);
                return None;
            }
        }
    }
}

fn integer(args: &mut Args<'_>, keyword: &str, cx: &mut Context<'_>) -> Field<i64> {
    let word = args.expect(keyword, "a number", cx)?;
    let text = word.text();
    if let Ok(number) = text.parse() {
        return Some(Spanned::new(number, word.span));
    }
    cx.report.alert(word.span, format!("'{keyword}' needs a number, and '{text}' is none"));
    None
}

/// The bytes that pairs of hexadecimal digits stand for.
fn hexadecimal(word: &Word, cx: &mut Context<'_>) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> =
        word.bytes.iter().map(|&byte| char::from(byte).to_digit(16)).collect();
    if let Some(digits) = digits.filter(|digits| digits.len() % 2 == 0) {
        let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).ok();
        return digits.chunks_exact(2).map(byte).collect();
    }
    let text = word.text();
    cx.report
        .alert(word.span, format!("'{text}' is not made of hexadecimal digits in pairs"))
        .help("each byte is two digits, such as 0d0a");
    None
}
