//! A certificate as commands show it: OpenSSL's way of writing dates, names and kinds of keys.

use std::fmt::Write as _;

use sha1::{Digest, Sha1};

use super::{BIT_STRING, Certificate, INTEGER, OID, Reader, SEQUENCE, Time, decode, one_line};

/// `rsaEncryption`, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// `id-ecPublicKey`, 1.2.840.10045.2.1.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// OpenSSL's short names of kinds of keys.
const KEY_NAMES: [(&[u8], &str); 5] = [
    (RSA, "rsaEncryption"),
    (EC, "id-ecPublicKey"),
    (&[0x2b, 0x65, 0x70], "ED25519"),
    (&[0x2b, 0x65, 0x71], "ED448"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSASSA-PSS"),
];

/// OpenSSL's short names of algorithms that sign certificates.
const SIGNATURE_NAMES: [(&[u8], &str); 11] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "RSA-SHA1"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], "RSA-SHA256"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], "RSA-SHA384"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], "RSA-SHA512"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ecdsa-with-SHA1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "ecdsa-with-SHA256"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], "ecdsa-with-SHA384"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ecdsa-with-SHA512"),
    (&[0x2b, 0x65, 0x70], "ED25519"),
    (&[0x2b, 0x65, 0x71], "ED448"),
];

/// Curves and their bits.
const CURVES: [(&[u8], u32); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 256),
    (&[0x2b, 0x81, 4, 0, 0x22], 384),
    (&[0x2b, 0x81, 4, 0, 0x23], 521),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn named(names: &[(&[u8], &'static str)], identifier: &[u8]) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == identifier).map(|(_, name)| *name)
}

/// OpenSSL's short name of an algorithm that signs.
pub(super) fn signature_name(identifier: &[u8]) -> Option<&'static str> {
    named(&SIGNATURE_NAMES, identifier)
}

impl Certificate<'_> {
    /// The kind of its key with its length, `RSA2048` or `EC256`; empty for others.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.key_bits().map_or_else(String::new, |(kind, bits)| format!("{kind}{bits}"))
    }

    /// OpenSSL's short name of the kind of its key.
    #[must_use]
    pub fn key_name(&self) -> Option<&'static str> {
        let algorithm = Reader(Reader(self.public_key).expect(SEQUENCE)?).expect(OID)?;
        named(&KEY_NAMES, algorithm)
    }

    /// OpenSSL's short name of how it is signed.
    #[must_use]
    pub fn signature_name(&self) -> Option<&'static str> {
        signature_name(self.signature)
    }

    fn key_bits(&self) -> Option<(&'static str, u32)> {
        let mut info = Reader(self.public_key);
        let mut algorithm = Reader(info.expect(SEQUENCE)?);
        match algorithm.expect(OID)? {
            RSA => {
                // What comes first counts the bits that are not used.
                let (_, key) = info.expect(BIT_STRING)?.split_first()?;
                let modulus = Reader(Reader(key).expect(SEQUENCE)?).expect(INTEGER)?;
                let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
                let first = modulus.first()?;
                let bits = u32::try_from(modulus.len()).ok()?.checked_mul(8)?;
                Some(("RSA", bits - first.leading_zeros()))
            }
            EC => {
                let curve = algorithm.expect(OID)?;
                CURVES.iter().find(|(oid, _)| *oid == curve).map(|(_, bits)| ("EC", *bits))
            }
            _ => None,
        }
    }
}

impl Time<'_> {
    /// `Nov  7 14:08:42 2026 GMT`; empty for what is no date.
    #[must_use]
    pub fn spelled(&self) -> String {
        self.spell().unwrap_or_default()
    }

    fn spell(&self) -> Option<String> {
        self.unix_seconds()?;
        let text = std::str::from_utf8(self.text).ok()?;
        let (year, rest) = text.split_at_checked(if self.is_short { 2 } else { 4 })?;
        let century = match self.is_short {
            false => "",
            true if year < "50" => "20",
            true => "19",
        };
        let month = MONTHS.get(rest.get(..2)?.parse::<usize>().ok()?.checked_sub(1)?)?;
        let day: u8 = rest.get(2..4)?.parse().ok()?;
        let (hours, minutes, seconds) = (rest.get(4..6)?, rest.get(6..8)?, rest.get(8..10)?);
        Some(format!("{month} {day:>2} {hours}:{minutes}:{seconds} {century}{year} GMT"))
    }
}

/// The lines that describe a chain, the certificate first; nothing where that is none.
#[must_use]
pub fn lines(chain: &[&[u8]]) -> String {
    let mut text = String::new();
    let Some((der, certificate)) = chain.first().and_then(|der| Some((der, decode(der)?))) else {
        return text;
    };
    // A leading zero only says that the number is not negative.
    let serial = certificate.serial.strip_prefix(&[0]).unwrap_or(certificate.serial);
    let names: Vec<String> =
        certificate.dns_names.iter().map(|name| format!("DNS:{name}")).collect();
    for (name, value) in [
        ("Serial", hex(serial)),
        ("notBefore", certificate.not_before.spelled()),
        ("notAfter", certificate.not_after.spelled()),
        ("Subject Alternative Name", names.join(", ")),
        ("Algorithm", certificate.algorithm()),
        ("SHA1 FingerPrint", hex(&Sha1::digest(der))),
        ("Subject", one_line(&certificate.subject)),
        ("Issuer", one_line(&certificate.issuer)),
    ] {
        let _ = writeln!(text, "{name}: {value}");
    }
    for link in chain[1..].iter().filter_map(|der| decode(der)) {
        let _ = writeln!(text, "Chain Subject: {}", one_line(&link.subject));
        let _ = writeln!(text, "Chain Issuer: {}", one_line(&link.issuer));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_spelled_as_openssl_does() {
        for (text, is_short, expected) in [
            ("261121140842Z", true, "Nov 21 14:08:42 2026 GMT"),
            ("500107000000Z", true, "Jan  7 00:00:00 1950 GMT"),
            ("20510203040506Z", false, "Feb  3 04:05:06 2051 GMT"),
            ("261321140842Z", true, ""),
            ("", true, ""),
            ("nonsense", false, ""),
        ] {
            assert_eq!(Time { text: text.as_bytes(), is_short }.spelled(), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_named_with_their_length() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec!["db.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let read = decode(certificate.der()).expect("a certificate");
        assert_eq!(read.algorithm(), "EC256");
        assert_eq!(read.key_name(), Some("id-ecPublicKey"));
        assert_eq!(read.signature_name(), Some("ecdsa-with-SHA256"));
        let all = lines(&[certificate.der(), certificate.der()]);
        assert!(all.contains("\nSubject Alternative Name: DNS:db.example\n"), "{all}");
        assert!(all.ends_with("Issuer: /CN=rcgen self signed cert\n"), "{all}");
        for cut in 0..read.public_key.len() {
            let cut = Certificate { public_key: &read.public_key[..cut], ..read.clone() };
            // Whatever it says: it does not panic.
            assert!(cut.algorithm().len() < 10);
        }
        assert_eq!(lines(&[b"nothing"]), "");
    }
}
