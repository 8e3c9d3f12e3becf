//! Pure: webhooks as TOML.

use super::text::{Pairs, duration, list, quote};
use super::word;
use crate::config::defaults;
use crate::config::model::{HookFormat, Webhook};
use crate::config::validate::{HOOK_FORMATS, TOPICS};

pub(super) fn webhook_pairs(hook: &Webhook) -> Pairs {
    let mut pairs = Pairs::default();
    let is_usual = hook.format == HookFormat::PagerDuty && hook.url.text == defaults::PAGERDUTY_URL;
    let is_written = hook.url_file.is_none() && !is_usual;
    pairs.maybe("url", is_written.then(|| quote(&hook.url.text)));
    pairs.maybe("url_file", hook.url_file.as_deref().map(quote));
    if hook.format != HookFormat::Json {
        pairs.maybe("format", word(&HOOK_FORMATS, &hook.format));
    }
    pairs.maybe("key_file", hook.key_file.as_deref().map(quote));
    if hook.events != defaults::WEBHOOK_EVENTS {
        let words: Vec<_> = hook.events.iter().filter_map(|topic| word(&TOPICS, topic)).collect();
        pairs.maybe("events", list(&words));
    }
    let backends: Vec<_> = hook.backends.iter().map(|name| quote(name)).collect();
    pairs.maybe("backends", list(&backends));
    let ca_file = hook.tls.as_ref().and_then(|tls| tls.words.ca_file.as_deref());
    pairs.maybe("ca_file", ca_file.filter(|file| *file != "@system-ca").map(quote));
    for (key, time, usual) in [
        ("timeout", hook.timeout, defaults::WEBHOOK_TIMEOUT),
        ("keep", hook.keep, defaults::WEBHOOK_KEEP),
    ] {
        pairs.maybe(key, (time != usual).then(|| duration(time)));
    }
    pairs.maybe("queue", (hook.queue != defaults::WEBHOOK_QUEUE).then_some(hook.queue));
    pairs
}
