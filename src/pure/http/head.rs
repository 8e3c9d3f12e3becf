//! The head of a request: from its first byte to the empty line.

use super::answer::Connection;
use crate::pure::wire::Parsed;

/// Header lines of a request: HAProxy's `tune.http.maxhdr` is 101 with the first line.
pub const HEADERS_MAX: usize = 100;

/// Not a request: it is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; 0: there is none.
    Length(u64),
    /// After the chunk of size 0.
    Chunked,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// As it was written; it may begin with a scheme and a host.
    pub target: String,
    /// `1.1` or `1.0`.
    pub version: &'static str,
    /// Names in lower case, and values without spaces around them, in order.
    headers: Vec<(String, String)>,
    /// How the end of its body is found.
    pub framing: Framing,
}

impl Request {
    /// Reads the head at the front of `bytes`; empty lines before it do not count.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Parsed<Self, Bad> {
        let skipped = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let mut lines = Vec::new();
        let mut at = skipped;
        loop {
            let Some(end) = bytes[at..].iter().position(|&byte| byte == b'\n') else {
                let first = lines.first().copied().unwrap_or(&bytes[skipped..]);
                let sound = may_begin(first) && lines.len() <= HEADERS_MAX;
                return if sound { Parsed::More } else { Parsed::Bad(Bad) };
            };
            let line = &bytes[at..at + end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            at += end + 1;
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        match Self::of_lines(&lines) {
            Some(request) => Parsed::Done(request, at),
            None => Parsed::Bad(Bad),
        }
    }

    fn of_lines(lines: &[&[u8]]) -> Option<Self> {
        let (first, rest) = lines.split_first()?;
        if first.starts_with(b" ") || first.ends_with(b" ") {
            return None;
        }
        let mut words = std::str::from_utf8(first).ok()?.split(' ').filter(|word| !word.is_empty());
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let version = match version {
            "HTTP/1.1" => "1.1",
            "HTTP/1.0" => "1.0",
            _ => return None,
        };
        // A fragment is the browser's own.
        let visible = target.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#');
        let is_target = target.starts_with('/') || target.contains("://") || target == "*";
        if words.next().is_some() || !is_token(method.as_bytes()) || !visible || !is_target {
            return None;
        }
        if rest.len() > HEADERS_MAX {
            return None;
        }
        let headers = rest.iter().map(|line| header(line)).collect::<Option<Vec<_>>>()?;
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version,
            headers,
            framing: Framing::Length(0),
        };
        request.framing = request.framing()?;
        request.names_its_host().then_some(request)
    }

    /// Two lengths, or an encoding that is none, are how requests are smuggled.
    fn framing(&self) -> Option<Framing> {
        let mut codings = self.values("transfer-encoding");
        if let Some(coding) = codings.next() {
            let only = codings.next().is_none() && coding.eq_ignore_ascii_case("chunked");
            return only.then_some(Framing::Chunked);
        }
        let mut length = None;
        for text in self.values("content-length") {
            for text in text.split(',').map(str::trim) {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number: i64 = text.parse().ok().filter(|_| digits)?;
                let number = number.unsigned_abs();
                if length.is_some_and(|known| known != number) {
                    return None;
                }
                length = Some(number);
            }
        }
        Some(Framing::Length(length.unwrap_or(0)))
    }

    /// There is one host, and that in the target is the one of the header, as HAProxy demands.
    fn names_its_host(&self) -> bool {
        let mut hosts = self.values("host");
        let Some(host) = hosts.next() else { return true };
        if hosts.any(|other| other != host) {
            return false;
        }
        let Some((scheme, rest)) = self.target.split_once("://") else { return true };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let named = authority.rsplit('@').next().unwrap_or_default();
        let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        let bare = |name: &str| name.strip_suffix(usual).unwrap_or(name).to_ascii_lowercase();
        bare(host) == bare(named)
    }

    /// The path with its query, without scheme and host.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        if self.target.starts_with('/') {
            return &self.target;
        }
        let rest = self.target.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("/", |at| &rest[at..])
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query().split('?').next().unwrap_or_default()
    }

    /// What stands behind the question mark; empty without one.
    #[must_use]
    pub fn query(&self) -> &str {
        self.path_and_query().split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether the answer has no body.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The first value of a header; its name in lower case.
    #[must_use]
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// The values of a header, a line each; its name in lower case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names of its headers, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// Whether the connection may stay, and the client wants that. Where two headers say where the
    /// body ends, or one that HTTP/1.0 does not have, somebody on the way may have read it otherwise:
    /// what follows is not trusted (RFC 9112 §6.1).
    fn keeps_alive(&self) -> bool {
        let has = |name| self.header(name).is_some();
        if has("transfer-encoding") && (has("content-length") || self.version == "1.0") {
            return false;
        }
        let says = |word: &str| {
            let mut words = self.values("connection").flat_map(|value| value.split(','));
            words.any(|said| said.trim().eq_ignore_ascii_case(word))
        };
        match self.version {
            "1.0" => says("keep-alive") && !says("close"),
            _ => !says("close"),
        }
    }

    /// What becomes of its connection once it is answered; `whole`: all of it was read.
    #[must_use]
    pub fn connection(&self, whole: bool) -> Connection {
        match self.version {
            _ if !whole || !self.keeps_alive() => Connection::Closes,
            "1.0" => Connection::StaysAsAsked,
            _ => Connection::Stays,
        }
    }

    /// Whether it was sent from a page of this very host, as far as a browser says where from: a form
    /// on another one's page that a person is lured to carries that person's account.
    #[must_use]
    pub fn is_from_its_host(&self) -> bool {
        let Some(from) = self.header("origin").or_else(|| self.header("referer")) else {
            return true;
        };
        let host = from.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        host.is_some() && host == self.header("host")
    }

    /// Whether the client waits for a word before it sends the body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.version == "1.1"
            && self.header("expect").is_some_and(|said| said.eq_ignore_ascii_case("100-continue"))
    }
}

/// Whether a first line, which may not be whole, can become one: what is no HTTP is told apart early.
fn may_begin(line: &[u8]) -> bool {
    let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    method.iter().all(|&byte| is_token_byte(byte))
}

fn header(line: &[u8]) -> Option<(String, String)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok().filter(|name| is_token(name.as_bytes()))?;
    let value = &line[colon + 1..];
    if value.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        return None;
    }
    let value = String::from_utf8_lossy(value.trim_ascii()).into_owned();
    Some((name.to_ascii_lowercase(), value))
}

/// Whether it can be the name of a header, or a method.
pub(in crate::pure) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// RFC 9110 §5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(byte, b'^' | b'_' | b'`' | b'|' | b'~')
}
