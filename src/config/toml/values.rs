//! Pure: single values out of tables, and what is said when they are of the wrong kind.

use std::collections::HashSet;
use std::time::Duration;

use haproxy_compat::diag::Report;
use haproxy_compat::span::{FileId, Span, Spanned};
use haproxy_compat::suggest::nearest;
use toml::de::DeValue;

use super::table::{Table, Value, span_of};
use crate::config::raw::Field;
use crate::config::units::{INFINITE, parse_duration};

/// HAProxy's words (and neighbours) that have another one here.
const ALIASES: [(&str, &str); 17] = [
    ("default_backend", "backend = \"…\""),
    ("use_backend", "backend = \"…\""),
    ("tcplog", "log_format = \"tcp\""),
    ("listen", "[frontend.…] and [backend.…]"),
    ("server", "server.NAME = \"address:port\" in a [backend.…]"),
    ("addr", "address = \"…\""),
    ("clitcpka", "tcpka = true in the frontend"),
    ("srvtcpka", "tcpka = true in the backend"),
    ("option", "the option's own name, such as nolinger = true"),
    ("mysql_check", "check = { type = \"mysql\" }"),
    ("pgsql_check", "check = { type = \"pgsql\" }"),
    ("redis_check", "check = { type = \"redis\" }"),
    ("httpchk", "check = { type = \"http\" }"),
    ("tcp_check", "check = { type = \"tcp-check\", steps = [ … ] }"),
    ("hostname", "address = \"…\", which takes host names"),
    ("send_proxy_v2", "send_proxy = \"v2\""),
    ("inter", "check = { inter = \"…\" }"),
];

/// Reads the values of one file and collects what is wrong with them.
pub(super) struct Decoder<'r> {
    /// The file that is read.
    pub(super) file: FileId,
    report: &'r mut Report,
    /// Places that were complained about: `[defaults]` is read once for each proxy.
    reported: HashSet<Span>,
    /// Byte ranges of lines with syntax errors: what was made of them is not judged.
    broken: Vec<std::ops::Range<u32>>,
}

impl<'r> Decoder<'r> {
    pub(super) fn new(
        file: FileId,
        report: &'r mut Report,
        broken: Vec<std::ops::Range<u32>>,
    ) -> Self {
        Self { file, report, reported: HashSet::new(), broken }
    }

    /// Adds an alert, once a place.
    pub(super) fn alert(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let is_broken = self.broken.iter().any(|line| line.contains(&span.start));
        if is_broken || !self.reported.insert(span) {
            return;
        }
        self.report.alert(span, message);
        if let Some(help) = help.into() {
            self.report.help(help);
        }
    }

    /// Gives the alert added last a second place.
    pub(super) fn related(&mut self, span: Span, label: &str) {
        self.report.related(span, label);
    }

    /// A text.
    pub(super) fn string(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<String> {
        let value = table.take(key)?;
        self.string_of(key, value)
    }

    /// The text `value`.
    pub(super) fn string_of(&mut self, key: &str, value: Value<'_>) -> Field<String> {
        match value.get_ref().as_str() {
            Some(text) => Some(Spanned::new(text.to_owned(), span_of(self.file, value))),
            None => self.wrong_type(key, value, "a text in quotes"),
        }
    }

    /// A yes or no.
    pub(super) fn boolean(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<bool> {
        let value = table.take(key)?;
        match value.get_ref().as_bool() {
            Some(on) => Some(Spanned::new(on, span_of(self.file, value))),
            None => self.wrong_type(key, value, "true or false"),
        }
    }

    /// A whole number, not negative.
    pub(super) fn number(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<u64> {
        let value = table.take(key)?;
        let number = self.integer_of(key, value)?;
        match u64::try_from(number.value) {
            Ok(value) => Some(Spanned::new(value, number.span)),
            Err(_) => {
                self.alert(number.span, format!("'{key}' must not be negative"), None);
                None
            }
        }
    }

    /// The whole number `value`.
    pub(super) fn integer_of(&mut self, key: &str, value: Value<'_>) -> Field<i64> {
        let Some(integer) = value.get_ref().as_integer() else {
            return self.wrong_type(key, value, "a whole number");
        };
        let span = span_of(self.file, value);
        match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Some(Spanned::new(number, span)),
            Err(_) => {
                self.alert(span, format!("'{key}': {integer} is too large"), None);
                None
            }
        }
    }

    /// A duration, longer than zero.
    pub(super) fn duration(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<Duration> {
        let duration = self.duration_or_zero(table, key)?;
        if duration.value.is_zero() {
            self.alert(duration.span, format!("'{key}' must be longer than zero"), None);
            return None;
        }
        Some(duration)
    }

    /// A duration that may be `"infinite"`, which is zero in the raw configuration.
    pub(super) fn timeout(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<Duration> {
        self.duration_or(table, key, INFINITE)
    }

    /// A duration that may be this word, which is zero in the raw configuration.
    pub(super) fn duration_or(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        word: &str,
    ) -> Field<Duration> {
        let value = table.take(key)?;
        if value.get_ref().as_str() == Some(word) {
            return Some(Spanned::new(Duration::ZERO, span_of(self.file, value)));
        }
        let duration = self.duration_of(key, value)?;
        if duration.value.is_zero() {
            let message = format!("'{key}' must be longer than zero");
            let help = match word {
                INFINITE => format!("write {key} = \"{INFINITE}\" for no limit"),
                word => format!("write {key} = \"{word}\" for never"),
            };
            self.alert(duration.span, message, help);
            return None;
        }
        Some(duration)
    }

    /// A duration, zero included.
    pub(super) fn duration_or_zero(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Field<Duration> {
        let value = table.take(key)?;
        self.duration_of(key, value)
    }

    fn duration_of(&mut self, key: &str, value: Value<'_>) -> Field<Duration> {
        let span = span_of(self.file, value);
        let Some(text) = value.get_ref().as_str() else {
            if let Some(number) = value.get_ref().as_integer() {
                let message = format!("'{key}' must be a duration in quotes, not a bare number");
                let help = format!(
                    "write {key} = \"{number}s\" for seconds or \"{number}ms\" for milliseconds"
                );
                self.alert(span, message, help);
                return None;
            }
            return self.wrong_type(key, value, "a duration in quotes, such as \"2s\"");
        };
        match parse_duration(text) {
            Ok(duration) => Some(Spanned::new(duration, span)),
            Err(bad) => {
                self.alert(span, format!("'{key}': {}", bad.message), bad.help);
                None
            }
        }
    }

    /// One value or a list of them.
    pub(super) fn list<'a>(&mut self, table: &mut Table<'a>, key: &'static str) -> Vec<Value<'a>> {
        match table.take(key) {
            None => Vec::new(),
            Some(value) => match value.get_ref().as_array() {
                Some(array) => array.iter().collect(),
                None => vec![value],
            },
        }
    }

    /// A table below another.
    pub(super) fn table<'a>(
        &mut self,
        table: &mut Table<'a>,
        key: &'static str,
        place: String,
    ) -> Option<Table<'a>> {
        let value = table.take(key)?;
        let span = span_of(self.file, value);
        match value.get_ref().as_table() {
            Some(entries) => Some(table.child(key, entries, span, place)),
            None => self.wrong_type(key, value, "a table { … }"),
        }
    }

    /// Says that `value` is not what `key` takes.
    pub(super) fn wrong_type<T>(
        &mut self,
        key: &str,
        value: Value<'_>,
        expected: &str,
    ) -> Option<T> {
        let (found, hint) = match value.get_ref() {
            DeValue::String(text) if text.parse::<i64>().is_ok() => {
                ("a text", Some(format!("without quotes: {key} = {text}")))
            }
            DeValue::String(text) if *text == "true" || *text == "false" => {
                ("a text", Some(format!("without quotes: {key} = {text}")))
            }
            DeValue::String(_) => ("a text", None),
            DeValue::Integer(_) => ("a number", None),
            DeValue::Float(_) => ("a fraction", None),
            DeValue::Boolean(_) => ("true or false", None),
            DeValue::Datetime(_) => ("a date", None),
            DeValue::Array(_) => ("a list", None),
            DeValue::Table(_) => ("a table", None),
        };
        let hint = hint.filter(|_| !expected.contains("quotes"));
        let span = span_of(self.file, value);
        self.alert(span, format!("'{key}' must be {expected}, not {found}"), hint);
        None
    }

    /// Complains about the keys of `table` that nothing asked for.
    pub(super) fn finish(&mut self, table: &Table<'_>) {
        for key in table.unknown(self.file) {
            let known = table.known().iter().copied();
            let written = &key.value;
            let place = &table.place;
            let mut message = format!("unknown key '{written}' in {place}");
            let mut help = None;
            if let Some(nearest) = nearest(written, known) {
                message.push_str(&format!(", did you mean '{nearest}'?"));
            } else if let Some((_, ours)) = ALIASES.iter().find(|(theirs, _)| theirs == written) {
                help = Some(format!("write {ours}"));
            } else {
                help = Some(format!("known keys: {}", table.known().join(", ")));
            }
            self.alert(key.span, message, help);
        }
    }
}
