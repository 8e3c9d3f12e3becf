//! Reading an HTTP/1 response as far as a check needs it: status line, framing, body.
//!
//! Follows RFC 9112 §4 to §7 with HAProxy's tolerance: lines may end in a bare LF, and the status
//! may have any number of digits up to [`STATUS_DIGITS_MAX`].

use crate::pure::http::head::is_token;

/// Digits of a status at most; HAProxy keeps a status in 16 bits.
const STATUS_DIGITS_MAX: usize = 4;

/// How far a response head could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// Complete.
    Head(Head<'a>),
    /// Sound so far.
    More,
    /// Not HTTP.
    Bad,
}

/// A response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// The status, 0 to 9999.
    pub(crate) status: u16,
    /// What follows the status on its line.
    pub(crate) reason: &'a [u8],
    /// The header lines, each with its end.
    pub(crate) headers: &'a [u8],
    /// How the body's end is found.
    pub(crate) framing: Framing,
    /// The bytes behind the head.
    pub(crate) rest: &'a [u8],
}

/// How a body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the chunk of size 0.
    Chunked,
    /// When the server closes.
    Close,
}

/// What has come of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Its bytes, without chunk headers.
    pub(crate) bytes: Vec<u8>,
    /// No more belongs to it.
    pub(crate) complete: bool,
}

/// Reads the head at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    const START: &[u8] = b"HTTP/";
    let shown = bytes.len().min(START.len());
    if bytes[..shown] != START[..shown] {
        return Parsed::Bad;
    }
    let Some((line, mut rest)) = line(bytes) else {
        return Parsed::More;
    };
    let Some((status, reason)) = status_line(line) else {
        return Parsed::Bad;
    };
    let lines = rest;
    let mut framing = Announced::default();
    let mut first = true;
    loop {
        let Some((header, after)) = self::line(rest) else {
            return Parsed::More;
        };
        rest = after;
        if header.is_empty() {
            let headers = &lines[..lines.len() - rest.len()];
            let framing = bodied(status, framing.framing());
            return Parsed::Head(Head { status, reason, headers, framing, rest });
        }
        let folded = header.starts_with(b" ") || header.starts_with(b"\t");
        if folded && !first {
            continue;
        }
        first = false;
        if framing.note(header).is_none() {
            return Parsed::Bad;
        }
    }
}

/// The body as far as it has come.
pub(crate) fn body(head: &Head<'_>) -> Body {
    match head.framing {
        Framing::Close => Body { bytes: head.rest.to_vec(), complete: false },
        Framing::Length(len) => {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let shown = &head.rest[..head.rest.len().min(len)];
            Body { bytes: shown.to_vec(), complete: head.rest.len() >= len }
        }
        Framing::Chunked => unchunked(head.rest),
    }
}

/// The first line without its end, and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// `HTTP/1.1 200 OK` to its status and reason.
fn status_line(line: &[u8]) -> Option<(u16, &[u8])> {
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', after @ ..] = line else {
        return None;
    };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return None;
    }
    let after = after.trim_ascii_start();
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > STATUS_DIGITS_MAX {
        return None;
    }
    let status = after[..digits].iter().fold(0, |n, byte| n * 10 + u16::from(byte - b'0'));
    match &after[digits..] {
        [] => Some((status, b"")),
        [b' ', reason @ ..] => Some((status, reason.trim_ascii())),
        _ => None,
    }
}

/// Responses that never have a body (RFC 9112 §6.3).
fn bodied(status: u16, framing: Framing) -> Framing {
    match status {
        100..=199 | 204 | 304 => Framing::Length(0),
        _ => framing,
    }
}

/// What the header lines so far say of the body's end.
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    chunked: bool,
    length: Option<u64>,
}

impl Announced {
    /// Takes in a header line; `None` if it is none, or contradicts those before: who reads a length
    /// another way than the server means it takes one answer for another.
    fn note(&mut self, header: &[u8]) -> Option<()> {
        let colon = header.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        if !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked |= value.eq_ignore_ascii_case(b"chunked");
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            // One that is said several times is said alike (RFC 9112 §6.3).
            for value in value.split(|&byte| byte == b',') {
                let length = length(value.trim_ascii())?;
                if *self.length.get_or_insert(length) != length {
                    return None;
                }
            }
        }
        Some(())
    }

    /// Chunks go before a length.
    const fn framing(self) -> Framing {
        match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        }
    }
}

/// Digits and nothing else.
fn length(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit).then_some(value)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Takes chunk headers out. A chunk that makes no sense ends the body: what came before is judged.
fn unchunked(mut rest: &[u8]) -> Body {
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let Some((size, after)) = line(rest) else {
            return Body { bytes, complete: false };
        };
        let digits = size.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().and_then(|d| usize::from_str_radix(d, 16).ok());
        let size = match size {
            None | Some(0) => {
                return Body { bytes, complete: true };
            }
            Some(size) => size,
        };
        let shown = after.len().min(size);
        bytes.extend_from_slice(&after[..shown]);
        match after.get(size..).and_then(line) {
            Some((_, next)) => rest = next,
            None => {
                return Body { bytes, complete: false };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(bytes: &[u8]) -> Option<(u16, &[u8], Framing, &[u8])> {
        match parse(bytes) {
            Parsed::Head(head) => Some((head.status, head.reason, head.framing, head.rest)),
            Parsed::More | Parsed::Bad => None,
        }
    }

    #[test]
    fn heads() {
        let full = b"HTTP/1.1 503 Not now\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nxy";
        assert_eq!(head(full), Some((503, &b"Not now"[..], Framing::Length(2), &b"xy"[..])));
        let bare = b"HTTP/1.0 200\n\n";
        assert_eq!(head(bare), Some((200, &b""[..], Framing::Close, &b""[..])));
        for part in 0..full.len() - 2 {
            assert_eq!(parse(&full[..part]), Parsed::More, "{part} bytes");
        }
        let bad: [&[u8]; 14] = [
            b"garbage",
            b"HTTPS",
            b"HTTP/1.0 2x0 OK\r\n",
            b"HTTP/1.0 OK\r\n",
            b"HTTP/x.0 200\r\n",
            b"HTTP/1.0 12345 OK\r\n",
            b"HTTP/1.0 200 OK\r\n bad\r\n",
            b"HTTP/1.0 200 OK\r\nno colon\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: x\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: +2\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2,\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2, 3\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n",
        ];
        for bytes in bad {
            assert_eq!(parse(bytes), Parsed::Bad, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn bodies() {
        let of = |bytes: &[u8]| match parse(bytes) {
            Parsed::Head(head) => body(&head),
            other => panic!("{other:?}"),
        };
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\nprim\r\n3\r\nary\r\n0\r\n\r\n";
        assert_eq!(of(chunked), Body { bytes: b"primary".to_vec(), complete: true });
        assert!(!of(&chunked[..chunked.len() - 6]).complete);
        let sized = of(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef");
        assert_eq!(sized, Body { bytes: b"abc".to_vec(), complete: true });
        assert!(!of(b"HTTP/1.1 200 OK\r\n\r\nabc").complete);
        assert!(of(b"HTTP/1.1 204 No\r\n\r\n").complete);
        let twice = of(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 02\r\n\r\nabc");
        assert_eq!(twice, Body { bytes: b"ab".to_vec(), complete: true });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(tail: Vec<u8>, chunked: bool) {
            let start: &[u8] = if chunked {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            } else {
                b"HTTP/1.1 "
            };
            let bytes = [start, tail.as_slice()].concat();
            if let Parsed::Head(head) = parse(&bytes) {
                prop_assert!(body(&head).bytes.len() <= bytes.len());
            }
        }
    }
}
