//! `disable frontend`, `enable frontend` and `shutdown frontend`.

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::{Level, LogLevel};
use crate::state::frontend::Phase;
use crate::state::request::{Refused, SocketWish, Wish};
use crate::state::{Frontend, Objects};
use crate::telemetry::event::{Event, What};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "disable frontend",
        args: "<frontend>",
        help: "let a frontend refuse connections until it is enabled",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| change(call, answer, Change::Disable)),
    },
    Command {
        name: "enable frontend",
        args: "<frontend>",
        help: "let a frontend that is disabled accept again",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| change(call, answer, Change::Enable)),
    },
    Command {
        name: "shutdown frontend",
        args: "<frontend>",
        help: "close a frontend's ports, until the configuration is loaded again",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| change(call, answer, Change::ShutDown)),
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Disable,
    Enable,
    ShutDown,
}

/// What a frontend in `phase` does not do, and HAProxy's words for that.
fn refused(phase: Phase, change: Change) -> Option<(LogLevel, &'static str)> {
    Some(match (phase, change) {
        (Phase::Stopped, Change::Disable) => {
            (LogLevel::Err, "Frontend was previously shut down, cannot disable.")
        }
        (Phase::Stopped, Change::Enable) => {
            (LogLevel::Err, "Frontend was previously shut down, cannot enable.")
        }
        (Phase::Stopped, Change::ShutDown) => (LogLevel::Notice, "Frontend was already shut down."),
        (Phase::Paused, Change::Disable) => (LogLevel::Notice, "All sockets are already disabled."),
        (Phase::Open, Change::Enable) => (LogLevel::Notice, "All sockets are already enabled."),
        _ => return None,
    })
}

fn change<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>, change: Change) -> Running<'a> {
    Box::pin(async move {
        let disabled = &call.shared.process.objects().config.disabled.frontends;
        if disabled.iter().any(|name| name == call.arg(0)) {
            let refused = refused(Phase::Stopped, change);
            return refused.into_iter().for_each(|(level, why)| answer.say(level, why));
        }
        let Some(frontend) = object::frontend(call, 0, answer) else { return };
        if let Some((level, why)) = refused(frontend.phase(), change) {
            return answer.say(level, why);
        }
        let process = &call.shared.process;
        let (wish, failed) = match change {
            Change::Disable => {
                (SocketWish::Pause, "Failed to pause frontend, check logs for precise cause.")
            }
            Change::Enable => (
                SocketWish::Resume,
                "Failed to resume frontend, check logs for precise cause (port conflict?).",
            ),
            Change::ShutDown => (SocketWish::ShutDown, "Failed to shut down frontend."),
        };
        match process.requests.ask(Wish::Sockets(frontend.clone(), wish)).await {
            Ok(()) => call.shared.bus.event(event(&process.objects(), &frontend, wish)),
            Err(Refused::System) => answer.refuse(failed),
            Err(stopping) => answer.refuse(stopping),
        }
    })
}

/// What is said of a frontend whose sockets did what was wished.
pub(crate) fn event(objects: &Objects, frontend: &Frontend, wish: SocketWish) -> Event {
    let name = &frontend.name;
    let kind = if objects.is_listen(frontend) { "proxy" } else { "frontend" };
    let notice =
        |verb| What::Notice { level: LogLevel::Warning, text: format!("{verb} {kind} {name}.") };
    let what = match wish {
        SocketWish::Pause => notice("Paused"),
        SocketWish::Resume => notice("Resumed"),
        SocketWish::ShutDown => What::ProxyStopped {
            proxy: name.clone(),
            frontend_conns: frontend.traffic.total.get(),
            backend_conns: 0,
        },
    };
    Event { at: clock::wall(), log: frontend.route().log.to.clone(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_already_is_said() {
        for (phase, change, want) in [
            (Phase::Open, Change::Disable, None),
            (Phase::Open, Change::Enable, Some("All sockets are already enabled.")),
            (Phase::Open, Change::ShutDown, None),
            (Phase::Paused, Change::Disable, Some("All sockets are already disabled.")),
            (Phase::Paused, Change::Enable, None),
            (Phase::Paused, Change::ShutDown, None),
            (
                Phase::Stopped,
                Change::Disable,
                Some("Frontend was previously shut down, cannot disable."),
            ),
            (
                Phase::Stopped,
                Change::Enable,
                Some("Frontend was previously shut down, cannot enable."),
            ),
            (Phase::Stopped, Change::ShutDown, Some("Frontend was already shut down.")),
        ] {
            let said = refused(phase, change).map(|(_, text)| text);
            assert_eq!(said, want, "{phase:?} {change:?}");
        }
    }
}
