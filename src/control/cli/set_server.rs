//! `set server`, and `enable` and `disable` of servers and their checks.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call, agent, move_server, object, rename_server, weight};
use crate::clock;
use crate::config::model::{Check, Level, LogLevel};
use crate::pure::health::Said;
use crate::pure::health::admin;
use crate::pure::probe::Place;
use crate::state::publish;
use crate::telemetry::event::Reason;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "set server",
        args: "<bk>/<srv> [opts]",
        help: "change a server's state, weight, address or check",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| -> Running<'_> {
            match call.arg(1) {
                "fqdn" => rename_server::set_name(call, answer),
                _ => Box::pin(async move { set(call, answer) }),
            }
        }),
    },
    Command {
        name: "enable server",
        args: "<bk>/<srv>",
        help: "take a server out of maintenance and drain ('set server' does the same)",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| command(call, admin::Command::Ready, answer)),
    },
    Command {
        name: "disable server",
        args: "<bk>/<srv>",
        help: "put a server into maintenance ('set server' does the same)",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| command(call, admin::Command::Maint, answer)),
    },
    Command {
        name: "enable health",
        args: "<bk>/<srv>",
        help: "switch on a server's health checks",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| switch_checks(call, true, answer)),
    },
    Command {
        name: "disable health",
        args: "<bk>/<srv>",
        help: "switch off a server's health checks",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| switch_checks(call, false, answer)),
    },
];

/// What `set server` can change, as HAProxy 2.6 lists it.
const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port \
                     | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight";

fn set(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    if object::server(call, 0, answer).is_none() {
        return;
    }
    match call.arg(1) {
        "weight" => weight::set(call, 2, answer),
        "state" => match call.arg(2) {
            "ready" => command(call, admin::Command::Ready, answer),
            "drain" => command(call, admin::Command::Drain, answer),
            "maint" => command(call, admin::Command::Maint, answer),
            _ => answer.refuse("'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        },
        "health" => match call.arg(2) {
            "up" => say(call, Said::Up, answer),
            "stopping" => say(call, Said::Stopping, answer),
            "down" => say(call, Said::Down, answer),
            _ => answer.refuse("'set server <srv> health' expects 'up', 'stopping', or 'down'."),
        },
        "addr" => move_server::set_address(call, answer),
        "check-addr" => set_check_address(call, answer),
        "check-port" => set_check_port(call, answer),
        "agent" => agent::say(call, answer),
        "agent-send" => agent::set_text(call, answer),
        "agent-addr" => agent::set_address(call, answer),
        "agent-port" => agent::set_port(call, answer),
        "ssl" => set_tls(call, answer),
        _ => answer.refuse(USAGE),
    }
}

/// `set server b/s ssl on|off`: in plain text what its line says is spoken over TLS, or again as the
/// line says. Checks go on as they are.
fn set_tls(call: &Call<'_>, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let configured = server.configured().tls.clone();
    if configured.is_none() {
        return answer.refuse(
            "'set server <srv> ssl' cannot be set.  default-server should define ssl settings",
        );
    }
    let tls = match call.arg(2) {
        "on" => configured,
        "off" => None,
        _ => return answer.refuse("'set server <srv> ssl' expects 'on' or 'off'."),
    };
    publish::settings(&backend, &server, clock::now(), |settings| settings.tls = tls);
    answer.say(LogLevel::Notice, "server ssl setting updated.");
}

fn command(call: &Call<'_>, command: admin::Command, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    object::occasion(call).command(&backend, &server, command);
}

fn say(call: &Call<'_>, said: Said, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    if server.configured().track.is_some() {
        return answer.refuse("cannot change health on a tracking server.");
    }
    object::occasion(call).said(&backend, &server, said, Reason::Cli);
}

fn switch_checks(call: &Call<'_>, on: bool, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let now = clock::now();
    let done = publish::health(&backend, &server, now, |health| health.handle_switch(now, on));
    if done {
        server.wake_check();
    } else {
        answer.refuse("Health check was not configured on this server, cannot enable.");
    }
}

fn set_check_address(call: &Call<'_>, answer: &mut Answer<'_>) {
    let text = call.arg(2);
    if text.is_empty() {
        let why = "set server <b>/<s> check-addr requires an address and optionally a port.";
        return answer.refuse(why);
    }
    let Ok(ip) = text.parse::<IpAddr>() else {
        return answer.say_bare(LogLevel::Warning, format_args!("invalid addr '{text}'"));
    };
    let port = match call.arg(3) {
        "port" => match check_port(call.arg(4)) {
            Ok(port) => Some(port),
            Err(why) => return answer.say_bare(LogLevel::Warning, why),
        },
        _ => None,
    };
    change_check(call, answer, |check| {
        check.addr = Some(Place::Inet((ip, 0).into()));
        check.port = port.unwrap_or(check.port);
    });
}

fn set_check_port(call: &Call<'_>, answer: &mut Answer<'_>) {
    let text = call.arg(2);
    if text.is_empty() {
        return answer.refuse("set server <b>/<s> check-port requires a port.");
    }
    match check_port(text) {
        Ok(port) => change_check(call, answer, |check| check.port = port),
        Err(why) => answer.say_bare(LogLevel::Warning, why),
    }
}

/// A port; 0 is that of the server.
fn check_port(text: &str) -> Result<Option<NonZeroU16>, &'static str> {
    let number: i64 = text.parse().map_err(|_| "provided port is not an integer")?;
    u16::try_from(number).map(NonZeroU16::new).map_err(|_| "provided port is invalid")
}

fn change_check(call: &Call<'_>, answer: &mut Answer<'_>, change: impl FnOnce(&mut Check)) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let mut found = false;
    publish::settings(&backend, &server, clock::now(), |settings| {
        if let Some(check) = &mut settings.check {
            change(check);
            found = true;
        }
    });
    if found {
        server.wake_check();
    } else {
        answer.say_bare(LogLevel::Warning, "health checks are not enabled on this server");
    }
}
