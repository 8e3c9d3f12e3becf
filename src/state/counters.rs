//! Counters of frontends, backends and servers, as HAProxy's statistics name them.
//!
//! Plain relaxed atomics: they are touched a few times a session, never per message.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Begins again at 0.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A number of things that exist now, and the most that ever did at once.
#[derive(Debug, Default)]
pub struct Level {
    current: AtomicU32,
    max: AtomicU32,
}

impl Level {
    /// One more.
    pub fn rise(&self) {
        let now = self.current.fetch_add(1, Ordering::Relaxed) + 1;
        if now > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// One less.
    pub fn fall(&self) {
        self.current.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    /// The most at once.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.max.load(Ordering::Relaxed)
    }

    /// Forgets the most there ever were: it is 0 until the next one comes, as in HAProxy.
    pub fn clear_max(&self) {
        self.max.store(0, Ordering::Relaxed);
    }
}

/// Events a second: those of the last full second weighed with those of the running one, which is
/// how HAProxy smooths its `rate` columns.
#[derive(Debug, Default)]
pub struct Rate {
    second: AtomicU64,
    current: AtomicU32,
    previous: AtomicU32,
    max: AtomicU32,
}

impl Rate {
    /// Counts one event at `now`, time since the process started.
    pub fn tick(&self, now: Duration) {
        self.roll(now.as_secs());
        let count = self.current.fetch_add(1, Ordering::Relaxed) + 1;
        if count > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(count, Ordering::Relaxed);
        }
    }

    /// Events a second at `now`, time since the process started.
    #[must_use]
    pub fn at(&self, now: Duration) -> u32 {
        self.roll(now.as_secs());
        let left_ms = u64::from(1000 - now.subsec_millis());
        let previous = u64::from(self.previous.load(Ordering::Relaxed)) * left_ms / 1000;
        let sum = previous + u64::from(self.current.load(Ordering::Relaxed));
        u32::try_from(sum).unwrap_or(u32::MAX)
    }

    /// How long after `now` there may be room for one more event, where at most `limit` a second
    /// are let in; `None`: there is room.
    #[must_use]
    pub fn room_after(&self, limit: u32, now: Duration) -> Option<Duration> {
        if self.at(now) < limit {
            return None;
        }
        let left_ms = u64::from(1000 - now.subsec_millis());
        let (current, previous) = (
            self.current.load(Ordering::Relaxed),
            u64::from(self.previous.load(Ordering::Relaxed)),
        );
        // What the second before still weighs shrinks as this one goes by.
        let room = u64::from(limit.saturating_sub(current));
        let wait_ms = match (room * 1000).checked_div(previous) {
            Some(weighs_ms) if room > 0 => left_ms.saturating_sub(weighs_ms) + 1,
            _ => left_ms,
        };
        Some(Duration::from_millis(wait_ms))
    }

    /// The most events in one second.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.max.load(Ordering::Relaxed)
    }

    /// Forgets the most events in one second.
    pub fn clear_max(&self) {
        self.max.store(0, Ordering::Relaxed);
    }

    /// Starts a new second. Two threads that meet here may lose a few events of a second's edge.
    fn roll(&self, second: u64) {
        let seen = self.second.load(Ordering::Relaxed);
        let swap = |new| {
            self.second.compare_exchange(seen, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if second > seen && swap(second) {
            // In this order who looks meanwhile sees too many rather than too few, and lets nobody
            // in for it.
            let ended = self.current.load(Ordering::Relaxed);
            let previous = if second == seen + 1 { ended } else { 0 };
            self.previous.store(previous, Ordering::Relaxed);
            self.current.fetch_sub(ended, Ordering::Relaxed);
        }
    }
}

/// The average of a duration over about the last 1024 sessions, and the largest one.
#[derive(Debug, Default)]
pub struct Average {
    sum_us: AtomicU64,
    samples: AtomicU64,
    max_us: AtomicU64,
}

/// Sessions an average looks back on; HAProxy's number.
const AVERAGE_SAMPLES: u64 = 1024;

impl Average {
    /// Adds one session's value.
    pub fn add(&self, value: Duration) {
        let value_us = u64::try_from(value.as_micros()).unwrap_or(u64::MAX / 2048);
        let samples = self.samples.fetch_add(1, Ordering::Relaxed);
        // Lost updates of two workers at once change the average by one sample.
        let sum = self.sum_us.load(Ordering::Relaxed);
        let leaving = if samples < AVERAGE_SAMPLES { 0 } else { sum / AVERAGE_SAMPLES };
        self.sum_us.store(sum - leaving + value_us, Ordering::Relaxed);
        if value_us > self.max_us.load(Ordering::Relaxed) {
            self.max_us.fetch_max(value_us, Ordering::Relaxed);
        }
    }

    /// The average.
    #[must_use]
    pub fn average(&self) -> Duration {
        let samples = self.samples.load(Ordering::Relaxed).clamp(1, AVERAGE_SAMPLES);
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed) / samples)
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us.load(Ordering::Relaxed))
    }

    /// Forgets the largest value.
    pub fn clear_max(&self) {
        self.max_us.store(0, Ordering::Relaxed);
    }

    /// Forgets all values.
    pub fn clear(&self) {
        self.samples.store(0, Ordering::Relaxed);
        self.sum_us.store(0, Ordering::Relaxed);
        self.clear_max();
    }
}

/// When something happened last, as time since the process started.
#[derive(Debug)]
pub struct Moment(AtomicI64);

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicI64::new(-1))
    }
}

impl Moment {
    /// It happens at `now`, time since the process started.
    pub fn mark(&self, now: Duration) {
        let ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        self.0.store(ms, Ordering::Relaxed);
    }

    /// It never happened.
    pub fn clear(&self) {
        self.0.store(-1, Ordering::Relaxed);
    }

    /// How long ago it was, or `None` if it never was.
    #[must_use]
    pub fn ago(&self, now: Duration) -> Option<Duration> {
        let then = u64::try_from(self.0.load(Ordering::Relaxed)).ok()?;
        Some(now.saturating_sub(Duration::from_millis(then)))
    }
}

/// What frontends, backends and servers all count of their sessions.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Sessions now.
    pub sessions: Level,
    /// Sessions since the start.
    pub total: Counter,
    /// Sessions a second.
    pub rate: Rate,
    /// Bytes from clients.
    pub bytes_in: Counter,
    /// Bytes to clients.
    pub bytes_out: Counter,
    /// Connections that connection rules rejected; frontends and listeners only.
    pub denied_connections: Counter,
    /// Connections that session rules rejected; frontends and listeners only.
    pub denied_sessions: Counter,
    /// Sessions that content rules rejected.
    pub denied_requests: Counter,
    /// Sessions that response rules rejected.
    pub denied_responses: Counter,
    /// TLS.
    pub handshakes: Handshakes,
}

/// How a handshake of TLS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaken {
    /// With keys of its own.
    Full,
    /// With those of an earlier session.
    Resumed,
    /// Not at all.
    Failed,
}

/// How handshakes of TLS ended.
#[derive(Debug, Default)]
pub struct Handshakes {
    /// With keys of their own.
    pub full: Counter,
    /// With those of an earlier session.
    pub resumed: Counter,
    /// Not at all; one that took too long is none of them.
    pub failed: Counter,
}

impl Handshakes {
    /// One more.
    pub fn note(&self, how: Shaken) {
        let counter = match how {
            Shaken::Full => &self.full,
            Shaken::Resumed => &self.resumed,
            Shaken::Failed => &self.failed,
        };
        counter.add(1);
    }
}

/// What `clear counters` forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// The largest values.
    Maxima,
    /// Everything but what there is now.
    All,
}

impl Traffic {
    /// Forgets what was counted.
    pub fn clear(&self, what: Clear) {
        self.sessions.clear_max();
        self.rate.clear_max();
        if what == Clear::All {
            let Handshakes { full, resumed, failed } = &self.handshakes;
            [
                &self.total,
                &self.bytes_in,
                &self.bytes_out,
                &self.denied_connections,
                &self.denied_sessions,
                &self.denied_requests,
                &self.denied_responses,
                full,
                resumed,
                failed,
            ]
            .into_iter()
            .for_each(Counter::clear);
        }
    }
}

/// What backends and servers count beside it.
#[derive(Debug, Default)]
pub struct Service {
    /// Sessions and bytes.
    pub traffic: Traffic,
    /// Waiting in the queue.
    pub queued: Level,
    /// Picked by load balancing.
    pub picked: Counter,
    /// Connection attempts.
    pub connects: Counter,
    /// Sessions that found no server after all retries.
    pub connect_errors: Counter,
    /// Sessions whose server ended before its first byte.
    pub response_errors: Counter,
    /// Attempts after the first, on the same server.
    pub retries: Counter,
    /// Attempts after the first, on another server.
    pub redispatches: Counter,
    /// Sessions the client aborted.
    pub client_aborts: Counter,
    /// Sessions the server aborted.
    pub server_aborts: Counter,
    /// Time in the queue.
    pub queue_time: Average,
    /// Time to connect.
    pub connect_time: Average,
    /// Length of sessions.
    pub total_time: Average,
    /// The last session.
    pub last_session: Moment,
}

impl Service {
    /// Forgets what was counted.
    pub fn clear(&self, what: Clear) {
        self.traffic.clear(what);
        self.queued.clear_max();
        let times = [&self.queue_time, &self.connect_time, &self.total_time];
        if what == Clear::Maxima {
            return times.into_iter().for_each(Average::clear_max);
        }
        times.into_iter().for_each(Average::clear);
        self.last_session.clear();
        [
            &self.picked,
            &self.connects,
            &self.connect_errors,
            &self.response_errors,
            &self.retries,
            &self.redispatches,
            &self.client_aborts,
            &self.server_aborts,
        ]
        .into_iter()
        .for_each(Counter::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_rate_weighs_the_last_second_with_the_running_one() {
        let rate = Rate::default();
        for _ in 0..10 {
            rate.tick(ms(1_100));
        }
        assert_eq!(rate.at(ms(1_900)), 10);
        assert_eq!(rate.at(ms(2_500)), 5);
        assert_eq!(rate.at(ms(9_000)), 0);
        assert_eq!(rate.max(), 10);
    }

    #[test]
    fn an_average_follows_its_values() {
        let average = Average::default();
        assert_eq!(average.average(), Duration::ZERO);
        for _ in 0..5_000 {
            average.add(ms(8));
        }
        let shown = average.average();
        assert!(shown > ms(7) && shown <= ms(8), "{shown:?}");
        assert_eq!(average.max(), ms(8));
    }

    #[test]
    fn a_level_remembers_its_highest() {
        let level = Level::default();
        level.rise();
        level.rise();
        level.fall();
        assert_eq!((level.current(), level.max()), (1, 2));
    }

    #[test]
    fn clearing_keeps_what_there_is() {
        let service = Service::default();
        let counted = || {
            let traffic = &service.traffic;
            let levels = (traffic.sessions.current(), traffic.sessions.max(), traffic.rate.max());
            (levels, traffic.total.get(), service.queue_time.average(), service.queue_time.max())
        };
        service.traffic.sessions.rise();
        service.traffic.total.add(1);
        service.traffic.rate.tick(ms(1));
        service.queue_time.add(ms(8));
        service.clear(Clear::Maxima);
        assert_eq!(counted(), ((1, 0, 0), 1, ms(8), ms(0)));
        service.clear(Clear::All);
        assert_eq!(counted(), ((1, 0, 0), 0, ms(0), ms(0)));
        service.traffic.sessions.rise();
        assert_eq!(service.traffic.sessions.max(), 2);
    }

    #[test]
    fn a_moment_that_never_was_has_no_age() {
        let moment = Moment::default();
        assert_eq!(moment.ago(ms(5)), None);
        moment.mark(ms(5));
        assert_eq!(moment.ago(ms(9)), Some(ms(4)));
    }
}
