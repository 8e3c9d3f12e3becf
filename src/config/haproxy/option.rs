//! `option` lines of proxies.

use std::collections::BTreeMap;

use haproxy_compat::keywords::form::of_option;
use haproxy_compat::keywords::{Effect, OPTIONS};
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, Prefix};

use super::form;
use super::log;
use super::proxy::{Reader, Standing};
use super::words::{Args, Context};
use crate::config::raw::Field;

/// Options that are on or off, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags(BTreeMap<String, Spanned<bool>>);

impl Flags {
    /// What was last said of `option`.
    pub(super) fn of(&self, option: &str) -> Field<bool> {
        self.0.get(option).cloned()
    }

    /// On if either option is; where neither is, what was last said of one of them.
    pub(super) fn either(&self, first: &str, second: &str) -> Field<bool> {
        let (first, second) = (self.of(first), self.of(second));
        match (&first, &second) {
            (Some(Spanned { value: true, .. }), _) | (_, None) => first,
            _ => second,
        }
    }

    fn set(&mut self, option: &str, value: bool, span: Span) {
        self.0.insert(option.to_owned(), Spanned::new(value, span));
    }
}

/// Options that `no` and `default` do not take back.
const NOT_NEGATABLE: [&str; 15] = [
    "tcpka",
    "forwardfor",
    "originalto",
    "tcplog",
    "httplog",
    "httpslog",
    "tcp-check",
    "httpchk",
    "mysql-check",
    "pgsql-check",
    "redis-check",
    "smtpchk",
    "ldap-check",
    "ssl-hello-chk",
    "external-check",
];

/// Words after `option forwardfor`.
const FORWARDFOR: [&str; 3] = ["except", "header", "if-none"];

/// An `option`, `no option` or `default option` line.
pub(super) fn lower(line: &Line, reader: &mut Reader, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(word) = args.expect("option", "a name", cx) else {
        return;
    };
    let option = word.text();
    let known = OPTIONS.find(&option);
    let plain = line.prefix == Prefix::Plain;
    if !plain && NOT_NEGATABLE.contains(&option.as_ref()) {
        cx.report.alert(
            line.span,
            format!("'option {option}' cannot be taken back: write the option that replaces it"),
        );
        return;
    }
    // To turn off what is not there is no mistake.
    if let Some((_, places)) = known.filter(|(effect, _)| !plain && *effect != Effect::Applies) {
        reader.standing(&format!("option {option}"), line.span, places, cx);
        return;
    }
    let written = format!("option {option}");
    if let Some((effect, places)) = known
        && reader.ignores(effect, places)
    {
        reader.standing(&written, line.span, places, cx);
        return;
    }
    match cx.effect(word, &written, &OPTIONS) {
        None => cx.unknown(word, "after 'option'", OPTIONS.names()),
        Some(Effect::Http) => {
            let places = known.map_or(0, |(_, places)| places);
            if reader.standing(&written, line.span, places, cx) != Standing::Here {
                return;
            }
            let format = match option.as_ref() {
                "httplog" if args.take("clf") => Some("http-clf"),
                "httplog" => Some("http"),
                "httpslog" => Some("https"),
                _ => None,
            };
            if let Some(format) = format {
                let format = Spanned::new(format.to_owned(), line.span);
                log::format(&written, format, reader, cx);
            }
            if option == "forwardfor"
                && let Some(word) = args.next()
                && !FORWARDFOR.contains(&&*word.text())
            {
                cx.unknown(word, "after 'option forwardfor'", FORWARDFOR);
            }
            reader.http.push((written, line.span));
        }
        Some(Effect::Applies) => {
            let places = known.map_or(0, |(_, places)| places);
            if let Some(reader) = reader.place(&written, line.span, places, cx) {
                apply(&option, line, &mut args, reader, cx);
            }
        }
        Some(_) => {
            let places = known.map_or(0, |(_, places)| places);
            reader.standing(&written, line.span, places, cx);
            form::judge(of_option(&option), &written, &mut args, cx);
        }
    }
}

fn apply(
    option: &str,
    line: &Line,
    args: &mut Args<'_>,
    reader: &mut Reader,
    cx: &mut Context<'_>,
) {
    let settings = &mut reader.settings;
    if settings.checks.option(line, cx) {
        return;
    }
    let on = line.prefix == Prefix::Plain;
    match option {
        "tcplog" => {
            let format = if args.take("clf") { "tcp-clf" } else { "tcp" };
            let format = Spanned::new(format.to_owned(), line.span);
            log::format("option tcplog", format, reader, cx);
        }
        "redispatch" => {
            let interval = match (on, args.peek()) {
                (false, _) => None,
                (true, None) => Some(-1),
                (true, Some(_)) => {
                    let interval = args.signed("option redispatch", cx);
                    Some(interval.map_or(-1, |interval| interval.value))
                }
            };
            settings.redispatch = Some(Spanned::new(interval, line.span));
            args.ignore_rest("option redispatch", cx);
            return;
        }
        "transparent" => {
            settings.flags.set(option, on, line.span);
            if on {
                cx.report.warning(
                    line.span,
                    "'option transparent' is deprecated: HAProxy 3.5 no longer knows it".to_owned(),
                );
                cx.report.help("write 'server NAME 0.0.0.0'");
            }
        }
        _ => settings.flags.set(option, on, line.span),
    }
    args.finish(&format!("option {option}"), cx);
}
