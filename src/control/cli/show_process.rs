//! The process: its sockets, environment, start and inside.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use super::{Answer, Call, Command, Mode, Run, object};
use crate::clock;
use crate::config::model::Level;
use crate::net::listen;
use crate::state::sessions::Share;

/// A command that takes nothing.
const fn plain(
    name: &'static str,
    help: &'static str,
    level: Level,
    run: fn(&mut Call<'_>, &mut Answer<'_>),
) -> Command {
    Command { name, args: "", help, level, mode: Mode::Usual, run: Run::Now(run) }
}

pub(super) static COMMANDS: &[Command] = &[
    plain("show cli sockets", "list the sockets that take commands", Level::User, sockets),
    Command {
        args: "[<variable>]",
        ..plain("show env", "show the environment of the process", Level::Operator, environment)
    },
    Command {
        args: "[<proxy>] [request|response]",
        ..plain("show errors", "show the HTTP errors seen: none in TCP", Level::Operator, errors)
    },
    plain(
        "show startup-logs",
        "show what the start had to say",
        Level::Operator,
        |call, answer| {
            answer.push(&call.shared.startup_log);
        },
    ),
    plain("show activity", "show what the workers do", Level::User, activity),
    plain("show threads", "list the workers", Level::User, |call, answer| {
        for number in 1..=call.shared.process.workers() {
            answer.line(format_args!("  Thread {number} : worker-{}", number - 1));
        }
    }),
    plain("show tasks", "count the tasks", Level::User, |call, answer| {
        let process = &call.shared.process;
        let beat = process.pulse.look(process.uptime(clock::now()), process.bytes_out.get());
        let (tasks, threads) = (beat.tasks, process.workers());
        answer.line(format_args!("Running tasks: {tasks} ({threads} threads)"));
    }),
    plain("show pools", "show the memory pools: there are none", Level::User, |_, answer| {
        answer.line("Dumping pools usage.");
        answer.line("Total: 0 pools, 0 bytes allocated, 0 used (~0 by thread caches).");
    }),
    Command {
        name: "show fd",
        args: "[<number>]",
        help: "list the descriptors that are open, with what they are of",
        level: Level::Operator,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| Box::pin(descriptors(call, answer))),
    },
    plain("show libs", "list the files in the address space", Level::Operator, libs),
];

fn sockets(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    answer.line("# socket lvl processes");
    for socket in &call.shared.process.objects().config.commands.sockets {
        let address = listen::with_family(&socket.bind.address);
        answer.line(format_args!("{address} {} all", socket.level.name()));
    }
}

fn environment(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let wanted = call.arg(0);
    let all = call.shared.process.environment.variables();
    let shown = all.iter().map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()));
    let mut variables: Vec<_> = shown.collect();
    if !wanted.is_empty() {
        variables.retain(|(name, _)| name == wanted);
        if variables.is_empty() {
            return answer.refuse("Variable not found");
        }
    }
    for (name, value) in variables {
        answer.line(format_args!("{name}={value}"));
    }
}

/// HAProxy keeps the last invalid HTTP message of each proxy; TCP has none.
fn errors(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (wanted, objects) = (call.arg(0), call.shared.process.objects());
    let frontends = objects.frontends.iter().map(|it| (&it.name, it.route().settings.id));
    let backends = objects.backends.iter().map(|it| (&it.name, it.settings().id));
    let mut known = frontends.chain(backends);
    let is_known =
        wanted.parse::<i64>().is_ok() || known.any(|(name, id)| object::means(wanted, name, id.0));
    if !wanted.is_empty() && !is_known {
        return answer.refuse("No such proxy.");
    }
    let now = Timestamp::try_from(clock::wall()).unwrap_or(Timestamp::UNIX_EPOCH);
    let now = now.to_zoned(clock::zone());
    let now = now.strftime("%d/%b/%Y:%H:%M:%S%.3f");
    answer.line(format_args!("Total events captured on [{now}] : 0"));
}

/// A figure of a worker, and its name.
type WorkerCount = (&'static str, fn(&Share) -> u64);

/// What is told of each worker: HAProxy's names as far as it has them.
const WORKER_COUNTS: [WorkerCount; 4] = [
    ("accepted", |it| it.accepted),
    ("accq_pushed", |it| it.taken),
    ("accq_full", |it| it.full),
    ("sessions", |it| it.sessions.into()),
];

/// The sum, and what it is of where there are several.
fn of_each(counts: &[u64]) -> String {
    let sum: u64 = counts.iter().sum();
    if counts.len() < 2 {
        return sum.to_string();
    }
    let each: Vec<String> = counts.iter().map(u64::to_string).collect();
    format!("{sum} [ {} ]", each.join(" "))
}

fn activity(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    let wall = clock::wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    answer.line(format_args!("thread_id: 1 (1..{})", process.workers()));
    answer.line(format_args!("date_now: {}.{:06}", wall.as_secs(), wall.subsec_micros()));
    answer.line(format_args!("uptime_now: {:.6}", process.uptime(clock::now()).as_secs_f64()));
    let shares = process.sessions.shares();
    for (name, count) in WORKER_COUNTS {
        let counts: Vec<u64> = shares.iter().map(count).collect();
        answer.line(format_args!("{name}: {}", of_each(&counts)));
    }
    answer.line(format_args!("exhausted: {}", process.exhausted.get()));
}

/// Descriptors after which others have their turn.
const DESCRIPTORS_AT_ONCE: usize = 256;

/// The descriptors that are open as the system names them: a socket by its number, which `ss -e` shows.
async fn descriptors(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let wanted = call.arg(0);
    let open = match fs::read_dir("/proc/self/fd") {
        Ok(open) => open,
        Err(error) => return answer.refuse(format_args!("cannot read /proc/self/fd: {error}")),
    };
    let names = open.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.retain(|number| wanted.is_empty() || wanted.parse() == Ok(*number));
    numbers.sort_unstable();
    for some in numbers.chunks(DESCRIPTORS_AT_ONCE) {
        for number in some {
            // One may be closed meanwhile.
            if let Ok(target) = fs::read_link(format!("/proc/self/fd/{number}")) {
                answer.line(format_args!("{number:>7} : {}", target.display()));
            }
        }
        if answer.flush().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// First and last address of each file that is mapped.
fn libs(_: &mut Call<'_>, answer: &mut Answer<'_>) {
    let maps = match fs::read_to_string("/proc/self/maps") {
        Ok(maps) => maps,
        Err(error) => return answer.refuse(format_args!("cannot read /proc/self/maps: {error}")),
    };
    let mut files: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(path)) = (words.next(), words.nth(4)) else { continue };
        let Some((start, end)) = range.split_once('-') else { continue };
        let hex = |text| u64::from_str_radix(text, 16).unwrap_or_default();
        if path.starts_with('/') {
            let seen = files.entry(path).or_insert((hex(start), hex(end)));
            *seen = (seen.0.min(hex(start)), seen.1.max(hex(end)));
        }
    }
    for (path, (start, end)) in files {
        answer.line(format_args!("{start:#x}-{end:#x} ({:#09x}) {path}", end - start));
    }
}
