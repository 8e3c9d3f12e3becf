//! `option redis-check`: PING, and PONG must be somewhere in the answer.

use super::exchange::Exchange;
use super::expect::find;
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const PONG: &[u8] = b"+PONG\r\n";

/// A PING under way.
#[derive(Debug)]
pub(super) struct Redis {
    exchange: Exchange,
}

impl Redis {
    pub(super) fn new(answer_bytes_max: usize) -> Self {
        let question = Some(PING.to_vec());
        Self { exchange: Exchange::new(Close::Reset, question, answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    /// Like HAProxy, anything else than PONG may still be followed by it until the server closes.
    fn judge(&self) -> Step {
        let bytes = self.exchange.answer.bytes();
        if find(bytes, PONG).is_some() {
            let passed = Verdict::new(CheckStatus::L7Ok);
            return Step::Done(passed.with_info(b"Redis server is ok"));
        }
        if !self.exchange.answer.is_final() {
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
