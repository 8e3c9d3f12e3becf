use proptest::prelude::*;

use crate::pure::sample::testing::{Nothing, Nowhere, evaluate, text_of};
use crate::pure::sample::{Expr, Facts, Fetched, Value, Variable};

/// Recorded from log lines of HAProxy 2.6.12.
#[test]
fn converters_are_haproxys() {
    let table = [
        ("int(300),hex", "000000000000012C"),
        ("str(a.b.c),word(2,.)", "b"),
        ("ipv4(1.2.3.4),add(1)", "16909061"),
        ("str(12x),add(1)", "13"),
        ("int(-5),mod(3)", "-2"),
        ("int(5),div(0)", "9223372036854775807"),
        ("str(abc),crc32", "891568578"),
        ("str(abc),xxh32", "852579327"),
        ("str(abc),xxh64", "4952883123889572249"),
        ("str(abc),sdbm", "807794786"),
        ("str(abc),djb2(1)", "2235766107"),
        ("str(ff),hex2i", "255"),
        ("bin(414243),bytes(1)", "BC"),
        ("str(a..b),word(2,.)", "b"),
        ("str(a..b),field(2,.)", ""),
        ("str(foobar),regsub(o+,0,g)", "f0bar"),
        ("bool(0),iif(y,n)", "n"),
        ("ipv4(127.0.0.1),ipmask(8)", "127.0.0.0"),
        ("bin(414243),base64", "QUJD"),
        ("str(QUJD),b64dec", "ABC"),
        ("int(0),utime(%Y)", "1970"),
        ("str(hello),bytes(1,2)", "el"),
        ("int(1),htonl,hex", "00000001"),
        ("str(a),sha1,hex", "86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8"),
        ("str(a%20b),url_dec", "a b"),
        ("int(2),even", "1"),
        ("str(a),digest(md5),hex", "0CC175B9C0F1B6A831C399E269772661"),
        ("bin(01020304),be2dec(:,2)", "258:772"),
        ("bin(01020304),be2hex(:,1)", "01:02:03:04"),
        ("str(host:80),port_only", "80"),
        ("str(host:80),host_only", "host"),
        ("bool(0),not", "1"),
        ("int(0),cpl", "-1"),
        ("ipv4(1.2.3.4),length", "7"),
    ];
    for (expr, expected) in table {
        assert_eq!(text_of(expr).as_deref(), Some(expected), "{expr}");
    }
}

/// Recorded from `get var` of HAProxy 2.6.12.
#[test]
fn a_key_may_stand_in_a_variable() {
    struct Holder(&'static str);
    impl Facts for Holder {
        fn variable(&self, _: &Variable) -> Option<Value> {
            Some(Value::text(self.0))
        }
    }
    let digest = "C6AE136F3996D4D43945379D358F833F277F518ACFA308C077A7413273259688";
    assert_eq!(text_of("str(x),hmac(sha256,Zm9v),hex").as_deref(), Some(digest));
    let expr = Expr::parse("str(x),hmac(sha256,proc.key),hex", &mut Nowhere).unwrap();
    assert_eq!(expr.evaluate(&Holder("Zm9v")), Fetched::Value(Value::text(digest)));
    assert_eq!(expr.evaluate(&Holder("a!")), Fetched::Absent);
    assert_eq!(expr.evaluate(&Nothing), Fetched::Absent);
}

#[test]
fn parts_that_are_not_there_are_absent() {
    for expr in ["str(a..b),field(9,.)", "str(a),word(2,.)", "str(a),word(-2,.)"] {
        assert_eq!(text_of(expr), None, "{expr}");
    }
    assert_eq!(text_of("str(a.b.c),word(-1,.)").as_deref(), Some("c"));
    assert_eq!(text_of("str(a.b.c),field(2,.,2)").as_deref(), Some("b.c"));
    assert_eq!(text_of("str(a.b.c),word(2,.,0)").as_deref(), Some("b.c"));
}

/// As configuration.txt of 3.2 describes it.
#[test]
fn errors_of_certificates_have_names() {
    let name = text_of("int(10),x509_v_err_str");
    assert_eq!(name.as_deref(), Some("X509_V_ERR_CERT_HAS_EXPIRED"));
    assert_eq!(text_of("int(12345),x509_v_err_str").as_deref(), Some("12345"));
}

#[test]
fn groups_are_put_into_substitutions() {
    assert_eq!(text_of(r#"str(ab),regsub("(a)(b)","\\2\\1")"#).as_deref(), Some("ba"));
    assert_eq!(text_of("str(aa),regsub(a,$1)").as_deref(), Some("$1a"));
}

proptest! {
    #[test]
    fn numbers_never_panic(a: i64, b: i64) {
        for op in ["add", "sub", "mul", "div", "mod", "and", "or", "xor"] {
            let value = evaluate(&format!("int({a}),{op}({b}),neg,cpl,odd"));
            prop_assert!(value.is_some());
        }
    }

    #[test]
    fn text_never_panics(text in "[a-z:%+.]{0,12}", index in -4_i64..5, count in 0_i64..3) {
        for name in ["lower", "url_dec", "host_only", "port_only", "hex2i", "b64dec", "cut_crlf"] {
            let _ = evaluate(&format!("str({text}),{name}"));
        }
        let _ = evaluate(&format!("str({text}),field({index},.,{count})"));
        let _ = evaluate(&format!("str({text}),word({index},:,{count})"));
        let _ = evaluate(&format!("str({text}),bytes({},{})", count, count));
    }
}
