//! Pure: TLS of binds and servers as TOML.

use super::text::{Pairs, list, quote};
use super::word;
use crate::config::model::certificate::StoredCertificate;
use crate::config::model::{BindTls, CheckKind, Server, ServerTls, TlsWords, Verify, Versions};
use crate::config::validate::VERIFY;

/// `tls` of a bind.
pub(super) fn bind(pairs: &mut Pairs, tls: Option<&BindTls>) {
    let Some(BindTls { words, .. }) = tls else { return };
    let mut table = Pairs::default();
    common(&mut table, words, Verify::None);
    table.maybe("crt_list", list(&quoted(&words.crt_list)));
    table.maybe("crt_base", text(&words.crt_base));
    table.maybe("ca_base", text(&words.ca_base));
    table.maybe("ca_verify_file", text(&words.ca_verify_file));
    table.maybe("crt_ignore_err", text(&words.crt_ignore_err));
    table.maybe("ca_ignore_err", text(&words.ca_ignore_err));
    table.flag("strict_sni", words.strict_sni);
    table.flag("prefer_client_ciphers", words.prefer_client_ciphers);
    table.maybe("ca_names", (!words.ca_names).then_some(false));
    pairs.table("tls", &table);
}

/// `tls` of a server: what is said of its sessions, and of its check.
pub(super) fn server(pairs: &mut Pairs, server: &Server) {
    // One that holds a session has its own words for TLS.
    let check = server.check.as_ref().filter(|c| !matches!(c.kind, CheckKind::Database(_)));
    let check = check.and_then(|check| check.tls.as_deref());
    let Some(ServerTls { words, .. }) = server.tls.as_deref().or(check) else { return };
    let mut table = Pairs::default();
    table.maybe("on", server.tls.is_none().then_some(false));
    common(&mut table, words, Verify::Required);
    if server.tls.is_some() {
        table.maybe("alpn", text(&words.alpn));
        table.maybe("sni", text(&words.sni));
    }
    table.maybe("verify_host", text(&words.verify_host));
    let own_target =
        |check: &crate::config::model::Check| check.addr.is_some() || check.port.is_some();
    let inherited = server.tls.is_some() && !server.check.as_ref().is_some_and(own_target);
    if let Some(check) = server.check.as_ref().filter(|check| check.is_tls != inherited) {
        table.maybe("check", Some(check.is_tls));
    }
    if let Some(ServerTls { words, .. }) = check {
        table.maybe("check_sni", text(&words.sni));
        table.maybe("check_alpn", text(&words.alpn));
    }
    if table.is_empty() {
        pairs.flag("tls", true);
    } else {
        pairs.table("tls", &table);
    }
}

/// A certificate with a name of its own.
pub(super) fn stored(certificate: &StoredCertificate) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.add("crt", quote(&certificate.crt));
    pairs.maybe("key", text(&certificate.key));
    pairs.maybe("ocsp", text(&certificate.ocsp));
    pairs.maybe("issuer", text(&certificate.issuer));
    pairs
}

fn common(table: &mut Pairs, words: &TlsWords, verify: Verify) {
    table.maybe("crt", list(&quoted(&words.crt)));
    table.maybe("ca_file", text(&words.ca_file));
    table.maybe("crl_file", text(&words.crl_file));
    if words.verify != verify {
        table.maybe("verify", word(&VERIFY, &words.verify));
    }
    if verify == Verify::None {
        table.maybe("alpn", text(&words.alpn));
    }
    table.maybe("ciphers", text(&words.ciphers));
    table.maybe("ciphersuites", text(&words.ciphersuites));
    table.maybe("curves", text(&words.curves));
    match words.versions {
        Versions::Both => {}
        Versions::Tls12 => table.add("max_ver", quote("TLSv1.2")),
        Versions::Tls13 => table.add("min_ver", quote("TLSv1.3")),
    }
    table.maybe("resume", (!words.resume).then_some(false));
}

fn text(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| quote(text))
}

fn quoted(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| quote(text)).collect()
}
