//! Pure: `option httpchk` and its rules.

use super::check::{pattern, report};
use super::script::script;
use super::text::{Pairs, bytes, quote};
use crate::config::defaults::{HTTP_CHECK_METHOD, HTTP_CHECK_URI, HTTP_CHECK_VERSION};
use crate::config::model::{
    Format, HttpCheck, HttpExpect, HttpMatch, HttpSend, Pattern, ScriptStep, TextMatch, TextWay,
};

/// One request and what its answer must be, or all steps where there is more.
pub(super) fn http(check: &HttpCheck) -> Pairs {
    let mut pairs = match simple(check) {
        Some((send, expects)) => {
            let mut pairs = http_send(send);
            match expects.as_slice() {
                [] => {}
                [expect] if **expect == HttpExpect::usual() => {}
                [expect] => pairs.table("expect", &http_expect(expect)),
                expects => {
                    let expects: Vec<String> =
                        expects.iter().map(|it| http_expect(it).inline()).collect();
                    pairs.add("expect", format!("[{}]", expects.join(", ")));
                }
            }
            pairs
        }
        None => {
            let mut pairs = Pairs::default();
            let steps: Vec<String> = check.steps.iter().map(|step| script(step).inline()).collect();
            pairs.add("steps", format!("[{}]", steps.join(", ")));
            pairs
        }
    };
    pairs.flag("disable_on_404", check.disable_on_404);
    pairs.flag("send_state", check.send_state);
    pairs
}

/// A request, then expectations, and nothing else.
fn simple(check: &HttpCheck) -> Option<(&HttpSend, Vec<&HttpExpect>)> {
    let send = check.request().filter(|send| send.comment.is_none())?;
    let expects: Vec<_> = check.expects().collect();
    let is_first = matches!(check.steps.first(), Some(ScriptStep::HttpSend(_)));
    (is_first && check.steps.len() == 1 + expects.len()).then_some((send, expects))
}

/// A request; what is as usual is not written.
pub(super) fn http_send(send: &HttpSend) -> Pairs {
    let mut pairs = Pairs::default();
    let differs = |value: &str, default| (value != default).then(|| quote(value));
    pairs.maybe("method", differs(&send.method, HTTP_CHECK_METHOD));
    match send.uri.as_literal() {
        Some(uri) => pairs.maybe("uri", differs(&String::from_utf8_lossy(uri), HTTP_CHECK_URI)),
        None => pairs.add("uri_lf", quote(&lossy(&send.uri))),
    }
    pairs.maybe("version", differs(&send.version, HTTP_CHECK_VERSION));
    let headers: Vec<String> = send
        .headers
        .iter()
        .map(|header| quote(&format!("{}: {}", header.name, lossy(&header.value))))
        .collect();
    pairs.maybe("headers", super::list(&headers));
    match send.body.as_literal() {
        Some(body) => pairs.maybe("body", (!body.is_empty()).then(|| bytes(body))),
        None => pairs.add("body_lf", bytes(send.body.text())),
    }
    pairs
}

fn lossy(format: &Format) -> String {
    String::from_utf8_lossy(format.text()).into_owned()
}

/// One `expect`.
pub(super) fn http_expect(expect: &HttpExpect) -> Pairs {
    let mut pairs = Pairs::default();
    match &expect.matcher {
        HttpMatch::Status(ranges) => {
            let ranges: Vec<String> = ranges
                .iter()
                .map(|(first, last)| match first == last {
                    true => first.to_string(),
                    false => format!("{first}-{last}"),
                })
                .collect();
            pairs.add("status", quote(&ranges.join(",")));
        }
        HttpMatch::StatusRegex(Pattern::Regex(regex)) => {
            pairs.add("rstatus", quote(regex.as_str()));
        }
        HttpMatch::StatusRegex(other) | HttpMatch::Body(other) => pairs.extend(pattern(other)),
        HttpMatch::Header { full, name, value } => {
            let mut header = Pairs::default();
            text_match(&mut header, ["name", "name_match"], name);
            if let Some(value) = value {
                text_match(&mut header, ["value", "value_match"], value);
            }
            header.flag("full", *full);
            pairs.table("hdr", &header);
        }
    }
    pairs.flag("not", expect.negated);
    pairs.maybe("min_recv", expect.min_recv);
    pairs.maybe("comment", expect.comment.as_deref().map(quote));
    report(&mut pairs, &expect.report, &expect.matcher.report());
    pairs
}

fn text_match(pairs: &mut Pairs, [text, way]: [&'static str; 2], written: &TextMatch) {
    let (value, word) = match written {
        TextMatch::Is(value) => (value.as_str(), None),
        TextMatch::Begins(value) => (value.as_str(), Some("beg")),
        TextMatch::Ends(value) => (value.as_str(), Some("end")),
        TextMatch::Contains(value) => (value.as_str(), Some("sub")),
        TextMatch::Regex(Pattern::Regex(regex)) => (regex.as_str(), Some("reg")),
        TextMatch::Regex(_) => return,
        TextMatch::Computed(computed, format) => {
            let word = match computed {
                TextWay::Is => None,
                TextWay::Begins => Some("beg"),
                TextWay::Ends => Some("end"),
                TextWay::Contains => Some("sub"),
            };
            pairs.add(&format!("{text}_lf"), bytes(format.text()));
            pairs.maybe(way, word.map(quote));
            return;
        }
    };
    pairs.add(text, quote(value));
    pairs.maybe(way, word.map(quote));
}
