//! Tells webhooks of events, one after the other, in order.
//!
//! ```text
//! outbox ──> send ── 2xx ──> next
//!              │ ^── pause ──┐
//!              ├── 408, 425, 429, 5xx, no answer ──┘ until the event is too old: dropped
//!              └── any other status ──> dropped: it would be refused again
//! ```
//! Bounds: one connection a webhook and one attempt at a time, each with a time limit; a queue of so
//! many events ([`Outbox`]), of which each is tried for so long; `LAST` for what waits at the end.
//! A webhook is called by its name in messages: its URL may be a secret.

pub mod body;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::model::{Config, Webhook};
use crate::net::http_client;
use crate::telemetry::outbox::{Letter, Outbox, Outboxes};
use trouble::Trouble;

/// How long what waits may take once the process ends.
const LAST: Duration = Duration::from_secs(2);

/// Pauses between attempts: they double from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// All webhooks, each with the task that sends to it.
#[derive(Debug)]
pub struct Webhooks {
    outboxes: Arc<Outboxes>,
    /// The name of this machine.
    source: Arc<str>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    outbox: Arc<Outbox>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Webhooks {
    /// None yet.
    #[must_use]
    pub fn new(outboxes: Arc<Outboxes>, source: &str) -> Self {
        Self { outboxes, source: source.into(), running: Vec::new() }
    }

    /// Makes the webhooks of `config` those that are told. Must be called within a runtime.
    pub fn follow(&mut self, config: &Config) {
        let mut old = std::mem::take(&mut self.running);
        for outbox in self.outboxes.follow(&config.webhooks) {
            let known = old.iter().position(|known| Arc::ptr_eq(&known.outbox, &outbox));
            let running = match known {
                Some(index) => old.swap_remove(index),
                None => Running::start(outbox, Arc::clone(&self.source)),
            };
            self.running.push(running);
        }
        // The others send what they still have, and end.
        old.iter().for_each(|gone| gone.stop.cancel());
    }

    /// Sends what is left, as far as that goes in `LAST`.
    ///
    /// Cancel safety: dropping it leaves the tasks to the runtime.
    pub async fn finish(self) {
        self.running.iter().for_each(|running| running.stop.cancel());
        for running in self.running {
            // A task that panicked has nothing left to send.
            let _ = running.task.await;
        }
    }
}

impl Running {
    fn start(outbox: Arc<Outbox>, source: Arc<str>) -> Self {
        let stop = CancellationToken::new();
        let sender = Sender { outbox: Arc::clone(&outbox), source, trouble: Trouble::default() };
        let task = tokio::spawn(sender.run(stop.clone()));
        Self { outbox, task, stop }
    }
}

/// Why an attempt failed.
enum Failure {
    /// The next one may not.
    Passing(String),
    /// The next one would, too.
    Lasting(String),
}

/// Sends the events of one webhook.
struct Sender {
    outbox: Arc<Outbox>,
    source: Arc<str>,
    trouble: Trouble,
}

impl Sender {
    async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        let outbox = Arc::clone(&self.outbox);
        let cut_short = tokio::select! {
            () = self.send_all(&stop) => 0,
            // The one that was on its way is lost, too.
            () = late => 1,
        };
        let left = outbox.abandon() + cut_short;
        if left > 0 {
            tracing::warn!("webhook {}: {left} events were not sent", outbox.settings().name);
        }
    }

    /// Sends what comes; ends when nothing is left and no more comes.
    async fn send_all(&mut self, stop: &CancellationToken) {
        loop {
            match self.outbox.take() {
                Some(letter) => self.deliver(letter, stop).await,
                None if stop.is_cancelled() => return,
                None => tokio::select! {
                    () = self.outbox.news() => {}
                    () = stop.cancelled() => {}
                },
            }
        }
    }

    /// Sends one, as often as it takes and as long as it is worth it.
    async fn deliver(&mut self, letter: Letter, stop: &CancellationToken) {
        let begun = clock::now();
        for attempt in 0u32.. {
            let hook = self.outbox.settings();
            let failure = match self.attempt(&hook, &letter).await {
                Ok(()) => return self.handle_sent(&hook),
                Err(failure) => failure,
            };
            let age = clock::now().saturating_duration_since(begun);
            match failure {
                Failure::Passing(why) if age < hook.keep => self.complain(&hook, &why),
                Failure::Passing(why) | Failure::Lasting(why) => {
                    self.complain(&hook, &why);
                    return self.outbox.handle_dropped(&letter);
                }
            }
            self.outbox.handle_retry();
            let pause = pause(attempt, fastrand::f64());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Once more at once; from then on it is tried at the pace of a beginning.
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    async fn attempt(&self, hook: &Webhook, letter: &Letter) -> Result<(), Failure> {
        let Some(request) = body::request(hook, letter, &self.source) else { return Ok(()) };
        let sending = http_client::send(&hook.url, hook.tls.as_deref(), &request, hook.timeout);
        match tokio::time::timeout(hook.timeout, sending).await {
            Ok(Ok(200..=299)) => Ok(()),
            Ok(Ok(status @ (408 | 425 | 429 | 500..=599))) => {
                Err(Failure::Passing(format!("it answers {status}")))
            }
            Ok(Ok(status)) => Err(Failure::Lasting(format!("it refuses an event with {status}"))),
            Ok(Err(error)) => Err(Failure::Passing(error.to_string())),
            Err(_) => Err(Failure::Passing(format!("no answer within {:?}", hook.timeout))),
        }
    }

    fn handle_sent(&mut self, hook: &Webhook) {
        self.outbox.handle_sent();
        if self.trouble.handle_sent() {
            tracing::info!("webhook {} works again", hook.name);
        }
    }

    /// Says what is wrong, once until it works, and not for each event where that comes and goes.
    fn complain(&mut self, hook: &Webhook, why: &str) {
        match self.trouble.handle_failed(clock::now()) {
            Some(0) => tracing::warn!("webhook {}: {why}", hook.name),
            Some(before) => tracing::warn!(
                "webhook {}: {why}; {before} attempts that failed before were not told of",
                hook.name
            ),
            None => {}
        }
    }
}

/// How long to wait after so many attempts, the first being 0; `random` of 0 to 1 keeps those of many
/// machines apart.
fn pause(attempt: u32, random: f64) -> Duration {
    let doubled = PAUSE_FIRST.saturating_mul(1 << attempt.min(16));
    doubled.min(PAUSE_MAX).mul_f64(0.75 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let rows = [(0, 500), (1, 1000), (5, 16_000), (6, 30_000), (u32::MAX, 30_000)];
        for (attempt, ms) in rows {
            assert_eq!(pause(attempt, 0.5), Duration::from_millis(ms), "{attempt}");
        }
        assert!(pause(0, 0.0) < pause(0, 1.0));
    }
}
