//! ACLs and rules, as written: words, which validation reads in HAProxy's grammar.

use haproxy_compat::span::{Span, Spanned};

use crate::pure::rules::pages::ErrorPages;

/// One statement: `acl lan src 10.0.0.0/8`, `tcp-request content reject if lan`, `use_backend b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its words, the keyword first; never empty.
    pub words: Vec<Spanned<String>>,
    /// All of it.
    pub span: Span,
}

impl Statement {
    /// The keyword.
    #[must_use]
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| &word.value)
    }

    /// The word behind the keyword.
    #[must_use]
    pub fn second(&self) -> &str {
        self.words.get(1).map_or("", |word| &word.value)
    }

    /// Whether it means something to a frontend.
    #[must_use]
    pub fn is_of_frontend(&self) -> bool {
        matches!(
            self.keyword(),
            "acl" | "tcp-request" | "use_backend" | "stick-table" | "http-request" | "monitor"
        ) || self.is_page()
    }

    /// Whether it means something to a backend.
    #[must_use]
    pub fn is_of_backend(&self) -> bool {
        match self.keyword() {
            "tcp-request" => !matches!(self.second(), "connection" | "session"),
            "stick-table" | "stick" | "http-request" => true,
            "acl" | "tcp-response" | "use-server" | "force-persist" | "ignore-persist" => true,
            _ => self.is_page(),
        }
    }

    /// Whether it says what is answered with a status.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.keyword() == "errorfiles" || ErrorPages::knows(self.keyword())
    }

    /// The words as one line that reads back to them.
    #[must_use]
    pub fn text(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quoted(&word.value)).collect();
        words.join(" ")
    }
}

/// A word in the form of `haproxy.cfg`; quotes only where they are needed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.,:;/()[]{}@%+-=!|<>*?^&~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut quoted = String::from("'");
    for c in word.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            '\n' => quoted.push_str("'\\n'"),
            '\r' => quoted.push_str("'\\r'"),
            '\0' => quoted.push_str("'\\x00'"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
