//! Verification of clients: who is let in, and what is told of those who are although something is
//! wrong with what they show (`ca-ignore-err`, `crt-ignore-err`).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::trust::{Signatures, Trust, seconds, verifiers};
use super::version_1;
use crate::config::model::{Examine, TlsWords, Verify};
use crate::pure::tls::faults::{self, Believed, Fault, Ignored, Seen};
use crate::pure::tls::verify_errors as code;
use crate::pure::wire::x509::crl::Crl;
use crate::pure::wire::x509::link::{Link, Purpose, Signed};

/// Faults after which nothing vouches for the rest of a chain.
const BROKEN: [u8; 6] = [
    code::DEPTH_ZERO_SELF_SIGNED_CERT,
    code::SELF_SIGNED_CERT_IN_CHAIN,
    code::UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    code::CERT_SIGNATURE_FAILURE,
    code::INVALID_CA,
    code::INVALID_PURPOSE,
];

impl Trust {
    /// What is wrong with a chain that was refused; never nothing.
    pub(super) fn faults(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Vec<Fault> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        let chain: Vec<Link<'_>> = match version_1::read(end_entity) {
            Some(link) => vec![link],
            None => shown.filter_map(|der| Link::read(der)).collect(),
        };
        let mut faults = self.find(&chain, Purpose::Clients, now);
        // What webpki finds besides and OpenSSL calls otherwise counts as an error of both kinds.
        let is_explained = faults.iter().any(|fault| BROKEN.contains(&fault.code))
            || !faults.is_empty() && self.is_good_otherwise(end_entity, intermediates, &chain, now);
        if !is_explained {
            faults.push(Fault { depth: 0, code: code::UNSPECIFIED });
            if !intermediates.is_empty() {
                faults.push(Fault { depth: 1, code: code::UNSPECIFIED });
            }
        }
        faults
    }

    /// What OpenSSL would find wrong with a chain.
    pub(super) fn find(&self, chain: &[Link<'_>], shown_by: Purpose, now: UnixTime) -> Vec<Fault> {
        let is_old = chain.first().is_some_and(|link| link.is_version_1);
        let known = self.authorities.iter().filter_map(|(der, _)| Link::read(der));
        // Which names are meant by one of version 1 is not said well enough to compare them.
        let authorities: Vec<Link<'_>> =
            known.filter(|link| !(is_old && link.constrains_names)).collect();
        let revoked: Vec<_> = self.revoked.iter().filter_map(|der| Crl::read(der)).collect();
        let verifies = |issuer: &Link<'_>, signed: &Signed<'_>| self.verifies(issuer, signed);
        let believed = Believed {
            authorities: &authorities,
            revoked: &revoked,
            purpose: shown_by,
            now: seconds(now),
            verifies: &verifies,
        };
        faults::find(chain, &believed)
    }

    fn verifies(&self, issuer: &Link<'_>, signed: &Signed<'_>) -> bool {
        let mut fitting =
            self.provider.signature_verification_algorithms.all.iter().filter(|one| {
                one.signature_alg_id().as_ref() == signed.algorithm
                    && one.public_key_alg_id().as_ref() == issuer.key_algorithm
            });
        fitting.any(|one| one.verify_signature(issuer.key, signed.body, signed.signature).is_ok())
    }

    /// Whether dates and revocation are all that is wrong.
    fn is_good_otherwise(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        chain: &[Link<'_>],
        now: UnixTime,
    ) -> bool {
        let is_old = chain.first().is_some_and(|link| link.is_version_1);
        let from = chain.iter().filter_map(|link| link.not_before.unix_seconds()).max();
        let to = chain.iter().filter_map(|link| link.not_after.unix_seconds()).min();
        let (Some(from), Some(to)) = (from, to) else { return false };
        if from > to || is_old {
            return from <= to && self.knows_version_1();
        }
        let Ok(then) = u64::try_from(seconds(now).clamp(from, to)) else { return false };
        let then = UnixTime::since_unix_epoch(std::time::Duration::from_secs(then));
        let every = self.authorities.iter().map(|(authority, _)| authority);
        verifiers(every, &[], &self.provider).is_ok_and(|verifiers| {
            verifiers.client.verify_client_cert(end_entity, intermediates, then).is_ok()
        })
    }
}

/// Verifies clients.
#[derive(Debug)]
pub(super) struct ClientTrust {
    trust: Arc<Trust>,
    signatures: Signatures,
    /// One must be shown.
    mandatory: bool,
    /// What does not end the handshake.
    ignored: Ignored,
    /// Names of the authorities that clients are told; empty: none.
    hints: Vec<DistinguishedName>,
}

impl ClientTrust {
    pub(super) fn new(trust: &Arc<Trust>, mandatory: bool, words: &TlsWords) -> Self {
        let hints = if words.ca_names { trust.subjects() } else { Vec::new() };
        let signatures = Signatures::of(trust);
        Self { trust: Arc::clone(trust), signatures, mandatory, ignored: ignored(words), hints }
    }
}

fn ignored(words: &TlsWords) -> Ignored {
    Ignored::new(words.crt_ignore_err.as_deref(), words.ca_ignore_err.as_deref())
}

/// What tells of a client's chain what was ignored of it; `None` where nothing is.
pub(in crate::config) fn examine(words: &TlsWords, trust: Option<&Arc<Trust>>) -> Option<Examine> {
    let trust = Arc::clone(trust.filter(|_| words.verify != Verify::None)?);
    (!ignored(words).is_empty()).then(|| {
        let examine = move |chain: &[CertificateDer<'_>], now| match chain.split_first() {
            None => Seen::default(),
            Some((end_entity, intermediates)) => {
                let judged = trust.judge(end_entity, intermediates, now);
                judged.map_or_else(|(faults, _)| Seen::of(&faults), |()| Seen::default())
            }
        };
        Examine(Arc::new(examine))
    })
}

impl ClientCertVerifier for ClientTrust {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let Err((faults, error)) = self.trust.judge(end_entity, intermediates, now) else {
            return Ok(ClientCertVerified::assertion());
        };
        match faults.iter().find(|fault| !self.ignored.has(**fault)) {
            None => Ok(ClientCertVerified::assertion()),
            Some(fault) if fault.depth > 0 => {
                Err(Error::General(format!("an authority of the client: {error}")))
            }
            // The error of no authority at all is not the certificate's.
            Some(_) if matches!(error, Error::General(_)) => {
                Err(CertificateError::UnknownIssuer.into())
            }
            Some(_) => Err(error),
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
