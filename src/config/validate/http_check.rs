//! Pure: `option httpchk`: the request, and what the answer must be.

use haproxy_compat::span::{Span, Spanned};

use super::check::min_recv;
use super::context::Context;
use super::frontend::is_on;
use crate::config::defaults::{HTTP_CHECK_METHOD, HTTP_CHECK_URI, HTTP_CHECK_VERSION};
use crate::config::model::{
    Format, HttpCheck, HttpExpect, HttpMatch, HttpSend, Pattern, ScriptStep, SendHeader, TextMatch,
    TextWay,
};
use crate::config::raw::{self, Dialect, Field};

impl Context<'_> {
    pub(super) fn http(&mut self, raw: &raw::HttpCheck) -> HttpCheck {
        let mut steps: Vec<ScriptStep> = if raw.steps.is_empty() {
            let expects = raw.expects.iter().filter_map(|expect| self.http_expect(expect));
            let expects: Vec<ScriptStep> = expects.map(ScriptStep::HttpExpect).collect();
            let send = ScriptStep::HttpSend(self.http_send(&raw.send));
            std::iter::once(send).chain(expects).collect()
        } else {
            raw.steps.iter().filter_map(|step| self.step(step)).collect()
        };
        let judged = |step: &ScriptStep| match step {
            ScriptStep::HttpSend(_) => Some(false),
            ScriptStep::HttpExpect(_) | ScriptStep::Connect { .. } => Some(true),
            _ => None,
        };
        if steps.iter().rev().find_map(judged) != Some(true) {
            steps.push(ScriptStep::HttpExpect(HttpExpect::usual()));
        }
        HttpCheck {
            steps,
            disable_on_404: is_on(&raw.disable_on_404),
            send_state: is_on(&raw.send_state),
        }
    }

    pub(super) fn http_send(&mut self, raw: &raw::HttpSend) -> HttpSend {
        let method = self.http_word("method", &raw.method, HTTP_CHECK_METHOD);
        let uri = match &raw.uri {
            Some(uri) if raw.is_uri_format => self.check_format(uri.span, uri.value.as_bytes()),
            uri => {
                let uri = self.http_word("URI", uri, HTTP_CHECK_URI);
                Some(Format::literal(uri.as_bytes()))
            }
        };
        let version = self.http_word("version", &raw.version, HTTP_CHECK_VERSION);
        let mut headers = Vec::new();
        for header in &raw.headers {
            let bad_name = header.name.value.is_empty()
                || header.name.value.contains(|c: char| !c.is_ascii_graphic() || c == ':');
            if bad_name || header.value.value.contains(['\r', '\n', '\0']) {
                let message = format!("'{}' is not a header that can be sent", header.name.value);
                self.report.alert(header.name.span, message);
            }
            let value = header.value.value.trim().as_bytes();
            headers.extend(
                self.check_format(header.value.span, value)
                    .map(|value| SendHeader { name: header.name.value.clone(), value }),
            );
        }
        let body = match &raw.body {
            Some(body) if raw.is_body_format => self.check_format(body.span, &body.value),
            body => body.as_ref().map(|body| Format::literal(&body.value)),
        };
        HttpSend {
            method,
            uri: uri.unwrap_or_default(),
            version,
            headers,
            body: body.unwrap_or_default(),
            comment: raw.comment.as_ref().map(|comment| comment.value.clone()),
        }
    }

    /// A word of the request line.
    fn http_word(&mut self, what: &str, field: &Field<String>, default: &str) -> String {
        let Some(field) = field else {
            return default.to_owned();
        };
        let has_blanks = field.value.contains(char::is_whitespace);
        let is_odd = field.value.is_empty() || field.value.contains(char::is_control);
        if is_odd || has_blanks && self.dialect == Dialect::Toml {
            let message = format!("the {what} of an http check must be one word");
            self.report.alert(field.span, message);
        } else if has_blanks {
            // It is sent as it is, and what answers that is taken for an answer, as by HAProxy.
            let message = format!("the {what} of an http check is several words in one");
            self.report.warning(field.span, message).help("leave out the quotes around them");
        }
        field.value.clone()
    }

    pub(super) fn http_expect(&mut self, raw: &Spanned<raw::HttpExpect>) -> Option<HttpExpect> {
        let span = raw.span;
        let matcher = match &raw.value.matcher {
            raw::HttpMatch::Status(text) => HttpMatch::Status(self.statuses(span, text)?),
            raw::HttpMatch::StatusRegex(text) => {
                HttpMatch::StatusRegex(Pattern::Regex(self.regex(span, text)?))
            }
            raw::HttpMatch::Text(bytes) => {
                let pattern = Spanned::new(raw::Pattern::Text(bytes.clone()), span);
                HttpMatch::Body(self.pattern(&pattern)?)
            }
            raw::HttpMatch::TextFormat(bytes) => {
                HttpMatch::Body(Pattern::TextFormat(self.check_format(span, bytes)?))
            }
            raw::HttpMatch::Regex(text) => HttpMatch::Body(Pattern::Regex(self.regex(span, text)?)),
            raw::HttpMatch::Header { full, name, value } => HttpMatch::Header {
                full: *full,
                name: self.text_match(name)?,
                value: match value {
                    Some(value) => Some(self.text_match(value)?),
                    None => None,
                },
            },
        };
        let raw = &raw.value;
        Some(HttpExpect {
            negated: raw.negated,
            min_recv: min_recv(&raw.min_recv),
            comment: raw.comment.as_ref().map(|comment| comment.value.clone()),
            report: self.expect_report(&raw.report, matcher.report()),
            matcher,
        })
    }

    fn text_match(&mut self, raw: &raw::TextMatch) -> Option<TextMatch> {
        let text = raw.text.value.clone();
        let way = raw.way.as_ref().map_or("str", |way| way.value.as_str());
        if raw.is_format {
            let way = match way {
                "str" => TextWay::Is,
                "beg" => TextWay::Begins,
                "end" => TextWay::Ends,
                "sub" => TextWay::Contains,
                other => {
                    let message = format!("'{other}' is no way to compare what is computed");
                    self.report.alert(raw.text.span, message);
                    return None;
                }
            };
            let format = self.check_format(raw.text.span, text.as_bytes())?;
            return Some(TextMatch::Computed(way, format));
        }
        Some(match way {
            "str" => TextMatch::Is(text),
            "beg" => TextMatch::Begins(text),
            "end" => TextMatch::Ends(text),
            "sub" => TextMatch::Contains(text),
            "reg" => TextMatch::Regex(Pattern::Regex(self.regex(raw.text.span, &text)?)),
            other => {
                let span = raw.way.as_ref().map_or(raw.text.span, |way| way.span);
                self.report.alert(span, format!("'{other}' is no way to compare a header"));
                self.report.help("write str, beg, end, sub or reg");
                return None;
            }
        })
    }

    /// `200-299,301`.
    fn statuses(&mut self, span: Span, text: &str) -> Option<Vec<(u16, u16)>> {
        let status = |digits: &str| {
            let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|&status| is_number && status <= 999)
        };
        let ranges: Option<Vec<_>> = text
            .split(',')
            .map(|part| {
                let (first, last) =
                    part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
                let (first, last) = (status(first.trim())?, status(last.trim())?);
                (first <= last).then_some((first, last))
            })
            .collect();
        if ranges.is_none() {
            self.report.alert(span, format!("'{text}' is not a list of statuses"));
            self.report.help("write \"200\" or \"200-299,301\"");
        }
        ranges
    }
}
