//! Addresses: `[family@][host][:port]`, sockets of the file system, descriptors.
//!
//! Variables are expanded before (see [`Environment::expand_address`]). Which forms a keyword takes
//! is the caller's business: a `bind` line needs a port, a `server` line takes no range.
//!
//! [`Environment::expand_address`]: crate::env::Environment::expand_address

use std::fmt;
use std::net::IpAddr;

/// An address as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What the prefix says of the transport.
    pub transport: Transport,
    /// Where it leads.
    pub endpoint: Endpoint,
    /// Something follows the digits of the port; HAProxy passes over it.
    pub has_excess: bool,
}

/// What a prefix says of the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Nothing: what the keyword takes.
    #[default]
    Unspecified,
    /// `tcp@`, `uxst@`, `stream+…`
    Stream,
    /// `udp@`, `uxdg@`, `dgram+…`
    Datagram,
    /// `quic4@`, `quic6@`
    Quic,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// IPv4 or IPv6.
    Inet {
        /// What the prefix says of the family.
        family: Family,
        /// The host.
        host: Host,
        /// The port.
        port: PortSpec,
    },
    /// A path, from a leading `/` or `unix@`.
    Unix(String),
    /// A name in Linux' abstract namespace, `abns@`, without the leading NUL.
    Abstract(String),
    /// An inherited descriptor, `fd@`.
    Fd(i32),
    /// An inherited socket pair, `sockpair@`.
    Sockpair(i32),
}

/// What a prefix says of the family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Either.
    #[default]
    Any,
    /// `ipv4@`, `tcp4@`, …
    V4,
    /// `ipv6@`, `tcp6@`, …
    V6,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Nothing or `*`.
    Any,
    /// A number.
    Ip(IpAddr),
    /// A name for the resolver.
    Name(String),
}

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortSpec {
    /// Nothing written.
    Absent,
    /// One port; 0 is possible.
    Fixed(u16),
    /// `low-high`, both included; low is at most high.
    Range(u16, u16),
    /// `+n` or `-n`: relative to the port the client connected to.
    Offset(i32),
}

/// Why an address was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Nothing is left, perhaps because a variable is unset.
    Empty,
    /// The path or name after the prefix is missing.
    EmptyName(&'static str),
    /// Not an integer after `fd@` or `sockpair@`.
    Descriptor(String),
    /// Neither an address nor a host name.
    Host(String),
    /// A `[` without its `]`, or something else than a port after it.
    Bracket,
    /// A port is missing where one must follow, as after the `-` of a range.
    PortMissing,
    /// This character is not part of a port.
    PortCharacter(char),
    /// Above 65535.
    PortTooLarge(String),
    /// The end is below the start.
    RangeOrder(u16, u16),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the address is empty (is a variable unset?)"),
            Self::EmptyName(prefix) => write!(f, "nothing follows '{prefix}@'"),
            Self::Descriptor(text) => write!(f, "'{text}' is not a descriptor's number"),
            Self::Host(host) => write!(f, "'{host}' is neither an IP address nor a host name"),
            Self::Bracket => f.write_str("brackets enclose an IPv6 address, as in '[::1]:80'"),
            Self::PortMissing => f.write_str("a port number is missing"),
            Self::PortCharacter(found) => write!(f, "{found:?} is not part of a port number"),
            Self::PortTooLarge(text) => write!(f, "port '{text}' is above 65535"),
            Self::RangeOrder(low, high) => {
                write!(f, "the port range {low}-{high} ends before it starts")
            }
        }
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// Reads one address whose variables are expanded.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (forced, text) = if let Some(rest) = text.strip_prefix("stream+") {
            (Transport::Stream, rest)
        } else if let Some(rest) = text.strip_prefix("dgram+") {
            (Transport::Datagram, rest)
        } else {
            (Transport::Unspecified, text)
        };
        let mut address = Self::parse_prefixed(text)?;
        if forced != Transport::Unspecified {
            address.transport = forced;
        }
        Ok(address)
    }

    fn parse_prefixed(text: &str) -> Result<Self, AddressError> {
        let plain = (Transport::Unspecified, Family::Any);
        let Some((prefix, rest)) = text.split_once('@') else {
            return Self::parse_plain(plain, text);
        };
        let (transport, family) = match prefix {
            "ip" => plain,
            "ipv4" => (Transport::Unspecified, Family::V4),
            "ipv6" => (Transport::Unspecified, Family::V6),
            "tcp" | "mptcp" => (Transport::Stream, Family::Any),
            "tcp4" | "mptcp4" => (Transport::Stream, Family::V4),
            "tcp6" | "mptcp6" => (Transport::Stream, Family::V6),
            "udp" => (Transport::Datagram, Family::Any),
            "udp4" => (Transport::Datagram, Family::V4),
            "udp6" => (Transport::Datagram, Family::V6),
            "quic" => (Transport::Quic, Family::Any),
            "quic4" => (Transport::Quic, Family::V4),
            "quic6" => (Transport::Quic, Family::V6),
            "unix" => return Self::unix(Transport::Unspecified, "unix", rest),
            "uxst" => return Self::unix(Transport::Stream, "uxst", rest),
            "uxdg" => return Self::unix(Transport::Datagram, "uxdg", rest),
            "abns" | "abnsz" if rest.is_empty() => return Err(AddressError::EmptyName("abns")),
            "abns" | "abnsz" => return Ok(Self::of(Endpoint::Abstract(rest.to_owned()))),
            "fd" => return descriptor(rest).map(|fd| Self::of(Endpoint::Fd(fd))),
            "sockpair" => return descriptor(rest).map(|fd| Self::of(Endpoint::Sockpair(fd))),
            _ => return Self::parse_plain(plain, text),
        };
        Self::parse_plain((transport, family), rest)
    }

    const fn of(endpoint: Endpoint) -> Self {
        Self { transport: Transport::Unspecified, endpoint, has_excess: false }
    }

    fn unix(transport: Transport, prefix: &'static str, path: &str) -> Result<Self, AddressError> {
        if path.is_empty() {
            return Err(AddressError::EmptyName(prefix));
        }
        Ok(Self { transport, ..Self::of(Endpoint::Unix(path.to_owned())) })
    }

    fn parse_plain(
        (transport, family): (Transport, Family),
        text: &str,
    ) -> Result<Self, AddressError> {
        if text.starts_with('/') {
            return Self::unix(transport, "unix", text);
        }
        let (host, port) = split_port(text)?;
        let (port, excess) = parse_port(port)?;
        let endpoint = Endpoint::Inet { family, host: parse_host(host)?, port };
        Ok(Self { transport, endpoint, has_excess: !excess.is_empty() })
    }
}

fn descriptor(text: &str) -> Result<i32, AddressError> {
    match text.parse::<i32>() {
        Ok(fd) if fd >= 0 => Ok(fd),
        _ => Err(AddressError::Descriptor(text.to_owned())),
    }
}

/// Host and port: the port is what follows the last colon that is not in brackets.
fn split_port(text: &str) -> Result<(&str, &str), AddressError> {
    if let Some(inside) = text.strip_prefix('[') {
        let (host, after) = inside.split_once(']').ok_or(AddressError::Bracket)?;
        if matches!(host, "" | "*") {
            return Err(AddressError::Bracket);
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if after.is_empty() => Ok((host, "")),
            None => Err(AddressError::Bracket),
        };
    }
    Ok(text.rsplit_once(':').unwrap_or((text, "")))
}

fn parse_host(text: &str) -> Result<Host, AddressError> {
    if text.is_empty() || text == "*" {
        return Ok(Host::Any);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Host::Ip(ip));
    }
    let is_name =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_name { Ok(Host::Name(text.to_owned())) } else { Err(AddressError::Host(text.to_owned())) }
}

/// A port, and what follows it.
fn parse_port(text: &str) -> Result<(PortSpec, &str), AddressError> {
    if text.is_empty() {
        return Ok((PortSpec::Absent, ""));
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'+' => (Some(1), &text[1..]),
        b'-' => (Some(-1), &text[1..]),
        _ => (None, text),
    };
    let (low, rest) = port_number(digits)?;
    if let Some(sign) = sign {
        return Ok((PortSpec::Offset(sign * i32::from(low)), rest));
    }
    let Some(high) = rest.strip_prefix('-') else { return Ok((PortSpec::Fixed(low), rest)) };
    let (high, rest) = port_number(high)?;
    if high < low {
        return Err(AddressError::RangeOrder(low, high));
    }
    Ok((PortSpec::Range(low, high), rest))
}

/// The number that `text` begins with, and what follows it.
fn port_number(text: &str) -> Result<(u16, &str), AddressError> {
    let (digits, rest) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if digits.is_empty() {
        return Err(rest
            .chars()
            .next()
            .map_or(AddressError::PortMissing, AddressError::PortCharacter));
    }
    let port = digits.parse().map_err(|_| AddressError::PortTooLarge(text.to_owned()))?;
    Ok((port, rest))
}

#[cfg(test)]
mod tests;
