//! `option pgsql-check`: a startup packet without a database, and any request to authenticate is a
//! sign of life.

use super::exchange::Exchange;
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// Protocol 3.0, then the name of the one parameter that is mandatory.
const VERSION_AND_USER: &[u8] = b"\x00\x03\x00\x00user\x00";
/// An error must show this much of itself: type and length.
const ERROR_BYTES_MIN: usize = 5;
/// An authentication request must show this much: type, length, request code.
const REQUEST_BYTES_MIN: usize = 9;
/// In an error: after type, length and the letter of its first field, the severity.
const SEVERITY_AT: usize = 6;

/// A startup under way.
#[derive(Debug)]
pub(super) struct Pgsql {
    exchange: Exchange,
}

impl Pgsql {
    pub(super) fn new(user: &str, answer_bytes_max: usize) -> Self {
        Self { exchange: Exchange::new(Close::Polite, Some(startup(user)), answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn judge(&self) -> Step {
        let bytes = self.exchange.answer.bytes();
        let settled = |awaited: usize| bytes.len() >= awaited || self.exchange.answer.is_final();
        let refused =
            |said: &[u8]| Step::Done(Verdict::new(CheckStatus::L7Response).with_info(said));
        match bytes.first() {
            None if self.exchange.answer.is_final() => {
                refused(b"TCPCHK got an empty response at step 3")
            }
            Some(b'E') if settled(ERROR_BYTES_MIN) => {
                let said = bytes.get(SEVERITY_AT..).unwrap_or_default();
                refused(said.split(|&byte| byte == 0).next().unwrap_or_default())
            }
            Some(first) if *first != b'E' && settled(REQUEST_BYTES_MIN) => {
                Step::Done(if asks_to_authenticate(bytes) {
                    Verdict::new(CheckStatus::L7Ok).with_info(b"PostgreSQL server is ok")
                } else {
                    Verdict::new(CheckStatus::L7Status).with_info(b"PostgreSQL unknown error")
                })
            }
            _ => Step::Receive,
        }
    }
}

/// Length, protocol 3.0, `user`, the name.
fn startup(user: &str) -> Vec<u8> {
    let body_len = VERSION_AND_USER.len() + user.len() + 2;
    // A name longer than 4 GiB cannot be configured.
    let len = u32::try_from(4 + body_len).unwrap_or(u32::MAX);
    [&len.to_be_bytes(), VERSION_AND_USER, user.as_bytes(), b"\0\0"].concat()
}

/// AuthenticationOk (0) or a request HAProxy knows: 2 to 7, 9, 10 (SASL).
fn asks_to_authenticate(bytes: &[u8]) -> bool {
    let known = |code: u8| matches!(code, 0 | 2..=7 | 9 | 10);
    matches!(bytes, [b'R', 0, 0, 0, _, 0, 0, 0, code, ..] if known(*code))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{End, Row, dialogue, served};
    use crate::pure::probe::kind::CheckKind;
    use crate::pure::probe::{Input, Step};

    fn kind() -> CheckKind {
        CheckKind::Pgsql { user: "u".to_owned() }
    }

    #[test]
    fn startup_bytes() {
        let steps = dialogue(&kind(), &[Input::Start, Input::Connected]);
        let startup = b"\0\0\0\x10\0\x03\0\0user\0u\0\0".to_vec();
        assert_eq!(steps[1], Step::Send(startup), "as HAProxy sends for this user");
    }

    #[test]
    fn verdicts_as_haproxy_2_6_gives_them() {
        let fatal = b"E\0\0\0\x60SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0";
        let unknown = "PostgreSQL unknown error";
        let rows: [Row<'_>; 14] = [
            (b"R\0\0\0\x08\0\0\0\0", End::Hang, "L7OK", Some(0), "PostgreSQL server is ok"),
            (b"R\0\0\0\x0c\0\0\0\x05abcd", End::Hang, "L7OK", Some(0), "PostgreSQL server is ok"),
            (b"R\0\0\0\x17\0\0\0\x0aSCRAM", End::Hang, "L7OK", Some(0), "PostgreSQL server is ok"),
            (fatal, End::Hang, "L7RSP", None, "FATAL"),
            (b"E\0\0\0\x07", End::Hang, "L7RSP", None, ""),
            (b"E", End::Close, "L7RSP", None, ""),
            (b"E", End::Hang, "L7TOUT", None, ""),
            (b"R\0\0\0\x08\0\0\0\x01", End::Hang, "L7STS", Some(0), unknown),
            (b"R\0\0\0\x08\0\0\0\x08", End::Hang, "L7STS", Some(0), unknown),
            (b"R\0\0\x01\x08\0\0\0\0", End::Hang, "L7STS", Some(0), unknown),
            (b"R\0\0\0\x08\0\0", End::Hang, "L7TOUT", None, ""),
            (b"R\0\0\0\x08\0\0", End::Close, "L7STS", Some(0), unknown),
            (b"", End::Close, "L7RSP", None, "TCPCHK got an empty response at step 3"),
            (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
        ];
        for (answer, end, status, code, info) in rows {
            assert_eq!(served(&kind(), &[answer], end), (status, code, info.to_owned()));
        }
    }
}
