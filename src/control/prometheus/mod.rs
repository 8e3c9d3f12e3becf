//! A snapshot as Prometheus text, under HAProxy's names and labels.
//!
//! Each scrape fills a recorder of its own: nothing of the engines lives in a registry, and what a
//! reload removed is not shown any more. Rendering 500 servers takes about 0.1 s and yields 2 MB, so
//! it belongs on a blocking thread, never on the one that runs checks.
//!
//! Metrics of rows that only mean something for HTTP are left out; what dashboards ask for and there is
//! nothing of is 0; `NaN` stands for what is not set, as in HAProxy.

mod columns;
mod roles;
pub mod selection;
#[cfg(test)]
pub(crate) mod tests;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use self::columns::{
    BACKEND, CHECK, FRONTEND, INTAKE, PROCESS, RESOLVER, SERVER, SERVICE, WEBHOOK, WORKER,
};
use self::selection::Selection;
use super::snapshot::{
    Backend, Frontend, FrontendStatus, ListenerStatus, Nameserver, Process, Requests, Server,
    ServerStatus, Snapshot, Table,
};
use crate::state::sessions::Share;
use crate::telemetry::names::{self, Kind, Metric};
use crate::telemetry::outbox::Count;

/// The exposition format's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// States of a server, in HAProxy's order.
const SERVER_STATES: [(&str, ServerStatus); 5] = [
    ("DOWN", ServerStatus::Down),
    ("UP", ServerStatus::Up),
    ("MAINT", ServerStatus::Maint),
    ("DRAIN", ServerStatus::Drain),
    ("NOLB", ServerStatus::Nolb),
];

/// Results of checks, in HAProxy's order.
const CHECK_STATES: [&str; 16] = [
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP",
    "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

/// Renders what `selection` wants of the snapshot, families and samples sorted so that two scrapes can be compared by eye.
#[must_use]
pub fn render(snapshot: &Snapshot, selection: &Selection) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let scrape = Scrape { recorder, described: RefCell::default(), selection };
    if selection.has_scope("process") {
        scrape.process(&snapshot.process);
    }
    for frontend in &snapshot.frontends {
        scrape.frontend(frontend);
    }
    for backend in &snapshot.backends {
        scrape.backend(backend);
    }
    for nameserver in &snapshot.nameservers {
        scrape.nameserver(nameserver);
    }
    for table in &snapshot.tables {
        scrape.table(table);
    }
    for webhook in &snapshot.webhooks {
        scrape.webhook(webhook);
    }
    for (number, share) in (1..).zip(&snapshot.workers) {
        scrape.worker(number, share);
    }
    in_order(&scrape.recorder.handle().render())
}

/// Classes of statuses.
const CODES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// A sample's value.
#[derive(Clone, Copy)]
enum Value {
    Int(u64),
    Float(f64),
}

impl Value {
    /// For counters, which are integers in the exporter; `NaN` is 0.
    fn whole(self) -> u64 {
        match self {
            Self::Int(value) => value,
            Self::Float(value) => value as u64,
        }
    }

    /// For gauges.
    fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

/// Seconds.
impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::Float(value.as_secs_f64())
    }
}

/// `NaN` for what is not set.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Float(f64::NAN), Into::into)
    }
}

/// A metric and its value in a row.
type Column<R> = (Metric, fn(&R) -> Value);

/// One scrape's metrics.
struct Scrape<'a> {
    recorder: PrometheusRecorder,
    /// What is wanted.
    selection: &'a Selection,
    /// Scopes and metrics whose help text the recorder knows.
    described: RefCell<HashSet<(&'static str, &'static str)>>,
}

/// What a sample is of: the scope in its name and the labels that name the row.
struct Row {
    scope: &'static str,
    labels: Vec<Label>,
}

impl Scrape<'_> {
    fn process(&self, process: &Process) {
        let row = Row { scope: "process", labels: Vec::new() };
        self.columns(&row, PROCESS, process);
        let version = format!("{}-evenkeel-{}", process.claimed_version, process.version);
        let labels = vec![Label::new("version", version)];
        self.sample("process", names::BUILD_INFO, labels, Value::Int(1));
    }

    fn frontend(&self, frontend: &Frontend) {
        let name = shared(&frontend.name);
        let row = Row { scope: "frontend", labels: vec![Label::new("proxy", name.clone())] };
        self.columns(&row, INTAKE, &frontend.intake);
        self.columns(&row, FRONTEND, frontend);
        let requests = frontend.requests.filter(|_| self.selection.has_scope(row.scope));
        if let Some(requests) = &requests {
            self.requests(&row, requests);
            let rate = requests.load.rate_max.into();
            self.sample(row.scope, names::HTTP_REQUESTS_RATE_MAX, row.labels.clone(), rate);
            let own = requests.intercepted.into();
            self.sample(row.scope, names::INTERCEPTED_REQUESTS, row.labels.clone(), own);
        }
        let open = frontend.status == FrontendStatus::Open;
        self.state(&row, names::STATUS, "DOWN", (!open).into());
        self.state(&row, names::STATUS, "UP", open.into());
        for listener in &frontend.listeners {
            let labels = vec![
                Label::new("proxy", name.clone()),
                Label::new("listener", shared(&listener.name)),
            ];
            let row = Row { scope: "listener", labels };
            self.columns(&row, INTAKE, &listener.intake);
            for (state, status) in [
                ("WAITING", ListenerStatus::Waiting),
                ("OPEN", ListenerStatus::Open),
                ("FULL", ListenerStatus::Full),
            ] {
                self.state(&row, names::STATUS, state, (status == listener.status).into());
            }
        }
    }

    fn backend(&self, backend: &Backend) {
        let name = shared(&backend.name);
        let row = Row { scope: "backend", labels: vec![Label::new("proxy", name.clone())] };
        self.columns(&row, SERVICE, &backend.service);
        self.columns(&row, BACKEND, backend);
        if let Some(requests) = &backend.requests {
            self.requests(&row, requests);
        }
        if let Some(hold) = &backend.hold {
            self.hold(&row, hold);
        }
        if let Some(failovers) = &backend.failovers {
            self.failovers(&row, failovers);
        }
        self.state(&row, names::STATUS, "DOWN", (!backend.up).into());
        self.state(&row, names::STATUS, "UP", backend.up.into());
        for (state, status) in SERVER_STATES {
            let servers = count(backend, |server| server.status == status);
            self.state(&row, names::AGG_SERVER_STATUS, state, servers);
            self.state(&row, names::AGG_SERVER_CHECK_STATUS, state, servers);
        }
        for state in CHECK_STATES {
            let servers = count(backend, |server| check_status(server) == Some(state));
            self.state(&row, names::AGG_CHECK_STATUS, state, servers);
        }
        let is_hidden =
            |server: &Server| self.selection.no_maint && server.status == ServerStatus::Maint;
        for server in backend.servers.iter().filter(|server| !is_hidden(server)) {
            self.server(&name, server);
        }
    }

    fn server(&self, backend: &SharedString, server: &Server) {
        let labels =
            vec![Label::new("proxy", backend.clone()), Label::new("server", shared(&server.name))];
        let row = Row { scope: "server", labels };
        self.columns(&row, SERVICE, &server.service);
        self.columns(&row, SERVER, server);
        for (state, status) in SERVER_STATES {
            self.state(&row, names::STATUS, state, (status == server.status).into());
        }
        self.witnesses(&row, &server.witnesses);
        if let Some(role) = server.role {
            self.role(&row, role);
        }
        let Some(check) = &server.check else { return };
        self.columns(&row, CHECK, check);
        for state in CHECK_STATES {
            let is = check.status == Some(state);
            self.state(&row, names::CHECK_STATUS, state, is.into());
        }
    }

    fn nameserver(&self, nameserver: &Nameserver) {
        if !self.selection.has_scope("resolver") {
            return;
        }
        for (metric, count) in RESOLVER.iter().zip(nameserver.questions) {
            let labels = vec![
                Label::new("resolver", nameserver.section.clone()),
                Label::new("nameserver", nameserver.name.clone()),
            ];
            self.sample("resolver", *metric, labels, count.into());
        }
    }

    fn webhook(&self, webhook: &Count) {
        let labels = vec![Label::new("webhook", webhook.name.clone())];
        let row = Row { scope: "process", labels };
        self.columns(&row, WEBHOOK, webhook);
    }

    fn worker(&self, number: u32, share: &Share) {
        let row = Row { scope: "process", labels: vec![Label::new("worker", number.to_string())] };
        self.columns(&row, WORKER, share);
    }

    fn table(&self, table: &Table) {
        if !self.selection.has_scope("sticktable") {
            return;
        }
        for (metric, value) in [(names::TABLE_SIZE, table.size), (names::TABLE_USED, table.used)] {
            let labels =
                vec![Label::new("name", table.name.clone()), Label::new("type", table.kind)];
            self.sample("sticktable", metric, labels, value.into());
        }
    }

    fn columns<R>(&self, row: &Row, columns: &[Column<R>], of: &R) {
        if !self.selection.has_scope(row.scope) {
            return;
        }
        for (metric, value) in columns {
            self.sample(row.scope, *metric, row.labels.clone(), value(of));
        }
    }

    /// Of a proxy in `mode http`.
    fn requests(&self, row: &Row, requests: &Requests) {
        if !self.selection.has_scope(row.scope) {
            return;
        }
        let total = requests.load.total.into();
        self.sample(row.scope, names::HTTP_REQUESTS, row.labels.clone(), total);
        for (code, count) in CODES.into_iter().zip(requests.statuses) {
            let mut labels = row.labels.clone();
            labels.push(Label::from_static_parts("code", code));
            self.sample(row.scope, names::HTTP_RESPONSES, labels, count.into());
        }
    }

    fn state(&self, row: &Row, metric: Metric, state: &'static str, value: Value) {
        if !self.selection.has_scope(row.scope) {
            return;
        }
        let mut labels = row.labels.clone();
        labels.push(Label::from_static_parts("state", state));
        self.sample(row.scope, metric, labels, value);
    }

    fn sample(&self, scope: &'static str, metric: Metric, labels: Vec<Label>, value: Value) {
        let name = match metric.is_ours {
            true => format!("evenkeel_{}", metric.end),
            false => format!("haproxy_{scope}_{}", metric.end),
        };
        if !self.selection.has_metric(&name) {
            return;
        }
        let name = KeyName::from(name);
        if self.described.borrow_mut().insert((scope, metric.end)) {
            let help = SharedString::const_str(metric.help);
            match metric.kind {
                Kind::Counter => self.recorder.describe_counter(name.clone(), None, help),
                Kind::Gauge => self.recorder.describe_gauge(name.clone(), None, help),
            }
        }
        let key = Key::from_parts(name, labels);
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        match metric.kind {
            Kind::Counter => {
                self.recorder.register_counter(&key, &metadata).absolute(value.whole());
            }
            Kind::Gauge => self.recorder.register_gauge(&key, &metadata).set(value.float()),
        }
    }
}

fn shared(name: &Arc<str>) -> SharedString {
    SharedString::from_shared(Arc::clone(name))
}

fn count(backend: &Backend, counted: impl Fn(&Server) -> bool) -> Value {
    Value::Int(backend.servers.iter().filter(|server| counted(server)).count() as u64)
}

fn check_status(server: &Server) -> Option<&'static str> {
    server.check.as_ref().and_then(|check| check.status)
}

/// Sorts the exporter's text, which comes in the order of its hash maps: families by name, and the
/// samples of each below its `HELP` and `TYPE`.
fn in_order(text: &str) -> String {
    let mut families: Vec<Vec<&str>> = text
        .split("\n\n")
        .map(|family| family.lines().collect())
        .filter(|lines: &Vec<&str>| !lines.is_empty())
        .collect();
    for lines in &mut families {
        // `#` sorts before letters, and `HELP` before `TYPE`.
        lines.sort_unstable();
    }
    families.sort_unstable();
    families.concat().iter().flat_map(|line| [*line, "\n"]).collect()
}
