//! `mode http` sections: listeners for statistics become listeners for metrics and health.

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::Line;

use super::words::{Context, text};
use crate::config::raw::{Bind, Field, Stats};

/// What a section said that only means something in `mode http`.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// `stats enable`, `stats uri` and the like.
    statements: Vec<Spanned<String>>,
    /// The path that `use-service prometheus-exporter` was given; `None` where it has no condition.
    exporter: Option<Spanned<Field<String>>>,
    /// `monitor-uri`.
    monitor: Option<Span>,
    /// Rules that decide who may ask.
    guards: Vec<Span>,
}

impl Page {
    /// Keeps what a `stats`, `monitor-uri` or `http-request` line says; others mean nothing here.
    pub(super) fn line(&mut self, line: &Line) {
        let argument = line.words.get(1).map(text);
        let argument_is =
            |expected: &str| argument.as_ref().is_some_and(|argument| argument.value == expected);
        match line.words[0].bytes.as_slice() {
            b"stats" => {
                self.statements.extend(argument.map(|word| Spanned::new(word.value, line.span)))
            }
            b"monitor-uri" => self.monitor = Some(line.span),
            b"http-request" if argument_is("use-service") => {
                let service = line.words.get(2);
                if service.is_some_and(|word| word.bytes == b"prometheus-exporter") {
                    self.exporter = Some(Spanned::new(exporter_path(line), line.span));
                }
            }
            b"http-request" if argument_is("redirect") || argument_is("return") => {}
            b"http-request" => self.guards.push(line.span),
            _ => {}
        }
    }

    /// Whether the section serves statistics.
    const fn serves(&self) -> bool {
        !self.statements.is_empty() || self.exporter.is_some() || self.monitor.is_some()
    }

    /// The listener that a `mode http` section becomes; an alert where it is none.
    pub(super) fn lower(
        &self,
        name: Spanned<String>,
        header: Span,
        binds: Vec<Bind>,
        has_servers: bool,
        cx: &mut Context<'_>,
    ) -> Option<Stats> {
        if has_servers || !self.serves() || binds.is_empty() {
            cx.report
                .alert(
                    header,
                    format!(
                        "'{}' is in 'mode http': only listeners for statistics can be",
                        name.value
                    ),
                )
                .help("'mode tcp' in the section passes HTTP through as it is, byte for byte");
            return None;
        }
        for guard in &self.guards {
            cx.report
                .alert(*guard, "rules about who may ask are not supported here")
                .help("bind the listener to an address that only those can reach");
        }
        self.warn(cx);
        Some(Stats {
            name,
            binds,
            metrics_path: self.exporter.as_ref().and_then(|path| path.value.clone()),
        })
    }

    fn warn(&self, cx: &mut Context<'_>) {
        if let Some(page) = self.statements.first() {
            cx.report.warning(
                page.span,
                "the page with statistics is not there yet: metrics and health are served instead",
            );
        }
        let auth = |statement: &&Spanned<String>| statement.value == "auth";
        if let Some(auth) = self.statements.iter().find(auth) {
            cx.report
                .alert(
                    auth.span,
                    "'stats auth' is not supported: anybody could read what the password guards",
                )
                .help(
                    "remove it, and bind the listener to an address that only those can reach who \
                     may see it",
                );
        }
        if let Some(monitor) = self.monitor {
            cx.report
                .warning(monitor, "'monitor-uri' is ignored: health has fixed paths")
                .help("ask /health (the process lives) or /ready (every backend can serve)");
        }
    }
}

/// The path in `if { path /metrics }`.
fn exporter_path(line: &Line) -> Field<String> {
    let mut words = line.words.iter();
    words.find(|word| matches!(word.bytes.as_slice(), b"path" | b"path_beg"))?;
    words.find(|word| word.bytes.starts_with(b"/")).map(text)
}
