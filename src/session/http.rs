//! A session in `mode http`: request after request is read, asked about by rules, and answered here.
//!
//! The order is HAProxy's: `monitor-uri`, `tcp-request content`, `http-request` of the frontend, its
//! page, `use_backend`, then rules and page of the backend; who comes through all of them finds no
//! server (503). Bounds: a head fits into the buffer that rules look at, a form is [`FORM_BYTES_MAX`]
//! long, one page is made at a time, and every wait has the timeouts of the frontend.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::rules::Closing;
use super::{Ended, Session};
use crate::clock::{self, Stamp};
use crate::config::model::LogFormat;
use crate::net::http::{self, Patience, Unread};
use crate::pure::http::answer::Connection;
use crate::pure::http::{Answer, Framing, Request};
use crate::pure::rules::Level;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::sessions::Moved;
use crate::telemetry::record::{self, Moment};

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// A request and what becomes of it.
#[derive(Debug)]
pub(super) struct Exchange {
    /// `None`: what came is none.
    pub(super) request: Option<Request>,
    /// It is the first of its connection.
    pub(super) is_first: bool,
    /// Bytes of the head, and of what was read of the body.
    used: usize,
    /// All of the body was read. What is not ends the connection: nobody would read it.
    whole: bool,
    status: Option<u16>,
    started: Instant,
    begun: SystemTime,
    idle: Duration,
    /// Time for its head.
    head: Option<Duration>,
    /// Time until there was an answer.
    response: Option<Duration>,
    /// What its connection had moved before.
    pub(super) before: Moved,
}

impl Exchange {
    /// The answer was made at `now`.
    fn note_made(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.started);
        self.response = Some(since.saturating_sub(self.head.unwrap_or_default()));
    }

    /// What becomes of the connection behind the answer.
    fn connection(&self) -> Connection {
        let request = self.request.as_ref();
        request.map_or(Connection::Closes, |request| request.connection(self.whole))
    }

    /// As log lines need it.
    pub(super) fn record(&self) -> Box<record::Exchange> {
        let line = |it: &Request| format!("{} {} HTTP/{}", it.method, it.target, it.version);
        Box::new(record::Exchange {
            line: self.request.as_ref().map_or_else(|| record::NO_REQUEST.to_owned(), line),
            status: self.status,
            begun: self.begun,
            idle: self.idle,
            request: self.head,
            response: self.response,
        })
    }
}

/// What is done with a request.
enum Reply {
    /// It is answered by whom.
    Answer(Answer, Source),
    /// It is not answered: the connection ends.
    End(Closing),
}

/// Who made an answer: HAProxy's name for it, and how the request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// `monitor-uri`, which is not logged.
    Monitor,
    /// A rule that answers.
    Rule,
    /// A rule that denies.
    Denial,
    /// The statistics page.
    Statistics,
    /// A rule of the statistics page that denies.
    StatisticsDenial,
    /// The exporter of metrics.
    Exporter,
    /// There is no server.
    Nobody,
}

impl Source {
    /// What stands for a server in log lines.
    const fn applet(self) -> Option<&'static str> {
        match self {
            Self::Statistics | Self::StatisticsDenial => Some("<STATS>"),
            Self::Exporter => Some("<PROMEX>"),
            _ => None,
        }
    }

    const fn termination(self) -> Termination {
        match self {
            Self::Denial | Self::StatisticsDenial => {
                Termination::new(Cause::Refused, Phase::Request)
            }
            Self::Nobody => Termination::new(Cause::ServerAbort, Phase::Connect),
            _ => Termination::new(Cause::Local, Phase::Request),
        }
    }
}

impl Session {
    /// Answers requests until the connection ends.
    pub(super) async fn serve_requests(&mut self) -> Result<Termination, Ended> {
        let mut since = self.running.started + self.outcome.noted.handshake();
        let mut is_first = true;
        while self.receive(since, is_first).await {
            let stays = self.answer_request().await;
            self.leave_request();
            if !stays {
                break;
            }
            (since, is_first) = (clock::now(), false);
        }
        self.early.clear();
        Ok(Termination::NORMAL)
    }

    /// Reads the head of the next request. `false`: there is none, and the connection is done.
    async fn receive(&mut self, since: Instant, is_first: bool) -> bool {
        let timeouts = self.route.settings.timeouts;
        let head = timeouts.http_request.or(timeouts.client);
        let begin = if is_first { head } else { timeouts.http_keep_alive.or(head) };
        let max = self.inspect_bytes_max();
        let mut begun = None;
        let note = || begun = Some((clock::now(), clock::wall()));
        let patience = Patience { begin, head };
        let (client, early) = (&mut self.client, &mut self.early);
        let read = http::read_head(client, early, max, patience, note).await;
        let now = clock::now();
        // A client that goes, or stays silent, between two requests did nothing wrong.
        if !is_first && begun.is_none() {
            return false;
        }
        let (started, wall) = begun.unwrap_or((since, self.accepted));
        let idle = started.saturating_duration_since(since);
        let mut exchange = Exchange {
            request: None,
            is_first,
            used: 0,
            whole: false,
            status: None,
            started,
            begun: wall,
            idle,
            head: None,
            response: None,
            before: self.running.moved(),
        };
        match read {
            Ok((request, used)) => {
                exchange.head = Some(now.saturating_duration_since(started));
                exchange.whole = request.framing == Framing::Length(0);
                (exchange.request, exchange.used) = (Some(request), used);
                self.exchange = Some(Box::new(exchange));
                true
            }
            Err(why) => {
                self.exchange = Some(Box::new(exchange));
                self.refuse_head(why).await;
                false
            }
        }
    }

    /// What came is no request.
    async fn refuse_head(&mut self, why: Unread) {
        let (status, cause) = match why {
            Unread::Left => (400, Cause::ClientAbort),
            Unread::Late => (408, Cause::ClientTimeout),
            Unread::Bad => (400, Cause::Refused),
        };
        self.running.frontend.requests.came(self.uptime());
        self.running.frontend.request_errors.add(1);
        self.note_status(Some(status));
        // The line of a frontend without a format is about requests. As HAProxy's, it is written before
        // what came and what is answered counts.
        if self.route.log.format != LogFormat::Connect {
            self.log_request(Termination::new(cause, Phase::Request), None);
        }
        self.note_input();
        // As in HAProxy, who sent no request gets the plain page, unless nothing is to be said.
        if !self.route.settings.rules.pages.is_silent(status) {
            self.send(&Answer::plain(status), Connection::Closes).await;
            http::end(&mut self.client, &mut self.early).await;
        }
    }

    /// Answers the request; whether the connection stays.
    async fn answer_request(&mut self) -> bool {
        self.running.frontend.requests.came(self.uptime());
        self.note_input();
        let (answer, source) = match self.reply().await {
            Reply::Answer(answer, source) => (answer, source),
            Reply::End(closing) => {
                self.note_status(None);
                self.log_request(Termination::new(Cause::Refused, Phase::Request), None);
                self.close_client(closing);
                return false;
            }
        };
        let Some(exchange) = &self.exchange else { return false };
        let (used, whole) = (exchange.used, exchange.whole);
        let connection = answer.connection(exchange.connection());
        self.note_status(Some(answer.because));
        let intercepted =
            !matches!(source, Source::Nobody | Source::Denial | Source::StatisticsDenial);
        if intercepted && self.outcome.backend.is_none() {
            self.running.frontend.requests.intercepted.add(1);
        }
        let sent = self.send(&answer, connection).await;
        if source != Source::Monitor {
            let termination = match sent {
                true => source.termination(),
                false => Termination::new(Cause::ClientAbort, Phase::Data),
            };
            self.log_request(termination, source.applet());
        }
        self.early.drain(..used.min(self.early.len()));
        let stays = sent && connection != Connection::Closes;
        if sent && !stays && (!whole || !self.early.is_empty()) {
            http::end(&mut self.client, &mut self.early).await;
        }
        stays
    }

    /// Writes an answer; whether the client took it.
    async fn send(&mut self, answer: &Answer, connection: Connection) -> bool {
        let request = self.exchange.as_ref().and_then(|exchange| exchange.request.as_ref());
        let bytes = answer.bytes(request.is_some_and(Request::is_head), connection);
        let limit = self.route.settings.timeouts.client;
        let handle = Arc::clone(self.running.handle());
        let wrote = |count: usize| {
            let moved = handle.moved();
            let bytes_out = moved.bytes_out + count as u64;
            handle.note_moved(Moved { bytes_out, ..moved }, Stamp::now());
        };
        http::write(&mut self.client, &bytes, limit, wrote).await.is_ok()
    }

    /// What was read counts as come.
    fn note_input(&mut self) {
        let moved = self.running.moved();
        let bytes = self.exchange.as_ref().map_or(0, |exchange| exchange.used);
        let bytes = if bytes > 0 { bytes } else { self.early.len() } as u64;
        let moved = Moved { bytes_in: moved.bytes_in + bytes, ..moved };
        self.running.note_moved(moved, Stamp::now());
    }

    /// The answer's status is known.
    fn note_status(&mut self, status: Option<u16>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.status = status;
        }
        self.running.frontend.requests.answered(status);
        if let Some(backend) = &self.outcome.backend {
            backend.requests.answered(status);
        }
    }

    /// Writes the request's line.
    fn log_request(&mut self, termination: Termination, applet: Option<&str>) {
        let silent = self.ruled.log_level == Some(Level::Silent);
        if silent || self.route.log.to.targets.is_empty() {
            return;
        }
        let now = clock::now();
        let started =
            self.exchange.as_ref().map_or(self.running.started, |exchange| exchange.started);
        self.outcome.termination = Some(termination);
        (self.outcome.queue, self.outcome.connect) = match applet {
            Some(_) => (Some(Duration::ZERO), Some(Duration::ZERO)),
            None => (None, None),
        };
        let total = now.saturating_duration_since(started);
        let mut record = self.record(termination, total, Moment::End);
        record.server = applet.map(Arc::from);
        self.door.context.bus.record(record);
    }

    /// The next request begins anew.
    fn leave_request(&mut self) {
        self.running.count_bytes(&self.door.context.process);
        self.presence.leave_backend();
        self.running.leave_backend();
        self.outcome.backend = None;
        self.exchange = None;
        self.ruled.log_level = None;
    }
}
