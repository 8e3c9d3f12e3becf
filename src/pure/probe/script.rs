//! `option tcp-check`: connect, send and expect, step by step.
//!
//! Steps count from 1 in failures. Consecutive expectations look at the same bytes; a send forgets
//! them. An expectation that must wait is judged again from the first of its group, as in HAProxy.

use super::answer::Answer;
use super::expect::{Judgement, judge};
use super::{Close, Connect, Input, Opening, Reached, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::{Expect, Pattern, ScriptStep};

/// What a script that passed says of itself.
const PASSED: &[u8] = b"(tcp-check)";

/// A script under way.
#[derive(Debug)]
pub(super) struct Script<'a> {
    steps: &'a [ScriptStep],
    /// The step under way; `None` during the connection that no step asked for.
    at: Option<usize>,
    reached: Reached,
    answer: Answer,
}

impl<'a> Script<'a> {
    pub(super) fn new(steps: &'a [ScriptStep], answer_bytes_max: usize) -> Self {
        let answer = Answer::new(answer_bytes_max);
        Self { steps, at: None, reached: Reached::Connecting, answer }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        match input {
            Input::Start => match self.steps.first() {
                Some(ScriptStep::Connect { .. }) => self.enter(0),
                _ => Step::Connect(Connect::plain(Close::Reset, self.opening(0))),
            },
            Input::Connected => {
                self.reached = Reached::Connected;
                self.enter(self.at.map_or(0, |at| at + 1))
            }
            Input::Sent => self.enter(self.at.map_or(0, |at| at + 1)),
            Input::Bytes(bytes) => {
                self.answer.push(bytes);
                self.judge_again()
            }
            Input::Closed => {
                self.answer.close();
                self.judge_again()
            }
            Input::Failed(_) if !self.answer.is_empty() => {
                // A reset behind an answer takes nothing of it back.
                self.answer.close();
                self.judge_again()
            }
            Input::Failed(system) => {
                let info = format!("{system}{}", self.place());
                Step::Done(self.reached.failed(&info))
            }
            Input::TimedOut => {
                let verdict = self.reached.timed_out();
                Step::Done(verdict.with_info(self.place().as_bytes()))
            }
        }
    }

    /// Goes on from step `at` to the first that has to wait for something.
    fn enter(&mut self, mut at: usize) -> Step {
        loop {
            self.at = Some(at);
            match self.steps.get(at) {
                None => return Step::Done(self.passed()),
                Some(ScriptStep::Connect { port, addr, send_proxy, linger, .. }) => {
                    self.reached = Reached::Connecting;
                    self.answer.reopen();
                    return Step::Connect(Connect {
                        addr: *addr,
                        port: *port,
                        send_proxy: *send_proxy,
                        close: if *linger { Close::Polite } else { Close::Reset },
                        opening: self.opening(at + 1),
                    });
                }
                Some(ScriptStep::Send { data, .. }) => {
                    self.answer.clear();
                    return Step::Send(data.clone());
                }
                Some(ScriptStep::Expect(expect)) => match judge(expect, &self.answer) {
                    Judgement::Met => at += 1,
                    Judgement::More => return Step::Receive,
                    Judgement::Silence => {
                        return Step::Done(self.unmet(
                            at,
                            expect,
                            "TCPCHK got an empty response",
                            b"",
                        ));
                    }
                    Judgement::Unmet => return Step::Done(self.judged_unmet(at, expect)),
                },
            }
        }
    }

    /// Judges the group of expectations under way from its first.
    fn judge_again(&mut self) -> Step {
        let at = self.at.unwrap_or(0).min(self.steps.len());
        let group = self.steps[..at]
            .iter()
            .rposition(|step| !matches!(step, ScriptStep::Expect(_)))
            .map_or(0, |before| before + 1);
        self.enter(group)
    }

    fn opening(&self, next: usize) -> Opening {
        match self.steps.get(next) {
            Some(ScriptStep::Send { .. }) => Opening::Ours,
            Some(ScriptStep::Expect(_)) => Opening::Theirs,
            Some(ScriptStep::Connect { .. }) | None => Opening::Silent,
        }
    }

    fn passed(&self) -> Verdict {
        let status = match self.steps.last() {
            Some(ScriptStep::Connect { .. }) | None => CheckStatus::L4Ok,
            Some(ScriptStep::Send { .. } | ScriptStep::Expect(_)) => CheckStatus::L7Ok,
        };
        Verdict::new(status).with_info(PASSED)
    }

    fn judged_unmet(&self, at: usize, expect: &Expect) -> Verdict {
        let what = if expect.negated {
            "TCPCHK matched unwanted content"
        } else {
            "TCPCHK did not match content"
        };
        let shown: &[u8] = match &expect.pattern {
            Pattern::Text(text) => &[b" '", text.as_slice(), b"'"].concat(),
            Pattern::Binary(_) => b" (binary)",
            Pattern::Regex(_) => b" (regex)",
            Pattern::BinaryRegex(_) => b" (binary regex)",
        };
        self.unmet(at, expect, what, shown)
    }

    fn unmet(&self, at: usize, expect: &Expect, what: &str, shown: &[u8]) -> Verdict {
        let comment = expect.comment.as_ref().map_or(String::new(), |c| format!(" comment: {c}"));
        let place = format!(" at step {}{comment}", at + 1);
        let info = [what.as_bytes(), shown, place.as_bytes()].concat();
        Verdict::new(CheckStatus::L7Response).with_info(&info)
    }

    /// Where a failure of the connection or of time met the script.
    fn place(&self) -> String {
        let Some(at) = self.at else {
            return " at initial connection step of tcp-check".to_owned();
        };
        let (doing, comment) = match self.steps.get(at) {
            Some(ScriptStep::Connect { port, comment, .. }) => {
                let port = port.map_or(String::new(), |port| format!(" port {port}"));
                (format!(" (connect{port})"), comment.as_deref())
            }
            Some(ScriptStep::Send { comment, .. }) => (" (send)".to_owned(), comment.as_deref()),
            Some(ScriptStep::Expect(expect)) => (awaited(expect), expect.comment.as_deref()),
            None => (String::new(), None),
        };
        let comment = comment.map_or(String::new(), |text| format!(" comment: '{text}'"));
        format!(" at step {} of tcp-check{doing}{comment}", at + 1)
    }
}

/// ` (expect string 'X')`.
fn awaited(expect: &Expect) -> String {
    match &expect.pattern {
        Pattern::Text(text) => format!(" (expect string '{}')", String::from_utf8_lossy(text)),
        Pattern::Binary(text) => format!(" (expect binary '{}')", String::from_utf8_lossy(text)),
        Pattern::Regex(_) => " (expect regex)".to_owned(),
        Pattern::BinaryRegex(_) => " (expect binary regex)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
