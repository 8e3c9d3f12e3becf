//! What samples say of TLS in log lines and conditions: both programs, with the same certificates,
//! say the same.

use rustls::version::{TLS12, TLS13};

use crate::harness::backend::Backend;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};

/// Samples in the line of a session.
const SAMPLES: [&str; 64] = [
    "ssl_fc",
    "ssl_fc_alg_keysize",
    "ssl_fc_alpn",
    "ssl_fc_cipher",
    "ssl_fc_err",
    "ssl_fc_err_str",
    "ssl_fc_has_crt",
    "ssl_fc_has_early",
    "ssl_fc_has_sni",
    "ssl_fc_is_resumed",
    "ssl_fc_npn",
    "ssl_fc_protocol",
    "ssl_fc_sni",
    "ssl_fc_use_keysize",
    "ssl_c_ca_err",
    "ssl_c_ca_err_depth",
    "ssl_c_err",
    "ssl_c_der,sha1,hex",
    "ssl_c_chain_der,sha1,hex",
    "ssl_c_i_dn",
    "ssl_c_key_alg",
    "ssl_c_notafter",
    "ssl_c_notbefore",
    "ssl_c_s_dn",
    "ssl_c_s_dn(CN)",
    "ssl_c_s_dn(cn)",
    "ssl_c_i_dn(cn)",
    "ssl_c_s_dn(CN,-1)",
    "ssl_c_s_dn(O)",
    "ssl_c_s_dn(,0,rfc2253)",
    "ssl_f_i_dn(,0,rfc2253)",
    "ssl_c_serial,hex",
    "ssl_c_sha1,hex",
    "ssl_c_sig_alg",
    "ssl_c_used",
    "ssl_c_verify",
    "ssl_c_version",
    "ssl_f_der,sha1,hex",
    "ssl_f_i_dn(CN)",
    "ssl_f_s_dn(cn,1)",
    "ssl_f_key_alg",
    "ssl_f_notafter",
    "ssl_f_notbefore",
    "ssl_f_s_dn",
    "ssl_f_serial,hex",
    "ssl_f_sha1,hex",
    "ssl_f_sig_alg",
    "ssl_f_version",
    "ssl_bc",
    "ssl_bc_alg_keysize",
    "ssl_bc_alpn",
    "ssl_bc_cipher",
    "ssl_bc_is_resumed",
    "ssl_bc_protocol",
    "ssl_bc_use_keysize",
    "ssl_s_der,sha1,hex",
    "ssl_s_chain_der,sha1,hex",
    "ssl_s_i_dn",
    "ssl_s_key_alg",
    "ssl_s_notafter",
    "ssl_s_s_dn(CN)",
    "ssl_s_serial,hex",
    "ssl_s_sig_alg",
    "ssl_s_version",
];

/// Samples in a line: longer lines are cut.
const AT_ONCE: usize = 15;

/// `sample=value` of one session, for each of these samples.
fn values(kind: Kind, authority: &Authority, hello: &Hello<'_>, samples: &[&str]) -> Vec<String> {
    let server = Backend::echo();
    let crt = authority.path("db.pem");
    let ending = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl crt {crt} ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES256-GCM-SHA384"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let format: Vec<String> =
        samples.iter().map(|sample| format!("{sample}=%[{sample}]").replace(' ', "\\ ")).collect();
    let ca = authority.ca();
    let proxy = Scene::new(kind)
        .bind(&format!(
            "ssl crt {crt} ca-file {ca} verify optional alpn postgresql \
             ciphersuites TLS_AES_256_GCM_SHA384 ciphers ECDHE-ECDSA-AES128-GCM-SHA256"
        ))
        .frontend(&format!("log-format \"SAMPLES {} END\"", format.join("|")))
        .backend(&format!("server s1 {} ssl verify none", ending.addr))
        .start();
    TlsClient::connect(proxy.addr, hello).unwrap().ping("a session");
    let line = proxy.log.expect(&["SAMPLES ", " END"]);
    let line = line.split("SAMPLES ").nth(1).unwrap().trim_end_matches(" END").to_owned();
    line.split('|').map(str::to_owned).collect()
}

#[test]
fn lines_say_what_haproxys_say() {
    let authority = Authority::new();
    authority.issue("db.pem", &["db.example"]);
    let crt = authority.issue("client.pem", &["client.example"]);
    let none = Hello { name: "db.example", ..Hello::default() };
    let some = Hello { crt: Some(crt), alpn: &["x", "postgresql"], ..none.clone() };
    for hello in [none, some] {
        for versions in [&[&TLS12], &[&TLS13]] {
            let hello = Hello { versions, ..hello.clone() };
            let [real, ours] = [Kind::Haproxy, Kind::Evenkeel].map(|kind| {
                let of = |samples: &[_]| values(kind, &authority, &hello, samples);
                SAMPLES.chunks(AT_ONCE).flat_map(of).collect::<Vec<_>>()
            });
            assert_eq!(real.len(), SAMPLES.len());
            let other: Vec<_> =
                real.iter().zip(&ours).filter(|(real, ours)| real != ours).collect();
            assert!(other.is_empty(), "{versions:?}: {other:#?}");
        }
    }
}
