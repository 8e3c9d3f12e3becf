use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::*;

fn certificate() -> Vec<u8> {
    let names = vec!["db.example".to_owned(), "*.db.example".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::CommonName, "first");
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().to_vec()
}

#[test]
fn what_a_certificate_says_is_read() {
    let der = certificate();
    let read = decode(&der).expect("a certificate");
    assert_eq!(read.dns_names, ["db.example", "*.db.example"]);
    assert_eq!(read.common_name(), Some("first"));
    assert_eq!(one_line(&read.issuer), one_line(&read.subject));
    assert!(one_line(&read.subject).contains("/C=DE"), "{}", one_line(&read.subject));
    assert_eq!((read.version, read.not_before.text.len()), (3, 13));
    assert!(read.not_before.is_short);
}

#[test]
fn addresses_are_read_and_what_follows_is_cut() {
    let names = ["127.0.0.1", "::1", "db.example"].map(str::to_owned);
    let params = CertificateParams::new(names).expect("names");
    let key = KeyPair::generate().expect("a key");
    let der = params.self_signed(&key).expect("a certificate").der().to_vec();
    let read = decode(&der).expect("a certificate");
    assert_eq!(
        read.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.1", "::1"]
    );
    assert_eq!(read.dns_names, ["db.example"]);
    // What openssl x509 -trustout writes behind it: an empty list of uses.
    let trusted = [&der[..], &[0x30, 0]].concat();
    assert_eq!(first(&trusted), der);
    assert_eq!(first(b"no certificate"), b"no certificate");
}

#[test]
fn names_are_written_as_openssl_does() {
    let part = |name, value: &'static str| Part { name, value: value.as_bytes(), is_joined: false };
    let parts = [
        part("C", "FR"),
        part("ST", "\u{ce}le"),
        part("L", "Paris, x"),
        part("O", "M\u{fc}ller GmbH"),
        part("OU", "db"),
        part("CN", "app+role"),
        Part { is_joined: true, ..part("UID", " #7 ") },
    ];
    assert_eq!(
        rfc2253(&parts),
        "UID=\\ #7\\ +CN=app\\+role,OU=db,O=M\\C3\\BCller GmbH,L=Paris\\, x,ST=\\C3\\8Ele,C=FR"
    );
    assert_eq!(one_line(&parts[..2]), "/C=FR/ST=\u{ce}le");
}

#[test]
fn dates_become_seconds() {
    let rows = [
        ("700101000000Z", true, Some(0)),
        ("261121105347Z", true, Some(1_795_258_427)),
        ("491231235959Z", true, Some(2_524_607_999)),
        ("500101000000Z", true, Some(-631_152_000)),
        ("20240229120000Z", false, Some(1_709_208_000)),
        ("99991231235959Z", false, Some(253_402_300_799)),
        ("261321105347Z", true, None),
        ("26112110534Z", true, None),
        ("2611211053x7Z", true, None),
        ("", true, None),
    ];
    for (text, is_short, want) in rows {
        assert_eq!(Time { text: text.as_bytes(), is_short }.unix_seconds(), want, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at: usize, byte: u8, cut: usize) {
        let _ = decode(&bytes);
        let mut der = certificate();
        let at = at % der.len();
        der[at] = byte;
        let _ = decode(&der);
        der.truncate(cut % der.len());
        let _ = decode(&der);
    }
}
