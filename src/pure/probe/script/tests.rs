use std::num::NonZeroU16;

use super::super::testing::{End, dialogue, served, verdict_of};
use super::*;
use crate::pure::pattern::Regex;
use crate::pure::probe::format::Format;
use crate::pure::probe::kind::{CheckKind, ExpectReport, Layer};
use crate::pure::sample::Expr;
use crate::pure::sample::testing::Nowhere;

fn sample(text: &str) -> Expr {
    Expr::parse(text, &mut Nowhere).expect("a sample of the test")
}

fn text(pattern: &str) -> Pattern {
    Pattern::Text(pattern.as_bytes().to_vec())
}

fn expect(pattern: Pattern) -> Expect {
    Expect {
        pattern,
        negated: false,
        min_recv: None,
        comment: None,
        report: ExpectReport::default(),
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern, false).expect("a pattern of the test")
}

fn send(data: &str) -> ScriptStep {
    ScriptStep::Send { data: Payload::Text(data.as_bytes().to_vec()), comment: None }
}

fn connect(port: Option<u16>, comment: Option<&str>) -> ScriptStep {
    ScriptStep::Connect {
        port: port.and_then(NonZeroU16::new).map(PortFrom::Fixed),
        addr: None,
        send_proxy: false,
        via_socks4: false,
        linger: false,
        layer: Layer::Plain,
        comment: comment.map(str::to_owned),
    }
}

fn only(expect: Expect) -> CheckKind {
    CheckKind::Script(vec![ScriptStep::Expect(expect)])
}

fn verdict(kind: &CheckKind, answer: &[u8], end: End) -> (&'static str, String) {
    let (status, _, info) = served(kind, &[answer], end);
    (status, info)
}

/// Walks rows of: expectation, answer, how it ends, status, excerpt.
fn assert_rows(rows: Vec<(Expect, &[u8], End, &str, &str)>) {
    for (row, (expect, answer, end, status, info)) in rows.into_iter().enumerate() {
        let told = verdict(&only(expect), answer, end);
        assert_eq!(told, (status, info.to_owned()), "row {row}");
    }
}

#[test]
fn expectations_as_haproxy_2_6_judges_them() {
    let ok = |min_recv| Expect { min_recv, ..expect(text("OK")) };
    let unmet = "TCPCHK did not match content 'OK' at step 1";
    let waited = " at step 1 of tcp-check (expect string 'OK')";
    let reset = "Connection reset by peer at step 1 of tcp-check (expect string 'OK')";
    let silence = "TCPCHK got an empty response at step 1";
    assert_rows(vec![
        (ok(None), b"OK WAY", End::Hang, "L7OK", "(tcp-check)"),
        (ok(None), b"NO WAY", End::Close, "L7RSP", unmet),
        (ok(None), b"NO WAY", End::Hang, "L7TOUT", waited),
        (ok(None), b"NO WAY", End::Reset, "L7RSP", unmet),
        (ok(None), b"OK", End::Reset, "L7OK", "(tcp-check)"),
        (ok(None), b"", End::Close, "L7RSP", silence),
        (ok(None), b"", End::Reset, "SOCKERR", reset),
        (ok(Some(3)), b"NO WAY", End::Hang, "L7RSP", unmet),
        (ok(Some(0)), b"O", End::Hang, "L7TOUT", waited),
        (ok(Some(10)), b"OK", End::Close, "L7OK", "(tcp-check)"),
        (ok(Some(10)), b"OK", End::Hang, "L7TOUT", waited),
    ]);
}

#[test]
fn negated_expectations_as_haproxy_2_6_judges_them() {
    let not_no = |min_recv| Expect { negated: true, min_recv, ..expect(text("NO")) };
    let commented = Expect { comment: Some("foo".to_owned()), ..not_no(None) };
    let unwanted = "TCPCHK matched unwanted content 'NO' at step 1";
    let told = "TCPCHK matched unwanted content 'NO' at step 1 comment: foo";
    let waited = " at step 1 of tcp-check (expect string 'NO')";
    assert_rows(vec![
        (not_no(Some(3)), b"NO WAY", End::Hang, "L7RSP", unwanted),
        (not_no(Some(3)), b"BYE", End::Hang, "L7OK", "(tcp-check)"),
        (commented, b"NO WAY", End::Hang, "L7RSP", told),
        (not_no(None), b"BYE", End::Close, "L7OK", "(tcp-check)"),
        (not_no(None), b"BYE", End::Hang, "L7TOUT", waited),
    ]);
}

#[test]
fn binary_and_regex_expectations_as_haproxy_2_6_judges_them() {
    let of = |pattern: &str| expect(Pattern::Regex(regex(pattern)));
    let hex = |pattern: &str| expect(Pattern::BinaryRegex(regex(pattern)));
    let binary = || expect(Pattern::Binary(b"OK".to_vec()));
    let at = |what: &str| format!("TCPCHK did not match content ({what}) at step 1");
    let (no_regex, no_hex, no_binary) = (at("regex"), at("binary regex"), at("binary"));
    let waited = " at step 1 of tcp-check (expect binary 'OK')";
    assert_rows(vec![
        (of("(?s-u)^a.b$"), b"a\0b", End::Close, "L7OK", "(tcp-check)"),
        (of("^OK"), b"NO", End::Close, "L7RSP", &no_regex),
        (hex("^4F4B"), b"OK WAY", End::Hang, "L7OK", "(tcp-check)"),
        (hex("^4F4B"), b"NO WAY", End::Close, "L7RSP", &no_hex),
        (binary(), b"NO WAY", End::Close, "L7RSP", &no_binary),
        (binary(), b"", End::Hang, "L7TOUT", waited),
        (of("x"), b"", End::Hang, "L7TOUT", " at step 1 of tcp-check (expect regex)"),
        (hex("x"), b"", End::Hang, "L7TOUT", " at step 1 of tcp-check (expect binary regex)"),
    ]);
}

#[test]
fn an_answer_without_end_is_judged_when_the_buffer_is_full() {
    let endless = [b'x'; 40_000];
    assert_eq!(verdict(&only(expect(text("AB"))), &endless, End::Hang).0, "L7RSP");
    let negated = Expect { negated: true, ..expect(text("AB")) };
    assert_eq!(verdict(&only(negated), &endless, End::Hang).0, "L7OK");
}

#[test]
fn connections_fail_with_their_step() {
    let commented = connect(None, Some("the c"));
    let rows = [
        (
            vec![ScriptStep::Expect(expect(text("x")))],
            "Connection refused at initial connection step of tcp-check",
        ),
        (
            vec![commented, ScriptStep::Expect(expect(text("x")))],
            "Connection refused at step 1 of tcp-check (connect) comment: 'the c'",
        ),
        (
            vec![connect(Some(45415), None)],
            "Connection refused at step 1 of tcp-check (connect port 45415)",
        ),
    ];
    for (steps, info) in rows {
        let kind = CheckKind::Script(steps);
        let steps = dialogue(&kind, &[Input::Start, Input::Failed("Connection refused")]);
        assert_eq!(verdict_of(&steps), ("L4CON", None, info.to_owned()));
    }
    let kind = only(expect(text("x")));
    let steps = dialogue(&kind, &[Input::Start, Input::TimedOut]);
    let place = " at initial connection step of tcp-check".to_owned();
    assert_eq!(verdict_of(&steps), ("L4TOUT", None, place));
}

#[test]
fn comments_count_and_name_the_steps_after_them() {
    let note = |text: &str| ScriptStep::Comment(text.to_owned());
    let wants = |text: &str| ScriptStep::Expect(expect(self::text(text)));
    let own = Expect { comment: Some("own".to_owned()), ..expect(text("NO")) };
    let own = || ScriptStep::Expect(own.clone());
    let unmet = "TCPCHK did not match content 'OK' at step";
    let rows = [
        (vec![note("a"), wants("OK")], format!("{unmet} 2 comment: a")),
        (vec![note("a"), note("b"), wants("OK")], format!("{unmet} 3 comment: b")),
        (vec![note("a"), connect(None, None), wants("OK")], format!("{unmet} 3")),
        (vec![note("a"), send("x"), send("y"), wants("OK")], format!("{unmet} 4")),
        (vec![note("a"), wants("NO"), wants("OK")], format!("{unmet} 3 comment: a")),
        (vec![note("a"), own(), wants("OK")], format!("{unmet} 3 comment: a")),
        (vec![own(), wants("OK")], format!("{unmet} 2")),
        (vec![wants("NO"), note("a"), wants("OK")], format!("{unmet} 3 comment: a")),
    ];
    for (steps, info) in rows {
        let kind = CheckKind::Script(steps);
        assert_eq!(verdict(&kind, b"NO WAY", End::Close), ("L7RSP", info));
    }
    let second = connect(Some(7), None);
    let rows = [
        (vec![note("a")], "at initial connection step of tcp-check"),
        (vec![note("a"), wants("OK")], "at initial connection step of tcp-check"),
        (vec![note("a"), second], "at step 2 of tcp-check (connect port 7) comment: 'a'"),
    ];
    for (steps, place) in rows {
        let kind = CheckKind::Script(steps);
        let steps = dialogue(&kind, &[Input::Start, Input::Failed("Connection refused")]);
        assert_eq!(verdict_of(&steps).2, format!("Connection refused {place}"));
    }
}

#[test]
fn comments_neither_part_expectations_nor_end_a_script() {
    let note = || ScriptStep::Comment("a".to_owned());
    let wants = |text: &str| ScriptStep::Expect(expect(self::text(text)));
    let parted = CheckKind::Script(vec![wants("AB"), note(), wants("CD"), note()]);
    assert_eq!(served(&parted, &[b"CDAB"], End::Hang).0, "L7OK");
    assert_eq!(served(&parted, &[b"AB", b"CD"], End::Hang).0, "L7OK");
    let connected = CheckKind::Script(vec![connect(None, None), note()]);
    assert_eq!(verdict(&connected, b"", End::Hang), ("L4OK", "(tcp-check)".to_owned()));
    for nothing in [vec![], vec![note()]] {
        let nothing = CheckKind::Script(nothing);
        assert_eq!(verdict(&nothing, b"", End::Hang), ("L4OK", String::new()));
    }
}

#[test]
fn several_connections_run_in_turn() {
    let steps =
        vec![connect(None, None), ScriptStep::Expect(expect(text("OK"))), connect(Some(7), None)];
    let kind = CheckKind::Script(steps);
    let inputs = [
        Input::Start,
        Input::Connected,
        Input::Bytes(b"OK WAY"),
        Input::Failed("Connection refused"),
    ];
    let steps = dialogue(&kind, &inputs);
    assert!(matches!(&steps[2], Step::Connect(connect) if connect.port == NonZeroU16::new(7)));
    let info = "Connection refused at step 3 of tcp-check (connect port 7)".to_owned();
    assert_eq!(verdict_of(&steps), ("L4CON", None, info));
}

#[test]
fn what_passed_names_the_last_step() {
    let connected = CheckKind::Script(vec![connect(None, None)]);
    assert_eq!(verdict(&connected, b"", End::Hang), ("L4OK", "(tcp-check)".to_owned()));
    let sent = CheckKind::Script(vec![send("x")]);
    assert_eq!(verdict(&sent, b"", End::Hang), ("L7OK", "(tcp-check)".to_owned()));
}

#[test]
fn expectations_share_bytes_until_the_next_send() {
    let shared = CheckKind::Script(vec![
        ScriptStep::Expect(expect(text("AB"))),
        ScriptStep::Expect(expect(text("CD"))),
    ]);
    assert_eq!(served(&shared, &[b"AB", b"CD"], End::Hang).0, "L7OK");
    assert_eq!(served(&shared, &[b"CDAB"], End::Hang).0, "L7OK");
    let asked = CheckKind::Script(vec![
        ScriptStep::Expect(expect(text("HELLO"))),
        send("x"),
        ScriptStep::Expect(expect(text("HELLO"))),
    ]);
    let (status, _, info) = served(&asked, &[b"HELLO", b"BYE"], End::Close);
    assert_eq!(
        (status, info.as_str()),
        ("L7RSP", "TCPCHK did not match content 'HELLO' at step 3")
    );
}

#[test]
fn a_wait_behind_a_negated_expectation_is_its_own() {
    let not_no = |min_recv| {
        let report = ExpectReport { timeout: CheckStatus::L6Timeout, ..ExpectReport::default() };
        Expect { negated: true, min_recv, report, ..expect(text("NO")) }
    };
    let steps = |first| {
        let rest = ["OK", "MORE"].map(|wanted| ScriptStep::Expect(expect(text(wanted))));
        CheckKind::Script([ScriptStep::Expect(first)].into_iter().chain(rest).collect())
    };
    let negated = steps(not_no(Some(2)));
    let waited = " at step 1 of tcp-check (expect string 'NO')";
    assert_eq!(verdict(&negated, b"OK", End::Hang), ("L6TOUT", waited.to_owned()));
    let unwanted = "TCPCHK matched unwanted content 'NO' at step 1";
    let told = served(&negated, &[b"OK", b"NO"], End::Hang);
    assert_eq!((told.0, told.2.as_str()), ("L7RSP", unwanted));
    let plain = steps(expect(text("OK")));
    let waited = " at step 3 of tcp-check (expect string 'MORE')";
    assert_eq!(verdict(&plain, b"OK", End::Hang), ("L7TOUT", waited.to_owned()));
}

#[test]
fn long_patterns_are_cut_like_haproxy_cuts_them() {
    let pattern = "y".repeat(200);
    let (_, info) = verdict(&only(expect(text(&pattern))), b"A", End::Close);
    assert_eq!(info, format!("TCPCHK did not match content '{}", &pattern[..97]));
}

#[test]
fn an_expectation_names_its_outcome() {
    let bytes = |text: &str| Some(Format::literal(text.as_bytes()));
    let rule = |pattern, report| {
        let min_recv = Some(2);
        CheckKind::Script(vec![ScriptStep::Expect(Expect { min_recv, report, ..expect(pattern) })])
    };
    let ok = |ok| ExpectReport { ok, ..ExpectReport::default() };
    let error = |error| ExpectReport { error, ..ExpectReport::default() };
    let fixed = |code| Some(sample(&format!("int({code})")));
    let passed = "(tcp-check)";
    let unmet = "TCPCHK did not match content 'no' at step 1";
    use CheckStatus as Status;
    let rows = [
        ("hi", ok(Status::L6Ok), ("L6OK", None, passed)),
        ("hi", ok(Status::L4Ok), ("L4OK", None, passed)),
        ("hi", ok(Status::L7OkConditional), ("L7OKC", Some(0), passed)),
        (
            "hi",
            ExpectReport { on_success: bytes("a%b"), code: fixed(33), ..ok(Status::L7Ok) },
            ("L7OK", Some(33), "a%b"),
        ),
        (
            "hi",
            ExpectReport { code: Some(sample("res.payload(2,2)")), ..ok(Status::L7OkConditional) },
            ("L7OKC", Some(42), passed),
        ),
        (
            "hi",
            ExpectReport { code: Some(sample("res.payload(2,3)")), ..ok(Status::L7Ok) },
            ("L7OK", Some(0), passed),
        ),
        (
            "no",
            ExpectReport { on_error: bytes("bad"), ..error(Status::L7Status) },
            ("L7STS", Some(0), "bad"),
        ),
        ("no", ExpectReport { code: fixed(7), ..error(Status::L4Con) }, ("L4CON", None, unmet)),
        ("no", error(Status::L7OkConditional), ("L7OKC", Some(0), unmet)),
        (
            "no",
            ExpectReport { code: fixed(77), ..error(Status::L7Status) },
            ("L7STS", Some(77), unmet),
        ),
    ];
    for (pattern, report, (status, code, info)) in rows {
        let found = served(&rule(text(pattern), report.clone()), &[b"hi42"], End::Hang);
        assert_eq!(found, (status, code, info.to_owned()), "{report:?}");
    }
    let timeout = ExpectReport { timeout: CheckStatus::L4Timeout, ..error(Status::L7Status) };
    let waited = " at step 1 of tcp-check (expect string 'no')".to_owned();
    assert_eq!(
        served(&rule(text("no"), timeout.clone()), &[], End::Hang),
        ("L4TOUT", None, waited)
    );
    let empty = "TCPCHK got an empty response at step 1".to_owned();
    assert_eq!(served(&rule(text("no"), timeout), &[], End::Close), ("L7STS", Some(0), empty));
    let formats = [
        (Pattern::TextFormat(Format::literal(b"no")), "(log-format string)"),
        (Pattern::BinaryFormat(Format::literal(b"6e6f")), "(log-format binary)"),
    ];
    for (pattern, shown) in formats {
        let info = format!("TCPCHK did not match content {shown} at step 1");
        let found = served(&rule(pattern, ExpectReport::default()), &[b"hi42"], End::Hang);
        assert_eq!(found, ("L7RSP", None, info));
    }
}

#[test]
fn a_comment_follows_what_on_error_says() {
    let report =
        ExpectReport { on_error: Some(Format::literal(b"bad")), ..ExpectReport::default() };
    let comment = Some("foo".to_owned());
    let rule = Expect { min_recv: Some(2), comment, report, ..expect(text("no")) };
    let found = served(&CheckKind::Script(vec![ScriptStep::Expect(rule)]), &[b"hi"], End::Hang);
    assert_eq!(found, ("L7RSP", None, "bad comment: foo".to_owned()));
}
