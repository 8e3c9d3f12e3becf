//! Pure: native TOML -> raw, all mistakes at once.
//!
//! The parser recovers from syntax errors and keeps byte ranges; this decoder asks each table for
//! the keys it knows ([`values`]) and complains about those it never asked for. `[defaults]` stands
//! behind every frontend and backend: a key that a proxy does not write is taken from there, tables
//! such as `timeout` key by key.

mod backend;
mod check;
mod commands;
mod crt_store;
mod drill;
mod frontend;
mod global;
mod http_check;
mod life;
mod page;
mod peers;
mod resolvers;
mod ring;
mod rules;
mod socket;
mod switchover;
mod syntax;
mod table;
mod tls;
mod tuning;
mod values;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use haproxy_compat::diag::Report;
use haproxy_compat::span::{FileId, Span, Spanned};
use toml::de::DeTable;

use self::table::{Table, in_order, span, span_of};
use self::values::Decoder;
use super::raw::{Config, Dialect, Global};

/// What is known while several files become one configuration.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// What was written so far.
    pub(super) config: Config,
    /// A file could not be read as TOML: parts of it are missing.
    pub(super) has_syntax_errors: bool,
    /// The number of each name: a frontend and a backend of one name are a `listen` section.
    sections: HashMap<String, u32>,
    /// Where the tables of which there is one were opened.
    opened: HashMap<&'static str, Span>,
}

impl Decoded {
    /// Adds a file. `[defaults]` count for their own file only.
    pub(super) fn add(&mut self, file: FileId, text: &str, report: &mut Report) {
        self.config.dialect = Dialect::Toml;
        let (document, errors) = DeTable::parse_recoverable(text);
        let document = document.get_ref();
        // Of a key that is written twice one value is there: that hides nothing.
        self.has_syntax_errors |= errors.iter().any(|error| error.message() != syntax::DUPLICATE);
        let broken = syntax::report(file, text, document, &errors, report);
        let mut decoder = Decoder::new(file, report, broken);
        let mut root = Table::new(document, span(file, 0..0), "the file");

        let defaults = root.take("defaults").and_then(|value| {
            let span = span_of(file, value);
            match value.get_ref().as_table() {
                Some(table) => Some((table, span)),
                None => decoder.wrong_type("defaults", value, "a table"),
            }
        });
        if let Some((entries, span)) = defaults {
            decoder.defaults(entries, span);
        }
        let defaults = defaults.map(|(entries, _)| entries);

        if let Some(table) = decoder.table(&mut root, "global", "[global]".to_owned()) {
            self.open("global", table.span, &mut decoder);
            let commands = std::mem::take(&mut self.config.global.commands);
            self.config.global = Global { commands, ..decoder.global(table) };
        }
        if let Some(table) = decoder.table(&mut root, "commands", "[commands]".to_owned()) {
            self.open("commands", table.span, &mut decoder);
            self.config.global.commands = decoder.commands(table);
        }
        // `[stats]`, or `[[stats]]` for several.
        for value in decoder.list(&mut root, "stats") {
            let span = span_of(file, value);
            match value.get_ref().as_table() {
                Some(entries) => {
                    let table = Table::new(entries, span, "[stats]");
                    self.config.stats.push(decoder.stats(table));
                }
                None => {
                    decoder.wrong_type::<()>("stats", value, "a table [stats]");
                }
            }
        }
        self.config.userlists.extend(decoder.userlists(&mut root));
        self.config.resolvers.extend(decoder.resolvers(&mut root));
        self.config.rings.extend(decoder.rings(&mut root));
        self.config.webhooks.extend(decoder.webhooks(&mut root));
        self.config.peers.extend(decoder.peers(&mut root));
        self.config.certificates.extend(decoder.certificates(&mut root));
        self.proxies(&mut root, defaults, &mut decoder);
        decoder.finish(&root);
    }

    /// Remembers where a table of which there may be one only was opened.
    fn open(&mut self, name: &'static str, span: Span, decoder: &mut Decoder<'_>) {
        if let Some(&first) = self.opened.get(name) {
            decoder.alert(span, format!("a second [{name}]"), "keep one of them".to_owned());
            decoder.related(first, "the first");
        } else {
            self.opened.insert(name, span);
        }
    }

    fn proxies<'a>(
        &mut self,
        root: &mut Table<'a>,
        defaults: Option<&'a DeTable<'a>>,
        decoder: &mut Decoder<'_>,
    ) {
        let mut found = Vec::new();
        for kind in ["frontend", "backend"] {
            let sections = decoder.sections(root, kind, "web").into_iter();
            found.extend(sections.map(|(name, table)| (name, kind, table.inherit(defaults))));
        }
        found.sort_by_key(|(name, _, _)| name.span.start);
        for (name, kind, table) in found {
            let next = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
            let section = *self.sections.entry(name.value.clone()).or_insert(next);
            if kind == "frontend" {
                let frontend = decoder.frontend(section, name, table);
                self.config.frontends.push(frontend);
            } else {
                let backend = decoder.backend(section, name, table);
                self.config.backends.push(backend);
            }
        }
    }
}

impl Decoder<'_> {
    /// Every `[kind.NAME]` of the file, in the order they are written; `example` is a name.
    fn sections<'a>(
        &mut self,
        root: &mut Table<'a>,
        kind: &'static str,
        example: &str,
    ) -> Vec<(Spanned<String>, Table<'a>)> {
        let Some(value) = root.take(kind) else {
            return Vec::new();
        };
        let Some(named) = value.get_ref().as_table() else {
            self.wrong_type::<()>(
                kind,
                value,
                &format!("tables with names, such as [{kind}.{example}]"),
            );
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in in_order(named) {
            let name = Spanned::new(key.get_ref().to_string(), span_of(self.file, key));
            let Some(entries) = value.get_ref().as_table() else {
                let message = format!("[{kind}] must have a name, then its settings");
                let help = format!("write [{kind}.NAME] above '{}'", name.value);
                self.alert(name.span, message, help);
                continue;
            };
            let place = format!("{kind} '{}'", name.value);
            found.push((name, Table::new(entries, span_of(self.file, value), place)));
        }
        found
    }

    /// Reads `[defaults]` for its own sake, so that its mistakes are found although no proxy looks
    /// at the key they are in.
    fn defaults<'a>(&mut self, entries: &'a DeTable<'a>, span: Span) {
        let mut table = Table::new(entries, span, "[defaults]");
        table.is_defaults = true;
        let name = Spanned::new(String::new(), span);
        self.frontend_settings(0, name.clone(), &mut table);
        self.backend_settings(0, name, &mut table);
        self.finish(&table);
    }
}
