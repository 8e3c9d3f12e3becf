//! `set weight` and `get weight`.

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::Level;
use crate::pure::asked;
use crate::state::{Backend, Before, publish};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "get weight",
        args: "<bk>/<srv>",
        help: "report a server's current weight",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(get),
    },
    Command {
        name: "set weight",
        args: "<bk>/<srv> <weight>[%]",
        help: "change a server's weight ('set server' does the same)",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| set(call, 1, answer)),
    },
];

fn get(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some((_, server)) = object::server(call, 0, answer) else { return };
    let (now, initial) = (server.settings().weight, server.configured().weight);
    answer.line(format_args!("{} (initial {})", now.value(), initial.value()));
}

/// Sets the weight of the server in the first argument to what argument `index` says.
pub(super) fn set(call: &Call<'_>, index: usize, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let initial = server.configured().weight;
    match asked::weight(call.arg(index), initial, !is_dynamic(&backend)) {
        Ok(weight) => {
            let before = Before::of(&backend, &server);
            publish::settings(&backend, &server, clock::now(), |settings| {
                settings.weight = weight;
            });
            object::occasion(call).say_if_empty(&backend, &before);
        }
        Err(message) => answer.refuse_as(message),
    }
}

/// Whether the backend's algorithm takes other weights, and other servers, while it runs.
pub(super) fn is_dynamic(backend: &Backend) -> bool {
    backend.settings().balance.is_dynamic()
}
