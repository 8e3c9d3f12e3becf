//! Pure: HAProxy's address grammar, `[family@][host][:port[-port]]`, without resolving names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::defaults::UNIX_PATH_MAX_BYTES;

/// A written address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host and perhaps a port.
    Inet {
        /// The host.
        host: Host,
        /// What stands behind the colon.
        port: Port,
    },
    /// A path.
    Unix(String),
    /// A name in Linux' abstract namespace.
    Abstract(String),
    /// An inherited descriptor.
    Fd(i32),
    /// `stdout` or `stderr`, for logs.
    Standard {
        /// `stderr`.
        is_error: bool,
    },
}

/// The host part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name, to be resolved to an address of the family.
    Name(String, Family),
}

/// Which addresses a host name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Any.
    Any,
    /// `ipv4@`, `tcp4@`.
    V4,
    /// `ipv6@`, `tcp6@`.
    V6,
}

impl Family {
    pub(super) const fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// The port part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// Not written.
    None,
    /// `80`.
    Fixed(u16),
    /// `80-89`, both included.
    Range(u16, u16),
    /// `+1000`, `-5`.
    Offset(i32),
}

/// Why a text is not an address: a message and perhaps a hint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadAddress(pub(super) String, pub(super) Option<String>);

impl BadAddress {
    fn new(message: String) -> Self {
        Self(message, None)
    }
}

/// Reads an address.
///
/// # Errors
/// What is wrong with it, quoting it.
pub(super) fn parse(text: &str) -> Result<Address, BadAddress> {
    if text.is_empty() {
        return Err(BadAddress::new("the address is empty".to_owned()));
    }
    match text {
        "stdout" => return Ok(Address::Standard { is_error: false }),
        "stderr" => return Ok(Address::Standard { is_error: true }),
        _ if text.starts_with('/') => return unix(text),
        _ => {}
    }
    let Some((family, rest)) = text.split_once('@') else {
        return inet(text, text, Family::Any);
    };
    match family {
        "unix" | "uxst" | "uxdg" => unix(rest),
        "abns" => match rest.len() {
            0 => Err(BadAddress::new(format!("'{text}' has no name after '@'"))),
            length if length > UNIX_PATH_MAX_BYTES => Err(too_long(rest)),
            _ => Ok(Address::Abstract(rest.to_owned())),
        },
        "fd" => match rest.parse() {
            Ok(fd) if fd >= 0 => Ok(Address::Fd(fd)),
            _ => Err(BadAddress::new(format!(
                "'{rest}' is not a descriptor number in '{text}'"
            ))),
        },
        "ipv4" | "tcp4" | "udp4" => inet(text, rest, Family::V4),
        "ipv6" | "tcp6" | "udp6" => inet(text, rest, Family::V6),
        "ip" | "tcp" | "udp" => inet(text, rest, Family::Any),
        _ => Err(BadAddress(
            format!("'{family}@' is not a supported kind of address in '{text}'"),
            Some("supported: ipv4@ ipv6@ ip@ tcp@ tcp4@ tcp6@ unix@ abns@ fd@".to_owned()),
        )),
    }
}

fn unix(path: &str) -> Result<Address, BadAddress> {
    match path.len() {
        0 => Err(BadAddress::new(
            "the path of the Unix socket is empty".to_owned(),
        )),
        length if length > UNIX_PATH_MAX_BYTES => Err(too_long(path)),
        _ => Ok(Address::Unix(path.to_owned())),
    }
}

fn too_long(path: &str) -> BadAddress {
    BadAddress::new(format!(
        "'{path}' is too long for a Unix socket: {} bytes, at most {UNIX_PATH_MAX_BYTES}",
        path.len()
    ))
}

fn inet(text: &str, rest: &str, family: Family) -> Result<Address, BadAddress> {
    let (host, port) = split_port(text, rest)?;
    let port = match port {
        None | Some("") => Port::None,
        Some(port) => parse_port(text, port)?,
    };
    let host = parse_host(text, host, family)?;
    Ok(Address::Inet { host, port })
}

/// The host without its brackets, and what stands behind the last colon outside of them.
fn split_port<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<&'a str>), BadAddress> {
    if let Some(bracketed) = rest.strip_prefix('[') {
        let Some((host, behind)) = bracketed.split_once(']') else {
            return Err(BadAddress::new(format!("'{text}' has a '[' without ']'")));
        };
        if behind.is_empty() {
            return Ok((host, None));
        }
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None => Err(BadAddress::new(format!(
                "'{text}' has '{behind}' after ']'"
            ))),
        };
    }
    Ok(match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    })
}

fn parse_host(text: &str, host: &str, family: Family) -> Result<Host, BadAddress> {
    if host.is_empty() || host == "*" {
        return Ok(Host::Ip(match family {
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Family::Any | Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        if family.admits(ip) {
            return Ok(Host::Ip(ip));
        }
        return Err(BadAddress::new(format!(
            "'{host}' is of the other family in '{text}'"
        )));
    }
    if host.contains(':') {
        let message = format!("'{text}' is not an address with a port");
        let help = "put an IPv6 address in brackets: [2001:db8::1]:5432".to_owned();
        return Err(BadAddress(message, Some(help)));
    }
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(bad) = host.chars().find(|&c| !is_name_char(c)) {
        return Err(BadAddress::new(format!(
            "'{bad}' cannot stand in a host name: '{text}'"
        )));
    }
    // What looks like numbers and dots only is a mistyped address; resolvers disagree on it.
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(BadAddress::new(format!(
            "'{host}' is not an IPv4 address in '{text}'"
        )));
    }
    Ok(Host::Name(host.to_owned(), family))
}

fn parse_port(text: &str, port: &str) -> Result<Port, BadAddress> {
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        digits
            .parse::<u16>()
            .ok()
            .filter(|_| is_number)
            .ok_or_else(|| {
                let reason = if is_number { " (1 to 65535)" } else { "" };
                BadAddress::new(format!("'{digits}' is not a port{reason} in '{text}'"))
            })
    };
    if let Some(digits) = port.strip_prefix('+') {
        return number(digits).map(|offset| Port::Offset(i32::from(offset)));
    }
    if let Some(digits) = port.strip_prefix('-') {
        return number(digits).map(|offset| Port::Offset(-i32::from(offset)));
    }
    let Some((first, last)) = port.split_once('-') else {
        return number(port).map(Port::Fixed);
    };
    let (first, last) = (number(first)?, number(last)?);
    if first == 0 || last < first {
        let message = format!("'{port}' is not a range of ports in '{text}'");
        return Err(BadAddress(
            message,
            Some("the smaller port comes first".to_owned()),
        ));
    }
    Ok(Port::Range(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(ip: &str, port: Port) -> Result<Address, String> {
        let host = Host::Ip(ip.parse().unwrap());
        Ok(Address::Inet { host, port })
    }

    #[test]
    fn forms() {
        let name = Host::Name("db1.local".to_owned(), Family::Any);
        for (text, expected) in [
            ("10.0.0.1:3306", ip("10.0.0.1", Port::Fixed(3306))),
            ("*:80", ip("0.0.0.0", Port::Fixed(80))),
            (":80", ip("0.0.0.0", Port::Fixed(80))),
            (":::80", ip("::", Port::Fixed(80))),
            ("[::]:80", ip("::", Port::Fixed(80))),
            ("ipv6@:80", ip("::", Port::Fixed(80))),
            ("::1:80", ip("::1", Port::Fixed(80))),
            ("[::1]", ip("::1", Port::None)),
            ("10.0.0.1", ip("10.0.0.1", Port::None)),
            ("10.0.0.1:0", ip("10.0.0.1", Port::Fixed(0))),
            ("10.0.0.1:+1000", ip("10.0.0.1", Port::Offset(1000))),
            ("10.0.0.1:-1", ip("10.0.0.1", Port::Offset(-1))),
            (
                "10.0.0.1:3306-3310",
                ip("10.0.0.1", Port::Range(3306, 3310)),
            ),
            (
                "db1.local:5",
                Ok(Address::Inet {
                    host: name,
                    port: Port::Fixed(5),
                }),
            ),
            ("/run/x.sock", Ok(Address::Unix("/run/x.sock".to_owned()))),
            ("unix@x.sock", Ok(Address::Unix("x.sock".to_owned()))),
            ("abns@x", Ok(Address::Abstract("x".to_owned()))),
            ("fd@3", Ok(Address::Fd(3))),
            ("stderr", Ok(Address::Standard { is_error: true })),
        ] {
            assert_eq!(parse(text).map_err(|bad| bad.0), expected, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, message) in [
            ("", "the address is empty"),
            (
                "10.0.0.1:99999",
                "'99999' is not a port (1 to 65535) in '10.0.0.1:99999'",
            ),
            ("10.0.0.1:foo", "'foo' is not a port in '10.0.0.1:foo'"),
            (
                "10.0.0.1:10-5",
                "'10-5' is not a range of ports in '10.0.0.1:10-5'",
            ),
            (
                "10.0.0.256:1",
                "'10.0.0.256' is not an IPv4 address in '10.0.0.256:1'",
            ),
            (
                "2001:db8::1:xyz:1",
                "'2001:db8::1:xyz:1' is not an address with a port",
            ),
            ("[::1:80", "'[::1:80' has a '[' without ']'"),
            ("[::1]80", "'[::1]80' has '80' after ']'"),
            (
                "ipv4@::1:80",
                "'::1' is of the other family in 'ipv4@::1:80'",
            ),
            ("a b:80", "' ' cannot stand in a host name: 'a b:80'"),
            (
                "quic4@:80",
                "'quic4@' is not a supported kind of address in 'quic4@:80'",
            ),
            ("fd@x", "'x' is not a descriptor number in 'fd@x'"),
            ("unix@", "the path of the Unix socket is empty"),
        ] {
            assert_eq!(
                parse(text).map_err(|bad| bad.0),
                Err(message.to_owned()),
                "{text}"
            );
        }
        assert!(parse(&format!("/{}", "x".repeat(107))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn socket_addresses_read_back(address: std::net::SocketAddr) {
            let written = std::net::SocketAddr::new(address.ip(), address.port());
            prop_assert_eq!(
                parse(&written.to_string()).unwrap(),
                Address::Inet { host: Host::Ip(written.ip()), port: Port::Fixed(written.port()) }
            );
        }
    }
}
