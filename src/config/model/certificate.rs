//! A certificate with its key, and what makes one out of PEM.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::pure::tls::names::NamePattern;
use crate::pure::wire::x509;

/// A certificate with its key.
#[derive(Clone)]
pub struct Certificate {
    /// The file it came from, or the name that a command gave it.
    pub file: Arc<str>,
    /// Both, and what they can sign.
    pub key: Arc<CertifiedKey>,
    /// Names the certificate is for.
    pub names: Vec<NamePattern>,
}

/// A certificate whose parts stand in several files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// What refers to it: `@STORE/NAME`.
    pub name: String,
    /// The file of the certificate.
    pub crt: String,
    /// That of its key; `None`: the same, or one beside it.
    pub key: Option<String>,
    /// That of the authority's word on it; `None`: one beside it, if there is one.
    pub ocsp: Option<String>,
    /// That of the certificates that lead to its authority; `None`: as above.
    pub issuer: Option<String>,
}

/// What a certificate is made of, as far as it is there.
#[derive(Clone, Default)]
pub struct Material {
    /// The certificate and those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: Option<Arc<dyn SigningKey>>,
    /// The authority's word on it.
    pub ocsp: Option<Vec<u8>>,
}

/// Why no certificate can be made of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is no certificate or no key.
    Incomplete,
    /// The key belongs to another certificate.
    OtherKey,
}

impl Certificate {
    /// # Errors
    /// Why what is there makes none.
    pub fn new(file: &str, material: Material) -> Result<Self, Unfit> {
        let Material { chain, key: Some(key), ocsp } = material else {
            return Err(Unfit::Incomplete);
        };
        let names = names(chain.first().ok_or(Unfit::Incomplete)?);
        let mut key = CertifiedKey::new(chain, key);
        if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = key.keys_match() {
            return Err(Unfit::OtherKey);
        }
        key.ocsp = ocsp;
        Ok(Self { file: file.into(), key: Arc::new(key), names })
    }

    /// What it is made of.
    #[must_use]
    pub fn material(&self) -> Material {
        let CertifiedKey { cert, key, ocsp } = &*self.key;
        Material { chain: cert.clone(), key: Some(Arc::clone(key)), ocsp: ocsp.clone() }
    }
}

impl Material {
    /// The certificates of a PEM text, and its key if it has one.
    ///
    /// # Errors
    /// What is wrong with it, without its name.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let chain = chain(pem)?;
        if chain.is_empty() {
            return Err("there is no certificate".to_owned());
        }
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(key) => Some(signing_key(&key)?),
            Err(_) => None,
        };
        Ok(Self { chain, key, ocsp: None })
    }
}

/// The certificates of a PEM text, under any of the titles that OpenSSL gives them.
///
/// # Errors
/// What is wrong with it.
pub fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&retitled(pem))
        .map(|der| der.map(|der: CertificateDer<'_>| x509::first(&der).to_vec().into()))
        .collect();
    chain.map_err(|error| format!("it is no PEM file: {error}"))
}

/// Certificates by the one title that is understood.
fn retitled(pem: &[u8]) -> Cow<'_, [u8]> {
    let other = |line: &[u8]| {
        let line = line.strip_prefix(b"-----")?.trim_ascii_end().strip_suffix(b"-----")?;
        let (word, rest) = line.split_at_checked(line.iter().position(|&byte| byte == b' ')?)?;
        let is_one = matches!(rest, b" TRUSTED CERTIFICATE" | b" X509 CERTIFICATE");
        is_one.then(|| [b"-----", word, b" CERTIFICATE-----\n"].concat())
    };
    if !pem.split_inclusive(|&byte| byte == b'\n').any(|line| other(line).is_some()) {
        return Cow::Borrowed(pem);
    }
    let lines = pem.split_inclusive(|&byte| byte == b'\n');
    let lines = lines.map(|line| other(line).map_or(Cow::Borrowed(line), Cow::Owned));
    Cow::Owned(lines.collect::<Vec<_>>().concat())
}

/// The key of a PEM text.
///
/// # Errors
/// What is wrong with it.
pub fn signing_key_of(pem: &[u8]) -> Result<Arc<dyn SigningKey>, String> {
    let key = PrivateKeyDer::from_pem_slice(pem);
    signing_key(&key.map_err(|_| "there is no private key".to_owned())?)
}

/// What `key` can sign with.
///
/// # Errors
/// It is of a kind that is not supported.
pub fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, String> {
    any_supported_type(key)
        .map_err(|_| "the private key is of a kind that is not supported".to_owned())
}

/// Names of a certificate, the common name included, as HAProxy takes them.
fn names(certificate: &CertificateDer<'_>) -> Vec<NamePattern> {
    let Some(read) = x509::decode(certificate) else { return Vec::new() };
    let mut names: Vec<NamePattern> = Vec::new();
    for name in read.dns_names.iter().copied().chain(read.common_name()) {
        let pattern = NamePattern::new(name).filter(|pattern| !pattern.negated);
        names.extend(pattern.filter(|pattern| !names.contains(pattern)));
    }
    names
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("file", &self.file).finish_non_exhaustive()
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, key) = (self.chain.len(), self.key.is_some());
        f.debug_struct("Material").field("chain", &chain).field("key", &key).finish()
    }
}
