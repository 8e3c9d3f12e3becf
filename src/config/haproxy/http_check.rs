//! `option httpchk` and `http-check` rules.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};

use super::check::Checks;
use super::words::{Args, Context, text};
use crate::config::raw::{Header, HttpCheck, HttpExpect, HttpMatch};

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
            self.http.expect = None;
        }
        let rule = word.text();
        match rule.as_ref() {
            "expect" => self.http_expect(line, &mut args, cx),
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

    fn http_expect(&mut self, line: &Line, args: &mut Args<'_>, cx: &mut Context<'_>) {
        let Some(expect) = expect(args, cx) else {
            return;
        };
        if let Some(first) = &self.http.expect {
            cx.report
                .alert(line.span, "a second 'http-check expect' is not supported")
                .related(first.span, "the first one")
                .help("one 'expect status' takes several: 'status 200,204' or 'status 200-299'");
            return;
        }
        self.http.expect = Some(Spanned::new(expect, line.span));
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

/// `[!] <match> <pattern>` with its options, in any order before the match.
fn expect(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<HttpExpect> {
    let mut negated = false;
    loop {
        let word = args.expect("http-check expect", "a match such as 'status 200'", cx)?;
        let written = word.text();
        let kind = match written.strip_prefix('!') {
            Some(rest) => {
                negated = !negated;
                rest
            }
            None => written.as_ref(),
        };
        let matcher = match kind {
            "" => continue,
            "comment" => {
                args.skip(1);
                continue;
            }
            "min-recv" | "ok-status" | "error-status" | "tout-status" | "on-success"
            | "on-error" | "status-code" => {
                cx.report
                    .warning(word.span, format!("'{kind}' is ignored: the whole answer is judged"));
                args.skip(1);
                continue;
            }
            "status" => HttpMatch::Status(args.text(kind, "codes such as '200'", cx)?.value),
            "rstatus" => HttpMatch::StatusRegex(args.text(kind, "a pattern", cx)?.value),
            "string" => HttpMatch::Text(args.expect(kind, "a text", cx)?.bytes.clone()),
            "rstring" => HttpMatch::Regex(args.text(kind, "a pattern", cx)?.value),
            "hdr" | "fhdr" | "string-lf" => {
                cx.report
                    .alert(word.span, format!("'http-check expect {kind}' is not supported"))
                    .help("'status', 'rstatus', 'string' and 'rstring' are");
                return None;
            }
            _ => {
                let known = ["status", "rstatus", "string", "rstring"];
                cx.unknown(word, "after 'http-check expect'", known);
                return None;
            }
        };
        args.finish("http-check expect", cx);
        return Some(HttpExpect { negated, matcher });
    }
}
