//! `global`: the process as a whole.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Prefix};
use haproxy_compat::units::TimeUnit;

use super::numeral::leading;
use super::words::{Args, Context, text};
use crate::config::defaults::BUSY_POLLING;
use crate::config::raw::{Field, Life};

/// The keywords of this file.
pub(super) const KEYWORDS: [&str; 15] = [
    "busy-polling",
    "cpu-map",
    "default-path",
    "description",
    "fd-hard-limit",
    "grace",
    "localpeer",
    "master-worker",
    "mworker-max-reloads",
    "node",
    "quiet",
    "setcap",
    "strict-limits",
    "ulimit-n",
    "zero-warning",
];

/// Reads one line, `no` in front of it included.
pub(super) fn lower(keyword: &str, line: &Line, life: &mut Life, cx: &mut Context<'_>) {
    let on = Some(Spanned::new(line.prefix == Prefix::Plain, line.span));
    let args = &mut Args::new(line, 1);
    match keyword {
        "strict-limits" => life.strict_limits = on,
        "busy-polling" => {
            let is_on = line.prefix == Prefix::Plain;
            life.busy_poll = is_on.then(|| Spanned::new(BUSY_POLLING, line.span));
        }
        "master-worker" => {
            life.master_worker = on;
            if args.take("no-exit-on-failure") {
                life.exit_on_failure = Some(Spanned::new(false, line.span));
            }
        }
        // To turn off what has no effect is no mistake.
        _ if line.prefix != Prefix::Plain => return,
        "zero-warning" => life.zero_warning = on,
        "quiet" => life.quiet = on,
        "grace" => {
            life.grace = args.time(keyword, TimeUnit::Milliseconds, cx);
            args.ignore_rest(keyword, cx);
        }
        "node" => life.node = node(args, cx),
        "localpeer" => life.localpeer = args.text(keyword, "a name", cx),
        "ulimit-n" => life.ulimit_n = args.count(keyword, cx),
        "fd-hard-limit" => life.fd_hard_limit = args.count(keyword, cx),
        "mworker-max-reloads" => {
            life.mworker_max_reloads = reloads(line, cx);
            return;
        }
        "cpu-map" => {
            life.cpu_map.push(rest(line));
            return;
        }
        "default-path" => {
            life.default_path = Some(rest(line));
            return;
        }
        "description" => {
            let words: Vec<_> = line.words[1..].iter().map(|word| word.text()).collect();
            if words.is_empty() {
                cx.report.alert(line.span, "'description' needs a text");
            }
            life.description = Some(Spanned::new(words.join(" "), line.span));
            return;
        }
        _ => {
            let Some(first) = args.text(keyword, "capabilities, separated by commas", cx) else {
                return;
            };
            let split = |written: &Spanned<String>| -> Vec<Spanned<String>> {
                let names = written.value.split(',').filter(|name| !name.is_empty());
                names.map(|name| Spanned::new(name.to_owned(), written.span)).collect()
            };
            life.setcap.extend(split(&first));
            while let Some(word) = args.next() {
                life.setcap.extend(split(&text(word)));
            }
        }
    }
    args.finish(keyword, cx);
}

/// HAProxy warns about what is missing or negative, and goes on without it.
fn reloads(line: &Line, cx: &mut Context<'_>) -> Field<u64> {
    const KEYWORD: &str = "mworker-max-reloads";
    let args = &mut Args::new(line, 1);
    let count = args.peek().map_or(-1, |word| leading(&word.text()));
    if count < 0 {
        let message = format!("'{KEYWORD}' is ignored: it needs a number from 0");
        cx.report.warning(line.span, message);
        return None;
    }
    let reloads = args.number(KEYWORD, cx);
    args.ignore_rest(KEYWORD, cx);
    reloads
}

/// A name of letters, digits, `.`, `-` and `_`.
fn node(args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<String> {
    let name = args.text("node", "a name", cx)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.value.chars().all(is_plain) {
        cx.report
            .alert(name.span, format!("'{}' is no name of a node", name.value))
            .help("it has letters, digits, '.', '-' and '_'");
    }
    Some(name)
}

/// All words behind the keyword.
fn rest(line: &Line) -> Spanned<String> {
    let words: Vec<_> = line.words[1..].iter().map(|word| word.text()).collect();
    Spanned::new(words.join(" "), line.span)
}
