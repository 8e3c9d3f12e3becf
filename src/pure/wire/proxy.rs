//! The PROXY protocol, version 1 or 2, whichever arrives: for whom a connection was made.
//!
//! Follows the specification (proxy-protocol.txt), section 2. Stricter than HAProxy 2.6.12 in
//! version 1 (no port above 65535, no leading zero, no address cut short); more tolerant where the
//! specification asks for it and HAProxy 2.6.12 refuses: UNKNOWN followed by anything, and version 2
//! for Unix sockets, datagrams and unspecified families.

use std::net::{IpAddr, SocketAddr};

use super::Parsed;
use super::proxy_v2::Tlvs;
use super::{proxy_v1, proxy_v2};

/// A version 2 header longer than this is refused: HAProxy's default buffer (`tune.bufsize`).
pub const HEADER_LIMIT_BYTES: usize = 16 * 1024;

/// Both ends of the connection a header speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoints<'a> {
    /// Those of the connection itself: it was made by the sender for its own purposes (LOCAL), or
    /// the sender does not know or cannot tell (UNKNOWN, UNSPEC, a transport other than streams).
    Own,
    /// TCP. Decoded, both addresses are of one family.
    Tcp {
        /// The client.
        src: SocketAddr,
        /// What the client connected to.
        dst: SocketAddr,
    },
    /// Unix stream sockets: paths padded with NUL; an abstract name starts with one.
    Unix {
        /// The client's address.
        src: &'a [u8; UNIX_ADDR_BYTES],
        /// What the client connected to.
        dst: &'a [u8; UNIX_ADDR_BYTES],
    },
}

/// Length of a Unix address in a header.
pub const UNIX_ADDR_BYTES: usize = 108;

/// A decoded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// For whom the connection was made.
    pub endpoints: Endpoints<'a>,
    /// What else was said about it; empty in version 1 and where the endpoints are its own.
    pub tlvs: Tlvs<'a>,
}

/// Why a connection on which a header is mandatory was closed. The texts are HAProxy's log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither version starts like this.
    #[error("Received something which does not look like a PROXY protocol header")]
    NotProxy,
    /// A malformed header, a length out of bounds, a wrong checksum.
    #[error("Received an invalid PROXY protocol header")]
    Invalid,
    /// A version 1 header for something other than TCP.
    #[error("Received an unhandled protocol in the PROXY protocol header")]
    Unhandled,
    /// The connection ended within the header, or the header is longer than
    /// [`HEADER_LIMIT_BYTES`].
    #[error("Truncated PROXY protocol header received")]
    Truncated,
    /// The connection ended before the first byte.
    #[error("Connection closed while waiting for PROXY protocol header")]
    Closed,
    /// The connection failed.
    #[error("Connection error while waiting for PROXY protocol header")]
    ConnectionError,
    /// The header was not there in time.
    #[error("Timeout while waiting for PROXY protocol header")]
    Timeout,
}

/// Decodes the header at the front of `bytes`.
///
/// # Errors
/// [`Parsed::Bad`] with `NotProxy`, `Invalid`, `Unhandled` or `Truncated` (too long). The other
/// refusals are for the reader of the connection to use.
#[must_use]
pub fn decode(bytes: &[u8]) -> Parsed<Header<'_>, Refusal> {
    match bytes.first() {
        None => Parsed::More,
        Some(b'P') => proxy_v1::decode(bytes),
        Some(b'\r') => proxy_v2::decode(bytes),
        Some(_) => Parsed::Bad(Refusal::NotProxy),
    }
}

/// Addresses of one family: an IPv4 address beside an IPv6 one is mapped (`::ffff:a.b.c.d`).
pub(super) fn same_family(src: SocketAddr, dst: SocketAddr) -> (SocketAddr, SocketAddr) {
    if src.is_ipv4() == dst.is_ipv4() {
        return (src, dst);
    }
    let mapped = |addr: SocketAddr| match addr.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port()),
        IpAddr::V6(_) => addr,
    };
    (mapped(src), mapped(dst))
}

#[cfg(test)]
mod tests;
