use super::*;

fn lex(line: &str) -> Result<Vec<String>, String> {
    let env: Environment = [("X", "a b  c"), ("EMPTY", ""), ("ONE", "1")].into_iter().collect();
    let scope = Scope { env: &env, file: "t.cfg", line: 7, section: "web" };
    let mut report = Report::default();
    let words = words(line, FileId(0), 0, &scope, &mut report);
    match words {
        Some(words) => {
            assert!(report.is_empty());
            Ok(words.iter().map(|word| word.text().into_owned()).collect())
        }
        None => Err(report.iter().next().expect("a reason").message.clone()),
    }
}

#[test]
fn words_as_haproxy_splits_them() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("   # comment", &[]),
        ("bind  *:80\t name x ", &["bind", "*:80", "name", "x"]),
        ("a#b c", &["a"]),
        (r"a\#b c\ d", &["a#b", "c d"]),
        (r#"'a\\ b"c'd"e f"g"#, &[r#"a\\ b"cde fg"#]),
        (r#""a#b" '#' "#, &["a#b", "#"]),
        (r#"\"a\'b\qc\" \$X"#, &[r#""a'b\qc""#, r"\$X"]),
        (r#""\$X \"q\" \x41\1\n\r\t""#, &["$X \"q\" A\\1\n\r\t"]),
        (r#""" a ''"#, &["", "a", ""]),
        ("a\\", &["a\\"]),
        ("x\r", &["x"]),
        ("\u{e9} b", &["\u{e9}", "b"]),
    ];
    for (line, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(lex(line), Ok(expected), "{line}");
    }
}

#[test]
fn variables_live_in_weak_quotes_only() {
    let cases: &[(&str, &[&str])] = &[
        ("$ONE '$ONE' \"$ONE\"", &["$ONE", "$ONE", "1"]),
        (r#""${X}""#, &["a b  c"]),
        (r#""${X[*]}" z"#, &["a", "b", "c", "z"]),
        (r#"p"${X[*]}"s"#, &["pa", "b", "cs"]),
        (r#""${NO[*]-foo bar}""#, &["foo", "bar"]),
        (r#""$NO${NO}x""#, &["x"]),
        (r#""${NO-d e}${EMPTY-d}$ONE-d""#, &["d e1-d"]),
        (r#""${NO-}""#, &[""]),
        (r#""${.FILE}:${.LINE} $.SECTION""#, &["t.cfg:7 web"]),
    ];
    for (line, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(lex(line), Ok(expected), "{line}");
    }
}

#[test]
fn faults_are_named() {
    for (line, part) in [
        ("a 'b", "is not closed"),
        ("a \"b", "is not closed"),
        (r#""${X""#, "'${' is not closed"),
        (r#""${X+y}""#, "'${' is not closed"),
        (r#""$1""#, "not followed by a variable"),
        (r#""${}""#, "not followed by a variable"),
        (r#""${.FOO}""#, "no variable '.FOO'"),
        (r"a\x4", "two hexadecimal digits"),
        (r"a\xg0", "two hexadecimal digits"),
        ("a\0b", "NUL"),
        ("a\rb", "carriage return"),
        (&"w ".repeat(65), "more than 64 words"),
        (&"w".repeat(LINE_BYTES_MAX + 1), "longer than"),
    ] {
        let message = lex(line).expect_err("refused");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(lex(&"w ".repeat(64)).map(|words| words.len()), Ok(64));
}

#[test]
fn variables_cannot_blow_a_line_up() {
    let env: Environment = [("BIG", "x".repeat(100_000))].into_iter().collect();
    let scope = Scope { env: &env, file: "", line: 1, section: "" };
    let mut report = Report::default();
    let line = format!("\"{}\"", "$BIG".repeat(1_000));
    assert_eq!(words(&line, FileId(0), 0, &scope, &mut report), None);
    assert!(report.is_refused());
}

#[test]
fn spans_cover_what_was_written() {
    let env = Environment::new();
    let scope = Scope { env: &env, file: "", line: 1, section: "" };
    let line = r#"  bind "a b"c  "" # x"#;
    let mut report = Report::default();
    let words = words(line, FileId(3), 100, &scope, &mut report).expect("words");
    let written: Vec<&str> = words
        .iter()
        .map(|word| &line[word.span.start as usize - 100..word.span.end as usize - 100])
        .collect();
    assert_eq!(written, ["bind", "\"a b\"c", "\"\""]);
    assert!(words.iter().all(|word| word.span.file == FileId(3)));
}
