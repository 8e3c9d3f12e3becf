//! `option redis-check`: PING, and PONG must be somewhere in the answer.

use super::answer::Answer;
use super::expect::find;
use super::{Close, Connect, Input, Opening, Reached, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const PONG: &[u8] = b"+PONG\r\n";

/// A PING under way.
#[derive(Debug)]
pub(super) struct Redis {
    reached: Reached,
    answer: Answer,
}

impl Redis {
    pub(super) fn new(answer_bytes_max: usize) -> Self {
        Self { reached: Reached::Connecting, answer: Answer::new(answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        match input {
            Input::Start => Step::Connect(Connect::plain(Close::Reset, Opening::Ours)),
            Input::Connected => {
                self.reached = Reached::Connected;
                Step::Send(PING.to_vec())
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

    /// Like HAProxy, anything else than PONG may still be followed by it until the server closes.
    fn judge(&self) -> Step {
        let bytes = self.answer.bytes();
        if find(bytes, PONG).is_some() {
            let passed = Verdict::new(CheckStatus::L7Ok);
            return Step::Done(passed.with_info(b"Redis server is ok"));
        }
        if !self.answer.is_final() {
            return Step::Receive;
        }
        let said = match bytes.iter().position(|byte| b"\r\n".contains(byte)) {
            _ if bytes.is_empty() => b"TCPCHK got an empty response at step 2",
            Some(end) => &bytes[..end],
            None => bytes,
        };
        Step::Done(Verdict::new(CheckStatus::L7Status).with_info(said))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{End, Row, served};
    use crate::pure::probe::kind::CheckKind::Redis;

    #[test]
    fn verdicts_as_haproxy_2_6_gives_them() {
        let ok = ("L7OK", Some(0), "Redis server is ok".to_owned());
        assert_eq!(served(&Redis, &[b"+PO", b"NG\r\n"], End::Hang), ok);
        assert_eq!(served(&Redis, &[b"xx+PONG\r\n"], End::Close), ok);
        let rows: [Row<'_>; 5] = [
            (b"+PONG", End::Hang, "L7TOUT", None, ""),
            (b"-NOAUTH Authentication required.\r\n", End::Hang, "L7TOUT", None, ""),
            (
                b"-LOADING Redis is loading\r\nfoo",
                End::Close,
                "L7STS",
                Some(0),
                "-LOADING Redis is loading",
            ),
            (b"", End::Close, "L7STS", Some(0), "TCPCHK got an empty response at step 2"),
            (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
        ];
        for (answer, end, status, code, info) in rows {
            assert_eq!(served(&Redis, &[answer], end), (status, code, info.to_owned()));
        }
    }
}
