//! `show events`: what happened lately, and what happens now.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::table::Running;
use super::{Answer, Call, Command, Mode, Run};
use crate::config::model::Level;
use crate::telemetry::event::Event;

pub(super) static COMMANDS: &[Command] = &[Command {
    name: "show events",
    args: "[<sink>] [-w] [-n]",
    help: "list where events go, or show the last ones (-n: none) and wait for more (-w)",
    level: Level::Operator,
    mode: Mode::Usual,
    run: Run::Later(run),
}];

/// How often new events are looked for.
const PAUSE: Duration = Duration::from_millis(100);

fn run<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(show(call, answer))
}

async fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let options = |letter| call.args().iter().skip(1).any(|word| has(word, letter));
    match call.arg(0) {
        "" => {
            answer.line("Supported events sinks are listed below. Add -w(wait), -n(new).");
            answer.line("    buf0       : type=buffer, 0 dropped, the last events of the process");
        }
        "buf0" => {
            let (total, events) = call.shared.bus.history(0);
            if !options('n') {
                events.iter().for_each(|event| line(answer, event));
            }
            if options('w') {
                follow(call, answer, total).await;
            }
        }
        _ => answer.refuse("No such event sink"),
    }
}

/// Whether `word` is an option with this letter: `-w`, `-wn`.
fn has(word: &str, letter: char) -> bool {
    word.strip_prefix('-').is_some_and(|letters| letters.contains(letter))
}

/// Shows the events after the first `seen` as they come, until the client says something or leaves.
async fn follow(call: &Call<'_>, answer: &mut Answer<'_>, mut seen: u64) {
    loop {
        if answer.flush().await.is_err() {
            return;
        }
        tokio::select! {
            () = answer.interrupted() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let (total, events) = call.shared.bus.history(seen);
        events.iter().for_each(|event| line(answer, event));
        seen = total;
    }
}

fn line(answer: &mut Answer<'_>, event: &Event) {
    let at = Timestamp::try_from(event.at).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
    answer.line(format_args!("<{}>{at} {}", event.level() as u8, event.line()));
}
