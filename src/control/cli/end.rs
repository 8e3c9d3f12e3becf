//! Commands that end sessions, and `clear counters`.

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::{Level, LogLevel};
use crate::state::counters::{Clear, Rate};
use crate::state::sessions::SessionId;
use crate::state::{CutReason, Process, publish};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "shutdown session",
        args: "<id>",
        help: "end a session ('show sess' shows ids)",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(end_session),
    },
    Command {
        name: "shutdown sessions server",
        args: "<bk>/<srv>",
        help: "end the sessions of a server",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(end_sessions),
    },
    Command {
        name: "clear counters",
        args: "[all]",
        help: "forget the largest values in statistics, or all of them",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Now(clear),
    },
    Command {
        name: "clear counters server",
        args: "<bk>/<srv>",
        help: "forget what was counted of a server",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(clear_server),
    },
];

fn end_session(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Ok(id) = call.arg(0).parse::<SessionId>() else {
        return answer.refuse("Session pointer expected (use 'show sess').");
    };
    if !call.shared.process.sessions.end(id, CutReason::Killed) {
        answer.refuse("No such session (use 'show sess').");
    }
}

fn end_sessions(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some((_, server)) = object::server(call, 0, answer) else { return };
    call.shared.process.sessions.end_on_server(&server, CutReason::Killed);
}

fn clear(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let what = if call.arg(0) == "all" { Clear::All } else { Clear::Maxima };
    if what == Clear::All && call.client.level < Level::Admin {
        return answer.refuse("Permission denied");
    }
    // Bytes that were moved and not counted yet belong to the time before.
    call.shared.process.sessions.count_bytes(&call.shared.process);
    clear_all(&call.shared.process, what);
}

fn clear_all(process: &Process, what: Clear) {
    process.connection_rate.clear_max();
    process.session_rate.clear_max();
    process.gate.clear_max();
    let tls = &process.tls;
    [&tls.rate, &tls.client_keys, &tls.server_keys].into_iter().for_each(Rate::clear_max);
    let objects = process.objects();
    for frontend in &objects.frontends {
        frontend.gate.clear_max();
        frontend.connection_rate.clear_max();
        frontend.traffic.clear(what);
        frontend.requests.clear(what);
        for listener in frontend.listeners().iter() {
            listener.gate.clear_max();
            listener.traffic.iter().for_each(|traffic| traffic.clear(what));
        }
        if what == Clear::All {
            frontend.request_errors.clear();
            frontend.connections.clear();
        }
    }
    for backend in &objects.backends {
        backend.service.clear(what);
        backend.requests.clear(what);
        for server in &backend.live().servers {
            server.service.clear(what);
            if what == Clear::All {
                let forget = |health: &mut crate::pure::health::Health| health.clear_counters();
                publish::health(backend, server, clock::now(), forget);
            }
        }
    }
}

fn clear_server(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    call.shared.process.sessions.count_bytes(&call.shared.process);
    server.service.clear(Clear::All);
    publish::health(&backend, &server, clock::now(), |health| health.clear_counters());
    answer.say(LogLevel::Info, "Server counters cleared.");
}
