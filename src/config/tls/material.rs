//! Certificates, keys, authorities and revocations out of PEM files.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::{FileContent, Reader};
use crate::config::model::certificate::{
    Certificate, Material, StoredCertificate, Unfit, chain, signing_key, signing_key_of,
};

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

/// Endings of the files of one certificate with several kinds of keys, in HAProxy's order.
const BUNDLE: [&str; 3] = [".dsa", ".ecdsa", ".rsa"];

/// The certificates of a file, of the files of a bundle, or of all files in a directory.
///
/// # Errors
/// What is wrong with which file.
pub(in crate::config) fn identities(
    path: &str,
    reader: &mut Reader<'_>,
) -> Result<Vec<Certificate>, String> {
    if let Some(stored) = reader.stored(path) {
        return Ok(vec![stored_identity(stored, reader)?]);
    }
    if path.starts_with('@') {
        return Err(format!("there is no certificate '{path}' in a 'crt-store'"));
    }
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
) -> Result<Vec<Certificate>, String> {
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

/// A certificate whose parts stand in several files; what is not named may stand beside it.
///
/// # Errors
/// What is wrong with which file.
pub(in crate::config) fn stored_identity(
    stored: &StoredCertificate,
    reader: &mut Reader<'_>,
) -> Result<Certificate, String> {
    let path = stored.crt.as_str();
    let pem = reader.file(path)?;
    let whole = match &stored.key {
        None => identity(path, &pem, reader)?.material(),
        Some(file) => {
            let key = signing_key_of(&reader.file(file)?);
            let key = Some(key.map_err(|why| format!("'{file}': {why}"))?);
            let mut material = Material { chain: certificates(path, &pem)?, key, ocsp: None };
            beside(path, &mut material, reader)?;
            material
        }
    };
    let mut material = whole;
    if let Some(file) = &stored.issuer {
        material.chain.truncate(1);
        material.chain.extend(certificates(file, &reader.file(file)?)?);
    }
    if let Some(file) = &stored.ocsp {
        material.ocsp = Some(reader.file(file)?);
    }
    certificate(&stored.name, path, material)
}

/// One file: a chain, the server's certificate first, and a key, here or in a file beside it.
fn identity(path: &str, pem: &[u8], reader: &mut Reader<'_>) -> Result<Certificate, String> {
    let chain = certificates(path, pem)?;
    if chain.is_empty() {
        return Err(format!("there is no certificate in '{path}'"));
    }
    let key = private_key(path, pem, reader)?;
    let key = signing_key(&key).map_err(|why| format!("'{path}': {why}"))?;
    let mut material = Material { chain, key: Some(key), ocsp: None };
    beside(path, &mut material, reader)?;
    certificate(path, path, material)
}

/// Takes in what stands beside the file of a certificate.
fn beside(path: &str, material: &mut Material, reader: &mut Reader<'_>) -> Result<(), String> {
    let chain = &mut material.chain;
    // A chain may come from a file of its own.
    if chain.len() == 1
        && let Ok(FileContent::Bytes(issuer)) = reader.open(&format!("{path}.issuer"))
    {
        chain.extend(certificates(path, &issuer)?);
    }
    if let Ok(FileContent::Bytes(response)) = reader.open(&format!("{path}.ocsp")) {
        material.ocsp = Some(response);
    }
    Ok(())
}

/// The certificate called `name` that `path` and what belongs to it make.
fn certificate(name: &str, path: &str, material: Material) -> Result<Certificate, String> {
    Certificate::new(name, material).map_err(|why| match why {
        Unfit::Incomplete => format!("there is no certificate or no key in '{path}'"),
        Unfit::OtherKey => format!("the private key of '{path}' belongs to another certificate"),
    })
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

fn certificates(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    chain(pem).map_err(|why| format!("'{path}': {why}"))
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

/// The lists of revoked certificates in `path`; none where it holds nothing but certificates.
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
    if lists.is_empty() && certificates(path, &pem)?.is_empty() {
        return Err(format!("there is no list of revoked certificates in '{path}'"));
    }
    Ok(lists)
}
