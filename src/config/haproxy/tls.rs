//! TLS words of `bind`, `server` and `global`.
//!
//! HAProxy's settings of the process (`ssl-default-…`, `crt-base`) are applied to each line here, as
//! those of `defaults` are: what comes out stands for itself.

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, Word};

use super::words::{Args, Context};
use crate::config::raw::{Field, Tls};

/// `ssl-default-…`, the bases of paths, `ssl-server-verify`.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    bind: Tls,
    server: Tls,
    ca_base: Option<String>,
    pub(super) crt_base: Field<String>,
    pub(super) key_base: Field<String>,
    server_verify: Field<String>,
}

/// Words that `ssl-default-bind-options` and `ssl-default-server-options` may have.
const OPTIONS: [&str; 19] = [
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-sslv3",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "prefer-client-ciphers",
    "ssl-max-ver",
    "ssl-min-ver",
    "strict-sni",
    "no-strict-sni",
    "tls-tickets",
    "verify",
    "ca-file",
];

impl Defaults {
    /// Reads a line of `global`; false if it is about something else.
    pub(super) fn line(&mut self, keyword: &str, line: &Line, cx: &mut Context<'_>) -> bool {
        let args = &mut Args::new(line, 1);
        match keyword {
            "ca-base" => {
                self.ca_base = args.text(keyword, "a directory", cx).map(|base| base.value);
            }
            "key-base" => {
                self.key_base = args.text(keyword, "a directory", cx);
            }
            "crt-base" => {
                self.crt_base = args.text(keyword, "a directory", cx);
            }
            "ssl-server-verify" => {
                self.server_verify = args.text(keyword, "'none' or 'required'", cx);
                let known = ["none", "required"];
                if let Some(word) = line.words.get(1)
                    && !known.contains(&word.text().as_ref())
                {
                    cx.unknown(word, "after 'ssl-server-verify'", known);
                }
            }
            _ => {
                let rest = keyword.strip_prefix("ssl-default-");
                let side = rest.and_then(|rest| rest.split_once('-'));
                let (side, what) = match side {
                    Some(("bind", what)) => (&mut self.bind, what),
                    Some(("server", what)) => (&mut self.server, what),
                    _ => return false,
                };
                if what == "options" {
                    options(keyword, args, side, cx);
                    known_version(keyword, &mut side.min_ver, cx);
                    known_version(keyword, &mut side.max_ver, cx);
                    return true;
                }
                let known = matches!(what, "ciphers" | "ciphersuites" | "curves");
                let Some(word) = line.words.first().filter(|_| known) else { return false };
                option(what, word, args, side, cx);
            }
        }
        args.finish(keyword, cx);
        true
    }

    /// Completes what a `bind` line says.
    pub(super) fn apply_bind(&self, tls: &mut Tls) {
        apply(&self.bind, tls);
        self.complete(tls);
    }

    /// Completes what a `server` line says.
    pub(super) fn apply_server(&self, tls: &mut Tls) {
        apply(&self.server, tls);
        tls.verify = tls.verify.take().or_else(|| self.server_verify.clone());
        self.complete(tls);
    }

    fn complete(&self, tls: &mut Tls) {
        if !tls.crt_list.is_empty() {
            tls.crt_base.clone_from(&self.crt_base);
            tls.ca_base = self.ca_base.clone().map(|base| Spanned::new(base, tls.crt_list[0].span));
        }
        let crt = self.crt_base.as_ref().map(|base| base.value.as_str());
        tls.crt.iter_mut().chain(&mut tls.crt_list).for_each(|path| complete(path, crt));
        let ca = self.ca_base.as_deref();
        [&mut tls.ca_file, &mut tls.ca_verify_file, &mut tls.crl_file]
            .into_iter()
            .flatten()
            .for_each(|p| complete(p, ca));
    }
}

/// Leaves out a version that nobody knows: no line may ever need it.
fn known_version(keyword: &str, version: &mut Field<String>, cx: &mut Context<'_>) {
    const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    if let Some(unknown) = version.take_if(|version| !VERSIONS.contains(&version.value.as_str())) {
        let message = format!("'{}' is no version of TLS for '{keyword}'", unknown.value);
        cx.report.alert(unknown.span, message).help(format!("it can be {}", VERSIONS.join(", ")));
    }
}

pub(super) fn complete(path: &mut Spanned<String>, base: Option<&str>) {
    if let Some(base) = base.filter(|_| !path.value.starts_with(['/', '@'])) {
        path.value = format!("{}/{}", base.trim_end_matches('/'), path.value);
    }
}

/// A setting of the process where the line has none.
fn apply(base: &Tls, tls: &mut Tls) {
    let fields = [
        (&base.ciphers, &mut tls.ciphers),
        (&base.ciphersuites, &mut tls.ciphersuites),
        (&base.curves, &mut tls.curves),
        (&base.min_ver, &mut tls.min_ver),
        (&base.max_ver, &mut tls.max_ver),
        (&base.verify, &mut tls.verify),
        (&base.ca_file, &mut tls.ca_file),
    ];
    for (base, field) in fields {
        *field = field.take().or_else(|| base.clone());
    }
    let flags = [
        (&base.strict_sni, &mut tls.strict_sni),
        (&base.prefer_client_ciphers, &mut tls.prefer_client_ciphers),
        (&base.resume, &mut tls.resume),
    ];
    for (base, field) in flags {
        *field = field.take().or_else(|| base.clone());
    }
}

fn options(keyword: &str, args: &mut Args<'_>, tls: &mut Tls, cx: &mut Context<'_>) {
    let mut next = args.expect(keyword, "options such as 'no-tls-tickets'", cx);
    while let Some(word) = next {
        let name = word.text();
        if !OPTIONS.contains(&name.as_ref()) {
            cx.unknown(word, &format!("after '{keyword}'"), OPTIONS);
            return;
        }
        option(&name, word, args, tls, cx);
        next = args.next();
    }
}

/// Sets what a word of a `bind` or `server` line says about TLS; false if it is about something
/// else.
pub(super) fn option(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    tls: &mut Tls,
    cx: &mut Context<'_>,
) -> bool {
    let flag = |value| Some(Spanned::new(value, word.span));
    match option {
        "ssl" => tls.on = flag(true),
        "no-ssl" => tls.on = flag(false),
        "check-ssl" => tls.check = flag(true),
        "no-check-ssl" => tls.check = flag(false),
        "crt" => tls.crt.extend(args.text(option, "a file with a certificate and its key", cx)),
        "default-crt" => {
            let crt = args.text(option, "a file with a certificate and its key", cx);
            crt.into_iter().for_each(|crt| tls.crt.insert(0, crt));
        }
        "crt-list" => tls.crt_list.extend(args.text(option, "a file", cx)),
        "ca-file" => tls.ca_file = args.text(option, "a file of trusted authorities", cx),
        "ca-verify-file" => {
            tls.ca_verify_file = args.text(option, "a file of trusted authorities", cx);
        }
        "crl-file" => tls.crl_file = args.text(option, "a file of revoked certificates", cx),
        "ca-ignore-err" => tls.ca_ignore_err = args.text(option, "errors, or 'all'", cx),
        "crt-ignore-err" => tls.crt_ignore_err = args.text(option, "errors, or 'all'", cx),
        "verify" => tls.verify = args.text(option, "'none' or 'required'", cx),
        "alpn" => tls.alpn = args.text(option, "protocols separated by commas", cx),
        "check-alpn" => tls.check_alpn = args.text(option, "protocols separated by commas", cx),
        "no-alpn" => tls.alpn = None,
        "ciphers" => tls.ciphers = args.text(option, "cipher suites", cx),
        "ciphersuites" => tls.ciphersuites = args.text(option, "cipher suites", cx),
        "curves" | "ecdhe" => tls.curves = args.text(option, "curves", cx),
        "sni" => tls.sni = args.text(option, "an expression such as str(db.example)", cx),
        "check-sni" => tls.check_sni = args.text(option, "a name", cx),
        "verifyhost" => tls.verify_host = args.text(option, "a name", cx),
        "no-verifyhost" => tls.verify_host = None,
        "strict-sni" => tls.strict_sni = flag(true),
        "no-strict-sni" => tls.strict_sni = flag(false),
        "no-ca-names" => tls.ca_names = flag(false),
        "prefer-client-ciphers" => tls.prefer_client_ciphers = flag(true),
        "no-tls-tickets" | "no-ssl-reuse" => tls.resume = flag(false),
        "tls-tickets" | "ssl-reuse" => tls.resume = flag(true),
        "ssl-min-ver" => tls.min_ver = args.text(option, "a version such as 'TLSv1.2'", cx),
        "ssl-max-ver" => tls.max_ver = args.text(option, "a version such as 'TLSv1.3'", cx),
        _ => return version(option, word.span, tls),
    }
    true
}

/// `force-tlsv12`, `no-tlsv13` and their kin.
fn version(option: &str, span: Span, tls: &mut Tls) -> bool {
    let is = |version: &str| Some(Spanned::new(version.to_owned(), span));
    match option {
        "force-sslv3" => (tls.min_ver, tls.max_ver) = (is("SSLv3"), is("SSLv3")),
        "force-tlsv10" => (tls.min_ver, tls.max_ver) = (is("TLSv1.0"), is("TLSv1.0")),
        "force-tlsv11" => (tls.min_ver, tls.max_ver) = (is("TLSv1.1"), is("TLSv1.1")),
        "force-tlsv12" => (tls.min_ver, tls.max_ver) = (is("TLSv1.2"), is("TLSv1.2")),
        "force-tlsv13" => (tls.min_ver, tls.max_ver) = (is("TLSv1.3"), is("TLSv1.3")),
        // They are never spoken here.
        "no-sslv3" | "no-tlsv10" | "no-tlsv11" => {}
        "no-tlsv12" => tls.min_ver = is("TLSv1.3"),
        "no-tlsv13" => tls.max_ver = is("TLSv1.2"),
        _ => return false,
    }
    true
}
