//! PROXY protocol version 1: one line of text, at most 107 bytes.
//!
//! ```text
//! PROXY TCP4 192.0.2.7 198.51.100.1 50001 5432\r\n
//! PROXY TCP6 2001:db8::7 2001:db8::1 50001 5432\r\n
//! PROXY UNKNOWN [anything]\r\n
//! ```

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::Parsed;
use super::proxy::{Endpoints, Header, Refusal, same_family};
use super::proxy_v2::Tlvs;

/// The longest line, CRLF included: UNKNOWN with two IPv6 addresses and ports (specification 2.1).
pub const LINE_LIMIT_BYTES: usize = 107;

const START: &[u8] = b"PROXY ";

/// Decodes the line at the front of `bytes`.
///
/// # Errors
/// [`Parsed::Bad`] with `NotProxy`, `Invalid` or `Unhandled`.
#[must_use]
pub fn decode(bytes: &[u8]) -> Parsed<Header<'_>, Refusal> {
    let start = START.len().min(bytes.len());
    if bytes[..start] != START[..start] {
        return Parsed::Bad(Refusal::NotProxy);
    }
    let seen = &bytes[..bytes.len().min(LINE_LIMIT_BYTES)];
    let Some(end) = seen.iter().position(|&byte| byte == b'\n') else {
        let full = seen.len() == LINE_LIMIT_BYTES;
        return if full { Parsed::Bad(Refusal::Invalid) } else { Parsed::More };
    };
    match line(&seen[..end]) {
        Ok(endpoints) => Parsed::Done(Header { endpoints, tlvs: Tlvs::EMPTY }, end + 1),
        Err(refusal) => Parsed::Bad(refusal),
    }
}

/// Decodes a line without its LF.
fn line(line: &[u8]) -> Result<Endpoints<'static>, Refusal> {
    let text = line.strip_prefix(START).and_then(|rest| rest.strip_suffix(b"\r"));
    let text = text.ok_or(Refusal::Invalid)?;
    let (protocol, rest) = match text.iter().position(|&byte| byte == b' ') {
        Some(space) => (&text[..space], Some(&text[space + 1..])),
        None => (text, None),
    };
    match (protocol, rest) {
        (b"TCP4", Some(rest)) => tcp::<Ipv4Addr>(rest),
        (b"TCP6", Some(rest)) => tcp::<Ipv6Addr>(rest),
        (b"UNKNOWN", _) => Some(Endpoints::Own),
        _ => return Err(Refusal::Unhandled),
    }
    .ok_or(Refusal::Invalid)
}

fn tcp<A: FromStr + Into<IpAddr>>(words: &[u8]) -> Option<Endpoints<'static>> {
    let mut words = std::str::from_utf8(words).ok()?.split(' ');
    let src: A = words.next()?.parse().ok()?;
    let dst: A = words.next()?.parse().ok()?;
    let (src_port, dst_port) = (port(words.next()?)?, port(words.next()?)?);
    let end = words.next().is_none();
    end.then(|| Endpoints::Tcp {
        src: SocketAddr::new(src.into(), src_port),
        dst: SocketAddr::new(dst.into(), dst_port),
    })
}

/// 0 to 65535 without sign or leading zero.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if plain && !leading_zero { text.parse().ok() } else { None }
}

/// The line to send. Addresses of two families are both sent as IPv6; anything but TCP is UNKNOWN.
///
/// For a connection made for a client, `endpoints` are the client's. A health check sends those of
/// its own connection, as HAProxy does.
#[must_use]
pub fn encode(endpoints: &Endpoints<'_>) -> Vec<u8> {
    let Endpoints::Tcp { src, dst } = *endpoints else {
        return b"PROXY UNKNOWN\r\n".into();
    };
    let (src, dst) = same_family(src, dst);
    let family = if src.is_ipv4() { 4 } else { 6 };
    let mut line = String::with_capacity(LINE_LIMIT_BYTES);
    let (from, to) = (src.ip(), dst.ip());
    write!(line, "PROXY TCP{family} {from} {to} {} {}\r\n", src.port(), dst.port())
        .expect("a String takes whatever is written");
    line.into()
}
