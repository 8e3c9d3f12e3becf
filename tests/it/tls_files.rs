//! What is wrong with files of TLS is said when a configuration is loaded, with its line; and what
//! changes in them counts after a reload.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient, der};

both! {
    mistakes_are_refused,
    what_is_harmless_is_accepted,
}

/// Whether a file with this line loads, and all that was said of it.
fn check(kind: Kind, dir: &TempDir, line: &str) -> (bool, String) {
    let text = format!(
        "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nlisten l\n \
         bind 127.0.0.1:1024\n {line}\n"
    );
    let path = dir.write("t.cfg", &text);
    let (status, said) = kind.run(&["-c", "-f", &path.display().to_string()]);
    (status.success(), said)
}

/// An authority with the files that the lines below name.
fn files() -> Authority {
    let authority = Authority::new();
    authority.issue("db.pem", &["db.example"]);
    let (certificate, _) = authority.sign(&["db.example"]);
    let (_, other) = authority.sign(&["db.example"]);
    authority.dir.write("other.pem", &format!("{certificate}{other}"));
    authority.dir.write("alone.pem", &certificate);
    authority.dir.write("text.pem", "no certificate");
    authority.dir.write("list", "db.pem [alpn\n");
    authority.dir.write("options", &format!("{} [nonsense x] a\n", authority.path("db.pem")));
    std::fs::create_dir(authority.dir.join("empty")).unwrap();
    authority
}

fn mistakes_are_refused(kind: Kind) {
    let authority = files();
    let rows = [
        ("bind :1025 ssl", "without a certificate"),
        ("bind :1025 ssl crt DIR/none.pem", "No such file or directory"),
        ("bind :1025 ssl crt DIR/other.pem", "other.pem' belongs to another certificate"),
        ("bind :1025 ssl crt DIR/alone.pem", "no private key in 'DIR/alone.pem'"),
        ("bind :1025 ssl crt DIR/text.pem", "no certificate in 'DIR/text.pem'"),
        ("bind :1025 ssl crt DIR/db.pem verify required", "'verify' without 'ca-file'"),
        ("bind :1025 ssl crt DIR/db.pem verify required ca-file DIR/none", "No such file"),
        ("bind :1025 ssl crt DIR/db.pem verify required ca-file DIR/text.pem", "no certificate"),
        ("bind :1025 ssl crt DIR/db.pem verify maybe", "'maybe' is not known"),
        ("bind :1025 ssl crt DIR/db.pem ciphers FOO", "no cipher suite of 'FOO'"),
        ("bind :1025 ssl crt DIR/db.pem curves FOO", "no group of 'FOO'"),
        ("bind :1025 ssl crt DIR/db.pem ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", "no version"),
        ("bind :1025 ssl crt DIR/db.pem ssl-min-ver TLSv9", "'TLSv9' is not known"),
        ("bind :1025 ssl crt-list DIR/list", "'DIR/list', line 1: a ']' is missing"),
        ("bind :1025 ssl crt-list DIR/options", "line 1: the option 'nonsense' is not supported"),
        ("server s 127.0.0.1:1 ssl", "nobody says whose certificates to trust"),
        ("server s 127.0.0.1:1 check check-ssl", "nobody says whose certificates to trust"),
        ("server s 127.0.0.1:1 ssl verify optional", "'verify' is 'none' or 'required'"),
        ("server s 127.0.0.1:1 ssl verify none crt DIR/alone.pem", "no private key"),
        ("server s 127.0.0.1:1 ssl verify none sni nonsense", "'sni nonsense':"),
    ];
    for (line, why) in rows {
        let dir = authority.dir.path().display().to_string();
        let (accepted, said) = check(kind, &authority.dir, &line.replace("DIR", &dir));
        assert!(!accepted, "{line}: {said}");
        if kind == Kind::Evenkeel {
            assert!(said.contains(&why.replace("DIR", &dir)), "{line}: {said}");
            assert!(said.contains("t.cfg:7]"), "{line}: {said}");
        }
    }
}

fn what_is_harmless_is_accepted(kind: Kind) {
    let authority = files();
    let dir = authority.dir.path().display().to_string();
    let pem = std::fs::read_to_string(authority.path("db.pem")).unwrap();
    for title in ["TRUSTED", "X509"] {
        let pem = pem.replace(" CERTIFICATE", &format!(" {title} CERTIFICATE"));
        authority.dir.write(&format!("{title}.pem"), &pem);
    }
    for line in [
        "bind :1025 ssl crt DIR/TRUSTED.pem verify required ca-file DIR/X509.pem",
        "bind :1025 ssl crt DIR/X509.pem verify required ca-file DIR/TRUSTED.pem",
        "bind :1025 ssl crt DIR/db.pem ciphers HIGH:!aNULL:@SECLEVEL=1 curves X25519:P-256",
        "bind :1025 ssl crt DIR/db.pem no-sslv3 no-tlsv10 no-tlsv11 no-tls-tickets strict-sni",
        "bind :1025 ssl crt DIR/db.pem verify optional ca-file DIR/ca.pem no-ca-names",
        "bind :1025 ssl crt DIR/db.pem verify none ca-file DIR/ca.pem prefer-client-ciphers",
        "bind :1025 ssl crt DIR/db.pem ecdhe prime256v1 ssl-min-ver TLSv1.0 alpn h2,http/1.1",
        "bind :1025 ssl crt DIR/db.pem ciphersuites TLS_AES_128_GCM_SHA256 force-tlsv13",
        "server s 127.0.0.1:1 ssl ca-file @system-ca sni str(db.example) alpn h2",
        "server s 127.0.0.1:1 ssl verify none crt DIR/db.pem no-ssl-reuse ssl-max-ver TLSv1.2",
        "server s 127.0.0.1:1 ssl verify required ca-file DIR/ca.pem verifyhost db.example",
        "server s 127.0.0.1:1 ssl verify none sni ssl_fc_sni check check-sni db.example",
        "default-server ssl verify none\n server s 127.0.0.1:1 no-ssl",
    ] {
        let (accepted, said) = check(kind, &authority.dir, &line.replace("DIR", &dir));
        assert!(accepted, "{line}: {said}");
        assert!(!said.contains("[WARNING]"), "{line}: {said}");
    }
}

#[test]
fn a_reload_shows_the_new_certificate_and_keeps_sessions() {
    let authority = Authority::new();
    let crt: PathBuf = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    let proxy = Scene::new(Kind::Evenkeel)
        .bind(&format!("ssl crt {}", crt.display()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let hello = Hello { name: "db.example", ..Hello::default() };
    let mut before = TlsClient::connect(proxy.addr, &hello).unwrap();
    let old = der(&crt);
    assert!(before.certificate() == old);
    // A file that does not load changes nothing.
    std::fs::write(&crt, "nothing").unwrap();
    proxy.process.signal(Signal::USR2);
    eventually("the reload is refused", || {
        proxy.process.output().contains("Reload refused").then_some(())
    });
    assert!(TlsClient::connect(proxy.addr, &hello).unwrap().certificate() == old);
    authority.issue("db.pem", &["db.example"]);
    proxy.process.signal(Signal::USR2);
    eventually("the new certificate is shown", || {
        let shown = TlsClient::connect(proxy.addr, &hello).ok()?.certificate();
        (shown == der(&crt)).then_some(())
    });
    before.ping("the session goes on");
}

/// HAProxy 2.6 knows no such sections; as configuration.txt of 3.2 describes them (3.11).
#[test]
fn stored_certificates_have_names_of_their_own() {
    let authority = Authority::new();
    let server = Backend::echo();
    let mut certificates = Vec::new();
    for name in ["one", "two", "three", "four"] {
        let (crt, key) = authority.sign(&[&format!("{name}.example")]);
        certificates.push((name, authority.dir.write(&format!("{name}.crt"), &crt)));
        authority.dir.write(&format!("{name}.private"), &key);
    }
    let dir = authority.dir.join("").display().to_string();
    let list = authority.dir.write("list", "@web/three [alpn x] three.example\n");
    let store = format!(
        "crt-store web\n crt-base {dir}\n key-base {dir}\n load crt two.crt key two.private\n \
         load crt three.crt key three.private alias three\n\
         crt-store\n load crt {dir}one.crt key {dir}one.private alias first\n \
         load crt {dir}four.crt key {dir}four.private\n"
    );
    let proxy = Scene::new(Kind::Evenkeel)
        .global(&format!("{store}global\n"))
        .bind(&format!(
            "ssl crt @/first crt @web/two.crt crt {dir}four.crt crt-list {} strict-sni",
            list.display()
        ))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    for (name, crt) in &certificates {
        let host = format!("{name}.example");
        let hello = Hello { name: &host, ..Hello::default() };
        let mut client = TlsClient::connect(proxy.addr, &hello).unwrap();
        assert!(client.certificate() == der(crt), "{name}");
        client.ping("served");
    }
}

#[test]
fn mistakes_about_stored_certificates_are_named() {
    let authority = Authority::new();
    let dir = TempDir::new();
    let (crt, key) = authority.sign(&["a.example"]);
    let (_, other) = authority.sign(&["b.example"]);
    for (name, text) in [("a.crt", &crt), ("a.key", &key), ("b.key", &other)] {
        dir.write(name, text);
    }
    let base = dir.join("").display().to_string();
    for (lines, bind, said) in [
        ("load crt a.crt", "crt @s/a.crt", None),
        ("load crt a.crt", "crt @s/b", Some("there is no certificate '@s/b' in a 'crt-store'")),
        ("load crt a.crt key b.key", "", Some("belongs to another certificate")),
        ("load crt b.crt", "", Some("cannot read")),
        ("load key a.key", "", Some("'load' needs 'crt FILE'")),
        ("load crt a.crt\n load crt a.crt", "", Some("two certificates are called '@s/a.crt'")),
        ("load crt a.crt acme x", "", Some("'acme' is not supported")),
        ("lod crt a.crt", "", Some("did you mean 'load'?")),
    ] {
        let bind = if bind.is_empty() { String::new() } else { format!(" ssl {bind}") };
        let text = format!(
            "crt-store s\n crt-base {base}\n key-base {base}\n {lines}\ndefaults\n mode tcp\n \
             timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
             listen l\n bind 127.0.0.1:1{bind}\n server s 127.0.0.1:1\n"
        );
        let file = dir.write("e.cfg", &text);
        let (status, output) = Kind::Evenkeel.run(&["-c", "-f", &file.display().to_string()]);
        assert_eq!(status.success(), said.is_none(), "{lines}: {output}");
        assert!(said.is_none_or(|said| output.contains(said)), "{lines}: {output}");
        if said.is_none() {
            let (_, native) = Kind::Evenkeel.run(&["convert", &file.display().to_string()]);
            let native = dir.write("e.toml", &native).display().to_string();
            let (status, output) = Kind::Evenkeel.run(&["check", &native]);
            assert!(status.success(), "{output}");
        }
    }
}
