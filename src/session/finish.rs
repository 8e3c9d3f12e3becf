//! The end of a session: counters and the record.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Session;
use super::facts::View;
use super::noted::Noted;
use super::rules::Closing;
use crate::clock;
use crate::config::model::{LogFormat, LogLevel};
use crate::net::connect::Destination;
use crate::net::stream::Stream;
use crate::pure::log_format::{Format, Variable};
use crate::pure::rules::Level;
use crate::pure::sample::{Expr, Kind, Value};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::counters::{Counter, Service, Traffic};
use crate::state::{Backend, Lease, Server};
use crate::telemetry::record::{Client, Connections, Details, Moment, Record, Why};

/// What happened so far.
#[derive(Default)]
pub(super) struct Outcome {
    /// It counts as a session: what its client sent counts, too.
    pub(super) begun: bool,
    pub(super) backend: Option<Arc<Backend>>,
    pub(super) server: Option<Arc<Server>>,
    /// Time from accept until there was a slot.
    pub(super) queue: Option<Duration>,
    /// Time from then until the server was connected.
    pub(super) connect: Option<Duration>,
    /// Connection attempts.
    pub(super) attempts: u32,
    /// Attempts after the first.
    pub(super) retries: u32,
    pub(super) redispatched: bool,
    pub(super) server_queue: u32,
    pub(super) backend_queue: u32,
    /// Sessions of its server when it left.
    left_behind: Option<u32>,
    /// Its server ended its side before its client did.
    pub(super) was_left: bool,
    /// The client was told why its session ends before its server could.
    pub(super) was_told: bool,
    /// How it ended.
    pub(super) termination: Option<Termination>,
    /// What only formats of their own show.
    pub(super) noted: Noted,
}

impl Outcome {
    /// The session enters a backend at `uptime`.
    pub(super) fn enter(&mut self, backend: &Arc<Backend>, uptime: Duration) {
        backend.service.traffic.total.add(1);
        backend.service.traffic.rate.tick(uptime);
        self.backend = Some(Arc::clone(backend));
    }

    /// The policy chose `server`: no rule or table did, and no freed slot.
    pub(super) fn picked(&mut self, server: &Server) {
        for service in self.services().chain([&server.service]) {
            service.picked.add(1);
        }
    }

    /// The session has a server since `uptime`.
    pub(super) fn assigned(&mut self, server: &Arc<Server>, uptime: Duration) {
        for service in self.services().chain([&server.service]) {
            service.last_session.mark(uptime);
        }
        self.server = Some(Arc::clone(server));
    }

    /// A connection to `server` is attempted, which is a session of the server to HAProxy.
    pub(super) fn attempted(&mut self, server: &Server, uptime: Duration) {
        self.attempts += 1;
        for service in self.services().chain([&server.service]) {
            service.connects.add(1);
        }
        server.service.traffic.total.add(1);
        server.service.traffic.rate.tick(uptime);
    }

    /// Another attempt goes to the same server.
    pub(super) fn retried(&mut self, server: &Server) {
        self.retries += 1;
        for service in self.services().chain([&server.service]) {
            service.retries.add(1);
        }
    }

    /// Another attempt goes to another server than `left`.
    pub(super) fn redispatched(&mut self, left: &Server) {
        self.retries += 1;
        self.passed_over(left);
    }

    /// The session is about to give its slot back: who waits for it is not there yet.
    pub(super) fn leave(&mut self, lease: &Lease) {
        let sessions = lease.server.service.traffic.sessions.current();
        self.left_behind = Some(sessions.saturating_sub(1));
    }

    /// A table or a rule named `left`, where no more may wait.
    pub(super) fn passed_over(&mut self, left: &Server) {
        self.redispatched = true;
        for service in self.services().chain([&left.service]) {
            service.redispatches.add(1);
        }
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        self.backend.iter().map(|backend| &backend.service)
    }
}

impl Session {
    /// The server is connected.
    pub(super) fn note_connected(&mut self) {
        let since_accept = clock::now().saturating_duration_since(self.running.started);
        let queue = self.outcome.queue.unwrap_or_default();
        self.outcome.connect = Some(since_accept.saturating_sub(queue));
        if self.route.log.is_early() && self.route.log.format != LogFormat::Connect {
            let record = self.record(Termination::NORMAL, since_accept, Moment::Connected);
            self.door.context.bus.record(record);
        }
    }

    /// A rule rejects it: the frontend and the listener count that.
    pub(super) fn count_denied(&self, of: fn(&Traffic) -> &Counter) {
        self.intake().for_each(|traffic| of(traffic).add(1));
    }

    /// A client that is dropped without a word is counted among denied requests, as in HAProxy, and
    /// by its backend, the others where `plainly` says.
    pub(super) fn count_closed(&self, closing: Closing, plainly: fn(&Traffic) -> &Counter) {
        if closing == Closing::Plainly {
            return self.count_denied(plainly);
        }
        self.count_denied(|traffic| &traffic.denied_requests);
        if let Some(backend) = &self.outcome.backend {
            backend.service.traffic.denied_requests.add(1);
        }
    }

    /// Where what comes in is counted.
    pub(super) fn intake(&self) -> impl Iterator<Item = &Traffic> {
        [&self.running.frontend.traffic].into_iter().chain(&self.running.listener.traffic)
    }

    /// It counts as a session from here on: its handshakes are done and its rules let it in.
    pub(super) fn begin(&mut self) {
        let uptime = self.uptime();
        self.outcome.begun = true;
        self.running.frontend.traffic.total.add(1);
        self.running.frontend.traffic.rate.tick(uptime);
        self.door.context.process.sessions_begun.add(1);
        self.door.context.process.session_rate.tick(uptime);
        self.note_number();
    }

    /// It is the process' session of this number.
    fn note_number(&mut self) {
        self.outcome.noted.number =
            self.door.context.process.sessions_begun.get().saturating_sub(1);
    }

    /// The client's PROXY header and TLS handshake are there.
    pub(super) fn note_handshake(&mut self) {
        let handshake = clock::now().saturating_duration_since(self.running.started);
        self.outcome.noted.beside.change().handshake = handshake;
    }

    /// `to` is dialled.
    pub(super) fn note_server_address(&mut self, to: &Destination) {
        if !self.shows_server() {
            return;
        }
        self.outcome.noted.beside.change().server = match to {
            Destination::Tcp(to) => Some(*to),
            Destination::Unix(_) | Destination::Abstract(_) | Destination::Sockpair(_) => None,
        };
    }

    /// A server is connected over `stream`; asks the kernel only for a format of its own.
    pub(super) fn note_stream(&mut self, stream: &Stream) {
        self.running.note_server(stream.as_fd().as_raw_fd());
        if self.shows_server() {
            let beside = self.outcome.noted.beside.change();
            beside.source = stream.local_addr();
            beside.tls = stream.tls().cloned().map(Box::new);
        }
    }

    /// Whether a format may show the connection to the server: one for the log, or one of a rule on
    /// what the server says.
    fn shows_server(&self) -> bool {
        let log = &self.route.log;
        let formats = [log.format.written(), log.structured.as_deref(), log.unique_id.as_deref()];
        let rules = |backend: &Arc<Backend>| !backend.ruling().rules.response.is_empty();
        formats.iter().any(Option::is_some) || self.outcome.backend.as_ref().is_some_and(rules)
    }

    /// What a format of its own shows beside; `None` without one.
    fn details(&mut self) -> Option<Box<Details>> {
        let log = Arc::clone(&self.route.log);
        let format = match self.outcome.noted.refusal() {
            Some(_) => log.error_format.as_deref(),
            None => log.format.written(),
        };
        let structured = log.structured.as_deref();
        let first = format.or(structured)?;
        self.learn_destination();
        let view = self.view(&self.route.patterns, None, true);
        let mut details = self.details_of(first, &view);
        if let Some(structured) = structured {
            details.structured = match format {
                Some(_) => self.details_of(structured, &view).samples,
                None => std::mem::take(&mut details.samples),
            };
        }
        Some(Box::new(details))
    }

    /// What `format` shows beside.
    pub(super) fn details_of(&self, format: &Format, view: &View<'_>) -> Details {
        let text = |value: Value| value.cast(Kind::Str).map(|text| text.to_string());
        let value = |expr: &Expr| expr.evaluate(view).value().and_then(text);
        let noted = &self.outcome.noted;
        let id = format.shows(Variable::UniqueId).then(|| self.unique_id()).flatten();
        Details {
            samples: format.samples().map(value).collect(),
            captures: self.captures(),
            structured: Vec::new(),
            unique_id: id.map(Box::from),
            source: noted.source(),
            server: noted.server(),
            tls: self.client.tls().map(|facts| (facts.cipher(), facts.version)),
            handshake: noted.handshake(),
            number: noted.number,
        }
    }

    /// The handshake with the client came to nothing.
    fn has_failed_in_tls(&self) -> bool {
        let refusal = self.outcome.noted.refusal();
        refusal.is_some_and(|refused| matches!(refused.why, Why::Tls(_)))
    }

    /// The line of a frontend without a log format is written when a session is accepted.
    pub(super) fn note_accepted(&mut self) {
        if self.route.log.format == LogFormat::Connect && !self.route.log.to.targets.is_empty() {
            let record = self.record(Termination::NORMAL, Duration::ZERO, Moment::Accepted);
            self.door.context.bus.record(record);
        }
    }

    /// Counts the session and hands over its record. The slot is free by then: HAProxy's line does
    /// not count the session it speaks of among those of the backend and the server.
    pub(super) fn finish(mut self, termination: Termination) -> Stream {
        let now = clock::now();
        let total = now.saturating_duration_since(self.running.started);
        self.outcome.termination = Some(termination);
        if let (Some(backend), Some(server)) = (&self.outcome.backend, &self.outcome.server) {
            let was_cut = termination.cause == Cause::ServerDown;
            let is_plain = matches!(termination.cause, Cause::Normal | Cause::ClientAbort);
            if self.outcome.was_left && is_plain && self.route.settings.role.is_some() {
                backend.group.handle_left();
            }
            let was_on = !matches!(termination.phase, Phase::Queue | Phase::Connect);
            backend.group.handle_gone(now, &server.name, (was_cut, was_on));
        }
        self.note_early(now);
        self.count(termination, total);
        self.let_go_of_tracked(now);
        self.presence.leave_backend();
        let log = &self.route.log;
        let said = log.format == LogFormat::Connect && self.outcome.noted.refusal().is_none()
            || self.route.settings.http.is_some() && self.outcome.noted.refusal().is_none()
            || self.outcome.connect.is_some() && log.is_early()
            || log.to.targets.is_empty()
            || self.ruled.log_level == Some(Level::Silent);
        if !said {
            let record = self.record(termination, total, Moment::End);
            self.door.context.bus.record(record);
        }
        self.client
    }

    /// What came before there was a server counts, too: such a session is not null.
    fn note_early(&self, now: Instant) {
        if self.early.is_empty() || !self.outcome.begun {
            return;
        }
        let mut moved = self.running.moved();
        moved.bytes_in += self.early.len() as u64;
        self.running.note_moved(moved, now.into());
    }

    fn count(&self, termination: Termination, total: Duration) {
        self.running.count_bytes(&self.door.context.process);
        let server = self.outcome.server.iter().map(|server| &server.service);
        for service in self.outcome.services().chain(server) {
            self.count_times(service, total);
            count_end(service, termination);
        }
        // What ended before the session began, or by a rule, is no error of a request.
        let is_http = self.route.settings.http.is_some();
        let other = termination.cause == Cause::Refused
            || self.outcome.noted.refusal().is_some()
            || is_http;
        if termination.phase == Phase::Request && !other {
            self.running.frontend.request_errors.add(1);
        }
    }

    /// Averages tell of sessions that had a server: what failed took as long as its timeouts.
    fn count_times(&self, service: &Service, total: Duration) {
        if let Some(connect) = self.outcome.connect {
            service.queue_time.add(self.outcome.queue.unwrap_or_default());
            service.connect_time.add(connect);
            service.total_time.add(total);
        }
    }

    pub(super) fn record(
        &mut self,
        termination: Termination,
        total: Duration,
        moment: Moment,
    ) -> Record {
        if self.route.log.format == LogFormat::Connect {
            self.learn_destination();
        }
        let details = self.details();
        self.record_with(termination, total, moment, details)
    }

    /// The record with `details`.
    pub(super) fn record_with(
        &self,
        termination: Termination,
        total: Duration,
        moment: Moment,
        details: Option<Box<Details>>,
    ) -> Record {
        let Outcome { backend, server, .. } = &self.outcome;
        let mut moved = self.running.moved();
        if let Some(exchange) = &self.exchange {
            // A line about a request of several has its bytes.
            moved.bytes_in -= exchange.before.bytes_in;
            moved.bytes_out -= exchange.before.bytes_out;
        }
        Record {
            log: Arc::clone(&self.route.log),
            client: match self.running.source() {
                Some(source) => Client::Tcp(source),
                None => Client::Unix { listener: self.running.listener.id },
            },
            destination: self.running.destination(),
            accepted: self.accepted,
            queue: self.outcome.queue,
            connect: self.outcome.connect,
            total,
            frontend: Arc::clone(&self.running.frontend.name),
            backend: backend.as_ref().map(|backend| Arc::clone(&backend.name)),
            server: server.as_ref().map(|server| Arc::clone(&server.name)),
            exchange: self.exchange.as_ref().map(|exchange| exchange.record()),
            tls: self.client.tls().is_some() || self.has_failed_in_tls(),
            // What was refused before it was a session is not null either.
            bytes_in: moved.bytes_in.max(self.early.len() as u64),
            bytes_out: moved.bytes_out,
            termination,
            connections: self.connections(),
            retries: self.outcome.retries,
            redispatched: self.outcome.redispatched,
            server_queue: self.outcome.server_queue,
            backend_queue: self.outcome.backend_queue,
            moment,
            level: self.ruled.log_level.and_then(severity),
            refusal: self.outcome.noted.refusal().cloned(),
            details,
        }
    }

    fn connections(&self) -> Connections {
        let Outcome { backend, server, .. } = &self.outcome;
        Connections {
            process: self.door.context.process.gate.current(),
            frontend: self.running.frontend.traffic.sessions.current(),
            backend: backend.as_ref().map_or(0, |b| b.service.traffic.sessions.current()),
            server: self
                .outcome
                .left_behind
                .or_else(|| Some(server.as_ref()?.service.traffic.sessions.current()))
                .unwrap_or_default(),
        }
    }
}

/// The severity that `set-log-level` names.
fn severity(level: Level) -> Option<LogLevel> {
    match level {
        Level::Severity(number) => LogLevel::from_number(number),
        Level::Silent => None,
    }
}

/// What the end of a session adds to the counters of its backend and its server, as HAProxy counts.
fn count_end(service: &Service, termination: Termination) {
    use {Cause::*, Phase::*};
    match (termination.cause, termination.phase) {
        (ServerAbort | ServerTimeout | Resource | Internal, Connect | Queue) => {
            service.connect_errors.add(1)
        }
        // Who closes in order before there is a server is no abort to HAProxy.
        (ClientAbort, Connect | Queue) => {}
        (ClientAbort | ClientTimeout, _) => service.client_aborts.add(1),
        (ServerAbort, Data) => {
            service.server_aborts.add(1);
            service.response_errors.add(1);
        }
        (ServerTimeout, Data) => service.server_aborts.add(1),
        _ => {}
    }
}
