//! What a master answers itself.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Ask, Done, Shared, Worker};
use crate::clock;
use crate::config::model::{CLAIMED_VERSION, Level};
use crate::control::cli::Client;
use crate::control::cli::answer::Answer;

/// A command that is answered at once.
pub(super) struct Command {
    /// The words that name it, one blank between two.
    name: &'static str,
    /// Who may use it.
    pub(super) level: Level,
    /// Writes the answer.
    pub(super) run: fn(&Shared, &Client, &[String], &mut Answer<'_>),
}

/// What words stand for.
pub(super) enum Found {
    Command(&'static Command),
    /// With these words: `reload` or `hard-reload`.
    Reload(fn(oneshot::Sender<Done>) -> Ask),
    Nothing,
}

static COMMANDS: &[Command] = &[
    Command { name: "help", level: Level::User, run: help },
    Command {
        name: "show cli level",
        level: Level::User,
        run: |_, client, _, answer| answer.line(client.level.name()),
    },
    Command { name: "show cli sockets", level: Level::User, run: show_sockets },
    Command { name: "show proc", level: Level::User, run: show_proc },
    Command {
        name: "show startup-logs",
        level: Level::User,
        run: |shared, _, _, answer| answer.push(&shared.family().startup_log),
    },
    Command {
        name: "show version",
        level: Level::User,
        run: |_, _, _, answer| answer.line(CLAIMED_VERSION),
    },
];

/// What `help` says: the words of a command with their arguments, and what it does.
const HELP: [(&str, &str); 17] = [
    ("@!<pid> [<command>]", "give the worker with this process id a command, or all that follow"),
    ("@<number> [<command>]", "the same for a current worker: @1"),
    ("@master [<command>]", "the same for the master"),
    ("experimental-mode [on|off]", "let workers take experimental commands"),
    ("expert-mode [on|off]", "let workers take expert commands"),
    ("hard-reload", "reload with a new worker, and end the sessions of the former one"),
    ("operator", "give up what only admins may do"),
    ("reload", "read the configuration again, tell how it went, and disconnect"),
    ("show cli level", "tell the level of this connection"),
    ("show cli sockets", "list the sockets of the master"),
    ("show proc", "list the processes"),
    ("show startup-logs", "show what the last start or reload had to say"),
    ("show version", "show the version of the master"),
    ("user", "give up all but looking"),
    ("help [<command>]", "list all commands, or those that begin so"),
    ("prompt", "toggle the prompt"),
    ("quit", "disconnect"),
];

/// How many of [`HELP`]'s last lines every list ends with.
const ALWAYS: usize = 3;

/// The command that `words` begin with.
pub(super) fn find(words: &[String]) -> Found {
    let named = |command: &&Command| {
        let mut words = words.iter();
        command.name.split(' ').all(|part| words.next().is_some_and(|word| word == part))
    };
    match (COMMANDS.iter().find(named), words.first().map(String::as_str)) {
        (Some(command), _) => Found::Command(command),
        (None, Some("reload")) => Found::Reload(Ask::Reload),
        (None, Some("hard-reload")) => Found::Reload(Ask::HardReload),
        (None, _) => Found::Nothing,
    }
}

fn help(_: &Shared, _: &Client, words: &[String], answer: &mut Answer<'_>) {
    answer.line("The following commands are valid at this level:");
    answer.push(&list(&words[1..]));
}

/// What is said of `words` that name no command.
pub(super) fn unknown(words: &[String]) -> String {
    let first = match words.first() {
        None => "Unknown command. Please enter one of the following commands only:\n",
        Some(_) => "Unknown command, but maybe one of the following ones is a better match:\n",
    };
    first.to_owned() + &list(&words[..words.len().min(1)])
}

/// The commands that `words` may be the beginning of.
fn list(words: &[String]) -> String {
    let (usual, always) = HELP.split_at(HELP.len() - ALWAYS);
    let begins = |usage: &str| {
        let mut parts = usage.split(' ');
        words.iter().all(|word| parts.next().is_some_and(|part| part.starts_with(word.as_str())))
    };
    let any = usual.iter().any(|(usage, _)| begins(usage));
    let shown = usual.iter().filter(|(usage, _)| begins(usage) || !any).chain(always);
    shown.map(|(usage, help)| format!("  {usage:<40}: {help}\n")).collect()
}

fn show_sockets(shared: &Shared, _: &Client, _: &[String], answer: &mut Answer<'_>) {
    answer.line("# socket lvl processes");
    for (address, level) in &shared.sockets {
        answer.line(format_args!("{address} {} master", level.name()));
    }
}

/// HAProxy's table. A worker stays when it is reloaded: what it counts are reloads that were refused
/// since it took the configuration it follows, or, where it leaves, since it was replaced.
fn show_proc(shared: &Shared, _: &Client, _: &[String], answer: &mut Answer<'_>) {
    let family = shared.family();
    answer
        .push(&row(["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"].map(str::to_owned)));
    let now = clock::now();
    let age = |started| uptime(now.saturating_duration_since(started));
    let reloads = format!("{} [failed: {}]", family.reloads, family.failed);
    let pid = std::process::id().to_string();
    answer.push(&row([
        pid,
        "master".to_owned(),
        reloads,
        age(family.started),
        CLAIMED_VERSION.to_owned(),
    ]));
    let worker = |worker: &Worker| {
        row([
            worker.pid.to_string(),
            "worker".to_owned(),
            worker.reloads.to_string(),
            age(worker.started),
            worker.version.to_string(),
        ])
    };
    answer.line("# workers");
    family.workers.iter().for_each(|known| answer.push(&worker(known)));
    if !family.leaving.is_empty() {
        answer.line("# old workers");
        family.leaving.iter().for_each(|known| answer.push(&worker(known)));
    }
    answer.line("# programs");
}

fn row(columns: [String; 5]) -> String {
    let mut text = String::new();
    for (at, column) in columns.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{column:<15}", if at == 0 { "" } else { " " });
    }
    text + "\n"
}

fn uptime(age: Duration) -> String {
    let secs = age.as_secs();
    let (days, hours) = (secs / 86_400, secs / 3_600 % 24);
    format!("{days}d{hours:02}h{:02}m{:02}s", secs / 60 % 60, secs % 60)
}

/// Has the master reload and waits for the end; the form of newer versions.
pub(super) async fn reload(shared: &Shared, ask: fn(oneshot::Sender<Done>) -> Ask) -> String {
    let (sender, done) = oneshot::channel();
    // A master that ends drops what it was asked.
    let asked = shared.asks.send(ask(sender)).await;
    match (asked, done.await) {
        (Ok(()), Ok(done)) => format!("Success={}\n--\n{}", u8::from(done.success), done.log),
        _ => "Success=0\n--\nThe master is stopping.\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_the_help() {
        for command in COMMANDS {
            let words: Vec<_> = command.name.split(' ').map(str::to_owned).collect();
            assert!(list(&words).contains(&format!("  {}", command.name)), "{}", command.name);
        }
    }

    #[test]
    fn ages_have_days() {
        assert_eq!(uptime(Duration::from_secs(59)), "0d00h00m59s");
        assert_eq!(uptime(Duration::from_secs(90_061)), "1d01h01m01s");
    }
}
