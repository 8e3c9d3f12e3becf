//! Every command: the words that name it, who may use it, what `help` says of it, what runs.

use std::fmt;
use std::pin::Pin;

use super::{
    Answer, Call, Client, absent, addition, agent, basics, certificates, crt_lists, end, fence,
    frontends, limits, patterns, removal, set_server, show_events, show_process, show_resolvers,
    show_servers, show_sess, show_stat, stick_table, switchover, variables, wait, weight,
};
use crate::config::model::Level;

/// The families of commands. `help` shows them sorted by name, the basic ones last.
static FAMILIES: &[&[Command]] = &[
    absent::COMMANDS,
    addition::COMMANDS,
    agent::COMMANDS,
    basics::SETTINGS,
    certificates::COMMANDS,
    crt_lists::COMMANDS,
    end::COMMANDS,
    fence::COMMANDS,
    frontends::COMMANDS,
    limits::COMMANDS,
    patterns::COMMANDS,
    removal::COMMANDS,
    set_server::COMMANDS,
    show_events::COMMANDS,
    show_process::COMMANDS,
    show_resolvers::COMMANDS,
    show_servers::COMMANDS,
    show_sess::COMMANDS,
    show_stat::COMMANDS,
    stick_table::COMMANDS,
    switchover::COMMANDS,
    variables::COMMANDS,
    wait::COMMANDS,
    weight::COMMANDS,
];

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The words that name it, one blank between two.
    pub name: &'static str,
    /// What may follow them, for people.
    pub args: &'static str,
    /// What it does, for people.
    pub help: &'static str,
    /// Who may use it. A command whose level depends on its arguments asks for the lowest one and
    /// refuses by itself.
    pub level: Level,
    /// Whether it is hidden.
    pub mode: Mode,
    /// What runs.
    pub run: Run,
}

impl Command {
    /// One for admins in any mode that is answered at once.
    pub const fn admin(
        name: &'static str,
        args: &'static str,
        help: &'static str,
        run: fn(&mut Call<'_>, &mut Answer<'_>),
    ) -> Self {
        Self { name, args, help, level: Level::Admin, mode: Mode::Usual, run: Run::Now(run) }
    }
}

/// Which mode a client must be in to use a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Any.
    Usual,
    /// `expert-mode on`.
    Expert,
    /// `experimental-mode on`.
    Experimental,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "usual",
            Self::Expert => "expert",
            Self::Experimental => "experimental",
        })
    }
}

/// What a command that takes time yields.
pub type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What runs.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Writes the answer and returns. The control thread waits for it: nothing that blocks or takes
    /// more than some milliseconds.
    Now(fn(&mut Call<'_>, &mut Answer<'_>)),
    /// Takes time, or flushes an answer that has no bound. It is dropped with the process only:
    /// it must end by itself when its client is gone.
    Later(for<'a> fn(&'a mut Call<'_>, &'a mut Answer<'_>) -> Running<'a>),
}

/// What stands behind a client's words.
pub(super) enum Found {
    /// This, and the client may.
    Command(&'static Command),
    /// Something the client may not do.
    Denied,
    /// Something the client must ask for in another mode.
    Restricted(Mode),
    /// Nothing.
    Nothing,
}

fn all() -> impl Iterator<Item = &'static Command> {
    FAMILIES.iter().chain([&basics::COMMANDS]).flat_map(|family| family.iter())
}

/// The command with the longest name that `words` begin with.
pub(super) fn find(words: &[String], client: &Client) -> Found {
    let named = |command: &&Command| {
        let mut words = words.iter();
        command.name.split(' ').all(|part| words.next().is_some_and(|word| word == part))
    };
    let Some(command) = all().filter(named).max_by_key(|command| command.name.len()) else {
        return Found::Nothing;
    };
    if command.level > client.level {
        Found::Denied
    } else if is_shown(command, client) {
        Found::Command(command)
    } else {
        Found::Restricted(command.mode)
    }
}

fn is_shown(command: &Command, client: &Client) -> bool {
    match command.mode {
        Mode::Usual => true,
        Mode::Expert => client.expert,
        Mode::Experimental => client.experimental,
    }
}

/// The text of `help`, for commands that `words` may be the beginning of.
pub(super) fn help(words: &[String], client: &Client) -> String {
    let mut text = "The following commands are valid at this level:\n".to_owned();
    list(&mut text, &matching(words, client));
    text
}

/// What is said of `words` that name no command.
pub(super) fn unknown(words: &[String], client: &Client) -> String {
    let Some(first) = words.first() else {
        let mut text =
            "Unknown command. Please enter one of the following commands only:\n".to_owned();
        list(&mut text, &matching(&[], client));
        return text;
    };
    let mut text = format!(
        "Unknown command: '{}', but maybe one of the following ones is a better match:\n",
        // The line comes back: not all of it, and nothing that a terminal would act on.
        words.join(" ").chars().filter(|c| !c.is_control()).take(ECHOED_MAX).collect::<String>()
    );
    let mut candidates = matching(words, client);
    if candidates.is_empty() {
        candidates = matching(std::slice::from_ref(first), client);
    }
    if candidates.is_empty() {
        candidates = nearest(words, client);
    }
    list(&mut text, &candidates);
    text
}

/// Characters of an unknown command that are shown again.
const ECHOED_MAX: usize = 80;

/// Commands offered for one that is unknown; HAProxy's number.
const NEAREST_MAX: usize = 5;

/// The commands whose names begin with `words`, the last of which may be unfinished, sorted.
fn matching(words: &[String], client: &Client) -> Vec<&'static Command> {
    let begins = |command: &&Command| {
        let mut parts = command.name.split(' ');
        words.iter().all(|word| parts.next().is_some_and(|part| part.starts_with(word.as_str())))
    };
    let families = FAMILIES.iter().flat_map(|family| family.iter());
    let mut found: Vec<_> =
        families.filter(|command| is_shown(command, client)).filter(begins).collect();
    found.sort_by_key(|command| command.name);
    found
}

fn nearest(words: &[String], client: &Client) -> Vec<&'static Command> {
    let text: String = words.join(" ").chars().take(ECHOED_MAX).collect();
    let families = FAMILIES.iter().flat_map(|family| family.iter());
    let mut found: Vec<_> = families
        .filter(|command| is_shown(command, client))
        .map(|command| (distance(&text, command.name), command))
        .collect();
    found.sort_by_key(|(distance, command)| (*distance, command.name));
    found.into_iter().take(NEAREST_MAX).map(|(_, command)| command).collect()
}

/// Characters to insert, remove or replace to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// One line a command, the basic ones always last.
fn list(text: &mut String, commands: &[&Command]) {
    for command in commands.iter().copied().chain(basics::COMMANDS) {
        let usage = format!("{} {}", command.name, command.args);
        text.push_str(&format!("  {:<40}: {}\n", usage.trim_end(), command.help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cli::Prompt;

    fn client(level: Level) -> Client {
        Client {
            level,
            severity: crate::config::model::SeverityOutput::None,
            expert: false,
            experimental: false,
            prompt: Prompt::None,
            timed: false,
            timeout: None,
            quits: false,
            takes_listeners: false,
            is_routed: false,
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_name_is_there_once_and_in_one_form() {
        let mut names: Vec<_> = all().map(|command| command.name).collect();
        assert!(names.iter().all(|name| words(name).join(" ") == *name));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn distances() {
        for (a, b, wanted) in [("", "", 0), ("abc", "abc", 0), ("abc", "adc", 1), ("", "ab", 2)] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn help_shows_what_the_words_may_become() {
        let admin = client(Level::Admin);
        let text = help(&words("set sev"), &admin);
        assert!(text.contains("\n  set severity-output [none|number|string]:"), "{text}");
        assert!(!text.contains("set timeout"), "{text}");
        assert!(text.ends_with("disconnect\n") && text.contains("\n  prompt "), "{text}");
    }

    #[test]
    fn what_is_unknown_is_named_with_its_neighbours() {
        let admin = client(Level::Admin);
        let text = unknown(&words("sett timeout"), &admin);
        assert!(text.starts_with("Unknown command: 'sett timeout', but maybe"), "{text}");
        assert!(text.contains("  set timeout cli <delay>"), "{text}");
        let nothing = unknown(&[], &admin);
        assert!(nothing.starts_with("Unknown command. Please"), "{nothing}");
    }

    #[test]
    fn levels_and_modes_are_asked_for() {
        let (user, admin) = (client(Level::User), client(Level::Admin));
        assert!(matches!(find(&words("expert-mode on"), &user), Found::Denied));
        assert!(matches!(find(&words("expert-mode on"), &admin), Found::Command(_)));
        assert!(matches!(find(&words("expert"), &admin), Found::Nothing));
    }
}
