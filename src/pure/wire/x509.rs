//! What operators ask of a certificate (RFC 5280 §4.1), read from its DER without judging it.
//!
//! Trust is decided elsewhere; this reads names, serial number and dates for logs, rules and the
//! choice by SNI. Bounds: every length is checked against what is left, names have at most
//! [`PARTS_MAX`] parts and a certificate at most [`NAMES_MAX`] alternative names; nothing recurses.

use std::net::IpAddr;

pub mod crl;
pub mod key;
pub mod link;

/// Parts of a distinguished name that are read.
pub const PARTS_MAX: usize = 32;

/// Alternative names that are read.
pub const NAMES_MAX: usize = 4096;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `dNSName` in `GeneralName`.
const DNS_NAME: u8 = 0x82;
/// `iPAddress` there: the octets, in network order.
const IP_ADDRESS: u8 = 0x87;

/// `subjectAltName`, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// OpenSSL's short names of the parts of a name.
const PART_NAMES: [(&[u8], &str); 22] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// A certificate that was read; everything borrows from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// 1 to 3.
    pub version: u8,
    /// The serial number's bytes.
    pub serial: &'a [u8],
    /// Who signed it.
    pub issuer: Vec<Part<'a>>,
    /// Whom it is for.
    pub subject: Vec<Part<'a>>,
    /// Since when it counts, as `YYMMDDhhmmssZ` or with four digits of the year.
    pub not_before: Time<'a>,
    /// Until when.
    pub not_after: Time<'a>,
    /// How it is signed: the algorithm's identifier.
    pub signature: &'a [u8],
    /// Its key: what is inside of `SubjectPublicKeyInfo`.
    pub public_key: &'a [u8],
    /// DNS names it is for.
    pub dns_names: Vec<&'a str>,
    /// Addresses it is for.
    pub addresses: Vec<IpAddr>,
}

/// One part of a distinguished name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// OpenSSL's short name; `UNDEF` for others.
    pub name: &'static str,
    /// Its value, in whatever encoding.
    pub value: &'a [u8],
    /// It is of one set with the part before it.
    pub is_joined: bool,
}

/// A date as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<'a> {
    /// Digits and a `Z`.
    pub text: &'a [u8],
    /// The year has two digits (1950 to 2049).
    pub is_short: bool,
}

/// The certificate that `der` begins with: OpenSSL's trusted certificates have more behind it.
#[must_use]
pub fn first(der: &[u8]) -> &[u8] {
    Reader(der).whole(SEQUENCE).unwrap_or(der)
}

/// Reads a certificate; `None` where it is none.
#[must_use]
pub fn decode(der: &[u8]) -> Option<Certificate<'_>> {
    let mut certificate = Reader(Reader(der).expect(SEQUENCE)?);
    let mut body = Reader(certificate.expect(SEQUENCE)?);
    let version = match body.take(VERSION) {
        Some(inner) => Reader(inner).expect(INTEGER)?.last().copied()?.checked_add(1)?,
        None => 1,
    };
    let serial = body.expect(INTEGER)?;
    let signature = Reader(body.expect(SEQUENCE)?).expect(OID)?;
    let issuer = parts(body.expect(SEQUENCE)?)?;
    let mut validity = Reader(body.expect(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    let subject = parts(body.expect(SEQUENCE)?)?;
    let public_key = body.expect(SEQUENCE)?;
    let (mut dns_names, mut addresses) = (Vec::new(), Vec::new());
    while let Some((tag, inner)) = body.next() {
        if tag == EXTENSIONS {
            let names = alternative_names(Reader(inner).expect(SEQUENCE)?);
            let of = |wanted| names.iter().filter(move |(tag, _)| *tag == wanted);
            let text = of(DNS_NAME).filter_map(|(_, name)| std::str::from_utf8(name).ok());
            dns_names = text.collect();
            addresses = of(IP_ADDRESS).filter_map(|(_, name)| address(name)).collect();
        }
    }
    Some(Certificate {
        version,
        serial,
        issuer,
        subject,
        not_before,
        not_after,
        signature,
        public_key,
        dns_names,
        addresses,
    })
}

impl Certificate<'_> {
    /// The common name of the subject: its last, as OpenSSL takes it.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        let part = self.subject.iter().rfind(|part| part.name == "CN")?;
        std::str::from_utf8(part.value).ok()
    }
}

/// A distinguished name in OpenSSL's one-line form, `/C=DE/CN=db`.
#[must_use]
pub fn one_line(parts: &[Part<'_>]) -> String {
    parts.iter().fold(String::new(), |mut line, part| {
        line.push('/');
        line.push_str(part.name);
        line.push('=');
        line.push_str(&String::from_utf8_lossy(part.value));
        line
    })
}

/// A distinguished name as RFC 2253 writes it, the last part first, `CN=db,C=DE`; bytes outside of
/// printable ASCII are escaped.
#[must_use]
pub fn rfc2253(parts: &[Part<'_>]) -> String {
    let mut line = String::new();
    for (at, part) in parts.iter().enumerate().rev() {
        line.push_str(part.name);
        line.push('=');
        let last = part.value.len().saturating_sub(1);
        for (index, &byte) in part.value.iter().enumerate() {
            let is_special = match byte {
                b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => true,
                b'#' => index == 0,
                b' ' => index == 0 || index == last,
                _ => false,
            };
            match byte {
                b' '..=b'~' if is_special => line.extend(['\\', char::from(byte)]),
                b' '..=b'~' => line.push(char::from(byte)),
                _ => line.push_str(&format!("\\{byte:02X}")),
            }
        }
        if at > 0 {
            line.push(if part.is_joined { '+' } else { ',' });
        }
    }
    line
}

impl Time<'_> {
    /// Seconds since 1970, negative before; `None` for what is no date.
    #[must_use]
    pub fn unix_seconds(&self) -> Option<i64> {
        let digits = self.text.strip_suffix(b"Z")?;
        let (year, rest) = digits.split_at_checked(if self.is_short { 2 } else { 4 })?;
        if rest.len() != 10 {
            return None;
        }
        let number = |digits: &[u8]| {
            let is_digits = digits.iter().all(u8::is_ascii_digit);
            is_digits.then(|| digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
        };
        let year = match (number(year)?, self.is_short) {
            (year @ ..50, true) => 2000 + year,
            (year, true) => 1900 + year,
            (year, false) => year,
        };
        let (month, day) = (number(&rest[..2])?, number(&rest[2..4])?);
        if !(1..=12).contains(&month) {
            return None;
        }
        // Days since 1970-01-01, years beginning in March (Hinnant, days_from_civil).
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        let (hours, minutes) = (number(&rest[4..6])?, number(&rest[6..8])?);
        Some(days * 86_400 + hours * 3600 + minutes * 60 + number(&rest[8..])?)
    }
}

fn parts(name: &[u8]) -> Option<Vec<Part<'_>>> {
    let (mut parts, mut sets) = (Vec::new(), Reader(name));
    while !sets.0.is_empty() {
        let mut set = Reader(sets.expect(SET)?);
        let first = parts.len();
        while !set.0.is_empty() && parts.len() < PARTS_MAX {
            let mut part = Reader(set.expect(SEQUENCE)?);
            let oid = part.expect(OID)?;
            let (_, value) = part.next()?;
            let known = PART_NAMES.iter().find(|(known, _)| *known == oid);
            let name = known.map_or("UNDEF", |(_, name)| name);
            parts.push(Part { name, value, is_joined: parts.len() > first });
        }
    }
    Some(parts)
}

fn alternative_names(extensions: &[u8]) -> Vec<(u8, &[u8])> {
    let mut extensions = Reader(extensions);
    while let Some(extension) = extensions.take(SEQUENCE) {
        let mut extension = Reader(extension);
        if extension.expect(OID) != Some(SUBJECT_ALT_NAME) {
            continue;
        }
        // Between the two may stand whether the extension is critical.
        let value = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == OCTET_STRING);
        let Some(names) = value.and_then(|(_, value)| Reader(value).expect(SEQUENCE)) else {
            return Vec::new();
        };
        let mut names = Reader(names);
        return std::iter::from_fn(|| names.next()).take(NAMES_MAX).collect();
    }
    Vec::new()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let short = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    short.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// What is left of a run of DER values.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value, with its tag. `None` at the end and for what is cut short.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let digits = usize::from(first & 0x7f);
            // Longer than 16 MiB is no certificate.
            if digits == 0 || digits > 3 {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(digits)?;
            (digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    /// The next value if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.expect(tag) } else { None }
    }

    /// The next value with its tag and length, if it has this tag.
    fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.expect(tag)?;
        before.get(..before.len() - self.0.len())
    }

    fn time(&mut self) -> Option<Time<'a>> {
        let (tag, text) = self.next()?;
        Some(Time { text, is_short: tag == UTC_TIME })
    }
}

pub mod shown;

#[cfg(test)]
mod tests;
