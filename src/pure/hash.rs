//! Hashes that HAProxy's `hash-type` and converters name, bit for bit as it computes them.

/// `sdbm`.
#[must_use]
pub fn sdbm(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |hash: u32, &byte| {
        u32::from(byte).wrapping_add(hash << 6).wrapping_add(hash << 16).wrapping_sub(hash)
    })
}

/// `djb2`.
#[must_use]
pub fn djb2(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(5381, |hash: u32, &byte| (hash << 5).wrapping_add(hash).wrapping_add(u32::from(byte)))
}

/// `wt6`.
#[must_use]
pub fn wt6(bytes: &[u8]) -> u32 {
    let (mut one, mut other): (u32, u32) = (0xa53c_965a, 0x5ca6_953a);
    let (mut step, mut other_step) = (6, 18);
    for &byte in bytes {
        let byte = u32::from(byte);
        let mixed = !(one ^ byte);
        let added = !other.wrapping_add(byte);
        (one, other) = (added.rotate_left(step), mixed.rotate_left(other_step));
        let next = ((one >> 16) ^ other) & 0xffff;
        (step, other_step) = (next & 31, next >> 11);
    }
    one ^ other
}

/// `crc32`: the one of Ethernet and zip.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0xedb8_8320;
    let hash = bytes.iter().fold(u32::MAX, |hash, &byte| {
        (0..8).fold(hash ^ u32::from(byte), |hash, _| {
            if hash & 1 == 1 { hash >> 1 ^ REVERSED } else { hash >> 1 }
        })
    });
    !hash
}

/// Spreads a hash over all bits: `hash-type … avalanche`.
#[must_use]
pub const fn avalanche(hash: u32) -> u32 {
    /// About three quarters of the range, where HAProxy's tree ends.
    const PRIME: u32 = 3_221_225_473;
    let hash = hash.wrapping_add(0x7ed5_5d16).wrapping_add(hash << 12);
    let hash = hash ^ 0xc761_c23c ^ (hash >> 19);
    let hash = hash.wrapping_add(0x1656_67b1).wrapping_add(hash << 5);
    let hash = hash.wrapping_add(0xd3a2_646c) ^ (hash << 9);
    let hash = hash.wrapping_add(0xfd70_46c5).wrapping_add(hash << 3);
    let hash = hash ^ 0xb55a_4f09 ^ (hash >> 16);
    hash.wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from `%[str(abc),crc32]` and its like on HAProxy 2.6.12.
    #[test]
    fn hashes_are_haproxys() {
        assert_eq!(crc32(b"abc"), 891_568_578);
        assert_eq!(sdbm(b"abc"), 807_794_786);
        assert_eq!(avalanche(djb2(b"abc")), 2_235_766_107);
    }
}
