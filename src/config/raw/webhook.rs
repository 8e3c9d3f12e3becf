//! Webhooks for events, as written.

use std::time::Duration;

use haproxy_compat::span::Spanned;

use super::Field;

/// A `[webhook.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its name.
    pub name: Spanned<String>,
    /// Where to send to.
    pub url: Field<String>,
    /// A file that says so.
    pub url_file: Field<String>,
    /// `format`, a word.
    pub format: Field<String>,
    /// A file with the key or token that is sent along.
    pub key_file: Field<String>,
    /// Words for what is sent.
    pub events: Vec<Spanned<String>>,
    /// Backends whose events are sent.
    pub backends: Vec<Spanned<String>>,
    /// Authorities that vouch for the receiver.
    pub ca_file: Field<String>,
    /// How long one attempt may take.
    pub timeout: Field<Duration>,
    /// How long an event is worth sending.
    pub keep: Field<Duration>,
    /// How many events may wait.
    pub queue: Field<u64>,
}
