//! TLS of binds and servers: words, then files, then what a handshake needs.

mod idle;
mod listed;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use haproxy_compat::diag::Report;
use haproxy_compat::span::{Span, Spanned};
use rustls_pki_types::ServerName;

use super::context::Context;
use super::frontend::is_on;
use crate::config::model::certificate::Certificate;
use crate::config::model::contexts::{Context as TlsContext, Contexts, Entry, Handshakes, names};
use crate::config::model::{
    BindTls, CheckKind, HttpCheck, Layer, Lookups, ScriptStep, ServerTls, Sni, TlsWords, Verify,
    Versions,
};
use crate::config::raw::{self, Field};
use crate::config::tls::{self, Offer, Reader, Resumption, Trust};
use crate::pure::sample::{Expr, Facts, Stage};
use crate::pure::tls::verify_errors;
use listed::{Listed, add, crt_list};

/// The words of `verify`.
pub(in crate::config) const VERIFY: [(&str, Verify); 3] =
    [("none", Verify::None), ("optional", Verify::Optional), ("required", Verify::Required)];

/// Versions by their names, and which of the two spoken here each is at least.
const VERSIONS: [(&str, u8); 5] =
    [("SSLv3", 0), ("TLSv1.0", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)];

/// Words with what was read for them.
struct Terms {
    words: TlsWords,
    offer: Offer,
    trust: Option<Arc<Trust>>,
    resumption: Resumption,
}

impl Context<'_> {
    /// TLS of a bind; `None` where it has none or was refused.
    pub(super) fn bind_tls(&mut self, raw: &raw::Bind, owner: &str) -> Option<Box<BindTls>> {
        let tls = &raw.tls;
        let what = format!("a bind of {owner}");
        let Some(on) = tls.on.as_ref().filter(|on| on.value) else {
            self.idle_tls(tls, &what);
            self.idle_certificates(tls);
            return None;
        };
        let words = self.tls_words(&what, tls)?;
        let mut reader = Reader::new(&mut *self.world, &self.certificates);
        let mut problems = Problems::default();
        let lookups = Arc::default();
        let base = terms(words.clone(), tls, &lookups, &mut reader, &mut problems);
        let mut own = Vec::new();
        let mut listed = Vec::new();
        for crt in &tls.crt {
            add(crt, None, None, &mut listed, &mut reader, &mut problems);
        }
        for list in &tls.crt_list {
            let terms = (&words, &**tls, &lookups, &mut own);
            crt_list(list, terms, &mut listed, &mut reader, &mut problems);
        }
        let fingerprint = reader.fingerprint();
        if listed.is_empty() && problems.0.is_empty() {
            let message = format!("{what}: 'ssl' without a certificate");
            if words.strict_sni {
                problems.1.push((on.span, format!("{message}: every handshake is refused")));
            } else {
                problems.0.push((on.span, message, Some("name one with 'crt'")));
            }
        }
        let contexts = base.and_then(|base| contexts(on.span, listed, &base, &own, &mut problems));
        self.report_tls(problems);
        let contexts = Arc::new(ArcSwap::from_pointee(contexts?));
        Some(Box::new(BindTls { words, fingerprint, contexts, lookups }))
    }

    /// TLS to a server, or of its check: `sni` and `alpn` come from the caller.
    pub(super) fn server_tls(
        &mut self,
        raw: &raw::Tls,
        span: Span,
        what: &str,
        check: bool,
    ) -> Option<Box<ServerTls>> {
        let mut raw = raw.clone();
        if check {
            raw.sni = raw.check_sni.take();
            raw.alpn = raw.check_alpn.take();
        }
        let mut words = self.tls_words(what, &raw)?;
        if raw.verify.is_none() {
            words.verify = Verify::Required;
        }
        if words.verify == Verify::Optional {
            let span = raw.verify.as_ref().map_or(span, |verify| verify.span);
            self.report.alert(span, format!("{what}: 'verify' is 'none' or 'required'"));
            return None;
        }
        let sni = self.sni(what, raw.sni.as_ref(), check)?;
        let mut problems = Problems::default();
        if words.verify == Verify::Required && words.ca_file.is_none() {
            let message = format!("{what}: nobody says whose certificates to trust");
            let help = "name the authorities with 'ca-file' ('@system-ca' for the system's), or \
                        write 'verify none' where the network itself is trusted";
            problems.0.push((span, message, Some(help)));
        }
        let mut reader = Reader::new(&mut *self.world, &self.certificates);
        let terms = terms(words.clone(), &raw, &Arc::default(), &mut reader, &mut problems);
        let mut listed = Vec::new();
        for crt in &raw.crt {
            add(crt, None, None, &mut listed, &mut reader, &mut problems);
        }
        let fingerprint = reader.fingerprint();
        let config = terms.and_then(|Terms { words, offer, trust, .. }| {
            let certificate = listed.pop().map(|listed| listed.identity);
            let key = certificate.as_ref().map(|certificate| Arc::clone(&certificate.key));
            let config = tls::client_config(&words, &offer, trust, key);
            let (config, verifier) = problems.keep(span, config)?;
            Some((Arc::new(config), verifier, certificate))
        });
        self.report_tls(problems);
        let (config, verifier, certificate) = config?;
        Some(Box::new(ServerTls { words, fingerprint, config, verifier, certificate, sni }))
    }

    /// How a check of `kind` speaks TLS, and whether all its connections do: those with a place of
    /// their own to ask do not follow the server.
    pub(super) fn check_tls(
        &mut self,
        raw: &raw::Server,
        kind: &CheckKind,
        own_target: bool,
        what: &str,
    ) -> (Option<Box<ServerTls>>, bool) {
        let traffic = raw.tls.on.as_ref().filter(|on| on.value && !own_target);
        let always = match &raw.tls.check {
            Some(check) => check.value.then_some(check.span),
            None => traffic.map(|on| on.span),
        };
        let is_tls = |step: &ScriptStep| {
            matches!(step, ScriptStep::Connect { layer: Layer::Tls { .. }, .. })
        };
        let asked = match kind {
            CheckKind::Script(steps) | CheckKind::Http(HttpCheck { steps, .. }) => {
                steps.iter().any(is_tls)
            }
            _ => false,
        };
        let span = always.or(asked.then_some(raw.name.span));
        let tls = span.and_then(|span| self.server_tls(&raw.tls, span, what, true));
        (tls, always.is_some())
    }

    /// The name to ask for: an expression, or just a `name`.
    fn sni(&mut self, what: &str, written: Option<&Spanned<String>>, name: bool) -> Option<Sni> {
        let Some(written) = written else { return Some(Sni::Absent) };
        let text = written.value.as_str();
        self.reads_rules = true;
        let parsed = match name {
            true => host_name(text).map(Sni::Fixed),
            false => match Expr::parse(text, self)
                .and_then(|expr| self.told_at(written.span, expr, Stage::Dial))
            {
                Ok(expr) => constant(&expr)
                    .map_or(Ok(Sni::Expr(Box::new(expr))), |name| host_name(&name).map(Sni::Fixed)),
                Err(error) => Err(format!("'sni {text}': {error}")),
            },
        };
        self.reads_rules = false;
        match parsed {
            Ok(sni) => Some(sni),
            Err(why) => {
                self.report.alert(written.span, format!("{what}: {why}"));
                self.report.help("write str(NAME), ssl_fc_sni, or another expression");
                None
            }
        }
    }

    fn tls_words(&mut self, what: &str, raw: &raw::Tls) -> Option<TlsWords> {
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        let texts = |list: &[Spanned<String>]| list.iter().map(|one| one.value.clone()).collect();
        let verify = self.word("verify", &raw.verify, &VERIFY);
        let versions = self.versions(what, raw)?;
        Some(TlsWords {
            crt: texts(&raw.crt),
            crt_list: texts(&raw.crt_list),
            crt_base: text(&raw.crt_base),
            ca_base: text(&raw.ca_base),
            ca_file: text(&raw.ca_file),
            ca_verify_file: text(&raw.ca_verify_file),
            crl_file: text(&raw.crl_file),
            crt_ignore_err: self.ignored_errors(what, &raw.crt_ignore_err),
            ca_ignore_err: self.ignored_errors(what, &raw.ca_ignore_err),
            verify: verify.unwrap_or_default(),
            alpn: text(&raw.alpn),
            ciphers: text(&raw.ciphers),
            ciphersuites: text(&raw.ciphersuites),
            curves: text(&raw.curves),
            versions,
            strict_sni: is_on(&raw.strict_sni),
            prefer_client_ciphers: is_on(&raw.prefer_client_ciphers),
            resume: raw.resume.as_ref().is_none_or(|resume| resume.value),
            ca_names: raw.ca_names.as_ref().is_none_or(|names| names.value),
            sni: text(&raw.sni),
            verify_host: text(&raw.verify_host),
        })
    }

    fn ignored_errors(&mut self, what: &str, raw: &Field<String>) -> Option<String> {
        let list = raw.as_ref()?;
        if let Err(word) = verify_errors::set(&list.value) {
            let message = format!("{what}: '{word}' is no error of the verification");
            self.report.alert(list.span, message);
            self.report.help("write 'all', or numbers such as 10 or X509_V_ERR_CERT_HAS_EXPIRED");
        }
        Some(list.value.clone())
    }

    fn versions(&mut self, what: &str, raw: &raw::Tls) -> Option<Versions> {
        let min = self.word("ssl-min-ver", &raw.min_ver, &VERSIONS);
        let max = self.word("ssl-max-ver", &raw.max_ver, &VERSIONS);
        if (raw.min_ver.is_some() && min.is_none()) || (raw.max_ver.is_some() && max.is_none()) {
            return None;
        }
        let span = raw.max_ver.as_ref().or(raw.min_ver.as_ref()).map(|field| field.span);
        match (min.unwrap_or(12).max(12), max.unwrap_or(13)) {
            (12, 13) => Some(Versions::Both),
            (12, 12) => Some(Versions::Tls12),
            (13, 13) => Some(Versions::Tls13),
            (min, max) => {
                let message = if max < 12 {
                    format!("{what}: versions of TLS before 1.2 are not spoken here")
                } else {
                    format!("{what}: no version is both at least 1.{} and at most 1.2", min - 10)
                };
                self.report.alert(span.unwrap_or_default(), message);
                None
            }
        }
    }

    fn report_tls(&mut self, problems: Problems) {
        // A server and its check, or many lines with one setting of the process, share a mistake.
        let is_new = |report: &Report, span, message: &str| {
            !report.iter().any(|said| said.span == Some(span) && said.message == message)
        };
        for (span, message, help) in problems.0 {
            if is_new(self.report, span, &message) {
                self.report.alert(span, message);
                if let Some(help) = help {
                    self.report.help(help);
                }
            }
        }
        for (span, message) in problems.1 {
            if is_new(self.report, span, &message) {
                self.report.warning(span, message);
            }
        }
    }

    /// Refuses TLS on sockets that do not speak it.
    pub(super) fn plain_only(&mut self, binds: &[raw::Bind], owner: &str) {
        for on in binds.iter().filter_map(|bind| bind.tls.on.as_ref().filter(|on| on.value)) {
            self.report.alert(on.span, format!("{owner} does not speak TLS"));
            self.report.help("put a frontend with 'ssl' in front of it");
        }
    }
}

fn host_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned()).map_err(|_| format!("'{name}' is no host name for 'sni'"))
}

/// What an expression says that asks nothing of the session.
fn constant(expr: &Expr) -> Option<String> {
    struct Nothing;
    impl Facts for Nothing {}
    if !expr.text.starts_with("str(") || !expr.converters.is_empty() {
        return None;
    }
    let value = expr.evaluate(&Nothing).value()?;
    String::from_utf8(value.into_bytes()).ok()
}

/// Alerts with their helps, and warnings.
#[derive(Default)]
struct Problems(Vec<(Span, String, Option<&'static str>)>, Vec<(Span, String)>);

impl Problems {
    /// The value, or its refusal remembered.
    fn keep<T>(&mut self, span: Span, found: Result<T, String>) -> Option<T> {
        found.map_err(|message| self.0.push((span, message, None))).ok()
    }
}

/// Reads what the words of a line refer to besides certificates.
fn terms(
    words: TlsWords,
    raw: &raw::Tls,
    lookups: &Arc<Lookups>,
    reader: &mut Reader<'_>,
    problems: &mut Problems,
) -> Option<Terms> {
    let on = raw.on.as_ref().or(raw.check.as_ref()).map(|on| on.span).unwrap_or_default();
    let place = |field: &Field<String>| field.as_ref().map_or(on, |field| field.span);
    let of = |key: &str| match key {
        "ciphers" => place(&raw.ciphers),
        "ciphersuites" => place(&raw.ciphersuites),
        _ => place(&raw.curves),
    };
    let offer = match tls::offer(&words) {
        Ok(offer) => offer,
        Err((key, message)) => {
            problems.0.push((of(key), message, None));
            return None;
        }
    };
    for key in ["ciphers", "ciphersuites", "curves"] {
        let unknown = offer.unknown.iter().filter(|(of, _)| *of == key);
        let unknown: Vec<&str> = unknown.map(|(_, word)| word.as_str()).collect();
        if !unknown.is_empty() {
            let message = format!("'{key}': left out, not known here: {}", unknown.join(" "));
            problems.1.push((of(key), message));
        }
    }
    let resumption = problems.keep(on, Resumption::new(&words, lookups))?;
    if words.verify == Verify::None {
        unused_files(&words, raw, on, reader, problems);
        return Some(Terms { words, offer, trust: None, resumption });
    }
    let verify = place(&raw.verify);
    if words.ca_file.is_none() && words.ca_verify_file.is_none() {
        let message = "'verify' without 'ca-file': nobody's certificates would be trusted";
        if problems.0.is_empty() {
            problems.0.push((verify, message.to_owned(), None));
        }
        return None;
    }
    let span = place(&raw.ca_file);
    let mut read = |path: &Option<String>, span| match path {
        Some(path) => problems.keep(span, tls::authorities(path, reader)),
        None => Some(Vec::new()),
    };
    let named = read(&words.ca_file, span)?;
    let silent = read(&words.ca_verify_file, place(&raw.ca_verify_file))?;
    let revoked = match &words.crl_file {
        Some(path) => Some(problems.keep(place(&raw.crl_file), tls::revocations(path, reader))?),
        None => None,
    };
    let trust = Trust::new(named, silent, revoked, Arc::clone(&offer.provider));
    let trust = Some(problems.keep(span, trust)?);
    Some(Terms { words, offer, trust, resumption })
}

/// What is done with each certificate.
/// Authorities and lists that are not asked have to be there all the same, as in HAProxy.
fn unused_files(
    words: &TlsWords,
    raw: &raw::Tls,
    on: Span,
    reader: &mut Reader<'_>,
    problems: &mut Problems,
) {
    let authorities =
        [(&words.ca_file, &raw.ca_file), (&words.ca_verify_file, &raw.ca_verify_file)];
    for (path, field) in authorities {
        let span = field.as_ref().map_or(on, |field| field.span);
        let found = path.as_ref().map(|path| tls::authorities(path, reader));
        problems.keep(span, found.transpose());
    }
    let span = raw.crl_file.as_ref().map_or(on, |field| field.span);
    let found = words.crl_file.as_ref().map(|path| tls::revocations(path, reader));
    problems.keep(span, found.transpose());
}

fn contexts(
    span: Span,
    listed: Vec<Listed>,
    base: &Terms,
    own: &[Terms],
    problems: &mut Problems,
) -> Option<Contexts> {
    let first = listed.first().map(|listed| &listed.identity);
    let usual = problems.keep(span, handshakes(base, first))?;
    let mut contexts = Vec::with_capacity(listed.len());
    let mut sources = BTreeMap::new();
    for Listed { identity: certificate, bundle, entry, own: index } in listed {
        let terms = index.map_or(base, |index| &own[index]);
        let handshakes = problems.keep(span, handshakes(terms, Some(&certificate)))?;
        let filter = entry.as_ref().map_or(&[][..], |entry| &entry.filter);
        let names = names(&certificate, filter);
        if let Some(Entry { source, line, .. }) = &entry {
            let lines = sources.entry(Arc::clone(source)).or_insert(*line);
            *lines = (*lines).max(*line);
        }
        contexts.push(TlsContext { certificate, bundle, entry, names, handshakes });
    }
    problems.0.is_empty().then(|| Contexts::new(contexts, sources, usual))
}

/// How handshakes with a certificate are done; without one they fail, until commands add one.
fn handshakes(terms: &Terms, certificate: Option<&Certificate>) -> Result<Handshakes, String> {
    let Terms { words, offer, trust, resumption } = terms;
    let key = certificate.map(|certificate| &certificate.key);
    let config = tls::server_config(words, offer, trust.as_ref(), key, resumption)?;
    let without_alpn = (!config.alpn_protocols.is_empty()).then(|| {
        let mut config = config.clone();
        config.alpn_protocols.clear();
        Arc::new(config)
    });
    let config = Arc::new(config);
    let without_alpn = without_alpn.unwrap_or_else(|| Arc::clone(&config));
    let examine = tls::examine(words, trust.as_ref());
    Ok(Handshakes { config, without_alpn, examine })
}
