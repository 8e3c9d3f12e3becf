//! Pure: the few forms of TOML that are written.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::config::units::format_duration;

/// Keys and values, the values already TOML.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(super) fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push((key.to_owned(), value.into()));
    }

    pub(super) fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(key, value.to_string());
        }
    }

    /// `key = true`, or nothing.
    pub(super) fn flag(&mut self, key: &str, is_on: bool) {
        self.maybe(key, is_on.then_some(true));
    }

    /// `key = { … }`, or nothing where the table is empty.
    pub(super) fn table(&mut self, key: &str, table: &Self) {
        if !table.is_empty() {
            self.add(key, table.inline());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The pairs that `keep` keeps.
    pub(super) fn filtered(&self, keep: impl Fn(&(String, String)) -> bool) -> Self {
        Self(self.0.iter().filter(|pair| keep(pair)).cloned().collect())
    }

    pub(super) fn contains(&self, pair: &(String, String)) -> bool {
        self.0.contains(pair)
    }

    /// Appends all pairs of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `{ a = 1, b = 2 }`
    pub(super) fn inline(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        if pairs.is_empty() {
            return "{}".to_owned();
        }
        format!("{{ {} }}", pairs.join(", "))
    }

    /// One line each.
    pub(super) fn lines(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, value)| {
            let _ = writeln!(text, "{key} = {value}");
            text
        })
    }
}

/// A list; one value stands alone, none is nothing.
pub(super) fn list(values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [value] => Some(value.clone()),
        values => Some(format!("[{}]", values.join(", "))),
    }
}

/// A duration in quotes.
pub(super) fn duration(duration: Duration) -> String {
    format!("\"{}\"", format_duration(duration))
}

/// A key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { name.to_owned() } else { quote(name) }
}

/// A basic string of TOML on one line.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Bytes: a text where they are one, else hexadecimal.
pub(super) fn bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => quote(text),
        Err(_) => format!("{{ hex = {} }}", hex(bytes)),
    }
}

/// Bytes in hexadecimal, in quotes.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("\"{digits}\"")
}
