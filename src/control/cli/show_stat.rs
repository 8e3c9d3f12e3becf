//! `show info`, `show stat`, `show schema json`, `show version`: the figures.

use super::{Answer, Call, Command, Mode, Run, object, show_resolvers};
use crate::clock;
use crate::config::model::CLAIMED_VERSION;
use crate::config::model::{Level, LogLevel};
use crate::control::collect;
use crate::control::snapshot::Snapshot;
use crate::control::stats::render::{self, Form};
use crate::control::stats::rows::{Filter, rows};
use crate::control::stats::{info, schema};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "show info",
        args: "[desc|json|typed|float]*",
        help: "show figures of the process",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(show_info),
    },
    Command {
        name: "show stat",
        args: "[<proxy> <type> <id>] [desc|json|no-maint|typed|up]*",
        help: "show figures of frontends, backends and servers",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(show_stat),
    },
    Command {
        name: "show schema json",
        args: "",
        help: "show what the JSON of 'show info' and 'show stat' is made of",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|_, answer| answer.line(schema::SCHEMA)),
    },
    Command {
        name: "show version",
        args: "",
        help: "show the version",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|_, answer| answer.say(LogLevel::Info, CLAIMED_VERSION)),
    },
];

pub(super) fn snapshot(call: &Call<'_>) -> Snapshot {
    collect::snapshot(&call.shared.process, &call.shared.bus, clock::now(), clock::wall())
}

/// `typed` and `json`: the last one counts.
fn form(args: &[String]) -> Form {
    let form = |word: &String| match word.as_str() {
        "typed" => Some(Form::Typed),
        "json" => Some(Form::Json),
        _ => None,
    };
    args.iter().rev().find_map(form).unwrap_or_default()
}

fn has(args: &[String], word: &str) -> bool {
    args.iter().any(|arg| arg == word)
}

fn show_info(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let args = call.args();
    let fields = info::fields(&snapshot(call).process, has(args, "float"));
    answer.push(&render::info(&fields, form(args), has(args, "desc")));
}

fn show_stat(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let mut args = call.args();
    if let [domain, rest @ ..] = args
        && domain == "domain"
    {
        let (name, rest) = rest.split_first().map_or(("", rest), |(name, rest)| (&**name, rest));
        match name {
            "proxy" => args = rest,
            "resolvers" => {
                let servers = snapshot(call).nameservers;
                return answer.push(&show_resolvers::table(&servers, form(rest)));
            }
            _ => return answer.refuse("Invalid statistics domain."),
        }
    }
    let snapshot = snapshot(call);
    let filter = match filter(&snapshot, args) {
        Some(filter) => filter,
        None => return answer.refuse("No such proxy."),
    };
    let filter = Filter {
        no_maint: has(args, "no-maint"),
        only_up: has(args, "up"),
        secrets: call.client.level >= Level::Operator,
        ..filter
    };
    let text = render::stat(&rows(&snapshot, &filter), form(args), has(args, "desc"));
    answer.push(&text);
}

/// `<proxy> <type> <id>`, where the first three words are that; `None`: there is no such proxy.
fn filter(snapshot: &Snapshot, args: &[String]) -> Option<Filter> {
    let [proxy, kinds, id, ..] = args else { return Some(Filter::ALL) };
    let (Ok(kinds), Ok(id)) = (kinds.parse::<i32>(), id.parse::<i32>()) else {
        return Some(Filter::ALL);
    };
    let proxy = match proxy.parse::<i32>() {
        // A negative number means all of them.
        Ok(number) => u32::try_from(number).ok(),
        Err(_) => {
            let frontends = snapshot.frontends.iter().map(|it| (&it.name, it.id));
            let backends = snapshot.backends.iter().map(|it| (&it.name, it.id));
            let found =
                frontends.chain(backends).find(|(name, id)| object::means(proxy, name, id.0));
            Some(found?.1.0)
        }
    };
    Some(Filter { proxy, kinds, id: u32::try_from(id).ok(), ..Filter::ALL })
}
