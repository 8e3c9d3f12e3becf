use super::*;

fn facts() -> Facts {
    Facts {
        version: Version::parse("3.2"),
        features: ["THREAD", "PROMEX"].map(str::to_owned).into(),
        enabled: ["EPOLL"].map(str::to_owned).into(),
        ssl_library: None,
    }
}

fn value(text: &str) -> Result<bool, CondError> {
    let env: Environment = [("X", "a b  c")].into_iter().collect();
    check(text, &env, &facts())
}

#[test]
fn conditions_that_hold_or_not() {
    for (text, expected) in [
        ("", false),
        ("0", false),
        ("1", true),
        ("-1", true),
        ("00", false),
        ("!1", false),
        ("!!1", true),
        ("1 && 0 || 1", true),
        ("1 || 0 && 0", true),
        ("1&&1", true),
        ("!(0&&1)", true),
        ("( 1 ) && ( ! 0 )", true),
        ("defined(X) && !defined(NO)", true),
        ("feature(THREAD)", true),
        ("feature(thread)", false),
        ("feature()", false),
        ("streq(\"$X\",\"a b  c\")", true),
        ("streq(\"$X\",a b  c)", false),
        ("streq(a, a)", false),
        ("streq('\"a,b\"',\"\\\"a,b\\\"\")", true),
        ("strneq(a,b)", true),
        ("strstr(\"$X\",b)", true),
        ("version_atleast(2.6)", true),
        ("version_atleast(3.2-dev1)", true),
        ("version_atleast(3.2)", true),
        ("version_atleast(3.2.1)", false),
        ("version_before(3.3-dev0)", true),
        ("version_before(3.2)", false),
        ("version_atleast(x)", true),
        ("openssl_version_atleast(1.1)", false),
        ("openssl_version_before(3.0)", false),
        ("ssllib_name_startswith(Open)", false),
        ("enabled(EPOLL)", true),
        ("enabled(KQUEUE)", false),
    ] {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let deep = "(".repeat(100_000);
    for (text, part) in [
        ("1 2", "unexpected '2' at character 3"),
        ("1a", "unexpected 'a'"),
        ("1 &&", "condition is missing"),
        ("1 & 1", "unexpected '&'"),
        ("!", "condition is missing"),
        ("(1", "')' is missing"),
        ("streq(a,b", "')' is missing"),
        ("streq(a)", "takes 2 argument(s)"),
        ("streq(a,b,c)", "takes 2 argument(s)"),
        ("foo(a)", "'foo' is not a predicate"),
        ("defined (X)", "in parentheses"),
        ("defined(X)defined(X)", "unexpected 'd'"),
        ("enabled(foo)", "not an option"),
        ("\"$1\"", "variable's name"),
        ("\u{e9}", "condition is missing"),
        (deep.as_str(), "nested"),
    ] {
        let error = value(text).expect_err(text);
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }
    let near = value("fature(X)").expect_err("unknown");
    assert_eq!(near.help.as_deref(), Some("did you mean 'feature'?"));
}
