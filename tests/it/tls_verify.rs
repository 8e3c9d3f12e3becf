//! Clients whose certificates are bad and who are let in all the same: both programs say the same of
//! the same chains.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::version::{TLS12, TLS13};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};

both! {
    only_errors_that_are_listed_are_ignored,
    optional_means_that_none_may_be_shown,
    authorities_that_are_not_named_count,
}

/// A certificate, and what signs with it.
struct Made {
    pem: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
}

struct Wanted<'a> {
    name: &'a str,
    by: Option<&'a Made>,
    years: (i32, i32),
    is_ca: bool,
}

fn made(Wanted { name, by, years: (from, to), is_ca }: Wanted<'_>) -> Made {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = by.is_some();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    if name == "server" {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    let key = KeyPair::generate().unwrap();
    let signed = match by {
        Some(by) => params.signed_by(&key, &by.issuer),
        None => params.self_signed(&key),
    };
    let (pem, text) = (signed.unwrap().pem(), key.serialize_pem());
    Made { pem, key: text, issuer: Issuer::new(params, key) }
}

const YEARS: (i32, i32) = (2020, 2040);
const PAST: (i32, i32) = (2010, 2020);

fn authority(name: &str) -> Made {
    made(Wanted { name, by: None, years: YEARS, is_ca: true })
}

fn leaf<'a>(name: &'a str, by: &'a Made, years: (i32, i32)) -> Made {
    made(Wanted { name, by: Some(by), years, is_ca: false })
}

/// Files of what clients show, by what is wrong with it.
struct Files {
    dir: TempDir,
    shown: Vec<(&'static str, PathBuf)>,
}

impl Files {
    fn new() -> Self {
        let dir = TempDir::new();
        let (ca, other) = (authority("ca"), authority("other"));
        let inter = made(Wanted { name: "inter", by: Some(&ca), years: YEARS, is_ca: true });
        let old = made(Wanted { name: "old", by: Some(&ca), years: PAST, is_ca: true });
        let foreign = made(Wanted { name: "foreign", by: Some(&other), years: YEARS, is_ca: true });
        let no_ca = leaf("no ca", &ca, YEARS);
        dir.write("ca.pem", &ca.pem);
        let mut shown = Vec::new();
        for (what, of, chain) in [
            ("good", leaf("good", &ca, YEARS), vec![]),
            ("below", leaf("below", &inter, YEARS), vec![&inter]),
            ("expired", leaf("expired", &ca, PAST), vec![]),
            ("early", leaf("early", &ca, (2035, 2040)), vec![]),
            ("unknown", leaf("unknown", &other, YEARS), vec![]),
            ("unknown expired", leaf("unknown", &other, PAST), vec![]),
            ("unknown with root", leaf("unknown", &other, YEARS), vec![&other]),
            ("foreign", leaf("unknown", &foreign, YEARS), vec![&foreign]),
            ("foreign with root", leaf("unknown", &foreign, YEARS), vec![&foreign, &other]),
            (
                "self-signed",
                made(Wanted { name: "self", by: None, years: YEARS, is_ca: false }),
                vec![],
            ),
            ("expired authority", leaf("below", &old, YEARS), vec![&old]),
            ("incomplete", leaf("below", &inter, YEARS), vec![]),
            ("of a server", leaf("server", &ca, YEARS), vec![]),
            ("of no authority", leaf("below", &no_ca, YEARS), vec![&no_ca]),
        ] {
            let chain: String = chain.iter().map(|made| made.pem.as_str()).collect();
            let text = format!("{}{chain}{}", of.pem, of.key);
            shown.push((what, dir.write(&format!("{what}.pem"), &text)));
        }
        Self { dir, shown }
    }

    fn proxy(&self, kind: Kind, server: &Backend, words: &str) -> Proxy {
        let site = Authority::new();
        let crt = site.issue("db.pem", &["db.example"]);
        let ca = self.dir.join("ca.pem");
        Scene::new(kind)
            .bind(&format!("ssl crt {} ca-file {} {words}", crt.display(), ca.display()))
            .frontend(
                "log-format \"SAID %[ssl_c_verify] %[ssl_c_err] %[ssl_c_ca_err] \
                 %[ssl_c_ca_err_depth] %[ssl_c_used] %[ssl_fc_has_crt] END\"",
            )
            .backend(&format!("server s1 {}", server.addr))
            .start()
    }
}

#[test]
fn what_is_ignored_is_told_as_haproxy_tells_it() {
    let (files, server) = (Files::new(), Backend::echo());
    let words = "verify required ca-ignore-err all crt-ignore-err all";
    let said = |kind| -> Vec<String> {
        let proxy = files.proxy(kind, &server, words);
        let said = |(what, crt): &(&str, PathBuf)| {
            let said = [&[&TLS12], &[&TLS13]].map(|versions| {
                let hello = Hello { crt: Some(crt.clone()), versions, ..Hello::default() };
                TlsClient::connect(proxy.addr, &hello).unwrap().ping("let in");
                let line = proxy.log.expect(&["SAID ", " END"]);
                line.split("SAID ").nth(1).unwrap().to_owned()
            });
            format!("{what}: {said:?}")
        };
        files.shown.iter().map(said).collect()
    };
    assert_eq!(said(Kind::Evenkeel), said(Kind::Haproxy));
}

fn only_errors_that_are_listed_are_ignored(kind: Kind) {
    let (files, server) = (Files::new(), Backend::echo());
    for (words, let_in) in [
        ("crt-ignore-err 10", &["good", "below", "expired"][..]),
        (
            "crt-ignore-err all",
            &[
                "good",
                "below",
                "expired",
                "early",
                "unknown",
                "unknown expired",
                "self-signed",
                "incomplete",
                "of a server",
            ],
        ),
        ("crt-ignore-err 20,21", &["good", "below", "unknown", "incomplete"]),
        ("crt-ignore-err 20", &["good", "below"]),
        (
            "ca-ignore-err 10,19",
            &["good", "below", "unknown with root", "foreign with root", "expired authority"],
        ),
    ] {
        let proxy = files.proxy(kind, &server, &format!("verify optional {words}"));
        for (what, crt) in &files.shown {
            let hello = Hello { crt: Some(crt.clone()), ..Hello::default() };
            let is_let_in = TlsClient::is_let_in(proxy.addr, &hello);
            assert_eq!(is_let_in, let_in.contains(what), "{words}: {what}");
            let refused = match *what {
                _ if is_let_in => continue,
                "unknown with root" | "foreign" | "foreign with root" | "expired authority"
                | "of no authority" => "SSL client CA chain cannot be verified",
                _ => "SSL client certificate not trusted",
            };
            proxy.log.expect(&[refused]);
        }
    }
}

fn optional_means_that_none_may_be_shown(kind: Kind) {
    let (files, server) = (Files::new(), Backend::echo());
    for (verify, expected) in [("optional", true), ("required", false)] {
        let words = format!("verify {verify} ca-ignore-err all crt-ignore-err all");
        let proxy = files.proxy(kind, &server, &words);
        assert_eq!(TlsClient::is_let_in(proxy.addr, &Hello::default()), expected, "{verify}");
        if expected {
            proxy.log.expect(&["SAID 0 0 0 0 0 0 END"]);
        }
    }
}

fn authorities_that_are_not_named_count(kind: Kind) {
    let (files, server) = (Files::new(), Backend::echo());
    let stranger = Authority::new();
    let (site, ca) = (Authority::new(), files.dir.join("ca.pem"));
    let crt = site.issue("db.pem", &["db.example"]);
    let known = stranger.issue("client.pem", &["client"]);
    let good = files.shown.iter().find(|(what, _)| *what == "good").map(|(_, crt)| crt);
    for (both, expected) in [(true, true), (false, false)] {
        let named = if both { format!("ca-file {} ", stranger.ca()) } else { String::new() };
        let proxy = Scene::new(kind)
            .bind(&format!(
                "ssl crt {} verify required {named}ca-verify-file {}",
                crt.display(),
                ca.display()
            ))
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let is_let_in = |crt: Option<&PathBuf>| {
            let hello = Hello { crt: crt.cloned(), ..Hello::default() };
            TlsClient::is_let_in(proxy.addr, &hello)
        };
        assert!(is_let_in(good), "{both}");
        assert_eq!(is_let_in(Some(&known)), expected, "{both}");
    }
}

#[test]
fn options_of_lists_that_change_nothing_are_accepted() {
    let site = Authority::new();
    let crt = site.issue("db.pem", &["db.example"]);
    for (options, loads) in [
        ("npn h2 no-ca-names", true),
        ("sigalgs RSA+SHA256 client-sigalgs RSA+SHA256 ocsp-update on no-alpn", true),
        ("allow-0rtt", false),
    ] {
        let list = site.dir.write("list", &format!("{} [{options}] x.example\n", crt.display()));
        let text = format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
             listen l\n bind 127.0.0.1:1 ssl crt-list {}\n server s 127.0.0.1:1\n",
            list.display()
        );
        let file = site.dir.write("l.cfg", &text);
        let (status, said) = Kind::Evenkeel.run(&["-c", "-f", &file.display().to_string()]);
        assert_eq!(status.success(), loads, "{options}: {said}");
        assert!(loads || said.contains("'allow-0rtt' is not supported"), "{said}");
    }
}

#[test]
fn authorities_in_lists_are_below_their_base() {
    let site = Authority::new();
    site.issue("db.pem", &["db.example"]);
    let ca = std::path::PathBuf::from(site.ca());
    let base = ca.parent().unwrap().display();
    let options = format!("verify required ca-file {}", ca.file_name().unwrap().display());
    let list = site.dir.write("list", &format!("db.pem [{options}] x.example\n"));
    let text = format!(
        "global\n ca-base {base}\n crt-base {base}\n\
         defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
         listen l\n bind 127.0.0.1:1 ssl crt-list {}\n server s 127.0.0.1:1\n",
        list.display()
    );
    let file = site.dir.write("l.cfg", &text);
    for kind in [Kind::Haproxy, Kind::Evenkeel] {
        let (status, said) = kind.run(&["-c", "-f", &file.display().to_string()]);
        assert!(status.success(), "{said}");
    }
}
