//! What waits to be sent to webhooks: one bounded queue each, the oldest make room.
//!
//! Whoever has an event puts it into all of them and never waits; the task of a webhook, in
//! `notify`, takes it out. What is dropped is counted, and the next message says how many were. A
//! reload that changes a webhook leaves its queue as it is, as far as its new bound goes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::event::{Event, Turn};
use crate::config::model::{HookFormat, Webhook};

/// The queue of one webhook.
#[derive(Debug)]
pub struct Outbox {
    inner: Mutex<Inner>,
    news: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
    retries: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    settings: Arc<Webhook>,
    waiting: VecDeque<Event>,
    /// Dropped since that was last told.
    untold: u64,
}

/// An event on its way.
#[derive(Debug)]
pub struct Letter {
    /// The event.
    pub event: Event,
    /// How many before it were dropped and not told of.
    pub dropped: u64,
}

impl Outbox {
    fn new(settings: Arc<Webhook>) -> Self {
        Self {
            inner: Mutex::new(Inner { settings, waiting: VecDeque::new(), untold: 0 }),
            news: Notify::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the webhook is like now.
    #[must_use]
    pub fn settings(&self) -> Arc<Webhook> {
        Arc::clone(&self.lock().settings)
    }

    /// Takes an event that the webhook wants.
    fn offer(&self, event: &Event) {
        let Some(news) = event.news() else { return };
        let mut inner = self.lock();
        let settings = &inner.settings;
        let is_of = |backend: &Arc<str>| settings.backends.iter().any(|name| **name == **backend);
        let is_incident = settings.format != HookFormat::PagerDuty || news.turn != Turn::Told;
        let is_wanted = is_incident
            && settings.events.contains(&news.topic)
            && (settings.backends.is_empty() || news.backend.is_some_and(is_of));
        if !is_wanted {
            return;
        }
        inner.waiting.push_back(event.clone());
        self.bound(&mut inner);
        drop(inner);
        self.news.notify_one();
    }

    /// Other settings count from now on.
    fn follow(&self, settings: Arc<Webhook>) {
        let mut inner = self.lock();
        inner.settings = settings;
        self.bound(&mut inner);
    }

    /// The oldest go where more wait than may.
    fn bound(&self, inner: &mut Inner) {
        let spare = inner.waiting.len().saturating_sub(inner.settings.queue);
        inner.waiting.drain(..spare);
        inner.untold += spare as u64;
        self.dropped.fetch_add(spare as u64, Ordering::Relaxed);
    }

    /// The next event, if one waits.
    #[must_use]
    pub fn take(&self) -> Option<Letter> {
        let mut inner = self.lock();
        let event = inner.waiting.pop_front()?;
        Some(Letter { event, dropped: std::mem::take(&mut inner.untold) })
    }

    /// Waits until there may be one. Cancel safe.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// A letter was taken by its receiver.
    pub fn handle_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A letter is to be sent once more.
    pub fn handle_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A letter is given up; the next one says so.
    pub fn handle_dropped(&self, letter: &Letter) {
        self.lock().untold += letter.dropped + 1;
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The process ends, or the webhook is gone: yields how many are left behind.
    pub fn abandon(&self) -> u64 {
        let left = std::mem::take(&mut self.lock().waiting).len() as u64;
        self.dropped.fetch_add(left, Ordering::Relaxed);
        left
    }

    /// What became of its events.
    #[must_use]
    pub fn count(&self) -> Count {
        let inner = self.lock();
        Count {
            name: inner.settings.name.to_string(),
            waiting: inner.waiting.len() as u64,
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }
}

/// What became of the events of a webhook, since it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Its name.
    pub name: String,
    /// Those that wait now.
    pub waiting: u64,
    /// Those that were taken.
    pub sent: u64,
    /// Those that were not: too many waited, it took too long, or they were refused.
    pub dropped: u64,
    /// Attempts after the first of each.
    pub retries: u64,
}

/// The queues of all webhooks.
#[derive(Debug, Default)]
pub struct Outboxes(Mutex<Vec<Arc<Outbox>>>);

impl Outboxes {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the webhooks of a configuration those that are told: queues stay with their names.
    #[must_use]
    pub fn follow(&self, webhooks: &[Webhook]) -> Vec<Arc<Outbox>> {
        let mut known = self.lock();
        let next = webhooks.iter().map(|settings| {
            let settings = Arc::new(settings.clone());
            let same = known.iter().find(|outbox| outbox.lock().settings.name == settings.name);
            match same {
                Some(outbox) => {
                    outbox.follow(settings);
                    Arc::clone(outbox)
                }
                None => Arc::new(Outbox::new(settings)),
            }
        });
        let next: Vec<_> = next.collect();
        known.clone_from(&next);
        next
    }

    /// Puts an event into every queue that wants it.
    pub(super) fn offer(&self, event: &Event) {
        for outbox in self.lock().iter() {
            outbox.offer(event);
        }
    }

    /// What became of the events of each.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        self.lock().iter().map(|outbox| outbox.count()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::model::{LogLevel, Topic, Url};
    use crate::pure::id::Name;
    use crate::telemetry::event::{RoleChange, What};

    fn hook(queue: usize, backends: &[&str]) -> Webhook {
        Webhook {
            name: Name::new("ops").unwrap(),
            url: Url::parse("http://127.0.0.1/").unwrap(),
            url_file: None,
            format: HookFormat::Json,
            key: None,
            key_file: None,
            events: vec![Topic::Fence, Topic::Process],
            backends: backends.iter().map(|&name| name.to_owned()).collect(),
            timeout: Duration::from_secs(1),
            keep: Duration::from_secs(1),
            queue,
            tls: None,
        }
    }

    fn event(what: What) -> Event {
        Event { at: SystemTime::UNIX_EPOCH, log: Default::default(), what }
    }

    fn notice(text: &str) -> Event {
        event(What::Notice { level: LogLevel::Notice, text: text.to_owned() })
    }

    #[test]
    fn the_oldest_make_room_and_are_told_of() {
        let boxes = Outboxes::default();
        let outbox = boxes.follow(&[hook(2, &[])]).remove(0);
        for text in ["a", "b", "c", "d"] {
            boxes.offer(&notice(text));
        }
        let letter = outbox.take().unwrap();
        assert_eq!((letter.event.line().as_str(), letter.dropped), ("c", 2));
        outbox.handle_dropped(&letter);
        let letter = outbox.take().unwrap();
        assert_eq!((letter.event.line().as_str(), letter.dropped), ("d", 3));
        assert!(outbox.take().is_none());
        assert_eq!((outbox.count().dropped, outbox.count().waiting), (3, 0));
    }

    #[test]
    fn a_lower_bound_counts_for_what_waits() {
        let boxes = Outboxes::default();
        let outbox = boxes.follow(&[hook(9, &[])]).remove(0);
        for text in ["a", "b", "c", "d"] {
            boxes.offer(&notice(text));
        }
        let same = boxes.follow(&[hook(1, &[])]).remove(0);
        assert_eq!((same.count().waiting, same.count().dropped), (1, 3));
        let letter = outbox.take().unwrap();
        assert_eq!((letter.event.line().as_str(), letter.dropped), ("d", 3));
    }

    #[test]
    fn what_is_not_wanted_is_not_kept_and_a_reload_keeps_what_waits() {
        let boxes = Outboxes::default();
        let outbox = boxes.follow(&[hook(9, &["pg"])]).remove(0);
        boxes.offer(&notice("of no backend"));
        boxes.offer(&event(What::Role("my".into(), RoleChange::Cleared)));
        boxes.offer(&event(What::Role("pg".into(), RoleChange::NoPrimary { was: "a".into() })));
        assert_eq!(outbox.count().waiting, 0, "another backend, another topic");
        boxes.offer(&event(What::Role("pg".into(), RoleChange::Cleared)));
        let same = boxes.follow(&[hook(9, &[])]).remove(0);
        assert!(Arc::ptr_eq(&outbox, &same));
        assert_eq!((boxes.counts()[0].waiting, same.settings().backends.len()), (1, 0));
        assert!(boxes.follow(&[]).is_empty() && boxes.counts().is_empty());
        assert_eq!(outbox.abandon(), 1);
    }
}
