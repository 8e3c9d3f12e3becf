use proptest::prelude::*;

use super::testing::{Nothing, Nowhere, text_of};
use super::*;

fn error(text: &str) -> ParseError {
    Expr::parse(text, &mut Nowhere).expect_err(text)
}

#[test]
fn expressions_read_and_keep_their_text() {
    let expr = Expr::parse("req.ssl_sni,lower,field(1,.)", &mut Nowhere).unwrap();
    assert_eq!((expr.converters.len(), expr.kind()), (2, Kind::Str));
    assert_eq!(expr.text, "req.ssl_sni,lower,field(1,.)");
    let (expr, used) = Expr::parse_prefix("src,ipmask(24)] rest", &mut Nowhere).unwrap();
    assert_eq!((expr.text.as_str(), used), ("src,ipmask(24)", 14));
    let words = ["src", "ipmask(24)", "table", "t"];
    let (expr, used) = Expr::parse_words(&words, &mut Nowhere).unwrap();
    assert_eq!((expr.text.as_str(), used), ("src,ipmask(24)", 2));
}

#[test]
fn constants_and_variables_are_answered_here() {
    assert_eq!(text_of("env(SET)").as_deref(), Some("here"));
    assert_eq!(text_of("env(UNSET)"), None);
    assert_eq!(text_of("var(txn.x)"), None);
    assert_eq!(text_of("var(txn.x,none)").as_deref(), Some("none"));
    assert_eq!(text_of("ipv6(::1)").as_deref(), Some("::1"));
    assert_eq!(text_of("src"), None);
}

#[test]
fn mistakes_are_named_and_the_nearest_name_is_offered() {
    let table = [
        ("srcc", "unknown fetch 'srcc'", Some("did you mean 'src'?")),
        ("src,lowr", "unknown converter 'lowr'", Some("did you mean 'lower'?")),
        ("req.payload(1)", "fetch 'req.payload': it takes an offset and a length", None),
        ("src(1)", "fetch 'src': it takes no argument", None),
        ("int(x)", "fetch 'int': 'x' is no number", None),
        ("srv_is_up", "fetch 'srv_is_up': its argument is missing", None),
        ("str(a", "fetch 'str': ')' is missing", None),
        ("src]", "unexpected ']' after 'src'", None),
        ("src,(1)", "the name of a converter is missing behind a comma", None),
        (
            "req.payload(0,1),add(1)",
            "converter 'add' takes sint, and what comes before it is bin",
            None,
        ),
        (
            "hdr(host)",
            "fetch 'hdr' needs HTTP",
            Some("a TCP proxy sees bytes: look at them with 'req.payload'"),
        ),
    ];
    for (text, message, help) in table {
        let error = error(text);
        assert_eq!((error.message.as_str(), error.help.as_deref()), (message, help), "{text}");
    }
}

#[test]
fn what_more_bytes_may_change_stays_open_behind_converters() {
    struct Held(&'static [u8]);
    impl Facts for Held {
        fn buffer(&self, _: Side) -> Option<Buffer<'_>> {
            Some(Buffer { bytes: self.0, capacity: 100, may_grow: true })
        }
    }
    let expr = Expr::parse("req.len,add(1)", &mut Nowhere).unwrap();
    assert_eq!(expr.evaluate(&Held(b"ab")), Fetched::SoFar(Value::Int(3)));
    let expr = Expr::parse("req.payload(0,0),word(2,.)", &mut Nowhere).unwrap();
    assert_eq!(expr.evaluate(&Held(b"ab")), Fetched::NotYet);
    assert_eq!(expr.evaluate(&Held(b"ab.c")), Fetched::SoFar(Value::text("c")));
    assert_eq!(expr.evaluate(&Nothing), Fetched::Absent);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = Expr::parse(&text, &mut Nowhere);
    }

    #[test]
    fn no_likely_text_makes_the_parser_panic(
        text in "(req\\.payload|int|str|src|sc_get_gpc|var|bytes)?[(),'\"\\\\0-9a-z.]{0,20}"
    ) {
        if let Ok(expr) = Expr::parse(&text, &mut Nowhere) {
            prop_assert_eq!(&expr.text, &text);
            let _ = expr.evaluate(&Nothing);
        }
    }
}
