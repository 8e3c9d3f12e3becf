//! HTTP in a check: the request that is sent, and the status, headers or body that decide.

use std::fmt::Write as _;

use super::answer::Answer;
use super::expect::contains;
use super::http_head::{Body, Head, Parsed, body, parse};
use super::http_header;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::{HttpExpect, HttpMatch, HttpSend, Pattern};
use crate::pure::sample::Facts;

/// The status that `disable-on-404` takes for "no new sessions, please".
const NOT_FOUND: u16 = 404;

/// What an answer is worth to an expectation.
pub(super) enum Judgement {
    /// As expected.
    Met,
    /// Too early to say.
    More,
    /// The check is over.
    Over(Verdict),
}

/// Judges `answer`; `comment` names the expectation. Where `is_404_drain`, [`NOT_FOUND`] passes
/// whatever is expected.
pub(super) fn judge(
    expect: &HttpExpect,
    answer: &Answer,
    facts: &dyn Facts,
    is_404_drain: bool,
    comment: Option<&str>,
) -> Judgement {
    let head = match parse(answer.bytes()) {
        Parsed::Head(head) => head,
        Parsed::More if !answer.is_final() => return Judgement::More,
        Parsed::More | Parsed::Bad => {
            return Judgement::Over(Verdict::new(CheckStatus::L7Response));
        }
    };
    if is_404_drain && head.status == NOT_FOUND {
        return Judgement::Over(coded(CheckStatus::L7OkConditional, &head));
    }
    match meets(expect, &head, answer.is_final(), facts) {
        Judged::Met => Judgement::Met,
        Judged::More => Judgement::More,
        Judged::Unmet(what) => Judgement::Over(unmet(expect, &head, what, facts, comment)),
    }
}

/// The verdict where `expect` was the last and is met.
pub(super) fn passed(expect: &HttpExpect, answer: &Answer, facts: &dyn Facts) -> Verdict {
    let report = &expect.report;
    let verdict = match parse(answer.bytes()) {
        Parsed::Head(head) => coded(report.ok, &head),
        Parsed::More | Parsed::Bad => Verdict::new(report.ok),
    };
    let info = report.on_success.as_ref().map(|text| text.fill(facts)).unwrap_or_default();
    report.coded(verdict, facts).with_info(&info)
}

fn unmet(
    expect: &HttpExpect,
    head: &Head<'_>,
    what: &[u8],
    facts: &dyn Facts,
    comment: Option<&str>,
) -> Verdict {
    let report = &expect.report;
    let verdict = coded(report.error, head);
    let verdict = match report.error {
        CheckStatus::L7Response => verdict,
        _ => report.coded(verdict, facts),
    };
    let comment = comment.map_or(String::new(), |text| format!(" comment: {text}"));
    let what = report.on_error.as_ref().map_or(what.to_vec(), |text| text.fill(facts));
    verdict.with_info(&[what, comment.into_bytes()].concat())
}

/// What an answer is worth to one expectation.
enum Judged<'a> {
    Met,
    /// Too early to say.
    More,
    /// Not as expected; the words for it.
    Unmet(&'a [u8]),
}

fn meets<'a>(
    expect: &HttpExpect,
    head: &Head<'a>,
    is_final: bool,
    facts: &dyn Facts,
) -> Judged<'a> {
    let found = match &expect.matcher {
        HttpMatch::Status(ranges) => {
            ranges.iter().any(|&(low, high)| (low..=high).contains(&head.status))
        }
        HttpMatch::StatusRegex(pattern) => contains(pattern, head.status.to_string().as_bytes()),
        HttpMatch::Header { full, name, value } => {
            let value = value.as_ref().map(|value| value.resolved(facts));
            http_header::is_there(head.headers, *full, &name.resolved(facts), value.as_ref())
        }
        HttpMatch::Body(pattern) => {
            let mut body = body(head);
            body.complete |= is_final;
            return match pattern.resolved(facts) {
                Ok(pattern) => meets_body(expect, &body, &pattern),
                Err(why) => Judged::Unmet(why),
            };
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
/// body, and `connection: close` from HTTP/1.1 on unless the configuration has its own. `state` is
/// what the server is worth, where it is to be told.
pub(super) fn request(send: &HttpSend, state: Option<&str>, facts: &dyn Facts) -> Vec<u8> {
    let uri = send.uri.fill(facts);
    let mut text = format!("{} {} {}\r\n", send.method, one_line(&uri), send.version);
    let mut connection = false;
    for header in &send.headers {
        let name = header.name.to_ascii_lowercase();
        if name == "content-length" {
            continue;
        }
        connection |= name == "connection";
        let value = header.value.fill(facts);
        let _ = write!(text, "{name}: {}\r\n", one_line(&value));
    }
    if let Some(state) = state {
        let _ = write!(text, "x-haproxy-server-state: {state}\r\n");
    }
    let body = send.body.fill(facts);
    if !body.is_empty() {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    if !connection && send.version != "HTTP/1.0" {
        text.push_str("connection: close\r\n");
    }
    text.push_str("\r\n");
    [text.as_bytes(), &body].concat()
}

/// What was computed must not end the line.
fn one_line(value: &[u8]) -> String {
    String::from_utf8_lossy(value).replace(['\r', '\n', '\0'], "")
}

#[cfg(test)]
mod tests;
