//! Certificates of version 1, which webpki does not read: `openssl x509 -req -CA` makes them where
//! no extensions are asked for, and HAProxy takes them.
//!
//! Such a certificate does not say what it is for. It counts where it is a server's or a client's
//! own and one of the authorities itself has signed it, never between the two, and not where there
//! are lists of revoked ones or authorities that are bound to names.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};

use super::trust::Trust;
use crate::pure::tls::verify_errors as code;
use crate::pure::wire::x509::link::{Link, Purpose};

/// Reads a certificate of version 1; `None` for every other, and for one that is written in another
/// way than its issuer did: rules know certificates by their fingerprints.
pub(super) fn read<'a>(certificate: &'a CertificateDer<'_>) -> Option<Link<'a>> {
    Link::read(certificate).filter(|link| link.is_version_1 && link.signed.is_all_of(certificate))
}

impl Trust {
    /// Whether certificates of version 1 count: not where one may be revoked, or vouched for by name
    /// only, which webpki alone looks at closely enough.
    pub(super) fn knows_version_1(&self) -> bool {
        let constrains =
            |der: &CertificateDer<'_>| Link::read(der).is_none_or(|link| link.constrains_names);
        let is_plain = !self.lacks_lists && self.revoked.is_empty();
        is_plain && !self.authorities.iter().any(|(der, _)| constrains(der))
    }

    /// What webpki said of a chain or, where its end is of version 1, what is found of that.
    pub(super) fn or_version_1(
        &self,
        verified: Result<(), Error>,
        end_entity: &CertificateDer<'_>,
        shown_by: Purpose,
        now: UnixTime,
    ) -> Result<(), Error> {
        let old = if verified.is_err() { read(end_entity) } else { None };
        let Some(link) = old.filter(|_| self.knows_version_1()) else { return verified };
        let dates = [link.not_before, link.not_after];
        if dates.iter().any(|date| date.unix_seconds().is_none()) {
            return verified;
        }
        let error = match self.find(&[link], shown_by, now).first().map(|fault| fault.code) {
            None => return Ok(()),
            Some(code::CERT_HAS_EXPIRED) => CertificateError::Expired,
            Some(code::CERT_NOT_YET_VALID) => CertificateError::NotValidYet,
            Some(code::CERT_SIGNATURE_FAILURE) => CertificateError::BadSignature,
            Some(_) => CertificateError::UnknownIssuer,
        };
        Err(error.into())
    }
}

/// Whether the key of a certificate of version 1 made a signature of TLS 1.2; `error` is what was
/// said before of the certificate.
pub(super) fn tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    error: Error,
) -> Result<HandshakeSignatureValid, Error> {
    let Some(link) = read(certificate) else { return Err(error) };
    let mut fitting = algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signed.scheme)
        .flat_map(|(_, algorithms)| *algorithms)
        .filter(|one| one.public_key_alg_id().as_ref() == link.key_algorithm);
    let is_made = |one: &&dyn SignatureVerificationAlgorithm| {
        one.verify_signature(link.key, message, signed.signature()).is_ok()
    };
    match fitting.any(is_made) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// As much of TLS 1.3.
pub(super) fn tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    error: Error,
) -> Result<HandshakeSignatureValid, Error> {
    let Some(link) = read(certificate) else { return Err(error) };
    let key = SubjectPublicKeyInfoDer::from(link.key_info);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}
