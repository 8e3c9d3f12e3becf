//! Pure: `rules = ["acl lan src 10.0.0.0/8", "use_backend b if lan"]`: HAProxy's own grammar.

use haproxy_compat::env::Environment;
use haproxy_compat::lexer::{self, Scope};
use haproxy_compat::span::Spanned;

use super::table::{Table, span_of};
use super::values::Decoder;
use crate::config::raw::Statement;

impl Decoder<'_> {
    /// ACLs and rules, a text each. Words split as in `haproxy.cfg`; there are no variables.
    pub(super) fn rules(&mut self, table: &mut Table<'_>) -> Vec<Statement> {
        self.statements(table, "rules")
    }

    /// Statements of `haproxy.cfg`, a text each.
    pub(super) fn statements(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Vec<Statement> {
        let values = self.list(table, key);
        let mut statements = Vec::new();
        for value in values {
            let span = span_of(self.file, value);
            let Some(text) = self.string_of(key, value) else { continue };
            let env = Environment::default();
            let scope = Scope { env: &env, file: "", line: 0, section: "" };
            let mut report = haproxy_compat::diag::Report::default();
            let words = lexer::words(&text.value, self.file, 0, &scope, &mut report);
            for fault in report.iter() {
                let message = format!("{key}: {}", fault.message);
                self.alert(span, message, "write each rule as in haproxy.cfg".to_owned());
            }
            // Escapes of TOML move bytes about: the whole text is the place of every word.
            let words: Vec<Spanned<String>> = words
                .unwrap_or_default()
                .iter()
                .map(|word| Spanned::new(word.text().into_owned(), span))
                .collect();
            if !words.is_empty() {
                statements.push(Statement { words, span });
            }
        }
        statements
    }
}
