//! `global`: the process.

use haproxy_compat::keywords::form::{Form, of_global};
use haproxy_compat::keywords::{Effect, GLOBAL};
use haproxy_compat::span::Spanned;
use haproxy_compat::suggest;
use haproxy_compat::tree::{Line, Prefix};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context, set, text};
use super::{commands, form, log, tls, tuning};
use crate::config::raw::{Bind, Field, Global, Statement};

/// Keywords that apply, of whose line HAProxy reads no further than it needs.
const IGNORING_REST: [&str; 4] =
    ["hard-stop-after", "log-send-hostname", "server-state-base", "server-state-file"];

/// Keywords without effect, of whose line HAProxy reads no further than it needs.
const LONG: [&str; 13] = [
    "close-spread-time",
    "ssl-provider-path",
    "thread-group",
    "tune.lua.maxmem",
    "tune.lua.service-timeout",
    "tune.lua.session-timeout",
    "tune.lua.task-timeout",
    "tune.pattern.cache-size",
    "tune.vars.global-max-size",
    "tune.vars.proc-max-size",
    "tune.vars.reqres-max-size",
    "tune.vars.sess-max-size",
    "tune.vars.txn-max-size",
];

/// `unix-bind`: what the Unix sockets of `bind` lines have that say nothing of their own.
#[derive(Debug, Default)]
pub(super) struct UnixBind {
    prefix: Option<String>,
    mode: Field<u64>,
    user: Field<String>,
    group: Field<String>,
}

impl UnixBind {
    /// Completes `bind` if it is a Unix socket.
    pub(super) fn apply(&self, bind: &mut Bind) {
        let address = &bind.address.value;
        let Some(path) = address
            .strip_prefix("unix@")
            .or_else(|| address.starts_with('/').then_some(address.as_str()))
        else {
            return;
        };
        if let Some(prefix) = &self.prefix {
            bind.address.value = format!("unix@{prefix}{path}");
        }
        bind.mode = bind.mode.take().or_else(|| self.mode.clone());
        bind.user = bind.user.take().or_else(|| self.user.clone());
        bind.group = bind.group.take().or_else(|| self.group.clone());
    }
}

/// Adds the lines of a `global` section to what earlier ones said.
pub(super) fn lower(
    lines: Vec<&Line>,
    global: &mut Global,
    (unix_bind, tls, never_local): (&mut UnixBind, &mut tls::Defaults, &mut Field<bool>),
    cx: &mut Context<'_>,
) {
    for line in lines {
        let word = &line.words[0];
        let keyword = word.text();
        if super::life::KEYWORDS.contains(&&*keyword) {
            super::life::lower(&keyword, line, &mut global.life, cx);
            continue;
        }
        if line.prefix != Prefix::Plain {
            match GLOBAL.find(&keyword) {
                None => unknown(line, cx),
                Some(_) if keyword == "log" => global.log.clear(),
                // To turn off what has no effect is no mistake.
                Some(_) => {}
            }
            continue;
        }
        match cx.effect(word, &keyword, &GLOBAL) {
            None => unknown(line, cx),
            Some(Effect::Applies) if keyword == "unix-bind" => {
                unix(line, unix_bind, cx);
                global.unix_user.clone_from(&unix_bind.user);
                global.unix_group.clone_from(&unix_bind.group);
            }
            Some(Effect::Applies) if matches!(&*keyword, "set-var" | "set-var-fmt") => {
                let words = line.words.iter().map(text).collect();
                global.variables.push(Statement { words, span: line.span });
            }
            Some(Effect::Applies) if keyword == "pp2-never-send-local" => {
                Args::new(line, 1).finish(&keyword, cx);
                *never_local = Some(Spanned::new(true, line.span));
            }
            Some(Effect::Applies) if tls.line(&keyword, line, cx) => {}
            Some(Effect::Applies) => apply(&keyword, line, global, cx),
            Some(_) => without_effect(&keyword, line, cx),
        }
    }
}

/// What a keyword without effect says is judged and forgotten.
fn without_effect(keyword: &str, line: &Line, cx: &mut Context<'_>) {
    let args = &mut Args::new(line, 1);
    let form = of_global(keyword);
    form::judge(form, keyword, args, cx);
    if form != Form::Any && !LONG.contains(&keyword) {
        args.finish(keyword, cx);
    }
}

fn unknown(line: &Line, cx: &mut Context<'_>) {
    let word = &line.words[0];
    let keyword = word.text();
    cx.report.alert(word.span, format!("'{keyword}' is unknown in 'global'"));
    if let Some(sections) = haproxy_compat::keywords::sections_of(&keyword) {
        cx.report.help(format!("it belongs in {sections}"));
    } else if let Some(near) = suggest::nearest(&keyword, GLOBAL.names().chain(super::SECTIONS)) {
        cx.report.help(format!("did you mean '{near}'?"));
    }
}

fn apply(keyword: &str, line: &Line, global: &mut Global, cx: &mut Context<'_>) {
    let args = &mut Args::new(line, 1);
    match keyword {
        "maxconn" => set(&mut global.maxconn, args.number(keyword, cx)),
        "nbthread" => set(&mut global.nbthread, args.digits(keyword, cx)),
        "uid" => set(&mut global.uid, args.account(keyword, "user", cx)),
        "gid" => set(&mut global.gid, args.account(keyword, "group", cx)),
        "spread-checks" => set(&mut global.spread_checks, args.number(keyword, cx)),
        "tune.bufsize" => set(&mut global.bufsize, args.number(keyword, cx)),
        "user" => set(&mut global.user, args.text(keyword, "a user's name", cx)),
        "group" => set(&mut global.group, args.text(keyword, "a group's name", cx)),
        "chroot" => set(&mut global.chroot, args.text(keyword, "a directory", cx)),
        "server-state-file" => {
            set(&mut global.server_state_file, args.text(keyword, "a file", cx));
        }
        "server-state-base" => {
            set(&mut global.server_state_base, args.text(keyword, "a directory", cx));
        }
        "pidfile" => set(&mut global.pidfile, args.text(keyword, "a file", cx)),
        "log-tag" => set(&mut global.log_tag, args.text(keyword, "a tag", cx)),
        "log-send-hostname" => {
            let name = args.next().map_or_else(|| Spanned::new(String::new(), line.span), text);
            global.log_send_hostname = Some(name);
        }
        "external-check" => {
            let preserves = args.take("preserve-env");
            global.external_check = Some(Spanned::new(preserves, line.span));
        }
        "insecure-fork-wanted" => global.insecure_fork_wanted = true,
        "daemon" => global.daemon = Some(Spanned::new(true, line.span)),
        "hard-stop-after" => {
            set(&mut global.hard_stop_after, args.time(keyword, TimeUnit::Milliseconds, cx))
        }
        "max-spread-checks" => {
            set(&mut global.max_spread_checks, args.time(keyword, TimeUnit::Milliseconds, cx))
        }
        "log" => return log::global(line, &mut global.log, cx),
        "stats" => return commands::lower(line, &mut global.commands, cx),
        _ if tuning::lower(keyword, line, args, &mut global.tuning, cx) => {}
        _ => return environment(keyword, line, cx),
    }
    if IGNORING_REST.contains(&keyword) {
        args.ignore_rest(keyword, cx);
    } else {
        args.finish(keyword, cx);
    }
}

/// `setenv` and its kin acted while the file was read; only their form is left to check.
fn environment(keyword: &str, line: &Line, cx: &mut Context<'_>) {
    let args = &mut Args::new(line, 3);
    if matches!(keyword, "setenv" | "presetenv") && line.words.len() < 3 {
        cx.report
            .alert(line.span, format!("'{keyword}' needs a name and a value"))
            .help("quote a value that has spaces");
    } else if matches!(keyword, "setenv" | "presetenv") && args.peek().is_some() {
        args.ignore_rest(keyword, cx);
        cx.report.help("quote a value that has spaces");
    } else if keyword == "unsetenv" && line.words.len() < 2 {
        cx.report.alert(line.span, "'unsetenv' needs a name");
    }
    let is_wrong = |name: &str| name.is_empty() || name.contains('=');
    if let Some(name) = line.words.get(1).filter(|name| is_wrong(&name.text()))
        && matches!(keyword, "setenv" | "presetenv" | "unsetenv")
    {
        let message = format!("'{}' is no name of a variable", name.text());
        cx.report.alert(name.span, message);
    }
}

fn unix(line: &Line, unix_bind: &mut UnixBind, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    while let Some(word) = args.next() {
        let option = word.text();
        match option.as_ref() {
            "prefix" => {
                let prefix = args.text(&option, "a path", cx);
                unix_bind.prefix = prefix.map(|path| path.value);
            }
            "mode" => set(&mut unix_bind.mode, super::bind::mode(&mut args, cx)),
            "user" | "uid" => set(&mut unix_bind.user, args.text(&option, "a user", cx)),
            "group" | "gid" => set(&mut unix_bind.group, args.text(&option, "a group", cx)),
            _ => {
                let known = ["prefix", "mode", "user", "uid", "group", "gid"];
                cx.unknown(word, "after 'unix-bind'", known);
                return;
            }
        }
    }
}
