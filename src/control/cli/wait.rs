//! `wait`: a pause between two commands of a line, or until a server may be deleted.

use std::time::{Duration, Instant};

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call, removal};
use crate::clock;
use crate::config::model::{Level, LogLevel};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "wait",
    args: "{-h|<delay_ms>} [cond] [args...]",
    help: "wait for a time, or until a condition holds",
    level: Level::Admin,
    mode: Mode::Usual,
    run: Run::Later(wait),
}];

const HELP: &str = "Usage: wait {-h|<duration>} [condition [args...]]\n  duration is in \
                    milliseconds, or has a unit (us ms s m h d)\n  conditions:\n    srv-removable \
                    <backend>/<server>: until the server may be deleted";

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Longest wait.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

fn wait<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        if call.arg(0) == "-h" {
            return answer.line(HELP);
        }
        let Some(delay) = delay(call.arg(0)) else {
            answer.refuse("Invalid delay.");
            return answer.line(HELP);
        };
        let until = clock::now() + delay;
        match call.arg(1) {
            "" => tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {
                    answer.say(LogLevel::Info, "Done.");
                }
                () = answer.told_more() => answer.say(LogLevel::Info, "Interrupted."),
            },
            "srv-removable" => wait_removable(call, until, answer).await,
            other => answer.refuse(format_args!("Unknown condition '{other}'.")),
        }
    })
}

async fn wait_removable(call: &Call<'_>, until: Instant, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    loop {
        match removal::check(process, call.arg(2)) {
            Ok(_) => return answer.say(LogLevel::Info, "Done."),
            Err(removal::Obstacle::InUse) => {}
            Err(obstacle) => return answer.refuse(obstacle),
        }
        if clock::now() >= until {
            return answer.refuse("Wait delay expired.");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = answer.told_more() => return answer.say(LogLevel::Info, "Interrupted."),
        }
    }
}

/// A time, in milliseconds where it has no unit.
pub(super) fn delay(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_us = match unit {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_micros(number.saturating_mul(unit_us)).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_in_milliseconds_and_bounded() {
        for (text, want) in [
            ("10", Some(Duration::from_millis(10))),
            ("10us", Some(Duration::from_micros(10))),
            ("2s", Some(Duration::from_secs(2))),
            ("1m", Some(Duration::from_secs(60))),
            ("999999999999d", Some(WAIT_MAX)),
            ("", None),
            ("s", None),
            ("-1", None),
            ("10x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(delay(text), want, "{text}");
        }
    }
}
