//! Pure: a report as HAProxy prints one: a line that scripts look for, and behind bars what people
//! look for: the source line with the mistake marked, and the hint.
//!
//! Notices are left out: HAProxy says nothing of what they are about. What a file says by `.notice`
//! needs no excerpt.

use std::fmt::Write as _;
use std::iter;

use haproxy_compat::diag::{Report, Severity};
use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Span;

use super::{excerpt, in_order, printable};

/// Characters of a source line that are shown: terminals are wide, certificates and lists longer.
const SHOWN_MAX: usize = 120;

/// Characters shown before the mistake where a line is longer than [`SHOWN_MAX`].
const BEFORE_MAX: usize = 60;

/// Renders remarks, warnings and alerts in the order of the files; empty where there are none.
#[must_use]
pub fn render_lines(report: &Report, sources: &SourceMap, pid: u32) -> String {
    let mut text = String::new();
    for diagnostic in in_order(report) {
        let word = match diagnostic.severity {
            Severity::Alert => "[ALERT]  ",
            Severity::Warning => "[WARNING]",
            Severity::Remark => "[NOTICE] ",
            Severity::Notice => continue,
        };
        let message = printable(&diagnostic.message);
        let stop = if message.ends_with(['.', '?']) { "" } else { "." };
        let place = diagnostic
            .span
            .map_or_else(String::new, |span| format!("parsing [{}] : ", place(span, sources)));
        let _ = writeln!(text, "{word}  ({pid}) : config : {place}{message}{stop}");
        if let Some(span) = diagnostic.span.filter(|_| diagnostic.severity != Severity::Remark) {
            push_excerpt(&mut text, span, '^', sources);
        }
        if let Some((span, label)) = &diagnostic.related {
            let _ = writeln!(text, "   | {}: [{}]", printable(label), self::place(*span, sources));
            push_excerpt(&mut text, *span, '-', sources);
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(text, "   | {}", printable(help));
        }
    }
    if report.dropped() > 0 {
        let _ =
            writeln!(text, "[NOTICE]   ({pid}) : config : {} more not shown.", report.dropped());
    }
    text
}

fn place(span: Span, sources: &SourceMap) -> String {
    format!("{}:{}", printable(sources.name(span.file)), sources.line(span))
}

/// The line of `span` without its indentation, and `mark` below what the span covers.
fn push_excerpt(text: &mut String, span: Span, mark: char, sources: &SourceMap) {
    let (line, marked) = excerpt(sources.text(span.file), span);
    let is_marked = |at: usize| at == marked.start || marked.contains(&at);
    let cells: Vec<(char, bool)> = line
        .char_indices()
        .map(|(at, c)| (if c == '\t' { ' ' } else { c }, is_marked(at)))
        .skip_while(|&(c, marked)| c == ' ' && !marked)
        .collect();
    let Some(first) = cells.iter().position(|&(_, marked)| marked) else {
        return;
    };
    let from = if cells.len() > SHOWN_MAX { first.saturating_sub(BEFORE_MAX) } else { 0 };
    let to = cells.len().min(from + SHOWN_MAX);
    let (before, after) =
        (if from > 0 { "..." } else { "" }, if to < cells.len() { "..." } else { "" });
    let shown = &cells[from..to];
    let source: String = shown.iter().map(|&(c, _)| c).collect();
    let _ = writeln!(text, "   |   {before}{}{after}", printable(source.trim_end()));
    let width = shown.iter().filter(|&&(_, marked)| marked).count();
    let indent = before.len() + first - from;
    let marks: String = iter::repeat_n(' ', indent).chain(iter::repeat_n(mark, width)).collect();
    let _ = writeln!(text, "   |   {marks}");
}

#[cfg(test)]
mod tests {
    use haproxy_compat::diag::Diagnostic;
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "frontend fe\n\tbind :80\tmaxcon 5 # h\u{e9}\nbackend fe\n";

    fn of(text: &str, tell: impl Fn(&mut Report, &dyn Fn(u32, u32) -> Span)) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add("t.cfg", text);
        let mut report = Report::default();
        tell(&mut report, &|start, end| Span { file, start, end });
        render_lines(&report, &sources, 7)
    }

    #[test]
    fn scripts_see_haproxys_line_and_people_the_mistake() {
        let found = of(TEXT, |report, at| {
            report.alert(at(22, 28), "'maxcon' is unknown").help("did you mean 'maxconn'?");
            report.alert(at(45, 47), "a second 'fe', did you mean 'be'?");
            report.related(at(9, 11), "the first");
            report.warning(at(0, 11), "odd");
        });
        let expected = "\
[WARNING]  (7) : config : parsing [t.cfg:1] : odd.
   |   frontend fe
   |   ^^^^^^^^^^^
[ALERT]    (7) : config : parsing [t.cfg:2] : 'maxcon' is unknown.
   |   bind :80 maxcon 5 # h\u{e9}
   |            ^^^^^^
   | did you mean 'maxconn'?
[ALERT]    (7) : config : parsing [t.cfg:3] : a second 'fe', did you mean 'be'?
   |   backend fe
   |           ^^
   | the first: [t.cfg:1]
   |   frontend fe
   |            --
";
        assert_eq!(found, expected);
    }

    #[test]
    fn notices_and_empty_reports_print_nothing() {
        assert_eq!(of(TEXT, |_, _| ()), "");
        assert_eq!(
            of(TEXT, |report, at| {
                report.notice(at(0, 4), "odd").help("x");
            }),
            ""
        );
        let said = of(TEXT, |report, at| {
            let (severity, span) = (Severity::Remark, Some(at(0, 8)));
            let message = "hello".to_owned();
            report.push(Diagnostic { severity, span, message, help: None, related: None });
        });
        assert_eq!(said, "[NOTICE]   (7) : config : parsing [t.cfg:1] : hello.\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_mistake() {
        let text = format!("{}wrong{}", "a-".repeat(500), "-b".repeat(500));
        let found = of(&text, |report, at| {
            report.alert(at(1000, 1005), "no");
        });
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines[1].len(), "   |   ......".len() + SHOWN_MAX);
        let column = lines[1].find("wrong").expect("the mistake is shown");
        assert_eq!(lines[2].find('^'), Some(column));
        assert!(lines[2].ends_with("^^^^^"));
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_can_be_shown(
            text in "[\\t\\PC]{0,9}\n[ \\PC]{0,150}", start in 0u32..200, end in 0u32..200,
        ) {
            let found = of(&text, |report, at| {
                report.alert(at(start, end), "m");
            });
            prop_assert!(found.starts_with("[ALERT]    (7) : config : parsing [t.cfg:"));
            prop_assert!(found.lines().skip(1).all(|line| line.starts_with("   | ")));
        }
    }
}
