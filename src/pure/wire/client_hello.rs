//! The ClientHello, read without taking part: what a client says before anybody answers.
//!
//! TLS record and handshake layout: RFC 8446 §5.1, §4.1.2; server name: RFC 6066 §3; ALPN: RFC 7301
//! §3.1. A hello may come in several records; it is then put together in memory of its own, of at
//! most [`HELLO_MAX`] bytes. Odd hellos are not refused: what cannot be read is absent, and the
//! server behind may judge. It must not know what follows from what it reads.

use std::borrow::Cow;

use super::Parsed;

/// Longest hello that is looked at: more than any client sends, less than a handshake may have.
pub const HELLO_MAX: usize = 64 * 1024;

const RECORD_HEADER: usize = 5;
const HANDSHAKE_HEADER: usize = 4;
const CONTENT_HANDSHAKE: u8 = 22;
/// RFC 8446 §5.1, with the expansion that older versions allow.
const RECORD_MAX: usize = (1 << 14) + 2048;

/// No TLS handshake begins like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHandshake;

/// The type of the first handshake message: 1 a ClientHello, 2 a ServerHello. As in HAProxy, its
/// whole record must be there.
#[must_use]
pub fn handshake_type(bytes: &[u8]) -> Parsed<u8, NotHandshake> {
    match record(bytes) {
        Record::Bad => Parsed::Bad(NotHandshake),
        Record::More => Parsed::More,
        Record::Whole(content, len) => match content.first() {
            Some(&kind) => Parsed::Done(kind, len),
            None => Parsed::Bad(NotHandshake),
        },
    }
}

/// A whole hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// What follows the handshake header.
    body: Cow<'a, [u8]>,
}

/// An extension by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are IANA's")]
pub enum Extension {
    ServerName = 0,
    SupportedGroups = 10,
    SignatureAlgorithms = 13,
    Alpn = 16,
    SupportedVersions = 43,
    SessionTicket = 35,
    KeyShare = 51,
}

impl<'a> ClientHello<'a> {
    /// Reads the hello at the front of `bytes`.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Parsed<Self, NotHandshake> {
        match message(bytes) {
            Parsed::Done(message, used) if message.first() == Some(&1) => {
                let body = match message {
                    Cow::Borrowed(message) => Cow::Borrowed(&message[HANDSHAKE_HEADER..]),
                    Cow::Owned(mut message) => Cow::Owned(message.split_off(HANDSHAKE_HEADER)),
                };
                Parsed::Done(Self { body }, used)
            }
            Parsed::Done(..) | Parsed::Bad(_) => Parsed::Bad(NotHandshake),
            Parsed::More => Parsed::More,
        }
    }

    /// `legacy_version`: major and minor.
    #[must_use]
    pub fn version(&self) -> Option<(u8, u8)> {
        Some((*self.body.first()?, *self.body.get(1)?))
    }

    /// Cipher suites, two bytes each.
    #[must_use]
    pub fn cipher_suites(&self) -> Option<&[u8]> {
        self.after_session()?.vector16()
    }

    fn after_session(&self) -> Option<Cursor<'_>> {
        let mut cursor = Cursor(&self.body);
        cursor.take(2 + 32)?;
        cursor.vector8()?;
        Some(cursor)
    }

    /// Every extension with its number, until one is cut short.
    pub fn extensions(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let start = self.after_session().and_then(|mut cursor| {
            cursor.vector16()?;
            cursor.vector8()?;
            cursor.vector16()
        });
        let mut cursor = Cursor(start.unwrap_or_default());
        std::iter::from_fn(move || Some((cursor.number16()?, cursor.vector16()?)))
    }

    /// The content of the first extension of this number.
    #[must_use]
    pub fn extension(&self, extension: Extension) -> Option<&[u8]> {
        let number = extension as u16;
        self.extensions().find(|(found, _)| *found == number).map(|(_, content)| content)
    }

    /// The host name the client wants; `None` also where it is empty.
    #[must_use]
    pub fn server_name(&self) -> Option<&[u8]> {
        let mut names = Cursor(Cursor(self.extension(Extension::ServerName)?).vector16()?);
        loop {
            let kind = names.number8()?;
            let name = names.vector16()?;
            if kind == 0 {
                return Some(name).filter(|name| !name.is_empty());
            }
        }
    }

    /// The protocols of ALPN, in the client's order.
    pub fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        let list = self.extension(Extension::Alpn).and_then(|list| Cursor(list).vector16());
        let mut list = Cursor(list.unwrap_or_default());
        std::iter::from_fn(move || list.vector8())
    }

    /// A list that an extension holds behind two bytes of length.
    #[must_use]
    pub fn list16(&self, extension: Extension) -> Option<&[u8]> {
        Cursor(self.extension(extension)?).vector16()
    }

    /// The groups for which the client sends a key, two bytes each.
    #[must_use]
    pub fn key_share_groups(&self) -> Option<Vec<u8>> {
        let mut shares = Cursor(self.list16(Extension::KeyShare)?);
        let mut groups = Vec::new();
        while let (Some(group), Some(_)) = (shares.number16(), shares.vector16()) {
            groups.extend_from_slice(&group.to_be_bytes());
        }
        Some(groups)
    }
}

/// The first record, as far as it is there.
enum Record<'a> {
    Bad,
    More,
    /// Its content, and what it takes with its header.
    Whole(&'a [u8], usize),
}

fn record(bytes: &[u8]) -> Record<'_> {
    match bytes {
        [kind, ..] if *kind != CONTENT_HANDSHAKE => return Record::Bad,
        [_, major, ..] if *major < 3 => return Record::Bad,
        _ => {}
    }
    let Some((header, rest)) = bytes.split_at_checked(RECORD_HEADER) else {
        return Record::More;
    };
    let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if len == 0 || len > RECORD_MAX {
        return Record::Bad;
    }
    match rest.get(..len) {
        Some(content) => Record::Whole(content, RECORD_HEADER + len),
        None => Record::More,
    }
}

/// The first handshake message, header included, and the bytes of the records it is in.
fn message(bytes: &[u8]) -> Parsed<Cow<'_, [u8]>, NotHandshake> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut used = 0;
    loop {
        let (content, len) = match record(&bytes[used..]) {
            Record::Bad => return Parsed::Bad(NotHandshake),
            Record::More => return Parsed::More,
            Record::Whole(content, len) => (content, len),
        };
        used += len;
        if message.is_empty() {
            message = Cow::Borrowed(content);
        } else {
            message.to_mut().extend_from_slice(content);
        }
        if let [_, a, b, c, ..] = *message {
            let end =
                HANDSHAKE_HEADER + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
            if end > HELLO_MAX {
                return Parsed::Bad(NotHandshake);
            }
            if message.len() >= end {
                let message = match message {
                    Cow::Borrowed(message) => Cow::Borrowed(&message[..end]),
                    Cow::Owned(mut message) => {
                        message.truncate(end);
                        Cow::Owned(message)
                    }
                };
                return Parsed::Done(message, used);
            }
        }
    }
}

/// Bytes taken from the front; every reader yields `None` where too few are left.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    fn number8(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.number8()?;
        self.take(usize::from(len))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.number16()?;
        self.take(usize::from(len))
    }
}

#[cfg(test)]
pub(in crate::pure) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector16(content: &[u8]) -> Vec<u8> {
        let mut out = u16::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        out.extend_from_slice(content);
        out
    }

    fn extension(number: u16, content: &[u8]) -> Vec<u8> {
        let mut out = number.to_be_bytes().to_vec();
        out.extend(vector16(content));
        out
    }

    /// A handshake message as a client of TLS 1.3 sends it.
    pub(in crate::pure) fn hello(name: &str, protocols: &[&str]) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut list = vec![0];
        list.extend(vector16(name.as_bytes()));
        extensions.extend(extension(0, &vector16(&list)));
        extensions.extend(extension(10, &vector16(&[0, 29, 0, 23])));
        let mut list = Vec::new();
        for protocol in protocols {
            list.push(u8::try_from(protocol.len()).unwrap());
            list.extend_from_slice(protocol.as_bytes());
        }
        extensions.extend(extension(16, &vector16(&list)));
        let mut share = vec![0, 29];
        share.extend(vector16(&[7; 32]));
        extensions.extend(extension(51, &vector16(&share)));
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.push(0);
        body.extend(vector16(&[0x13, 1, 0x13, 2]));
        body.extend([1, 0]);
        body.extend(vector16(&extensions));
        let mut message = vec![1, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        message
    }

    /// `message` in records of at most `len` bytes.
    pub(in crate::pure) fn records(message: &[u8], len: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1][..], &vector16(part)].concat();
        message.chunks(len).flat_map(record).collect()
    }

    fn whole(bytes: &[u8]) -> ClientHello<'_> {
        match ClientHello::parse(bytes) {
            Parsed::Done(hello, used) => {
                assert_eq!(used, bytes.len());
                hello
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hello_tells_its_parts() {
        let bytes = records(&hello("db.example.org", &["postgresql", "h2"]), 16_000);
        let hello = whole(&bytes);
        assert_eq!(hello.server_name(), Some(&b"db.example.org"[..]));
        assert_eq!(hello.protocols().collect::<Vec<_>>(), [&b"postgresql"[..], b"h2"]);
        assert_eq!(hello.version(), Some((3, 3)));
        assert_eq!(hello.cipher_suites(), Some(&[0x13, 1, 0x13, 2][..]));
        assert_eq!(hello.list16(Extension::SupportedGroups), Some(&[0, 29, 0, 23][..]));
        assert_eq!(hello.key_share_groups(), Some(vec![0, 29]));
        assert_eq!(hello.extension(Extension::SessionTicket), None);
    }

    #[test]
    fn what_is_not_a_hello_is_known_early() {
        assert_eq!(ClientHello::parse(b"GET"), Parsed::Bad(NotHandshake));
        assert_eq!(ClientHello::parse(b"\x16\x02"), Parsed::Bad(NotHandshake));
        assert_eq!(ClientHello::parse(b"\x16\x03"), Parsed::More);
        assert_eq!(ClientHello::parse(b"\x16\x03\x01\x00\x00"), Parsed::Bad(NotHandshake));
        let server_hello = records(&[2, 0, 0, 2, 3, 3], 100);
        assert_eq!(ClientHello::parse(&server_hello), Parsed::Bad(NotHandshake));
        assert_eq!(handshake_type(&server_hello), Parsed::Done(2, 11));
        assert_eq!(handshake_type(&server_hello[..10]), Parsed::More);
        assert_eq!(handshake_type(b"\x16\x03\x01\x02\x00"), Parsed::More);
    }

    #[test]
    fn a_hello_without_extensions_is_one() {
        let mut body = vec![3, 0];
        body.extend([0; 32]);
        body.extend([0, 0, 2, 0, 10, 1, 0]);
        let message = [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let bytes = records(&message, 16_000);
        assert_eq!(whole(&bytes).server_name(), None);
        assert_eq!(whole(&bytes).extensions().count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut bytes = bytes;
            for prefix in [&[][..], &[22, 3, 1][..], &[22, 3, 1, 1, 0, 1, 0, 0, 250, 3, 3][..]] {
                bytes.splice(..0, prefix.iter().copied());
                if let Parsed::Done(hello, _) = ClientHello::parse(&bytes) {
                    let _ = (hello.server_name(), hello.protocols().count(), hello.version());
                    let _ = (hello.cipher_suites(), hello.key_share_groups());
                }
            }
        }

        #[test]
        fn records_of_any_size_make_the_same_hello(len in 1_usize..400, cut in 0_usize..2000) {
            let message = hello("a.example", &["x"]);
            let bytes = records(&message, len);
            let name = whole(&bytes).server_name().map(<[u8]>::to_vec);
            prop_assert_eq!(name, Some(b"a.example".to_vec()));
            let cut = cut % bytes.len();
            prop_assert_eq!(ClientHello::parse(&bytes[..cut]), Parsed::More);
        }

        #[test]
        fn one_changed_byte_never_panics(at in 0_usize..400, byte: u8) {
            let mut bytes = records(&hello("a.example", &["x", "yy"]), 16_000);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Parsed::Done(hello, _) = ClientHello::parse(&bytes) {
                let _ = (hello.server_name(), hello.protocols().count(), hello.key_share_groups());
            }
        }
    }
}
