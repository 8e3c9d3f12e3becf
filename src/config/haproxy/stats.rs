//! `mode http` sections: those that only serve the process's own pages become HTTP listeners. A
//! frontend's page may stand in the backend that it sends to.

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, SectionKind, Word};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context, text};
use crate::config::raw::{self, Bind, Field};
use crate::config::statement;

/// Words after `stats`.
const STATS: [&str; 14] = [
    "enable",
    "uri",
    "auth",
    "realm",
    "refresh",
    "hide-version",
    "show-node",
    "show-desc",
    "show-legends",
    "show-modules",
    "scope",
    "admin",
    "http-request",
    "bind-process",
];

/// What a section said that only means something in `mode http`.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    page: raw::Page,
    /// `monitor-uri`
    monitor: Field<String>,
    /// `monitor fail`
    monitor_fail: Option<Span>,
    /// `http-request` rules: who may ask, and who gets metrics.
    rules: Vec<Spanned<String>>,
    /// `acl` lines, for the conditions of rules.
    acls: Vec<Spanned<String>>,
    /// Backends that `use_backend` names.
    backends: Vec<Spanned<String>>,
}

/// A `mode http` section.
#[derive(Debug)]
pub(super) struct HttpSection {
    pub(super) kind: SectionKind,
    pub(super) name: Spanned<String>,
    pub(super) header: Span,
    pub(super) binds: Vec<Bind>,
    pub(super) has_servers: bool,
    pub(super) default_backend: Field<String>,
    /// Rules that would have to be asked before a page is shown, and are not.
    pub(super) unasked: Vec<Span>,
    pub(super) page: Page,
}

impl Page {
    /// Keeps what a line says that means something in `mode http`.
    pub(super) fn line(&mut self, line: &Line, cx: &mut Context<'_>) {
        match line.words[0].bytes.as_slice() {
            b"stats" => {
                self.page.span.get_or_insert(line.span);
                stats(&mut self.page, line, cx);
            }
            b"monitor-uri" => {
                let mut args = Args::new(line, 1);
                self.monitor = args.text("monitor-uri", "a path", cx).or(self.monitor.take());
                args.finish("monitor-uri", cx);
            }
            b"monitor" => self.monitor_fail = Some(line.span),
            b"http-request" => self.rule(line, cx),
            _ => {}
        }
    }

    /// Keeps what rules may name. `true`: the line has no other meaning in `mode http`.
    pub(super) fn takes(&mut self, line: &Line) -> bool {
        match line.words[0].bytes.as_slice() {
            b"acl" => self.acls.push(Spanned::new(words(&line.words[1..]), line.span)),
            b"use_backend" => self.backends.extend(line.words.get(1).map(text)),
            _ => return false,
        }
        true
    }

    fn rule(&mut self, line: &Line, cx: &mut Context<'_>) {
        let action = line.words.get(1).map(text);
        match action.as_ref().map(|action| action.value.as_str()) {
            Some("redirect" | "set-log-level" | "set-header" | "add-header" | "del-header") => {
                let action = action.map(|action| action.value).unwrap_or_default();
                let message = format!("'http-request {action}' is ignored: pages stand alone here");
                cx.report.warning(line.span, message);
            }
            Some(_) => self.rules.push(Spanned::new(words(&line.words[1..]), line.span)),
            None => drop(cx.report.alert(line.span, "'http-request' needs an action")),
        }
    }

    const fn serves(&self) -> bool {
        self.page.span.is_some() || self.monitor.is_some() || !self.rules.is_empty()
    }

    /// The path that an exporter has to itself where nothing guards it, such as `/metrics`.
    fn metrics_path(&self) -> Field<String> {
        let [rule] = self.rules.as_slice() else { return None };
        let words = statement::split(&rule.value);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["use-service", "prometheus-exporter", "if", "{", "path", path, "}"] => {
                Some(Spanned::new((*path).to_owned(), rule.span))
            }
            _ => None,
        }
    }
}

impl HttpSection {
    /// What guards a page or makes it say no, and would be passed over: nobody is let in by mistake.
    fn judge(&self, cx: &mut Context<'_>) {
        for &span in &self.unasked {
            cx.report
                .alert(span, "TCP rules are not asked before a page is shown")
                .help("write 'http-request deny unless { src … }', or bind to a private address");
        }
        if let Some(span) = self.page.monitor_fail {
            cx.report
                .alert(span, "'monitor fail' is not built: 'monitor-uri' always answers 200")
                .help("ask '/ready' of the listener, which fails while a backend has no server");
        }
    }
}

/// The listeners that `sections` become.
pub(super) fn lower(sections: Vec<HttpSection>, cx: &mut Context<'_>) -> Vec<raw::Stats> {
    let mut found = Vec::new();
    for section in &sections {
        let is_backend = section.kind == SectionKind::Backend;
        let behind = behind(section, &sections);
        let page = [Some(section), behind]
            .into_iter()
            .flatten()
            .find_map(|it| it.page.page.span.is_some().then(|| it.page.page.clone()));
        let serves = section.page.serves() || page.is_some();
        let is_used = is_backend && sections.iter().any(|it| names(it, &section.name.value));
        if section.has_servers || !serves && !is_used || !is_backend && section.binds.is_empty() {
            let message = format!(
                "'{}' is in 'mode http': only listeners for statistics can be",
                section.name.value
            );
            cx.report
                .alert(section.header, message)
                .help("'mode tcp' in the section passes HTTP through as it is, byte for byte");
            continue;
        }
        section.judge(cx);
        if is_backend {
            continue;
        }
        let metrics_path = section.page.metrics_path();
        let mut rules = match metrics_path {
            Some(_) => Vec::new(),
            None => section.page.rules.clone(),
        };
        rules.extend(behind.into_iter().flat_map(|backend| backend.page.rules.clone()));
        let acls = [Some(section), behind].into_iter().flatten();
        found.push(raw::Stats {
            name: section.name.clone(),
            binds: section.binds.clone(),
            metrics_path,
            monitor_uri: section.page.monitor.clone(),
            page,
            acls: acls.flat_map(|it| it.page.acls.clone()).collect(),
            rules,
        });
    }
    found
}

/// Whether `section` sends requests to the backend called `name`.
fn names(section: &HttpSection, name: &str) -> bool {
    let wanted = section.default_backend.iter().chain(&section.page.backends);
    section.kind != SectionKind::Backend && wanted.into_iter().any(|it| it.value == name)
}

/// The backend with a page that `section` sends to.
fn behind<'a>(section: &HttpSection, all: &'a [HttpSection]) -> Option<&'a HttpSection> {
    let mut backends = all.iter().filter(|it| it.kind == SectionKind::Backend);
    backends.find(|it| it.page.page.span.is_some() && names(section, &it.name.value))
}

/// A line's words in one text.
fn words(words: &[Word]) -> String {
    statement::join(&words.iter().map(|word| word.text().into_owned()).collect::<Vec<_>>())
}

/// One `stats` line.
fn stats(page: &mut raw::Page, line: &Line, cx: &mut Context<'_>) {
    let args = &mut Args::new(line, 1);
    let Some(word) = args.expect("stats", "a word such as 'enable'", cx) else { return };
    let what = word.text();
    let keyword = format!("stats {what}");
    let on = Some(Spanned::new(true, line.span));
    let rest = || Spanned::new(words(line.words.get(2..).unwrap_or_default()), line.span);
    match what.as_ref() {
        "enable" => {}
        "uri" => keep(&mut page.uri, args.text(&keyword, "what a request begins with", cx)),
        "realm" => keep(&mut page.realm, args.text(&keyword, "a text", cx)),
        "refresh" => keep(&mut page.refresh, args.time(&keyword, TimeUnit::Seconds, cx)),
        "auth" => {
            page.auth.extend(args.text(&keyword, "'user:password'", cx));
            // It may be a part of the password.
            if let Some(excess) = args.next() {
                cx.report.alert(excess.span, "an unexpected word after 'stats auth'");
            }
        }
        "scope" => page.scope.extend(args.text(&keyword, "a proxy's name or '.'", cx)),
        "hide-version" => page.hide_version = on,
        "show-legends" => page.legends = on,
        // There are no figures of protocol modules: nothing more can be shown.
        "show-modules" => {}
        "show-node" => {
            let own = Spanned::new(String::new(), line.span);
            page.node = Some(args.next().map_or(own, text));
        }
        "show-desc" => {
            let words: Vec<_> = line.words[2..].iter().map(|word| word.text()).collect();
            page.description = Some(Spanned::new(words.join(" "), line.span));
            return;
        }
        "admin" => return page.admin.push(rest()),
        "http-request" => return page.rules.push(rest()),
        "bind-process" => return,
        _ => return cx.unknown(word, "after 'stats'", STATS),
    }
    args.finish(&keyword, cx);
}

/// Keeps what was there when the line was wrong.
fn keep<T>(field: &mut Field<T>, value: Field<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// Judges a line of `defaults`: who may do what is said where it is done.
pub(super) fn in_defaults(line: &Line, cx: &mut Context<'_>) {
    let [keyword, word, ..] = line.words.as_slice() else { return };
    if keyword.bytes == b"stats" && matches!(&*word.bytes, b"admin" | b"http-request") {
        let message = format!("'stats {}' is not allowed in 'defaults'", word.text());
        cx.report.alert(line.span, message);
    }
}
