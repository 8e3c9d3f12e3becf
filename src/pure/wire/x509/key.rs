//! What a certificate is signed with, and what key it is for, as the PROXY protocol's `cert-sig` and
//! `cert-key` name them.

use super::{Reader, SEQUENCE, VERSION};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;

const RSA_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// Curves of RFC 5480 §2.1.1.1, by the bits of their keys.
const CURVES: [(&[u8], usize); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 256),
    (&[0x2b, 0x81, 4, 0, 34], 384),
    (&[0x2b, 0x81, 4, 0, 35], 521),
];

/// OpenSSL's short names of signature algorithms.
const SIGNATURES: [(&[u8], &str); 9] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "RSA-SHA1"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], "RSA-SHA256"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], "RSA-SHA384"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], "RSA-SHA512"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "ecdsa-with-SHA256"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], "ecdsa-with-SHA384"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ecdsa-with-SHA512"),
    (&[0x2b, 101, 112], "ED25519"),
];

/// The algorithm a certificate was signed with, `ecdsa-with-SHA256`; `None` for one without a name
/// here, and for what is no certificate.
#[must_use]
pub fn signature(der: &[u8]) -> Option<&'static str> {
    let mut body = body(der)?;
    let object = Reader(body.expect(SEQUENCE)?).expect(OBJECT)?;
    SIGNATURES.iter().find(|(known, _)| *known == object).map(|(_, name)| *name)
}

/// The kind and the size of a certificate's key, `RSA2048` or `EC256`; `None` for other kinds.
#[must_use]
pub fn key(der: &[u8]) -> Option<String> {
    let mut body = body(der)?;
    // Signature, issuer, validity, subject.
    for _ in 0..4 {
        body.expect(SEQUENCE)?;
    }
    let mut info = Reader(body.expect(SEQUENCE)?);
    let mut algorithm = Reader(info.expect(SEQUENCE)?);
    match algorithm.expect(OBJECT)? {
        EC_KEY => {
            let curve = algorithm.expect(OBJECT)?;
            let (_, bits) = CURVES.iter().find(|(known, _)| *known == curve)?;
            Some(format!("EC{bits}"))
        }
        RSA_KEY => {
            // The first byte counts unused bits.
            let (_, key) = info.expect(BIT_STRING)?.split_first()?;
            let modulus = Reader(Reader(key).expect(SEQUENCE)?).expect(INTEGER)?;
            let digits = modulus.iter().skip_while(|byte| **byte == 0);
            let top = *digits.clone().next()?;
            let bits = digits.count() * 8 - usize::try_from(top.leading_zeros()).ok()?;
            Some(format!("RSA{bits}"))
        }
        _ => None,
    }
}

/// What follows the serial number.
fn body(der: &[u8]) -> Option<Reader<'_>> {
    let mut certificate = Reader(Reader(der).expect(SEQUENCE)?);
    let mut body = Reader(certificate.expect(SEQUENCE)?);
    body.take(VERSION);
    body.expect(INTEGER)?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn certificate(key: &KeyPair) -> Vec<u8> {
        let params = CertificateParams::new(Vec::new()).expect("no names");
        params.self_signed(key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn keys_and_signatures_have_names() {
        let usual = certificate(&KeyPair::generate().expect("a key"));
        assert_eq!(key(&usual).as_deref(), Some("EC256"));
        assert_eq!(signature(&usual), Some("ecdsa-with-SHA256"));
        let larger = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        assert_eq!(key(&certificate(&larger)).as_deref(), Some("EC384"));
        let other = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        assert_eq!(signature(&certificate(&other)), Some("ED25519"));
        assert_eq!(key(&certificate(&other)), None);
    }

    #[test]
    fn what_is_cut_short_has_none() {
        let whole = certificate(&KeyPair::generate().expect("a key"));
        for end in 0..64 {
            assert_eq!((key(&whole[..end]), signature(&whole[..end])), (None, None));
        }
    }
}
