//! The number `balance source` makes of a client's address.

use std::net::IpAddr;

/// IPv4: the address as a number. IPv6: its four words, XORed.
pub(super) fn hash(client: IpAddr) -> u32 {
    match client {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (0..4).fold(0, |hash, word| hash ^ (bits >> (32 * word)) as u32)
        }
    }
}
