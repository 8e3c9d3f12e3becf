//! The certificates of a listening socket: which one a client is shown, and where each came from.
//!
//! A value is never changed: commands make another one of it, and `state::publish` puts that in its
//! place while handshakes go on with the one they began with.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::server::ClientHello;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, SignatureAlgorithm};

use super::certificate::Certificate;
use super::tls::Examine;
use crate::pure::tls::names::{NameIndex, NamePattern};

/// The certificates of a listening socket.
#[derive(Clone)]
pub struct Contexts {
    /// In order; the first is the default.
    list: Vec<Context>,
    /// By their names.
    names: NameIndex,
    /// Lists and directories that are served, and how many lines each had so far.
    sources: BTreeMap<Arc<str>, usize>,
    /// What is done with a certificate that has no options of its own.
    usual: Handshakes,
}

/// How handshakes with one certificate are done.
#[derive(Clone)]
pub struct Handshakes {
    /// With clients that offer a protocol we have, or none.
    pub config: Arc<ServerConfig>,
    /// With clients that offer other protocols only: nothing is agreed on then.
    pub without_alpn: Arc<ServerConfig>,
    /// What tells of a client's chain, where a bad one is let in.
    pub examine: Option<Examine>,
}

/// One certificate and how it is served.
#[derive(Clone)]
pub struct Context {
    /// The certificate.
    pub certificate: Certificate,
    /// Contexts of one file, or of files for one name, have the same number.
    pub bundle: usize,
    /// The line it stands in; `None`: it was named by itself.
    pub entry: Option<Entry>,
    /// Names that lead to it.
    pub names: Vec<NamePattern>,
    /// How its handshakes are done.
    pub handshakes: Handshakes,
}

/// A line of a list of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The list or directory.
    pub source: Arc<str>,
    /// Its number; 0 in a directory.
    pub line: usize,
    /// Its options, as HAProxy shows them.
    pub options: String,
    /// Its names.
    pub filter: Vec<NamePattern>,
}

impl Handshakes {
    /// The same with another certificate.
    #[must_use]
    pub fn with(&self, certificate: &Certificate) -> Self {
        let of = |config: &ServerConfig| {
            let mut config = config.clone();
            let resolver = SingleCertAndKey::from(Arc::clone(&certificate.key));
            config.cert_resolver = Arc::new(resolver);
            Arc::new(config)
        };
        let config = of(&self.config);
        let without_alpn = match Arc::ptr_eq(&self.config, &self.without_alpn) {
            true => Arc::clone(&config),
            false => of(&self.without_alpn),
        };
        Self { config, without_alpn, examine: self.examine.clone() }
    }
}

/// The names that lead to a certificate: its own where its line has none. A line that only takes
/// names out leaves none, as in HAProxy.
#[must_use]
pub fn names(certificate: &Certificate, filter: &[NamePattern]) -> Vec<NamePattern> {
    if filter.is_empty() { certificate.names.clone() } else { filter.to_vec() }
}

impl Contexts {
    /// Those of `list`; `sources` are the lists and directories they come from, with their lines,
    /// and `usual` is for certificates without options of their own.
    #[must_use]
    pub fn new(list: Vec<Context>, sources: BTreeMap<Arc<str>, usize>, usual: Handshakes) -> Self {
        let names = NameIndex::new(list.iter().map(|context| context.names.as_slice()));
        Self { list, names, sources, usual }
    }

    /// Them all, in order.
    #[must_use]
    pub fn list(&self) -> &[Context] {
        &self.list
    }

    /// Lists and directories that are served, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.keys()
    }

    /// The one for this name whose key fits best; of one kind of keys a name that is written out
    /// goes before a wildcard, as in HAProxy.
    pub(super) fn named(&self, hello: &ClientHello<'_>, name: &str) -> Option<&Context> {
        let found = self.names.exact(name).chain(self.names.wildcard(name));
        fitting(hello, found.map(|at| &self.list[at]))
    }

    /// For clients that ask for no name, or for an unknown one.
    pub(super) fn default(&self, hello: &ClientHello<'_>) -> Option<&Context> {
        // A pair of keys for one name stands in several files.
        let first = self.list.first()?;
        fitting(hello, self.list.iter().take_while(|context| context.bundle == first.bundle))
    }

    /// The same with another certificate of this file; `None`: it is not served.
    #[must_use]
    pub fn with_certificate(&self, certificate: &Certificate) -> Option<Self> {
        let is_meant = |context: &Context| context.certificate.file == certificate.file;
        if !self.list.iter().any(is_meant) {
            return None;
        }
        let renewed = |context: &Context| {
            if !is_meant(context) {
                return context.clone();
            }
            let filter = context.entry.as_ref().map_or(&[][..], |entry| &entry.filter);
            Context {
                certificate: certificate.clone(),
                names: names(certificate, filter),
                handshakes: context.handshakes.with(certificate),
                ..context.clone()
            }
        };
        let list = self.list.iter().map(renewed).collect();
        Some(Self::new(list, self.sources.clone(), self.usual.clone()))
    }

    /// The same with one more line at the end of `source`, without options; `None`: that is not
    /// served.
    #[must_use]
    pub fn with_line(
        &self,
        source: &str,
        certificate: &Certificate,
        filter: &[NamePattern],
    ) -> Option<Self> {
        let mut sources = self.sources.clone();
        let (source, lines) = self.sources.get_key_value(source)?;
        let line = lines + 1;
        sources.insert(Arc::clone(source), line);
        let mut list = self.list.clone();
        list.push(Context {
            certificate: certificate.clone(),
            bundle: list.last().map_or(0, |last| last.bundle + 1),
            entry: Some(Entry {
                source: Arc::clone(source),
                line,
                options: String::new(),
                filter: filter.to_vec(),
            }),
            names: names(certificate, filter),
            handshakes: self.usual.with(certificate),
        });
        Some(Self::new(list, sources, self.usual.clone()))
    }

    /// The same without this line.
    #[must_use]
    pub fn without_line(&self, source: &str, file: &str, line: usize) -> Self {
        let mut list = self.list.clone();
        list.retain(|context| {
            let entry = context.entry.as_ref();
            let is_meant =
                entry.is_some_and(|entry| &*entry.source == source && entry.line == line);
            !is_meant || &*context.certificate.file != file
        });
        Self::new(list, self.sources.clone(), self.usual.clone())
    }
}

/// The first of those with the best key: one that the client can use, and of those ECDSA before RSA
/// before others, as in HAProxy.
fn fitting<'c>(
    hello: &ClientHello<'_>,
    contexts: impl Iterator<Item = &'c Context>,
) -> Option<&'c Context> {
    contexts.min_by_key(|context| {
        let rank = match context.certificate.key.key.algorithm() {
            SignatureAlgorithm::ECDSA => 0,
            SignatureAlgorithm::RSA => 1,
            _ => 2,
        };
        (!is_usable(hello, context), rank)
    })
}

/// Whether there is a suite both sides know in which this key can sign what the client can verify.
/// A client of TLS 1.2 says by its suites which kinds of keys it takes, whatever schemes it names.
fn is_usable(hello: &ClientHello<'_>, context: &Context) -> bool {
    let key = &context.certificate.key.key;
    let ours = &context.handshakes.config.crypto_provider().cipher_suites;
    let mut shared = ours.iter().filter(|suite| hello.cipher_suites().contains(&suite.suite()));
    shared.any(|suite| suite.usable_for_signature_algorithm(key.algorithm()))
        && key.choose_scheme(hello.signature_schemes()).is_some()
}
