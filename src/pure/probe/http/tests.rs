use super::super::testing::{Alone, End, Row, dialogue, served};
use super::*;
use crate::pure::pattern::Regex;
use crate::pure::probe::format::Format;
use crate::pure::probe::kind::{CheckKind, ExpectReport, HttpCheck, ScriptStep, SendHeader};
use crate::pure::probe::{Context, Input, Probe, Step};
use crate::pure::sample::Expr;
use crate::pure::sample::testing::Nowhere;

fn plain() -> HttpSend {
    HttpSend {
        method: "OPTIONS".to_owned(),
        uri: Format::literal(b"/"),
        version: "HTTP/1.0".to_owned(),
        headers: Vec::new(),
        body: Format::default(),
        comment: None,
    }
}

fn check(send: HttpSend, expects: Vec<HttpExpect>) -> CheckKind {
    let expects = expects.into_iter().map(ScriptStep::HttpExpect);
    let steps = std::iter::once(ScriptStep::HttpSend(send)).chain(expects).collect();
    CheckKind::Http(HttpCheck { steps, disable_on_404: false, send_state: false })
}

fn usual() -> CheckKind {
    check(plain(), vec![HttpExpect::usual()])
}

fn expecting(negated: bool, matcher: HttpMatch) -> CheckKind {
    check(plain(), vec![expect(negated, matcher)])
}

fn expect(negated: bool, matcher: HttpMatch) -> HttpExpect {
    HttpExpect { negated, min_recv: None, comment: None, report: matcher.report(), matcher }
}

fn body_of(text: &str) -> HttpMatch {
    HttpMatch::Body(Pattern::Text(text.as_bytes().to_vec()))
}

fn regex(text: &str) -> Pattern {
    Pattern::Regex(Regex::new(text, false).expect("a pattern of the test"))
}

fn asked(send: HttpSend) -> String {
    match &dialogue(&check(send, Vec::new()), &[Input::Start, Input::Connected])[1] {
        Step::Send(bytes) => String::from_utf8(bytes.clone()).expect("text"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_as_haproxy_2_6_sends_them() {
    assert_eq!(asked(plain()), "OPTIONS / HTTP/1.0\r\n\r\n");
    let header = |name: &str, value: &str| SendHeader {
        name: name.into(),
        value: Format::parse(value.as_bytes(), &mut Nowhere).expect("a format"),
    };
    let check = HttpSend {
        method: "GET".to_owned(),
        uri: Format::literal(b"/x"),
        version: "HTTP/1.1".to_owned(),
        headers: vec![header("Host", "a"), header("X-Y", "z %[str(z)]")],
        body: Format::literal(b"abc"),
        ..plain()
    };
    assert_eq!(
        asked(check),
        "GET /x HTTP/1.1\r\nhost: a\r\nx-y: z z\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"
    );
    let kept = HttpSend { headers: vec![header("Connection", "keep-alive")], ..plain() };
    assert_eq!(asked(kept), "OPTIONS / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
}

#[test]
fn statuses_as_haproxy_2_6_judges_them() {
    let kind = usual();
    let rows: [Row<'_>; 16] = [
        (b"HTTP/1.0 200 OK\r\n\r\n", End::Hang, "L7OK", Some(200), ""),
        (b"HTTP/1.0 200\r\n\r\n", End::Close, "L7OK", Some(200), ""),
        (b"HTTP/3.0 200 OK\r\n\r\n", End::Close, "L7OK", Some(200), ""),
        (b"HTTP/1.0 200 OK\nServer: x\n\nbody", End::Close, "L7OK", Some(200), ""),
        (
            b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
            End::Hang,
            "L7STS",
            Some(503),
            "Service Unavailable",
        ),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", End::Hang, "L7STS", Some(404), "Not Found"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            End::Hang,
            "L7STS",
            Some(100),
            "Continue",
        ),
        (b"HTTP/1.0 1000 OK\r\n\r\n", End::Close, "L7STS", Some(1000), "OK"),
        (b"HTTP/1.0 2x0 OK\r\n\r\n", End::Hang, "L7RSP", None, ""),
        (b"garbage", End::Hang, "L7RSP", None, ""),
        (b"<html>hello</html>", End::Close, "L7RSP", None, ""),
        (b"HTTP/1.0 200 OK\r\nServ", End::Close, "L7RSP", None, ""),
        (b"HTTP/1.0 200 OK\r\nServ", End::Hang, "L7TOUT", None, ""),
        (b"HTTP/1.0 200 OK\r\nServ", End::Reset, "L7RSP", None, ""),
        (b"", End::Close, "L7RSP", None, ""),
        (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
    ];
    for (answer, end, status, code, info) in rows {
        let text = String::from_utf8_lossy(answer);
        assert_eq!(served(&kind, &[answer], end), (status, code, info.to_owned()), "{text}");
    }
}

#[test]
fn endless_heads_and_bodies_are_judged_when_the_buffer_is_full() {
    let head = [b"HTTP/1.0 200 OK\r\nX: ".as_slice(), &[b'x'; 40_000]].concat();
    let verdict = served(&usual(), &[&head], End::Hang);
    assert_eq!(verdict, ("L7RSP", None, String::new()));
    let body = [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &[b'x'; 40_000]].concat();
    let verdict = served(&expecting(false, body_of("primary")), &[&body], End::Hang);
    assert_eq!(verdict, ("L7RSP", None, "HTTP content check did not match".to_owned()));
}

#[test]
fn expected_statuses() {
    let ranges = || HttpMatch::Status(vec![(200, 299), (301, 301)]);
    let found = b"HTTP/1.0 302 Found\r\n\r\n";
    let moved = b"HTTP/1.0 301 Moved\r\n\r\n";
    assert_eq!(served(&expecting(false, ranges()), &[found], End::Hang).0, "L7STS");
    assert_eq!(served(&expecting(false, ranges()), &[moved], End::Hang).0, "L7OK");
    assert_eq!(served(&expecting(true, ranges()), &[found], End::Hang).0, "L7OK");
    let starts = |with: &str| expecting(false, HttpMatch::StatusRegex(regex(with)));
    assert_eq!(served(&starts("^3"), &[found], End::Hang).0, "L7OK");
    let refused = served(&starts("^2"), &[found], End::Hang);
    assert_eq!(refused, ("L7STS", Some(302), "Found".to_owned()));
}

#[test]
fn expected_bodies() {
    let sized = b"HTTP/1.0 500 Bad\r\nContent-Length: 12\r\n\r\nrole replica";
    let open = b"HTTP/1.0 200 OK\r\n\r\nrole replica";
    let short = b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\nrole replica";
    let empty = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let no_match = "HTTP content check did not match";
    let rows: [(bool, &str, Row<'_>); 9] = [
        (false, "replica", (sized, End::Hang, "L7OK", Some(500), "")),
        (false, "replica", (short, End::Hang, "L7OK", Some(200), "")),
        (false, "primary", (sized, End::Hang, "L7RSP", None, no_match)),
        (false, "primary", (open, End::Hang, "L7TOUT", None, "")),
        (false, "primary", (open, End::Close, "L7RSP", None, no_match)),
        (false, "primary", (short, End::Hang, "L7TOUT", None, "")),
        (true, "replica", (sized, End::Hang, "L7RSP", None, "HTTP check matched unwanted content")),
        (true, "primary", (sized, End::Hang, "L7OK", Some(500), "")),
        (
            false,
            "primary",
            (empty, End::Hang, "L7RSP", None, "HTTP content check could not find a response body"),
        ),
    ];
    for (negated, text, (answer, end, status, code, info)) in rows {
        let kind = expecting(negated, body_of(text));
        assert_eq!(served(&kind, &[answer], end), (status, code, info.to_owned()), "{text}");
    }
    let anchored = expecting(false, HttpMatch::Body(regex("^role")));
    assert_eq!(served(&anchored, &[open], End::Hang).0, "L7OK");
}

#[test]
fn not_found_passes_conditionally_unless_the_server_is_down() {
    let CheckKind::Http(http) = usual() else { panic!("a check by HTTP") };
    let kind = CheckKind::Http(HttpCheck { disable_on_404: true, ..http });
    let answer: &[u8] = b"HTTP/1.0 404 Gone\r\n\r\n";
    assert_eq!(served(&kind, &[answer], End::Hang), ("L7OKC", Some(404), String::new()));
    let mut probe = Probe::for_kind(
        &kind,
        &Context { answer_bytes_max: 100, down: true, unix_time_s: 0 },
        &Alone,
    );
    for input in [Input::Start, Input::Connected, Input::Sent] {
        probe.step(input);
    }
    let Step::Done(verdict) = probe.step(Input::Bytes(answer)) else { panic!("no verdict") };
    assert_eq!((verdict.status, verdict.code), (CheckStatus::L7Status, Some(404)));
}

#[test]
fn expectations_are_judged_in_turn_and_named_as_haproxy_2_6_does() {
    let answer: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nrole primary";
    let status = |code| expect(false, HttpMatch::Status(vec![(code, code)]));
    let body = |text: &str| expect(false, body_of(text));
    let commented =
        |expect: HttpExpect, text: &str| HttpExpect { comment: Some(text.to_owned()), ..expect };
    let error = |expect: HttpExpect, report: ExpectReport| HttpExpect { report, ..expect };
    let report = ExpectReport::default;
    let broken = ExpectReport {
        error: CheckStatus::L7Status,
        on_error: Some(Format::literal(b"broken")),
        ..report()
    };
    let fine = ExpectReport { on_success: Some(Format::literal(b"fine")), ..report() };
    let other = ExpectReport { error: CheckStatus::L6Response, ..report() };
    let seven = ExpectReport { code: Expr::parse("int(7)", &mut Nowhere).ok(), ..report() };
    let no_match = "HTTP content check did not match comment: second";
    for (expects, status, code, info) in [
        (vec![status(200), body("primary")], "L7OK", Some(200), ""),
        (
            vec![commented(status(200), "first"), commented(body("replica"), "second")],
            "L7RSP",
            None,
            no_match,
        ),
        (vec![commented(status(500), "c")], "L7STS", Some(200), "OK comment: c"),
        (vec![error(commented(status(500), "c"), broken)], "L7STS", Some(200), "broken comment: c"),
        (vec![error(status(500), other)], "L6RSP", None, "OK"),
        (vec![error(body("primary"), fine)], "L7OK", Some(200), "fine"),
        (vec![error(body("primary"), seven)], "L7OK", Some(7), ""),
    ] {
        let kind = check(plain(), expects);
        assert_eq!(served(&kind, &[answer], End::Hang), (status, code, info.to_owned()));
    }
    let waiting = ExpectReport { timeout: CheckStatus::L6Timeout, ..report() };
    let kind = check(plain(), vec![status(200), error(body("primary"), waiting)]);
    let part = b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nrole ";
    assert_eq!(served(&kind, &[part], End::Hang).0, "L6TOUT");
}
