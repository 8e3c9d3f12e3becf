use proptest::prelude::*;

use super::*;
use crate::pure::sample::testing::Nowhere;

fn parse(text: &str) -> Result<Format, String> {
    Format::parse(text, &mut Nowhere).map_err(|error| error.message)
}

#[test]
fn pieces_spaces_and_flags() {
    let format = parse("  a%%b   %{+Q,-X}ci%{+X}o %cp %(name)f").unwrap();
    let quoted = Flags { quote: true, ..Flags::default() };
    let hex = Flags { hex: true, ..Flags::default() };
    assert_eq!(
        format.parts(),
        [
            Part::Text("a%b".to_owned()),
            Part::Space,
            Part::Variable(Variable::ClientIp, quoted),
            Part::Space,
            Part::Variable(Variable::ClientPort, hex),
            Part::Space,
            Part::Variable(Variable::Frontend, hex),
        ]
    );
    assert!(format.shows(Variable::ClientIp) && !format.shows(Variable::Backend));
}

#[test]
fn a_sign_counts_until_the_next() {
    let format = parse("%{+Q,X,-E,Z}b").unwrap();
    let flags = Flags { quote: true, hex: true, escape: false };
    assert_eq!(format.parts(), [Part::Variable(Variable::Backend, flags)]);
}

#[test]
fn samples_are_read_and_judged() {
    let format = parse("%[src] %{+Q}[fe_name,upper]").unwrap();
    let texts: Vec<_> = format.samples().map(|expr| expr.text.as_str()).collect();
    assert_eq!(texts, ["src", "fe_name,upper"]);
    let refused = parse("%[req.payload(0,1)]").unwrap_err();
    assert!(refused.contains("nothing to tell in a log line"), "{refused}");
}

#[test]
fn mistakes_are_named() {
    for (text, message) in [
        ("%zz", "no such variable '%zz'"),
        ("%ciX", "no such variable '%ciX'"),
        ("%Tr", "variable '%Tr' is reserved for HTTP mode"),
        ("100%", "the name of a variable is missing after '%'"),
        ("%{+Q ci", "'}' is missing after '{+Q ci'"),
        ("%[src", "']' is missing after 'src'"),
        ("%[nope]", "unknown fetch 'nope'"),
        ("%{+json}o", "the encoding 'json' is not written here"),
    ] {
        assert_eq!(parse(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn haproxys_own_formats_are_read() {
    for text in [TCP, TCP_CLF] {
        parse(text).unwrap();
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[%{}()\\[\\] a-zA-Z,+\u{e9}-]{0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn text_without_percent_and_space_stays(text in "[a-z\"{}:,]{1,40}") {
        let format = parse(&text).unwrap();
        prop_assert_eq!(format.parts(), [Part::Text(text)]);
    }
}
