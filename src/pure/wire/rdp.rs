//! The routing cookie of a remote desktop connection request (MS-RDPBCGR §2.2.1.1): the line
//! `Cookie: name=value` behind a TPKT and an X.224 header.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Parsed;

/// Bytes of both headers.
const HEADERS: usize = 11;
const LABEL: &[u8] = b"Cookie:";

/// The bytes are no connection request with such a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCookie;

/// The value of the cookie called `name`, of any where that is empty; names are compared without
/// case. It ends at the line's end.
#[must_use]
pub fn cookie<'a>(bytes: &'a [u8], name: &str) -> Parsed<&'a [u8], NoCookie> {
    let Some(line) = bytes.get(HEADERS..) else {
        return Parsed::More;
    };
    let label = &line[..line.len().min(LABEL.len())];
    if !label.eq_ignore_ascii_case(&LABEL[..label.len()]) {
        return Parsed::Bad(NoCookie);
    }
    let Some(rest) = line.get(LABEL.len()..) else {
        return Parsed::More;
    };
    let rest = rest.trim_ascii_start();
    let Some(end) = rest.iter().position(|&byte| byte == b'\r') else {
        return Parsed::More;
    };
    match rest.get(end + 1) {
        None => return Parsed::More,
        Some(b'\n') => {}
        Some(_) => return Parsed::Bad(NoCookie),
    }
    let Some(equals) = rest[..end].iter().position(|&byte| byte == b'=') else {
        return Parsed::Bad(NoCookie);
    };
    let (found, value) = (&rest[..equals], &rest[equals + 1..end]);
    if !name.is_empty() && !found.eq_ignore_ascii_case(name.as_bytes()) {
        return Parsed::Bad(NoCookie);
    }
    let used = bytes.len() - rest.len() + end + 2;
    Parsed::Done(value, used)
}

/// The address in a routing token, `16777343.15629.0000`: address and port as little-endian numbers
/// (MS-RDPBCGR §2.2.1.1). What follows the second dot is not looked at.
#[must_use]
pub fn token_address(token: &[u8]) -> Option<SocketAddrV4> {
    let mut parts = token.splitn(3, |&byte| byte == b'.');
    let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse::<u32>().ok();
    let (ip, port, _) = (number(parts.next()?)?, number(parts.next()?)?, parts.next()?);
    let port = u16::try_from(port).ok()?;
    Some(SocketAddrV4::new(
        Ipv4Addr::from(ip.to_le_bytes()),
        u16::from_be_bytes(port.to_le_bytes()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_an_address() {
        let there = Some("127.0.0.1:3389".parse().expect("an address"));
        for token in ["16777343.15629.0000", "16777343.15629.", "16777343.15629.0000.x"] {
            assert_eq!(token_address(token.as_bytes()), there, "{token}");
        }
        for token in ["", "16777343.15629", "x.y.z", "4294967296.1.", "1.65536.", ".1.", "-1.1."] {
            assert_eq!(token_address(token.as_bytes()), None, "{token}");
        }
    }

    const REQUEST: &[u8] =
        b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=alice\r\n";

    #[test]
    fn the_named_cookie_is_found_without_case() {
        let len = REQUEST.len();
        assert_eq!(cookie(REQUEST, "MSTShash"), Parsed::Done(&b"alice"[..], len));
        assert_eq!(cookie(REQUEST, ""), Parsed::Done(&b"alice"[..], len));
        assert_eq!(cookie(REQUEST, "msts"), Parsed::Bad(NoCookie));
    }

    #[test]
    fn every_cut_wants_more_and_other_bytes_are_refused() {
        for cut in 0..REQUEST.len() {
            assert_eq!(cookie(&REQUEST[..cut], ""), Parsed::More, "{cut}");
        }
        assert_eq!(cookie(b"GET / HTTP/1.0\r\n\r\n", ""), Parsed::Bad(NoCookie));
    }
}
