//! `set maxconn` and `set rate-limit`.

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::Level;
use crate::pure::asked;
use crate::state::publish;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "set maxconn frontend",
        args: "<frontend> <value>",
        help: "change how many connections a frontend takes",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(set_frontend),
    },
    Command {
        name: "set maxconn global",
        args: "<value>",
        help: "change how many connections the process takes",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(set_global),
    },
    Command {
        name: "set maxconn server",
        args: "<bk>/<srv> <value>",
        help: "change how many sessions a server takes",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(set_server),
    },
    Command {
        name: "set rate-limit",
        args: "<setting> <value>",
        help: "change how many connections a second are taken",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(set_rate),
    },
];

/// What `set rate-limit` takes, as HAProxy lists it.
const RATE_USAGE: &str = "'set rate-limit' only supports :\n   - 'connections global' to set the \
                          per-process maximum connection rate\n   - 'sessions global' to set the \
                          per-process maximum session rate\n   - 'ssl-sessions global' to set the \
                          per-process maximum SSL session rate\n   - 'http-compression global' to \
                          set the per-process maximum compression speed in kB/s";

fn set_frontend(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some(frontend) = object::frontend(call, 0, answer) else { return };
    match limit(call.arg(1), "Integer value expected.") {
        Ok(limit) => frontend.gate.set_limit(limit),
        Err(why) => answer.refuse(why),
    }
}

fn set_global(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    match limit(call.arg(0), "Expects an integer value.") {
        Ok(limit) if limit > process.hard_maxconn() => answer.refuse("Value out of range."),
        Ok(0) => process.gate.set_limit(process.hard_maxconn()),
        Ok(limit) => process.gate.set_limit(limit),
        Err(why) => answer.refuse(why),
    }
}

fn set_server(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    match asked::maxconn(call.arg(1)) {
        Ok(limit) => publish::settings(&backend, &server, clock::now(), |settings| {
            settings.maxconn = limit;
        }),
        Err(why) => answer.refuse_as(why),
    }
}

fn set_rate(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    let setting = match (call.arg(0), call.arg(1)) {
        ("connections", "global") => Some(&process.connection_pace),
        ("sessions", "global") => Some(&process.session_pace),
        ("ssl-sessions", "global") => Some(&process.tls.pace),
        // Nothing is compressed here: there is nothing to set.
        ("http-compression", "global") => None,
        _ => return answer.refuse(RATE_USAGE),
    };
    match limit(call.arg(2), "Expects an integer value.") {
        Ok(limit) => {
            if let Some(setting) = setting {
                setting.set(limit);
            }
        }
        Err(why) => answer.refuse(why),
    }
}

/// A limit of connections. HAProxy takes a word that is no number for 0; here it is refused.
fn limit(text: &str, missing: &'static str) -> Result<u32, &'static str> {
    let number: i64 = text.parse().map_err(|_| missing)?;
    let number = u32::try_from(number).ok().filter(|&limit| limit <= u32::MAX >> 1);
    number.ok_or("Value out of range.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers() {
        let range = Err("Value out of range.");
        for (text, want) in [
            ("0", Ok(0)),
            ("10", Ok(10)),
            ("-1", range),
            ("4294967295", range),
            ("", Err("missing")),
            ("10x", Err("missing")),
        ] {
            assert_eq!(limit(text, "missing"), want, "{text}");
        }
    }
}
