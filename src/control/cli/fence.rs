//! `fence show`, `fence clear` and `failovers`: who is primary of a group, who is kept out and why,
//! and what happened.

mod advice;

use std::sync::Arc;

use super::table::{Command, Mode, Run};
use super::{Answer, Call};
use crate::clock;
use crate::config::model::Level;
use crate::control::collect::roles;
use crate::pure::role::History;
use crate::pure::role::fence::{Memory, Refusal};
use crate::state::group::Claims;
use crate::state::{Backend, Occasion, Process};
use crate::telemetry::failover::LEAD;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "fence show",
        args: "[<backend>]",
        help: "who is primary of a group, who is kept out, and what is remembered",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Now(show),
    },
    Command::admin(
        "fence clear",
        "<backend> [--force]",
        "forget who was primary: whoever claims alone is it",
        clear,
    ),
    Command {
        name: "failovers",
        args: "[<backend>|<frontend>] [--save]",
        help: "what failovers cost, oldest first, a JSON object a line",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Now(failovers),
    },
];

fn failovers(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    let (flags, names): (Vec<&str>, Vec<&str>) =
        call.args().iter().map(String::as_str).partition(|word| word.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| **flag != "--save") {
        return answer.refuse(format_args!("'{flag}' is not known; there is --save."));
    }
    let backend = match names[..] {
        [] => String::new(),
        [name] => match group_of(process, name) {
            Some(backend) => backend,
            None => return answer.refuse("No such backend or frontend with routes by role."),
        },
        [_, word, ..] => return answer.refuse(format_args!("'{word}' is one word too many.")),
    };
    let lead = if flags.is_empty() { "" } else { LEAD };
    for record in process.remembered.failovers(&backend) {
        // Text and numbers are always JSON.
        let line = serde_json::to_string(&record).unwrap_or_default();
        answer.line(format_args!("{lead}{line}"));
    }
    answer.line(format_args!(""));
}

/// The backend of this name, or that a frontend of this name leads to by its role. One that is gone is
/// known as long as there are records of it.
fn group_of(process: &Process, name: &str) -> Option<String> {
    let objects = process.objects();
    let is_group = |backend: &&Arc<Backend>| !backend.settings().routes.is_empty();
    let by_name = objects.backends.iter().filter(is_group).find(|backend| *backend.name == *name);
    let known = by_name.map(|backend| backend.name.to_string()).or_else(|| {
        let frontend = objects.frontends.iter().find(|frontend| *frontend.name == *name)?;
        let route = frontend.route();
        route.settings.role?;
        Some(route.backend.as_ref()?.name.to_string())
    });
    known.or_else(|| Some(process.remembered.failovers(name).first()?.backend.clone()))
}

fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let name = call.arg(0);
    let objects = call.shared.process.objects();
    let mut backends = objects.backends.iter().filter(|backend| {
        !backend.settings().routes.is_empty() && (name.is_empty() || *backend.name == *name)
    });
    let Some(first) = backends.next() else {
        return answer.refuse(if name.is_empty() {
            "No backend has routes by role."
        } else {
            "No such backend with routes by role."
        });
    };
    answer.line(format_args!("# backend server says is remembered lag_ms behind history kept_out"));
    for backend in std::iter::once(first).chain(backends) {
        rows(&call.shared.process, backend, answer);
    }
    answer.line(format_args!(""));
}

/// One row a server; no cell is empty or has a blank.
fn rows(process: &Process, backend: &Backend, answer: &mut Answer<'_>) {
    let live = backend.live();
    let roles = roles::of(process, backend, &live.servers, clock::now());
    let memory = backend.group.memory();
    for (server, (role, refusal)) in live.servers.iter().zip(roles) {
        let reading = backend.group.reading(&server.name);
        let says = reading.as_ref().map_or("-", |reading| reading.role.word());
        let is = role.state.word();
        let (mut time, mut amount) = ("-".to_owned(), "-".to_owned());
        if let Some(lag) = role.lag {
            (time, amount) = (lag.time.as_millis().to_string(), lag.amount.to_string());
        }
        let history = reading.map_or_else(|| "-".to_owned(), |reading| cell(&reading.history));
        let why = refusal.map_or("-", word);
        answer.line(format_args!(
            "{} {} {says} {is} {} {time} {amount} {history} {why}",
            backend.name,
            server.name,
            remembered(&memory, &server.name),
        ));
    }
    // Who reads rows passes over what begins so.
    for server in live.servers.iter() {
        if let Some(why) = backend.group.stray(&server.name) {
            answer.line(format_args!("# {}: {} is astray: {why}.", backend.name, server.name));
        }
    }
    if let Some(advice) = advice::advice(backend) {
        answer.line(format_args!("# {}: {advice}", backend.name));
    }
    if let Some((primary, why)) = backend.group.stalled() {
        answer.line(format_args!(
            "# {}: {primary} is primary and takes no writes: {why}.",
            backend.name
        ));
    }
    if let Some((primary, why)) = backend.disputed_primary() {
        answer.line(format_args!(
            "# {}: {primary} is primary and gets no new sessions: {why}.",
            backend.name
        ));
    }
}

/// `SYSTEM:TIMELINE`, or a set of transactions.
fn cell(history: &History) -> String {
    match history {
        History::Postgres { system, timeline } => format!("{system}:{timeline}"),
        History::Mysql { executed, .. } => match executed.to_string() {
            none if none.is_empty() => "-".to_owned(),
            some => some,
        },
    }
}

fn word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Foreign => "foreign",
        Refusal::Returned => "returned",
        Refusal::Older => "older",
        Refusal::Diverged => "diverged",
        Refusal::Stopped => "stopped",
        Refusal::Conflict => "conflict",
    }
}

fn remembered(memory: &Memory, server: &str) -> &'static str {
    let is_incumbent = memory.incumbent.as_ref().is_some_and(|(name, _)| name == server);
    match () {
        () if is_incumbent => "incumbent",
        () if memory.former.contains(server) => "former",
        () if memory.followers.contains(server) => "follower",
        () => "-",
    }
}

fn clear(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (flags, names): (Vec<&str>, Vec<&str>) =
        call.args().iter().map(String::as_str).partition(|word| word.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| **flag != "--force") {
        return answer.refuse(format_args!("'{flag}' is not known; there is --force."));
    }
    let [name] = names[..] else {
        return answer.refuse("Name one backend.");
    };
    let objects = call.shared.process.objects();
    let backend = objects.backends.iter().find(|backend| *backend.name == *name);
    let Some(backend) = backend.filter(|backend| !backend.settings().routes.is_empty()) else {
        return answer.refuse("No such backend with routes by role.");
    };
    if flags.is_empty() && backend.group.stands_by_memory() {
        let who = claimants(&backend.group.claims());
        return answer.refuse(format_args!(
            "Nothing is forgotten: {who} claim to be primary, and without what is remembered none of \
             them gets writes. Stop all but one first, or write --force."
        ));
    }
    let memory = backend.group.memory();
    let (process, bus) = (&*call.shared.process, &call.shared.bus);
    let occasion = Occasion { process, bus, now: clock::now(), wall: clock::wall() };
    occasion.clear_fence(backend);
    answer.line(forgotten(&memory));
    answer.line(follows(&backend.group.claims()));
}

/// What was remembered, for people.
fn forgotten(memory: &Memory) -> String {
    let Some((server, history)) = &memory.incumbent else {
        return "Nothing was remembered.".to_owned();
    };
    let former: Vec<&str> = memory.former.iter().map(String::as_str).collect();
    let also = match &former[..] {
        [] => String::new(),
        former => format!(", and that {} had not followed it since", former.join(" and ")),
    };
    format!("Forgotten: {server} was primary ({history}){also}.")
}

/// What there is now that nothing is remembered, for people.
fn follows(claims: &Claims) -> String {
    match (&claims.primary, &claims.refused[..]) {
        (Some(server), _) => format!("{server} is primary."),
        (None, []) => "Nobody claims to be primary: the first that does, alone, is it.".to_owned(),
        (None, [_]) => format!("Nobody is primary, though {} claims it.", claimants(claims)),
        (None, _) => format!(
            "Nobody is primary, for {} claim it: writes are stopped until one of them is left.",
            claimants(claims)
        ),
    }
}

/// Who claims to be primary, those that are refused among them.
fn claimants(claims: &Claims) -> String {
    let refused = claims.refused.iter().map(|(server, _)| server.as_str());
    let all: Vec<&str> = claims.primary.as_deref().into_iter().chain(refused).collect();
    all.join(" and ")
}
