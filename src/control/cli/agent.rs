//! Commands about the agents of servers.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::{AgentCheck, Level, LogLevel, ServerAddr};
use crate::pure::health::Health;
use crate::pure::probe::Place;
use crate::state::publish;
use crate::telemetry::event::Reason;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "enable agent",
        args: "<bk>/<srv>",
        help: "ask a server's agent again",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| switch(call, true, answer)),
    },
    Command {
        name: "disable agent",
        args: "<bk>/<srv>",
        help: "no longer ask a server's agent",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| switch(call, false, answer)),
    },
];

/// What is said of a server without an agent, or with one that is off.
const NONE: &str = "agent checks are not enabled on this server";

fn switch(call: &Call<'_>, on: bool, answer: &mut Answer<'_>) {
    let change = |health: &mut Health| health.handle_agent_switch(clock::now(), on);
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    match object::occasion(call).agent(&backend, &server, change, Reason::Cli) {
        Some(_) => server.wake_check(),
        None => answer.refuse("Agent was not configured on this server, cannot enable."),
    }
}

/// `set server b/s agent up|down`.
pub(super) fn say(call: &Call<'_>, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    if !server.health().agent().is_some_and(|agent| agent.is_on()) {
        return answer.refuse(format_args!("{NONE}."));
    }
    let up = match call.arg(2) {
        "up" => true,
        "down" => false,
        _ => return answer.refuse("'set server <srv> agent' expects 'up' or 'down'."),
    };
    let change = |health: &mut Health| health.handle_agent_said(clock::now(), up);
    object::occasion(call).agent(&backend, &server, change, Reason::Cli);
}

/// `set server b/s agent-addr A [port P]`.
pub(super) fn set_address(call: &Call<'_>, answer: &mut Answer<'_>) {
    let text = call.arg(2);
    if text.is_empty() {
        let why = "set server <b>/<s> agent-addr requires an address and optionally a port.";
        return answer.refuse(why);
    }
    let written = (call.arg(3) == "port").then(|| call.arg(4));
    change(call, answer, |agent, own| {
        let port = written.map(|text| port(text, own)).transpose();
        let addr: IpAddr = text.parse().map_err(|_| format!("invalid addr '{text}'"))?;
        agent.port = port?.unwrap_or(agent.port);
        agent.addr = Some(Place::Inet((addr, 0).into()));
        Ok(())
    });
}

/// `set server b/s agent-port P`.
pub(super) fn set_port(call: &Call<'_>, answer: &mut Answer<'_>) {
    let text = call.arg(2);
    if text.is_empty() {
        return answer.refuse("set server <b>/<s> agent-port requires a port.");
    }
    change(call, answer, |agent, own| {
        agent.port = port(text, own)?;
        Ok(())
    });
}

/// `set server b/s agent-send TEXT`.
pub(super) fn set_text(call: &Call<'_>, answer: &mut Answer<'_>) {
    let Some((_, server)) = object::server(call, 0, answer) else { return };
    if server.settings().agent.is_none() {
        return answer.refuse(format_args!("{NONE}."));
    }
    change(call, answer, |agent, _| {
        agent.send = call.arg(2).as_bytes().to_vec();
        Ok(())
    });
}

/// A port; 0 is the server's `own`, as in HAProxy.
fn port(text: &str, own: &ServerAddr) -> Result<NonZeroU16, String> {
    let number: i64 = text.parse().map_err(|_| "provided port is not an integer")?;
    let port = match (number, own) {
        (0, ServerAddr::Tcp(own)) => Some(own.port()),
        _ => u16::try_from(number).ok(),
    };
    port.and_then(NonZeroU16::new).ok_or_else(|| "provided port is invalid".to_owned())
}

fn change(
    call: &Call<'_>,
    answer: &mut Answer<'_>,
    change: impl FnOnce(&mut AgentCheck, &ServerAddr) -> Result<(), String>,
) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let settings = server.settings();
    let Some(mut agent) = settings.agent.clone() else {
        return answer.say_bare(LogLevel::Warning, NONE);
    };
    if let Err(why) = change(&mut agent, &settings.address) {
        return answer.say_bare(LogLevel::Warning, why);
    }
    drop(settings);
    publish::settings(&backend, &server, clock::now(), |settings| {
        settings.agent = Some(agent);
    });
    server.wake_check();
}
