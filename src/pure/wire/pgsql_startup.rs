//! The first packet of a Postgres client, which may be sent again to another server. Where it asked for
//! encryption and got none, that is the next one.
//!
//! A startup packet, an SSLRequest or a GSSENCRequest has no effect by itself (PostgreSQL 15,
//! §55.7). A CancelRequest has, and so has anything that follows the first packet.

/// `3.0` to `3.65535`: the protocol of a startup packet.
const PROTOCOL_3: u32 = 3;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// Longest startup packet the server reads.
pub const STARTUP_MAX: usize = 10_000;

/// Whether `bytes` are the beginning or the whole of one harmless first packet, and nothing more.
#[must_use]
pub fn is_opening(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return true };
    let length = u32::from_be_bytes(*length) as usize;
    if !(8..=STARTUP_MAX).contains(&length) || bytes.len() > length {
        return false;
    }
    let Some((code, _)) = rest.split_first_chunk() else { return true };
    let code = u32::from_be_bytes(*code);
    code >> 16 == PROTOCOL_3 || code == SSL_REQUEST || code == GSSENC_REQUEST
}

/// Whether `bytes` are a whole request for encryption: it is answered by one byte, and where that is `N`
/// the client goes on with another first packet, as if it had not asked.
#[must_use]
pub fn asks_for_encryption(bytes: &[u8]) -> bool {
    let Some((length, code)) = bytes.split_first_chunk() else { return false };
    let is_one = |code: u32| code == SSL_REQUEST || code == GSSENC_REQUEST;
    u32::from_be_bytes(*length) == 8
        && code.try_into().is_ok_and(|code| is_one(u32::from_be_bytes(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + body.len()).expect("short");
        [&length.to_be_bytes(), &code.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_first_packet_is_one_at_every_length() {
        for whole in [packet(196_608, b"user\0a\0\0"), packet(SSL_REQUEST, b"")] {
            for end in 0..=whole.len() {
                assert!(is_opening(&whole[..end]), "{end} of {whole:?}");
            }
        }
    }

    #[test]
    fn encryption_is_asked_for_by_a_packet_of_its_own() {
        for (bytes, expected) in [
            (packet(SSL_REQUEST, b""), true),
            (packet(GSSENC_REQUEST, b""), true),
            (packet(SSL_REQUEST, b"more"), false),
            (packet(SSL_REQUEST, b"")[..7].to_vec(), false),
            (packet(196_608, b""), false),
            (Vec::new(), false),
        ] {
            assert_eq!(asks_for_encryption(&bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_has_an_effect_is_none() {
        let startup = packet(196_608, b"user\0a\0\0");
        let with_query = [startup.as_slice(), b"Q\0\0\0\x0dSELECT 1\0"].concat();
        let cancel = packet(80_877_102, &[0; 8]);
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
        let http = b"GET / HTTP/1.1\r\n";
        for bytes in [with_query.as_slice(), &cancel, hello, http] {
            assert!(!is_opening(bytes), "{bytes:?}");
        }
    }
}
