//! What `smtpchk`, `ldap-check`, `ssl-hello-chk` and the options of `expect` find and log.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::proxy::{Kind, Scene};

both! {
    smtp_verdicts,
    ldap_verdicts,
    ssl_hello_verdicts,
    an_expectation_names_its_outcome,
}

/// A server that says the first of `answers`, and each of the others when it was asked something.
fn dialogue(answers: &'static [&'static [u8]]) -> Backend {
    Backend::new(move |mut stream| async move {
        for answer in answers {
            if !answer.is_empty() && stream.write_all(answer).await.is_err() {
                return;
            }
            if !stream.read(&mut [0; 512]).await.is_ok_and(|len| len > 0) {
                return;
            }
        }
    })
}

/// Checks a server for each of `cases` by its own backend; the log must have the sentence.
fn expect_lines(kind: Kind, cases: &[(&str, Backend, &str)]) {
    let mut scene = Scene::new(kind).backend("option log-health-checks\n");
    scene = scene.global("max-spread-checks 200ms\n");
    let mut expected = Vec::new();
    for (number, (check, server, said)) in cases.iter().enumerate() {
        let addr = server.addr;
        scene = scene.backend(&format!(
            "backend b{number}\noption log-health-checks\ntimeout check 1s\n{check}\n\
             server s1 {addr} check inter 500ms fall 1\n"
        ));
        expected.push((format!("server b{number}/s1 "), *said));
    }
    let proxy = scene.start();
    for (server, said) in expected {
        let line = proxy.log.expect(&["Health check for", &server]);
        assert!(line.contains(said), "{said:?} is not in {line:?}");
    }
}

fn smtp_verdicts(kind: Kind) {
    const HI: &[u8] = b"220 hi there\r\n";
    const OK: &[u8] = b"250-a\r\n250 ok\r\n";
    let check = "option smtpchk EHLO me";
    let ehlo = Backend::new(|mut stream| async move {
        let mut asked = [0; 64];
        let _ = stream.write_all(HI).await;
        let len = stream.read(&mut asked).await.unwrap_or(0);
        let answer = if &asked[..len] == b"EHLO me\r\n" { OK } else { b"500 what\r\n" };
        let _ = stream.write_all(answer).await;
        let len = stream.read(&mut asked).await.unwrap_or(0);
        let answer: &[u8] =
            if &asked[..len] == b"QUIT\r\n" { b"221 2.0.0 bye now\r\n" } else { b"" };
        let _ = stream.write_all(answer).await;
        let _ = stream.read(&mut asked).await;
    });
    let empty = "code: 0, info: \"TCPCHK got an empty response at step 5\"";
    expect_lines(
        kind,
        &[
            (
                check,
                ehlo,
                "succeeded, reason: Layer7 check passed, code: 221, info: \"2.0.0 bye now\", check",
            ),
            (
                check,
                dialogue(&[b"554 no way\r\n", b""]),
                "Layer7 wrong status, code: 554, info: \"no way\"",
            ),
            (
                check,
                dialogue(&[b"220-hi there\r\n220 x\r\n", b""]),
                "failed, reason: Layer7 invalid response, info: \"220-hi there\", check",
            ),
            (check, dialogue(&[HI, OK, b"400 busy\r\n", b""]), "code: 400, info: \"busy\""),
            (check, dialogue(&[HI]), empty),
            (check, Backend::silent(), "failed, reason: Layer7 timeout, check duration"),
            ("option smtpchk", dialogue(&[HI, OK, b"221 x\r\n", b""]), "code: 221, info: \"x\""),
        ],
    );
}

fn ldap_verdicts(kind: Kind) {
    let check = "option ldap-check";
    let bound = b"0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0";
    let refused = b"0\x0c\x02\x01\x01a\x07\x0a\x01\x31\x04\0\x04\0";
    let rfc =
        "code: 49, info: \"See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9\", check";
    let empty = "Layer7 invalid response, info: \"TCPCHK got an empty response at step 2\", check";
    expect_lines(
        kind,
        &[
            (
                check,
                Backend::reply(bound),
                "succeeded, reason: Layer7 check passed, code: 0, info: \"Success\"",
            ),
            (check, Backend::reply(refused), rfc),
            (check, Backend::reply(b"HTTP/1.0 400 Bad\r\n\r\n"), "info: \"Not LDAPv3 protocol\""),
            (check, Backend::reply(&bound[..9]), "failed, reason: Layer7 invalid response, check"),
            (check, Backend::reply(b""), empty),
        ],
    );
}

fn ssl_hello_verdicts(kind: Kind) {
    let check = "option ssl-hello-chk";
    let proper = Backend::new(|mut stream| async move {
        let mut hello = [0; 256];
        let len = stream.read(&mut hello).await.unwrap_or(0);
        let suites = (1..=0x1b_u8).chain(0x2f..=0x3a).flat_map(|suite| [0, suite]);
        let mut expected = b"HAPROXYSSLCHK\nHAPROXYSSLCHK\n\0\0\x4e".to_vec();
        expected.extend(suites.chain([1, 0]));
        let head = b"\x16\x03\0\0\x79\x01\0\0\x75\x03\0";
        if len == 126 && hello.starts_with(head) && hello[15..len] == expected {
            let _ = stream.write_all(b"\x15\x03\0\0\x02\x02\x28").await;
        }
        let _ = stream.read(&mut hello).await;
    });
    expect_lines(
        kind,
        &[
            (check, proper, "succeeded, reason: Layer6 check passed, check duration"),
            (
                check,
                Backend::reply(b"HTTP/1.0 400"),
                "failed, reason: Layer6 invalid response, check",
            ),
            (check, Backend::reply(b""), "info: \"TCPCHK got an empty response at step 2\""),
            (check, Backend::silent(), "failed, reason: Layer6 timeout, check"),
        ],
    );
}

fn an_expectation_names_its_outcome(kind: Kind) {
    let rules = [
        ("ok-status L6OK string hi", "Layer6 check passed, info: \"(tcp-check)\""),
        (
            "ok-status L7OKC status-code int(12) on-success drain string hi",
            "conditionally succeeded, reason: Layer7 check conditionally passed, code: 12, info: \"drain\"",
        ),
        ("on-success a%%b string hi", "Layer7 check passed, code: 0, info: \"a%b\""),
        ("status-code res.payload(2,2) string hi", "Layer7 check passed, code: 42, info"),
        ("min-recv 2 error-status L7STS on-error bad string no", "code: 0, info: \"bad\""),
        ("min-recv 2 error-status L4CON string no", "Layer4 connection problem, info: \"TCPCHK"),
        ("tout-status L6TOUT string no", "Layer6 timeout, info: \" at step 1 of tcp-check (expect"),
        ("min-recv 2 comment foo on-error bad string no", "info: \"bad comment: foo\""),
        ("min-recv 2 string-lf no", "did not match content (log-format string) at step 1\""),
        ("min-recv 2 binary-lf 6870", "did not match content (log-format binary) at step 1\""),
    ];
    let checks: Vec<String> = rules
        .iter()
        .map(|(rule, _)| format!("option tcp-check\ntcp-check expect {rule}"))
        .collect();
    let cases: Vec<(&str, Backend, &str)> = checks
        .iter()
        .zip(rules)
        .map(|(check, (_, said))| (check.as_str(), Backend::say(b"hi42"), said))
        .collect();
    expect_lines(kind, &cases);
    let sent = dialogue(&[b"", b"hi"]);
    let rule = "option tcp-check\ntcp-check send-lf 100%%\\r\\n\ntcp-check expect string hi";
    expect_lines(kind, &[(rule, sent, "Layer7 check passed")]);
}
