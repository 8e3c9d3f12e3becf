//! `option mysql-check`: the greeting, and with `user` a login without password.
//!
//! With a user, the login and the goodbye are sent before the greeting is read, as HAProxy does:
//! one packet, and the server sees a polite end that it does not count as an aborted connection.

use super::exchange::Exchange;
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::MysqlDialect;

/// Length (3 bytes, little endian) and sequence number.
const HEADER_BYTES: usize = 4;
/// First byte of an error packet.
const ERROR: u8 = 0xff;
/// COM_QUIT with its header.
const QUIT: &[u8] = b"\x01\x00\x00\x00\x01";
/// The plugin named by [`MysqlDialect::Post80`].
const NATIVE_PASSWORD: &[u8] = b"mysql_native_password\0";

/// A greeting or login under way.
#[derive(Debug)]
pub(super) struct Mysql {
    /// An account is logged in, so that a second packet answers.
    logs_in: bool,
    exchange: Exchange,
}

/// A packet in an answer.
enum Packet<'a> {
    Whole { payload: &'a [u8], rest: &'a [u8] },
    Part,
}

impl Mysql {
    pub(super) fn new(user: Option<&(String, MysqlDialect)>, answer_bytes_max: usize) -> Self {
        let question = user.map(|(user, dialect)| login(user.as_bytes(), *dialect));
        let logs_in = question.is_some();
        Self { logs_in, exchange: Exchange::new(Close::Polite, question, answer_bytes_max) }
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn judge(&self) -> Step {
        if self.exchange.answer.is_silence() {
            let step = if self.logs_in { 3 } else { 2 };
            let info = format!("TCPCHK got an empty response at step {step}");
            let verdict = Verdict::new(CheckStatus::L7Response);
            return Step::Done(verdict.with_info(info.as_bytes()));
        }
        let Packet::Whole { payload: greeting, rest } = packet(self.exchange.answer.bytes()) else {
            return self.partial();
        };
        if let Some(refusal) = refusal(greeting) {
            return Step::Done(refusal);
        }
        if self.logs_in {
            match packet(rest) {
                Packet::Part => return self.partial(),
                Packet::Whole { payload, .. } => {
                    if let Some(refusal) = refusal(payload) {
                        return Step::Done(refusal);
                    }
                }
            }
        }
        // After the protocol's number, the version up to its NUL.
        let version = greeting.get(1..).unwrap_or_default();
        let version = version.split(|&byte| byte == 0).next().unwrap_or_default();
        Step::Done(Verdict::new(CheckStatus::L7Ok).with_info(version))
    }

    fn partial(&self) -> Step {
        if self.exchange.answer.is_final() {
            Step::Done(Verdict::new(CheckStatus::L7Response))
        } else {
            Step::Receive
        }
    }
}

/// The verdict on a packet that says no, or that says nothing: HAProxy judges an empty packet by
/// bytes of an earlier check, which cannot be meant.
fn refusal(payload: &[u8]) -> Option<Verdict> {
    match payload {
        [] => Some(Verdict::new(CheckStatus::L7Response)),
        [ERROR, said @ ..] => {
            let byte = |at: usize| u32::from(said.get(at).copied().unwrap_or(0));
            let verdict = Verdict::new(CheckStatus::L7Status);
            let text = said.get(2..).unwrap_or_default();
            Some(verdict.with_code(byte(0) | byte(1) << 8).with_info(text))
        }
        _ => None,
    }
}

fn packet(bytes: &[u8]) -> Packet<'_> {
    let Some((&[low, middle, high, _], body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Packet::Part;
    };
    let len = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    match body.split_at_checked(len) {
        Some((payload, rest)) => Packet::Whole { payload, rest },
        None => Packet::Part,
    }
}

/// Login and goodbye.
fn login(user: &[u8], dialect: MysqlDialect) -> Vec<u8> {
    // Capabilities (2 or 4 bytes) and largest packet (3 or 4 bytes), as HAProxy claims them.
    let claims: &[u8] = match dialect {
        MysqlDialect::Pre41 => b"\x00\x80\x00\x00\x01",
        MysqlDialect::Post41 => b"\x00\x82\x00\x00\x00\x80\x00\x01",
        MysqlDialect::Post80 => b"\x00\x82\x08\x00\x00\x80\x00\x01",
    };
    let mut body = claims.to_vec();
    if dialect != MysqlDialect::Pre41 {
        // Character set 33 (UTF-8) and 23 reserved bytes.
        body.push(0x21);
        body.extend_from_slice(&[0; 23]);
    }
    body.extend_from_slice(user);
    // The name's end, then an empty password.
    body.extend_from_slice(b"\0\0");
    if dialect == MysqlDialect::Post80 {
        body.extend_from_slice(NATIVE_PASSWORD);
    }
    let [low, middle, high, ..] = body.len().to_le_bytes();
    [&[low, middle, high, 1], body.as_slice(), QUIT].concat()
}

#[cfg(test)]
mod tests;
