//! `retries` and `retry-on`: whether and how often another connection is tried.

use super::settings::Settings;
use super::words::{Args, Context, set};
use crate::config::raw::Server;

/// Words of `retry-on` that a TCP proxy heeds: without one of them no connection is tried again.
const CONNECTING: [&str; 2] = ["conn-failure", "all-retryable-errors"];

/// Words of `retry-on` about answers to HTTP requests.
const ANSWERS: [&str; 14] = [
    "none",
    "empty-response",
    "junk-response",
    "response-timeout",
    "0rtt-rejected",
    "401",
    "403",
    "404",
    "408",
    "425",
    "429",
    "500",
    "501",
    "502",
];

/// The rest of them.
const LATE_ANSWERS: [&str; 2] = ["503", "504"];

/// What HAProxy wants tried again where bytes travel with the first packet to a server (`tfo`).
const WANTED_BY_TFO: [&str; 3] = ["conn-failure", "empty-response", "response-timeout"];

/// Whether no connection is tried again: a TCP proxy heeds no other event.
pub(super) fn is_never(retried: &[String]) -> bool {
    let is_connecting = |event: &String| CONNECTING.contains(&event.as_str());
    !retried.is_empty() && !retried.iter().any(is_connecting)
}

/// Warns of servers with `tfo` whose backend does not try again what their first packet may lose.
pub(super) fn tfo(servers: &[Server], retried: &[String], cx: &mut Context<'_>) {
    let is_retried = |wanted: &str| {
        let mut retried = retried.iter();
        retried.any(|event| event == wanted || event == "all-retryable-errors")
    };
    if WANTED_BY_TFO.into_iter().all(is_retried) {
        return;
    }
    for span in servers.iter().filter_map(|server| server.tfo) {
        cx.report
            .warning(span, "'tfo' may lose a connection that 'retry-on' does not try again")
            .help(format!("write 'retry-on {}'", WANTED_BY_TFO.join(" ")));
    }
}

/// `retries`.
pub(super) fn count(args: &mut Args<'_>, settings: &mut Settings, cx: &mut Context<'_>) {
    set(&mut settings.retries, args.count("retries", cx));
}

/// `retry-on`.
pub(super) fn on(args: &mut Args<'_>, settings: &mut Settings, cx: &mut Context<'_>) {
    let mut next = args.expect("retry-on", "events such as 'conn-failure'", cx);
    settings.retried.clear();
    while let Some(word) = next {
        let event = word.text();
        let known = CONNECTING.iter().chain(&ANSWERS).chain(&LATE_ANSWERS);
        if !known.copied().any(|known| known == event) {
            cx.unknown(word, "after 'retry-on'", CONNECTING.into_iter().chain(ANSWERS));
        }
        settings.retried.push(event.into_owned());
        next = args.next();
    }
}
