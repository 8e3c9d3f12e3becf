//! The end: a soft stop, which waits for the sessions, and the last steps of any.

use std::sync::Arc;
use std::time::Duration;

use super::signals::{Request, Signals};
use super::{Control, Ended, requests};
use crate::clock::{self, sleep_or_forever};
use crate::config::model::{Log, LogLevel};
use crate::state::proxies::Proxy;
use crate::state::{CutReason, Occasion, Process};
use crate::telemetry::event::{Event, What};

/// How often a soft stop looks whether the last session has ended.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Longest wait for log lines at the end.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Longest wait for sessions that are told to end: some are not where they hear of it at once.
const LAST_SESSIONS: Duration = Duration::from_millis(500);

/// Longest wait at the end for a switchover to be undone; what is not is left to the next process.
const UNDO_MAX: Duration = Duration::from_secs(5);

impl Control {
    /// Closes the listeners and waits for the sessions, at most `hard-stop-after`.
    pub(super) async fn soft_stop(&mut self) -> Ended {
        if let Some(ended) = self.pass_grace().await {
            return ended;
        }
        let process = Arc::clone(&self.context.process);
        let limit = process.objects().config.global.hard_stop_after;
        let until = limit.map(|limit| clock::now() + limit);
        let left = || until.map(|until| until.saturating_duration_since(clock::now()));
        if let Some(ended) = self.finish_switchovers(limit).await {
            return ended;
        }
        let (now, wall) = (clock::now(), clock::wall());
        break_off(&Occasion { process: &process, bus: &self.context.bus, now, wall });
        process.stop();
        if let Some(lock) = &self.state_lock {
            lock.give_up();
            process.remembered.refresh();
        }
        requests::refuse_all(&mut self.requests);
        // Whoever waits for it hears that the process stops.
        self.adding = None;
        self.listeners.close_frontends();
        self.listeners.close_commands();
        self.engine.stop();
        self.resolver.stop();
        self.say_stopped();
        let drained = async {
            while self.workers.is_accepting() || process.gate.current() > 0 {
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        tokio::select! {
            () = drained => Ended::Done,
            () = sleep_or_forever(left()) => {
                self.say_hard_stopped();
                self.end_sessions().await;
                Ended::Done
            }
            ended = next_stop(&mut self.signals) => ended,
        }
    }

    /// Goes on accepting for `grace`; a request to stop at once ends that, too.
    async fn pass_grace(&mut self) -> Option<Ended> {
        let objects = self.context.process.objects();
        let global = &objects.config.global;
        let grace = global.life.grace?;
        let log = || global.log.as_slice().into();
        let scheduled = format!("Scheduling a soft-stop in {} ms.", grace.as_millis());
        self.notice(LogLevel::Warning, log(), scheduled);
        let ended = tokio::select! {
            () = tokio::time::sleep(grace) => None,
            ended = next_stop(&mut self.signals) => Some(ended),
        };
        if ended.is_none() {
            let expired = "Grace period expired, proceeding with soft-stop now.";
            self.notice(LogLevel::Notice, log(), expired.to_owned());
        }
        ended
    }

    /// Lets planned changes of primaries come to their end, which needs checks. Clients that come
    /// meanwhile go to the next process.
    async fn finish_switchovers(&mut self, limit: Option<Duration>) -> Option<Ended> {
        self.switchovers.close();
        if !self.switchovers.is_busy() {
            return None;
        }
        tracing::warn!("A switchover goes on: its end is waited for.");
        self.listeners.close_frontends();
        tokio::select! {
            () = self.switchovers.ended() => None,
            () = sleep_or_forever(limit) => Some(Ended::Done),
            ended = next_stop(&mut self.signals) => Some(ended),
        }
    }

    fn say_stopped(&self) {
        self.context.process.objects().proxies().iter().for_each(|proxy| self.say_end_of(proxy));
    }

    /// Says of a proxy that it accepts no more, as HAProxy does.
    pub(super) fn say_end_of(&self, proxy: &Proxy<'_>) {
        let [(_, frontend_conns), (_, backend_conns)] = proxy.conns();
        let what = What::ProxyStopped { proxy: proxy.name(), frontend_conns, backend_conns };
        self.context.bus.event(Event { at: clock::wall(), log: proxy.log(), what });
    }

    /// Logs `text`.
    pub(super) fn notice(&self, level: LogLevel, log: Log, text: String) {
        let what = What::Notice { level, text };
        self.context.bus.event(Event { at: clock::wall(), log, what });
    }

    /// Says which proxies have connections left that will not end by themselves.
    fn say_hard_stopped(&self) {
        let say = |log, text| self.notice(LogLevel::Warning, log, text);
        let objects = self.context.process.objects();
        let text = "soft-stop running for too long, performing a hard-stop.";
        say(objects.config.global.log.as_slice().into(), text.to_owned());
        for proxy in objects.proxies() {
            let [(left, _), _] = proxy.conns();
            if left > 0 {
                let name = proxy.name();
                let text =
                    format!("Proxy {name} hard-stopped ({left} remaining conns will be closed).");
                say(proxy.log(), text);
            }
        }
    }

    /// Ends the sessions that are left, each with its line in the log.
    async fn end_sessions(&self) {
        let process = &self.context.process;
        let ended = async {
            while process.gate.current() > 0 {
                // One may have been on its way to its worker.
                process.sessions.end_all(CutReason::Killed);
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        let _ = tokio::time::timeout(LAST_SESSIONS, ended).await;
    }

    /// Ends what is left and lets the last log lines out.
    pub(super) async fn shut_down(self, ended: Ended) -> Ended {
        let limit = self.context.process.objects().config.global.hard_stop_after;
        self.switchovers.give_up(limit.map_or(UNDO_MAX, |limit| limit.min(UNDO_MAX))).await;
        let Self { workers, engine, resolver, log, shipper, listeners, memory, context, .. } = self;
        drop((listeners, engine, resolver));
        workers.stop();
        let (process, bus) = (&*context.process, &context.bus);
        break_off(&Occasion { process, bus, now: clock::now(), wall: clock::wall() });
        remember(process);
        // A disk that hangs does not keep the process from ending.
        let _ = tokio::time::timeout(LAST_LINES, memory).await;
        log.finish(shipper, LAST_LINES).await;
        ended
    }
}

/// Writes down failovers that wait for a first session only: nobody else knows of them.
fn break_off(occasion: &Occasion<'_>) {
    for backend in &occasion.process.objects().backends {
        if let Some(incident) = backend.group.break_off_incident() {
            occasion.record(backend, &incident);
        }
    }
}

/// What is remembered of primaries as far as it goes; a process that was told to stop softly has a
/// successor that knows more.
fn remember(process: &Process) {
    let with_roles = process.objects();
    let with_roles = with_roles.backends.iter().filter(|b| !b.settings().routes.is_empty());
    for backend in with_roles.filter(|_| !process.is_stopping()) {
        process.remembered.note(&backend.name, backend.group.memory());
    }
    process.remembered.close();
}

/// The next signal that ends a soft stop early; others change nothing by then.
async fn next_stop(signals: &mut Signals) -> Ended {
    loop {
        if let Request::Stop(signal) = signals.next().await {
            return Ended::Signal(signal);
        }
    }
}
