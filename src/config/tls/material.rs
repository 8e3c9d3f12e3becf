//! Certificates, keys, authorities and revocations out of PEM files.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::{FileContent, Reader};
use crate::pure::tls::names::NamePattern;
use crate::pure::wire::x509;

/// `ca-file @system-ca`.
const SYSTEM_CA: &str = "@system-ca";

/// Where systems keep the authorities they trust.
const SYSTEM_STORES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Files beside certificates in a directory that are none themselves.
const SIDE_FILES: [&str; 4] = [".key", ".ocsp", ".sctl", ".issuer"];

/// Endings of the files of one certificate with several kinds of keys.
const BUNDLE: [&str; 3] = [".rsa", ".ecdsa", ".dsa"];

/// A certificate with its key.
pub(in crate::config) struct Identity {
    /// The file of the certificate.
    pub(in crate::config) file: Arc<str>,
    /// Both, and what they can sign.
    pub(in crate::config) key: Arc<CertifiedKey>,
    /// Names the certificate is for.
    pub(in crate::config) names: Vec<NamePattern>,
}

/// The certificates of a file, of the files of a bundle, or of all files in a directory.
///
/// # Errors
/// What is wrong with which file.
pub(in crate::config) fn identities(
    path: &str,
    reader: &mut Reader<'_>,
) -> Result<Vec<Identity>, String> {
    match reader.open(path) {
        Ok(FileContent::Bytes(bytes)) => Ok(vec![identity(path, &bytes, reader)?]),
        Ok(FileContent::Directory(names)) => directory(path, names, reader),
        Err(error) => {
            let mut bundle = Vec::new();
            for ending in BUNDLE {
                let path = format!("{path}{ending}");
                if let Ok(FileContent::Bytes(bytes)) = reader.open(&path) {
                    bundle.push(identity(&path, &bytes, reader)?);
                }
            }
            if bundle.is_empty() {
                return Err(format!("cannot read the certificate '{path}': {error}"));
            }
            Ok(bundle)
        }
    }
}

fn directory(
    path: &str,
    files: Vec<String>,
    reader: &mut Reader<'_>,
) -> Result<Vec<Identity>, String> {
    let mut found = Vec::new();
    for file in files {
        let name = file.rsplit('/').next().unwrap_or_default();
        if SIDE_FILES.iter().any(|ending| name.ends_with(ending)) || name.starts_with('.') {
            continue;
        }
        match reader.open(&file) {
            Ok(FileContent::Bytes(bytes)) => found.push(identity(&file, &bytes, reader)?),
            Ok(FileContent::Directory(_)) => {}
            Err(error) => return Err(format!("cannot read the certificate '{file}': {error}")),
        }
    }
    if found.is_empty() {
        return Err(format!("there is no certificate in the directory '{path}'"));
    }
    Ok(found)
}

/// One file: a chain, the server's certificate first, and a key, here or in a file beside it.
fn identity(path: &str, pem: &[u8], reader: &mut Reader<'_>) -> Result<Identity, String> {
    let mut chain = certificates(path, pem)?;
    if chain.is_empty() {
        return Err(format!("there is no certificate in '{path}'"));
    }
    let key = private_key(path, pem, reader)?;
    let key = any_supported_type(&key)
        .map_err(|_| format!("the private key of '{path}' is of a kind that is not supported"))?;
    // A chain may come from a file of its own.
    if chain.len() == 1
        && let Ok(FileContent::Bytes(issuer)) = reader.open(&format!("{path}.issuer"))
    {
        chain.extend(certificates(path, &issuer)?);
    }
    let names = names(&chain[0]);
    let mut key = CertifiedKey::new(chain, key);
    if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = key.keys_match() {
        return Err(format!("the private key of '{path}' belongs to another certificate"));
    }
    if let Ok(FileContent::Bytes(response)) = reader.open(&format!("{path}.ocsp")) {
        key.ocsp = Some(response);
    }
    Ok(Identity { file: path.into(), key: Arc::new(key), names })
}

fn private_key(
    path: &str,
    pem: &[u8],
    reader: &mut Reader<'_>,
) -> Result<PrivateKeyDer<'static>, String> {
    if let Ok(key) = PrivateKeyDer::from_pem_slice(pem) {
        return Ok(key);
    }
    let encrypted = |pem: &[u8]| {
        let has = |what: &[u8]| pem.windows(what.len()).any(|window| window == what);
        has(b"ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
    };
    let beside =
        [Some(format!("{path}.key")), path.strip_suffix(".crt").map(|p| format!("{p}.key"))];
    for beside in beside.into_iter().flatten() {
        if let Ok(FileContent::Bytes(pem)) = reader.open(&beside) {
            return PrivateKeyDer::from_pem_slice(&pem).map_err(|_| match encrypted(&pem) {
                true => format!("the private key in '{beside}' is encrypted: nobody can be asked"),
                false => format!("there is no private key in '{beside}'"),
            });
        }
    }
    Err(match encrypted(pem) {
        true => format!("the private key in '{path}' is encrypted: nobody can be asked"),
        false => format!("there is no private key in '{path}', and no file '{path}.key'"),
    })
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

fn certificates(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("'{path}' is no PEM file: {error}"))
}

/// The authorities in `path`: a file, all files of a directory, or those of the system.
///
/// # Errors
/// What is wrong with which file.
pub(in crate::config) fn authorities(
    path: &str,
    reader: &mut Reader<'_>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    if path == SYSTEM_CA {
        let found = SYSTEM_STORES.iter().find_map(|store| {
            let pem = reader.file(store).ok()?;
            certificates(store, &pem).ok()
        });
        return found.ok_or_else(|| format!("no store of trusted authorities: {SYSTEM_STORES:?}"));
    }
    let found = match reader.open(path) {
        Ok(FileContent::Bytes(pem)) => certificates(path, &pem)?,
        Ok(FileContent::Directory(files)) => {
            let mut found = Vec::new();
            for file in files {
                // Other files are in such directories too.
                if let Ok(FileContent::Bytes(pem)) = reader.open(&file) {
                    found.extend(certificates(&file, &pem).unwrap_or_default());
                }
            }
            found
        }
        Err(error) => return Err(format!("cannot read the authorities '{path}': {error}")),
    };
    if found.is_empty() {
        return Err(format!("there is no certificate in '{path}'"));
    }
    Ok(found)
}

/// The lists of revoked certificates in `path`.
///
/// # Errors
/// What is wrong with the file.
pub(in crate::config) fn revocations(
    path: &str,
    reader: &mut Reader<'_>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let pem = reader.file(path)?;
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("'{path}' is no PEM file: {error}"))?;
    if lists.is_empty() {
        return Err(format!("there is no list of revoked certificates in '{path}'"));
    }
    Ok(lists)
}
