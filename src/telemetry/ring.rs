//! The last log lines, in memory: what `ring` sections and log servers over TCP read.
//!
//! ```text
//! oldest                                        newest
//! [len|line][len|line][len|line] … [len|line]            at most `size` bytes
//!            ^ a reader's place
//! ```
//! Bound: `size` bytes. A line that does not fit pushes out the oldest ones; a reader that had not
//! read those yet is told how many it lost. Writing never waits for a reader.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::config::model::{Config, LogSink, LogStream, LogTarget};

/// Bytes before each line: its length.
const LENGTH_BYTES: usize = 4;

/// Longest line and size of a ring that nobody wrote down (HAProxy: a buffer).
const IMPLICIT_BYTES: usize = 16_384;

/// What a ring is made of; a reload keeps the ring where this stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name in `show events`.
    pub name: String,
    /// What stands beside it there.
    pub description: String,
    /// What names it in `log` lines.
    pub sink: LogSink,
    /// Longest line, in bytes.
    pub maxlen: usize,
    /// Bytes of all lines.
    pub size: usize,
}

/// A ring of lines. They have no newline at their end.
#[derive(Debug)]
pub struct Ring {
    /// What it was made from.
    pub spec: Spec,
    lines: Mutex<Lines>,
    news: Notify,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Lines {
    bytes: VecDeque<u8>,
    /// Where the oldest line is.
    oldest: Place,
    /// Where the next line will be.
    next: Place,
    /// The numbers of the lines that servers are sent next.
    readers: Vec<Weak<AtomicU64>>,
}

/// A server's view of a ring: lines that are pushed out before it read them are counted.
#[derive(Debug)]
pub struct Reader {
    ring: Arc<Ring>,
    place: Place,
    number: Arc<AtomicU64>,
}

/// A reader's place: a line's number and its first byte, both counted from the ring's beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    number: u64,
    byte: u64,
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self { spec, lines: Mutex::default(), news: Notify::new(), lost: AtomicU64::new(0) }
    }

    /// Adds a line, cut to the longest that is taken; old ones make room. Yields how many of those
    /// a server was still to be sent.
    pub fn push(&self, line: &[u8]) -> u64 {
        let longest = self.spec.maxlen.min(self.spec.size.saturating_sub(LENGTH_BYTES));
        let lost = self.lock().push(&line[..line.len().min(longest)], self.spec.size);
        self.news.notify_waiters();
        self.lost.fetch_add(lost, Ordering::Relaxed);
        lost
    }

    /// The place before the oldest line.
    #[must_use]
    pub fn oldest(&self) -> Place {
        self.lock().oldest
    }

    /// The place after the newest line.
    #[must_use]
    pub fn newest(&self) -> Place {
        self.lock().next
    }

    /// Gives the lines after `place` to `take`, oldest first, until it says that it has enough, and
    /// moves `place` behind them. Lines that are not there any more are passed over.
    pub fn read(&self, place: &mut Place, mut take: impl FnMut(&[u8], Place) -> bool) {
        let lines = &*self.lock();
        if place.number < lines.oldest.number {
            *place = lines.oldest;
        }
        while place.number < lines.next.number {
            let line = lines.line(place.byte);
            place.number += 1;
            place.byte += (LENGTH_BYTES + line.len()) as u64;
            if !take(&line, *place) {
                break;
            }
        }
    }

    /// A server's view, which begins with the oldest line.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        let mut lines = self.lock();
        let place = lines.oldest;
        let number = Arc::new(AtomicU64::new(place.number));
        lines.readers.retain(|reader| reader.strong_count() > 0);
        lines.readers.push(Arc::downgrade(&number));
        drop(lines);
        Reader { ring: Arc::clone(self), place, number }
    }

    /// Waits until there is a line after `place`.
    ///
    /// Cancel safety: nothing is lost.
    pub async fn news(&self, place: Place) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.newest().number > place.number {
                return;
            }
            news.await;
        }
    }

    /// Lines that a server was not sent.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Gives it the next lines, as [`Ring::read`] does.
    pub fn read(&mut self, mut take: impl FnMut(&[u8], Place) -> bool) {
        let number = &self.number;
        self.ring.read(&mut self.place, |line, after| {
            number.store(after.number, Ordering::Relaxed);
            take(line, after)
        });
    }

    /// Goes back to lines that were not sent after all. Yields how many of them are gone meanwhile.
    pub fn go_back(&mut self, place: Place) -> u64 {
        let lines = self.ring.lock();
        let lost = lines.oldest.number.saturating_sub(place.number);
        self.place = if lost > 0 { lines.oldest } else { place };
        self.number.store(self.place.number, Ordering::Relaxed);
        self.ring.lost.fetch_add(lost, Ordering::Relaxed);
        lost
    }

    /// Waits until there is a line that it did not read.
    ///
    /// Cancel safety: nothing is lost.
    pub async fn news(&self) {
        self.ring.news(self.place).await;
    }
}

impl Lines {
    /// Yields how many lines were pushed out before a server was sent them.
    fn push(&mut self, line: &[u8], size: usize) -> u64 {
        let need = LENGTH_BYTES + line.len();
        let mut lost = 0;
        while !self.bytes.is_empty() && self.bytes.len() + need > size {
            lost += self.forget_oldest();
        }
        // A line is cut far below 4 GiB.
        let length = u32::try_from(line.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(line);
        self.next = Place { number: self.next.number + 1, byte: self.next.byte + need as u64 };
        lost
    }

    /// The line that begins at this byte.
    fn line(&self, byte: u64) -> Cow<'_, [u8]> {
        // Below the size, as all that is kept is.
        let start = usize::try_from(byte - self.oldest.byte).unwrap_or(usize::MAX);
        let length = self.piece(start, LENGTH_BYTES);
        let length = length.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        self.piece(start.saturating_add(LENGTH_BYTES), length as usize)
    }

    /// Some of the bytes, copied only where they stand at the end and the beginning of the buffer.
    fn piece(&self, start: usize, length: usize) -> Cow<'_, [u8]> {
        let (front, back) = self.bytes.as_slices();
        let end = start.saturating_add(length).min(self.bytes.len());
        let start = start.min(end);
        match start.checked_sub(front.len()) {
            Some(start) => back[start..end - front.len()].into(),
            None if end <= front.len() => front[start..end].into(),
            None => [&front[start..], &back[..end - front.len()]].concat().into(),
        }
    }

    fn forget_oldest(&mut self) -> u64 {
        let used = LENGTH_BYTES + self.line(self.oldest.byte).len();
        self.bytes.drain(..used.min(self.bytes.len()));
        let oldest = self.oldest;
        let mut lost = 0;
        for reader in self.readers.iter().filter_map(Weak::upgrade) {
            // Whoever moves it holds the lock.
            if reader.load(Ordering::Relaxed) <= oldest.number {
                reader.store(oldest.number + 1, Ordering::Relaxed);
                lost += 1;
            }
        }
        self.oldest = Place { number: oldest.number + 1, byte: oldest.byte + used as u64 };
        lost
    }
}

/// All rings of the process: one writer changes which there are, everybody reads.
#[derive(Debug, Default)]
pub struct Rings {
    known: Mutex<Vec<Arc<Ring>>>,
}

impl Rings {
    /// Makes those of `config` the rings there are; those that stay as they were keep their lines.
    pub fn follow(&self, config: &Config) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *known);
        *known = specs(config)
            .into_iter()
            .map(|spec| match old.iter().find(|ring| ring.spec == spec) {
                Some(ring) => Arc::clone(ring),
                None => Arc::new(Ring::new(spec)),
            })
            .collect();
    }

    /// All of them, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Ring>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one that `sink` writes to.
    #[must_use]
    pub fn find(&self, sink: &LogSink) -> Option<Arc<Ring>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|ring| ring.spec.sink == *sink).map(Arc::clone)
    }
}

/// The rings of the file, and one for each log server over TCP.
fn specs(config: &Config) -> Vec<Spec> {
    let written = config.rings.iter().map(|ring| Spec {
        name: ring.name.to_string(),
        description: ring.description.clone().unwrap_or_else(|| ring.name.to_string()),
        sink: LogSink::Ring(ring.name.clone()),
        maxlen: ring.maxlen,
        size: ring.size,
    });
    let implicit = streams(config).into_iter().enumerate().map(|(index, stream)| Spec {
        name: format!("ring#{}", index + 1),
        description: format!("created for log target {stream}"),
        sink: LogSink::Stream(stream),
        maxlen: IMPLICIT_BYTES,
        size: IMPLICIT_BYTES,
    });
    written.chain(implicit).collect()
}

/// Every log server over TCP, once.
#[must_use]
pub fn streams(config: &Config) -> Vec<LogStream> {
    let global = config.global.log.iter();
    let frontends = config.frontends.iter().flat_map(|frontend| &frontend.log.to.targets[..]);
    let backends = config.backends.iter().flat_map(|backend| &backend.log.targets[..]);
    let mut found = Vec::new();
    for LogTarget { sink, .. } in global.chain(frontends).chain(backends) {
        if let LogSink::Stream(stream) = sink
            && !found.contains(stream)
        {
            found.push(stream.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(size: usize, maxlen: usize) -> Ring {
        Ring::new(Spec {
            name: "r".to_owned(),
            description: String::new(),
            sink: LogSink::Stdout,
            maxlen,
            size,
        })
    }

    fn read(ring: &Ring, place: &mut Place) -> Vec<String> {
        let mut lines = Vec::new();
        ring.read(place, |line, _| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            true
        });
        lines
    }

    #[test]
    fn the_oldest_lines_make_room_and_a_slow_reader_is_told() {
        // Three lines of four bytes.
        let ring = Arc::new(ring(24, 100));
        let mut reader = ring.reader();
        let mut slow = ring.oldest();
        let lost: Vec<u64> =
            (0..5).map(|number| ring.push(format!("l{number:03}").as_bytes())).collect();
        assert_eq!((lost, ring.lost()), (vec![0, 0, 0, 1, 1], 2));
        assert_eq!(read(&ring, &mut ring.oldest()), ["l002", "l003", "l004"]);
        assert_eq!(read(&ring, &mut slow).len(), 3);
        assert_eq!(slow, ring.newest());
        let mut taken = 0;
        reader.read(|_, _| {
            taken += 1;
            true
        });
        let before = slow;
        assert_eq!(taken, 3);
        assert_eq!(ring.push(b"last"), 0, "it was read");
        assert_eq!(read(&ring, &mut slow), ["last"]);
        assert_eq!(reader.go_back(before), 0);
        for _ in 0..4 {
            ring.push(b"full");
        }
        assert_eq!((reader.go_back(before), ring.lost()), (2, 6));
        drop(reader);
        assert_eq!(ring.push(b"more"), 0, "nobody is there to lose it");
    }

    #[test]
    fn long_lines_are_cut() {
        let ring = ring(24, 5);
        ring.push(b"abcd");
        ring.push(b"0123456789");
        assert_eq!(read(&ring, &mut ring.oldest()), ["abcd", "01234"]);
        let tiny = super::tests::ring(10, 100);
        tiny.push(b"0123456789");
        assert_eq!(read(&tiny, &mut tiny.oldest()), ["012345"]);
    }

    #[test]
    fn a_reader_may_have_enough() {
        let ring = ring(100, 100);
        for line in [b"a", b"b", b"c"] {
            ring.push(line);
        }
        let mut place = ring.oldest();
        ring.read(&mut place, |line, _| line != b"b");
        assert_eq!(read(&ring, &mut place), ["c"]);
    }

    #[tokio::test]
    async fn news_come_to_those_who_wait() {
        let ring = Arc::new(ring(100, 100));
        let place = ring.newest();
        let waiting = tokio::spawn({
            let ring = Arc::clone(&ring);
            async move { ring.news(place).await }
        });
        tokio::task::yield_now().await;
        ring.push(b"x");
        waiting.await.unwrap();
    }
}
