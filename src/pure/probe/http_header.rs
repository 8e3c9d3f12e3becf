//! `http-check expect hdr`: does an answer have this header?

use super::expect::{contains, find};
use crate::pure::probe::kind::TextMatch;

/// Whether a header of this name has one of its values like `value`. `full` takes a header as one
/// value, whatever commas it has; where `value` is `None` the name alone counts.
pub(super) fn is_there(
    lines: &[u8],
    full: bool,
    name: &TextMatch,
    value: Option<&TextMatch>,
) -> bool {
    let headers = lines.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
    });
    let mut named = headers.filter(|(found, _)| matches(&lowered(name), found));
    named.any(|(_, content)| match value {
        None => true,
        Some(value) if full => matches(value, content),
        Some(value) => values(content).any(|part| matches(value, part)),
    })
}

/// Names are compared in lower case.
fn lowered(name: &TextMatch) -> TextMatch {
    match name {
        TextMatch::Is(text) => TextMatch::Is(text.to_ascii_lowercase()),
        TextMatch::Begins(text) => TextMatch::Begins(text.to_ascii_lowercase()),
        TextMatch::Ends(text) => TextMatch::Ends(text.to_ascii_lowercase()),
        TextMatch::Contains(text) => TextMatch::Contains(text.to_ascii_lowercase()),
        TextMatch::Regex(_) | TextMatch::Computed(..) => name.clone(),
    }
}

fn matches(wanted: &TextMatch, found: &[u8]) -> bool {
    match wanted {
        TextMatch::Is(text) => found == text.as_bytes(),
        TextMatch::Begins(text) => found.starts_with(text.as_bytes()),
        TextMatch::Ends(text) => found.ends_with(text.as_bytes()),
        TextMatch::Contains(text) => find(found, text.as_bytes()).is_some(),
        TextMatch::Regex(pattern) => contains(pattern, found),
        // Resolved before.
        TextMatch::Computed(..) => false,
    }
}

/// The parts between commas, but for those inside of quotes.
fn values(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let parts = content.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    parts.map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_haproxy_2_6_compares_them() {
        let lines = b"X-Role: primary, leader\r\nX-Odd: \"a,b\", c\r\nbroken\r\n\r\n";
        let is = |text: &str| TextMatch::Is(text.to_owned());
        let begins = |text: &str| TextMatch::Begins(text.to_owned());
        let ends = |text: &str| TextMatch::Ends(text.to_owned());
        let within = |text: &str| TextMatch::Contains(text.to_owned());
        for (full, name, value, there) in [
            (false, is("x-role"), Some(is("leader")), true),
            (false, is("x-role"), Some(is("foo")), false),
            (true, is("x-role"), Some(is("leader")), false),
            (true, begins("X-R"), Some(within("mary")), true),
            (false, is("X-ROLE"), None, true),
            (false, is("x-none"), None, false),
            (false, is("x-role"), Some(within("LEAD")), false),
            (false, ends("role"), Some(ends("der")), true),
            (false, is("x-odd"), Some(is("\"a,b\"")), true),
            (false, is("broken"), None, false),
        ] {
            let found = is_there(lines, full, &name, value.as_ref());
            assert_eq!(found, there, "{full} {name:?} {value:?}");
        }
    }
}
