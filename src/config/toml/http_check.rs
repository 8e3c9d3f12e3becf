//! Pure: `check = { type = "http", … }`.

use haproxy_compat::span::Spanned;

use super::table::{Table, Value, span_of};
use super::values::Decoder;
use crate::config::raw::{Header, HttpCheck, HttpExpect, HttpMatch, HttpSend, Step, TextMatch};

impl Decoder<'_> {
    pub(super) fn http_check(&mut self, t: &mut Table<'_>) -> HttpCheck {
        let place = t.place.clone();
        let steps = self.list(t, "steps");
        HttpCheck {
            send: self.http_send(t),
            expects: self.http_expects(t),
            steps: steps.into_iter().filter_map(|value| self.http_step(value, &place)).collect(),
            disable_on_404: self.boolean(t, "disable_on_404"),
            send_state: self.boolean(t, "send_state"),
        }
    }

    fn http_send(&mut self, t: &mut Table<'_>) -> HttpSend {
        let (uri, uri_format) = (self.string(t, "uri"), self.string(t, "uri_lf"));
        let (body, body_format) = (self.bytes(t, "body"), self.bytes(t, "body_lf"));
        HttpSend {
            method: self.string(t, "method"),
            is_uri_format: uri_format.is_some(),
            uri: uri_format.or(uri),
            version: self.string(t, "version"),
            headers: self.headers(t),
            is_body_format: body_format.is_some(),
            body: body_format.or(body),
            comment: None,
        }
    }

    /// One of `{ connect = … }`, `{ send = { … } }`, `{ expect = { … } }` and `{ set_var = … }`, with
    /// an optional `comment`, or a `comment` alone.
    fn http_step(&mut self, value: Value<'_>, place: &str) -> Option<Step> {
        let span = span_of(self.file, value);
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type("steps", value, "a list of tables { send = … }");
        };
        let mut table = Table::new(entries, span, format!("a step in the {place}"));
        let t = &mut table;
        let comment = self.string(t, "comment");
        let mut found: Vec<Step> = Vec::new();
        found.extend(self.connect_step(t, comment.clone()));
        if let Some(mut send) = self.table(t, "send", format!("send of {place}")) {
            let request = HttpSend { comment: comment.clone(), ..self.http_send(&mut send) };
            self.finish(&send);
            found.push(Step::HttpSend(Box::new(request)));
        }
        let expect_place = format!("expect of {place}");
        if let Some(value) = t.take("expect")
            && let Some(mut expect) = self.http_expect(value, &expect_place)
        {
            expect.value.comment = comment.clone().or(expect.value.comment);
            found.push(Step::HttpExpect(Box::new(expect)));
        }
        found.extend(self.variable_step(t));
        if found.is_empty() {
            found.extend(comment.map(Step::Comment));
        }
        if found.len() != 1 {
            let message = format!("a step in the {place} must do exactly one thing");
            let help = "write one of connect, send, expect, set_var, unset_var and comment";
            self.alert(span, message, help.to_owned());
        }
        self.finish(&table);
        found.pop()
    }

    /// A list of `"Name: value"`.
    fn headers(&mut self, t: &mut Table<'_>) -> Vec<Header> {
        let mut headers = Vec::new();
        for value in self.list(t, "headers") {
            let Some(text) = self.string_of("headers", value) else {
                continue;
            };
            let Some((name, content)) = text.value.split_once(':') else {
                let message = format!("'{}' is not a header", text.value);
                self.alert(text.span, message, "write \"Name: value\"".to_owned());
                continue;
            };
            headers.push(Header {
                name: Spanned::new(name.trim().to_owned(), text.span),
                value: Spanned::new(content.trim().to_owned(), text.span),
            });
        }
        headers
    }

    /// One `expect`, or a list of them.
    fn http_expects(&mut self, parent: &mut Table<'_>) -> Vec<Spanned<HttpExpect>> {
        let place = format!("expect of {}", parent.place);
        let Some(value) = parent.take("expect") else { return Vec::new() };
        let values = match value.get_ref().as_array() {
            Some(values) => values.iter().collect(),
            None => vec![value],
        };
        values.into_iter().filter_map(|value| self.http_expect(value, &place)).collect()
    }

    /// `{ status | rstatus | string | rstring | hdr, not, min_recv, comment, … }`.
    fn http_expect(&mut self, value: Value<'_>, place: &str) -> Option<Spanned<HttpExpect>> {
        let span = span_of(self.file, value);
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type("expect", value, "a table such as { status = 200 }");
        };
        let mut table = Table::new(entries, span, place.to_owned());
        let t = &mut table;
        let matchers = [
            self.number_or_text(t, "status").map(|text| HttpMatch::Status(text.value)),
            self.string(t, "rstatus").map(|text| HttpMatch::StatusRegex(text.value)),
            self.bytes(t, "string").map(|bytes| HttpMatch::Text(bytes.value)),
            self.bytes(t, "string_lf").map(|bytes| HttpMatch::TextFormat(bytes.value)),
            self.string(t, "rstring").map(|text| HttpMatch::Regex(text.value)),
            self.http_header(t),
        ];
        let negated = self.boolean(t, "not").is_some_and(|on| on.value);
        let min_recv = self.min_recv(t);
        let comment = self.string(t, "comment");
        let report = self.expect_report(t);
        self.finish(&table);
        let matcher =
            self.one_of(span, matchers, "status, rstatus, string, string_lf, rstring and hdr")?;
        let expect = HttpExpect { negated, matcher, min_recv, comment, report };
        Some(Spanned::new(expect, span))
    }

    fn text_match(&mut self, t: &mut Table<'_>, keys: [&'static str; 3]) -> Option<TextMatch> {
        let [text, format, way] = keys.map(|key| self.string(t, key));
        let is_format = format.is_some();
        Some(TextMatch { way, is_format, text: format.or(text)? })
    }

    /// `hdr = { name, name_match, value, value_match, full }`.
    fn http_header(&mut self, parent: &mut Table<'_>) -> Option<HttpMatch> {
        let mut table = self.table(parent, "hdr", format!("hdr of {}", parent.place))?;
        let t = &mut table;
        let name = self.text_match(t, ["name", "name_lf", "name_match"]);
        let value = self.text_match(t, ["value", "value_lf", "value_match"]);
        let full = self.boolean(t, "full").is_some_and(|on| on.value);
        self.finish(&table);
        if name.is_none() {
            let help = "write hdr = { name = \"x-role\", value = \"primary\" }".to_owned();
            self.alert(table.span, "'hdr' needs a name", help);
        }
        Some(HttpMatch::Header { full, name: name?, value })
    }
}
