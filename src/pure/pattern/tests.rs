use super::Regex;

#[track_caller]
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern, false).expect("a regular expression").is_match(text.as_bytes())
}

#[test]
fn what_only_the_library_takes_for_a_sign_is_itself() {
    assert!(matches(r#"^{"health":"true"}$"#, r#"{"health":"true"}"#));
    assert!(matches(r#""status": ?{"#, r#""status":{"#));
    assert!(matches("a{,3}", "a{,3}") && matches("a{1,b}", "a{1,b}"));
    assert!(matches(r"^[[]$", "[") && matches(r"^[a[&&b]+$", "[&&"));
    assert!(matches(r"^\<a\>\/$", "<a>/"));
}

#[test]
fn bytes_have_many_names() {
    assert!(matches(r"^\x1b\e\033\c[$", "\x1b\x1b\x1b\x1b") && matches(r"^\x9\0a$", "\t\0a"));
    assert!(matches(r"^a\hb[\h]$", "a b\t") && matches(r"a\Z", "ba"));
    assert!(matches(r"^\Qa.[b\E.$", "a.[bx") && matches(r"^\Qa", "a"));
    assert!(matches(r"^a(?#of {1} kind)b$", "ab"));
}

#[test]
fn counts_names_and_classes_stay() {
    assert!(matches("^a{3}$", "aaa") && !matches("^a{3}$", "aa"));
    assert!(matches("^a{2,}b{1,2}$", "aaabb"));
    assert!(matches(r"^\x{41}[{]\{$", "A{{"));
    assert!(matches(r"^[]{]{2}[^]{]$", "]{x") && matches(r"^[[:digit:]_]+\d$", "1_2"));
}

#[test]
fn what_has_to_go_back_is_found_as_well() {
    assert!(matches(r"^(?!foo).*$", "barfoo") && !matches(r"^(?!foo).*$", "foobar"));
    assert!(matches(r"(?<=[a-c]|xy)z", "xyz") && !matches(r"(?<!a)z", "az"));
    assert!(matches(r"^(\w+) \1$", "ab ab") && !matches(r"^(?>a+)ab", "aaab"));
    assert!(matches("^a++b", "aab") && !matches("a++ab", "aaab") && matches(r"a\++b", "a++b"));
    assert!(matches(r"^a\Rb", "a\r\nb") && !matches(r"^a\R\nb", "a\r\nb"));
}

#[test]
fn what_takes_too_long_does_not_match() {
    let regex =
        Regex::new(r"^(?:(?=a)a|a|ab)*?\1?(x+x+)+y(?<=z)", false).expect("a regular expression");
    let regex2 = Regex::new(r"^(x+x+)+\1y", false).expect("a regular expression");
    assert!(
        !regex.is_match("a".repeat(4000).as_bytes())
            && !regex2.is_match("x".repeat(4000).as_bytes())
    );
}

#[test]
fn a_mistake_is_told_in_one_line() {
    for wrong in [
        "(",
        "[a",
        r"a\",
        r"a\2",
        "(?<=",
        r"\p{Greek}",
        r"\x{100}",
        "(*UTF8)a",
        "a(?|b)",
        "(?(?=a)b)",
        "*a",
    ] {
        let told = Regex::new(wrong, false).expect_err(wrong);
        assert!(!told.contains('\n') && !told.is_empty(), "{told}");
    }
    assert!(Regex::new("a{", false).is_ok());
}
