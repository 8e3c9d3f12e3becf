//! `mode http` sections: those that answer requests by themselves. A frontend's page may stand in
//! the backend that it sends to.

use std::collections::BTreeSet;

use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, SectionKind, Word};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context, text};
use crate::config::raw::{self, Config, Field, Statement};
use crate::config::statement;

/// Actions of `http-request` that change what a server would see, and how many words each takes
/// before a condition; `None`: it varies.
const UNSEEN: [(&str, Option<usize>); 12] = [
    ("set-header", Some(2)),
    ("add-header", Some(2)),
    ("del-header", None),
    ("replace-header", Some(3)),
    ("replace-value", Some(3)),
    ("replace-path", Some(2)),
    ("replace-pathq", Some(2)),
    ("replace-uri", Some(2)),
    ("normalize-uri", None),
    ("set-timeout", Some(2)),
    ("set-bandwidth-limit", None),
    ("early-hint", Some(2)),
];

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
    /// `http-request`, `monitor fail`, and what is said of statuses.
    pub(super) rules: Vec<Statement>,
}

/// A `mode http` section, as far as it has to be judged among the others.
#[derive(Debug)]
pub(super) struct HttpSection {
    pub(super) kind: SectionKind,
    pub(super) name: Spanned<String>,
    pub(super) header: Span,
    pub(super) has_servers: bool,
    /// It answers something by itself.
    pub(super) serves: bool,
    /// Backends that it may send to.
    pub(super) backends: Vec<String>,
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
            b"monitor" | b"http-request" => self.rule(line, cx),
            _ => {
                let words = line.words.iter().map(text).collect();
                let statement = Statement { words, span: line.span };
                if statement.is_page() {
                    self.rules.push(statement);
                }
            }
        }
    }

    fn rule(&mut self, line: &Line, cx: &mut Context<'_>) {
        let action = line.words.get(1).map(text);
        let action = action.as_ref().map(|action| action.value.as_str());
        let name = |action: &str| action.split('(').next().unwrap_or_default().to_owned();
        match action.map(name) {
            Some(action) if let Some((_, count)) = unseen(&action) => {
                if let Some(count) = count {
                    arguments(&action, line, count, cx);
                }
                let message = format!("'http-request {action}' is ignored: nobody sees its effect");
                cx.report.warning(line.span, message);
            }
            Some(_) => self
                .rules
                .push(Statement { words: line.words.iter().map(text).collect(), span: line.span }),
            None => drop(cx.report.alert(line.span, "'http-request' needs an action")),
        }
    }

    /// Whether it answers anything.
    pub(super) fn serves(&self) -> bool {
        let mut rules = self.rules.iter();
        self.page.span.is_some() || self.monitor.is_some() || rules.any(|rule| !rule.is_page())
    }

    /// What it is for a frontend or a backend.
    pub(super) fn http(&self, mode: Field<String>) -> Box<raw::Http> {
        let page = self.page.span.is_some().then(|| self.page.clone());
        Box::new(raw::Http { mode, monitor_uri: self.monitor.clone(), page })
    }
}

/// Reports the sections that would have to pass requests on. What no client can reach is there for its
/// table, its checks and its servers' names.
pub(super) fn judge(sections: &[HttpSection], config: &mut Config, cx: &mut Context<'_>) {
    let open = config.frontends.iter().filter(|frontend| !frontend.binds.is_empty());
    let reached: BTreeSet<String> = open
        .flat_map(|frontend| frontend.targets().chain([&frontend.name]))
        .map(|name| name.value.clone())
        .collect();
    for section in sections {
        let is_backend = section.kind == SectionKind::Backend;
        if !reached.contains(&section.name.value) {
            if is_backend || section.has_servers {
                forget_requests(&section.name.value, config);
            }
            continue;
        }
        let named = |it: &HttpSection| it.backends.contains(&section.name.value);
        let behind = |it: &HttpSection| it.serves && section.backends.contains(&it.name.value);
        let serves = section.serves || sections.iter().any(behind);
        let is_used = is_backend && sections.iter().any(named);
        if section.has_servers || !serves && !is_used {
            let message = format!(
                "'{}' is in 'mode http': only listeners for statistics can be",
                section.name.value
            );
            cx.report
                .alert(section.header, message)
                .help("'mode tcp' in the section passes HTTP through as it is, byte for byte");
        }
    }
}

/// Nobody sends requests to `name`.
fn forget_requests(name: &str, config: &mut Config) {
    let is_seen = |rule: &Statement| rule.keyword() != "http-request" && !rule.is_page();
    for frontend in config.frontends.iter_mut().filter(|it| it.name.value == name) {
        *frontend.http = raw::Http::default();
        frontend.rules.retain(is_seen);
    }
    for backend in config.backends.iter_mut().filter(|it| it.name.value == name) {
        *backend.http = raw::Http::default();
        backend.rules.retain(is_seen);
    }
}

fn unseen(action: &str) -> Option<(&'static str, Option<usize>)> {
    UNSEEN.into_iter().find(|(name, _)| *name == action)
}

/// Judges what stands behind an action: `count` words, and a condition or nothing.
fn arguments(action: &str, line: &Line, count: usize, cx: &mut Context<'_>) {
    let words = &line.words[2..];
    if words.len() < count {
        let message = format!("'http-request {action}' needs {count} words");
        cx.report.alert(line.span, message);
    }
    let Some(next) = words.get(count) else { return };
    if !matches!(&*next.bytes, b"if" | b"unless") {
        let message = format!("'{}' stands where 'if' or 'unless' may follow", next.text());
        cx.report.alert(next.span, message).help(format!("'{action}' takes {count} words before"));
    }
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
            // It may be meant as a part of the password: it is not shown.
            if let Some(excess) = args.next() {
                let message = "a second word after 'stats auth' is ignored, in the password, too";
                cx.report.warning(excess.span, message);
            }
            return;
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
            // Without a text it is that of `global`.
            page.description = Some(Spanned::new(words.join(" "), line.span));
            return;
        }
        "admin" => return page.admin.push(rest()),
        "http-request" => return page.rules.push(rest()),
        "bind-process" => return,
        _ => return cx.unknown(word, "after 'stats'", STATS),
    }
    args.ignore_rest(&keyword, cx);
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
