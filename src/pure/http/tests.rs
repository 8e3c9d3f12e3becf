use super::answer::Connection;
use super::body::Body;
use super::*;
use crate::pure::wire::Parsed;

fn request(text: &str) -> Request {
    match Request::parse(text.as_bytes()) {
        Parsed::Done(request, used) if used == text.len() => request,
        other => panic!("{text:?}: {other:?}"),
    }
}

fn is_bad(text: &str) -> bool {
    matches!(Request::parse(text.as_bytes()), Parsed::Bad(_))
}

#[test]
fn heads_are_read() {
    let it = request("\r\nGET http://h:1/a/b?c=d HTTP/1.1\r\nHost: h:1\nX:  y z \r\nx: 2\r\n\r\n");
    assert_eq!((it.method.as_str(), it.path(), it.query()), ("GET", "/a/b", "c=d"));
    assert_eq!(it.values("x").collect::<Vec<_>>(), ["y z", "2"]);
    assert_eq!(it.names().collect::<Vec<_>>(), ["host", "x", "x"]);
    assert!(!it.is_head() && !it.expects_continue());
    assert_eq!(
        (it.connection(true), it.connection(false)),
        (Connection::Stays, Connection::Closes)
    );
    assert_eq!(request("OPTIONS * HTTP/1.1\r\n\r\n").path(), "/");
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").connection(true), Connection::Closes);
    assert_ne!(
        request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").connection(true),
        Connection::Closes
    );
    assert_eq!(
        request("GET / HTTP/1.1\r\nConnection: x, close\r\n\r\n").connection(true),
        Connection::Closes
    );
    let long =
        request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(long.framing, Framing::Chunked);
    assert_eq!(
        long.connection(true),
        Connection::Closes,
        "whoever is before us may have believed the length"
    );
    let old = "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(old).connection(true), Connection::Closes);
    for target in ["http://x:80/mon", "http://u@X/mon", "http://x/mon"] {
        let it = request(&format!("GET {target} HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"));
        assert_eq!(it.path(), "/mon");
    }
    let twice = request("POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n");
    assert_eq!(twice.framing, Framing::Length(1));
}

#[test]
fn what_is_no_request_is_refused_as_early_as_it_is_known() {
    for text in [
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "GET x HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 x\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \0\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET /#a HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "\x16\x03\x01",
        "(",
    ] {
        assert!(is_bad(text), "{text:?}");
    }
    let headers = "X: y\r\n".repeat(head::HEADERS_MAX + 1);
    assert!(is_bad(&format!("GET / HTTP/1.1\r\n{headers}")));
    for text in ["", "\r\n", "GE", "GET / HTTP/1.1\r\nX"] {
        assert_eq!(Request::parse(text.as_bytes()), Parsed::More, "{text:?}");
    }
}

#[test]
fn bodies_are_read_up_to_their_limit() {
    let parse = |framing, text: &str| match Body::new(framing, 8).read(text.as_bytes()) {
        Parsed::Done(body, used) => Some((body.map(|it| String::from_utf8(it).unwrap()), used)),
        Parsed::More => None,
        Parsed::Bad(_) => Some((Some("bad".to_owned()), 0)),
    };
    let some = |text: &str, used| Some((Some(text.to_owned()), used));
    assert_eq!(parse(Framing::Length(3), "abcd"), some("abc", 3));
    assert_eq!(parse(Framing::Length(3), "ab"), None);
    assert_eq!(parse(Framing::Length(9), "ab"), Some((None, 0)));
    assert_eq!(
        parse(Framing::Chunked, "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n!"),
        some("abcde", 30)
    );
    assert_eq!(parse(Framing::Chunked, "3\r\nabc\r\n0\r\n"), None);
    assert_eq!(parse(Framing::Chunked, "3\r\nab"), None);
    assert_eq!(parse(Framing::Chunked, "ffffffff\r\n"), Some((None, 10)));
    for wrong in [
        "3\rX\r\n",
        "3 junk\r\n",
        "3;a\rb\r\n",
        " 3\r\n",
        "zz\r\n",
        "3\r\nabcde",
        "\r\n",
        "-1\r\n",
        "11111111111111111",
    ] {
        assert_eq!(parse(Framing::Chunked, wrong), some("bad", 0), "{wrong:?}");
    }
}

#[test]
fn answers_say_how_long_they_are_and_what_follows() {
    let text = |answer: &Answer, bare, connection| {
        String::from_utf8(answer.bytes(bare, connection)).unwrap()
    };
    let answer = Answer::new(200, "a/b", "xyz").with("location", "a\r\nb: c");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 3\r\n";
    assert_eq!(text(&answer, false, Connection::Stays), format!("{head}\r\nxyz"));
    let closes = format!("{head}connection: close\r\n\r\n");
    assert_eq!(text(&answer, true, Connection::Closes), closes);
    assert!(
        text(&Answer::plain(503), false, Connection::Stays).contains("503 Service Unavailable")
    );
    assert!(!text(&Answer::bare(204, Vec::new()), false, Connection::Stays).contains("length"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, cut in 0_usize..40) {
        let _ = Request::parse(&bytes);
        let _ = Body::new(Framing::Chunked, 16).read(&bytes);
        let (mut piecewise, mut whole) =
            (Body::new(Framing::Chunked, 16), Body::new(Framing::Chunked, 16));
        let chunked = [b"3;x\r\nabc\r\n0a\r\n", &bytes[..], b"\r\n0\r\n\r\n"].concat();
        let ends = (0..chunked.len()).map(|end| piecewise.read(&chunked[..end]));
        let early = ends.into_iter().find(|read| *read != Parsed::More);
        if let Some(early) = early {
            proptest::prop_assert_eq!(early, whole.read(&chunked));
        }
        let text = b"POST /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let parsed = Request::parse(&text[..cut.min(text.len())]);
        proptest::prop_assert_eq!(parsed, Parsed::More);
    }
}
