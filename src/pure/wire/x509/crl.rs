//! Lists of revoked certificates (RFC 5280 §5.1), read without judging them.
//!
//! Bound: of a list everything borrows; it is walked once where it is asked for a serial number.

use std::fmt::Write as _;

use super::link::Signed;
use super::{INTEGER, OID, Part, Reader, SEQUENCE, Time, UTC_TIME, parts};

/// `GeneralizedTime`.
const GENERALIZED_TIME: u8 = 0x18;

/// OpenSSL's long names of algorithms that sign lists, where they are others than the short ones.
const LONG_NAMES: [(&str, &str); 4] = [
    ("RSA-SHA1", "sha1WithRSAEncryption"),
    ("RSA-SHA256", "sha256WithRSAEncryption"),
    ("RSA-SHA384", "sha384WithRSAEncryption"),
    ("RSA-SHA512", "sha512WithRSAEncryption"),
];

/// A list that was read.
#[derive(Clone, Debug)]
pub struct Crl<'a> {
    /// Its body and the issuer's signature.
    pub signed: Signed<'a>,
    /// 1 or 2.
    pub version: u8,
    /// The issuer's name, DER.
    pub issuer: &'a [u8],
    /// Since when it counts.
    pub this_update: Time<'a>,
    /// Until when, if it says so.
    pub next_update: Option<Time<'a>>,
    revoked: &'a [u8],
}

impl<'a> Crl<'a> {
    /// Reads a list; `None` where it is none.
    #[must_use]
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let signed = Signed::read(der)?;
        let mut body = Reader(Reader(signed.body).expect(SEQUENCE)?);
        let version = match body.take(INTEGER) {
            Some(version) => version.last().copied()?.checked_add(1)?,
            None => 1,
        };
        body.expect(SEQUENCE)?;
        let issuer = body.whole(SEQUENCE)?;
        let this_update = body.time()?;
        let has_next = matches!(body.0.first(), Some(&(UTC_TIME | GENERALIZED_TIME)));
        let next_update = if has_next { Some(body.time()?) } else { None };
        let revoked = body.take(SEQUENCE).unwrap_or_default();
        Some(Self { signed, version, issuer, this_update, next_update, revoked })
    }

    /// Serial numbers of revoked certificates, and since when they are.
    pub fn revoked(&self) -> impl Iterator<Item = (&'a [u8], Time<'a>)> {
        let mut entries = Reader(self.revoked);
        std::iter::from_fn(move || {
            let mut entry = Reader(entries.expect(SEQUENCE)?);
            Some((entry.expect(INTEGER)?, entry.time()?))
        })
    }

    /// Who made it.
    #[must_use]
    pub fn issuer_parts(&self) -> Vec<Part<'a>> {
        let name = Reader(self.issuer).expect(SEQUENCE).and_then(parts);
        name.unwrap_or_default()
    }
}

/// The lines that describe a list; nothing where it is none.
#[must_use]
pub fn lines(der: &[u8]) -> String {
    let Some(crl) = Crl::read(der) else { return String::new() };
    let oid = Reader(crl.signed.algorithm).expect(OID).unwrap_or_default();
    let name = super::shown::signature_name(oid).unwrap_or("undefined");
    let long = LONG_NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
    let next = crl.next_update.map_or_else(|| "NONE".to_owned(), |time| time.spelled());
    let mut text = format!(
        "    Version {}\n    Signature Algorithm: {long}\n    Issuer: {}\n    Last Update: {}\n    \
         Next Update: {next}\n",
        crl.version,
        super::one_line(&crl.issuer_parts()),
        crl.this_update.spelled(),
    );
    let mut revoked = crl.revoked().peekable();
    if revoked.peek().is_none() {
        text.push_str("No Revoked Certificates.\n");
        return text;
    }
    text.push_str("    Revoked Certificates:\n");
    for (serial, since) in revoked {
        let serial = super::shown::hex(serial);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "    Serial Number: {serial}\n        Revocation Date: {}\n",
            since.spelled()
        );
    }
    text
}
