//! `show events`: what happened lately, and what happens now.
//!
//! `buf0` is the process' own: its last events. The other buffers are the rings that log lines go
//! to. Bound: an answer holds [`CHUNK_BYTES`] of a ring at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::table::Running;
use super::{Answer, Call, Command, Mode, Run};
use crate::clock;
use crate::config::model::Level;
use crate::telemetry::event::Event;
use crate::telemetry::ring::Ring;

pub(super) static COMMANDS: &[Command] = &[Command {
    name: "show events",
    args: "[<sink>] [-w] [-n] [-0]",
    help: "list where events go, or show the last ones (-n: none) and wait for more (-w)",
    level: Level::Operator,
    mode: Mode::Usual,
    run: Run::Later(run),
}];

/// How often new events of the process are looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// Text of a ring that waits for its reader.
const CHUNK_BYTES: usize = 64 * 1024;

/// How to show.
#[derive(Clone, Copy)]
struct Options {
    /// `-w`: what comes, too.
    wait: bool,
    /// `-n`: not what was.
    new: bool,
    /// `-0` ends a line with a NUL.
    end: &'static str,
}

fn run<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(show(call, answer))
}

async fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let name = call.arg(0);
    if name.is_empty() {
        list(call, answer);
        return;
    }
    let rings = call.shared.bus.rings().all();
    let ring = rings.into_iter().find(|ring| ring.spec.name == name);
    match (name, &ring) {
        ("buf0", _) | (_, Some(_)) => {}
        ("stdout" | "stderr", None) => return answer.refuse("Nothing to report for this sink"),
        (_, None) => return answer.refuse_bare("No such event sink"),
    }
    match (options(call), ring) {
        (None, _) => answer.refuse("unknown option"),
        (Some(options), Some(ring)) => lines(&ring, options, answer).await,
        (Some(options), None) => events(call, options, answer).await,
    }
}

fn list(call: &Call<'_>, answer: &mut Answer<'_>) {
    answer.line("Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop");
    let losses = call.shared.bus.losses();
    let mut row = |name: &str, kind: &str, lost: u64, what: &str| {
        answer.line(format_args!("    {name:<10} : type={kind}, {lost} dropped, {what}"));
    };
    row("stdout", "fd", losses.stdout(), "standard output (fd#1)");
    row("stderr", "fd", losses.stderr(), "standard output (fd#2)");
    row("buf0", "buffer", 0, "the last events of the process");
    for ring in call.shared.bus.rings().all() {
        row(&ring.spec.name, "buffer", ring.lost(), &ring.spec.description);
    }
}

/// The letters after the sink: `-w -n`, `-wn`; `None` where one is unknown.
fn options(call: &Call<'_>) -> Option<Options> {
    let mut options = Options { wait: false, new: false, end: "\n" };
    for word in call.args().iter().skip(1) {
        for letter in word.strip_prefix('-')?.chars() {
            match letter {
                'w' => options.wait = true,
                'n' => options.new = true,
                '0' => options.end = "\0",
                _ => return None,
            }
        }
    }
    Some(options)
}

/// Shows the lines of a ring, until the client says something or leaves where it waits for more.
async fn lines(ring: &Arc<Ring>, options: Options, answer: &mut Answer<'_>) {
    let mut place = if options.new { ring.newest() } else { ring.oldest() };
    loop {
        let mut shown = 0;
        // What was pushed out before the client took it is not there any more, as in HAProxy.
        ring.read(&mut place, |line, _| {
            answer.push(&String::from_utf8_lossy(line));
            answer.push(options.end);
            shown += line.len() + 1;
            shown < CHUNK_BYTES
        });
        if shown >= CHUNK_BYTES {
            if answer.flush().await.is_err() {
                return;
            }
            continue;
        }
        if !options.wait || answer.flush().await.is_err() {
            return;
        }
        tokio::select! {
            () = answer.interrupted() => return,
            () = ring.news(place) => {}
        }
    }
}

/// Shows the events of the process, in the same way.
async fn events(call: &Call<'_>, options: Options, answer: &mut Answer<'_>) {
    let (mut seen, events) = call.shared.bus.history(0);
    if !options.new {
        events.iter().for_each(|event| event_line(answer, event, options.end));
    }
    if !options.wait {
        return;
    }
    loop {
        if answer.flush().await.is_err() {
            return;
        }
        tokio::select! {
            () = answer.interrupted() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let (total, events) = call.shared.bus.history(seen);
        events.iter().for_each(|event| event_line(answer, event, options.end));
        seen = total;
    }
}

fn event_line(answer: &mut Answer<'_>, event: &Event, end: &str) {
    let at = Timestamp::try_from(event.at).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(clock::zone()).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
    answer.push(&format!("<{}>{at} {}{end}", event.level() as u8, event.line()));
}
