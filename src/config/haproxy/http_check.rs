//! `option httpchk` and `http-check` rules.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};

use super::check::{Checks, connect};
use super::expect::{OPTIONS, Options, is_variable, variable};
use super::words::{Args, Context, text};
use crate::config::raw::{
    Field, Header, HttpCheck, HttpExpect, HttpMatch, HttpSend, Step, TextMatch,
};

/// Words after `http-check`.
const RULES: [&str; 9] = [
    "expect",
    "send",
    "disable-on-404",
    "connect",
    "comment",
    "send-state",
    "set-var(check.x)",
    "set-var-fmt(check.x)",
    "unset-var(check.x)",
];

/// What a section said about checks by HTTP so far.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpRules {
    /// What `option httpchk` sends.
    option: HttpSend,
    /// The option stands below the rules: it wins over the first request.
    is_option_last: bool,
    /// `http-check` rules in order.
    steps: Vec<Step>,
    disable_on_404: Field<bool>,
    send_state: Field<bool>,
}

/// The arguments of `option httpchk`: `[<method>] [<uri>] [<version>]`. Headers and a body may hide
/// behind the version, as `"HTTP/1.1\r\nHost:\ db"`, from the time when nothing else could send them.
pub(super) fn option(args: &mut Args<'_>, http: &mut HttpRules, cx: &mut Context<'_>) {
    let words: Vec<&Word> =
        std::iter::from_fn(|| args.peek().and_then(|_| args.next())).take(3).collect();
    http.option = HttpSend::default();
    http.is_option_last = !http.steps.is_empty();
    let send = &mut http.option;
    match words.as_slice() {
        [] => {}
        [uri] => send.uri = Some(text(uri)),
        [method, uri, rest @ ..] => {
            send.method = Some(text(method));
            send.uri = Some(text(uri));
            if let [version] = rest {
                let written = version.text();
                let (head, body) = match written.split_once("\r\n\r\n") {
                    Some((head, body)) => (head, Some(body).filter(|body| !body.is_empty())),
                    None => (written.as_ref(), None),
                };
                if written.contains("\r\n") {
                    let message =
                        "what follows the version of 'option httpchk' is deprecated there";
                    cx.report.warning(version.span, message).help("write 'http-check send'");
                }
                send.body = body.map(|body| Spanned::new(body.as_bytes().to_vec(), version.span));
                let mut lines = head.split("\r\n");
                let number = lines.next().unwrap_or_default().to_owned();
                send.version = Some(Spanned::new(number, version.span));
                send.headers = lines
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, value)| Header {
                        name: Spanned::new(name.to_owned(), version.span),
                        // Nothing is computed here.
                        value: Spanned::new(value.trim_start().replace('%', "%%"), version.span),
                    })
                    .collect();
            }
        }
    }
}

/// All rules in order: the request of `option httpchk` is the first, together with what the first
/// `http-check send` says.
pub(super) fn finish(rules: HttpRules) -> HttpCheck {
    let HttpRules { option, is_option_last, mut steps, disable_on_404, send_state } = rules;
    let acts =
        |step: &Step| !matches!(step, Step::Comment(_) | Step::SetVar { .. } | Step::UnsetVar(_));
    let mut acting = steps.iter().enumerate().filter(|(_, step)| acts(step)).map(|(at, _)| at);
    let first = acting.next();
    let connect = first.filter(|&at| matches!(steps[at], Step::Connect { .. }));
    let first = if connect.is_some() { acting.next() } else { first };
    match first.map(|at| &mut steps[at]) {
        Some(Step::HttpSend(send)) => {
            let own = std::mem::take(&mut **send);
            **send = if is_option_last { over(option, own) } else { over(own, option) };
        }
        _ => steps.insert(connect.map_or(0, |at| at + 1), Step::HttpSend(Box::new(option))),
    }
    HttpCheck { steps, disable_on_404, send_state, ..HttpCheck::default() }
}

/// What `first` says, and `second` where it says nothing.
fn over(first: HttpSend, second: HttpSend) -> HttpSend {
    let own_uri = first.uri.is_some();
    let own_body = first.body.is_some();
    HttpSend {
        method: first.method.or(second.method),
        uri: first.uri.or(second.uri),
        is_uri_format: if own_uri { first.is_uri_format } else { second.is_uri_format },
        version: first.version.or(second.version),
        headers: if first.headers.is_empty() { second.headers } else { first.headers },
        body: first.body.or(second.body),
        is_body_format: if own_body { first.is_body_format } else { second.is_body_format },
        comment: first.comment.or(second.comment),
    }
}

impl Checks {
    /// An `http-check` rule.
    pub(super) fn http_rule(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("http-check", "a rule such as 'expect' or 'send'", cx) else {
            return;
        };
        if self.own_http.is_none() {
            self.own_http = Some(line.span);
            self.http.steps.clear();
        }
        let rule = word.text();
        let step = match rule.as_ref() {
            "expect" => {
                let has_connect =
                    self.http.steps.iter().any(|step| matches!(step, Step::Connect { .. }));
                if has_connect && !is_asked(&self.http.steps) {
                    cx.report
                        .alert(word.span, "'http-check expect' on a connection that asks nothing")
                        .help("write 'http-check send' between 'connect' and 'expect'");
                }
                let expect = expect(&mut args, cx);
                expect.map(|expect| Step::HttpExpect(Box::new(Spanned::new(expect, line.span))))
            }
            "send" => {
                if is_asked(&self.http.steps) {
                    cx.report
                        .alert(word.span, "a second 'http-check send' on the same connection")
                        .help("write 'http-check connect' between them");
                }
                send(&mut args, cx).map(|send| Step::HttpSend(Box::new(send)))
            }
            "disable-on-404" => {
                self.http.disable_on_404 = Some(Spanned::new(true, line.span));
                args.finish("http-check disable-on-404", cx);
                None
            }
            "send-state" => {
                self.http.send_state = Some(Spanned::new(true, line.span));
                args.finish("http-check send-state", cx);
                None
            }
            "comment" => {
                let comment = args.text("comment", "a text", cx);
                args.finish("http-check comment", cx);
                comment.map(Step::Comment)
            }
            "connect" => connect("http-check", &self.http.steps, word, &mut args, cx),
            _ if is_variable(&rule) => variable(word, &mut args, cx),
            _ => {
                cx.unknown(word, "after 'http-check'", RULES);
                None
            }
        };
        self.http.steps.extend(step);
    }
}

/// Whether the last connection was already asked.
fn is_asked(steps: &[Step]) -> bool {
    let since = steps.iter().rposition(|step| matches!(step, Step::Connect { .. })).unwrap_or(0);
    steps[since..].iter().any(|step| matches!(step, Step::HttpSend(_)))
}

/// `send [meth <m>] [uri <u>] [ver <v>] [hdr <name> <value>]* [body <text>] [comment <text>]`.
fn send(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpSend> {
    let mut http = HttpSend::default();
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "meth" => http.method = args.text("meth", "a method", cx),
            keyword @ ("uri" | "uri-lf") => {
                http.uri = args.text(keyword, "a path", cx);
                http.is_uri_format = keyword == "uri-lf";
            }
            "ver" => http.version = args.text("ver", "a version such as 'HTTP/1.1'", cx),
            "hdr" => {
                let name = args.text("hdr", "a name and a value", cx);
                let value = args.text("hdr", "a value after the name", cx);
                let header = name.zip(value).map(|(name, value)| Header { name, value });
                http.headers.extend(header);
            }
            keyword @ ("body" | "body-lf") => {
                let body = args.expect(keyword, "a text", cx);
                http.body = body.map(|word| Spanned::new(word.bytes.clone(), word.span));
                http.is_body_format = keyword == "body-lf";
            }
            "comment" => http.comment = args.text("comment", "a text", cx),
            _ => {
                let known = ["meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"];
                cx.unknown(word, "after 'http-check send'", known);
                return None;
            }
        }
    }
    Some(http)
}

/// `[!] <match> <pattern>`, with its options before the match or after it.
fn expect(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpExpect> {
    let mut options = Options::default();
    let (kind, word) = options.until_match("http-check expect", args, cx)?;
    let matcher = match kind.as_str() {
        "status" => HttpMatch::Status(args.text(&kind, "codes such as '200'", cx)?.value),
        "rstatus" => HttpMatch::StatusRegex(args.text(&kind, "a pattern", cx)?.value),
        "string" => HttpMatch::Text(args.expect(&kind, "a text", cx)?.bytes.clone()),
        "string-lf" => HttpMatch::TextFormat(super::expect::format(args, &kind, cx)?.value),
        "rstring" => HttpMatch::Regex(args.text(&kind, "a pattern", cx)?.value),
        "hdr" | "fhdr" => header(kind == "fhdr", args, cx)?,
        _ => {
            let known = ["status", "rstatus", "string", "rstring", "hdr", "fhdr"];
            cx.unknown(word, "after 'http-check expect'", known);
            return None;
        }
    };
    options.after_match("http-check expect", args, cx)?;
    let Options { negated, min_recv, comment, report } = options;
    Some(HttpExpect { negated, matcher, min_recv, comment, report })
}

/// `name [-m <way>] <name> [value [-m <way>] <value>]`.
fn header(full: bool, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpMatch> {
    let name = part("name", args, cx)?;
    let value = match args.peek() {
        Some(word) if !OPTIONS.contains(&word.text().as_ref()) => Some(part("value", args, cx)?),
        _ => None,
    };
    Some(HttpMatch::Header { full, name, value })
}

fn part(what: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<TextMatch> {
    let word = args.expect("http-check expect", &format!("'{what}' and a text"), cx)?;
    let keyword = word.text();
    let is_format = keyword == format!("{what}-lf");
    if keyword != what && !is_format {
        cx.unknown(word, "after 'http-check expect hdr'", [what]);
        return None;
    }
    let way =
        if args.take("-m") { Some(args.text("-m", "a way such as 'sub'", cx)?) } else { None };
    Some(TextMatch { way, is_format, text: args.text(what, "a text", cx)? })
}
