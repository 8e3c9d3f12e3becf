//! Samples of the bytes that are held of a side: lengths, pieces, the ClientHello, the RDP cookie.

use super::stage::Class;
use super::value::{Kind, Value};
use super::{Buffer, Fetched};
use crate::pure::wire::Parsed;
use crate::pure::wire::client_hello::{self, ClientHello, Extension};
use crate::pure::wire::rdp;

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client's.
    Request,
    /// The server's.
    Response,
    /// Those of the side whose rules are evaluated.
    Current,
}

/// A piece of held bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Whose.
    pub side: Side,
    /// Which.
    pub part: Part,
}

/// Which piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// How many bytes there are.
    Len,
    /// `payload(offset,len)`; a `len` of 0 means all there are.
    Payload {
        /// First byte.
        offset: usize,
        /// Bytes.
        len: usize,
    },
    /// `payload_lv(offset,len[,start])`: a piece whose length is in the bytes.
    PayloadLv {
        /// First byte of the length.
        offset: usize,
        /// Bytes of the length, big-endian.
        len: usize,
        /// Where the piece starts.
        start: Start,
    },
    /// Something of a TLS handshake.
    Tls(Tls),
    /// `rdp_cookie(name)`.
    RdpCookie(String),
    /// `rdp_cookie_cnt(name)`.
    RdpCookieCount(String),
    /// `req.proto_http`: the first line is a request of HTTP.
    Http,
}

/// Where a piece starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At this byte.
    At(usize),
    /// This many bytes behind the length; negative: before its end.
    Behind(i64),
}

/// What of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tls {
    /// The type of the first message.
    HelloType,
    /// The server's name.
    Sni,
    /// The version, major × 65536 + minor.
    Version,
    /// The first protocol of ALPN.
    Alpn,
    /// Whether groups are named.
    EcExt,
    /// Session ticket: 0 no, 1 empty, 2 with content.
    TicketExt,
    /// Signature algorithms.
    SigAlgs,
    /// Cipher suites.
    CipherList,
    /// Groups.
    SupportedGroups,
    /// Groups with a key.
    KeyShareGroups,
}

impl Content {
    pub(super) fn kind(&self) -> Kind {
        match &self.part {
            Part::Len | Part::RdpCookieCount(_) => Kind::Int,
            Part::Payload { .. } | Part::PayloadLv { .. } => Kind::Bin,
            Part::RdpCookie(_) => Kind::Str,
            Part::Http => Kind::Bool,
            Part::Tls(tls) => match tls {
                Tls::HelloType | Tls::Version | Tls::TicketExt => Kind::Int,
                Tls::Sni | Tls::Alpn => Kind::Str,
                Tls::EcExt => Kind::Bool,
                _ => Kind::Bin,
            },
        }
    }

    pub(super) const fn class(&self) -> Class {
        match self.side {
            Side::Request => Class::Request,
            Side::Response => Class::Response,
            Side::Current => Class::Either,
        }
    }

    /// What `buffer` tells.
    pub(super) fn evaluate(&self, buffer: &Buffer<'_>) -> Fetched {
        let bytes = buffer.bytes;
        match &self.part {
            Part::Len => Fetched::SoFar(Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX))),
            &Part::Payload { offset, len } => payload(buffer, offset, len),
            &Part::PayloadLv { offset, len, start } => payload_lv(buffer, offset, len, start),
            Part::Tls(Tls::HelloType) => match client_hello::handshake_type(bytes) {
                Parsed::Done(kind, _) => Fetched::Value(Value::Int(i64::from(kind))),
                Parsed::More => Fetched::NotYet,
                Parsed::Bad(_) => Fetched::Absent,
            },
            Part::Tls(tls) => match ClientHello::parse(bytes) {
                Parsed::Done(hello, _) => tls.of(&hello).map_or(Fetched::Absent, Fetched::Value),
                Parsed::More => Fetched::NotYet,
                Parsed::Bad(_) => Fetched::Absent,
            },
            Part::RdpCookie(name) => match rdp::cookie(bytes, name) {
                Parsed::Done(value, _) => Fetched::Value(Value::Str(value.to_vec())),
                Parsed::More => Fetched::NotYet,
                Parsed::Bad(_) => Fetched::Absent,
            },
            Part::RdpCookieCount(name) => match rdp::cookie(bytes, name) {
                Parsed::Done(..) => Fetched::Value(Value::Int(1)),
                Parsed::More => Fetched::SoFar(Value::Int(0)),
                Parsed::Bad(_) => Fetched::Value(Value::Int(0)),
            },
            Part::Http => http(bytes),
        }
    }
}

impl Tls {
    fn of(self, hello: &ClientHello<'_>) -> Option<Value> {
        let bin = |bytes: &[u8]| Value::Bin(bytes.to_vec());
        Some(match self {
            Self::HelloType => Value::Int(1),
            Self::Sni => Value::Str(hello.server_name()?.to_vec()),
            Self::Version => {
                let (major, minor) = hello.version()?;
                Value::Int(i64::from(major) << 16 | i64::from(minor))
            }
            Self::Alpn => Value::Str(hello.protocols().next()?.to_vec()),
            Self::EcExt => Value::Bool(hello.extension(Extension::SupportedGroups).is_some()),
            Self::TicketExt => Value::Int(match hello.extension(Extension::SessionTicket) {
                None => 0,
                Some([]) => 1,
                Some(_) => 2,
            }),
            Self::SigAlgs => bin(hello.list16(Extension::SignatureAlgorithms)?),
            Self::CipherList => bin(hello.cipher_suites()?),
            Self::SupportedGroups => bin(hello.list16(Extension::SupportedGroups)?),
            Self::KeyShareGroups => Value::Bin(hello.key_share_groups()?),
        })
    }
}

fn payload(buffer: &Buffer<'_>, offset: usize, len: usize) -> Fetched {
    let Some(end) = offset.checked_add(len).filter(|end| *end <= buffer.capacity) else {
        return Fetched::Absent;
    };
    if len > 0 {
        let piece = buffer.bytes.get(offset..end);
        return piece.map_or(Fetched::NotYet, |piece| Fetched::Value(Value::Bin(piece.to_vec())));
    }
    match buffer.bytes.get(offset..) {
        None => Fetched::NotYet,
        Some(piece) if buffer.may_grow => Fetched::SoFar(Value::Bin(piece.to_vec())),
        Some(piece) => Fetched::Value(Value::Bin(piece.to_vec())),
    }
}

fn payload_lv(buffer: &Buffer<'_>, offset: usize, len: usize, start: Start) -> Fetched {
    let Some(behind) = offset.checked_add(len).filter(|end| *end <= buffer.capacity) else {
        return Fetched::Absent;
    };
    let Some(length) = buffer.bytes.get(offset..behind) else {
        return Fetched::NotYet;
    };
    let size = length.iter().fold(0_usize, |size, &byte| size << 8 | usize::from(byte));
    let start = match start {
        Start::At(start) => Some(start),
        Start::Behind(by) => {
            let behind = i64::try_from(behind).ok();
            behind.and_then(|behind| usize::try_from(behind.saturating_add(by)).ok())
        }
    };
    let end = start.and_then(|start| start.checked_add(size));
    let (Some(start), Some(end)) = (start, end.filter(|end| *end <= buffer.capacity)) else {
        return Fetched::Absent;
    };
    if size == 0 {
        return Fetched::Absent;
    }
    let piece = buffer.bytes.get(start..end);
    piece.map_or(Fetched::NotYet, |piece| Fetched::Value(Value::Bin(piece.to_vec())))
}

/// Whether the first line is `METHOD target HTTP/…`.
fn http(bytes: &[u8]) -> Fetched {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let method = bytes.iter().take_while(|byte| token(byte)).count();
    match bytes.get(method) {
        None => return Fetched::SoFar(Value::Bool(false)),
        Some(b' ') if method > 0 => {}
        Some(_) => return Fetched::Value(Value::Bool(false)),
    }
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return Fetched::SoFar(Value::Bool(false));
    };
    let mut words = bytes[method..end].trim_ascii().rsplit(|&byte| byte == b' ');
    let version = words.next().is_some_and(|word| word.starts_with(b"HTTP/"));
    Fetched::Value(Value::Bool(version && words.next().is_some_and(|target| !target.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::wire::client_hello::tests::{hello, records};

    fn evaluate(part: Part, bytes: &[u8]) -> Fetched {
        let buffer = Buffer { bytes, capacity: 16_384, may_grow: true };
        Content { side: Side::Request, part }.evaluate(&buffer)
    }

    fn bin(text: &str) -> Value {
        Value::Bin(text.as_bytes().to_vec())
    }

    #[test]
    fn payload_waits_for_its_piece() {
        let piece = |len| Part::Payload { offset: 1, len };
        assert_eq!(evaluate(piece(3), b"abc"), Fetched::NotYet);
        assert_eq!(evaluate(piece(2), b"abc"), Fetched::Value(bin("bc")));
        assert_eq!(evaluate(piece(0), b"abc"), Fetched::SoFar(bin("bc")));
        assert_eq!(evaluate(piece(20_000), b"abc"), Fetched::Absent);
        assert_eq!(evaluate(piece(usize::MAX), b"abc"), Fetched::Absent);
    }

    #[test]
    fn payload_lv_follows_the_length() {
        let piece = |start| Part::PayloadLv { offset: 0, len: 2, start };
        let bytes = b"\x00\x03abcdef";
        assert_eq!(evaluate(piece(Start::Behind(0)), bytes), Fetched::Value(bin("abc")));
        assert_eq!(evaluate(piece(Start::Behind(1)), bytes), Fetched::Value(bin("bcd")));
        assert_eq!(evaluate(piece(Start::At(5)), bytes), Fetched::Value(bin("def")));
        assert_eq!(evaluate(piece(Start::At(6)), bytes), Fetched::NotYet);
        assert_eq!(evaluate(piece(Start::Behind(-3)), bytes), Fetched::Absent);
        assert_eq!(evaluate(piece(Start::Behind(0)), b"\x00\x00a"), Fetched::Absent);
        assert_eq!(evaluate(piece(Start::Behind(0)), b"\x00"), Fetched::NotYet);
    }

    #[test]
    fn a_hello_is_waited_for_and_then_known() {
        let bytes = records(&hello("db.local", &["mysql"]), 100);
        let ask = |tls, bytes: &[u8]| evaluate(Part::Tls(tls), bytes);
        assert_eq!(ask(Tls::Sni, &bytes), Fetched::Value(Value::text("db.local")));
        assert_eq!(ask(Tls::Sni, &bytes[..50]), Fetched::NotYet);
        assert_eq!(ask(Tls::Sni, b"\x00"), Fetched::Absent);
        assert_eq!(ask(Tls::HelloType, &bytes[..105]), Fetched::Value(Value::Int(1)));
        assert_eq!(ask(Tls::Version, &bytes), Fetched::Value(Value::Int(0x30003)));
        assert_eq!(ask(Tls::Alpn, &bytes), Fetched::Value(Value::text("mysql")));
        assert_eq!(ask(Tls::EcExt, &bytes), Fetched::Value(Value::Bool(true)));
        assert_eq!(ask(Tls::TicketExt, &bytes), Fetched::Value(Value::Int(0)));
    }

    #[test]
    fn http_is_told_from_other_protocols() {
        let is = |bytes| evaluate(Part::Http, bytes);
        assert_eq!(is(b"GET / HTTP/1.1\r\n"), Fetched::Value(Value::Bool(true)));
        assert_eq!(is(b"GET / HT"), Fetched::SoFar(Value::Bool(false)));
        assert_eq!(is(b"\x16\x03"), Fetched::Value(Value::Bool(false)));
        assert_eq!(is(b"GET /\r\n"), Fetched::Value(Value::Bool(false)));
    }
}
