//! Sections that are known and have no effect: a warning says so, and mistakes in them are refused
//! where HAProxy 2.6 knows the section.

use haproxy_compat::keywords::SECTIONS;
use haproxy_compat::tree::Section;

use super::words::Context;

/// What may stand in them.
const LINES: [(&str, &[&str]); 5] = [
    (
        "cache",
        &["max-age", "max-object-size", "max-secondary-entries", "process-vary", "total-max-size"],
    ),
    (
        "fcgi-app",
        &[
            "acl",
            "docroot",
            "index",
            "log-stderr",
            "option",
            "pass-header",
            "path-info",
            "set-param",
        ],
    ),
    ("http-errors", &["errorfile"]),
    ("mailers", &["mailer", "timeout"]),
    ("program", &["command", "group", "option", "user"]),
];

pub(super) fn judge(section: &Section, cx: &mut Context<'_>) {
    let word = &section.header.words[0];
    let keyword = word.text();
    cx.effect(word, &keyword, &SECTIONS);
    let Some((_, known)) = LINES.iter().find(|(name, _)| *name == keyword) else { return };
    if section.name.is_none() {
        cx.report.alert(section.header.span, format!("this '{keyword}' section has no name"));
    }
    for line in &section.lines {
        let word = &line.words[0];
        if !known.contains(&word.text().as_ref()) {
            cx.unknown(word, &format!("in a '{keyword}' section"), known.iter().copied());
        }
    }
    let starts = |line: &haproxy_compat::tree::Line| {
        line.words[0].bytes == b"command" && line.words.len() > 1
    };
    if keyword == "program" && !section.lines.iter().any(starts) {
        cx.report
            .alert(section.header.span, "this 'program' section starts nothing")
            .help("write 'command PATH …'");
    }
}
