//! `switchover`: another server becomes the primary, as planned; `switchover show`: those that go on; `drill`:
//! a fault on purpose.

use std::time::Duration;

use tokio::sync::mpsc;

use super::table::{Command, Mode, Run, Running};
use super::wait::delay;
use super::{Answer, Call};
use crate::config::model::{Level, LogLevel};
use crate::state::request::{Drill, Fault, Refused, Switchover, UnderWay, Wish};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "switchover",
        args: "<frontend> --to <server> [--timeout <time>] [--max-lag <time>] [--force] [--dry-run]",
        help: "have another server take over the writes, while clients wait",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(switchover),
    },
    Command {
        name: "switchover show",
        args: "",
        help: "the switchovers that go on, or are waited for",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Later(show),
    },
    Command {
        name: "drill",
        args: "<frontend> {--kill|--hang|--partition|--switchover --to <server>} {--dry-run|--live}",
        help: "make a fault on purpose and measure what comes of it",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Later(drill),
    },
];

/// Lines that may wait for a client that does not read; more are not shown.
const LINES: usize = 64;

fn switchover<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        match order(call.args()) {
            Ok(order) => ask(call, answer, |tell| Wish::Switchover(order, tell)).await,
            Err(why) => answer.refuse(format_args!("Failed: {why}.")),
        }
    })
}

/// One row each; no cell is empty or has a blank.
fn show<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        if let Some(word) = call.args().first() {
            return answer.refuse(format_args!("'{word}' is one word too many."));
        }
        let (tell, mut told) = mpsc::channel(LINES);
        if let Err(why) = call.shared.process.requests.ask(Wish::Switchovers(tell)).await {
            return answer.refuse(format_args!("Failed: {why}."));
        }
        answer.line("# frontend backend from to stage seconds");
        while let Ok(UnderWay { route, backend, from, to, stage, age }) = told.try_recv() {
            let (stage, seconds) = (stage.word(), age.as_secs());
            answer.line(format_args!("{route} {backend} {from} {to} {stage} {seconds}"));
        }
        answer.line("");
    })
}

fn drill<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        match drill_order(call.args()) {
            Ok(order) => ask(call, answer, |tell| Wish::Drill(order, tell)).await,
            Err(why) => answer.refuse(format_args!("Failed: {why}.")),
        }
    })
}

/// Asks for something that takes time, and passes on what is told of it.
async fn ask(
    call: &Call<'_>,
    answer: &mut Answer<'_>,
    wish: impl FnOnce(mpsc::Sender<String>) -> Wish,
) {
    let (tell, mut told) = mpsc::channel(LINES);
    let asked = call.shared.process.requests.ask(wish(tell));
    let mut asked = std::pin::pin!(asked);
    let result = loop {
        tokio::select! {
            biased;
            Some(line) = told.recv() => {
                answer.line(line);
                // Whoever is gone changes nothing: what was begun is brought to its end.
                if answer.flush().await.is_err() {
                    return;
                }
            }
            result = &mut asked => break result,
        }
    };
    match result {
        Ok(()) => answer.line("Done."),
        Err(Refused::Unknown(why)) => {
            answer.line("");
            answer.say(LogLevel::Warning, format_args!("Unknown: {why}."));
        }
        Err(why) => {
            // A message stands at the beginning of an answer: so its severity is seen.
            answer.line("");
            answer.refuse(format_args!("Failed: {why}."));
        }
    }
}

/// What the words of a drill ask for.
fn drill_order(words: &[String]) -> Result<Drill, String> {
    let faults = ["--kill", "--hang", "--partition", "--switchover"];
    let is_own = |word: &&String| faults.contains(&word.as_str()) || *word == "--live";
    let (own, rest): (Vec<&String>, Vec<&String>) = words.iter().partition(is_own);
    let asked: Vec<&&String> = own.iter().filter(|word| **word != "--live").collect();
    let [fault] = asked[..] else {
        return Err(format!("choose one of {}", faults.join(", ")));
    };
    let mut rest: Vec<String> = rest.into_iter().cloned().collect();
    if *fault != "--switchover" {
        let planned = ["--to", "--timeout", "--max-lag", "--force"];
        if let Some(word) = rest.iter().find(|word| planned.contains(&word.as_str())) {
            return Err(format!(
                "{word} belongs to --switchover: after {fault} whoever promotes decides who takes over, and when"
            ));
        }
        // Nobody takes over by name.
        rest.extend(["--to".to_owned(), String::new()]);
    }
    let switchover = order(&rest)?;
    let live = own.len() > asked.len();
    if live == switchover.dry_run {
        return Err("say either --dry-run or --live".to_owned());
    }
    let fault = match fault.as_str() {
        "--kill" => Fault::Kill,
        "--hang" => Fault::Hang,
        "--partition" => Fault::Partition,
        _ => Fault::Switchover(switchover.clone()),
    };
    Ok(Drill { route: switchover.route, fault, live })
}

/// What the words ask for.
fn order(words: &[String]) -> Result<Switchover, String> {
    let (mut route, mut to, mut timeout, mut max_lag) = (None, None, None, None);
    let (mut force, mut dry_run) = (false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--to" => to = words.next().cloned(),
            "--timeout" => timeout = Some(time("timeout", words.next())?),
            "--max-lag" => max_lag = Some(time("lag", words.next())?),
            "--force" => force = true,
            "--dry-run" => dry_run = true,
            other if other.starts_with('-') => return Err(format!("'{other}' is not known")),
            _ if route.is_none() => route = Some(word.clone()),
            other => return Err(format!("'{other}' is one word too many")),
        }
    }
    let missing = |what: &str| format!("name {what}");
    Ok(Switchover {
        route: route.ok_or_else(|| missing("the frontend that leads to the primary"))?,
        to: to.ok_or_else(|| missing("who takes over: --to SERVER"))?,
        timeout,
        max_lag,
        force,
        dry_run,
    })
}

fn time(what: &str, word: Option<&String>) -> Result<Duration, String> {
    let time = word.and_then(|word| delay(word)).filter(|time| !time.is_zero());
    time.ok_or_else(|| format!("a {what} is written as 500ms or 10s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_is_one_fault_that_is_made_or_looked_at() {
        let read = |text: &str| {
            drill_order(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let kill = read("w --kill --live").unwrap();
        assert_eq!((kill.route.as_str(), kill.fault, kill.live), ("w", Fault::Kill, true));
        assert!(!read("--hang w --dry-run").unwrap().live);
        let planned = read("w --switchover --to b --force --live").unwrap();
        assert!(matches!(planned.fault, Fault::Switchover(it) if it.to == "b" && it.force));
        for text in [
            "w --kill",
            "w --live",
            "w --kill --hang --live",
            "w --kill --live --dry-run",
            "w --switchover --live",
            "--kill --live",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for word in ["--to b", "--timeout 5s", "--max-lag 1s", "--force"] {
            let why = read(&format!("w --kill {word} --live")).unwrap_err();
            assert!(why.contains("belongs to --switchover: after --kill"), "{why}");
        }
    }

    #[test]
    fn words_are_taken_in_any_order() {
        let read =
            |text: &str| order(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let full = read("--dry-run w --timeout 2s --max-lag 1s --force --to b").unwrap();
        assert_eq!((full.route.as_str(), full.to.as_str()), ("w", "b"));
        assert_eq!(
            (full.timeout, full.max_lag, full.force, full.dry_run),
            (Some(Duration::from_secs(2)), Some(Duration::from_secs(1)), true, true)
        );
        let short = read("w --to b").unwrap();
        assert_eq!((short.timeout, short.max_lag), (None, None));
        assert!(!short.force && !short.dry_run);
        for text in [
            "",
            "w",
            "--to b",
            "w --to",
            "w x --to b",
            "w --to b --fast",
            "w --to b --timeout 0",
            "w --to b --max-lag",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
