//! Pure: a report as text: in rustc's look here, in HAProxy's by [`render_lines`].
//!
//! What a file contains ends up in messages, so control characters are replaced: a configuration
//! cannot write to the operator's terminal.

mod lines;
mod secret;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use haproxy_compat::diag::{Diagnostic, Report, Severity};
use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Span;

pub use lines::render_lines;

/// Whether the reader is a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// ASCII only.
    Plain,
    /// With colours.
    Coloured,
}

/// Renders everything with its lines, carets and hints, in the order of the files, and a summary at
/// the end; empty for an empty report.
#[must_use]
pub fn render(report: &Report, sources: &SourceMap, look: Look) -> String {
    if report.is_empty() {
        return String::new();
    }
    let renderer = match look {
        Look::Plain => Renderer::plain(),
        Look::Coloured => Renderer::styled(),
    };
    let mut text = String::new();
    for diagnostic in in_order(report) {
        let groups = groups(diagnostic, sources);
        let _ = writeln!(text, "{}\n", renderer.render(&groups));
    }
    text.push_str(&summary(report));
    text.push('\n');
    text
}

/// In the order of the files; what is about no line comes last, as in HAProxy.
fn in_order(report: &Report) -> Vec<&Diagnostic> {
    let mut found: Vec<&Diagnostic> = report.iter().collect();
    found.sort_by_key(|found| {
        (found.span.is_none(), found.span.map(|span| (span.file, span.start)))
    });
    found
}

fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Alert => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Notice | Severity::Remark => Level::NOTE,
    };
    let title = level.primary_title(printable(&diagnostic.message));
    let mut main = match diagnostic.span {
        Some(span) => title.element(snippet(span, None, sources)),
        None => Group::with_title(title),
    };
    if let Some((span, label)) = &diagnostic.related {
        main = main.element(snippet(*span, Some(label), sources));
    }
    if let Some(help) = &diagnostic.help {
        main = main.element(Level::HELP.message(printable(help)));
    }
    vec![main]
}

/// The line of `span` with the span marked.
fn snippet<'a>(
    span: Span,
    label: Option<&'a str>,
    sources: &'a SourceMap,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = sources.text(span.file);
    let (line, marked) = excerpt(text, span);
    let kind = match label {
        None => AnnotationKind::Primary,
        Some(_) => AnnotationKind::Context,
    };
    Snippet::source(line)
        .path(printable(sources.name(span.file)))
        .line_start(sources.line(span))
        .annotation(kind.span(marked).label(label.map(printable)))
}

/// The line that `span` starts in, without its secrets, and the part of it that the span covers. A
/// span of several lines (a table) is cut at the first line's end.
fn excerpt(text: &str, span: Span) -> (Cow<'_, str>, Range<usize>) {
    let at = text.floor_char_boundary(span.start as usize);
    let start = text[..at].rfind('\n').map_or(0, |position| position + 1);
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    let stop = text.floor_char_boundary(span.end as usize).clamp(at, end);
    (secret::hidden(text[start..end].trim_end_matches('\r')), at - start..stop - start)
}

/// `2 errors, 1 warning`
fn summary(report: &Report) -> String {
    let count = |severity| report.iter().filter(|found| found.severity == severity).count();
    let counted = [
        (count(Severity::Alert), "error"),
        (count(Severity::Warning), "warning"),
        (count(Severity::Notice) + count(Severity::Remark), "note"),
    ];
    let mut parts: Vec<String> = counted
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if report.dropped() > 0 {
        parts.push(format!("{} more not shown", report.dropped()));
    }
    parts.join(", ")
}

/// The text with control characters replaced.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "[backend.mysql]\ncheck = { inte = \"2s\" }\nserver.a = \"10.0.0.1:1\"\n";

    fn report() -> (Report, SourceMap) {
        let mut sources = SourceMap::default();
        let file = sources.add("lb.toml", TEXT);
        let span = Span { file, start: 26, end: 30 };
        let mut report = Report::default();
        report.alert(span, "unknown key 'inte'").help("did you mean 'inter'?");
        report.related(Span { file, start: 9, end: 14 }, "of this backend");
        report.warning(span, "odd");
        (report, sources)
    }

    #[test]
    fn people_see_line_caret_and_hint() {
        let (report, sources) = report();
        let expected = "\
error: unknown key 'inte'
 --> lb.toml:2:11
  |
2 | check = { inte = \"2s\" }
  |           ^^^^
  |
 ::: lb.toml:1:10
  |
1 | [backend.mysql]
  |          ----- of this backend
  |
  = help: did you mean 'inter'?
";
        let text = render(&report, &sources, Look::Plain);
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("\n1 error, 1 warning\n"), "{text}");
    }

    #[test]
    fn files_cannot_write_to_the_terminal() {
        let mut sources = SourceMap::default();
        let file = sources.add("a\x1b[31m.toml", "x = \"\x1b[2J\"\r\n");
        let mut report = Report::default();
        report.alert(Span { file, start: 4, end: 10 }, "'\x1b[2J' is not a word");
        report.help("write \x07");
        for text in [render(&report, &sources, Look::Plain), render_lines(&report, &sources, 1)] {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn nothing_found_is_nothing_shown() {
        let sources = SourceMap::default();
        assert_eq!(render(&Report::default(), &sources, Look::Coloured), "");
        assert_eq!(render_lines(&Report::default(), &sources, 1), "");
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_can_be_shown(text in "\\PC{0,9}\n\\PC{0,9}", start in 0u32..40, end in 0u32..40) {
            let mut sources = SourceMap::default();
            let file = sources.add("x", text);
            let mut report = Report::default();
            report.alert(Span { file, start, end }, "m");
            let rendered = render(&report, &sources, Look::Plain);
            prop_assert!(rendered.starts_with("error: m\n"));
        }
    }
}
