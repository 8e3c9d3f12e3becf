//! `option httpchk`: one request, and the status or the body of the answer decides.

use std::fmt::Write as _;

use super::exchange::Exchange;
use super::expect::contains;
use super::http_head::{Body, Head, Parsed, body, parse};
use super::{Close, Input, Reached, Step, http_header};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::{HttpCheck, HttpExpect, HttpMatch, Pattern};

/// The status that `disable-on-404` takes for "no new sessions, please".
const NOT_FOUND: u16 = 404;

/// A request under way.
#[derive(Debug)]
pub(super) struct Http<'a> {
    check: &'a HttpCheck,
    /// The server is down, so that [`NOT_FOUND`] does not pass.
    down: bool,
    exchange: Exchange,
    /// The expectation that waits for more.
    at: usize,
}

impl<'a> Http<'a> {
    pub(super) fn new(check: &'a HttpCheck, answer_bytes_max: usize, down: bool) -> Self {
        let exchange = Exchange::new(Close::Reset, Some(request(check)), answer_bytes_max);
        Self { check, down, exchange, at: 0 }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        let expect = self.check.expects.get(self.at);
        match (input, self.exchange.reached, expect) {
            (Input::TimedOut, Reached::Connected, Some(expect)) => {
                Step::Done(Verdict::new(expect.report.timeout))
            }
            _ => self.exchange.step(input).unwrap_or_else(|| self.judge()),
        }
    }

    fn judge(&mut self) -> Step {
        let head = match parse(self.exchange.answer.bytes()) {
            Parsed::Head(head) => head,
            Parsed::More if !self.exchange.answer.is_final() => return Step::Receive,
            Parsed::More | Parsed::Bad => {
                return Step::Done(Verdict::new(CheckStatus::L7Response));
            }
        };
        if self.check.disable_on_404 && !self.down && head.status == NOT_FOUND {
            let verdict = Verdict::new(CheckStatus::L7OkConditional);
            return Step::Done(verdict.with_code(u32::from(head.status)));
        }
        if self.check.expects.is_empty() {
            let usual = (200..400).contains(&head.status);
            let (status, info) = match usual {
                true => (CheckStatus::L7Ok, &b""[..]),
                false => (CheckStatus::L7Status, head.reason),
            };
            return Step::Done(coded(status, &head).with_info(info));
        }
        for (at, expect) in self.check.expects.iter().enumerate().skip(self.at) {
            match meets(expect, &head, self.exchange.answer.is_final()) {
                Judged::Met => {}
                Judged::More => {
                    self.at = at;
                    return Step::Receive;
                }
                Judged::Unmet(what) => return Step::Done(self.unmet(expect, &head, what)),
            }
        }
        Step::Done(self.passed(&head))
    }

    /// The last expectation says what a check that passed is called.
    fn passed(&self, head: &Head<'_>) -> Verdict {
        let Some(HttpExpect { report, .. }) = self.check.expects.last() else {
            return coded(CheckStatus::L7Ok, head);
        };
        let info = report.on_success.as_deref().unwrap_or_default();
        report.coded(coded(report.ok, head), self.exchange.answer.bytes()).with_info(info)
    }

    fn unmet(&self, expect: &HttpExpect, head: &Head<'_>, what: &[u8]) -> Verdict {
        let report = &expect.report;
        let verdict = coded(report.error, head);
        let verdict = match report.error {
            CheckStatus::L7Response => verdict,
            _ => report.coded(verdict, self.exchange.answer.bytes()),
        };
        let comment = expect.comment.as_ref();
        let comment = comment.map_or(String::new(), |text| format!(" comment: {text}"));
        let what = report.on_error.as_deref().unwrap_or(what);
        verdict.with_info(&[what, comment.as_bytes()].concat())
    }
}

/// What an answer is worth to one expectation.
enum Judged<'a> {
    Met,
    /// Too early to say.
    More,
    /// Not as expected; the words for it.
    Unmet(&'a [u8]),
}

fn meets<'a>(expect: &HttpExpect, head: &Head<'a>, is_final: bool) -> Judged<'a> {
    let found = match &expect.matcher {
        HttpMatch::Status(ranges) => {
            ranges.iter().any(|&(low, high)| (low..=high).contains(&head.status))
        }
        HttpMatch::StatusRegex(pattern) => contains(pattern, head.status.to_string().as_bytes()),
        HttpMatch::Header { full, name, value } => {
            http_header::is_there(head.headers, *full, name, value.as_ref())
        }
        HttpMatch::Body(pattern) => {
            let mut body = body(head);
            body.complete |= is_final;
            return meets_body(expect, &body, pattern);
        }
    };
    if found == expect.negated { Judged::Unmet(head.reason) } else { Judged::Met }
}

/// What is not there yet may still come, also where it must not, unless `min-recv` says how much is
/// enough.
fn meets_body(expect: &HttpExpect, body: &Body, pattern: &Pattern) -> Judged<'static> {
    let len = u32::try_from(body.bytes.len()).unwrap_or(u32::MAX);
    let enough = expect.min_recv.is_some_and(|least| len >= least);
    let short = expect.min_recv.is_some_and(|least| len < least);
    if !body.complete && (body.bytes.is_empty() || short) {
        return Judged::More;
    }
    if body.bytes.is_empty() {
        return Judged::Unmet(b"HTTP content check could not find a response body");
    }
    match (contains(pattern, &body.bytes), expect.negated) {
        (false, _) if !body.complete && !enough => Judged::More,
        (false, false) => Judged::Unmet(b"HTTP content check did not match"),
        (true, true) => Judged::Unmet(b"HTTP check matched unwanted content"),
        (true, false) | (false, true) => Judged::Met,
    }
}

/// A verdict with the answer's status, for those that are about an answer of this kind.
fn coded(status: CheckStatus, head: &Head<'_>) -> Verdict {
    let verdict = Verdict::new(status);
    match status {
        CheckStatus::L7Ok | CheckStatus::L7OkConditional | CheckStatus::L7Status => {
            verdict.with_code(u32::from(head.status))
        }
        _ => verdict,
    }
}

/// The request as HAProxy writes it: header names in lower case, `content-length` where there is a
/// body, and `connection: close` from HTTP/1.1 on unless the configuration has its own.
fn request(check: &HttpCheck) -> Vec<u8> {
    let mut text = format!("{} {} {}\r\n", check.method, check.uri, check.version);
    let mut connection = false;
    for header in &check.headers {
        let name = header.name.to_ascii_lowercase();
        if name == "content-length" {
            continue;
        }
        connection |= name == "connection";
        let _ = write!(text, "{name}: {}\r\n", header.value);
    }
    if !check.body.is_empty() {
        let _ = write!(text, "content-length: {}\r\n", check.body.len());
    }
    if !connection && check.version != "HTTP/1.0" {
        text.push_str("connection: close\r\n");
    }
    text.push_str("\r\n");
    [text.as_bytes(), &check.body].concat()
}

#[cfg(test)]
mod tests;
