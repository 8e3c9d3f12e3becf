//! SOCKS version 4, the client's side: asks a proxy for a connection to an IPv4 address.
//!
//! Follows SOCKS4.protocol.txt; the user is called as HAProxy calls it.

use std::net::SocketAddrV4;

use super::Parsed;

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const USER: &[u8] = b"HAProxy\0";
const GRANTED: u8 = 90;

/// Length of an answer.
pub const ANSWER_BYTES: usize = 8;

/// The proxy does not grant the request, or speaks something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SOCKS4 Proxy deny the request")]
pub struct Denied;

/// The request for a connection to `address`.
#[must_use]
pub fn request(address: SocketAddrV4) -> Vec<u8> {
    let (port, ip) = (address.port().to_be_bytes(), address.ip().octets());
    [&[VERSION, CONNECT], &port[..], &ip[..], USER].concat()
}

/// Decodes the answer.
#[must_use]
pub fn answer(bytes: &[u8]) -> Parsed<(), Denied> {
    match bytes {
        [1..=u8::MAX, ..] => Parsed::Bad(Denied),
        [0, code, ..] if *code != GRANTED => Parsed::Bad(Denied),
        _ if bytes.len() < ANSWER_BYTES => Parsed::More,
        _ => Parsed::Done((), ANSWER_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_name_the_server() {
        let address = "127.0.0.1:19898".parse().expect("an address");
        assert_eq!(request(address), b"\x04\x01\x4d\xba\x7f\x00\x00\x01HAProxy\x00");
    }

    #[test]
    fn only_one_answer_grants() {
        let granted = [0, 90, 1, 2, 3, 4, 5, 6];
        assert_eq!(answer(&granted), Parsed::Done((), 8));
        for cut in 0..8 {
            assert_eq!(answer(&granted[..cut]), Parsed::More, "{cut}");
        }
        for wrong in [&[0, 91][..], &[4, 90, 0, 0, 0, 0, 0, 0], b"HTTP/1.1"] {
            assert_eq!(answer(wrong), Parsed::Bad(Denied));
        }
    }
}
