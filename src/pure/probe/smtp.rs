//! `option smtpchk`: greeting, `HELO` or `EHLO`, `QUIT`, and every answer must begin with a 2.
//!
//! Answers are judged by whole lines, so that the rest of one is not taken for the next; HAProxy
//! judges the first four bytes. The answer to the hello may have several lines, and one that is wrong
//! may still be followed by a right one until the server closes.

use super::exchange::Exchange;
use super::kind::leading_number;
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// A reply must show its code and what separates it from the text.
const REPLY_BYTES_MIN: usize = 4;
/// Where the text of a reply begins.
const TEXT_AT: usize = 4;

/// A dialogue under way.
#[derive(Debug)]
pub(super) struct Smtp<'a> {
    hello: &'a str,
    stage: Stage,
    exchange: Exchange,
}

/// What is waited for; the number is that of HAProxy's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting = 2,
    Hello = 5,
    Quit = 7,
}

impl<'a> Smtp<'a> {
    pub(super) fn new(hello: &'a str, answer_bytes_max: usize) -> Self {
        let exchange = Exchange::new(Close::Polite, None, answer_bytes_max);
        Self { hello, stage: Stage::Greeting, exchange }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        // A goodbye without the end of its line: nothing more is to be said.
        if input == Input::TimedOut && self.stage == Stage::Quit && self.shows_a_reply() {
            return self.goodbye();
        }
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn shows_a_reply(&self) -> bool {
        self.exchange.answer.bytes().len() >= REPLY_BYTES_MIN
    }

    fn judge(&mut self) -> Step {
        if self.exchange.answer.is_silence() {
            let info = format!("TCPCHK got an empty response at step {}", self.stage as u8);
            let status = match self.stage {
                Stage::Greeting => CheckStatus::L7Response,
                Stage::Hello | Stage::Quit => CheckStatus::L7Status,
            };
            return Step::Done(Verdict::new(status).with_info(info.as_bytes()));
        }
        let bytes = self.exchange.answer.bytes();
        let line_is_whole = self.shows_a_reply() && bytes.iter().any(|byte| b"\r\n".contains(byte));
        if !line_is_whole && !self.exchange.answer.is_final() {
            return Step::Receive;
        }
        match self.stage {
            Stage::Greeting if !is_reply(bytes, b" \r") => {
                let verdict = Verdict::new(CheckStatus::L7Response);
                Step::Done(verdict.with_info(first_line(bytes)))
            }
            Stage::Greeting if bytes[0] != b'2' => self.refused(),
            Stage::Greeting => self.say(Stage::Hello, format!("{}\r\n", self.hello)),
            Stage::Hello if is_whole_reply(bytes) => self.say(Stage::Quit, "QUIT\r\n".to_owned()),
            Stage::Hello if !self.exchange.answer.is_final() => Step::Receive,
            Stage::Hello => self.refused(),
            Stage::Quit => self.goodbye(),
        }
    }

    fn goodbye(&self) -> Step {
        let bytes = self.exchange.answer.bytes();
        if bytes.first() == Some(&b'2') && is_reply(bytes, b"- \r") {
            return Step::Done(self.said(CheckStatus::L7Ok));
        }
        self.refused()
    }

    fn say(&mut self, stage: Stage, line: String) -> Step {
        self.stage = stage;
        self.exchange.answer.clear();
        Step::Send(line.into_bytes())
    }

    fn refused(&self) -> Step {
        Step::Done(self.said(CheckStatus::L7Status))
    }

    /// A verdict with the code and the text of the first line.
    fn said(&self, status: CheckStatus) -> Verdict {
        let line = first_line(self.exchange.answer.bytes());
        let code = leading_number(line.get(..3).unwrap_or(line));
        let text = line.get(TEXT_AT..).unwrap_or_default();
        Verdict::new(status).with_code(code).with_info(text.trim_ascii_start())
    }
}

/// Three digits and one of `separators`.
fn is_reply(bytes: &[u8], separators: &[u8]) -> bool {
    matches!(bytes, [a, b, c, separator, ..]
        if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) && separators.contains(separator))
}

/// Lines `2xx-…`, then one `2xx …`.
fn is_whole_reply(mut bytes: &[u8]) -> bool {
    loop {
        if bytes.first() != Some(&b'2') {
            return false;
        }
        if is_reply(bytes, b" \r") {
            return true;
        }
        let end = bytes.iter().position(|&byte| byte == b'\r').filter(|_| is_reply(bytes, b"-"));
        match end.and_then(|end| bytes[end..].strip_prefix(b"\r\n")) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{End, served_in_turn};
    use crate::pure::probe::kind::CheckKind;

    fn smtp() -> CheckKind {
        CheckKind::Smtp { hello: "EHLO me".to_owned() }
    }

    #[test]
    fn verdicts_as_haproxy_2_6_gives_them() {
        const HI: &[u8] = b"220 hi there\r\n";
        const OK: &[u8] = b"250-a\r\n250 ok\r\n";
        type Row<'a> = (&'a [&'a [u8]], End, &'a str, Option<i32>, &'a str);
        let rows: [Row<'_>; 18] = [
            (
                &[HI, OK, b"221 2.0.0 bye now\r\nmore"],
                End::Hang,
                "L7OK",
                Some(221),
                "2.0.0 bye now",
            ),
            (&[HI, OK, b"221-a\r\n221 b\r\n"], End::Hang, "L7OK", Some(221), "a"),
            (&[HI, OK, b"221 b"], End::Hang, "L7OK", Some(221), "b"),
            (&[b"220-hi there\r\n220 x\r\n"], End::Hang, "L7RSP", None, "220-hi there"),
            (&[b"SSH-2.0\r\n"], End::Hang, "L7RSP", None, "SSH-2.0"),
            (&[b"220\n"], End::Hang, "L7RSP", None, "220"),
            (&[b"22"], End::Close, "L7RSP", None, "22"),
            (&[b"554 no way\r\n"], End::Hang, "L7STS", Some(554), "no way"),
            (&[HI, b"500  what\r\n"], End::Hang, "L7TOUT", None, ""),
            (&[HI, b"500  what\r\n"], End::Close, "L7STS", Some(500), "what"),
            (&[HI, b"250-a\r\n25"], End::Hang, "L7TOUT", None, ""),
            (&[HI, OK, b"400 busy\r\n"], End::Hang, "L7STS", Some(400), "busy"),
            (&[HI, OK, b"221"], End::Hang, "L7TOUT", None, ""),
            (&[], End::Close, "L7RSP", None, "TCPCHK got an empty response at step 2"),
            (&[HI], End::Close, "L7STS", Some(0), "TCPCHK got an empty response at step 5"),
            (&[HI, OK], End::Close, "L7STS", Some(0), "TCPCHK got an empty response at step 7"),
            (&[], End::Hang, "L7TOUT", None, ""),
            (&[], End::Reset, "SOCKERR", None, "Connection reset by peer"),
        ];
        for (answers, end, status, code, info) in rows {
            let found = served_in_turn(&smtp(), answers, end);
            assert_eq!(found, (status, code, info.to_owned()), "{answers:?} {end:?}");
        }
    }
}
