//! Certificates with keys of several kinds for one name: a client gets one that it can use.

use std::path::PathBuf;

use rustls::version::TLS12;
use rustls::{CipherSuite, SupportedProtocolVersion};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient, der};

both! {
    the_kind_of_the_key_is_chosen_by_what_the_client_can,
    a_name_written_out_and_a_wildcard_are_alike,
    a_bundle_is_served_whole,
}

const RSA: CipherSuite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
const ECDSA: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const SUITES: [&[CipherSuite]; 3] = [&[RSA], &[ECDSA], &[RSA, ECDSA]];
const OLD: &[&SupportedProtocolVersion] = &[&TLS12];

/// Clients that can use RSA only, ECDSA only, both, and TLS 1.3.
fn clients(name: &str) -> [Hello<'_>; 4] {
    let any = Hello { name, ..Hello::default() };
    let [rsa, ecdsa, both] = SUITES.map(|suites| Hello { suites, versions: OLD, ..any.clone() });
    [rsa, ecdsa, both, any]
}

/// A proxy with these words on its `bind`, in front of a server that echoes.
fn scene(kind: Kind, api: &Api, words: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .bind(&format!("ssl {words}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    (proxy, server)
}

/// Each client is shown the certificate in its row's place; none: there is no handshake.
#[track_caller]
fn expect(proxy: &Proxy, name: &str, rows: [Option<&PathBuf>; 4]) {
    for (hello, crt) in clients(name).iter().zip(rows) {
        let shown = TlsClient::connect(proxy.addr, hello).map(|client| client.certificate());
        let shown = shown.ok();
        assert!(shown == crt.map(der), "{hello:?}: not {crt:?}");
    }
}

fn the_kind_of_the_key_is_chosen_by_what_the_client_can(kind: Kind) {
    let authority = Authority::new();
    let rsa = authority.issue_rsa("rsa.pem", &["db.example"]);
    let ec = authority.issue("ec.pem", &["db.example"]);
    let choice = [Some(&rsa), Some(&ec), Some(&ec), Some(&ec)];
    for (first, second) in [(&rsa, &ec), (&ec, &rsa)] {
        let words = format!("crt {} crt {}", first.display(), second.display());
        let (proxy, _server) = scene(kind, &Api::new(), &words);
        expect(&proxy, "db.example", choice);
        // The first is the default, whatever the client can.
        let row = match first == &rsa {
            true => [Some(&rsa), None, Some(&rsa), Some(&rsa)],
            false => [None, Some(&ec), Some(&ec), Some(&ec)],
        };
        expect(&proxy, "", row);
        expect(&proxy, "other.example", row);
    }
}

fn a_name_written_out_and_a_wildcard_are_alike(kind: Kind) {
    let authority = Authority::new();
    let first = authority.issue_rsa("first.pem", &["first.example"]);
    let rsa = authority.issue_rsa("rsa.pem", &["one.example"]);
    let ec = authority.issue("ec.pem", &["*.example"]);
    let words = format!("crt {} crt {} crt {}", first.display(), rsa.display(), ec.display());
    let (proxy, _server) = scene(kind, &Api::new(), &words);
    expect(&proxy, "one.example", [Some(&rsa), Some(&ec), Some(&ec), Some(&ec)]);
    expect(&proxy, "two.example", [None, Some(&ec), Some(&ec), Some(&ec)]);
}

fn a_bundle_is_served_whole(kind: Kind) {
    let authority = Authority::new();
    let rsa = authority.issue_rsa("db.pem.rsa", &["db.example"]);
    let ec = authority.issue("db.pem.ecdsa", &["db.example"]);
    let other = authority.issue("other.pem", &["other.example"]);
    let bundle = authority.path("db.pem");
    let list = format!("{bundle} *.db.example\n{}\n", other.display());
    let list = authority.dir.write("list", &list).display().to_string();
    let choice = [Some(&rsa), Some(&ec), Some(&ec), Some(&ec)];
    for (words, name) in [
        (format!("crt {bundle} crt {}", other.display()), "db.example"),
        (format!("crt-list {list}"), "one.db.example"),
    ] {
        let api = Api::new();
        let (proxy, _server) = scene(kind, &api, &words);
        expect(&proxy, name, choice);
        expect(&proxy, "other.example", [None, Some(&other), Some(&other), Some(&other)]);
        // Who asks for no name gets a choice, too; of HAProxy 2.6 the one with ECDSA.
        let of_rsa = (kind == Kind::Evenkeel).then_some(&rsa);
        expect(&proxy, "", [of_rsa, Some(&ec), Some(&ec), Some(&ec)]);
        let files = api.ask("show ssl cert");
        let [ec_file, rsa_file] = [&ec, &rsa].map(|file| file.display());
        let listed = format!("# filename\n{ec_file}\n{rsa_file}\n{}\n\n", other.display());
        assert_eq!(files, listed);
        if words.starts_with("crt-list") {
            assert_eq!(
                api.ask(&format!("show ssl crt-list {list}")),
                format!(
                    "# {list}\n{ec_file} *.db.example\n{rsa_file} *.db.example\n{}\n\n",
                    other.display()
                )
            );
        }
    }
    // One of them is changed, and the other is what it was.
    let api = Api::new();
    let (proxy, _server) = scene(kind, &api, &format!("crt {bundle}"));
    let new = authority.issue_rsa("new.pem", &["db.example"]);
    let pem = std::fs::read_to_string(&new).unwrap();
    api.ask(&format!("set ssl cert {} <<\n{}\n", rsa.display(), pem.trim()));
    let said = api.ask(&format!("commit ssl cert {}", rsa.display()));
    assert_eq!(said, format!("Committing {}.\nSuccess!\n\n", rsa.display()));
    expect(&proxy, "db.example", [Some(&new), Some(&ec), Some(&ec), Some(&ec)]);
}
