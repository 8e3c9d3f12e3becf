//! ACLs and rules: their words are kept as they are, and read by validation.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section, SectionKind};

use super::server::HttpWord;
use super::settings::Settings;
use super::words::{Args, Context, text};
use crate::config::raw::Statement;

/// Keeps a line, if its list belongs to the section.
pub(super) fn lower(
    line: &Line,
    kind: SectionKind,
    rules: &mut Vec<Statement>,
    cx: &mut Context<'_>,
) {
    let mut words: Vec<Spanned<String>> = line.words.iter().map(text).collect();
    // An empty last word counts as none, as in HAProxy.
    if words.last().is_some_and(|word| word.value.is_empty()) {
        words.pop();
    }
    let statement = Statement { words, span: line.span };
    if let Some(owner) = stranger(kind, &statement) {
        let written = format!("{} {}", statement.keyword(), statement.second());
        cx.report
            .alert(line.span, format!("'{}' is not allowed here", written.trim_end()))
            .help(format!("only {owner} or 'listen' has such rules"));
        return;
    }
    rules.push(statement);
}

/// `defaults` hand rules down only under a name: otherwise nobody sees whose they are.
pub(super) fn nameless(rules: &[Statement], cx: &mut Context<'_>) {
    for rule in rules {
        let message = format!("'{}' is not allowed in 'defaults' without a name", rule.keyword());
        cx.report.alert(rule.span, message).help("write 'defaults NAME'");
    }
}

/// Rules that `defaults` hand down to a section which has no such rules; a `listen` section inherits
/// none at all.
pub(super) fn inherited(section: &Section, rules: &[Statement], cx: &mut Context<'_>) {
    let is_strange = |rule: &&Statement| match section.kind {
        SectionKind::Listen => true,
        kind => stranger(kind, rule).is_some(),
    };
    let Some(rule) = rules.iter().find(is_strange) else { return };
    let written = format!("{} {}", rule.keyword(), rule.second());
    let message = format!("this section cannot inherit '{}'", written.trim_end());
    cx.report
        .alert(section.header.span, message)
        .related(rule.span, "handed down here")
        .help("name other 'defaults' behind 'from'");
}

/// Who has such rules, where a section of this kind does not.
fn stranger(kind: SectionKind, rule: &Statement) -> Option<&'static str> {
    let third = rule.words.get(2).map_or("", |word| word.value.as_str());
    match (kind, rule.keyword(), rule.second()) {
        (SectionKind::Backend, "tcp-request", "content") if third == "capture" => {
            Some("a frontend")
        }
        (SectionKind::Backend, "tcp-request", "connection" | "session") => Some("a frontend"),
        (SectionKind::Frontend, "tcp-response", _) => Some("a backend"),
        _ => None,
    }
}

/// A `persist` line.
pub(super) fn persist(line: &Line, settings: &mut Settings, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(word) = args.expect("persist", "'rdp-cookie'", cx) else { return };
    let written = word.text();
    let name = match written.strip_prefix("rdp-cookie") {
        Some("") => Some("msts"),
        Some(name) => name.strip_prefix('(').and_then(|name| name.split_once(')')).map(|it| it.0),
        None => return cx.unknown(word, "after 'persist'", ["rdp-cookie"]),
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        cx.report.alert(word.span, format!("'{written}' names no cookie"));
        cx.report.help("write 'rdp-cookie' or 'rdp-cookie(msts)'");
        return;
    };
    settings.persist_rdp_cookie = Some(Spanned::new(name.to_owned(), word.span));
    args.finish("persist", cx);
}

/// A `filter` line: one that only watches is read, one of HTTP is passed over, and no other is taken.
pub(super) fn filter(line: &Line, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(word) = args.expect("filter", "a name such as 'trace'", cx) else { return };
    let name = word.text();
    if name == "compression" {
        let message = "'filter compression' is ignored: only HTTP is compressed";
        cx.report.warning(line.span, message);
        return;
    }
    if name != "trace" {
        let message = format!("'filter {name}' is not supported: sessions would not be shaped");
        cx.report.alert(word.span, message);
        return;
    }
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "name" => args.skip(1),
            "random-forwarding" | "hexdump" | "quiet" => {}
            _ => {
                let known = ["name", "random-forwarding", "hexdump", "quiet"];
                return cx.unknown(word, "after 'filter trace'", known);
            }
        }
    }
    cx.report.notice(line.span, "'filter trace' has no effect: nobody reads what it would print");
}

/// Rules about HTTP in a `defaults` section without a name.
pub(super) fn nameless_http(http: &[HttpWord], cx: &mut Context<'_>) {
    for (word, span) in http {
        if matches!(word.as_str(), "http-request" | "http-response" | "http-after-response") {
            let message = format!("'{word}' is not allowed in 'defaults' without a name");
            cx.report.alert(*span, message).help("write 'defaults NAME'");
        }
    }
}
