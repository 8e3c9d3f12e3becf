//! Certificates of version 1: both programs believe them at the end of a chain, and there only.

use std::io::Read;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints,
    SerialNumber, SigningKey, date_time_ymd,
};
use rustls::version::{TLS12, TLS13};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};

both! {
    clients_of_version_1_are_verified,
    servers_of_version_1_are_verified,
}

/// What signs: an authority, or whoever takes itself for one.
struct Signer {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A value of DER, which knows one way to write a length.
fn value(tag: u8, inner: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(inner.len()).unwrap().to_be_bytes();
    let len: &[u8] = match inner.len() {
        0..=0x7f => &[low],
        0x80..=0xff => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], len, inner].concat()
}

/// The values inside of one, whole.
fn values(der: &[u8]) -> Vec<&[u8]> {
    let head = |der: &[u8]| match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        len => (2, usize::from(len)),
    };
    let (mut rest, mut found) = (&der[head(der).0..], Vec::new());
    while !rest.is_empty() {
        let (before, len) = head(rest);
        let (one, behind) = rest.split_at(before + len);
        found.push(one);
        rest = behind;
    }
    found
}

/// A certificate without version and extensions, signed anew by `by`.
fn version_1(der: &[u8], by: &KeyPair) -> String {
    let [body, algorithm, _] = values(der)[..] else { panic!("a certificate has three parts") };
    let kept: Vec<u8> = values(body)
        .into_iter()
        .filter(|part| ![0xa0, 0xa3].contains(&part[0]))
        .flatten()
        .copied()
        .collect();
    let body = value(0x30, &kept);
    let signature = value(0x03, &[&[0], &by.sign(&body).unwrap()[..]].concat());
    pem(&value(0x30, &[&body, algorithm, &signature].concat()))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn authority(name: &str) -> Signer {
    of_params(params(name, true))
}

fn of_params(params: CertificateParams) -> Signer {
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Signer { pem, issuer: Issuer::new(params, key) }
}

/// One of version 1, and what signs with its key.
fn old(params: CertificateParams, by: &Signer) -> Signer {
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, &by.issuer).unwrap();
    Signer { pem: version_1(der.der(), by.issuer.key()), issuer: Issuer::new(params, key) }
}

impl Signer {
    /// With its key and what else is shown.
    fn file(&self, dir: &TempDir, name: &str, beside: &str) -> PathBuf {
        dir.write(name, &format!("{}{beside}{}", self.pem, self.issuer.key().serialize_pem()))
    }
}

fn clients_of_version_1_are_verified(kind: Kind) {
    let (dir, server, site) = (TempDir::new(), Backend::echo(), Authority::new());
    let (ca, same_name) = (authority("ca"), authority("ca"));
    let (between, stranger) = (old(params("between", true), &ca), authority("stranger"));
    let below = params("below", false);
    let mut ended = params("ended", false);
    ended.not_after = date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    let below = Signer {
        pem: below.signed_by(&key, &between.issuer).unwrap().pem(),
        issuer: Issuer::new(below, key),
    };
    let shown = [
        (old(params("good", false), &ca), "", true),
        (old(params("good", false), &stranger), "", false),
        (old(params("good", false), &same_name), "", false),
        (old(ended, &ca), "", false),
        (below, between.pem.as_str(), false),
    ];
    let (ca, crt) = (dir.write("ca.pem", &ca.pem), site.issue("db.pem", &["db.example"]));
    let proxy = Scene::new(kind)
        .bind(&format!("ssl crt {} ca-file {} verify required", crt.display(), ca.display()))
        .frontend("log-format \"SAID %[ssl_c_s_dn] %[ssl_c_version] END\"")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    for (at, (signer, beside, expected)) in shown.iter().enumerate() {
        let crt = signer.file(&dir, &format!("{at}.pem"), beside);
        for versions in [&[&TLS12], &[&TLS13]] {
            let hello = Hello { crt: Some(crt.clone()), versions, ..Hello::default() };
            assert_eq!(TlsClient::is_let_in(proxy.addr, &hello), *expected, "{at} {versions:?}");
            let said = if *expected { "SAID /CN=good 1 END" } else { "SSL client " };
            proxy.log.expect(&[said]);
        }
    }
}

fn servers_of_version_1_are_verified(kind: Kind) {
    let (dir, ca, stranger) = (TempDir::new(), authority("ca"), authority("stranger"));
    let crt = old(params("db.example", false), &ca).file(&dir, "db.pem", "");
    let known = dir.write("ca.pem", &ca.pem).display().to_string();
    let unknown = dir.write("unknown.pem", &stranger.pem).display().to_string();
    let echo = Backend::echo();
    let ending = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", echo.addr))
        .start();
    for (words, expected) in [
        (format!("verify required ca-file {known}"), true),
        (format!("verify required ca-file {known} ssl-max-ver TLSv1.2"), true),
        (format!("verify required ca-file {known} verifyhost db.example"), true),
        (format!("verify required ca-file {known} verifyhost other.example"), false),
        (format!("verify required ca-file {unknown}"), false),
        ("verify none".to_owned(), true),
        ("verify none ssl-max-ver TLSv1.2".to_owned(), true),
    ] {
        let proxy = Scene::new(kind)
            .backend(&format!("retries 0\nserver s1 {} ssl {words}", ending.addr))
            .start();
        let mut client = Client::connect(proxy.addr);
        client.send("ping");
        assert_eq!(client.0.read_exact(&mut [0; 4]).is_ok(), expected, "{words}");
    }
}

/// A signature covers what is signed and not how both are wrapped: a length written in more bytes
/// than it needs gives another fingerprint to the same certificate. HAProxy takes it all the same.
#[test]
fn a_version_1_certificate_is_written_in_one_way() {
    let (dir, server, site) = (TempDir::new(), Backend::echo(), Authority::new());
    let ca = authority("ca");
    let mut client = old(params("good", false), &ca);
    let lines: String = client.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(lines).unwrap();
    let [0x30, 0x82, high, low, inner @ ..] = &der[..] else { panic!("longer than 255 bytes") };
    let wrapped = [&[0x30, 0x83, 0, *high, *low], inner].concat();
    client.pem = pem(&wrapped);
    let (ca, crt) = (dir.write("ca.pem", &ca.pem), site.issue("db.pem", &["db.example"]));
    let proxy = Scene::new(Kind::Evenkeel)
        .bind(&format!("ssl crt {} ca-file {} verify required", crt.display(), ca.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let hello = Hello { crt: Some(client.file(&dir, "c.pem", "")), ..Hello::default() };
    assert!(!TlsClient::is_let_in(proxy.addr, &hello));
}

/// HAProxy looks for those of version 1 in the lists and does not hold them to names: Evenkeel
/// believes none of them where there are such.
#[test]
fn version_1_counts_where_nothing_revokes_or_binds() {
    let (dir, server, site) = (TempDir::new(), Backend::echo(), Authority::new());
    let mut signing = params("ca", true);
    signing.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut bound = signing.clone();
    bound.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let (ca, bound) = (of_params(signing), of_params(bound));
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2099, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = dir.write("crl.pem", &list.signed_by(&ca.issuer).unwrap().pem().unwrap());
    let list = format!("crl-file {}", list.display());
    let crt = site.issue("db.pem", &["db.example"]);
    for (at, (signer, known, words, expected)) in [
        (&ca, ca.pem.clone(), "", true),
        (&ca, ca.pem.clone(), list.as_str(), false),
        (&bound, bound.pem.clone(), "", false),
        (&ca, format!("{}{}", ca.pem, bound.pem), "", false),
    ]
    .into_iter()
    .enumerate()
    {
        let known = dir.write(&format!("ca{at}.pem"), &known);
        let proxy = Scene::new(Kind::Evenkeel)
            .bind(&format!(
                "ssl crt {} ca-file {} verify required {words}",
                crt.display(),
                known.display()
            ))
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let client = old(params("good", false), signer).file(&dir, &format!("{at}.pem"), "");
        let hello = Hello { crt: Some(client), ..Hello::default() };
        assert_eq!(TlsClient::is_let_in(proxy.addr, &hello), expected, "{at} {words}");
    }
}
