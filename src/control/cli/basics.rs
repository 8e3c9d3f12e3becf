//! Commands about the conversation itself: its mode, level, look and end.

use std::time::Duration;

use super::table::{self, Command, Mode, Run};
use super::{Answer, Call, Prompt};
use crate::config::model::{Level, LogLevel, SeverityOutput};

/// Those that every list of commands ends with.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "help",
        args: "[<command>]",
        help: "list all commands, or those that begin so",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(help),
    },
    Command {
        name: "prompt",
        args: "[help|n|i|p|timed]*",
        help: "toggle the interactive mode, or choose its form",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(prompt),
    },
    Command {
        name: "quit",
        args: "",
        help: "disconnect",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, _| call.client.quits = true),
    },
];

/// The others.
pub(super) static SETTINGS: &[Command] = &[
    Command {
        name: "echo",
        args: "<text>",
        help: "say the text again",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| answer.line(call.args().join(" "))),
    },
    Command {
        name: "expert-mode",
        args: "[on|off]",
        help: "show or change whether expert commands may be used",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| {
            let on = switch(call, answer, call.client.expert);
            call.client.expert = on;
        }),
    },
    Command {
        name: "experimental-mode",
        args: "[on|off]",
        help: "show or change whether experimental commands may be used",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| {
            let on = switch(call, answer, call.client.experimental);
            call.client.experimental = on;
        }),
    },
    Command {
        name: "operator",
        args: "",
        help: "give up what only admins may do",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Now(|call, _| call.client.level = Level::Operator),
    },
    Command {
        name: "user",
        args: "",
        help: "give up all but looking",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, _| call.client.level = Level::User),
    },
    Command {
        name: "set severity-output",
        args: "[none|number|string]",
        help: "choose how messages show their severity",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(set_severity),
    },
    Command {
        name: "set timeout",
        args: "cli <delay>",
        help: "change how long this connection may be silent",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(set_timeout),
    },
    Command {
        name: "show cli level",
        args: "",
        help: "tell the level of this connection",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| answer.say(LogLevel::Info, call.client.level.name())),
    },
];

fn help(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let text = table::help(call.args(), call.client);
    answer.push(&text);
}

/// Without arguments it toggles between one line and lines with a prompt.
fn prompt(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    if call.args().is_empty() {
        call.client.prompt = match call.client.prompt {
            Prompt::Shown => Prompt::None,
            Prompt::None | Prompt::Silent => Prompt::Shown,
        };
    }
    for argument in call.args() {
        match argument.as_str() {
            "n" => call.client.prompt = Prompt::None,
            "i" => call.client.prompt = Prompt::Silent,
            "p" => call.client.prompt = Prompt::Shown,
            "timed" => call.client.timed = !call.client.timed,
            "help" => answer.push(
                "prompt [help|n|i|p|timed]*\n  n: close after one line\n  i: line after line, \
                 without a prompt\n  p: line after line, with a prompt\n  timed: show or hide the \
                 time since the start in the prompt\n  nothing: toggle between n and p\n",
            ),
            other => return answer.refuse(format_args!("Unknown prompt mode '{other}'.")),
        }
    }
}

/// `on`, `off`, or nothing to be told.
fn switch(call: &Call<'_>, answer: &mut Answer<'_>, is_on: bool) -> bool {
    match call.arg(0) {
        "on" => true,
        "" => {
            let state = if is_on { "ON" } else { "OFF" };
            answer.say(LogLevel::Info, format_args!("{} is {state}", call.words[0]));
            is_on
        }
        // Anything else is off, as in HAProxy.
        _ => false,
    }
}

fn set_severity(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    match SeverityOutput::WORDS.iter().find(|(word, _)| *word == call.arg(0)) {
        Some(&(_, severity)) => call.client.severity = severity,
        None => answer.refuse("one of 'none', 'number', 'string' is a required argument"),
    }
}

/// Longest idle time a client may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

fn set_timeout(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let text = match (call.arg(0), call.arg(1)) {
        ("cli", "") => return answer.refuse("Expects an integer value."),
        ("cli", text) => text,
        _ => return answer.refuse("'set timeout' only supports 'cli'."),
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    // A bare number counts seconds here, unlike everywhere else.
    let unit_ms = match unit {
        "" | "s" => 1_000,
        "ms" => 1,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let wanted = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
    match wanted.map(Duration::from_millis) {
        Some(timeout) if !timeout.is_zero() && timeout <= TIMEOUT_MAX => {
            call.client.timeout = Some(timeout);
        }
        _ => answer.refuse("Invalid timeout value."),
    }
}
