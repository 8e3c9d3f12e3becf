//! TLS of a listening socket or of a server, as written.

use haproxy_compat::span::Spanned;

use super::Field;

/// What a `bind` or a `server` says of TLS. Settings of the process are already applied, paths are
/// complete; what belongs to the other side only is never written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// `ssl`.
    pub on: Field<bool>,
    /// Certificates with their keys: files or directories; of a server the one certificate we show.
    pub crt: Vec<Spanned<String>>,
    /// `crt-list`: files that list certificates with options and names.
    pub crt_list: Vec<Spanned<String>>,
    /// Where relative paths in `crt_list` begin.
    pub crt_base: Field<String>,
    /// Where relative paths of authorities in them begin.
    pub ca_base: Field<String>,
    /// `ca-file`.
    pub ca_file: Field<String>,
    /// `ca-verify-file`: authorities that are not named to clients.
    pub ca_verify_file: Field<String>,
    /// `crt-ignore-err`: errors of clients' certificates that are ignored.
    pub crt_ignore_err: Field<String>,
    /// `ca-ignore-err`: errors of their authorities.
    pub ca_ignore_err: Field<String>,
    /// `crl-file`.
    pub crl_file: Field<String>,
    /// `verify`: `none`, `optional` or `required`.
    pub verify: Field<String>,
    /// `alpn`, protocols separated by commas.
    pub alpn: Field<String>,
    /// `ciphers`, OpenSSL's list for TLS 1.2.
    pub ciphers: Field<String>,
    /// `ciphersuites`, the list for TLS 1.3.
    pub ciphersuites: Field<String>,
    /// `curves`, or `ecdhe`.
    pub curves: Field<String>,
    /// `ssl-min-ver`: `TLSv1.2`, …
    pub min_ver: Field<String>,
    /// `ssl-max-ver`.
    pub max_ver: Field<String>,
    /// `strict-sni`: a name without a certificate is refused.
    pub strict_sni: Field<bool>,
    /// `prefer-client-ciphers`.
    pub prefer_client_ciphers: Field<bool>,
    /// Sessions may be resumed: `no-tls-tickets`, `no-ssl-reuse` say no.
    pub resume: Field<bool>,
    /// Names of trusted authorities are shown to clients: `no-ca-names` says no.
    pub ca_names: Field<bool>,
    /// `sni`, an expression.
    pub sni: Field<String>,
    /// `verifyhost`.
    pub verify_host: Field<String>,
    /// `check-ssl` (true), `no-check-ssl` (false).
    pub check: Field<bool>,
    /// `check-sni`, a name.
    pub check_sni: Field<String>,
    /// `check-alpn`.
    pub check_alpn: Field<String>,
}
