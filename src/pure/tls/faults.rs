//! What is wrong with the chain of certificates that somebody shows, in OpenSSL's numbers.
//!
//! Whether a chain is good is decided elsewhere, but for a certificate of version 1 that an authority
//! signed itself. This names what is wrong with one that is not, in
//! the order in which OpenSSL finds it (x509_vfy.c: the chain is built, what its links may do is
//! checked, then revocation, then dates and signatures from the top), so that `ca-ignore-err`,
//! `crt-ignore-err` and the samples about it mean what they mean there. Bound: a chain of
//! [`LINKS_MAX`] links, one signature verified for each.

use super::verify_errors as code;
use crate::pure::wire::x509::crl::Crl;
use crate::pure::wire::x509::link::{Link, Purpose, Signed};

/// Links of a chain that are followed; OpenSSL's depth is 100, and nobody has ten.
pub const LINKS_MAX: usize = 16;

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which link: 0 is the client's own certificate.
    pub depth: u8,
    /// OpenSSL's number.
    pub code: u8,
}

/// What samples tell of the verification of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last fault's number; 0: none was found.
    pub verify: u8,
    /// The first one of its certificate.
    pub certificate: u8,
    /// The first one of an authority.
    pub authority: u8,
    /// Where that was.
    pub authority_depth: u8,
}

impl Seen {
    /// What is told of these faults.
    #[must_use]
    pub fn of(faults: &[Fault]) -> Self {
        let first = |is_authority: bool| faults.iter().find(|f| (f.depth > 0) == is_authority);
        Self {
            verify: faults.last().map_or(0, |fault| fault.code),
            certificate: first(false).map_or(0, |fault| fault.code),
            authority: first(true).map_or(0, |fault| fault.code),
            authority_depth: first(true).map_or(0, |fault| fault.depth),
        }
    }
}

/// Faults that do not end a handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Of the client's certificate, one bit for each number.
    pub certificate: u128,
    /// Of authorities.
    pub authority: u128,
}

impl Ignored {
    /// Whether this one is.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        let set = if fault.depth == 0 { self.certificate } else { self.authority };
        set.checked_shr(fault.code.into()).is_some_and(|set| set & 1 == 1)
    }

    /// Nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whom to believe.
#[derive(Clone, Copy)]
pub struct Believed<'a> {
    /// Authorities.
    pub authorities: &'a [Link<'a>],
    /// Their lists of revocations; empty: nobody asks for them.
    pub revoked: &'a [Crl<'a>],
    /// Who shows the chain.
    pub purpose: Purpose,
    /// Seconds since 1970.
    pub now: i64,
    /// Whether the key of a link made a signature.
    pub verifies: &'a dyn Fn(&Link<'_>, &Signed<'_>) -> bool,
}

/// What is wrong with `chain`, its owner's certificate first.
#[must_use]
pub fn find(chain: &[Link<'_>], believed: &Believed<'_>) -> Vec<Fault> {
    let (path, trusted) = build(chain, believed);
    let mut faults = Vec::new();
    let Some(top) = path.last() else { return faults };
    let depth = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
    let end = depth(path.len() - 1);
    let mut note = |depth: u8, code: u8| faults.push(Fault { depth, code });
    if !trusted {
        note(
            end,
            match (top.is_self_issued(), end) {
                (true, 0) => code::DEPTH_ZERO_SELF_SIGNED_CERT,
                (true, _) => code::SELF_SIGNED_CERT_IN_CHAIN,
                (false, _) => code::UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            },
        );
    }
    for (at, link) in path.iter().enumerate() {
        if at > 0 && !link.is_authority {
            note(depth(at), code::INVALID_CA);
        }
        if !link.is_for(believed.purpose) || (at > 0 && !link.is_authority) {
            note(depth(at), code::INVALID_PURPOSE);
        }
    }
    if !believed.revoked.is_empty() {
        for (at, link) in path.iter().enumerate() {
            let issuer = path.get(at + 1).unwrap_or(link);
            revocation(link, issuer, believed, |code| note(depth(at), code));
        }
    }
    // Without an issuer the last link's signature cannot be verified, and its dates count only
    // where it is the only one.
    let is_open = !trusted && !top.is_self_issued();
    if is_open && end == 0 {
        note(0, code::UNABLE_TO_VERIFY_LEAF_SIGNATURE);
    }
    let dated = if is_open && end > 0 { path.len() - 1 } else { path.len() };
    for at in (0..dated).rev() {
        let link = path[at];
        if let Some(issuer) = path.get(at + 1)
            && !(believed.verifies)(issuer, &link.signed)
        {
            note(depth(at), code::CERT_SIGNATURE_FAILURE);
        }
        if link.not_before.unix_seconds().is_some_and(|from| believed.now < from) {
            note(depth(at), code::CERT_NOT_YET_VALID);
        }
        if link.not_after.unix_seconds().is_some_and(|to| believed.now > to) {
            note(depth(at), code::CERT_HAS_EXPIRED);
        }
    }
    faults
}

/// The chain from the client's certificate upwards, and whether its end is believed.
fn build<'a>(chain: &'a [Link<'a>], believed: &Believed<'a>) -> (Vec<&'a Link<'a>>, bool) {
    let mut path: Vec<&Link<'_>> = chain.first().into_iter().collect();
    let mut trusted = false;
    while let Some(&last) = path.last() {
        let is_known = believed.authorities.contains(last);
        if is_known && last.is_self_issued() {
            return (path, true);
        }
        if last.is_self_issued() || path.len() == LINKS_MAX {
            break;
        }
        // One that is in force goes before one that is not.
        let issuer = |among: &'a [Link<'a>]| {
            let named = |link: &&Link<'_>| last.may_be_signed_by(link);
            let is_valid = |link: &&Link<'_>| {
                link.not_after.unix_seconds().is_none_or(|to| believed.now <= to)
            };
            let mut found = among.iter().filter(named);
            found.clone().find(is_valid).or_else(|| found.next())
        };
        let known = issuer(believed.authorities);
        trusted |= known.is_some();
        let next = known.or_else(|| if trusted { None } else { issuer(&chain[1..]) });
        match next {
            Some(next) if !path.contains(&next) => path.push(next),
            _ => break,
        }
    }
    (path, trusted)
}

/// What a list of the issuer says of a link.
fn revocation(link: &Link<'_>, issuer: &Link<'_>, by: &Believed<'_>, mut note: impl FnMut(u8)) {
    let mut lists = by.revoked.iter().filter(|list| list.issuer == link.issuer);
    let is_fresh = |list: &&Crl<'_>| {
        let until = list.next_update.and_then(|time| time.unix_seconds());
        until.is_none_or(|until| by.now <= until)
    };
    let Some(list) = lists.clone().find(is_fresh).or_else(|| lists.next()) else {
        return note(code::UNABLE_TO_GET_CRL);
    };
    if list.this_update.unix_seconds().is_some_and(|from| by.now < from) {
        note(code::CRL_NOT_YET_VALID);
    }
    if !is_fresh(&list) {
        note(code::CRL_HAS_EXPIRED);
    }
    if !(by.verifies)(issuer, &list.signed) {
        note(code::CRL_SIGNATURE_FAILURE);
    }
    if list.revoked().any(|(serial, _)| serial == link.serial) {
        note(code::CERT_REVOKED);
    }
}

#[cfg(test)]
mod tests;
