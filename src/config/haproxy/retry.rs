//! `retries` and `retry-on`: whether and how often another connection is tried.

use super::settings::Settings;
use super::words::{Args, Context, set};

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

/// `retries`.
pub(super) fn count(args: &mut Args<'_>, settings: &mut Settings, cx: &mut Context<'_>) {
    set(&mut settings.retries, args.count("retries", cx));
}

/// `retry-on`.
pub(super) fn on(args: &mut Args<'_>, settings: &mut Settings, cx: &mut Context<'_>) {
    let mut next = args.expect("retry-on", "events such as 'conn-failure'", cx);
    settings.retries_never = next.is_some();
    while let Some(word) = next {
        let event = word.text();
        if CONNECTING.contains(&event.as_ref()) {
            settings.retries_never = false;
        } else if !ANSWERS.iter().chain(&LATE_ANSWERS).any(|known| *known == event) {
            cx.unknown(word, "after 'retry-on'", CONNECTING.into_iter().chain(ANSWERS));
        }
        next = args.next();
    }
}
