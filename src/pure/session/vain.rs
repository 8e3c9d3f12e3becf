//! What a database's client is told that never came to a server: in its protocol, before its login.
//!
//! | database | the client has said | said |
//! |---|---|---|
//! | MySQL | nothing: a server speaks first | ERR 1040, in place of the greeting |
//! | Postgres | SSLRequest or GSSENCRequest | `N`; what it says then is looked at the same way |
//! | Postgres | its startup message | ErrorResponse, FATAL 57P03 |
//! | Postgres | CancelRequest, anything else | nothing |
//!
//! An ErrorResponse to SSLRequest is allowed, but no client since CVE-2024-10977 shows what stands in
//! it. One that insists on TLS leaves after the `N`.
//!
//! **Bound.** A startup message of more than `STARTUP_BYTES_MAX` is none, as to Postgres.

use super::farewell::{error_response, packet};
use crate::pure::probe::kind::DatabaseKind;

/// `MAX_STARTUP_PACKET_LENGTH`.
const STARTUP_BYTES_MAX: usize = 10_000;

/// `ER_CON_COUNT_ERROR`, which clients know in place of a greeting.
const NO_ROOM: u16 = 1040;

/// Codes of requests that are no startup message.
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// What to do about a client that has said so much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait for more.
    More,
    /// Say this, and look at what follows so many of its bytes.
    Answer(Vec<u8>, usize),
    /// Say this, and close.
    Refuse(Vec<u8>),
    /// Close.
    Leave,
}

/// What to do about a client that has said `said` since the last answer, and why it gets no server.
#[must_use]
pub fn refuse(kind: DatabaseKind, said: &[u8], why: &str) -> Step {
    if kind == DatabaseKind::Mysql {
        // No SQLSTATE before the greeting: clients would show it as text.
        return Step::Refuse(packet(0, NO_ROOM, why));
    }
    let Some((len, rest)) = said.split_first_chunk() else { return Step::More };
    let Ok(len) = usize::try_from(u32::from_be_bytes(*len)) else { return Step::Leave };
    if !(8..=STARTUP_BYTES_MAX).contains(&len) {
        return Step::Leave;
    }
    let Some(code) = rest.first_chunk().map(|code| u32::from_be_bytes(*code)) else {
        return Step::More;
    };
    match (code, code >> 16) {
        (SSL_REQUEST | GSSENC_REQUEST, _) if len == 8 => Step::Answer(b"N".to_vec(), len),
        (_, 3) if said.len() < len => Step::More,
        (_, 3) => Step::Refuse(error_response("57P03", why)),
        _ => Step::Leave,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(code: u32) -> Vec<u8> {
        [8u32.to_be_bytes(), code.to_be_bytes()].concat()
    }

    fn startup() -> Vec<u8> {
        let body = b"\0\x03\0\0user\0app\0\0";
        [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
    }

    #[test]
    fn clients_of_postgres_are_told_when_they_have_said_who_they_are() {
        let refused = Step::Refuse(error_response("57P03", "why"));
        let rows = [
            (Vec::new(), Step::More),
            (request(SSL_REQUEST)[..7].to_vec(), Step::More),
            (request(SSL_REQUEST), Step::Answer(b"N".to_vec(), 8)),
            (request(GSSENC_REQUEST), Step::Answer(b"N".to_vec(), 8)),
            (request(80_877_102), Step::Leave),
            (startup()[..10].to_vec(), Step::More),
            (startup(), refused),
            // Protocol 2, a ClientHello, and more than a startup message may be.
            (request(0x0002_0000), Step::Leave),
            (b"\x16\x03\x01\x02\0\x01\0\0".to_vec(), Step::Leave),
            (b"\0\0\x27\x11\0\x03\0\0".to_vec(), Step::Leave),
        ];
        for (said, step) in rows {
            assert_eq!(refuse(DatabaseKind::Postgres, &said, "why"), step, "{said:?}");
        }
    }

    #[test]
    fn clients_of_mysql_are_told_at_once() {
        let expected = Step::Refuse(b"\x06\0\0\0\xff\x10\x04why".to_vec());
        assert_eq!(refuse(DatabaseKind::Mysql, b"", "why"), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(said in proptest::collection::vec(any::<u8>(), 0..64)) {
            let step = refuse(DatabaseKind::Postgres, &said, "why");
            prop_assert!(!matches!(step, Step::Answer(_, len) if len > said.len()));
        }
    }
}
