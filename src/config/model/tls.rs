//! TLS of a listening socket or of a server: what was written, and what became of it.
//!
//! Certificates and keys are read when a configuration is loaded, so that what is wrong with them is
//! a mistake of the configuration, and a reload with other files changes what listens. Two settings
//! are equal where their words and the contents of their files are.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Certificate;
use super::contexts::{Contexts, Handshakes};
use super::lenient::Lenient;
use crate::pure::sample::Expr;
use crate::pure::tls::faults::Seen;

/// What was written, with complete paths; the export writes it again. Empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsWords {
    /// Certificates: files or directories.
    pub crt: Vec<String>,
    /// Lists of certificates.
    pub crt_list: Vec<String>,
    /// Where relative paths in those lists begin.
    pub crt_base: Option<String>,
    /// Where relative paths of authorities in them begin.
    pub ca_base: Option<String>,
    /// Authorities the other side's certificate is verified with.
    pub ca_file: Option<String>,
    /// Authorities that count as well and are not named to clients.
    pub ca_verify_file: Option<String>,
    /// Errors of clients' certificates that are ignored: numbers and names, or `all`.
    pub crt_ignore_err: Option<String>,
    /// Errors of their authorities that are ignored.
    pub ca_ignore_err: Option<String>,
    /// Revoked certificates.
    pub crl_file: Option<String>,
    /// Whether the other side's certificate is asked for and verified.
    pub verify: Verify,
    /// Protocols offered, separated by commas.
    pub alpn: Option<String>,
    /// Suites of TLS 1.2.
    pub ciphers: Option<String>,
    /// Suites of TLS 1.3.
    pub ciphersuites: Option<String>,
    /// Groups of the key exchange.
    pub curves: Option<String>,
    /// Oldest and newest version.
    pub versions: Versions,
    /// A client that asks for a name without a certificate is refused.
    pub strict_sni: bool,
    /// The client's order of suites counts.
    pub prefer_client_ciphers: bool,
    /// Sessions may be resumed.
    pub resume: bool,
    /// Names of trusted authorities are shown to clients.
    pub ca_names: bool,
    /// The name that is asked for, an expression.
    pub sni: Option<String>,
    /// The name that the server's certificate must have.
    pub verify_host: Option<String>,
}

/// What is asked of the other side's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Nothing.
    #[default]
    None,
    /// Where one is shown it must be good; clients only.
    Optional,
    /// One must be shown and be good.
    Required,
}

/// Which versions are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// TLS of a listening socket.
#[derive(Clone)]
pub struct BindTls {
    /// What was written.
    pub words: TlsWords,
    /// A hash of everything that was read.
    pub fingerprint: u64,
    /// Certificates.
    pub contexts: Arc<ArcSwap<Contexts>>,
    /// What clients without tickets asked for.
    pub lookups: Arc<Lookups>,
}

/// Sessions that clients without tickets asked for, and that were not remembered, until somebody
/// takes the counts.
#[derive(Debug, Default)]
pub struct Lookups {
    asked: AtomicU64,
    missed: AtomicU64,
}

impl Lookups {
    /// A session was asked for.
    pub fn note(&self, found: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.missed.fetch_add(u64::from(!found), Ordering::Relaxed);
    }

    /// How many were asked for, and how many of them missed, since the last time.
    #[must_use]
    pub fn take(&self) -> (u64, u64) {
        (self.asked.swap(0, Ordering::Relaxed), self.missed.swap(0, Ordering::Relaxed))
    }
}

/// How to go on with a client.
#[derive(Debug)]
pub struct Selected {
    /// The handshake.
    pub config: Arc<ServerConfig>,
    /// What it is shown.
    pub key: Arc<CertifiedKey>,
    /// What tells of the chain it shows, where a bad one does not end the handshake.
    pub examine: Option<Examine>,
}

/// What tells what is wrong with a client's chain, its own certificate first, at a moment.
#[derive(Clone)]
pub struct Examine(pub Arc<ExamineFn>);

/// See [`Examine`].
pub(super) type ExamineFn = dyn Fn(&[CertificateDer<'_>], UnixTime) -> Seen + Send + Sync;

impl fmt::Debug for Examine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Examine")
    }
}

impl BindTls {
    /// Its certificates as they are now.
    #[must_use]
    pub fn contexts(&self) -> Guard<Arc<Contexts>> {
        self.contexts.load()
    }

    /// Where they are, for `state::publish` only.
    #[must_use]
    pub const fn contexts_cell(&self) -> &Arc<ArcSwap<Contexts>> {
        &self.contexts
    }

    /// What listens already with the same words and files goes on with the certificates that it
    /// has, whatever commands made of them.
    pub fn keep_certificates(&mut self, running: &Self) {
        self.contexts = Arc::clone(&running.contexts);
        self.lookups = Arc::clone(&running.lookups);
    }

    /// How to go on with a client that says hello, and what it is shown: `None` where `strict-sni`
    /// refuses the name.
    #[must_use]
    pub fn select(&self, hello: &ClientHello<'_>) -> Option<Selected> {
        let contexts = self.contexts();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let named = name.and_then(|name| contexts.named(hello, &name));
        let context = match named {
            None if !self.words.strict_sni => contexts.default(hello)?,
            named => named?,
        };
        let Handshakes { config, without_alpn, examine } = &context.handshakes;
        let ours = &config.alpn_protocols;
        let agreed = match hello.alpn() {
            Some(mut theirs) => ours.is_empty() || theirs.any(|one| ours.iter().any(|o| o == one)),
            None => true,
        };
        let config = if agreed { config } else { without_alpn };
        Some(Selected {
            config: Arc::clone(config),
            key: Arc::clone(&context.certificate.key),
            examine: examine.clone(),
        })
    }
}

impl PartialEq for BindTls {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.fingerprint == other.fingerprint
    }
}

impl Eq for BindTls {}

impl fmt::Debug for BindTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindTls").field("words", &self.words).finish_non_exhaustive()
    }
}

/// TLS to a server.
#[derive(Clone)]
pub struct ServerTls {
    /// What was written.
    pub words: TlsWords,
    /// A hash of everything that was read.
    pub fingerprint: u64,
    /// The handshake.
    pub config: Arc<ClientConfig>,
    /// Who judges the server, also in the handshake.
    pub verifier: Arc<dyn ServerCertVerifier>,
    /// What the server is shown.
    pub certificate: Option<Certificate>,
    /// The name asked for.
    pub sni: Sni,
}

/// Where the name asked for comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Sni {
    /// None is sent.
    Absent,
    /// Always this one.
    Fixed(ServerName<'static>),
    /// What it says of the session; none is sent where it says nothing.
    Expr(Box<Expr>),
}

impl ServerTls {
    /// The same with another certificate to show.
    #[must_use]
    pub fn showing(&self, certificate: &Certificate) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        let resolver = SingleCertAndKey::from(Arc::clone(&certificate.key));
        config.client_auth_cert_resolver = Arc::new(resolver);
        Self { config: Arc::new(config), certificate: Some(certificate.clone()), ..self.clone() }
    }

    /// The same with a verifier that lets every certificate pass and keeps what is wrong with it, for
    /// one connection.
    #[must_use]
    pub fn lenient(&self) -> (Self, Arc<Lenient>) {
        let lenient = Arc::new(Lenient::new(Arc::clone(&self.verifier)));
        let mut config = ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(Arc::clone(&lenient) as Arc<_>);
        // A session that is resumed is not judged again.
        config.resumption = Resumption::disabled();
        (Self { config: Arc::new(config), ..self.clone() }, lenient)
    }

    /// The same with other protocols and another name, for one connection of a check.
    #[must_use]
    pub fn asking(&self, sni: Option<&str>, alpn: Option<&str>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        let protocols = alpn.into_iter().flat_map(|list| list.split(','));
        config.alpn_protocols = protocols.map(|one| one.as_bytes().to_vec()).collect();
        let name = sni.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        Self {
            words: self.words.clone(),
            fingerprint: self.fingerprint,
            certificate: self.certificate.clone(),
            config: Arc::new(config),
            verifier: Arc::clone(&self.verifier),
            sni: name.map_or(Sni::Absent, Sni::Fixed),
        }
    }
}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.fingerprint == other.fingerprint
    }
}

impl Eq for ServerTls {}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("words", &self.words).finish_non_exhaustive()
    }
}
