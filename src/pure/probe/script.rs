//! `option tcp-check` and `option httpchk`: connect, send and expect, step by step.
//!
//! Steps count from 1 in failures, comments included. Consecutive expectations look at the same
//! bytes; a send forgets them. One that must wait is judged again when more has come, and with it
//! those before from the first negated one on, which also names the wait, as in HAProxy.

mod view;

use std::cell::RefCell;
use std::mem;
use std::num::NonZeroU16;

use super::answer::Answer;
use super::expect::{Judgement, judge};
use super::{Close, Connect, Context, Input, Opening, Reached, Step, Surroundings, http};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::{
    Assigned, Expect, HttpCheck, HttpExpect, Pattern, Payload, PortFrom, ScriptStep, unhex,
};
use crate::pure::sample::{Value, Variable};
use view::View;

/// What a script that passed says of itself.
const PASSED: &[u8] = b"(tcp-check)";

/// A script under way.
pub(super) struct Script<'a> {
    steps: &'a [ScriptStep],
    flavour: Flavour,
    around: &'a dyn Surroundings,
    /// What `set-var` kept: at most one value a rule.
    variables: RefCell<Vec<(Variable, Value)>>,
    /// The step under way; `None` during the connection that no step asked for.
    at: Option<usize>,
    reached: Reached,
    answer: Answer,
}

/// Whose rules they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// `tcp-check`: failures name their step.
    Tcp,
    /// `http-check`.
    Http {
        /// A status of 404 passes conditionally.
        is_404_drain: bool,
        /// Requests tell what the server is worth.
        send_state: bool,
    },
}

impl<'a> Script<'a> {
    pub(super) fn tcp(
        steps: &'a [ScriptStep],
        context: &Context,
        around: &'a dyn Surroundings,
    ) -> Self {
        Self::new(steps, Flavour::Tcp, context, around)
    }

    pub(super) fn http(
        check: &'a HttpCheck,
        context: &Context,
        around: &'a dyn Surroundings,
    ) -> Self {
        let is_404_drain = check.disable_on_404 && !context.down;
        let flavour = Flavour::Http { is_404_drain, send_state: check.send_state };
        Self::new(&check.steps, flavour, context, around)
    }

    fn new(
        steps: &'a [ScriptStep],
        flavour: Flavour,
        context: &Context,
        around: &'a dyn Surroundings,
    ) -> Self {
        let answer = Answer::new(context.answer_bytes_max.max(1));
        let (reached, variables) = (Reached::Connecting, RefCell::default());
        Self { steps, flavour, around, variables, at: None, reached, answer }
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
                let info = [system.as_bytes(), &self.place()].concat();
                Step::Done(self.reached.failed(&info))
            }
            Input::TimedOut => {
                let verdict = match (self.reached, self.at.and_then(|at| self.steps.get(at))) {
                    (
                        Reached::Connected,
                        Some(
                            ScriptStep::Expect(Expect { report, .. })
                            | ScriptStep::HttpExpect(HttpExpect { report, .. }),
                        ),
                    ) => Verdict::new(report.timeout),
                    (reached, _) => reached.timed_out(),
                };
                Step::Done(verdict.with_info(&self.place()))
            }
        }
    }

    /// Goes on from step `at` to the first that has to wait for something.
    fn enter(&mut self, mut at: usize) -> Step {
        loop {
            self.at = Some(at);
            let Some(step) = self.steps.get(at) else {
                return Step::Done(self.passed());
            };
            match self.take(at, step) {
                Some(Step::Receive) => {
                    self.at = Some(self.judged_from(at));
                    return Step::Receive;
                }
                Some(next) => return next,
                None => at += 1,
            }
        }
    }

    /// What the step at `at` asks for; `None`: it is done.
    fn take(&mut self, at: usize, step: &'a ScriptStep) -> Option<Step> {
        match step {
            ScriptStep::Comment(_) => None,
            ScriptStep::Connect { .. } => Some(self.connect(at, step)),
            ScriptStep::Send { data, .. } => {
                let Some(bytes) = self.payload(data) else {
                    let what = b"tcp-check send : failed to build log-format string";
                    let verdict = Verdict::new(CheckStatus::L7Response);
                    return Some(Step::Done(verdict.with_info(&self.unmet(at, what))));
                };
                self.answer.clear();
                Some(Step::Send(bytes))
            }
            ScriptStep::HttpSend(send) => {
                let told = matches!(self.flavour, Flavour::Http { send_state: true, .. });
                let state = told.then(|| self.around.state());
                let bytes = http::request(send, state.as_deref(), &self.view());
                self.answer.clear();
                Some(Step::Send(bytes))
            }
            ScriptStep::Expect(expect) => self.expect(at, expect),
            ScriptStep::HttpExpect(expect) => {
                let is_404_drain = self.flavour_drains();
                let comment = self.comment(at);
                match http::judge(expect, &self.answer, &self.view(), is_404_drain, comment) {
                    http::Judgement::Met => None,
                    http::Judgement::More => Some(Step::Receive),
                    http::Judgement::Over(verdict) => Some(Step::Done(verdict)),
                }
            }
            ScriptStep::SetVar(name, assigned) => {
                let value = match assigned {
                    Assigned::Sample(expr) => expr.evaluate(&self.view()).value(),
                    Assigned::Format(format) => Some(Value::Str(format.fill(&self.view()))),
                };
                // Where there is no value, the one before stays, as in HAProxy.
                if value.is_some() {
                    view::set(&self.variables, name, value);
                }
                None
            }
            ScriptStep::UnsetVar(name) => {
                view::set(&self.variables, name, None);
                None
            }
        }
    }

    fn connect(&mut self, at: usize, step: &ScriptStep) -> Step {
        let ScriptStep::Connect { port, addr, send_proxy, via_socks4, linger, layer, .. } = step
        else {
            return Step::Receive;
        };
        self.reached = Reached::Connecting;
        self.answer.reopen();
        Step::Connect(Connect {
            addr: addr.clone(),
            port: port.as_ref().and_then(|port| self.port(port)),
            send_proxy: *send_proxy,
            via_socks4: *via_socks4,
            close: if *linger { Close::Polite } else { Close::Reset },
            opening: self.opening(at + 1),
            layer: layer.clone(),
        })
    }

    fn port(&self, port: &PortFrom) -> Option<NonZeroU16> {
        match port {
            PortFrom::Fixed(port) => Some(*port),
            PortFrom::Sample(expr) => {
                let number = expr.evaluate(&self.view()).value()?.as_int()?;
                NonZeroU16::new(u16::try_from(number).ok()?)
            }
        }
    }

    /// The bytes to send; `None` where what should be hexadecimal digits is not.
    fn payload(&self, payload: &Payload) -> Option<Vec<u8>> {
        match payload {
            Payload::Text(bytes) | Payload::Binary(bytes) => Some(bytes.clone()),
            Payload::Format(format) => Some(format.fill(&self.view())),
            Payload::BinaryFormat(format) => unhex(&format.fill(&self.view())),
        }
    }

    fn expect(&self, at: usize, expect: &Expect) -> Option<Step> {
        match judge(expect, &self.answer, &self.view()) {
            Judgement::Met => None,
            Judgement::More => Some(Step::Receive),
            Judgement::Silence => {
                // The comment is quoted here and nowhere else in what an answer fails with.
                let comment = self.comment(at).map(|text| format!(" comment: '{text}'"));
                let place = format!("at step {}{}", at + 1, comment.unwrap_or_default());
                let info = format!("TCPCHK got an empty response {place}");
                Some(Step::Done(Verdict::new(expect.report.error).with_info(info.as_bytes())))
            }
            Judgement::Uncomputed(why) => {
                Some(Step::Done(Verdict::new(CheckStatus::L7Response).with_info(why)))
            }
            Judgement::Unmet => Some(Step::Done(self.judged_unmet(at, expect))),
        }
    }

    /// What samples see now.
    fn view(&self) -> View<'_> {
        View { around: self.around, answer: &self.answer, variables: &self.variables }
    }

    const fn flavour_drains(&self) -> bool {
        matches!(self.flavour, Flavour::Http { is_404_drain: true, .. })
    }

    /// Judges what is waited for with what has come.
    fn judge_again(&mut self) -> Step {
        self.enter(self.at.unwrap_or(0))
    }

    /// Where judging begins again for the expectation at `at`: what a negated one before it did not
    /// want may still come.
    fn judged_from(&self, at: usize) -> usize {
        let group = self.steps[..at].iter().enumerate().rev().take_while(|(_, step)| {
            let expects = matches!(step, ScriptStep::Expect(_) | ScriptStep::HttpExpect(_));
            expects || !acts(step)
        });
        let negated = group.filter(|(_, step)| match step {
            ScriptStep::Expect(expect) => expect.negated,
            ScriptStep::HttpExpect(expect) => expect.negated,
            _ => false,
        });
        negated.last().map_or(at, |(first, _)| first)
    }

    /// The first step from `at` on that does something.
    fn acting(&self, at: usize) -> Option<&'a ScriptStep> {
        self.steps.get(at..)?.iter().find(|step| acts(step))
    }

    fn opening(&self, next: usize) -> Opening {
        match self.acting(next) {
            Some(ScriptStep::Send { .. } | ScriptStep::HttpSend(_)) => Opening::Ours,
            Some(ScriptStep::Expect(_) | ScriptStep::HttpExpect(_)) => Opening::Theirs,
            _ => Opening::Silent,
        }
    }

    fn passed(&self) -> Verdict {
        match self.steps.iter().rfind(|step| acts(step)) {
            Some(ScriptStep::Expect(Expect { report, .. })) => {
                let verdict = report.coded(Verdict::new(report.ok), &self.view());
                let said = report.on_success.as_ref().map(|text| text.fill(&self.view()));
                verdict.with_info(said.as_deref().unwrap_or(PASSED))
            }
            Some(ScriptStep::HttpExpect(expect)) => {
                http::passed(expect, &self.answer, &self.view())
            }
            Some(ScriptStep::Send { .. } | ScriptStep::HttpSend(_)) => {
                Verdict::new(CheckStatus::L7Ok).with_info(PASSED)
            }
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
            ScriptStep::HttpExpect(expect) => &expect.comment,
            ScriptStep::HttpSend(send) => &send.comment,
            ScriptStep::Comment(_) => return None,
            ScriptStep::SetVar(..) | ScriptStep::UnsetVar(_) => &None,
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
        let verdict = report.coded(Verdict::new(report.error), &self.view());
        let info = match &report.on_error {
            Some(text) => [text.fill(&self.view()).as_slice(), self.remark(at).as_bytes()].concat(),
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
    fn place(&self) -> Vec<u8> {
        if self.flavour != Flavour::Tcp {
            return Vec::new();
        }
        let Some(at) = self.at else {
            return b" at initial connection step of tcp-check".to_vec();
        };
        let doing = match self.steps.get(at) {
            Some(ScriptStep::Connect { port, .. }) => {
                let port = port.as_ref().and_then(|port| self.port(port));
                let port = port.map_or(String::new(), |port| format!(" port {port}"));
                format!(" (connect{port})").into_bytes()
            }
            Some(ScriptStep::Send { .. }) => b" (send)".to_vec(),
            Some(ScriptStep::Expect(expect)) => awaited(expect),
            _ => Vec::new(),
        };
        let comment = self.comment(at).map_or(String::new(), |text| format!(" comment: '{text}'"));
        let step = format!(" at step {} of tcp-check", at + 1);
        [step.as_bytes(), &doing, comment.as_bytes()].concat()
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
    !matches!(step, ScriptStep::Comment(_) | ScriptStep::SetVar(..) | ScriptStep::UnsetVar(_))
}

/// ` (expect string 'X')`.
fn awaited(expect: &Expect) -> Vec<u8> {
    let (kind, shown): (&[u8], &[u8]) = match &expect.pattern {
        Pattern::Text(text) => (b"string", text),
        Pattern::Binary(text) => (b"binary", text),
        Pattern::Regex(_) => return b" (expect regex)".to_vec(),
        Pattern::BinaryRegex(_) => return b" (expect binary regex)".to_vec(),
        Pattern::TextFormat(_) => return b" (expect log-format string)".to_vec(),
        Pattern::BinaryFormat(_) => return b" (expect log-format binary)".to_vec(),
    };
    [b" (expect ", kind, b" '", shown, b"')"].concat()
}

#[cfg(test)]
mod tests;
