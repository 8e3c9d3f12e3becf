//! Laws that hold for every probe: no bytes break it, and where they are cut changes nothing.

use proptest::prelude::*;

use super::testing::{End, served, served_in_pieces};
use crate::pure::pattern::Regex;
use crate::pure::probe::format::Format;
use crate::pure::probe::kind::{
    CheckKind, Expect, ExpectReport, HttpCheck, HttpExpect, HttpMatch, HttpSend, MysqlDialect,
    Pattern, ScriptStep,
};

fn expect(pattern: Pattern, negated: bool) -> ScriptStep {
    ScriptStep::Expect(Expect {
        pattern,
        negated,
        min_recv: None,
        comment: None,
        report: ExpectReport::default(),
    })
}

fn http(matcher: Option<HttpMatch>) -> CheckKind {
    let expect = |matcher: HttpMatch| HttpExpect {
        negated: false,
        min_recv: None,
        comment: None,
        report: matcher.report(),
        matcher,
    };
    let send = HttpSend {
        method: "GET".to_owned(),
        uri: Format::literal(b"/"),
        version: "HTTP/1.1".to_owned(),
        headers: Vec::new(),
        body: Format::default(),
        comment: None,
    };
    let expect = matcher.map_or_else(HttpExpect::usual, expect);
    let steps = vec![ScriptStep::HttpSend(send), ScriptStep::HttpExpect(expect)];
    CheckKind::Http(HttpCheck { steps, disable_on_404: true, send_state: true })
}

/// One of each. Expectations with `min-recv` and anchored regular expressions are missing: they
/// judge what is there when they look, here as in HAProxy.
fn kinds() -> Vec<CheckKind> {
    let text = |text: &[u8]| Pattern::Text(text.to_vec());
    let hex = Regex::new("4F4B|0A0A", false).expect("a pattern of the test");
    let body = HttpMatch::Body(text(b"primary"));
    let user = Some(("u".to_owned(), MysqlDialect::Post41));
    vec![
        CheckKind::Tcp,
        CheckKind::Script(vec![expect(text(b"OK"), false), expect(text(b"A"), false)]),
        CheckKind::Script(vec![expect(text(b"OK"), true)]),
        CheckKind::Script(vec![expect(Pattern::BinaryRegex(hex), false)]),
        http(None),
        http(Some(body)),
        CheckKind::Mysql { user: None },
        CheckKind::Mysql { user },
        CheckKind::Pgsql { user: "u".to_owned() },
        CheckKind::Redis,
        CheckKind::Ldap,
        CheckKind::SslHello,
    ]
}

/// Bytes that get far into one parser or another, or nowhere.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let starts: [&[u8]; 13] = [
        b"",
        b"OK A",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\npri\r\n4\r\nmary\r\n0\r\n\r\n",
        b"HTTP/1.1 404 No\r\n\r\n",
        b"HTTP/1.0 503 No\r\nContent-Length: 7\r\n\r\nprimary",
        b"\x09\0\0\0\x0a1.2.3\0xx\x03\0\0\x02\xff\x15\x04",
        b"\x03\0\0\0\x0a1\0\x01\0\0\x02\0",
        b"R\0\0\0\x08\0\0\0\0",
        b"E\0\0\0\x08SFATAL\0",
        b"-ERR\r\n+PONG\r\n",
        b"0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0",
        b"0\x84\0\0\0\x10\x02\x01\x01a\x84\0\0\0\x07\x0a\x01",
        b"\x15\x03\0\0\x02",
    ];
    let start = prop::sample::select(starts.map(<[u8]>::to_vec).to_vec());
    let tail = prop::collection::vec(any::<u8>(), 0..40);
    (start, tail, any::<bool>()).prop_map(
        |(start, tail, kept)| {
            if kept { [start, tail].concat() } else { tail }
        },
    )
}

fn ends() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::Close, End::Reset, End::Hang])
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        answer in answers(),
        end in ends(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(answer.len() + 1);
        let bytes: Vec<&[u8]> = answer.chunks(1).collect();
        for kind in kinds() {
            let judged = |pieces: &[&[u8]]| {
                let (status, code, info) = served(&kind, pieces, end);
                // A Postgres error is told as far as it has come; it comes in one piece.
                (status, code, if matches!(kind, CheckKind::Pgsql { .. }) { String::new() } else { info })
            };
            let whole = judged(&[&answer]);
            prop_assert_eq!(&judged(&[&answer[..cut], &answer[cut..]]), &whole);
            prop_assert_eq!(&judged(&bytes), &whole);
        }
    }

    #[test]
    fn a_dialogue_is_judged_by_what_is_said_not_by_its_packets(
        turns in prop::collection::vec(smtp_answers(), 0..4),
        end in ends(),
        cut in any::<prop::sample::Index>(),
    ) {
        let kind = CheckKind::Smtp { hello: "EHLO me".to_owned() };
        let whole: Vec<Vec<&[u8]>> = turns.iter().map(|turn| vec![turn.as_slice()]).collect();
        let pieces: Vec<Vec<&[u8]>> = turns
            .iter()
            .map(|turn| {
                let (first, second) = turn.split_at(cut.index(turn.len() + 1));
                [first, second].into_iter().filter(|piece| !piece.is_empty()).collect()
            })
            .collect();
        prop_assert_eq!(served_in_pieces(&kind, &pieces, end), served_in_pieces(&kind, &whole, end));
    }
}

/// Single lines of SMTP, well or badly said: what a server says at once after it was asked.
fn smtp_answers() -> impl Strategy<Value = Vec<u8>> {
    let lines: [&[u8]; 8] = [
        b"220 ready\r\n",
        b"250-one\r\n250 two\r\n",
        b"250 ok\r\n",
        b"221 bye\r\n",
        b"500 what\r\n",
        b"25",
        b"221 no end",
        b"SSH-2.0-x\r\n",
    ];
    prop::sample::select(lines.map(<[u8]>::to_vec).to_vec())
}
