//! From a session's key to the number by which hashing policies pick, and from a server to its
//! place on the ring: `hash-type`, `hash-key`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use crate::pure::hash::{avalanche, crc32, djb2, sdbm, wt6};
use crate::pure::id::ServerId;

/// `hash-type`, with what else decides who owns a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashType {
    /// How a hash becomes a server.
    pub method: Method,
    /// How a key becomes a hash.
    pub function: Function,
    /// Whether the hash is mixed once more.
    pub avalanche: bool,
    /// What a full server means.
    pub affinity: Affinity,
}

/// How a hash becomes a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By its rest modulo all weights: a map.
    MapBased,
    /// By the nearest node of a ring.
    Consistent {
        /// `hash-balance-factor`, above 100.
        factor: Option<NonZeroU32>,
    },
}

/// How a key becomes a hash. Addresses of `balance source` are numbers already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// That of the sdbm database library.
    Sdbm,
    /// Bernstein's.
    Djb2,
    /// HAProxy's own.
    Wt6,
    /// That of Ethernet and zip.
    Crc32,
    /// The key is written as a number already.
    None,
}

/// `hash-preserve-affinity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// A session waits for its server.
    #[default]
    Always,
    /// It goes on to another one where its own is full.
    Maxconn,
    /// It goes on where the queue of its own is full, too.
    Maxqueue,
}

/// `hash-key`: what a server's place on the ring depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKey {
    /// Its number.
    #[default]
    Id,
    /// Its number, spread over all places.
    Id32,
    /// Its address.
    Addr,
    /// Its address and port.
    AddrPort,
}

impl HashType {
    /// Where nothing is written.
    pub const DEFAULT: Self = Self {
        method: Method::MapBased,
        function: Function::Sdbm,
        avalanche: false,
        affinity: Affinity::Always,
    };

    /// The hash of a session's key.
    #[must_use]
    pub fn of(&self, key: &[u8]) -> u32 {
        let hash = match self.function {
            Function::Sdbm => sdbm(key),
            Function::Djb2 => djb2(key),
            Function::Wt6 => wt6(key),
            Function::Crc32 => crc32(key),
            Function::None => number(key),
        };
        if self.avalanche { spread(hash) } else { hash }
    }

    /// The hash of a client's address. IPv4: the address as a number. IPv6: its four words, XORed.
    /// The function has no say.
    #[must_use]
    pub fn of_source(&self, client: IpAddr) -> u32 {
        let hash = match client {
            IpAddr::V4(address) => address.to_bits(),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                (0..4).fold(0, |hash, word| hash ^ (bits >> (32 * word)) as u32)
            }
        };
        if self.avalanche { spread(hash) } else { hash }
    }
}

/// Spreads a number over the whole ring.
pub(super) const fn spread(number: u32) -> u32 {
    avalanche(number)
}

/// The number a key is written as, up to its first byte that is no digit; its lower 32 bits.
fn number(key: &[u8]) -> u32 {
    let (negative, digits) = match key {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits
        .fold(0u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    let value = if negative { value.wrapping_neg() } else { value };
    (value & u64::from(u32::MAX)) as u32
}

/// Where on the ring the first node of a server is computed from. A server without an address of
/// its own is placed by its number.
#[must_use]
pub fn seed(key: HashKey, id: ServerId, address: Option<SocketAddr>) -> u32 {
    /// Most nodes a server can have.
    const NODES_MAX: u32 = 4096;
    let of_ip = |ip: IpAddr, from: u32| match ip {
        // As the bytes of the address lie in memory on little-endian machines.
        IpAddr::V4(ip) => spread(from.wrapping_add(u32::from_le_bytes(ip.octets()))),
        IpAddr::V6(ip) => ip
            .octets()
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .fold(from, |seed, word| spread(seed.wrapping_add(word))),
    };
    match (key, address) {
        (HashKey::Id, _) | (HashKey::Addr | HashKey::AddrPort, None) => {
            id.0.wrapping_mul(NODES_MAX)
        }
        (HashKey::Id32, _) => spread(id.0.to_be()),
        (HashKey::Addr, Some(address)) => of_ip(address.ip(), 0),
        (HashKey::AddrPort, Some(address)) => {
            of_ip(address.ip(), spread(u32::from(address.port())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_numbers_are_taken_as_they_are() {
        for (key, want) in
            [("0", 0), ("17", 17), ("4294967297", 1), ("-1", u32::MAX), ("12ab", 12), ("", 0)]
        {
            assert_eq!(number(key.as_bytes()), want, "{key}");
        }
    }
}
