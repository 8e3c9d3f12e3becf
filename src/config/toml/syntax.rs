//! Pure: the TOML parser's errors as diagnostics.
//!
//! The parser goes on after an error and so finds some that are mere consequences. One a line is
//! kept, and none behind a bracket or quote that was never closed.

use std::ops::Range;

use haproxy_compat::diag::Report;
use haproxy_compat::span::{FileId, Span};
use toml::de::{DeTable, Error};

use super::table::{span, span_of};

/// The parser's message for a key or table that is written twice.
pub(super) const DUPLICATE: &str = "duplicate key";

/// Reports `errors`, and returns the byte ranges of the lines they stand in.
pub(super) fn report(
    file: FileId,
    text: &str,
    document: &DeTable<'_>,
    errors: &[Error],
    report: &mut Report,
) -> Vec<Range<u32>> {
    let mut errors: Vec<(Range<usize>, &str)> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(range, _)| range.start);
    let has_unclosed = errors.iter().any(|(_, message)| message.starts_with("unclosed"));
    let mut broken: Vec<Range<u32>> = Vec::new();
    for (range, message) in errors {
        let place = span(file, range);
        if broken.last().is_some_and(|line| line.contains(&place.start)) {
            continue;
        }
        broken.push(line_of(text, place));
        report.alert(place, sentence(text, place, message));
        if message == DUPLICATE {
            if let Some(first) = first_place(file, text, document, place) {
                report.related(first, "first written here");
            }
        } else if message.contains("string values must be quoted") {
            report.help("texts, durations and addresses stand in quotes: inter = \"2s\"");
        } else if has_unclosed {
            report.help("a '[', '{' or quote before this place is not closed");
        }
        if has_unclosed && message != DUPLICATE {
            let end = u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_add(1);
            broken.push(place.start..end);
            break;
        }
    }
    broken
}

fn sentence(text: &str, place: Span, message: &str) -> String {
    if message == DUPLICATE {
        return format!("'{}' is written twice", slice(text, place));
    }
    format!("not TOML: {message}")
}

fn slice(text: &str, place: Span) -> &str {
    text.get(place.start as usize..place.end as usize).unwrap_or_default()
}

/// The range of the line that `place` starts in, its line feed included.
fn line_of(text: &str, place: Span) -> Range<u32> {
    let at = (place.start as usize).min(text.len());
    let bytes = text.as_bytes();
    let start =
        bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
    let length = bytes[at..].iter().position(|&byte| byte == b'\n');
    let end = length.map_or(text.len(), |length| at + length) + 1;
    let line = span(FileId::default(), start..end);
    line.start..line.end
}

/// Where the key at `second` was written before: for a `[table.header]` the first line that is equal
/// to it, else the closest earlier key of that name.
fn first_place(file: FileId, text: &str, document: &DeTable<'_>, second: Span) -> Option<Span> {
    let line = line_of(text, second);
    let in_line = second.start - line.start;
    let header = text.get(line.start as usize..second.end as usize)?;
    if header.trim_start().starts_with('[') {
        let first = text.find(header).filter(|&at| at < line.start as usize)?;
        let start = first + in_line as usize;
        return Some(span(file, start..start + slice(text, second).len()));
    }
    let name = slice(text, second);
    let mut places = Vec::new();
    collect(file, document, &mut places);
    places
        .into_iter()
        .filter(|place| place.start < second.start && slice(text, *place) == name)
        .max_by_key(|place| place.start)
}

fn collect(file: FileId, table: &DeTable<'_>, places: &mut Vec<Span>) {
    for (key, value) in table {
        places.push(span_of(file, key));
        if let Some(table) = value.get_ref().as_table() {
            collect(file, table, places);
        }
    }
}
