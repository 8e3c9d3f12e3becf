//! Lists of revoked certificates (RFC 5280 §5.1), read without judging them.
//!
//! Bound: of a list everything borrows; it is walked once where it is asked for a serial number.

use super::link::Signed;
use super::{INTEGER, Part, Reader, SEQUENCE, Time, UTC_TIME, parts};

/// `GeneralizedTime`.
const GENERALIZED_TIME: u8 = 0x18;

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
