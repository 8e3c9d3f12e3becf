//! Certificates with names of their own, as written.

use haproxy_compat::span::Spanned;

use super::Field;

/// A certificate whose parts stand in several files; paths are complete.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCertificate {
    /// What refers to it: `@STORE/NAME`.
    pub name: Spanned<String>,
    /// The certificate.
    pub crt: Field<String>,
    /// Its key, where it stands in another file.
    pub key: Field<String>,
    /// The authority's word on it.
    pub ocsp: Field<String>,
    /// Certificates that lead to its authority.
    pub issuer: Field<String>,
}
