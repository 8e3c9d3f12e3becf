//! What makes certificates a chain (RFC 5280 §4.1, §4.2): who signed which, with what, and whether
//! they may. Trust is not decided here.

use super::{BIT_STRING, EXTENSIONS, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, Time, VERSION};

/// `authorityKeyIdentifier`, 2.5.29.35.
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];
/// `subjectKeyIdentifier`, 2.5.29.14.
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 0x0e];
/// `keyUsage`, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// `basicConstraints`, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// `extKeyUsage`, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `nameConstraints`, 2.5.29.30.
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
/// `id-kp-serverAuth`, 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// `id-kp-clientAuth`, 1.3.6.1.5.5.7.3.2.
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// `anyExtendedKeyUsage`, 2.5.29.37.0.
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];
/// `keyIdentifier` in `AuthorityKeyIdentifier`.
const KEY_IDENTIFIER: u8 = 0x80;
const BOOLEAN: u8 = 0x01;

/// Something signed: certificates and lists of revocations are wrapped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// What is signed, with its tag and length.
    pub body: &'a [u8],
    /// What is inside of the algorithm's identifier.
    pub algorithm: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Clients do.
    Clients,
    /// Servers do.
    Servers,
}

/// A certificate as a link of a chain; everything borrows from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Its body and the issuer's signature.
    pub signed: Signed<'a>,
    /// Its serial number.
    pub serial: &'a [u8],
    /// The issuer's name, DER.
    pub issuer: &'a [u8],
    /// Its name, DER.
    pub subject: &'a [u8],
    /// Since when it counts.
    pub not_before: Time<'a>,
    /// Until when.
    pub not_after: Time<'a>,
    /// `SubjectPublicKeyInfo`, with its tag and length.
    pub key_info: &'a [u8],
    /// What is inside of its key's algorithm's identifier.
    pub key_algorithm: &'a [u8],
    /// Its key.
    pub key: &'a [u8],
    /// Which key of the issuer signed it.
    pub authority_key: Option<&'a [u8]>,
    /// Which key it has.
    pub subject_key: Option<&'a [u8]>,
    /// Others may be signed with it.
    pub is_authority: bool,
    /// Clients may show it, or be shown to be signed by it.
    is_for_clients: bool,
    /// As much of servers.
    is_for_servers: bool,
    /// It is of version 1, and so says of itself nothing of all this.
    pub is_version_1: bool,
    /// Others may be signed with it for some names only.
    pub constrains_names: bool,
}

impl<'a> Signed<'a> {
    /// Takes the wrapping off; `None` where there is none.
    #[must_use]
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut parts = Reader(Reader(der).expect(SEQUENCE)?);
        let body = parts.whole(SEQUENCE)?;
        let algorithm = parts.expect(SEQUENCE)?;
        Some(Self { body, algorithm, signature: bits(parts.expect(BIT_STRING)?)? })
    }

    /// Whether `der`, which it was read from, has not a byte that says nothing: what stands around the
    /// body is not signed.
    #[must_use]
    pub fn is_all_of(&self, der: &[u8]) -> bool {
        let with_header = |len: usize| {
            len + [2, 3, 4, 5][usize::from(len >= 1 << 7)
                + usize::from(len >= 1 << 8)
                + usize::from(len >= 1 << 16)]
        };
        // A bit string begins with how many of its last bits count not.
        let parts = [with_header(self.algorithm.len()), with_header(self.signature.len() + 1)];
        der.len() == with_header(self.body.len() + parts.iter().sum::<usize>())
    }
}

impl<'a> Link<'a> {
    /// Reads a certificate; `None` where it is none.
    #[must_use]
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let signed = Signed::read(der)?;
        let mut body = Reader(Reader(signed.body).expect(SEQUENCE)?);
        let is_version_1 = body.take(VERSION).is_none();
        let serial = body.expect(INTEGER)?;
        body.expect(SEQUENCE)?;
        let issuer = body.whole(SEQUENCE)?;
        let mut validity = Reader(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = body.whole(SEQUENCE)?;
        let key_info = body.whole(SEQUENCE)?;
        let mut key = Reader(Reader(key_info).expect(SEQUENCE)?);
        let key_algorithm = key.expect(SEQUENCE)?;
        let key = bits(key.expect(BIT_STRING)?)?;
        let mut link = Self {
            signed,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key_info,
            key_algorithm,
            key,
            authority_key: None,
            subject_key: None,
            // OpenSSL believes the oldest authorities, which cannot say that they are such.
            is_authority: is_version_1 && subject == issuer,
            is_for_clients: true,
            is_for_servers: true,
            is_version_1,
            constrains_names: false,
        };
        while let Some((tag, inner)) = body.next() {
            if tag == EXTENSIONS {
                link.is_version_1 = false;
                link.extensions(Reader(Reader(inner).expect(SEQUENCE)?));
            }
        }
        Some(link)
    }

    fn extensions(&mut self, mut extensions: Reader<'a>) {
        let mut signs = true;
        while let Some(extension) = extensions.take(SEQUENCE) {
            let mut extension = Reader(extension);
            let Some(identifier) = extension.expect(OID) else { return };
            extension.take(BOOLEAN);
            let Some(value) = extension.expect(OCTET_STRING) else { return };
            let mut value = Reader(value);
            match identifier {
                AUTHORITY_KEY => {
                    let inner = value.expect(SEQUENCE);
                    self.authority_key = inner.and_then(|inner| Reader(inner).take(KEY_IDENTIFIER));
                }
                SUBJECT_KEY => self.subject_key = value.expect(OCTET_STRING),
                KEY_USAGE => {
                    // Bits from the highest: digitalSignature 0, keyAgreement 4, keyCertSign 5.
                    let usage = value.expect(BIT_STRING).and_then(|bits| bits.get(1)).copied();
                    signs = usage.unwrap_or(0) & 0x04 != 0;
                }
                BASIC_CONSTRAINTS => {
                    let inner = value.expect(SEQUENCE).unwrap_or_default();
                    let is_authority = Reader(inner).take(BOOLEAN);
                    self.is_authority = is_authority.is_some_and(|yes| yes != [0]);
                }
                EXTENDED_KEY_USAGE => {
                    let mut usages = Reader(value.expect(SEQUENCE).unwrap_or_default());
                    (self.is_for_clients, self.is_for_servers) = (false, false);
                    while let Some(usage) = usages.take(OID) {
                        self.is_for_clients |= [CLIENT_AUTH, ANY_USAGE].contains(&usage);
                        self.is_for_servers |= [SERVER_AUTH, ANY_USAGE].contains(&usage);
                    }
                }
                NAME_CONSTRAINTS => self.constrains_names = true,
                _ => {}
            }
        }
        self.is_authority &= signs;
    }

    /// Those may show it, or be shown to be signed by it.
    #[must_use]
    pub fn is_for(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Clients => self.is_for_clients,
            Purpose::Servers => self.is_for_servers,
        }
    }

    /// Its issuer has its own name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// By its names, `issuer` may have signed it.
    #[must_use]
    pub fn may_be_signed_by(&self, issuer: &Link<'_>) -> bool {
        let same_key = match (self.authority_key, issuer.subject_key) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        self.issuer == issuer.subject && same_key
    }
}

/// The bytes of a bit string that has whole ones only.
fn bits(value: &[u8]) -> Option<&[u8]> {
    value.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bits)| bits)
}
