//! PROXY protocol version 2: binary, with typed extensions (TLVs).
//!
//! ```text
//! signature 12 | version 4 bits, command 4 | family 4, transport 4 | length 16 | addresses | TLVs
//! TLV: type 8 | length 16 | value
//! ```
//!
//! All numbers are in network order; `length` counts addresses and TLVs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::proxy::{Endpoints, HEADER_LIMIT_BYTES, Header, Refusal, UNIX_ADDR_BYTES, same_family};
use super::{Parsed, crc32c};

/// What every header starts with.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length.
const FIXED_BYTES: usize = SIGNATURE.len() + 4;

const VERSION: u8 = 0x20;
const LOCAL: u8 = 0x0;
const PROXY: u8 = 0x1;

const UNSPEC: u8 = 0x00;
const TCP4: u8 = 0x11;
const UDP4: u8 = 0x12;
const TCP6: u8 = 0x21;
const UDP6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DGRAM: u8 = 0x32;

const IPV4_BYTES: usize = 4;
const IPV6_BYTES: usize = 16;
const PORT_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 4;
/// Type and length of a TLV.
const TLV_FIXED_BYTES: usize = 3;

/// Types of TLVs.
pub mod kind {
    /// The protocol above, as negotiated by TLS.
    pub const ALPN: u8 = 0x01;
    /// The host name the client asked for; at most [`AUTHORITY_LIMIT_BYTES`].
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the whole header, 4 bytes.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// A name for the connection; at most [`UNIQUE_ID_LIMIT_BYTES`].
    pub const UNIQUE_ID: u8 = 0x05;
    /// What the client's TLS session was like: see [`Ssl`](super::Ssl).
    pub const SSL: u8 = 0x20;
    /// Within `SSL`: version.
    pub const SSL_VERSION: u8 = 0x21;
    /// Within `SSL`: common name of the client's certificate.
    pub const SSL_CN: u8 = 0x22;
    /// Within `SSL`: cipher.
    pub const SSL_CIPHER: u8 = 0x23;
    /// Within `SSL`: signature algorithm of the sender's certificate.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// Within `SSL`: key algorithm of the sender's certificate.
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// The sender's network namespace.
    pub const NETNS: u8 = 0x30;

    /// HAProxy refuses longer host names.
    pub const AUTHORITY_LIMIT_BYTES: usize = 255;
    /// The specification's limit (2.2.5).
    pub const UNIQUE_ID_LIMIT_BYTES: usize = 128;

    /// Types by the names that `fc_pp_tlv` knows.
    const NAMES: [(&str, u8); 12] = [
        ("ALPN", ALPN),
        ("AUTHORITY", AUTHORITY),
        ("CRC32C", CRC32C),
        ("NOOP", NOOP),
        ("UNIQUE_ID", UNIQUE_ID),
        ("SSL", SSL),
        ("SSL_VERSION", SSL_VERSION),
        ("SSL_CN", SSL_CN),
        ("SSL_CIPHER", SSL_CIPHER),
        ("SSL_SIG_ALG", SSL_SIG_ALG),
        ("SSL_KEY_ALG", SSL_KEY_ALG),
        ("NETNS", NETNS),
    ];

    /// The type that `text` names: a number to 255, such as `0xE1`, or a name such as `AUTHORITY`.
    #[must_use]
    pub fn parse(text: &str) -> Option<u8> {
        let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        named.or_else(|| number(text))
    }

    /// The type of this number, decimal or hexadecimal behind `0x`.
    #[must_use]
    pub fn number(text: &str) -> Option<u8> {
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    }
}

/// One extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// See [`kind`]; others are passed on as they are.
    pub kind: u8,
    /// At most 65,535 bytes.
    pub value: &'a [u8],
}

/// A list of extensions as it arrived. Iterating ends at the first that is out of bounds, which a
/// decoded header has none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// No extension.
    pub const EMPTY: Self = Self(&[]);

    /// The extensions in `bytes`, one after the other.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are left.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value of the first extension of this type.
    #[must_use]
    pub fn find(mut self, kind: u8) -> Option<&'a [u8]> {
        self.find_map(|tlv| (tlv.kind == kind).then_some(tlv.value))
    }

    /// The TLS block, where there is one and it is long enough. Like HAProxy, a header with a
    /// malformed one is not refused for it.
    #[must_use]
    pub fn ssl(self) -> Option<Ssl<'a>> {
        let (&client, rest) = self.find(kind::SSL)?.split_first()?;
        let (verify, tlvs) = rest.split_first_chunk()?;
        Some(Ssl { client, verify: u32::from_be_bytes(*verify), tlvs: Tlvs(tlvs) })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (&[kind, high, low], rest) = self.0.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Tlv { kind, value })
    }
}

/// The value of an SSL extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssl<'a> {
    /// Bits: 1 the client used TLS, 2 it sent a certificate on this connection, 4 in this session.
    pub client: u8,
    /// 0 where a certificate was sent and verified.
    pub verify: u32,
    /// What is known of the session.
    pub tlvs: Tlvs<'a>,
}

impl Ssl<'_> {
    /// Of [`client`](Ssl::client): it used TLS.
    pub const USED: u8 = 1;
    /// It sent a certificate on this connection.
    pub const CERT_CONNECTION: u8 = 2;
    /// It sent one in this session.
    pub const CERT_SESSION: u8 = 4;
}

/// The value of an SSL extension to send; the fields are those of [`Ssl`].
///
/// # Errors
/// [`TooLong`].
pub fn encode_ssl(client: u8, verify: u32, tlvs: &[Tlv<'_>]) -> Result<Vec<u8>, TooLong> {
    let mut value = vec![client];
    value.extend(verify.to_be_bytes());
    for tlv in tlvs {
        push_tlv(&mut value, tlv)?;
    }
    Ok(value)
}

/// Decodes the header at the front of `bytes`.
///
/// # Errors
/// [`Parsed::Bad`] with `NotProxy`, `Invalid` or `Truncated` (longer than the limit).
#[must_use]
pub fn decode(bytes: &[u8]) -> Parsed<Header<'_>, Refusal> {
    let signature = SIGNATURE.len().min(bytes.len());
    if bytes[..signature] != SIGNATURE[..signature] {
        return Parsed::Bad(Refusal::NotProxy);
    }
    let after = &bytes[signature..];
    if after.first().is_some_and(|version| version & 0xf0 != VERSION) {
        return Parsed::Bad(Refusal::NotProxy);
    }
    let Some((&[version_command, family, high, low], rest)) = after.split_first_chunk() else {
        return Parsed::More;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let total = FIXED_BYTES + length;
    if total > HEADER_LIMIT_BYTES {
        return Parsed::Bad(Refusal::Truncated);
    }
    let Some(body) = rest.get(..length) else {
        return Parsed::More;
    };
    let header = match version_command & 0x0f {
        // The family and all that follows are to be skipped unread (2.2).
        LOCAL => Some(Header { endpoints: Endpoints::Own, tlvs: Tlvs::EMPTY }),
        PROXY => relayed(&bytes[..total], family, body),
        _ => None,
    };
    header.map_or(Parsed::Bad(Refusal::Invalid), |header| Parsed::Done(header, total))
}

/// Decodes what follows the fixed part of `header`.
fn relayed<'a>(header: &'a [u8], family: u8, body: &'a [u8]) -> Option<Header<'a>> {
    let (endpoints, rest) = match family {
        // Nobody can tell addresses from extensions here.
        UNSPEC => {
            return Some(Header { endpoints: Endpoints::Own, tlvs: Tlvs::EMPTY });
        }
        TCP4 | UDP4 => inet::<IPV4_BYTES, Ipv4Addr>(body)?,
        TCP6 | UDP6 => inet::<IPV6_BYTES, Ipv6Addr>(body)?,
        UNIX_STREAM | UNIX_DGRAM => {
            let (src, rest) = body.split_first_chunk::<UNIX_ADDR_BYTES>()?;
            let (dst, rest) = rest.split_first_chunk::<UNIX_ADDR_BYTES>()?;
            (Endpoints::Unix { src, dst }, rest)
        }
        _ => return None,
    };
    let datagrams = matches!(family, UDP4 | UDP6 | UNIX_DGRAM);
    let endpoints = if datagrams { Endpoints::Own } else { endpoints };
    tlvs_hold(header, rest).then_some(Header { endpoints, tlvs: Tlvs(rest) })
}

/// Source and destination address, source and destination port.
fn inet<const LEN: usize, A>(body: &[u8]) -> Option<(Endpoints<'static>, &[u8])>
where
    A: From<[u8; LEN]> + Into<IpAddr>,
{
    let (src, rest) = body.split_first_chunk::<LEN>()?;
    let (dst, rest) = rest.split_first_chunk::<LEN>()?;
    let (src_port, rest) = rest.split_first_chunk::<PORT_BYTES>()?;
    let (dst_port, rest) = rest.split_first_chunk::<PORT_BYTES>()?;
    let addr = |ip: [u8; LEN], port| SocketAddr::new(A::from(ip).into(), u16::from_be_bytes(port));
    Some((Endpoints::Tcp { src: addr(*src, *src_port), dst: addr(*dst, *dst_port) }, rest))
}

/// Whether the extensions at the end of `header` are within its bounds and their own, and a
/// checksum among them is right.
fn tlvs_hold(header: &[u8], tlvs: &[u8]) -> bool {
    let mut left = Tlvs(tlvs);
    while let Some(tlv) = left.next() {
        let holds = match tlv.kind {
            kind::AUTHORITY => tlv.value.len() <= kind::AUTHORITY_LIMIT_BYTES,
            kind::UNIQUE_ID => tlv.value.len() <= kind::UNIQUE_ID_LIMIT_BYTES,
            kind::CRC32C => checksum_holds(header, tlv.value, left.0.len()),
            _ => true,
        };
        if !holds {
            return false;
        }
    }
    left.0.is_empty()
}

/// Whether `value`, which `after` bytes of the header follow, is the header's checksum.
fn checksum_holds(header: &[u8], value: &[u8], after: usize) -> bool {
    let Ok(received) = <[u8; CHECKSUM_BYTES]>::try_from(value) else {
        return false;
    };
    let end = header.len() - after;
    // The field itself counts as zeroes.
    let parts = [&header[..end - CHECKSUM_BYTES], &[0; CHECKSUM_BYTES], &header[end..]];
    crc32c::checksum(&parts) == u32::from_be_bytes(received)
}

/// Whether a header carries its checksum (`proxy-v2-options crc32c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It does not.
    Absent,
    /// It does.
    Crc32c,
}

/// A header or a value in it would not fit its 16-bit length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PROXY protocol header longer than 65535 bytes")]
pub struct TooLong;

/// The header to send. Addresses of two families are both sent as IPv6; without addresses the
/// command is LOCAL, which is what health checks send, and HAProxy for clients on Unix sockets.
///
/// `before` go before the checksum and `tlvs` behind it, each in their order; HAProxy's is ALPN, AUTHORITY, UNIQUE_ID, SSL, NETNS. A receiver
/// like ours skips those of a LOCAL header.
///
/// # Errors
/// [`TooLong`].
pub fn encode(
    endpoints: &Endpoints<'_>,
    before: &[Tlv<'_>],
    checksum: Checksum,
    tlvs: &[Tlv<'_>],
) -> Result<Vec<u8>, TooLong> {
    let mut header = Vec::with_capacity(FIXED_BYTES + 2 * (IPV6_BYTES + PORT_BYTES));
    header.extend(SIGNATURE);
    let (command, family) = match endpoints {
        Endpoints::Own => (LOCAL, UNSPEC),
        Endpoints::Tcp { src, dst } if src.is_ipv4() && dst.is_ipv4() => (PROXY, TCP4),
        Endpoints::Tcp { .. } => (PROXY, TCP6),
        Endpoints::Unix { .. } => (PROXY, UNIX_STREAM),
    };
    header.extend([VERSION | command, family, 0, 0]);
    push_addresses(&mut header, endpoints);
    for tlv in before {
        push_tlv(&mut header, tlv)?;
    }
    let checksum_end = (checksum == Checksum::Crc32c)
        .then(|| push_tlv(&mut header, &Tlv { kind: kind::CRC32C, value: &[0; CHECKSUM_BYTES] }))
        .transpose()?
        .map(|()| header.len());
    for tlv in tlvs {
        push_tlv(&mut header, tlv)?;
    }
    let length = u16::try_from(header.len() - FIXED_BYTES).map_err(|_| TooLong)?;
    header[FIXED_BYTES - 2..FIXED_BYTES].copy_from_slice(&length.to_be_bytes());
    if let Some(end) = checksum_end {
        let crc = crc32c::checksum(&[&header]);
        header[end - CHECKSUM_BYTES..end].copy_from_slice(&crc.to_be_bytes());
    }
    Ok(header)
}

fn push_addresses(header: &mut Vec<u8>, endpoints: &Endpoints<'_>) {
    match *endpoints {
        Endpoints::Own => {}
        Endpoints::Tcp { src, dst } => {
            let (src, dst) = same_family(src, dst);
            for addr in [src, dst] {
                match addr.ip() {
                    IpAddr::V4(ip) => header.extend(ip.octets()),
                    IpAddr::V6(ip) => header.extend(ip.octets()),
                }
            }
            header.extend(src.port().to_be_bytes());
            header.extend(dst.port().to_be_bytes());
        }
        Endpoints::Unix { src, dst } => {
            header.extend(src);
            header.extend(dst);
        }
    }
}

fn push_tlv(out: &mut Vec<u8>, tlv: &Tlv<'_>) -> Result<(), TooLong> {
    let length = u16::try_from(tlv.value.len()).map_err(|_| TooLong)?;
    out.reserve(TLV_FIXED_BYTES + tlv.value.len());
    out.push(tlv.kind);
    out.extend(length.to_be_bytes());
    out.extend(tlv.value);
    Ok(())
}
