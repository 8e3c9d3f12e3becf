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
    let flags = Flags { quote: true, hex: true, ..Flags::default() };
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

/// As configuration.txt of 3.0 describes it.
#[test]
fn an_object_has_what_is_named() {
    let json = |kind| Flags { json: Some(kind), ..Flags::default() };
    let format = parse("x %{+json}o y %(client)ci %cp %(a\"b)[src_port] %(up:bool)bc z").unwrap();
    let text = |text: &str| Part::Text(text.to_owned());
    let [before, client, between, Part::Sample(port, flags), next, up, end] = format.parts() else {
        panic!("{format:?}");
    };
    assert_eq!((before, between), (&text("{\"client\": "), &text(", \"a\\\"b\": ")));
    assert_eq!(client, &Part::Variable(Variable::ClientIp, json(Json::Text)));
    assert_eq!((port.text.as_str(), *flags), ("src_port", json(Json::Number)));
    assert_eq!((next, end), (&text(", \"up\": "), &text("}")));
    assert_eq!(up, &Part::Variable(Variable::BackendConnections, json(Json::Bool)));
    assert_eq!(parse("%{+json}o x").unwrap().parts(), [text("{}")]);
    let one = parse("%{+json}ci %cp").unwrap();
    let plain = Part::Variable(Variable::ClientPort, Flags::default());
    let expected = [Part::Variable(Variable::ClientIp, json(Json::Text)), Part::Space, plain];
    assert_eq!(one.parts(), expected);
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
        ("%{+cbor}o", "the encoding 'cbor' is not written here"),
        ("%(a:float)ci", "unknown kind 'float' in '(a:float)'"),
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
