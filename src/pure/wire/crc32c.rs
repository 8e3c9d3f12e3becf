//! CRC-32C (Castagnoli), as RFC 4960 appendix B defines it.

/// The polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The checksum of `parts`, one after the other.
pub(in crate::pure) fn checksum(parts: &[&[u8]]) -> u32 {
    let crc = parts.iter().copied().flatten().fold(u32::MAX, |crc, &byte| {
        let index = (crc as u8) ^ byte;
        (crc >> 8) ^ TABLE[usize::from(index)]
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn known_values() {
        assert_eq!(checksum(&[]), 0);
        assert_eq!(checksum(&[b"1234", b"56789"]), 0xe306_9283);
        // RFC 3720 B.4: 32 bytes of zeroes and of ones.
        assert_eq!(checksum(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(checksum(&[&[0xff; 32]]), 0x62a8_ab43);
    }
}
