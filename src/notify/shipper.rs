//! The one consumer of the telemetry bus: renders, frames and sends, off the data path.
//!
//! ```text
//! records ─┐                    ┌─> tcplog ─┐
//!          ├─ batch, then pause ┤           ├─> level filter ─> framing ─> sink (never waits)
//! events  ─┘                    └─> line  ──┘
//! ```
//! After a batch it pauses for [`PAUSE`] before it looks again, so that a producer under load finds
//! nobody to wake and pays only for the queue. Events go first. Sinks are opened when first used
//! and kept by destination, so that a reload changes targets by sending records that name others.
//! What a sink does not take is lost and counted; events, which come in bursts such as that of a stop,
//! wait for a reader that lags, `PATIENCE` in all. Trouble with a sink is said once, when it begins, and
//! once when it ends, with what it cost; other losses are reported now and then.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::framing::{self, Identity, Said};
use super::sink::{Adopt, Sink};
use super::tcplog::{self, Speaker};
use crate::config::model::{LogLevel, LogSink, LogTarget};
use crate::telemetry::bus::{Intake, Losses};
use crate::telemetry::event::Event;
use crate::telemetry::record::Record;
use crate::telemetry::ring::Rings;
use crate::telemetry::time::LocalTime;

/// How long records may wait so that their producers need not wake us.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Records sent in a row before other tasks of the control thread have their turn: about 1 ms.
const BATCH: usize = 128;

/// How often a target that could not be opened is tried again, at most.
const REOPEN: Duration = Duration::from_secs(1);

/// How often losses are reported at most.
const REPORT: Duration = Duration::from_secs(10);

/// How long events wait for readers that lag, until a [`REPORT`] later: a datagram socket holds ten
/// lines (`net.unix.max_dgram_qlen`), and a stop has one for each proxy.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long an event waits before it is sent again.
const RETRY: Duration = Duration::from_millis(1);

/// Sends what happens to the log targets. [`Shipper::run`] it on the control thread.
pub struct Shipper {
    identity: watch::Receiver<Identity>,
    wall: fn() -> SystemTime,
    outlets: Outlets,
    accept_time: LocalTime,
    message: String,
    structured: String,
    /// Lines so far, by frontend: `%lc`. Bound: the frontends that ever were.
    lines: HashMap<Arc<str>, u64>,
    reported_at: Option<SystemTime>,
    reported: u64,
    patience: Patience,
}

/// What is left of the time to wait for readers that lag.
struct Patience {
    left: Duration,
    /// When it was all there.
    since: SystemTime,
}

impl Patience {
    /// It comes back after a while. A clock that was set back gives it back, too.
    fn renew(&mut self, now: SystemTime) {
        if now.duration_since(self.since).is_ok_and(|since| since < REPORT) {
            return;
        }
        (self.left, self.since) = (PATIENCE, now);
    }

    /// Waits a moment; `false`: it is used up.
    async fn wait(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(RETRY) else { return false };
        self.left = left;
        tokio::time::sleep(RETRY).await;
        true
    }
}

/// Why a line was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The reader lags.
    Full,
    /// Nobody is there.
    Broken,
}

/// The sinks and what is shared between lines.
struct Outlets {
    adopt: Adopt,
    rings: Arc<Rings>,
    sinks: HashMap<LogSink, Outlet>,
    /// Lines so far, by target with a `sample`. Bound: the targets that ever were.
    samples: HashMap<LogTarget, u64>,
    time: LocalTime,
    line: String,
    /// Lines lost at sinks whose trouble was said.
    explained: u64,
}

/// A sink and whether it works.
struct Outlet {
    /// `None`: could not be opened.
    sink: Option<Sink>,
    /// When that was tried last.
    tried: SystemTime,
    /// Lines lost since it last worked.
    lost: u64,
    /// Its trouble was said.
    complained: bool,
}

impl Shipper {
    /// A shipper that speaks as `identity`, which a reload may change, in the local time of `zone`.
    /// `wall` reads the wall clock; `adopt` gives inherited descriptors their owner; `rings` are those that
    /// there are.
    #[must_use]
    pub fn new(
        identity: watch::Receiver<Identity>,
        zone: TimeZone,
        wall: fn() -> SystemTime,
        adopt: Adopt,
        rings: Arc<Rings>,
    ) -> Self {
        Self {
            identity,
            wall,
            outlets: Outlets {
                adopt,
                rings,
                sinks: HashMap::new(),
                samples: HashMap::new(),
                time: LocalTime::new(zone.clone()),
                line: String::new(),
                explained: 0,
            },
            accept_time: LocalTime::new(zone),
            message: String::new(),
            structured: String::new(),
            lines: HashMap::new(),
            reported_at: None,
            reported: 0,
            patience: Patience { left: PATIENCE, since: SystemTime::UNIX_EPOCH },
        }
    }

    /// Ships until `stop` is cancelled or every producer is gone, and then what still waits.
    ///
    /// Cancel safety: dropping the future loses what waits on the bus and at most one batch.
    pub async fn run(mut self, mut intake: Intake, stop: CancellationToken) {
        let mut records = Vec::with_capacity(BATCH);
        let mut events = Vec::with_capacity(BATCH);
        let mut stopping = false;
        while !(intake.events_ended() && intake.records_ended()) {
            let more = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => {
                    // What is there is still shipped; what comes later is lost and counted.
                    stopping = true;
                    intake.events.close();
                    intake.records.close();
                    continue;
                }
                count = intake.events.recv_many(&mut events, BATCH), if !intake.events_ended() => {
                    count
                }
                count = intake.records.recv_many(&mut records, BATCH),
                    if !intake.records_ended() => count,
                else => break,
            };
            self.tell(&mut events, &intake.losses).await;
            self.ship(&mut records, &intake.losses);
            self.report(&intake.losses);
            if more == BATCH || stopping {
                tokio::task::yield_now().await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        self.say_losses(&intake.losses);
        self.outlets.say_troubles();
    }

    /// Sends a batch of events, for each of which a reader that lags is waited for.
    async fn tell(&mut self, events: &mut Vec<Event>, losses: &Losses) {
        if events.is_empty() {
            return;
        }
        let identity = self.identity.borrow_and_update().clone();
        let now = (self.wall)();
        self.patience.renew(now);
        for event in events.drain(..) {
            event.announce();
            let (line, level) = (event.line(), event.level());
            let said = Said { message: &line, structured: "" };
            let speaker = identity.of(&event.log);
            for target in event.log.targets.iter() {
                if !self.outlets.frame(target, level, now, &speaker, said) {
                    continue;
                }
                let mut sent = self.outlets.send(&target.sink, now);
                while sent == Err(Refusal::Full) && self.patience.wait().await {
                    sent = self.outlets.send(&target.sink, now);
                }
                self.outlets.count(&target.sink, sent, losses);
            }
        }
    }

    /// Sends a batch of records.
    fn ship(&mut self, records: &mut Vec<Record>, losses: &Losses) {
        let identity = self.identity.borrow_and_update();
        let now = (self.wall)();
        for record in records.drain(..) {
            let Some(level) = tcplog::severity(&record) else {
                continue;
            };
            self.message.clear();
            let count = self.lines.entry(Arc::clone(&record.frontend)).or_default();
            let speaker = Speaker { identity: &identity, line: *count };
            *count += 1;
            tcplog::push_line(&record, speaker, &mut self.accept_time, &mut self.message);
            self.structured.clear();
            tcplog::push_structured(&record, speaker, &mut self.accept_time, &mut self.structured);
            let log = &record.log.to;
            let speaker = identity.of(log);
            let said = Said { message: &self.message, structured: &self.structured };
            self.outlets.ship(&log.targets, level, now, &speaker, said, losses);
        }
    }

    /// Says how much was lost, now and then.
    fn report(&mut self, losses: &Losses) {
        let now = (self.wall)();
        // A clock that was set back makes it due.
        let due = self
            .reported_at
            .is_none_or(|at| now.duration_since(at).is_ok_and(|since| since >= REPORT) || now < at);
        if due && self.say_losses(losses) {
            self.reported_at = Some(now);
        }
    }

    /// Says how much was lost since it was last said, if anything, but for what a trouble that was
    /// said goes on to cost.
    fn say_losses(&mut self, losses: &Losses) -> bool {
        let total = losses.total();
        let unexplained = total - self.outlets.explained;
        if unexplained == self.reported {
            return false;
        }
        tracing::warn!(
            "{} log lines lost, {total} since the start ({} found the bus full)",
            unexplained - self.reported,
            losses.records() + losses.events(),
        );
        self.reported = unexplained;
        true
    }
}

impl Outlets {
    /// Sends one message to every target that wants it.
    fn ship(
        &mut self,
        targets: &[LogTarget],
        level: LogLevel,
        now: SystemTime,
        identity: &Identity,
        said: Said<'_>,
        losses: &Losses,
    ) {
        for target in targets {
            if self.frame(target, level, now, identity, said) {
                let sent = self.send(&target.sink, now);
                self.count(&target.sink, sent, losses);
            }
        }
    }

    /// Writes the line for `target`; `false`: it wants none.
    fn frame(
        &mut self,
        target: &LogTarget,
        level: LogLevel,
        now: SystemTime,
        identity: &Identity,
        said: Said<'_>,
    ) -> bool {
        let Some(severity) = framing::severity(target, level) else { return false };
        if !self.samples(target) {
            return false;
        }
        framing::frame(&mut self.line, target, severity, now, identity, &mut self.time, said);
        true
    }

    /// Counts what a line cost.
    fn count(&mut self, target: &LogSink, sent: Result<u64, Refusal>, losses: &Losses) {
        match sent {
            Ok(pushed_out) => losses.lose_lines(pushed_out),
            Err(_) => {
                if let Some(outlet) = self.sinks.get_mut(target) {
                    outlet.lost += 1;
                    self.explained += u64::from(outlet.complained);
                }
                losses.lose_line(target);
            }
        }
    }

    /// Whether `target` gets this one of the lines that it would get all of without a sample.
    fn samples(&mut self, target: &LogTarget) -> bool {
        let Some(sample) = &target.sample else { return true };
        let count = match self.samples.get_mut(target) {
            Some(count) => count,
            None => self.samples.entry(target.clone()).or_default(),
        };
        *count += 1;
        sample.takes(*count - 1)
    }

    /// Sends the line; yields how many older ones were lost for it.
    fn send(&mut self, target: &LogSink, now: SystemTime) -> Result<u64, Refusal> {
        let Self { adopt, sinks, line, rings, .. } = self;
        let outlet = match sinks.get_mut(target) {
            Some(outlet) => outlet,
            None => {
                let opened = Outlet::open(target, adopt, rings, now);
                sinks.entry(target.clone()).or_insert(opened)
            }
        };
        if outlet.sink.is_none() {
            outlet.open_again(target, adopt, rings, now);
        }
        outlet.send(target, line.as_bytes())
    }

    /// Says what the sinks that do not work cost.
    fn say_troubles(&self) {
        for (target, outlet) in self.sinks.iter().filter(|(_, outlet)| outlet.complained) {
            tracing::warn!("logger {} did not work again, {} lost", Named(target), outlet.lost);
        }
    }
}

impl Outlet {
    fn open(target: &LogSink, adopt: &mut Adopt, rings: &Arc<Rings>, now: SystemTime) -> Self {
        let opened = Sink::open(target, adopt, rings);
        if let Err(error) = &opened {
            complain(target, "open", error);
        }
        Self { complained: opened.is_err(), sink: opened.ok(), tried: now, lost: 0 }
    }

    /// What could not be opened may be there now; a clock that was set back does not stop it.
    fn open_again(
        &mut self,
        target: &LogSink,
        adopt: &mut Adopt,
        rings: &Arc<Rings>,
        now: SystemTime,
    ) {
        if now.duration_since(self.tried).is_ok_and(|since| since < REOPEN) {
            return;
        }
        self.tried = now;
        self.sink = Sink::open(target, adopt, rings).ok();
    }

    fn send(&mut self, target: &LogSink, line: &[u8]) -> Result<u64, Refusal> {
        let Some(sink) = &mut self.sink else { return Err(Refusal::Broken) };
        match sink.send(line) {
            Ok(pushed_out) => {
                if self.complained {
                    tracing::info!("logger {} works again, {} lost", Named(target), self.lost);
                }
                (self.complained, self.lost) = (false, 0);
                Ok(pushed_out)
            }
            // A slow reader is not broken: the count of lost lines tells.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Refusal::Full),
            Err(error) => {
                if !self.complained {
                    self.complained = true;
                    complain(target, "send", &error);
                }
                Err(Refusal::Broken)
            }
        }
    }
}

/// Says once what is wrong, as HAProxy does when it first logs.
fn complain(target: &LogSink, operation: &str, error: &io::Error) {
    tracing::error!("{operation} failed in logger {}: {error}", Named(target));
}

/// A sink as it is written in the configuration.
struct Named<'a>(&'a LogSink);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            LogSink::Udp(to) => write!(f, "{to}"),
            LogSink::Unix(path) => write!(f, "{}", path.display()),
            LogSink::Abstract(name) => write!(f, "abns@{}", String::from_utf8_lossy(name)),
            LogSink::Stdout => f.write_str("stdout"),
            LogSink::Stderr => f.write_str("stderr"),
            LogSink::Fd(number) => write!(f, "fd@{number}"),
            LogSink::Ring(name) => write!(f, "ring@{name}"),
            LogSink::Stream(stream) => write!(f, "{stream}"),
        }
    }
}

#[cfg(test)]
mod tests;
