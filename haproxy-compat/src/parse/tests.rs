use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::cond::Version;

fn facts() -> Facts {
    Facts {
        version: Version::parse("3.2"),
        features: BTreeSet::new(),
        enabled: BTreeSet::new(),
        ssl_library: None,
    }
}

fn read(text: &str) -> (File, Report) {
    let mut sources = SourceMap::default();
    sources.add("t.cfg", text);
    let mut env: Environment = [("X", "a b")].into_iter().collect();
    let mut report = Report::default();
    let file = parse(&sources, &mut env, &facts(), &mut report);
    (file, report)
}

/// `kind/name/from: keyword keyword` of every section.
fn outline(file: &File) -> Vec<String> {
    let word = |word: &Option<Word>| word.as_ref().map_or(String::new(), |w| w.text().into());
    file.sections
        .iter()
        .map(|section| {
            let lines: Vec<_> = section
                .lines
                .iter()
                .map(|line| {
                    let words: Vec<_> = line.words.iter().map(Word::text).collect();
                    let prefix = match line.prefix {
                        Prefix::Plain => "",
                        Prefix::No => "!",
                        Prefix::Default => "~",
                    };
                    format!("{prefix}{}", words.join(" "))
                })
                .collect();
            let (name, from) = (word(&section.name), word(&section.from));
            format!("{:?}/{name}/{from}: {}", section.kind, lines.join("; "))
        })
        .collect()
}

#[test]
fn sections_lines_and_prefixes() {
    let (file, report) = read(
        "# a file\nglobal\n  maxconn 5 # five\n\ndefaults\n mode tcp\r\n no option tcpka\n\
         default option x\ndefaults a from b\nfrontend web from a\n bind *:80\nring r\n size 1\n",
    );
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(
        outline(&file),
        [
            "Global//: maxconn 5",
            "Defaults//: mode tcp; !option tcpka; ~option x",
            "Defaults/a/b: ",
            "Frontend/web/a: bind *:80",
            "Ring/r/: size 1",
        ]
    );
}

#[test]
fn mistakes_of_structure_are_all_reported() {
    for (text, part, help) in [
        ("maxconn 5\n", "outside of a section", "belongs in"),
        ("fronted x\n", "outside of a section", "'frontend'?"),
        ("qqq\n", "outside of a section", "begins with a section"),
        ("global x\n", "'global' has no name", ""),
        ("frontend\n", "has no name", "frontend NAME"),
        ("frontend a/b\n", "'/' is not allowed", "letters"),
        ("listen a www\n", "unexpected 'www'", "bind www"),
        ("frontend a from\n", "missing after 'from'", ""),
        ("global\n no maxconn 5\n", "cannot stand in front", "option"),
        ("global\n no\n", "keyword is missing", "option"),
        ("global\n .foo\n", "no directive '.foo'", ".if"),
        (".notice a b\n", "unexpected 'b'", "quotes"),
        (".if 1\n", "has no '.endif'", "ends in the file"),
        (".endif\n", "'.endif' without '.if'", ""),
        (".else\n", "'.else' without '.if'", ""),
        (".if 1\n.else\n.else\n.endif\n", "after '.else'", ""),
        (".if 1\n.else\n.elif 1\n.endif\n", "after '.else'", ""),
        (".if 1\n.else x\n.endif\n", "unexpected 'x'", ""),
        (".if foo(\n.endif\n", "'foo' is not a predicate", "predicates"),
        (".if 0\n 'abc\n.endif\n", "not closed", ""),
    ] {
        let (_, report) = read(text);
        let found: Vec<_> = report.iter().collect();
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(report.is_refused());
        assert!(found[0].message.contains(part), "{}", found[0].message);
        let found_help = found[0].help.as_deref().unwrap_or_default();
        assert!(found_help.contains(help), "{text:?}: {found_help:?}");
    }
}

#[test]
fn old_files_load_with_a_warning() {
    for (text, part, help) in [
        ("listen a\n bind :80 name x", "line feed", "truncated"),
        ("listen a :80 name x\n", "no longer takes the address ':80'", "'bind :80'"),
        ("frontend a /run/a.sock\n", "address '/run/a.sock'", "'bind /run/a.sock'"),
    ] {
        let (file, report) = read(text);
        let found: Vec<_> = report.iter().collect();
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(!report.is_refused());
        assert!(found[0].message.contains(part), "{}", found[0].message);
        assert!(found[0].help.as_deref().is_some_and(|found| found.contains(help)), "{text:?}");
        assert_eq!(file.sections[0].lines[0].words[0].text(), "bind");
    }
}

#[test]
fn conditional_blocks_choose_lines() {
    let (file, report) = read(
        "global\n.if defined(X)\n a\n .if 0\n  b\n .if 1\n  c\n .endif\n .else\n  d\n .endif\n\
         .elif foo(\n e\n.else\n f\n.endif\n.if 0\n g\n .if foo(\n .endif\n.elif 1\n h\n\
         .else\n i\n.endif\n.if\n j\n.endif\n",
    );
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(outline(&file), ["Global//: a; d; h"]);
}

#[test]
fn blocks_have_a_depth_limit() {
    let text = format!("global\n{}a\n{}b\n", ".if 1\n".repeat(100), ".endif\n".repeat(100));
    let (file, report) = read(&text);
    assert_eq!(report.iter().count(), 1);
    assert_eq!(outline(&file), ["Global//: b"]);
}

#[test]
fn remarks_have_their_severity() {
    let (_, report) = read(".notice n\n.warning \"w x\"\n.diag d\n.alert\n");
    let found: Vec<_> = report
        .iter()
        .map(|diagnostic| (diagnostic.severity, diagnostic.message.as_str()))
        .collect();
    assert_eq!(found, [(Severity::Remark, "n"), (Severity::Warning, "w x"), (Severity::Alert, "")]);
}

#[test]
fn the_environment_changes_on_the_way() {
    let (_, report) = read(
        "global\n setenv F bar\n.notice \"$F\"\n presetenv F x\n unsetenv F\n.notice \"$F\"\n\
         resetenv\n.notice \"$X\"\n.notice \"${.SECTION} ${.LINE} ${.FILE}\"\n",
    );
    let messages: Vec<_> = report.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages, ["bar", "", "", "global 9 t.cfg"]);
}

#[test]
fn every_file_opens_its_own_section() {
    let mut sources = SourceMap::default();
    sources.add("a", "global\n.if 1\n");
    let second = sources.add("b", "maxconn 5\n");
    let mut report = Report::default();
    parse(&sources, &mut Environment::new(), &facts(), &mut report);
    let found: Vec<_> = report.iter().collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].message.contains("has no '.endif'"));
    assert_eq!(found[1].span.map(|span| span.file), Some(second));
}

#[test]
fn ten_megabytes_of_garbage_are_bounded() {
    let mut sources = SourceMap::default();
    let bytes: Vec<u8> =
        (0..10_000_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    sources.add("garbage", String::from_utf8_lossy(&bytes));
    sources.add("blank", "global\n".to_owned() + &"x\n".repeat(LINES_MAX + 10));
    let mut report = Report::default();
    let file = parse(&sources, &mut Environment::new(), &facts(), &mut report);
    assert!(report.is_refused());
    assert_eq!(report.iter().count(), crate::diag::DIAGNOSTICS_MAX);
    let lines: usize = file.sections.iter().map(|s| s.lines.len()).sum();
    assert!(lines <= LINES_MAX);
}

/// Text that looks like a configuration often enough to reach every branch.
fn configuration() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "global",
            "defaults",
            "frontend",
            "listen",
            "from",
            "no",
            "default",
            "option",
            ".if",
            ".elif",
            ".else",
            ".endif",
            ".alert",
            "defined(X)",
            "streq(a,b",
            "!",
            "&&",
            "(",
            ")",
            "1",
            "\"",
            "'",
            "\\",
            "\\x4",
            "$X",
            "${X",
            "}",
            "[*]",
            "-",
            "#",
            " ",
            "\n",
            "\n",
            "\r",
            "\t",
            "\0",
            "setenv",
            "resetenv",
            ".",
            "é",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn nothing_panics_and_spans_lie_within_the_text(text in configuration()) {
        let (file, report) = read(&text);
        let inside = |span: Span| {
            prop_assert!(span.start <= span.end && span.end as usize <= text.len());
            Ok(())
        };
        for section in &file.sections {
            for line in section.lines.iter().chain([&section.header]) {
                inside(line.span)?;
                prop_assert!(!line.words.is_empty());
                for word in &line.words {
                    inside(word.span)?;
                }
            }
        }
        for diagnostic in report.iter() {
            diagnostic.span.map_or(Ok(()), inside)?;
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_read(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut sources = SourceMap::default();
        let id = sources.add("b", String::from_utf8_lossy(&bytes));
        let mut report = Report::default();
        parse(&sources, &mut Environment::new(), &facts(), &mut report);
        for span in report.iter().filter_map(|diagnostic| diagnostic.span) {
            prop_assert!(span.end as usize <= sources.text(id).len());
        }
    }
}
