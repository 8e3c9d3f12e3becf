//! `option httpchk` and `http-check` rules.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};

use super::check::Checks;
use super::expect::Options;
use super::words::{Args, Context, text};
use crate::config::raw::{Header, HttpCheck, HttpExpect, HttpMatch, TextMatch};

/// Words after `http-check`.
const RULES: [&str; 6] = ["expect", "send", "disable-on-404", "connect", "comment", "send-state"];

/// The arguments of `option httpchk`: `[<method>] [<uri>] [<version>]`. Headers may hide behind the
/// version, as `"HTTP/1.1\r\nHost:\ db"`, from the time when nothing else could send them.
pub(super) fn option(args: &mut Args<'_>, http: &mut HttpCheck) {
    let words: Vec<&Word> =
        std::iter::from_fn(|| args.peek().and_then(|_| args.next())).take(3).collect();
    http.headers.clear();
    match words.as_slice() {
        [] => {}
        [uri] => http.uri = Some(text(uri)),
        [method, uri, rest @ ..] => {
            http.method = Some(text(method));
            http.uri = Some(text(uri));
            if let [version] = rest {
                let written = version.text();
                let mut lines = written.split("\r\n");
                let number = lines.next().unwrap_or_default().to_owned();
                http.version = Some(Spanned::new(number, version.span));
                http.headers = lines
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, value)| Header {
                        name: Spanned::new(name.to_owned(), version.span),
                        value: Spanned::new(value.trim_start().to_owned(), version.span),
                    })
                    .collect();
            }
        }
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
            self.http.expects.clear();
        }
        let rule = word.text();
        match rule.as_ref() {
            "expect" => {
                let expect = expect(&mut args, cx);
                self.http.expects.extend(expect.map(|expect| Spanned::new(expect, line.span)));
            }
            "send" => send(&mut args, &mut self.http, cx),
            "disable-on-404" => {
                self.http.disable_on_404 = Some(Spanned::new(true, line.span));
                args.finish("http-check disable-on-404", cx);
            }
            "comment" => {}
            "connect" if args.peek().is_none() => {}
            "connect" => {
                cx.report
                    .alert(
                        line.span,
                        "'http-check connect' with options is not supported: one connection is asked once",
                    )
                    .help("'port' and 'addr' on the 'server' line say where the check goes");
            }
            "send-state" => {
                cx.report.warning(
                    line.span,
                    "'http-check send-state' is ignored: checks do not tell servers their state",
                );
            }
            _ if rule.contains("-var") => {
                cx.report.alert(
                    word.span,
                    format!("'http-check {rule}' is not supported: nothing is computed in checks"),
                );
            }
            _ => cx.unknown(word, "after 'http-check'", RULES),
        }
    }
}

/// `send [meth <m>] [uri <u>] [ver <v>] [hdr <name> <value>]* [body <text>] [comment <text>]`.
fn send(args: &mut Args<'_>, http: &mut HttpCheck, cx: &mut Context<'_>) {
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "meth" => http.method = args.text("meth", "a method", cx),
            "uri" => http.uri = args.text("uri", "a path", cx),
            "ver" => http.version = args.text("ver", "a version such as 'HTTP/1.1'", cx),
            "hdr" => {
                let name = args.text("hdr", "a name and a value", cx);
                let value = args.text("hdr", "a value after the name", cx);
                let header = name.zip(value).map(|(name, value)| Header { name, value });
                http.headers.extend(header);
            }
            "body" => {
                let body = args.expect("body", "a text", cx);
                http.body = body.map(|word| Spanned::new(word.bytes.clone(), word.span));
            }
            "comment" => args.skip(1),
            option @ ("uri-lf" | "body-lf") => {
                cx.report.alert(
                    word.span,
                    format!("'{option}' is not supported: nothing is computed in checks"),
                );
                return;
            }
            _ => {
                let known = ["meth", "uri", "ver", "hdr", "body", "comment"];
                cx.unknown(word, "after 'http-check send'", known);
                return;
            }
        }
    }
}

/// `[!] <match> <pattern>`, with its options before the match.
fn expect(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpExpect> {
    let mut options = Options::default();
    let (kind, word) = options.until_match("http-check expect", args, cx)?;
    let matcher = match kind.as_str() {
        "status" => HttpMatch::Status(args.text(&kind, "codes such as '200'", cx)?.value),
        "rstatus" => HttpMatch::StatusRegex(args.text(&kind, "a pattern", cx)?.value),
        "string" => HttpMatch::Text(args.expect(&kind, "a text", cx)?.bytes.clone()),
        "string-lf" => HttpMatch::Text(super::expect::format(args, &kind, cx)?.value),
        "rstring" => HttpMatch::Regex(args.text(&kind, "a pattern", cx)?.value),
        "hdr" | "fhdr" => header(kind == "fhdr", args, cx)?,
        _ => {
            let known = ["status", "rstatus", "string", "rstring", "hdr", "fhdr"];
            cx.unknown(word, "after 'http-check expect'", known);
            return None;
        }
    };
    args.finish("http-check expect", cx);
    let Options { negated, min_recv, comment, report } = options;
    Some(HttpExpect { negated, matcher, min_recv, comment, report })
}

/// `name [-m <way>] <name> [value [-m <way>] <value>]`.
fn header(full: bool, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpMatch> {
    let name = part("name", args, cx)?;
    let value = match args.peek() {
        Some(_) => Some(part("value", args, cx)?),
        None => None,
    };
    Some(HttpMatch::Header { full, name, value })
}

fn part(what: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<TextMatch> {
    let word = args.expect("http-check expect", &format!("'{what}' and a text"), cx)?;
    let keyword = word.text();
    if keyword == format!("{what}-lf") {
        let text = super::expect::format(args, &keyword, cx)?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        return Some(TextMatch { way: None, text });
    }
    if keyword != what {
        cx.unknown(word, "after 'http-check expect hdr'", [what]);
        return None;
    }
    let way = match args.peek().is_some_and(|word| word.text() == "-m") {
        true => {
            args.skip(1);
            Some(args.text("-m", "a way such as 'sub'", cx)?)
        }
        false => None,
    };
    Some(TextMatch { way, text: args.text(what, "a text", cx)? })
}
