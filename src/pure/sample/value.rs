//! Values that samples have, and how one kind becomes another.
//!
//! The table of casts is HAProxy's: what it casts is cast, in the same way; what it does not is not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A value. Text is bytes: nobody promises that what clients send is UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// A truth.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// Text.
    Str(Vec<u8>),
    /// Bytes.
    Bin(Vec<u8>),
}

/// The kind of a value, as far as it is known before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Known only when there is a value.
    Any,
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Int`].
    Int,
    /// An address of either family.
    Addr,
    /// [`Value::Ipv4`].
    Ipv4,
    /// [`Value::Ipv6`].
    Ipv6,
    /// [`Value::Str`].
    Str,
    /// [`Value::Bin`].
    Bin,
}

impl Kind {
    /// HAProxy's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::Int => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
        }
    }

    /// Whether a value of this kind may become one of kind `to`; whether one does, the value decides.
    #[must_use]
    pub const fn casts_to(self, to: Self) -> bool {
        match (self, to) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Bool, Self::Bool | Self::Int | Self::Str | Self::Bin) => true,
            (Self::Bool, _) => false,
            (Self::Int | Self::Str, _) => true,
            // HAProxy knows no fetch of this kind: it stands for either family.
            (Self::Addr | Self::Ipv4, Self::Bool) => false,
            (Self::Addr | Self::Ipv4, _) => true,
            (Self::Ipv6, Self::Bool | Self::Int) => false,
            (Self::Ipv6, _) => true,
            (Self::Bin, Self::Str | Self::Bin) => true,
            (Self::Bin, _) => false,
        }
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Str(text.as_bytes().to_vec())
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Ipv4(_) => Kind::Ipv4,
            Self::Ipv6(_) => Kind::Ipv6,
            Self::Str(_) => Kind::Str,
            Self::Bin(_) => Kind::Bin,
        }
    }

    /// The value as another kind; `None` where there is no such cast, or the value has none.
    #[must_use]
    pub fn cast(self, to: Kind) -> Option<Self> {
        match to {
            Kind::Any => Some(self),
            Kind::Bool => self.as_int_or_bool().map(|number| Self::Bool(number != 0)),
            Kind::Int => self.as_int().map(Self::Int),
            Kind::Addr => self.as_ip().map(Self::from),
            Kind::Ipv4 => self.as_ipv4().map(Self::Ipv4),
            Kind::Ipv6 => self.as_ipv6().map(Self::Ipv6),
            Kind::Str => match self {
                // HAProxy's text ends at a null byte.
                Self::Bin(mut bytes) => {
                    bytes.truncate(bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()));
                    Some(Self::Str(bytes))
                }
                other => Some(Self::Str(other.into_bytes_of(Kind::Str)?)),
            },
            Kind::Bin => Some(Self::Bin(self.into_bytes_of(Kind::Bin)?)),
        }
    }

    fn as_int_or_bool(&self) -> Option<i64> {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Str(_) => self.as_int(),
            _ => None,
        }
    }

    /// As a number.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bool(truth) => Some(i64::from(*truth)),
            Self::Int(number) => Some(*number),
            Self::Ipv4(ip) => Some(i64::from(ip.to_bits())),
            Self::Str(text) => parse_int(text),
            Self::Ipv6(_) | Self::Bin(_) => None,
        }
    }

    /// As an address of the family it has.
    #[must_use]
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(ip) => Some(IpAddr::V4(*ip)),
            Self::Ipv6(ip) => Some(IpAddr::V6(*ip)),
            Self::Int(_) => self.as_ipv4().map(IpAddr::V4),
            Self::Str(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Self::Bool(_) | Self::Bin(_) => None,
        }
    }

    fn as_ipv4(&self) -> Option<Ipv4Addr> {
        match self {
            // The low 32 bits, as HAProxy keeps them.
            Self::Int(number) => Some(Ipv4Addr::from_bits(*number as u32)),
            Self::Str(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => match self.as_ip()? {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(ip) => embedded(ip),
            },
        }
    }

    fn as_ipv6(&self) -> Option<Ipv6Addr> {
        match self {
            Self::Str(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => match self.as_ip()? {
                IpAddr::V4(ip) => Some(ip.to_ipv6_mapped()),
                IpAddr::V6(ip) => Some(ip),
            },
        }
    }

    fn into_bytes_of(self, kind: Kind) -> Option<Vec<u8>> {
        Some(match (self, kind) {
            (Self::Str(bytes) | Self::Bin(bytes), _) => bytes,
            (Self::Bool(truth), Kind::Bin) => i64::from(truth).to_be_bytes().to_vec(),
            (Self::Int(number), Kind::Bin) => number.to_be_bytes().to_vec(),
            (Self::Ipv4(ip), Kind::Bin) => ip.octets().to_vec(),
            (Self::Ipv6(ip), Kind::Bin) => ip.octets().to_vec(),
            (other, _) => other.to_string().into_bytes(),
        })
    }

    /// The bytes that text methods look at; numbers and addresses are written out.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Str(bytes) | Self::Bin(bytes) => bytes,
            other => other.to_string().into_bytes(),
        }
    }

    /// Whether it counts as true: text counts by the number at its front.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Ipv4(ip) => !ip.is_unspecified(),
            _ => self.as_int_or_bool().is_some_and(|number| number != 0),
        }
    }
}

impl From<IpAddr> for Value {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::Ipv4(ip),
            IpAddr::V6(ip) => Self::Ipv6(ip),
        }
    }
}

/// As HAProxy writes it where text is wanted; a truth is 1 or 0.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => write!(f, "{}", u8::from(*truth)),
            Self::Int(number) => write!(f, "{number}"),
            Self::Ipv4(ip) => write!(f, "{ip}"),
            Self::Ipv6(ip) => write!(f, "{ip}"),
            Self::Str(bytes) | Self::Bin(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// The IPv4 address inside a mapped, compatible, 6to4 or translated (RFC 6052) one.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let low = Ipv4Addr::from_bits(u32::from(g) << 16 | u32::from(h));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(low),
        [0x2002, ..] => Some(Ipv4Addr::from_bits(u32::from(b) << 16 | u32::from(c))),
        _ => None,
    }
}

/// The number at the front of `text`, 0 where there is no digit, the nearest bound where it is too
/// large; `None` for empty text.
fn parse_int(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut number: i64 = 0;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_haproxys() {
        let ip = |text: &str| Value::from(text.parse::<IpAddr>().unwrap());
        let table = [
            (Value::Bool(true), Kind::Str, Some(Value::text("1"))),
            (Value::Bool(true), Kind::Ipv4, None),
            (Value::Int(300), Kind::Bin, Some(Value::Bin(vec![0, 0, 0, 0, 0, 0, 1, 44]))),
            (Value::Int(16_909_060), Kind::Addr, Some(ip("1.2.3.4"))),
            (Value::text("12x"), Kind::Int, Some(Value::Int(12))),
            (Value::text("x"), Kind::Int, Some(Value::Int(0))),
            (Value::text("10.0.0.1"), Kind::Addr, Some(ip("10.0.0.1"))),
            (Value::text("10.0.0"), Kind::Addr, None),
            (ip("1.2.3.4"), Kind::Int, Some(Value::Int(16_909_060))),
            (ip("1.2.3.4"), Kind::Ipv6, Some(ip("::ffff:1.2.3.4"))),
            (ip("::ffff:1.2.3.4"), Kind::Ipv4, Some(ip("1.2.3.4"))),
            (ip("2001:db8::1"), Kind::Ipv4, None),
            (ip("2001:db8::1"), Kind::Int, None),
            (Value::Bin(vec![104, 105]), Kind::Str, Some(Value::text("hi"))),
            (Value::Bin(vec![49]), Kind::Int, None),
        ];
        for (from, to, expected) in table {
            assert_eq!(from.clone().cast(to), expected, "{from:?} to {to:?}");
            if expected.is_some() {
                assert!(from.kind().casts_to(to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn huge_numbers_end_at_the_bounds() {
        assert_eq!(parse_int(b"99999999999999999999"), Some(i64::MAX));
        assert_eq!(parse_int(b"-99999999999999999999"), Some(i64::MIN));
        assert_eq!(parse_int(b""), None);
    }
}
