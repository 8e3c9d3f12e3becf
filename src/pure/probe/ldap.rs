//! `option ldap-check`: an anonymous bind of LDAP version 3, which must be answered with success.
//!
//! Lengths are BER (X.690 8.1.3); as HAProxy, only those of one, two and four bytes are read, which
//! is what servers send.

use super::exchange::Exchange;
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// Message 1: bindRequest of version 3, no name, no password (RFC 4511 4.2).
const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
/// The shortest bindResponse.
const ANSWER_BYTES_MIN: usize = 14;
/// Message 1, bindResponse.
const BIND_RESPONSE: &[u8] = b"\x02\x01\x01\x61";
/// An enumeration of one byte: the result.
const RESULT: &[u8] = b"\x0a\x01";
const STRANGE: &[u8] = b"Not LDAPv3 protocol";
const REFUSED: &[u8] = b"See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";

/// A bind under way.
#[derive(Debug)]
pub(super) struct Ldap {
    exchange: Exchange,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bind {
    Result(u8),
    Part,
    Strange,
}

impl Ldap {
    pub(super) fn new(answer_bytes_max: usize) -> Self {
        let question = Some(BIND.to_vec());
        Self { exchange: Exchange::new(Close::Polite, question, answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn judge(&self) -> Step {
        let bytes = self.exchange.answer.bytes();
        let response =
            |said: &[u8]| Step::Done(Verdict::new(CheckStatus::L7Response).with_info(said));
        if self.exchange.answer.is_silence() {
            return response(b"TCPCHK got an empty response at step 2");
        }
        if bytes.len() < ANSWER_BYTES_MIN && !self.exchange.answer.is_final() {
            return Step::Receive;
        }
        match bind_result(bytes) {
            Bind::Result(0) => Step::Done(Verdict::new(CheckStatus::L7Ok).with_info(b"Success")),
            Bind::Result(code) => {
                let verdict = Verdict::new(CheckStatus::L7Status).with_code(u32::from(code));
                Step::Done(verdict.with_info(REFUSED))
            }
            Bind::Strange => response(STRANGE),
            Bind::Part if self.exchange.answer.is_final() => response(b""),
            Bind::Part => Step::Receive,
        }
    }
}

fn bind_result(bytes: &[u8]) -> Bind {
    let Some(message) = bytes.strip_prefix(b"\x30") else {
        return Bind::Strange;
    };
    let (len, message) = match message {
        [] => return Bind::Part,
        [len @ 0..=0x7f, rest @ ..] => (u32::from(*len), rest),
        [0x82, a, b, rest @ ..] => (u32::from(u16::from_be_bytes([*a, *b])), rest),
        [0x84, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), rest),
        [0x82 | 0x84, ..] => return Bind::Part,
        _ => return Bind::Strange,
    };
    if usize::try_from(len).is_ok_and(|len| message.len() < len) {
        return Bind::Part;
    }
    let Some(response) = message.strip_prefix(BIND_RESPONSE) else {
        return Bind::Strange;
    };
    // The length of the response says nothing that the message's did not.
    let length_bytes = match response.first() {
        Some(len @ 0x80..) => 1 + usize::from(len & 0x7f),
        _ => 1,
    };
    let result = response.get(length_bytes..).unwrap_or_default();
    match result.strip_prefix(RESULT) {
        Some([code, ..]) => Bind::Result(*code),
        _ => Bind::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{End, Row, served};
    use crate::pure::probe::kind::CheckKind::Ldap;

    #[test]
    fn verdicts_as_haproxy_2_6_gives_them() {
        let rfc = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";
        let strange = "Not LDAPv3 protocol";
        let empty = "TCPCHK got an empty response at step 2";
        let rows: [Row<'_>; 15] = [
            (
                b"0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0",
                End::Hang,
                "L7OK",
                Some(0),
                "Success",
            ),
            (b"0\x0c\x02\x01\x01a\x07\x0a\x01\x31\x04\0\x04\0", End::Hang, "L7STS", Some(49), rfc),
            (b"HTTP/1.0 400 Bad\r\n\r\n", End::Hang, "L7RSP", None, strange),
            (
                b"0\x84\0\0\0\x10\x02\x01\x01a\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0",
                End::Hang,
                "L7OK",
                Some(0),
                "Success",
            ),
            (
                b"0\x82\0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0",
                End::Hang,
                "L7OK",
                Some(0),
                "Success",
            ),
            (
                b"0\x83\0\0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0",
                End::Hang,
                "L7RSP",
                None,
                strange,
            ),
            (b"0\x0c\x02\x01\x02a\x07\x0a\x01\0\x04\0\x04\0", End::Hang, "L7RSP", None, strange),
            (b"0\x0c\x02\x01\x01a\x07\x0b\x01\0\x04\0\x04\0", End::Hang, "L7RSP", None, strange),
            (b"0\x7f\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0", End::Hang, "L7TOUT", None, ""),
            (b"0\x7f\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0", End::Close, "L7RSP", None, ""),
            (
                b"0\x84\xff\xff\xff\xff\x01a\x07\x0a\x01\0\x04\0\x04\0",
                End::Hang,
                "L7TOUT",
                None,
                "",
            ),
            (b"0\x05", End::Close, "L7RSP", None, ""),
            (b"", End::Close, "L7RSP", None, empty),
            (b"", End::Hang, "L7TOUT", None, ""),
            (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
        ];
        for (answer, end, status, code, info) in rows {
            let found = served(&Ldap, &[answer], end);
            assert_eq!(found, (status, code, info.to_owned()), "{answer:?} {end:?}");
        }
    }
}
