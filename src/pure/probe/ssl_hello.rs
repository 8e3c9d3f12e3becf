//! `option ssl-hello-chk`: a ClientHello of SSL 3.0, and any handshake or alert is a sign of life.
//!
//! No cryptography: the bytes are those HAProxy sends, which servers of any age can read, and most
//! answer with an alert.

use super::exchange::Exchange;
use super::{Close, Input, Reached, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// A record's header: no more of the answer is looked at.
const ANSWER_BYTES_MIN: usize = 5;
const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;
/// Handshake record of SSL 3.0, ClientHello, SSL 3.0 (RFC 6101 5.2, 5.6.1.2).
const HEAD: &[u8] = b"\x16\x03\x00\x00\x79\x01\x00\x00\x75\x03\x00";
/// The hello's random part behind the time: 28 bytes.
const RANDOM: &[u8] = b"HAPROXYSSLCHK\nHAPROXYSSLCHK\n";
/// No session, 78 bytes of cipher suites.
const NO_SESSION_AND_SUITES_BYTES: &[u8] = b"\x00\x00\x4e";
/// One compression method: none.
const NO_COMPRESSION: &[u8] = b"\x01\x00";

/// A hello under way.
#[derive(Debug)]
pub(super) struct SslHello {
    exchange: Exchange,
}

impl SslHello {
    pub(super) fn new(unix_time_s: u32, answer_bytes_max: usize) -> Self {
        let question = Some(hello(unix_time_s));
        Self { exchange: Exchange::new(Close::Reset, question, answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        if input == Input::TimedOut && self.exchange.reached == Reached::Connected {
            return Step::Done(Verdict::new(CheckStatus::L6Timeout));
        }
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn judge(&self) -> Step {
        let bytes = self.exchange.answer.bytes();
        if bytes.len() < ANSWER_BYTES_MIN && !self.exchange.answer.is_final() {
            return Step::Receive;
        }
        let response = Verdict::new(CheckStatus::L6Response);
        Step::Done(match bytes.first() {
            None => response.with_info(b"TCPCHK got an empty response at step 2"),
            Some(&(ALERT | HANDSHAKE)) => Verdict::new(CheckStatus::L6Ok),
            Some(_) => response,
        })
    }
}

fn hello(unix_time_s: u32) -> Vec<u8> {
    // The suites of SSL 3.0, and those of RFC 3268.
    let suites = (0x0001..=0x001b_u16).chain(0x002f..=0x003a).flat_map(u16::to_be_bytes);
    let time = unix_time_s.to_be_bytes();
    let mut hello = [HEAD, &time, RANDOM, NO_SESSION_AND_SUITES_BYTES].concat();
    hello.extend(suites);
    hello.extend_from_slice(NO_COMPRESSION);
    hello
}

#[cfg(test)]
mod tests {
    use super::super::testing::{End, Row, served};
    use super::*;
    use crate::pure::probe::kind::CheckKind;

    #[test]
    fn lengths_agree_with_what_they_count() {
        let hello = hello(0x6b01_794e);
        assert_eq!(hello.len(), ANSWER_BYTES_MIN + 0x79);
        assert_eq!(hello[9..15], *b"\x03\x00\x6b\x01\x79\x4e", "version and time");
    }

    #[test]
    fn verdicts_as_haproxy_2_6_gives_them() {
        let empty = "TCPCHK got an empty response at step 2";
        let rows: [Row<'_>; 8] = [
            (b"\x15\x03\x00\x00\x02\x02(", End::Hang, "L6OK", None, ""),
            (b"\x16\x03\x00\x00\x02\x02(", End::Hang, "L6OK", None, ""),
            (b"\x16\x03", End::Close, "L6OK", None, ""),
            (b"\x16\x03\x00\x00", End::Hang, "L6TOUT", None, ""),
            (b"HTTP/1.0", End::Hang, "L6RSP", None, ""),
            (b"", End::Close, "L6RSP", None, empty),
            (b"", End::Hang, "L6TOUT", None, ""),
            (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
        ];
        for (answer, end, status, code, info) in rows {
            let found = served(&CheckKind::SslHello, &[answer], end);
            assert_eq!(found, (status, code, info.to_owned()), "{answer:?} {end:?}");
        }
    }
}
