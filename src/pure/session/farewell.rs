//! What a database's client is told before its connection is closed over its server's head.
//!
//! Only between messages may anything be put into a server's mouth. That is known of the bytes it
//! sent last: a client that has them all, and whose server ended an answer with them, reads what
//! follows as the server's own words. Under TLS that is not to be seen, and no such end is found.
//!
//! | database | the last bytes | said |
//! |---|---|---|
//! | Postgres | ReadyForQuery, or CopyInResponse | ErrorResponse, FATAL 57P01 |
//! | MySQL | an OK, EOF or ERR packet that ends an answer | ERR 1053 (08S01), as the answer to the next command |
//!
//! Where the server itself has left, it says as much as it says: a client that has read its reason, or
//! has said goodbye, is told nothing. What is closed without a word is judged:
//!
//! | the server | the client waits for an answer | it is told |
//! |---|---|---|
//! | Postgres, which never goes without a word unless it was killed | either way | yes |
//! | MySQL, which is dead | either way | yes |
//! | MySQL, which lives | yes: it was killed, or ran into a limit | yes |
//! | MySQL, which lives | no: it was idle for too long (`wait_timeout`), or killed | no |
//!
//! Clients know the last from servers without a proxy, and log in again by themselves.
//!
//! A client of Postgres that copies into a table is told while it sends, and hears it when it has sent
//! all, or finds that nobody takes it. One of MySQL that sends a file (LOAD DATA LOCAL) is told nothing:
//! what answers it has a number that counts the packets it sends, which nobody here does.
//!
//! A MySQL client that has sent no command takes it for the answer to the one it sends. An EOF packet
//! behind the names of columns ends no answer, for rows follow; nor does an ERR of another number than 1,
//! which may have ended the login. Nothing is said in the compressed protocol.
//!
//! **Bound.** The last [`TAIL_BYTES`] are kept; longer OK packets are not recognised.

use crate::pure::probe::kind::DatabaseKind;

/// Bytes kept of what a server sent last: an OK packet with what it says of the session's state.
pub const TAIL_BYTES: usize = 64;

/// What the record begins with in which a server takes part in a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: [u8; 2] = [22, 3];

/// Within so many parts a handshake begins: MySQL's greeting or Postgres' `S` come before, each
/// whole or in two.
const PARTS_BEFORE_TLS: u8 = 3;

/// ReadyForQuery without its last byte, which says how the transaction stands.
const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];

/// The severity of an ErrorResponse behind which Postgres closes, and the codes it begins with where the
/// server goes.
const LAST_SEVERITY: &[u8] = b"VFATAL\0C57P0";

/// Bytes of a CopyInResponse for one column.
const COPY_IN_BYTES_MIN: usize = 10;

/// Bytes before a MySQL packet's payload: its length and its number.
const HEADER_BYTES: usize = 4;

/// `SERVER_STATUS_IN_TRANS` and `SERVER_STATUS_AUTOCOMMIT`: one of them is what most servers show.
const TRANSACTIONAL: u16 = 0x0001 | 0x0002;

/// `SERVER_MORE_RESULTS_EXISTS`.
const MORE_RESULTS: u16 = 0x0008;

/// `SERVER_STATUS_IN_TRANS`, [`MORE_RESULTS`] and `SERVER_STATUS_CURSOR_EXISTS`.
const UNFINISHED: u16 = 0x0001 | MORE_RESULTS | 0x0040;

/// Bytes of the answer to COM_STMT_PREPARE.
const PREPARED_BYTES: usize = 12;

/// `ER_SERVER_SHUTDOWN`.
const SERVER_SHUTDOWN: u16 = 1053;

/// Errors behind which a MySQL server closes: `ER_SERVER_SHUTDOWN`, `ER_ABORTING_CONNECTION`, those of
/// packets and the network, `ER_NEW_ABORTING_CONNECTION`, MariaDB's `ER_CONNECTION_KILLED`, MySQL's
/// `ER_SESSION_WAS_KILLED` and `ER_CLIENT_INTERACTION_TIMEOUT`.
const LAST_ERRORS: [u16; 13] =
    [1053, 1152, 1153, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031];

/// What Postgres' Terminate and MySQL's COM_QUIT are.
const TERMINATE: &[u8] = b"X\0\0\0\x04";
const QUIT: &[u8] = b"\x01\0\0\0\x01";

/// Bytes before a part of the compressed protocol: its length, its number, its length before.
const COMPRESSED_HEADER_BYTES: usize = 7;

/// Bytes at the end of a column's definition: from the length of the fixed part on.
const COLUMN_END_BYTES: usize = 13;

/// What was sent last.
#[derive(Clone, Debug)]
pub struct Tail {
    bytes: [u8; TAIL_BYTES],
    /// How many of them were sent, counted from the end.
    len: usize,
    /// Parts that were sent, as far as [`PARTS_BEFORE_TLS`] counts them.
    parts: u8,
    is_encrypted: bool,
    is_leaving: bool,
}

impl Default for Tail {
    fn default() -> Self {
        Self { bytes: [0; TAIL_BYTES], len: 0, parts: 0, is_encrypted: false, is_leaving: false }
    }
}

impl Tail {
    /// `sent` followed.
    pub fn note(&mut self, sent: &[u8]) {
        if self.parts < PARTS_BEFORE_TLS {
            self.parts += 1;
            self.is_encrypted |= sent.starts_with(&TLS_HANDSHAKE);
        }
        self.is_leaving |= sent.first() == Some(&b'E') && announces_end(sent);
        let new = &sent[sent.len().saturating_sub(TAIL_BYTES)..];
        self.bytes.copy_within(new.len().., 0);
        self.bytes[TAIL_BYTES - new.len()..].copy_from_slice(new);
        self.len = (self.len + new.len()).min(TAIL_BYTES);
    }

    /// Bytes followed that nobody saw.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Whether a Postgres has begun a part by saying that it goes.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// Whether the server shook hands for TLS.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[TAIL_BYTES - self.len..]
    }
}

/// Whether Postgres' ErrorResponse says that an operator, or the end of its first process, ends the
/// session (57P01, 57P02). Its severity in the language of the server comes first.
fn announces_end(message: &[u8]) -> bool {
    let head = &message[..message.len().min(TAIL_BYTES)];
    head.windows(LAST_SEVERITY.len()).any(|part| part == LAST_SEVERITY)
}

/// What a client is told whose server has sent `last`, and why; `None` where it may be waiting for
/// the rest of something.
#[must_use]
pub fn last_words(kind: DatabaseKind, last: &[u8], why: &str) -> Option<Vec<u8>> {
    match kind {
        DatabaseKind::Postgres => {
            let (_, end) = last.split_at_checked(last.len().checked_sub(READY.len() + 1)?)?;
            let is_told = end.starts_with(&READY) || asks_for_copy(last);
            is_told.then(|| error_response("57P01", &format!("terminating connection: {why}")))
        }
        // The answer to a command, which has the number 0.
        DatabaseKind::Mysql => ends_answer(last)
            .then(|| packet(1, SERVER_SHUTDOWN, &format!("#08S01Connection ended: {why}"))),
    }
}

/// Whether a client reads `last_words` whose server has left without a word, though nobody knows yet
/// whether that is dead.
#[must_use]
pub const fn is_due(kind: DatabaseKind, is_asking: bool) -> bool {
    matches!(kind, DatabaseKind::Postgres) || is_asking
}

/// Whether a client that has sent this in one part has said goodbye.
#[must_use]
pub fn is_goodbye(sent: &[u8]) -> bool {
    sent.ends_with(TERMINATE) || sent == QUIT
}

/// Whether a server that has sent `last` is between two transactions, as far as it says so: Postgres
/// in its ReadyForQuery, MySQL in the flags of an OK or EOF packet. An ERR has none.
#[must_use]
pub fn is_between_transactions(kind: DatabaseKind, last: &[u8]) -> bool {
    match kind {
        DatabaseKind::Postgres => {
            last.strip_suffix(b"I").is_some_and(|before| before.ends_with(&READY))
        }
        DatabaseKind::Mysql => last.windows(HEADER_BYTES + 1).enumerate().any(|(at, head)| {
            let len = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            let payload = &last[at + HEADER_BYTES..];
            payload.len() == len && status(payload).is_some_and(|status| status & UNFINISHED == 0)
        }),
    }
}

/// The flags of an OK or EOF packet. The answer to a prepared statement looks like the one and has
/// none; it is `PREPARED_BYTES` long, and so no packet of this length is believed.
fn status(payload: &[u8]) -> Option<u16> {
    let (&first, rest) = payload.split_first()?;
    let at = match (first, payload.len()) {
        (0xfe, 5) => rest.get(2..)?,
        (0x00 | 0xfe, 7..) if payload.len() != PREPARED_BYTES => after_number(after_number(rest)?)?,
        _ => return None,
    };
    at.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

/// What follows a length-encoded number.
fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    let len = match bytes.first()? {
        0..=0xfa => 1,
        0xfc => 3,
        0xfd => 4,
        0xfe => 9,
        _ => return None,
    };
    bytes.get(len..)
}

/// Whether a packet that ends an answer, and not the session, ends `last`.
fn ends_answer(last: &[u8]) -> bool {
    last.windows(HEADER_BYTES + 1).enumerate().any(|(at, head)| {
        let len = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        let (before, payload) = (&last[..at], &last[at + HEADER_BYTES..]);
        payload.len() == len && !is_in_compressed(before, len) && is_end(before, head[3], payload)
    })
}

/// Whether a packet of this number, behind `before`, ends an answer.
fn is_end(before: &[u8], number: u8, payload: &[u8]) -> bool {
    match payload {
        [0xff, low, high, ..] => {
            number == 1 && !LAST_ERRORS.contains(&u16::from_le_bytes([*low, *high]))
        }
        _ => status(payload).is_some_and(|status| {
            let is_one = match (payload[0], payload.len()) {
                (0xfe, 5) => !ends_columns(before),
                // A lower one names a way to log in.
                (0xfe, _) => number > 2,
                // A higher one may be a row of a prepared statement.
                _ => number == 1 || status & TRANSACTIONAL != 0,
            };
            is_one && status & MORE_RESULTS == 0
        }),
    }
}

/// Whether a packet of `len` bytes behind `before` is a part of the compressed protocol.
fn is_in_compressed(before: &[u8], len: usize) -> bool {
    before.last_chunk().is_some_and(|head: &[u8; COMPRESSED_HEADER_BYTES]| {
        let whole = u32::try_from(len + HEADER_BYTES).unwrap_or(u32::MAX).to_le_bytes();
        head[..3] == whole[..3] && head[4..] == [0; 3]
    })
}

/// Whether `before` ends with the definition of a column: 12 bytes, the last two of them 0.
fn ends_columns(before: &[u8]) -> bool {
    let end: Option<&[u8; COLUMN_END_BYTES]> = before.last_chunk();
    end.is_some_and(|end| end[0] == 0x0c && end[11..] == [0; 2])
}

/// Whether `last` ends with a CopyInResponse: `G`, its length, a format, and one for each of at least
/// one column, all of them 0 or 1.
fn asks_for_copy(last: &[u8]) -> bool {
    last.windows(COPY_IN_BYTES_MIN).enumerate().any(|(at, head)| {
        let &[b'G', a, b, c, d, format, high, low, ..] = head else { return false };
        let columns = usize::from(u16::from_be_bytes([high, low]));
        let formats = &last[at + COPY_IN_BYTES_MIN - 2..];
        u32::from_be_bytes([a, b, c, d]) as usize == 7 + 2 * columns
            && format <= 1
            && columns > 0
            && formats.len() == 2 * columns
            && formats.chunks(2).all(|format| matches!(format, [0, 0 | 1]))
    })
}

/// A fatal ErrorResponse.
pub(super) fn error_response(code: &str, message: &str) -> Vec<u8> {
    let fields = [('S', "FATAL"), ('V', "FATAL"), ('C', code), ('M', message)];
    let body: String = fields.iter().map(|(field, value)| format!("{field}{value}\0")).collect();
    let len = u32::try_from(HEADER_BYTES + body.len() + 1).unwrap_or(u32::MAX);
    [b"E", &len.to_be_bytes()[..], body.as_bytes(), b"\0"].concat()
}

/// An ERR packet with this number.
pub(super) fn packet(number: u8, code: u16, text: &str) -> Vec<u8> {
    let payload = [b"\xff", &code.to_le_bytes()[..], text.as_bytes()].concat();
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&len[..3], &[number], &payload].concat()
}

#[cfg(test)]
mod tests {
    use postgres_protocol::message::backend::Message;

    use super::*;

    fn said(kind: DatabaseKind, sent: &[&[u8]]) -> bool {
        let mut tail = Tail::default();
        sent.iter().for_each(|bytes| tail.note(bytes));
        last_words(kind, tail.bytes(), "why").is_some()
    }

    #[test]
    fn postgres_clients_are_told_between_messages_only() {
        let rows: [(&[&[u8]], bool); 12] = [
            (&[], false),
            // It asks for a table's rows.
            (&[b"G\0\0\0\x09\0\0\x01\0\0"], true),
            (&[b"C\0\0\0\x0dSELECT 1\0G\0\0\0\x0b\x01\0\x02\0\x01", b"\0\x01"], true),
            (&[b"G\0\0\0\x0b\x01\0\x02\0\x01\0"], false),
            (&[b"G\0\0\0\x09\x02\0\x01\0\0"], false),
            (&[b"G\0\0\0\x09\0\0\x01\0\0", b"N"], false),
            (&[b"Z\0\0\0\x05I"], true),
            (&[b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05T"], true),
            (&[b"C\0\0\0\x0dSELECT 1\0Z\0\0", b"\0\x05", b"E"], true),
            (&[b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05"], false),
            (&[b"Z\0\0\0\x05I", b"D\0\0"], false),
            (&[b"R\0\0\0\x08\0\0\0\0"], false),
        ];
        for (sent, expected) in rows {
            assert_eq!(said(DatabaseKind::Postgres, sent), expected, "{sent:?}");
        }
        let mut tail = Tail::default();
        tail.note(b"Z\0\0\0\x05I");
        tail.clear();
        tail.note(b"I");
        assert_eq!(tail.bytes(), b"I");
    }

    #[test]
    fn a_postgres_that_goes_says_so() {
        let rows: [(&[u8], bool); 5] = [
            (b"E\0\0\0\x5bSFATAL\0VFATAL\0C57P01\0Mterminating connection due to", true),
            (b"E\0\0\0\x5bSFATALE\0VFATAL\0C57P02\0M", true),
            // A statement that failed, one session that was idle for too long, and a row.
            (b"E\0\0\0\x5bSERROR\0VERROR\0C57P01\0M", false),
            (b"E\0\0\0\x5bSFATAL\0VFATAL\0C25P03\0M", false),
            (b"D\0\0\0\x5bSFATAL\0VFATAL\0C57P01\0M", false),
        ];
        for (sent, expected) in rows {
            let mut tail = Tail::default();
            tail.note(sent);
            assert_eq!(tail.is_leaving(), expected, "{sent:?}");
        }
    }

    #[test]
    fn mysql_clients_are_told_behind_an_answer_only() {
        let ok: &[u8] = b"\x07\0\0\x01\0\0\0\x02\0\0\0";
        let eof: &[u8] = b"\x05\0\0\x05\xfe\0\0\x02\0";
        let err: &[u8] = b"\x0d\0\0\x01\xff\x7a\x04#42S02No..";
        // A column's definition, the end of them, and two rows as prepared statements get them.
        let columns: &[u8] =
            b"\x17\0\0\x02\x03def\0\0\0\x011\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0";
        let binary: &[u8] = b"\x06\0\0\x04\0\0\x01\0\0\0\x07\0\0\x05\0\0\x01\0\0\0\0";
        let rows: [(&[&[u8]], bool); 17] = [
            (&[], false),
            (&[ok], true),
            (&[b"\x07\0\0\x01\0\0\0\0\0\0\0"], true),
            (&[columns, eof], false),
            (&[columns, eof, binary], false),
            (&[columns, eof, binary, eof], true),
            // More results follow.
            (&[b"\x07\0\0\x01\0\0\0\x0a\0\0\0"], false),
            // A login's: a way to log in, and no.
            (&[b"\x2c\0\0\x02\xfemysql_native_password\0saltsaltsaltsaltsalt\0"], false),
            (&[b"\x0d\0\0\x02\xff\x15\x04#28000No.."], false),
            // Its own last words.
            (&[b"\x0d\0\0\x01\xff\x81\x04#08S01No.."], false),
            // The compressed protocol.
            (&[b"\x0b\0\0\x01\0\0\0", ok], false),
            (&[b"\x02\0\0\x04\x01a", eof], true),
            (&[&err[..3], &err[3..]], true),
            (&[&ok[..10]], false),
            (&[b"\x02\0\0\x04\x01a"], false),
            (&[&[b'x'; 500], eof], true),
            (&[eof, b"\x0a\0\0\0\x0a10.11"], false),
        ];
        for (sent, expected) in rows {
            assert_eq!(said(DatabaseKind::Mysql, sent), expected, "{sent:?}");
        }
    }

    #[test]
    fn who_has_said_goodbye_is_known() {
        for (sent, expected) in [
            (&b"\x01\0\0\0\x01"[..], true),
            (b"X\0\0\0\x04", true),
            (b"S\0\0\0\x04X\0\0\0\x04", true),
            (b"\x01\0\0\0\x0e", false),
            (b"\x09\0\0\0\x17\x01\0\0\0\x01\0\0\0\x01", false),
            (b"Q\0\0\0\x05\0", false),
            (b"", false),
        ] {
            assert_eq!(is_goodbye(sent), expected, "{sent:?}");
        }
        use DatabaseKind::{Mysql, Postgres};
        let due = [(Postgres, true), (Postgres, false), (Mysql, true), (Mysql, false)];
        assert_eq!(due.map(|(kind, asks)| is_due(kind, asks)), [true, true, true, false]);
    }

    #[test]
    fn transactions_are_told_by_the_last_packet() {
        use DatabaseKind::{Mysql, Postgres};
        let rows: [(DatabaseKind, &[u8], bool); 14] = [
            (Postgres, b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I", true),
            (Postgres, b"Z\0\0\0\x05T", false),
            (Postgres, b"Z\0\0\0\x05E", false),
            (Postgres, b"Z\0\0\0\x05", false),
            (Postgres, b"", false),
            (Mysql, b"\x07\0\0\x01\0\0\0\x02\0\0\0", true),
            (Mysql, b"\x07\0\0\x01\0\0\0\x03\0\0\0", false),
            (Mysql, b"\x09\0\0\x01\0\xfc\x01\x01\0\x02\0\0\0", true),
            (Mysql, b"\x05\0\0\x05\xfe\0\0\x02\0", true),
            (Mysql, b"\x05\0\0\x05\xfe\0\0\x03\0", false),
            (Mysql, b"\x05\0\0\x05\xfe\0\0\x0a\0", false),
            (Mysql, b"\x0c\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0", false),
            (Mysql, b"\x0d\0\0\x01\xff\x7a\x04#42S02No..", false),
            (Mysql, b"\x02\0\0\x04\x01a", false),
        ];
        for (kind, last, expected) in rows {
            assert_eq!(is_between_transactions(kind, last), expected, "{kind:?} {last:?}");
        }
    }

    #[test]
    fn what_is_said_is_well_formed() {
        let said = last_words(DatabaseKind::Postgres, b"Z\0\0\0\x05I", "why").unwrap();
        let mut said = said.as_slice().into();
        let Some(Message::ErrorResponse(body)) = Message::parse(&mut said).unwrap() else {
            panic!("no error");
        };
        use fallible_iterator::FallibleIterator as _;
        let fields: Vec<_> = body
            .fields()
            .map(|field| Ok((field.type_(), String::from_utf8_lossy(field.value_bytes()).into())))
            .collect::<Vec<(u8, String)>>()
            .unwrap();
        assert!(fields.contains(&(b'C', "57P01".to_owned())), "{fields:?}");
        assert!(fields.contains(&(b'M', "terminating connection: why".to_owned())), "{fields:?}");
        assert!(said.is_empty());
        let said = last_words(DatabaseKind::Mysql, b"\x05\0\0\x05\xfe\0\0\x02\0", "why").unwrap();
        let text = b"#08S01Connection ended: why";
        assert_eq!(said, [&[3 + text.len() as u8, 0, 0, 1, 0xff, 0x1d, 0x04], &text[..]].concat());
    }
}
