//! Converters of bytes: pieces, encodings, hashes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

use crate::pure::hash;
use crate::pure::sample::value::{Kind, Value};
use crate::pure::sample::{Facts, Variable};
use crate::pure::wire::crc32c;

/// What is done with bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are HAProxy's")]
pub enum Bytes {
    Piece(usize, Option<usize>),
    Hex,
    Hex2i,
    Base64,
    B64dec,
    Ub64enc,
    Ub64dec,
    Be2dec {
        separator: String,
        chunk: usize,
        truncate: bool,
    },
    Be2hex {
        separator: String,
        chunk: usize,
        truncate: bool,
    },
    Htonl,
    Length,
    Reverse,
    /// A hash of 32 bits, perhaps spread over all of them.
    Hash(Hash, bool),
    /// A hash of 64 bits, with its seed.
    Xxh64(u64),
    Xxh3(u64),
    Xxh32(u32),
    Digest(Algorithm),
    Hmac(Algorithm, Secret),
}

/// What only those may know who are to read a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// It stands in the configuration, in base64.
    Written(Vec<u8>),
    /// A variable has it, in base64.
    Variable(Variable),
}

impl Secret {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(variable) = Variable::parse(text) {
            return Ok(Self::Variable(variable));
        }
        let bytes = STANDARD.decode(text);
        bytes.map(Self::Written).map_err(|_| "the key is neither base64 nor a variable".to_owned())
    }

    fn bytes(&self, facts: &dyn Facts) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Written(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Variable(name) => {
                let text = facts.variable(name)?.cast(Kind::Str)?.into_bytes();
                STANDARD.decode(text).ok().map(Cow::Owned)
            }
        }
    }
}

/// Hashes of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are HAProxy's")]
pub enum Hash {
    Crc32,
    Crc32c,
    Djb2,
    Sdbm,
    Wt6,
}

/// Digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are everybody's")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Every name of this file.
pub(super) const NAMES: [&str; 23] = [
    "bytes", "hex", "hex2i", "base64", "b64dec", "ub64enc", "ub64dec", "be2dec", "be2hex", "htonl",
    "length", "reverse", "crc32", "crc32c", "djb2", "sdbm", "wt6", "xxh32", "xxh64", "xxh3",
    "sha1", "sha2", "digest",
];

const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("md5", Algorithm::Md5),
    ("sha1", Algorithm::Sha1),
    ("sha224", Algorithm::Sha224),
    ("sha256", Algorithm::Sha256),
    ("sha384", Algorithm::Sha384),
    ("sha512", Algorithm::Sha512),
];

const HASHES: [(&str, Hash); 5] = [
    ("crc32", Hash::Crc32),
    ("crc32c", Hash::Crc32c),
    ("djb2", Hash::Djb2),
    ("sdbm", Hash::Sdbm),
    ("wt6", Hash::Wt6),
];

impl Bytes {
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        let plain = match name {
            "hex" => Self::Hex,
            "hex2i" => Self::Hex2i,
            "base64" => Self::Base64,
            "b64dec" => Self::B64dec,
            "ub64enc" => Self::Ub64enc,
            "ub64dec" => Self::Ub64dec,
            "htonl" => Self::Htonl,
            "length" => Self::Length,
            "reverse" => Self::Reverse,
            "sha1" => Self::Digest(Algorithm::Sha1),
            _ => return Self::parse_with_args(name, args),
        };
        Some(super::no_args(args).map(|()| plain))
    }

    fn parse_with_args(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        if let Some(&(_, hash)) = HASHES.iter().find(|(known, _)| *known == name) {
            return Some(super::optional_int(args, 0).map(|spread| Self::Hash(hash, spread != 0)));
        }
        let seed = || super::optional_int(args, 0);
        Some(match name {
            "bytes" => piece(args),
            "be2dec" => chunks(args, true).map(|(separator, chunk, truncate)| Self::Be2dec {
                separator,
                chunk,
                truncate,
            }),
            "be2hex" => chunks(args, false).map(|(separator, chunk, truncate)| Self::Be2hex {
                separator,
                chunk,
                truncate,
            }),
            "xxh32" => seed().map(|seed| Self::Xxh32(seed as u32)),
            "xxh64" => seed().map(|seed| Self::Xxh64(seed as u64)),
            "xxh3" => seed().map(|seed| Self::Xxh3(seed as u64)),
            "sha2" => super::optional_int(args, 256)
                .and_then(|bits| Algorithm::parse(&format!("sha{bits}")).map(Self::Digest)),
            "digest" => match args {
                [name] => Algorithm::parse(name).map(Self::Digest),
                _ => Err("it takes the name of a digest".to_owned()),
            },
            "hmac" => match args {
                [name, key] => Algorithm::parse(name)
                    .and_then(|algorithm| Secret::parse(key).map(|key| Self::Hmac(algorithm, key))),
                _ => Err("it takes the name of a digest and a key in base64".to_owned()),
            },
            _ => return None,
        })
    }

    pub(super) const fn input(&self) -> Kind {
        match self {
            Self::Hex2i | Self::B64dec | Self::Ub64dec | Self::Length | Self::Reverse => Kind::Str,
            Self::Htonl => Kind::Int,
            _ => Kind::Bin,
        }
    }

    pub(super) const fn output(&self) -> Kind {
        match self {
            Self::Hex2i | Self::Length | Self::Hash(..) => Kind::Int,
            Self::Xxh32(_) | Self::Xxh64(_) | Self::Xxh3(_) => Kind::Int,
            Self::Hex | Self::Base64 | Self::Ub64enc => Kind::Str,
            Self::Be2dec { .. } | Self::Be2hex { .. } | Self::Reverse => Kind::Str,
            _ => Kind::Bin,
        }
    }

    pub(super) fn apply(&self, value: Value, facts: &dyn Facts) -> Option<Value> {
        if let (Self::Htonl, Value::Int(number)) = (self, &value) {
            return Some(Value::Bin((*number as u32).to_be_bytes().to_vec()));
        }
        let mut bytes = value.into_bytes();
        let int = |number: u32| Value::Int(i64::from(number));
        Some(match self {
            &Self::Piece(offset, len) => {
                if bytes.len() <= offset {
                    return Some(Value::Bin(Vec::new()));
                }
                bytes.drain(..offset);
                bytes.truncate(len.unwrap_or(usize::MAX));
                Value::Bin(bytes)
            }
            Self::Hex => Value::Str(hex(&bytes).into_bytes()),
            Self::Hex2i => Value::Int(hex_number(&bytes)?),
            Self::Base64 => Value::Str(STANDARD.encode(&bytes).into_bytes()),
            Self::B64dec => Value::Bin(STANDARD.decode(&bytes).ok()?),
            Self::Ub64enc => Value::Str(URL_SAFE_NO_PAD.encode(&bytes).into_bytes()),
            Self::Ub64dec => Value::Bin(URL_SAFE_NO_PAD.decode(&bytes).ok()?),
            Self::Be2dec { separator, chunk, truncate } => {
                let write = |chunk: &[u8]| {
                    chunk.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)).to_string()
                };
                Value::Str(join(&bytes, separator, *chunk, *truncate, write))
            }
            Self::Be2hex { separator, chunk, truncate } => {
                Value::Str(join(&bytes, separator, *chunk, *truncate, hex))
            }
            // Only numbers come here as such, and they have been answered.
            Self::Htonl => return None,
            Self::Length => Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX)),
            Self::Reverse => {
                bytes.reverse();
                Value::Str(bytes)
            }
            &Self::Hash(which, spread) => {
                let hash = which.of(&bytes);
                int(if spread { hash::avalanche(hash) } else { hash })
            }
            &Self::Xxh32(seed) => int(xxhash_rust::xxh32::xxh32(&bytes, seed)),
            &Self::Xxh64(seed) => Value::Int(xxhash_rust::xxh64::xxh64(&bytes, seed) as i64),
            &Self::Xxh3(seed) => {
                Value::Int(xxhash_rust::xxh3::xxh3_64_with_seed(&bytes, seed) as i64)
            }
            Self::Digest(algorithm) => Value::Bin(algorithm.of(&bytes)),
            Self::Hmac(algorithm, key) => Value::Bin(algorithm.keyed(&key.bytes(facts)?, &bytes)),
        })
    }
}

fn piece(args: &[String]) -> Result<Bytes, String> {
    let number = |text: &String| {
        text.parse::<usize>().map_err(|_| format!("'{text}' is no number of bytes"))
    };
    match args {
        [offset] => Ok(Bytes::Piece(number(offset)?, None)),
        [offset, len] => Ok(Bytes::Piece(number(offset)?, Some(number(len)?))),
        _ => Err("it takes an offset and perhaps a length".to_owned()),
    }
}

/// Separator, bytes a chunk and whether a shorter last chunk is left out.
fn chunks(args: &[String], decimal: bool) -> Result<(String, usize, bool), String> {
    let separator = args.first().cloned().unwrap_or_default();
    let chunk = match args.get(1) {
        Some(text) => text.parse().map_err(|_| format!("'{text}' is no size of a chunk"))?,
        None if decimal => 0,
        None => usize::from(!separator.is_empty()),
    };
    let max = if decimal { 8 } else { usize::MAX };
    if chunk > max || (chunk == 0 && (decimal || !separator.is_empty())) {
        return Err(format!("a chunk of {chunk} bytes is out of range"));
    }
    let truncate = args.get(2).is_some_and(|text| text != "0");
    match args.len() {
        0..=3 => Ok((separator, chunk, truncate)),
        _ => Err("it takes at most three arguments".to_owned()),
    }
}

fn join(
    bytes: &[u8],
    separator: &str,
    chunk: usize,
    truncate: bool,
    write: impl Fn(&[u8]) -> String,
) -> Vec<u8> {
    let chunk = if chunk == 0 { bytes.len().max(1) } else { chunk };
    let whole = bytes.chunks(chunk).filter(|piece| !truncate || piece.len() == chunk);
    let written: Vec<String> = whole.map(write).collect();
    written.join(separator).into_bytes()
}

/// Upper-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The number that hexadecimal digits write; its low 64 bits.
fn hex_number(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |number, &byte| {
        Some(number << 4 | i64::from(char::from(byte).to_digit(16)?))
    })
}

impl Hash {
    fn of(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Crc32 => hash::crc32(bytes),
            Self::Crc32c => crc32c::checksum(&[bytes]),
            Self::Djb2 => hash::djb2(bytes),
            Self::Sdbm => hash::sdbm(bytes),
            Self::Wt6 => hash::wt6(bytes),
        }
    }
}

impl Algorithm {
    fn parse(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase().replace('-', "");
        let known = ALGORITHMS.iter().find(|(known, _)| *known == lower).map(|row| row.1);
        known.ok_or_else(|| format!("'{name}' is not a digest: {}", digest_names()))
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(bytes).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha224 => sha2::Sha224::digest(bytes).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }

    fn keyed(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        macro_rules! keyed {
            ($digest:ty) => {{
                let mac = Hmac::<$digest>::new_from_slice(key).expect("a key may have any length");
                mac.chain_update(bytes).finalize().into_bytes().to_vec()
            }};
        }
        match self {
            Self::Md5 => keyed!(md5::Md5),
            Self::Sha1 => keyed!(sha1::Sha1),
            Self::Sha224 => keyed!(sha2::Sha224),
            Self::Sha256 => keyed!(sha2::Sha256),
            Self::Sha384 => keyed!(sha2::Sha384),
            Self::Sha512 => keyed!(sha2::Sha512),
        }
    }
}

fn digest_names() -> String {
    ALGORITHMS.iter().map(|row| row.0).collect::<Vec<_>>().join(", ")
}
