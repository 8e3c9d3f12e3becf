//! `crt-store` sections: certificates whose parts stand in several files, and their names.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section};

use super::tls::{Defaults, complete};
use super::words::{Args, Context};
use crate::config::raw::{Field, StoredCertificate};

/// Lines that a section may have.
const KEYWORDS: [&str; 3] = ["crt-base", "key-base", "load"];

/// Words of `load`.
const LOAD: [&str; 8] = ["crt", "alias", "key", "ocsp", "issuer", "sctl", "ocsp-update", "jwt"];

/// Words of `load` that ask for a certificate to be made or fetched.
const MADE: [&str; 9] = [
    "acme",
    "acme-vars",
    "bits",
    "curves",
    "domains",
    "generate-dummy",
    "ips",
    "keytype",
    "provider-name",
];

/// The certificates of a section.
pub(super) fn lower(
    section: &Section,
    defaults: &Defaults,
    cx: &mut Context<'_>,
) -> Vec<StoredCertificate> {
    let store = section.name.as_ref().map(|name| name.text().into_owned()).unwrap_or_default();
    let mut bases = (defaults.crt_base.clone(), defaults.key_base.clone());
    let mut stored = Vec::new();
    for line in &section.lines {
        let args = &mut Args::new(line, 1);
        let word = &line.words[0];
        match word.text().as_ref() {
            "crt-base" => bases.0 = args.text("crt-base", "a directory", cx),
            "key-base" => bases.1 = args.text("key-base", "a directory", cx),
            "load" => {
                stored.extend(load(&store, line, args, &bases, cx));
                args.skip_all();
            }
            _ => {
                cx.unknown(word, "in a 'crt-store' section", KEYWORDS);
                args.skip_all();
            }
        }
        args.finish(&word.text(), cx);
    }
    stored
}

/// `load crt FILE [alias NAME] [key FILE] …`
fn load(
    store: &str,
    line: &Line,
    args: &mut Args<'_>,
    (crt_base, key_base): &(Field<String>, Field<String>),
    cx: &mut Context<'_>,
) -> Option<StoredCertificate> {
    let mut alias = None;
    let name = Spanned::new(String::new(), line.span);
    let mut stored = StoredCertificate { name, crt: None, key: None, ocsp: None, issuer: None };
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "crt" => stored.crt = args.text("crt", "a file", cx),
            "alias" => alias = args.text("alias", "a name", cx),
            "key" => stored.key = args.text("key", "a file", cx),
            "ocsp" => stored.ocsp = args.text("ocsp", "a file", cx),
            "issuer" => stored.issuer = args.text("issuer", "a file", cx),
            ignored @ ("sctl" | "ocsp-update" | "jwt") => {
                args.next();
                let message = format!("'{ignored}' of a certificate has no effect");
                cx.report.warning(word.span, message);
            }
            made if MADE.contains(&made) => {
                let message = format!("'{made}' is not supported: certificates are only read");
                cx.report.alert(word.span, message);
                return None;
            }
            _ => {
                cx.unknown(word, "after 'load'", LOAD);
                return None;
            }
        }
    }
    let Some(crt) = &mut stored.crt else {
        cx.report.alert(line.span, "'load' needs 'crt FILE'");
        return None;
    };
    let named = alias.as_ref().unwrap_or(crt);
    stored.name = Spanned::new(format!("@{store}/{}", named.value), named.span);
    let base = |field: &Field<String>| field.as_ref().map(|base| base.value.clone());
    let (crt_base, key_base) = (base(crt_base), base(key_base));
    complete(crt, crt_base.as_deref());
    stored.key.iter_mut().for_each(|path| complete(path, key_base.as_deref()));
    for path in [&mut stored.ocsp, &mut stored.issuer].into_iter().flatten() {
        complete(path, crt_base.as_deref());
    }
    Some(stored)
}
