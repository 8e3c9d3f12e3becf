//! Certificates of a bind: files, directories and lists, and what their lines say differently.

use std::sync::Arc;

use haproxy_compat::span::Spanned;

use super::{Problems, Terms, VERIFY, VERSIONS, terms};
use crate::config::model::certificate::Certificate;
use crate::config::model::contexts::Entry;
use crate::config::model::{Lookups, TlsWords, Versions};
use crate::config::raw;
use crate::config::tls::{self, Line, Reader};

/// Lines of all lists of one bind: each costs memory of its own.
const LIST_LINES_MAX: usize = 100_000;

/// A certificate as it was listed.
pub(super) struct Listed {
    pub(super) identity: Certificate,
    pub(super) bundle: usize,
    pub(super) entry: Option<Entry>,
    /// What its line says differently; the bind's where it says nothing.
    pub(super) own: Option<usize>,
}

/// Adds the certificates under a path, with what their line says of them.
pub(super) fn add(
    crt: &Spanned<String>,
    entry: Option<&Entry>,
    own: Option<usize>,
    listed: &mut Vec<Listed>,
    reader: &mut Reader<'_>,
    problems: &mut Problems,
) {
    let Some(found) = problems.keep(crt.span, tls::identities(&crt.value, reader)) else { return };
    // The files of a bundle are one certificate with several keys; those of a directory are not.
    let beside = |identity: &Certificate| {
        identity.file.strip_prefix(crt.value.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    let is_bundle = found.iter().all(beside);
    let first = listed.last().map_or(0, |last: &Listed| last.bundle + 1);
    let directory: Arc<str> = crt.value.trim_end_matches('/').into();
    for (at, identity) in found.into_iter().enumerate() {
        let below = || Entry {
            source: Arc::clone(&directory),
            line: 0,
            options: String::new(),
            filter: Vec::new(),
        };
        let is_below = !is_bundle && *identity.file != *crt.value;
        let entry = entry.cloned().or_else(|| is_below.then(below));
        let bundle = if is_bundle { first } else { first + at };
        listed.push(Listed { identity, bundle, entry, own });
    }
}

/// Adds the certificates of a list.
pub(super) fn crt_list(
    list: &Spanned<String>,
    (words, raw, lookups, own): (&TlsWords, &raw::Tls, &Arc<Lookups>, &mut Vec<Terms>),
    listed: &mut Vec<Listed>,
    reader: &mut Reader<'_>,
    problems: &mut Problems,
) {
    let Some(text) = problems.keep(list.span, reader.file(&list.value)) else { return };
    let lines = match tls::parse_list(&String::from_utf8_lossy(&text)) {
        Ok(lines) if lines.len() <= LIST_LINES_MAX => lines,
        Ok(_) => {
            let message = format!("'{}': more than {LIST_LINES_MAX} lines", list.value);
            return problems.0.push((list.span, message, None));
        }
        Err((number, why)) => {
            let message = format!("'{}', line {number}: {why}", list.value);
            return problems.0.push((list.span, message, None));
        }
    };
    for Line { number, file, options, names } in lines {
        let place = |message: String| format!("'{}', line {number}: {message}", list.value);
        let index = match line_options(words, &options) {
            Ok(None) => None,
            Ok(Some(words)) => {
                let found = own.iter().position(|terms| terms.words == words);
                let Some(index) = found.or_else(|| {
                    let terms = terms(words, raw, lookups, reader, problems)?;
                    own.push(terms);
                    Some(own.len() - 1)
                }) else {
                    continue;
                };
                Some(index)
            }
            Err(message) => {
                problems.0.push((list.span, place(message), None));
                continue;
            }
        };
        let before = problems.0.len();
        let path = below(words.crt_base.as_deref(), file);
        let options = options.iter().fold(String::new(), |text, option| text + option + " ");
        let source = list.value.as_str().into();
        let entry = Entry { source, line: number, options, filter: names };
        let crt = Spanned::new(path, list.span);
        add(&crt, Some(&entry), index, listed, reader, problems);
        for (_, message, _) in &mut problems.0[before..] {
            *message = place(std::mem::take(message));
        }
    }
}

/// `path` where it begins by itself, else below `base`.
fn below(base: Option<&str>, path: String) -> String {
    match base {
        Some(base) if !path.starts_with(['/', '@']) => {
            format!("{}/{path}", base.trim_end_matches('/'))
        }
        _ => path,
    }
}

/// What the options of a line of a list make of the bind's; `None` where there are none.
fn line_options(base: &TlsWords, options: &[String]) -> Result<Option<TlsWords>, String> {
    let mut words = base.clone();
    let (mut min, mut max) = match base.versions {
        Versions::Both => (12, 13),
        Versions::Tls12 => (12, 12),
        Versions::Tls13 => (13, 13),
    };
    let mut options_left = options.iter();
    while let Some(option) = options_left.next() {
        match option.as_str() {
            "no-ca-names" => {
                words.ca_names = false;
                continue;
            }
            "no-alpn" => {
                words.alpn = None;
                continue;
            }
            "allow-0rtt" => return Err("the option 'allow-0rtt' is not supported".to_owned()),
            _ => {}
        }
        let value = options_left.next().cloned().ok_or(format!("'{option}' needs a value"))?;
        let version = || {
            let known = VERSIONS.iter().find(|(name, _)| *name == value);
            known.map(|(_, version)| *version).ok_or(format!("'{value}' is no version of TLS"))
        };
        let authority = |path| Some(below(base.ca_base.as_deref(), path));
        match option.as_str() {
            "alpn" => words.alpn = Some(value),
            "ca-file" => words.ca_file = authority(value),
            "ca-verify-file" => words.ca_verify_file = authority(value),
            // As on a bind they are without effect.
            "npn" | "sigalgs" | "client-sigalgs" | "ocsp-update" => {}
            "crl-file" => words.crl_file = authority(value),
            "ciphers" => words.ciphers = Some(value),
            "ciphersuites" => words.ciphersuites = Some(value),
            "curves" | "ecdhe" => words.curves = Some(value),
            "verify" => {
                let known = VERIFY.iter().find(|(word, _)| *word == value);
                let known = known.ok_or(format!("'{value}' is no 'verify'"))?;
                words.verify = known.1;
            }
            "ssl-min-ver" => min = version()?.max(12),
            "ssl-max-ver" => max = version()?,
            _ => return Err(format!("the option '{option}' is not supported")),
        }
    }
    words.versions = match (min, max) {
        (12, 13) => Versions::Both,
        (12, 12) => Versions::Tls12,
        (13, 13) => Versions::Tls13,
        _ => return Err("no version of TLS is left".to_owned()),
    };
    Ok((words != *base).then_some(words))
}
