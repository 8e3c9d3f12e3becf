//! `healthcheck` sections: checks that servers choose by name.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section};

use super::check::Checks;
use super::words::{Context, text};
use crate::config::raw::{CheckKind, Server};

/// Words of a section.
const WORDS: [&str; 3] = ["type", "tcp-check", "http-check"];
/// Words after `type`.
const TYPES: [&str; 8] = [
    "tcp-check",
    "httpchk",
    "ssl-hello-chk",
    "smtpchk",
    "pgsql-check",
    "redis-check",
    "mysql-check",
    "ldap-check",
];

/// A check and its name.
pub(super) type Named = (Spanned<String>, Spanned<CheckKind>);

/// Reads a section; `None` where it has no name or no type.
pub(super) fn lower(section: &Section, cx: &mut Context<'_>) -> Option<Named> {
    let Some(name) = section.name.as_ref().map(text) else {
        cx.report.alert(section.header.span, "'healthcheck' needs a name");
        return None;
    };
    let mut checks = Checks::default();
    for line in &section.lines {
        statement(line, &mut checks, cx);
    }
    let kind = checks.finish(&name.value, cx);
    if kind.is_none() {
        cx.report
            .alert(section.header.span, format!("healthcheck '{}' has no type", name.value))
            .help("write what it asks: 'type tcp-check', 'type httpchk', …");
    }
    Some((name, kind?))
}

fn statement(line: &Line, checks: &mut Checks, cx: &mut Context<'_>) {
    match line.words[0].text().as_ref() {
        "type" => match line.words.get(1) {
            Some(word) if TYPES.contains(&word.text().as_ref()) => {
                checks.option(line, cx);
            }
            Some(word) => cx.unknown(word, "after 'type'", TYPES),
            None => drop(cx.report.alert(line.span, "'type' needs a check such as 'httpchk'")),
        },
        "tcp-check" => checks.rule(line, cx),
        "http-check" => checks.http_rule(line, cx),
        _ => cx.unknown(&line.words[0], "in a 'healthcheck' section", WORDS),
    }
}

/// Gives a server that names a section the check of that section.
pub(super) fn apply(server: &mut Server, known: &[Named], cx: &mut Context<'_>) {
    let Some(wanted) = server.check_section.take() else { return };
    match known.iter().find(|(name, _)| name.value == wanted.value) {
        Some((_, kind)) => server.check_kind = Some(kind.clone()),
        None => {
            let message = format!("there is no 'healthcheck' section '{}'", wanted.value);
            cx.report.alert(wanted.span, message);
        }
    }
}
