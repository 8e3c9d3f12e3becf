//! Writers that remember every write that was acknowledged, with the server that did it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::pair::{Node, Pair, Way};
use crate::harness::eventually;

/// Writers at a time.
const WRITERS: usize = 4;

/// From a writer's answer to its next write; who is refused waits ten times as long.
const PACE: Duration = Duration::from_millis(2);

/// A write that was acknowledged.
#[derive(Clone, Copy)]
struct Ack {
    number: i64,
    /// Of the server that has it.
    port: u16,
    at: Instant,
}

/// Sessions that write, each until it is ended, then by a new one.
pub(super) struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    next: AtomicI64,
    acks: Mutex<Vec<Ack>>,
    /// Writes without an answer, and logins.
    errors: Mutex<Vec<String>>,
}

/// What the writers saw.
pub(super) struct Seen {
    acks: Vec<Ack>,
    errors: Vec<String>,
}

/// The numbers of a scenario.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Writes and logins that failed, as clients see it.
    pub(super) errors: usize,
    /// Longest time in which nothing was acknowledged.
    pub(super) stall: Duration,
    /// Sessions on the server that is no longer primary.
    pub(super) left: usize,
    /// Acknowledged by one server after another had acknowledged a later one.
    pub(super) split: usize,
    /// Acknowledged by the new primary, and found on the old one though it follows nobody.
    pub(super) strayed: usize,
    /// Acknowledged by the old primary and not found on the new one.
    pub(super) lost: usize,
    /// Acknowledged.
    pub(super) written: usize,
    /// Records of failovers.
    pub(super) records: usize,
}

impl Writers {
    pub(super) fn start(way: Way) -> Self {
        let shared = Arc::new(Shared::default());
        let write = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || while shared.write(way) {})
        };
        Self { threads: (0..WRITERS).map(write).collect(), shared }
    }

    /// Waits until `server` has acknowledged some more.
    #[track_caller]
    pub(super) fn wait_served_by(&self, server: &Node) {
        let port = server.addr().port();
        let count = || self.shared.acks.lock().unwrap().iter().filter(|a| a.port == port).count();
        let before = count();
        eventually("the writers are served", || (count() >= before + 50).then_some(()));
    }

    /// How many errors there were until now.
    pub(super) fn errors(&self) -> usize {
        self.shared.errors.lock().unwrap().len()
    }

    pub(super) fn finish(self) -> Seen {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut acks = std::mem::take(&mut *self.shared.acks.lock().unwrap());
        acks.sort_by_key(|ack| ack.at);
        let errors = std::mem::take(&mut *self.shared.errors.lock().unwrap());
        Seen { acks, errors }
    }
}

impl Shared {
    /// One session. Whether there is to be another.
    fn write(&self, way: Way) -> bool {
        let mut client = match way.connect() {
            Ok(client) => client,
            Err(error) => return self.fail(&format!("login: {error}")),
        };
        while !self.ended.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let (table, port) = (way.kind.table(), way.kind.port());
            let sql = format!("INSERT INTO {table} VALUES ({number}) RETURNING {port}");
            match client.query(&sql) {
                Ok(row) => {
                    let (port, at) = (row[0][0].parse().unwrap(), Instant::now());
                    self.acks.lock().unwrap().push(Ack { number, port, at });
                }
                Err(error) => return self.fail(&error.to_string()),
            }
            std::thread::sleep(PACE);
        }
        false
    }

    fn fail(&self, error: &str) -> bool {
        self.errors.lock().unwrap().push(error.to_owned());
        std::thread::sleep(10 * PACE);
        !self.ended.load(Ordering::SeqCst)
    }
}

impl Seen {
    /// What it amounts to where `a` was primary and `b` is, and `a` is there again.
    pub(super) fn judge(&self, name: &str, pair: &Pair) -> Verdict {
        let left = eventually("nobody is left on the old primary", || {
            (pair.a.clients() == 0 && pair.shown("a", "scur") == "0").then_some(0)
        });
        eventually("it is on record", || (!pair.records().is_empty()).then_some(()));
        let verdict = self.verdict(name, pair, left);
        assert_eq!((verdict.split, verdict.strayed), (0, 0), "{verdict:?}");
        // Each has a session to lose, and may be told no by a server that shuts down.
        assert!(verdict.errors <= 3 * WRITERS, "{:?}", self.errors);
        let records = pair.records();
        assert_eq!(records.len(), 1, "{records:?}");
        let total = records[0]["seconds"]["total"].as_f64();
        assert_eq!(records[0]["kind"] == "failover", total > Some(0.0), "{records:?}");
        let names = (&records[0]["from"], &records[0]["to"]);
        assert_eq!(names, (&"a".into(), &"b".into()), "{records:?}");
        verdict
    }

    /// What it amounts to where `a` was primary and still is.
    pub(super) fn judge_calm(&self, name: &str, pair: &Pair) -> Verdict {
        let verdict = self.verdict(name, pair, 0);
        assert_eq!(verdict.split, 0, "{verdict:?}");
        let records = pair.records();
        assert!(records.iter().all(|record| record["to"] == "a"), "{records:?}");
        verdict
    }

    /// The numbers, printed past the test harness, which keeps what tests that pass say to itself.
    fn verdict(&self, name: &str, pair: &Pair, left: usize) -> Verdict {
        let (a, b) = (pair.a.addr().port(), pair.b.addr().port());
        let acked = |port| {
            let by = self.acks.iter().filter(move |ack| ack.port == port);
            by.map(|ack| ack.number).collect::<BTreeSet<_>>()
        };
        let table = pair.kind.table();
        let rows = |server: &Node| {
            let rows = server.query(&format!("SELECT n FROM {table}"));
            rows.iter().map(|row| row[0].parse().unwrap()).collect::<BTreeSet<i64>>()
        };
        let first_of_b = self.acks.iter().position(|ack| ack.port == b);
        let after = first_of_b.map_or(&[][..], |first| &self.acks[first..]);
        let gaps = self.acks.windows(2).map(|pair| pair[1].at - pair[0].at);
        let lost = |_| acked(a).difference(&rows(&pair.b)).count();
        let verdict = Verdict {
            errors: self.errors.len(),
            stall: gaps.max().unwrap_or_default(),
            left,
            split: after.iter().filter(|ack| ack.port == a).count(),
            strayed: rows(&pair.a).intersection(&acked(b)).count(),
            lost: first_of_b.map_or(0, lost),
            written: self.acks.len(),
            records: pair.records().len(),
        };
        let _ = writeln!(
            std::io::stderr(),
            "verdict {name} {:?}, {:?}: client errors {}, longest stall {:?}, sessions left on the \
             old primary {}, writes by two primaries {}, strayed {}, lost {}, acknowledged {}, \
             records written {}",
            pair.kind,
            pair.middle,
            verdict.errors,
            verdict.stall,
            verdict.left,
            verdict.split,
            verdict.strayed,
            verdict.lost,
            verdict.written,
            verdict.records,
        );
        verdict
    }

    /// Why writes and logins failed.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }
}
