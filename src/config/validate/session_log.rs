//! Pure: what is logged of sessions, and in which words.

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use super::frontend::is_on;
use crate::config::model::{Global, LogFormat, SessionLog};
use crate::config::raw::{self, Dialect, Field};
use crate::pure::log_format::{Format, HTTP, HTTP_CLF, HTTPS, TCP_CLF};
use crate::pure::sample::{ParseError, Stage};

/// The words of `log_format`; all else is a format.
const LOG_FORMATS: [(&str, ()); 6] =
    [("connect", ()), ("tcp", ()), ("tcp-clf", ()), ("http", ()), ("http-clf", ()), ("https", ())];

/// The words of those that need `mode http`, and the formats they stand for.
pub(in crate::config) const HTTP_LOGS: [(&str, &str); 3] =
    [("http", HTTP), ("http-clf", HTTP_CLF), ("https", HTTPS)];

impl Context<'_> {
    pub(super) fn session_log(
        &mut self,
        what: &str,
        raw: &raw::Frontend,
        global: &Global,
    ) -> SessionLog {
        let to = self.log(&raw.log, &raw.log_tag, &global.log);
        self.rulebook.begin(raw.name.span, &raw.name.value);
        let formats = raw.log_format.iter().chain(&raw.log_format_sd);
        for format in formats.filter(|_| to.targets.is_empty()) {
            let message = format!("the format of log lines is ignored: {what} has nowhere to log");
            self.warn_of_format(format.span, message);
        }
        SessionLog {
            to,
            format: self.log_format(what, &raw.log_format),
            error_format: self.shown("error_log_format", what, &raw.error_log_format, Stage::Log),
            structured: self.shown("log_format_sd", what, &raw.log_format_sd, Stage::Log),
            unique_id: self.shown("unique_id_format", what, &raw.unique_id_format, Stage::Identity),
            dontlognull: is_on(&raw.dontlognull),
            dontlog_normal: is_on(&raw.dontlog_normal),
            separate_errors: is_on(&raw.log_separate_errors),
            logasap: is_on(&raw.logasap),
        }
    }

    /// As HAProxy does.
    fn warn_of_format(&mut self, span: Span, message: String) {
        if self.dialect == Dialect::Haproxy {
            let help = "write 'log global' and targets in 'global', or a target here";
            self.report.warning(span, message).help(help);
        }
    }

    /// One of the words, or a format.
    fn log_format(&mut self, what: &str, written: &Field<String>) -> LogFormat {
        let Some(written) = written else { return LogFormat::default() };
        let format = match written.value.as_str() {
            "connect" => return LogFormat::Connect,
            "tcp" => return LogFormat::Tcp,
            "tcp-clf" => {
                let clf = Spanned::new(TCP_CLF.to_owned(), written.span);
                return match self.format("log_format", what, &clf) {
                    Some(format) => LogFormat::TcpClf(format),
                    None => LogFormat::Tcp,
                };
            }
            word if HTTP_LOGS.iter().any(|row| row.0 == word) => {
                let format = HTTP_LOGS.iter().find(|row| row.0 == word).map_or("", |row| row.1);
                let format = Spanned::new(format.to_owned(), written.span);
                let format = self.format("log_format", what, &format);
                return format.map_or(LogFormat::Tcp, LogFormat::Http);
            }
            // A line that is always the same is more likely a word with a slip in it.
            word if self.dialect == Dialect::Toml && !word.contains(['%', ' ']) => {
                self.word::<()>("log_format", &Some(written.clone()), &LOG_FORMATS);
                return LogFormat::default();
            }
            _ => self.format("log_format", what, written),
        };
        format.map_or(LogFormat::Tcp, LogFormat::Custom)
    }

    /// A format that may be missing.
    fn shown(
        &mut self,
        key: &str,
        what: &str,
        written: &Field<String>,
        stage: Stage,
    ) -> Option<Box<Format>> {
        let written = written.as_ref().filter(|written| !written.value.is_empty())?;
        self.format_at(key, what, written, stage)
    }

    pub(super) fn format(
        &mut self,
        key: &str,
        what: &str,
        written: &Spanned<String>,
    ) -> Option<Box<Format>> {
        self.format_at(key, what, written, Stage::Log)
    }

    /// A format whose samples are asked for at `stage`.
    fn format_at(
        &mut self,
        key: &str,
        what: &str,
        written: &Spanned<String>,
        stage: Stage,
    ) -> Option<Box<Format>> {
        // The tables it asks are its proxy's, where it names none.
        if let Some((_, owner)) = self.rulebook.tables.place.take() {
            self.rulebook.begin(written.span, &owner);
        }
        // An id is asked for while there may be a request.
        self.reads_rules = stage == Stage::Identity;
        let format = Format::parse_at(&written.value, stage, self);
        self.reads_rules = false;
        match format {
            Ok(format) => {
                for expr in format.samples() {
                    self.refer(written.span, expr);
                }
                Some(Box::new(format))
            }
            Err(ParseError { message, help }) => {
                self.report.alert(written.span, format!("{key} of {what}: {message}"));
                if let Some(help) = help {
                    self.report.help(help);
                }
                None
            }
        }
    }
}
