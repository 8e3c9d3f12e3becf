//! `option tcp-check`: connect, send and expect, step by step.
//!
//! Steps count from 1 in failures, comments included. Consecutive expectations look at the same
//! bytes; a send forgets them. An expectation that must wait is judged again from the first of its group, as in HAProxy.

use std::mem;

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
            Input::Start => match self.acting(0) {
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
                let verdict = match (self.reached, self.at.and_then(|at| self.steps.get(at))) {
                    (Reached::Connected, Some(ScriptStep::Expect(expect))) => {
                        Verdict::new(expect.report.timeout)
                    }
                    (reached, _) => reached.timed_out(),
                };
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
                Some(ScriptStep::Comment(_)) => at += 1,
                Some(ScriptStep::Connect { port, addr, send_proxy, linger, layer, .. }) => {
                    self.reached = Reached::Connecting;
                    self.answer.reopen();
                    return Step::Connect(Connect {
                        addr: *addr,
                        port: *port,
                        send_proxy: *send_proxy,
                        close: if *linger { Close::Polite } else { Close::Reset },
                        opening: self.opening(at + 1),
                        layer: layer.clone(),
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
                        let info = self.unmet(at, b"TCPCHK got an empty response");
                        let verdict = Verdict::new(expect.report.error);
                        return Step::Done(verdict.with_info(&info));
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
            .rposition(|step| !matches!(step, ScriptStep::Expect(_) | ScriptStep::Comment(_)))
            .map_or(0, |before| before + 1);
        self.enter(group)
    }

    /// The first step from `at` on that does something.
    fn acting(&self, at: usize) -> Option<&'a ScriptStep> {
        self.steps.get(at..)?.iter().find(|step| acts(step))
    }

    fn opening(&self, next: usize) -> Opening {
        match self.acting(next) {
            Some(ScriptStep::Send { .. }) => Opening::Ours,
            Some(ScriptStep::Expect(_)) => Opening::Theirs,
            Some(ScriptStep::Connect { .. } | ScriptStep::Comment(_)) | None => Opening::Silent,
        }
    }

    fn passed(&self) -> Verdict {
        match self.steps.iter().rfind(|step| acts(step)) {
            Some(ScriptStep::Expect(Expect { report, .. })) => {
                let verdict = report.coded(Verdict::new(report.ok), self.answer.bytes());
                verdict.with_info(report.on_success.as_deref().unwrap_or(PASSED))
            }
            Some(ScriptStep::Send { .. }) => Verdict::new(CheckStatus::L7Ok).with_info(PASSED),
            Some(_) => Verdict::new(CheckStatus::L4Ok).with_info(PASSED),
            None => Verdict::new(CheckStatus::L4Ok),
        }
    }

    /// What names the step at `at`: its own comment, or the one before the steps of its kind.
    fn comment(&self, at: usize) -> Option<&'a str> {
        let step = self.steps.get(at)?;
        let own = match step {
            ScriptStep::Connect { comment, .. } | ScriptStep::Send { comment, .. } => comment,
            ScriptStep::Expect(expect) => &expect.comment,
            ScriptStep::Comment(_) => return None,
        };
        if own.is_some() {
            return own.as_deref();
        }
        let kind = mem::discriminant(step);
        match self.steps[..at].iter().rfind(|before| mem::discriminant(*before) != kind)? {
            ScriptStep::Comment(comment) => Some(comment),
            _ => None,
        }
    }

    fn judged_unmet(&self, at: usize, expect: &Expect) -> Verdict {
        let report = &expect.report;
        let verdict = report.coded(Verdict::new(report.error), self.answer.bytes());
        let info = match &report.on_error {
            Some(text) => [text.as_slice(), self.remark(at).as_bytes()].concat(),
            None => self.unmet(at, &unmet_words(expect)),
        };
        verdict.with_info(&info)
    }

    /// What went wrong, and at which step.
    fn unmet(&self, at: usize, what: &[u8]) -> Vec<u8> {
        let place = format!(" at step {}{}", at + 1, self.remark(at));
        [what, place.as_bytes()].concat()
    }

    /// The comment of the step at `at`, to be appended.
    fn remark(&self, at: usize) -> String {
        self.comment(at).map_or(String::new(), |text| format!(" comment: {text}"))
    }

    /// Where a failure of the connection or of time met the script.
    fn place(&self) -> String {
        let Some(at) = self.at else {
            return " at initial connection step of tcp-check".to_owned();
        };
        let doing = match self.steps.get(at) {
            Some(ScriptStep::Connect { port, .. }) => {
                let port = port.map_or(String::new(), |port| format!(" port {port}"));
                format!(" (connect{port})")
            }
            Some(ScriptStep::Send { .. }) => " (send)".to_owned(),
            Some(ScriptStep::Expect(expect)) => awaited(expect),
            Some(ScriptStep::Comment(_)) | None => String::new(),
        };
        let comment = self.comment(at).map_or(String::new(), |text| format!(" comment: '{text}'"));
        format!(" at step {} of tcp-check{doing}{comment}", at + 1)
    }
}

/// In which way the answer is not as expected.
fn unmet_words(expect: &Expect) -> Vec<u8> {
    let what: &[u8] = if expect.negated {
        b"TCPCHK matched unwanted content"
    } else {
        b"TCPCHK did not match content"
    };
    let shown: &[u8] = match &expect.pattern {
        Pattern::Text(text) => &[b" '", text.as_slice(), b"'"].concat(),
        Pattern::Binary(_) => b" (binary)",
        Pattern::Regex(_) => b" (regex)",
        Pattern::BinaryRegex(_) => b" (binary regex)",
        Pattern::TextFormat(_) => b" (log-format string)",
        Pattern::BinaryFormat(_) => b" (log-format binary)",
    };
    [what, shown].concat()
}

fn acts(step: &ScriptStep) -> bool {
    !matches!(step, ScriptStep::Comment(_))
}

/// ` (expect string 'X')`.
fn awaited(expect: &Expect) -> String {
    match &expect.pattern {
        Pattern::Text(text) => format!(" (expect string '{}')", String::from_utf8_lossy(text)),
        Pattern::Binary(text) => format!(" (expect binary '{}')", String::from_utf8_lossy(text)),
        Pattern::Regex(_) => " (expect regex)".to_owned(),
        Pattern::BinaryRegex(_) => " (expect binary regex)".to_owned(),
        Pattern::TextFormat(_) => " (expect log-format string)".to_owned(),
        Pattern::BinaryFormat(_) => " (expect log-format binary)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
