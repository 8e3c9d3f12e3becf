//! Pure: who is told of events.

use std::collections::HashMap;
use std::path::Path;

use haproxy_compat::span::Spanned;
use rustls_pki_types::ServerName;

use super::context::Context;
use crate::config::defaults;
use crate::config::model::{HookFormat, ServerTls, Topic, Url, Webhook};
use crate::config::raw;
use crate::pure::id::Name;

/// The words of `format`.
pub(in crate::config) const HOOK_FORMATS: [(&str, HookFormat); 3] = [
    ("json", HookFormat::Json),
    ("slack", HookFormat::Slack),
    ("pagerduty", HookFormat::PagerDuty),
];

/// The words of `events`.
pub(in crate::config) const TOPICS: [(&str, Topic); 6] = [
    ("server", Topic::Server),
    ("role", Topic::Role),
    ("fence", Topic::Fence),
    ("failover", Topic::Failover),
    ("switchover", Topic::Switchover),
    ("process", Topic::Process),
];

impl Context<'_> {
    /// Every webhook.
    pub(super) fn webhooks(&mut self, raw: &raw::Config) -> Vec<Webhook> {
        let mut names = HashMap::new();
        let mut found = Vec::new();
        for webhook in &raw.webhooks {
            if let Some(name) = self.new_name("webhook", &webhook.name, &mut names) {
                found.extend(self.webhook(webhook, name, raw));
            }
        }
        found
    }

    fn webhook(&mut self, raw: &raw::Webhook, name: Name, whole: &raw::Config) -> Option<Webhook> {
        let what = format!("webhook '{name}'");
        let format = self.word(&format!("format of {what}"), &raw.format, &HOOK_FORMATS);
        let format = format.unwrap_or_default();
        let key = raw.key_file.as_ref().and_then(|file| self.secret(&what, file));
        if format == HookFormat::PagerDuty && raw.key_file.is_none() {
            self.report.alert(raw.name.span, format!("{what} has no routing key"));
            self.report.help("write it into a file and name that: key_file = \"pagerduty.key\"");
        }
        let url = self.url(&what, raw, format);
        let tls = url.as_ref().and_then(|url| self.hook_tls(&what, raw, url));
        let mut events = Vec::new();
        for word in &raw.events {
            let word = Some(word.clone());
            events.extend(self.word(&format!("events of {what}"), &word, &TOPICS));
        }
        if raw.events.is_empty() {
            events = defaults::WEBHOOK_EVENTS.to_vec();
        }
        for backend in &raw.backends {
            if !whole.backends.iter().any(|known| known.name.value == backend.value) {
                let message = format!("{what}: there is no backend '{}'", backend.value);
                self.report.alert(backend.span, message);
            }
        }
        let timeout = self.duration(&format!("timeout of {what}"), &raw.timeout);
        let keep = self.duration(&format!("keep of {what}"), &raw.keep);
        let queue = self.number(&format!("queue of {what}"), &raw.queue, 1..=10_000);
        let text = |field: &raw::Field<String>| field.as_ref().map(|text| text.value.clone());
        Some(Webhook {
            name,
            url: url?,
            url_file: text(&raw.url_file),
            format,
            key,
            key_file: text(&raw.key_file),
            events: Topic::ALL.into_iter().filter(|topic| events.contains(topic)).collect(),
            backends: raw.backends.iter().map(|name| name.value.clone()).collect(),
            timeout: timeout.unwrap_or(defaults::WEBHOOK_TIMEOUT),
            keep: keep.unwrap_or(defaults::WEBHOOK_KEEP),
            queue: queue.map_or(defaults::WEBHOOK_QUEUE, |queue| {
                usize::try_from(queue).unwrap_or(usize::MAX)
            }),
            tls,
        })
    }

    /// Where to; PagerDuty is at one place only.
    fn url(&mut self, what: &str, raw: &raw::Webhook, format: HookFormat) -> Option<Url> {
        let written = match (&raw.url, &raw.url_file) {
            (Some(_), Some(file)) => {
                self.report.alert(file.span, format!("{what} has a url and a url_file"));
                self.report.help("keep one of them");
                return None;
            }
            (Some(url), None) => url.clone(),
            (None, Some(file)) => Spanned::new(self.secret(what, file)?, file.span),
            (None, None) if format == HookFormat::PagerDuty => {
                Spanned::new(defaults::PAGERDUTY_URL.to_owned(), raw.name.span)
            }
            (None, None) => {
                self.report.alert(raw.name.span, format!("{what} has no url"));
                self.report.help("write url = \"https://…\", or url_file where it is a secret");
                return None;
            }
        };
        match Url::parse(&written.value) {
            Ok(url) => Some(url),
            Err(why) => {
                self.report.alert(written.span, format!("the url of {what}: {why}"));
                None
            }
        }
    }

    fn hook_tls(&mut self, what: &str, raw: &raw::Webhook, url: &Url) -> Option<Box<ServerTls>> {
        if !url.is_tls {
            if let Some(file) = &raw.ca_file {
                self.report.alert(file.span, format!("ca_file of {what} counts only with https"));
            }
            return None;
        }
        let span = raw.name.span;
        if ServerName::try_from(url.host.as_str()).is_err() {
            self.report
                .alert(span, format!("the url of {what}: no certificate can be for its host"));
            return None;
        }
        let field = |text: &str| Some(Spanned::new(text.to_owned(), span));
        let tls = raw::Tls {
            verify: field("required"),
            verify_host: field(&url.host),
            ca_file: raw.ca_file.clone().or_else(|| field("@system-ca")),
            ..raw::Tls::default()
        };
        self.server_tls(&tls, span, what, true)
    }

    /// The first line of a file, which is not shown.
    fn secret(&mut self, what: &str, file: &Spanned<String>) -> Option<String> {
        let text = match self.world.read(Path::new(&file.value)).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.report.alert(file.span, format!("{what}: '{}' is no text", file.value));
                return None;
            }
            Err(error) => {
                let message = format!("{what}: cannot read '{}': {error}", file.value);
                self.report.alert(file.span, message);
                return None;
            }
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || secret.chars().any(|c| !c.is_ascii_graphic()) {
            self.report.alert(file.span, format!("{what}: '{}' is not one word", file.value));
            return None;
        }
        Some(secret.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{load_clean, messages};

    fn text(settings: &str) -> String {
        format!(
            "[webhook.ops]\n{settings}\n\
             [frontend.f]\nbind = \"127.0.0.1:1\"\nbackend = \"b\"\n[backend.b]\n\
             server.s = \"10.0.0.1:5432\"\n"
        )
    }

    #[test]
    fn mistakes_are_told_without_the_secret() {
        let rows = [
            ("", "1: webhook 'ops' has no url"),
            (
                "url = \"s3cret\"",
                "2: the url of webhook 'ops': it begins with neither 'http://' nor 'https://'",
            ),
            ("url = \"http://a\"\nurl_file = \"x\"", "3: webhook 'ops' has a url and a url_file"),
            ("url_file = \"x\"", "2: webhook 'ops': cannot read 'x': there are no files"),
            ("format = \"pagerduty\"", "1: webhook 'ops' has no routing key"),
            (
                "url = \"http://a\"\nca_file = \"x\"",
                "3: ca_file of webhook 'ops' counts only with https",
            ),
            (
                "url = \"http://a\"\nevents = \"rolle\"",
                "3: events of webhook 'ops': 'rolle' is not known, did you mean 'role'?",
            ),
            ("url = \"http://a\"\nbackends = \"c\"", "3: webhook 'ops': there is no backend 'c'"),
            ("url = \"http://a\"\nqueue = 0", "3: queue of webhook 'ops': 0 is out of range"),
        ];
        for (settings, expected) in rows {
            let found = messages(&[&text(settings)]);
            assert!(found.iter().any(|line| line == expected), "{settings}: {found:?}");
            assert!(!found.concat().contains("s3cret"), "{found:?}");
        }
    }

    #[test]
    fn what_is_written_comes_back() {
        for settings in [
            "url = \"http://10.0.0.1:8080/a?b\"",
            "url = \"http://a\"\nformat = \"slack\"\nevents = [\"role\", \"process\"]\n\
             backends = \"b\"\ntimeout = \"3s\"\nkeep = \"1h\"\nqueue = 7",
        ] {
            let config = load_clean(&text(settings));
            assert_eq!(config.webhooks.len(), 1);
            let exported = crate::config::export::export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
    }
}
