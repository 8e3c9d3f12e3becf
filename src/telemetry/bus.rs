//! Two bounded buses from those who know to those who tell: records of sessions, and events.
//!
//! Bound: [`RECORDS`] and [`EVENTS`] messages wait at most. A producer never waits: what finds a
//! full bus is dropped and counted, and the consumer reports the count. Records and events do not
//! share a bus, so that a flood of sessions cannot drown the news that a server went down.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::event::Event;
use super::outbox::Outboxes;
use super::record::Record;
use super::ring::Rings;
use crate::config::model::LogSink;

/// Records that may wait: 200 ms of 80,000 sessions a second, about 4 MiB.
pub const RECORDS: usize = 16 * 1024;

/// Events that may wait: every server of a large configuration going down at once.
pub const EVENTS: usize = 4 * 1024;

/// Events that are remembered for those who ask later. Events are rare: a lock costs nothing.
pub const HISTORY: usize = 256;

/// The producers' end; clones share the buses.
#[derive(Clone, Debug)]
pub struct Bus {
    records: mpsc::Sender<Record>,
    events: mpsc::Sender<Event>,
    losses: Arc<Losses>,
    history: Arc<Mutex<History>>,
    rings: Arc<Rings>,
    outboxes: Arc<Outboxes>,
}

/// The last events.
#[derive(Debug, Default)]
struct History {
    last: VecDeque<Event>,
    total: u64,
}

/// The consumer's end. Once every [`Bus`] is dropped, both receivers end.
#[derive(Debug)]
pub struct Intake {
    /// Sessions.
    pub records: mpsc::Receiver<Record>,
    /// Events.
    pub events: mpsc::Receiver<Event>,
    /// What was lost on the way.
    pub losses: Arc<Losses>,
    /// Rings that lines are put in.
    pub rings: Arc<Rings>,
    /// What waits for webhooks.
    pub outboxes: Arc<Outboxes>,
}

impl Intake {
    /// No event waits and none can come.
    #[must_use]
    pub fn events_ended(&self) -> bool {
        self.events.is_closed() && self.events.is_empty()
    }

    /// No record waits and none can come.
    #[must_use]
    pub fn records_ended(&self) -> bool {
        self.records.is_closed() && self.records.is_empty()
    }
}

/// What did not get through, since the start. Only ever grows.
#[derive(Debug, Default)]
pub struct Losses {
    records: AtomicU64,
    events: AtomicU64,
    lines: AtomicU64,
    stdout: AtomicU64,
    stderr: AtomicU64,
}

impl Losses {
    /// Records that found the bus full.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Events that found the bus full.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Lines that a log target did not take.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// All together: `DroppedLogs` in HAProxy's `show info`.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.records() + self.events() + self.lines()
    }

    /// Counts a line that a log target did not take.
    pub fn lose_line(&self, sink: &LogSink) {
        self.lose_lines(1);
        match sink {
            LogSink::Stdout => self.stdout.fetch_add(1, Ordering::Relaxed),
            LogSink::Stderr => self.stderr.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Those of them that standard output did not take.
    #[must_use]
    pub fn stdout(&self) -> u64 {
        self.stdout.load(Ordering::Relaxed)
    }

    /// Those of them that standard error did not take.
    #[must_use]
    pub fn stderr(&self) -> u64 {
        self.stderr.load(Ordering::Relaxed)
    }

    /// Counts lines that a log target did not take.
    pub fn lose_lines(&self, count: u64) {
        self.lines.fetch_add(count, Ordering::Relaxed);
    }
}

/// Makes both buses with their usual bounds.
#[must_use]
pub fn bus() -> (Bus, Intake) {
    with_capacity(RECORDS, EVENTS)
}

/// Makes both buses; each bound is at least 1.
#[must_use]
pub fn with_capacity(records: usize, events: usize) -> (Bus, Intake) {
    let (record_sender, records) = mpsc::channel(records.max(1));
    let (event_sender, events) = mpsc::channel(events.max(1));
    let losses = Arc::new(Losses::default());
    let rings: Arc<Rings> = Arc::default();
    let outboxes: Arc<Outboxes> = Arc::default();
    let intake = Intake {
        records,
        events,
        losses: Arc::clone(&losses),
        rings: Arc::clone(&rings),
        outboxes: Arc::clone(&outboxes),
    };
    let history = Arc::default();
    (Bus { records: record_sender, events: event_sender, losses, history, rings, outboxes }, intake)
}

impl Bus {
    /// Hands over a session's record; never waits, from any thread.
    pub fn record(&self, record: Record) {
        if self.records.try_send(record).is_err() {
            self.losses.records.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands over an event; never waits, from any thread.
    pub fn event(&self, event: Event) {
        let mut history = self.lock_history();
        if history.last.len() == HISTORY {
            history.last.pop_front();
        }
        history.last.push_back(event.clone());
        history.total += 1;
        drop(history);
        self.outboxes.offer(&event);
        if self.events.try_send(event).is_err() {
            self.losses.events.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events there were, and those of them after the first `seen` that are remembered,
    /// oldest first; those the bus had no room for are among them.
    #[must_use]
    pub fn history(&self, seen: u64) -> (u64, Vec<Event>) {
        let history = self.lock_history();
        let forgotten = history.total - history.last.len() as u64;
        let skipped = usize::try_from(seen.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        (history.total, history.last.iter().skip(skipped).cloned().collect())
    }

    fn lock_history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rings of log lines.
    #[must_use]
    pub const fn rings(&self) -> &Arc<Rings> {
        &self.rings
    }

    /// What waits for webhooks.
    #[must_use]
    pub fn outboxes(&self) -> &Outboxes {
        &self.outboxes
    }

    /// What was lost.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::config::model::LogLevel;
    use crate::telemetry::event::What;

    fn notice(text: &str) -> Event {
        let what = What::Notice { level: LogLevel::Notice, text: text.to_owned() };
        Event { at: SystemTime::UNIX_EPOCH, log: Default::default(), what }
    }

    #[test]
    fn a_full_bus_loses_and_counts_and_keeps_what_it_has() {
        let (bus, mut intake) = with_capacity(1, 2);
        for text in ["a", "b", "c", "d"] {
            bus.event(notice(text));
        }
        assert_eq!((bus.losses().events(), intake.losses.total()), (2, 2));
        assert_eq!(intake.events.try_recv().expect("the first").line(), "a");
        assert_eq!(intake.events.try_recv().expect("the second").line(), "b");
        intake.events.try_recv().expect_err("two were lost");
    }

    #[test]
    fn the_last_events_are_remembered() {
        let (bus, _intake) = with_capacity(1, 1);
        for number in 0..HISTORY + 3 {
            bus.event(notice(&number.to_string()));
        }
        let (total, events) = bus.history(0);
        let lines: Vec<_> = events.iter().map(Event::line).collect();
        assert_eq!((lines.len(), lines[0].as_str()), (HISTORY, "3"));
        let (_, news) = bus.history(total - 1);
        assert_eq!((news.len(), news[0].line().as_str()), (1, "258"));
        assert!(bus.history(total).1.is_empty());
    }

    #[test]
    fn the_end_of_all_producers_is_seen() {
        let (bus, mut intake) = bus();
        let other = bus.clone();
        drop(bus);
        other.event(notice("last"));
        drop(other);
        assert!(intake.events.blocking_recv().is_some());
        assert!(intake.events.blocking_recv().is_none());
        assert!(intake.records.blocking_recv().is_none());
    }
}
