//! Whom to believe: authorities and revocations, and the verification of servers by them.
//!
//! Chains, dates, purposes and revocation are webpki's. Five things are HAProxy's (OpenSSL's) way
//! where webpki's differs, because files in use rely on them:
//! - an authority that has expired vouches for nobody;
//! - a certificate that is itself in the file of authorities is trusted, whatever it is;
//! - the name is compared only where one is asked for: `sni`'s, else `verifyhost`'s;
//! - a common name counts as a name;
//! - certificates of version 1 count (`version_1`).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};

use super::version_1;
use crate::pure::tls::faults::Fault;
use crate::pure::tls::names::NamePattern;
use crate::pure::wire::x509;
use crate::pure::wire::x509::link::Purpose;

/// Authorities and revocations.
#[derive(Debug)]
pub(in crate::config) struct Trust {
    pub(super) authorities: Vec<(CertificateDer<'static>, Validity)>,
    pub(super) revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Revocations are asked of a file that holds none: as in HAProxy nobody is trusted.
    pub(super) lacks_lists: bool,
    pub(super) provider: Arc<CryptoProvider>,
    /// What is in force as long as no authority expires.
    fresh: Verifiers,
    first_expiry: i64,
    /// Names that clients are told.
    subjects: Vec<DistinguishedName>,
}

#[derive(Clone, Debug)]
pub(super) struct Verifiers {
    server: Arc<WebPkiServerVerifier>,
    pub(super) client: Arc<dyn ClientCertVerifier>,
}

/// Seconds since 1970 between which a certificate counts.
pub(super) type Validity = (i64, i64);

fn validity(certificate: &CertificateDer<'_>) -> Validity {
    let read = x509::decode(certificate);
    let dates = read.map(|read| (read.not_before.unix_seconds(), read.not_after.unix_seconds()));
    match dates {
        Some((Some(from), Some(to))) => (from, to),
        // Dates that cannot be read bound nothing; webpki refuses such leaves itself.
        _ => (i64::MIN, i64::MAX),
    }
}

pub(super) fn verifiers<'a>(
    authorities: impl Iterator<Item = &'a CertificateDer<'static>>,
    revoked: &[CertificateRevocationListDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Verifiers, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.cloned());
    if roots.is_empty() {
        return Err("none of the authorities is a certificate that counts".to_owned());
    }
    let roots = Arc::new(roots);
    let lists = || revoked.iter().cloned();
    let failed = |error: VerifierBuilderError| {
        format!("the list of revoked certificates cannot be used: {error}")
    };
    let server =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .with_crls(lists())
            .enforce_revocation_expiration()
            .build()
            .map_err(failed)?;
    let client =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .with_crls(lists())
            .enforce_revocation_expiration()
            .build()
            .map_err(failed)?;
    Ok(Verifiers { server, client })
}

pub(super) fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Trust {
    /// Clients are told the names of the authorities that are `named`.
    ///
    /// # Errors
    /// None of the authorities can be used, or a list of revocations cannot be read.
    pub(in crate::config) fn new(
        named: Vec<CertificateDer<'static>>,
        silent: Vec<CertificateDer<'static>>,
        revoked: Option<Vec<CertificateRevocationListDer<'static>>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, String> {
        let lacks_lists = revoked.as_ref().is_some_and(Vec::is_empty);
        let revoked = revoked.unwrap_or_default();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(named.iter().cloned());
        let subjects = roots.subjects();
        let authorities: Vec<_> = named
            .into_iter()
            .chain(silent)
            .map(|authority| {
                let validity = validity(&authority);
                (authority, validity)
            })
            .collect();
        let every = authorities.iter().map(|(authority, _)| authority);
        let fresh = verifiers(every, &revoked, &provider)?;
        let first_expiry = authorities.iter().map(|(_, (_, to))| *to).min().unwrap_or(i64::MAX);
        let trust =
            Self { subjects, authorities, revoked, lacks_lists, provider, fresh, first_expiry };
        Ok(Arc::new(trust))
    }

    /// Names of the authorities.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        self.subjects.clone()
    }

    /// Those that count now. Once an authority has expired they are made anew for each handshake,
    /// which costs little beside it, until the file is replaced.
    fn verifiers(&self, now: UnixTime) -> Result<Verifiers, Error> {
        if self.lacks_lists {
            return Err(CertificateError::UnknownRevocationStatus.into());
        }
        let now = seconds(now);
        if now <= self.first_expiry {
            return Ok(self.fresh.clone());
        }
        let valid = self.authorities.iter().filter(|(_, (_, to))| now <= *to);
        verifiers(valid.map(|(authority, _)| authority), &self.revoked, &self.provider)
            .map_err(Error::General)
    }

    /// What is wrong with a client's chain; the error is webpki's.
    pub(super) fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), (Vec<Fault>, Error)> {
        let verified = self.verifiers(now).and_then(|verifiers| {
            verifiers.client.verify_client_cert(end_entity, intermediates, now).map(drop)
        });
        match self.or_version_1(verified, end_entity, Purpose::Clients, now) {
            Ok(()) => Ok(()),
            Err(error) if !self.lacks_lists && self.is_pinned(end_entity, now, &error) => Ok(()),
            Err(error) => Err((self.faults(end_entity, intermediates, now), error)),
        }
    }

    /// A certificate that vouches for itself and is not among the authorities is a stranger's first:
    /// webpki says only that it is an authority.
    fn or_unknown(&self, error: Error, certificate: &CertificateDer<'_>) -> Error {
        let is_own = |read: x509::Certificate<'_>| read.issuer == read.subject;
        let is_known = || self.authorities.iter().any(|(known, _)| known == certificate);
        match error {
            Error::InvalidCertificate(CertificateError::Other(_))
                if !is_known() && x509::decode(certificate).is_some_and(is_own) =>
            {
                CertificateError::UnknownIssuer.into()
            }
            error => error,
        }
    }

    /// Whether the certificate itself is among the authorities, and in force; `error` is what is wrong
    /// with it else. One that was revoked is not.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime, error: &Error) -> bool {
        use CertificateError::{Revoked, UnknownRevocationStatus};
        let may_be_revoked =
            matches!(error, Error::InvalidCertificate(Revoked | UnknownRevocationStatus))
                || !self.revoked.is_empty() && version_1::read(certificate).is_some();
        if may_be_revoked {
            return false;
        }
        let now = seconds(now);
        let mut authorities = self.authorities.iter();
        authorities.any(|(known, (from, to))| known == certificate && (*from..=*to).contains(&now))
    }
}

/// What both verifiers are asked of signatures.
#[derive(Debug)]
pub(super) struct Signatures(Arc<CryptoProvider>);

impl Signatures {
    pub(super) fn of(trust: &Trust) -> Self {
        Self(Arc::clone(&trust.provider))
    }

    pub(super) fn tls12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
            .or_else(|error| version_1::tls12(message, certificate, signed, algorithms, error))
    }

    pub(super) fn tls13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
            .or_else(|error| version_1::tls13(message, certificate, signed, algorithms, error))
    }

    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies servers; `trust` is `None` with `verify none`.
#[derive(Debug)]
pub(super) struct ServerTrust {
    trust: Option<Arc<Trust>>,
    signatures: Signatures,
    /// `verifyhost`: counts where no name was asked for.
    host: Option<String>,
}

impl ServerTrust {
    pub(super) fn new(
        trust: Option<Arc<Trust>>,
        provider: &Arc<CryptoProvider>,
        host: Option<String>,
    ) -> Self {
        Self { trust, signatures: Signatures(Arc::clone(provider)), host }
    }
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        let verified = trust.verifiers(now)?.server.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Ok(_) => {}
            // The chain was verified before the name, which is ours to compare.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {}
            Err(error) if trust.is_pinned(end_entity, now, &error) => {}
            Err(error) => {
                let verified = Err(trust.or_unknown(error, end_entity));
                trust.or_version_1(verified, end_entity, Purpose::Servers, now)?;
            }
        }
        let wanted = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => self.host.as_deref(),
        };
        if wanted.is_none_or(|wanted| is_for(end_entity, wanted)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}

/// Whether the certificate is for this name or address.
fn is_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Some(read) = x509::decode(certificate) else { return false };
    if name.parse().is_ok_and(|address| read.addresses.contains(&address)) {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let mut names = read.dns_names.iter().copied().chain(read.common_name());
    names.any(|known| {
        let pattern = NamePattern::new(known).filter(|pattern| !pattern.negated);
        pattern.is_some_and(|p| p.is_exactly(&name) || p.is_wildcard_of(&name))
    })
}
