//! The line that opens a section.

use crate::diag::Report;
use crate::tree::{Line, Prefix, Section, SectionKind, Word};

/// Keywords that open a section.
const KINDS: [(&str, SectionKind); 21] = [
    ("global", SectionKind::Global),
    ("defaults", SectionKind::Defaults),
    ("frontend", SectionKind::Frontend),
    ("backend", SectionKind::Backend),
    ("listen", SectionKind::Listen),
    ("peers", SectionKind::Peers),
    ("resolvers", SectionKind::Resolvers),
    ("mailers", SectionKind::Mailers),
    ("ring", SectionKind::Ring),
    ("userlist", SectionKind::Userlist),
    ("healthcheck", SectionKind::Healthcheck),
    ("log-forward", SectionKind::Other),
    ("log-profile", SectionKind::Other),
    ("crt-store", SectionKind::CrtStore),
    ("namespace_list", SectionKind::Other),
    ("traces", SectionKind::Other),
    ("cache", SectionKind::Other),
    ("fcgi-app", SectionKind::Other),
    ("http-errors", SectionKind::Other),
    ("acme", SectionKind::Other),
    ("program", SectionKind::Other),
];

/// The kind of section that `keyword` opens.
pub(super) fn kind_of(keyword: &str) -> Option<SectionKind> {
    KINDS.iter().find(|(name, _)| *name == keyword).map(|&(_, kind)| kind)
}

/// Every keyword that opens a section.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|&(name, _)| name)
}

/// Reads an opening line. What is wrong with it is reported; the section opens all the same, so that
/// its lines are not mistaken for those of the one before.
pub(super) fn open(kind: SectionKind, header: Line, report: &mut Report) -> Section {
    let mut lines = Vec::new();
    let (name, from) = match kind {
        SectionKind::Global => {
            if let Some(excess) = header.words.get(1) {
                let text = excess.text().into_owned();
                report.alert(excess.span, format!("unexpected '{text}': 'global' has no name"));
            }
            (None, None)
        }
        SectionKind::Defaults => defaults(&header),
        SectionKind::Frontend | SectionKind::Backend | SectionKind::Listen => {
            lines.extend(bind_of(kind, &header, report));
            proxy(&header, !lines.is_empty(), report)
        }
        _ => (header.words.get(1).cloned(), None),
    };
    Section { kind, name, from, header, lines }
}

/// `defaults [name] [from name]`.
fn defaults(header: &Line) -> (Option<Word>, Option<Word>) {
    match &header.words[1..] {
        [from, other, ..] if from.bytes == b"from" => (None, Some(other.clone())),
        [name, from, other, ..] if from.bytes == b"from" => {
            (Some(name.clone()), Some(other.clone()))
        }
        [name, ..] => (Some(name.clone()), None),
        [] => (None, None),
    }
}

/// The `bind` line that an address after the name stands for, as HAProxy read it until 1.9.
fn bind_of(kind: SectionKind, header: &Line, report: &mut Report) -> Option<Line> {
    let address = header.words.get(2).filter(|_| kind != SectionKind::Backend)?;
    let text = address.text();
    if !text.contains(':') && !text.starts_with('/') {
        return None;
    }
    report
        .warning(address.span, format!("HAProxy no longer takes the address '{text}' here"))
        .help(format!("addresses are written on their own line: 'bind {text}'"));
    let keyword = Word { bytes: b"bind".to_vec(), span: address.span };
    let words = std::iter::once(keyword).chain(header.words[2..].iter().cloned()).collect();
    let end = header.words.last().map_or(address.span, |last| last.span);
    Some(Line { prefix: Prefix::Plain, words, span: address.span.to(end) })
}

/// `frontend name [from name]` and its likes; `is_bound` where an address was found after the name.
fn proxy(header: &Line, is_bound: bool, report: &mut Report) -> (Option<Word>, Option<Word>) {
    let keyword = header.words[0].text();
    let Some(name) = header.words.get(1) else {
        report
            .alert(header.span, format!("'{keyword}' has no name"))
            .help(format!("write '{keyword} NAME'"));
        return (None, None);
    };
    let text = name.text();
    let forbidden = text
        .chars()
        .find(|found| !found.is_ascii_alphanumeric() && !matches!(found, '_' | '-' | '.' | ':'));
    if let Some(found) = forbidden {
        report
            .alert(name.span, format!("{found:?} is not allowed in the name '{text}'"))
            .help("names are made of letters, digits, '-', '_', '.' and ':'");
    } else if text.is_empty() {
        report.alert(name.span, format!("the name of this '{keyword}' is empty"));
    }
    match &header.words[2..] {
        [] => (Some(name.clone()), None),
        [..] if is_bound => (Some(name.clone()), None),
        [from, other] if from.bytes == b"from" => (Some(name.clone()), Some(other.clone())),
        // HAProxy has never looked at what follows the name of a backend.
        [first, ..] if keyword == "backend" => {
            let excess = first.text();
            report.warning(
                first.span,
                format!("'{excess}' after the name of this 'backend' is ignored"),
            );
            (Some(name.clone()), None)
        }
        [from] if from.bytes == b"from" => {
            report.alert(from.span, "a name is missing after 'from'");
            (Some(name.clone()), None)
        }
        [first, ..] => {
            let excess = first.text();
            report
                .alert(
                    first.span,
                    format!("unexpected '{excess}' after the name of this '{keyword}'"),
                )
                .help(format!("addresses are written on their own line: 'bind {excess}'"));
            (Some(name.clone()), None)
        }
    }
}
