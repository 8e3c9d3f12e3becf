//! `stats` lines of `global`: sockets that take commands.

use haproxy_compat::keywords::form::of_bind;
use haproxy_compat::keywords::{BIND, Effect};
use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context};
use super::{bind, form};
use crate::config::raw::{Bind, CommandSocket, Commands};

/// Words after `stats` in `global`.
const WORDS: [&str; 4] = ["socket", "timeout", "maxconn", "bind-process"];

/// Options of a command socket that other listening sockets do not have.
const OPTIONS: [&str; 3] = ["level", "severity-output", "expose-fd"];

pub(super) fn lower(line: &Line, commands: &mut Commands, cx: &mut Context<'_>) {
    let args = &mut Args::new(line, 1);
    let Some(word) = args.expect("stats", "a word such as 'socket'", cx) else {
        return;
    };
    let what = word.text();
    match what.as_ref() {
        "socket" => commands.sockets.extend(socket(args, cx)),
        "timeout" => {
            let timeout = args.time("stats timeout", TimeUnit::Milliseconds, cx);
            if let Some(zero) = timeout.as_ref().filter(|timeout| timeout.value.is_zero()) {
                cx.report.alert(zero.span, "'stats timeout' cannot be 0");
            }
            commands.timeout = timeout.or(commands.timeout.take());
            args.ignore_rest("stats timeout", cx);
        }
        "maxconn" => {
            let maxconn = args.number("stats maxconn", cx);
            commands.maxconn = maxconn.or(commands.maxconn.take());
            args.ignore_rest("stats maxconn", cx);
        }
        "bind-process" => {
            cx.report.notice(line.span, "'stats bind-process' has no effect: there is one process");
        }
        _ => cx.unknown(word, "after 'stats' in 'global'", WORDS),
    }
}

fn socket(args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<CommandSocket> {
    let address = args.expect("stats socket", "an address such as '/run/haproxy.sock'", cx)?;
    let mut socket = CommandSocket {
        bind: Bind::new(cx.address(address)),
        level: None,
        severity: None,
        expose_listeners: None,
    };
    while let Some(word) = args.next() {
        let option = word.text();
        if OPTIONS.contains(&option.as_ref()) {
            own(&option, word, args, &mut socket, cx);
            continue;
        }
        match cx.effect(word, &option, &BIND) {
            None => {
                let known = BIND.names().chain(OPTIONS);
                cx.unknown(word, "in a 'stats socket' line", known);
                break;
            }
            Some(Effect::Applies) => bind::apply(&option, word, args, &mut socket.bind, cx),
            Some(effect) => form::without_effect(effect, word, &BIND, of_bind, args, cx),
        }
    }
    Some(socket)
}

fn own(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    socket: &mut CommandSocket,
    cx: &mut Context<'_>,
) {
    match option {
        "level" => socket.level = args.text(option, "'user', 'operator' or 'admin'", cx),
        "severity-output" => {
            socket.severity = args.text(option, "'none', 'number' or 'string'", cx);
        }
        _ => {
            let Some(what) = args.expect(option, "'listeners'", cx) else { return };
            match what.bytes.as_slice() {
                b"listeners" => socket.expose_listeners = Some(Spanned::new(true, word.span)),
                _ => cx.unknown(what, "after 'expose-fd'", ["listeners"]),
            }
        }
    }
}
