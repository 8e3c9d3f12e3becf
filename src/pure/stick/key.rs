//! The keys of a table: addresses, numbers, texts, bytes.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::pure::sample::{Kind, Value};

/// What the keys of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `ip`.
    Ipv4,
    /// `ipv6`.
    Ipv6,
    /// `integer`: 32 bits.
    Int,
    /// `string`: cut behind so many bytes.
    Str(usize),
    /// `binary`: cut behind so many bytes, or filled up with zeros.
    Bin(usize),
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Of [`KeyKind::Ipv4`].
    Ipv4(Ipv4Addr),
    /// Of [`KeyKind::Ipv6`].
    Ipv6(Ipv6Addr),
    /// Of [`KeyKind::Int`].
    Int(u32),
    /// Of [`KeyKind::Str`].
    Str(Box<[u8]>),
    /// Of [`KeyKind::Bin`].
    Bin(Box<[u8]>),
}

/// Why a word is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It does not say one.
    Invalid,
    /// Keys of this kind cannot be written.
    Unwritable,
}

impl KeyKind {
    /// HAProxy's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ipv6",
            Self::Int => "integer",
            Self::Str(_) => "string",
            Self::Bin(_) => "binary",
        }
    }

    /// Whether a sample of this kind can be a key.
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        kind.casts_to(self.sample())
    }

    const fn sample(self) -> Kind {
        match self {
            Self::Ipv4 => Kind::Ipv4,
            Self::Ipv6 => Kind::Ipv6,
            Self::Int => Kind::Int,
            Self::Str(_) => Kind::Str,
            Self::Bin(_) => Kind::Bin,
        }
    }

    /// The key that a sample's value stands for.
    #[must_use]
    pub fn key(self, value: Value) -> Option<Key> {
        match (self, value.cast(self.sample())?) {
            (_, Value::Ipv4(ip)) => Some(Key::Ipv4(ip)),
            (_, Value::Ipv6(ip)) => Some(Key::Ipv6(ip)),
            // The low 32 bits, as HAProxy keeps them.
            (_, Value::Int(number)) => Some(Key::Int(number as u32)),
            (Self::Str(len), Value::Str(mut text)) => {
                text.truncate(len);
                Some(Key::Str(text.into()))
            }
            (Self::Bin(_), Value::Bin(bytes)) if bytes.is_empty() => None,
            (Self::Bin(len), Value::Bin(mut bytes)) => {
                bytes.resize(len, 0);
                Some(Key::Bin(bytes.into()))
            }
            _ => None,
        }
    }

    /// The key that an operator's word stands for.
    ///
    /// # Errors
    /// The word is none, or keys of this kind cannot be written.
    pub fn parse(self, word: &str) -> Result<Key, KeyError> {
        let key = match self {
            Self::Ipv4 => word.parse().ok().map(Key::Ipv4),
            Self::Ipv6 => word.parse().ok().map(Key::Ipv6),
            Self::Int => word.parse().ok().map(Key::Int),
            Self::Str(_) => self.key(Value::text(word)),
            Self::Bin(_) => return Err(KeyError::Unwritable),
        };
        key.ok_or(KeyError::Invalid)
    }
}

impl Key {
    /// As a sample.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Ipv4(ip) => Value::Ipv4(*ip),
            Self::Ipv6(ip) => Value::Ipv6(*ip),
            Self::Int(number) => Value::Int(i64::from(*number)),
            Self::Str(text) => Value::Str(text.to_vec()),
            Self::Bin(bytes) => Value::Bin(bytes.to_vec()),
        }
    }
}

/// As `show table` writes it: one word without blanks.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(ip) => write!(f, "{ip}"),
            Self::Ipv6(ip) => write!(f, "{ip}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Str(text) => text.iter().try_for_each(|&byte| match byte {
                b'\t' => f.write_str("\\t"),
                b'\n' => f.write_str("\\n"),
                b'\r' => f.write_str("\\r"),
                b'\x1b' => f.write_str("\\e"),
                b'\\' | b' ' | b'=' => write!(f, "\\{}", char::from(byte)),
                b'!'..=b'~' => write!(f, "{}", char::from(byte)),
                byte => write!(f, "\\x{byte:02x}"),
            }),
            Self::Bin(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_keys_as_the_table_wants_them() {
        let mapped: Ipv6Addr = "::ffff:1.2.3.4".parse().unwrap();
        let native: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let table = [
            (KeyKind::Ipv4, Value::Ipv6(mapped), Some("1.2.3.4")),
            (KeyKind::Ipv4, Value::Ipv6(native), None),
            (KeyKind::Ipv6, Value::Ipv4(Ipv4Addr::LOCALHOST), Some("::ffff:127.0.0.1")),
            (KeyKind::Int, Value::Int(-1), Some("4294967295")),
            (KeyKind::Str(3), Value::text("abcd"), Some("abc")),
            (KeyKind::Str(9), Value::text("a b=\n"), Some("a\\ b\\=\\n")),
            (KeyKind::Bin(2), Value::Bin(vec![1]), Some("0100")),
            (KeyKind::Bin(2), Value::Bin(vec![1, 2, 3]), Some("0102")),
            (KeyKind::Bin(2), Value::Bin(vec![]), None),
        ];
        for (kind, value, shown) in table {
            let key = kind.key(value.clone()).map(|key| key.to_string());
            assert_eq!(key.as_deref(), shown, "{kind:?} {value:?}");
        }
    }

    #[test]
    fn words_are_keys_or_refused() {
        assert_eq!(KeyKind::Int.parse("12"), Ok(Key::Int(12)));
        assert_eq!(KeyKind::Int.parse("abc"), Err(KeyError::Invalid));
        assert_eq!(KeyKind::Ipv6.parse("1.2.3.4"), Err(KeyError::Invalid));
        assert_eq!(KeyKind::Bin(4).parse("0102"), Err(KeyError::Unwritable));
    }
}
