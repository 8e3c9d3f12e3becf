//! `option httpchk`: one request, and the status or the body of the answer decides.

use std::fmt::Write as _;

use super::answer::Answer;
use super::expect::contains;
use super::http_head::{Body, Head, Parsed, body, parse};
use super::{Close, Connect, Input, Opening, Reached, Step};
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
    reached: Reached,
    answer: Answer,
}

impl<'a> Http<'a> {
    pub(super) fn new(check: &'a HttpCheck, answer_bytes_max: usize, down: bool) -> Self {
        let answer = Answer::new(answer_bytes_max);
        Self { check, down, reached: Reached::Connecting, answer }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        match input {
            Input::Start => Step::Connect(Connect::plain(Close::Reset, Opening::Ours)),
            Input::Connected => {
                self.reached = Reached::Connected;
                Step::Send(request(self.check))
            }
            Input::Sent => Step::Receive,
            Input::Bytes(bytes) => {
                self.answer.push(bytes);
                self.judge()
            }
            Input::Failed(system) if self.answer.is_empty() => {
                Step::Done(self.reached.failed(system))
            }
            Input::Closed | Input::Failed(_) => {
                self.answer.close();
                self.judge()
            }
            Input::TimedOut => Step::Done(self.reached.timed_out()),
        }
    }

    fn judge(&self) -> Step {
        let head = match parse(self.answer.bytes()) {
            Parsed::Head(head) => head,
            Parsed::More if !self.answer.is_final() => return Step::Receive,
            Parsed::More | Parsed::Bad => {
                return Step::Done(Verdict::new(CheckStatus::L7Response));
            }
        };
        if self.check.disable_on_404 && !self.down && head.status == NOT_FOUND {
            let verdict = Verdict::new(CheckStatus::L7OkConditional);
            return Step::Done(verdict.with_code(u32::from(head.status)));
        }
        match &self.check.expect {
            None => judge_status(&head, (200..400).contains(&head.status)),
            Some(HttpExpect { negated, matcher: HttpMatch::Status(ranges) }) => {
                let within = ranges.iter().any(|&(low, high)| (low..=high).contains(&head.status));
                judge_status(&head, within != *negated)
            }
            Some(HttpExpect { negated, matcher: HttpMatch::StatusRegex(pattern) }) => {
                let matches = contains(pattern, head.status.to_string().as_bytes());
                judge_status(&head, matches != *negated)
            }
            Some(HttpExpect { negated, matcher: HttpMatch::Body(pattern) }) => {
                let mut body = body(&head);
                body.complete |= self.answer.is_final();
                judge_body(&head, &body, pattern, *negated)
            }
        }
    }
}

fn judge_status(head: &Head<'_>, expected: bool) -> Step {
    Step::Done(if expected {
        passed(head)
    } else {
        let verdict = Verdict::new(CheckStatus::L7Status).with_code(u32::from(head.status));
        verdict.with_info(head.reason)
    })
}

/// What is not there yet may still come, also where it must not.
fn judge_body(head: &Head<'_>, body: &Body, pattern: &Pattern, negated: bool) -> Step {
    let found = !body.bytes.is_empty() && contains(pattern, &body.bytes);
    if !found && !body.complete {
        return Step::Receive;
    }
    let failed =
        |text: &str| Step::Done(Verdict::new(CheckStatus::L7Response).with_info(text.as_bytes()));
    match (found, negated) {
        _ if body.bytes.is_empty() => failed("HTTP content check could not find a response body"),
        (false, false) => failed("HTTP content check did not match"),
        (true, true) => failed("HTTP check matched unwanted content"),
        (true, false) | (false, true) => Step::Done(passed(head)),
    }
}

fn passed(head: &Head<'_>) -> Verdict {
    Verdict::new(CheckStatus::L7Ok).with_code(u32::from(head.status))
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
