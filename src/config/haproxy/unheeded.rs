//! Sections that are known and have no effect: a warning says so, and mistakes in them are refused
//! where HAProxy 2.6 knows the section.

use haproxy_compat::addr::{Address, Endpoint, PortSpec, Transport};
use haproxy_compat::keywords::SECTIONS;
use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section};
use haproxy_compat::units::TimeUnit;

use super::form;
use super::words::{Args, Context};
use crate::config::raw::Object;
use crate::config::world::Account;

/// What may stand in them.
const LINES: [(&str, &[&str]); 4] = [
    (
        "cache",
        &["max-age", "max-object-size", "max-secondary-entries", "process-vary", "total-max-size"],
    ),
    (
        "fcgi-app",
        &[
            "acl",
            "docroot",
            "index",
            "log-stderr",
            "option",
            "pass-header",
            "path-info",
            "set-param",
        ],
    ),
    ("mailers", &["mailer", "timeout"]),
    ("program", &["command", "group", "option", "user"]),
];

pub(super) fn judge(section: &Section, cx: &mut Context<'_>) {
    let word = &section.header.words[0];
    let keyword = word.text();
    cx.effect(word, &keyword, &SECTIONS);
    let Some((_, known)) = LINES.iter().find(|(name, _)| *name == keyword) else { return };
    if section.name.is_none() {
        cx.report.alert(section.header.span, format!("this '{keyword}' section has no name"));
    }
    for line in &section.lines {
        let word = &line.words[0];
        if !known.contains(&word.text().as_ref()) {
            cx.unknown(word, &format!("in a '{keyword}' section"), known.iter().copied());
        }
    }
    match keyword.as_ref() {
        "program" => program(section, cx),
        "mailers" => section.lines.iter().for_each(|line| mail(line, cx)),
        _ => {}
    }
}

/// A line of a `mailers` section.
fn mail(line: &Line, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let word = line.words[0].text();
    if word == "timeout" {
        match args.expect("timeout", "'mail' and a time", cx) {
            Some(what) if what.bytes == b"mail" => {
                args.time("timeout mail", TimeUnit::Milliseconds, cx);
            }
            Some(what) => cx.unknown(what, "after 'timeout'", ["mail"]),
            None => {}
        }
    } else if word == "mailer" {
        let name = args.expect("mailer", "a name and an address", cx);
        let Some(address) = name.and_then(|_| args.expect("mailer", "an address", cx)) else {
            return;
        };
        let address = cx.address(address);
        let is_server = Address::parse(&address.value).is_ok_and(|it| {
            it.transport != Transport::Datagram
                && matches!(it.endpoint, Endpoint::Inet { port: PortSpec::Fixed(1..), .. })
        });
        if !is_server {
            let message = format!("mailer: '{}' is no address with a port", address.value);
            cx.report.alert(address.span, message).help("write one such as '10.0.0.9:25'");
        }
    }
}

fn program(section: &Section, cx: &mut Context<'_>) {
    let mut args = Args::new(&section.header, 2);
    args.finish("program", cx);
    for line in &section.lines {
        let word = line.words[0].text();
        let word = word.as_ref();
        let mut args = Args::new(line, 1);
        match word {
            "command" => drop(args.expect(word, "a program and its arguments", cx)),
            "option" => {
                let option = args.expect(word, "'start-on-reload'", cx);
                if let Some(option) = option.filter(|it| it.bytes != b"start-on-reload") {
                    cx.unknown(option, "after 'option'", ["start-on-reload"]);
                }
            }
            "user" | "group" => {
                let kind = if word == "user" { Account::User } else { Account::Group };
                form::path(word, &mut args, Object::Account(kind), cx);
            }
            _ => {}
        }
    }
    let starts = |line: &Line| line.words[0].bytes == b"command" && line.words.len() > 1;
    if !section.lines.iter().any(starts) {
        cx.report
            .alert(section.header.span, "this 'program' section starts nothing")
            .help("write 'command PATH …'");
    }
}

/// Judges what is known once all sections are read: their keywords with their names.
pub(super) fn judge_all(
    sections: &[(String, Spanned<String>)],
    has_master: bool,
    cx: &mut Context<'_>,
) {
    let named = |keyword: &str, name: &str| {
        sections.iter().filter(|(known, it)| known == keyword && it.value == name).count()
    };
    for name in std::mem::take(&mut cx.error_sections) {
        if named("http-errors", &name.value) == 0 {
            let message = format!("there is no 'http-errors' section '{}'", name.value);
            cx.report.alert(name.span, message);
        }
    }
    let programs = sections.iter().filter(|(keyword, _)| keyword == "program");
    for (at, (keyword, name)) in programs.enumerate() {
        if named(keyword, &name.value) > 1 {
            cx.report
                .alert(name.span, format!("two 'program' sections are called '{}'", name.value));
        }
        if at == 0 && !has_master && cx.env.get("HAPROXY_MWORKER").is_none() {
            cx.report
                .alert(name.span, "'program' sections belong to a master")
                .help("write 'master-worker' in 'global', or start with '-W'");
        }
    }
}
