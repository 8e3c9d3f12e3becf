//! NetScaler's client IP insertion: the IP and TCP headers of the client's connection in front of its
//! bytes.
//!
//! ```text
//! standard: magic 4 | length 4 | type 2, 0 | header length 2 | IP header | TCP header
//! legacy:   magic 4 | header length 4 | IP header | TCP header
//! ```
//!
//! All numbers are in network order. Which of the two it is shows in the first byte behind the first
//! eight: IP headers begin with their version. HAProxy's reading of it; more tolerant in that what
//! is not there yet is waited for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Parsed;

/// Longest headers of IP and TCP: more cannot be, less is enough for nobody's options.
const HEADERS_BYTES_MAX: usize = 1024;

/// Bytes before what tells the two forms apart, and of the whole standard form.
const LEGACY_BYTES: usize = 8;
const STANDARD_BYTES: usize = 12;

const TCP: u8 = 6;
const IPV6_BYTES: usize = 40;

/// Source and destination of the client's connection.
pub type Ends = (SocketAddr, SocketAddr);

/// Why a connection on which a header is mandatory was closed. The texts are HAProxy's log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It begins with another number.
    #[error("Received an invalid NetScaler Client IP magic number")]
    Magic,
    /// No form of the header, no IP, no TCP, or lengths that do not fit each other.
    #[error("Received an unhandled protocol in the NetScaler Client IP header")]
    Protocol,
    /// The connection ended within the header.
    #[error("Truncated NetScaler Client IP header received")]
    Truncated,
    /// The connection ended before the first byte.
    #[error("Connection closed while waiting for NetScaler Client IP header")]
    Closed,
    /// The connection failed.
    #[error("Connection error while waiting for NetScaler Client IP header")]
    ConnectionError,
    /// The header was not there in time.
    #[error("Timeout while waiting for a NetScaler Client IP header")]
    Timeout,
}

/// Decodes the header at the front of `bytes`, which begins with the number `magic`.
///
/// # Errors
/// [`Parsed::Bad`] with `Magic` or `Protocol`. The other refusals are for the reader of the
/// connection to use.
#[must_use]
pub fn decode(bytes: &[u8], magic: u32) -> Parsed<Ends, Refusal> {
    let begun = bytes.len().min(4);
    if bytes[..begun] != magic.to_be_bytes()[..begun] {
        return Parsed::Bad(Refusal::Magic);
    }
    let Some((form, rest)) = bytes.get(LEGACY_BYTES..).and_then(<[u8]>::split_first) else {
        return Parsed::More;
    };
    let (at, length) = match form {
        0 => match rest {
            [_, high, low, ..] => (STANDARD_BYTES, usize::from(u16::from_be_bytes([*high, *low]))),
            _ => return Parsed::More,
        },
        form if form & 0xd0 == 0x40 => {
            let [a, b, c, d] = [bytes[4], bytes[5], bytes[6], bytes[7]];
            (LEGACY_BYTES, usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX))
        }
        _ => return Parsed::Bad(Refusal::Protocol),
    };
    if length > HEADERS_BYTES_MAX {
        return Parsed::Bad(Refusal::Protocol);
    }
    let Some(headers) = bytes.get(at..at + length) else {
        return Parsed::More;
    };
    ends(headers).map_or(Parsed::Bad(Refusal::Protocol), |ends| Parsed::Done(ends, at + length))
}

/// The ends that an IP header and a TCP header name.
fn ends(headers: &[u8]) -> Option<Ends> {
    let first = *headers.first()?;
    let (src, dst, tcp) = match first >> 4 {
        4 => {
            let length = usize::from(first & 0x0f) * 4;
            let (ip, tcp) = headers.split_at_checked(length.max(20))?;
            let at = |at: usize| Some(Ipv4Addr::from(*ip.get(at..)?.first_chunk::<4>()?));
            (ip[9] == TCP).then_some(())?;
            (IpAddr::from(at(12)?), IpAddr::from(at(16)?), tcp)
        }
        6 => {
            let (ip, tcp) = headers.split_at_checked(IPV6_BYTES)?;
            let at = |at: usize| Some(Ipv6Addr::from(*ip.get(at..)?.first_chunk::<16>()?));
            (ip[6] == TCP).then_some(())?;
            (IpAddr::from(at(8)?), IpAddr::from(at(24)?), tcp)
        }
        _ => return None,
    };
    let [a, b, c, d] = *tcp.first_chunk()?;
    let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some((SocketAddr::new(src, src_port), SocketAddr::new(dst, dst_port)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ipv4(protocol: u8) -> Vec<u8> {
        let mut headers = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0];
        headers.extend([1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0xe1, 0x15, 0x38]);
        headers.extend([0; 16]);
        headers
    }

    fn standard(headers: &[u8]) -> Vec<u8> {
        let length = u8::try_from(headers.len()).expect("short");
        [&[0, 0, 0, 5, 0, 0, 0, length, 0, 0, 0, length], headers].concat()
    }

    fn legacy(headers: &[u8]) -> Vec<u8> {
        let length = u8::try_from(headers.len()).expect("short");
        [&[0, 0, 0, 5, 0, 0, 0, length], headers].concat()
    }

    #[test]
    fn both_forms_name_the_client() {
        let ends = ("1.2.3.4:4321".parse().expect("one"), "5.6.7.8:5432".parse().expect("one"));
        for bytes in [standard(&ipv4(TCP)), legacy(&ipv4(TCP))] {
            let used = bytes.len();
            assert_eq!(decode(&[&bytes, &b"x"[..]].concat(), 5), Parsed::Done(ends, used));
            for cut in 0..used {
                assert_eq!(decode(&bytes[..cut], 5), Parsed::More, "{cut}");
            }
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        let good = standard(&ipv4(TCP));
        assert_eq!(decode(&good, 6), Parsed::Bad(Refusal::Magic));
        let odd = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode(&bytes, 5)
        };
        for (at, byte) in [(8, 1), (12, 0x55), (12, 0x4f), (21, 17), (10, 0xff)] {
            assert_eq!(odd(at, byte), Parsed::Bad(Refusal::Protocol), "{at}: {byte:#x}");
        }
        assert_eq!(decode(&legacy(&ipv4(TCP)[..20]), 5), Parsed::Bad(Refusal::Protocol));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes, 5);
            let _ = decode(&[&[0, 0, 0, 5], &bytes[..]].concat(), 5);
            let _ = decode(&standard(&bytes), 5);
        }
    }
}
