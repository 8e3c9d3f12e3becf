//! Pure: the rows of `show stat`: which column shows which figure of a frontend, listener, server
//! or backend. A column that means nothing for a row is empty.

use std::collections::HashMap;

use super::columns as c;
use super::columns::COLUMNS;
use super::value::Value;
use crate::control::snapshot::{
    Agent, Backend, Check, Frontend, FrontendStatus, Handshakes, Intake, Listener, ListenerStatus,
    Load, Requests, Server, ServerStatus, Service, Snapshot,
};
use crate::pure::id::ProxyId;

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `FRONTEND`
    Frontend,
    /// `BACKEND`
    Backend,
    /// A server.
    Server,
    /// A listener.
    Listener,
}

impl Kind {
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Frontend => 'F',
            Self::Backend => 'B',
            Self::Server => 'S',
            Self::Listener => 'L',
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Frontend => "Frontend",
            Self::Backend => "Backend",
            Self::Server => "Server",
            Self::Listener => "Listener",
        }
    }
}

/// Which rows are wanted, and what of them may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only this proxy.
    pub proxy: Option<u32>,
    /// Kinds of rows: the sum of 1 for frontends, 2 backends, 4 servers, 8 listeners.
    pub kinds: i32,
    /// Only this server or listener.
    pub id: Option<u32>,
    /// No servers in maintenance.
    pub no_maint: bool,
    /// No servers that are down or in maintenance.
    pub only_up: bool,
    /// Addresses and algorithms are shown.
    pub secrets: bool,
}

impl Filter {
    /// Every row, with everything in it.
    pub const ALL: Self =
        Self { proxy: None, kinds: -1, id: None, no_maint: false, only_up: false, secrets: true };

    const fn wants(&self, kind: Kind) -> bool {
        self.kinds & (1 << kind as u8) != 0
    }

    fn admits(&self, row: &Row) -> bool {
        // Frontends and backends are number 0 of their proxy.
        self.wants(row.kind) && self.id.is_none_or(|id| row.id == id || row.id == 0)
    }

    const fn admits_server(&self, server: &Server) -> bool {
        let maint = matches!(server.status, ServerStatus::Maint);
        let down = maint || matches!(server.status, ServerStatus::Down);
        !(self.only_up && down || self.no_maint && maint)
    }
}

/// A value and its tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// As the column's, or what this kind of row has instead.
    pub tags: &'static str,
    /// The value.
    pub value: Value,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is of.
    pub kind: Kind,
    /// The proxy's number.
    pub proxy: u32,
    /// The server's or listener's number; 0 for the proxy itself.
    pub id: u32,
    cells: Vec<Option<Cell>>,
}

impl Row {
    fn new(kind: Kind, proxy: u32, id: u32, names: (&str, &str)) -> Self {
        let mut row = Self { kind, proxy, id, cells: vec![None; COLUMNS.len()] };
        row.set(c::PXNAME, names.0);
        row.set(c::SVNAME, names.1);
        row.set(c::PID, 1u32);
        row.set(c::IID, proxy);
        row.set(c::SID, id);
        row.set(c::TYPE, kind as u32);
        row.set(c::MODE, "tcp");
        row
    }

    fn set(&mut self, column: usize, value: impl Into<Value>) {
        self.set_tagged(column, COLUMNS[column].tags, value);
    }

    fn set_tagged(&mut self, column: usize, tags: &'static str, value: impl Into<Value>) {
        self.cells[column] = Some(Cell { tags, value: value.into() });
    }

    fn zero(&mut self, columns: &[usize]) {
        for &column in columns {
            self.set(column, 0u64);
        }
    }

    /// The cells in the order of [`COLUMNS`]; `None` is an empty one.
    #[must_use]
    pub fn cells(&self) -> &[Option<Cell>] {
        &self.cells
    }
}

/// The rows of `snapshot` that `filter` wants, proxies as they are written.
#[must_use]
pub fn rows(snapshot: &Snapshot, filter: &Filter) -> Vec<Row> {
    let order = snapshot.order.iter().enumerate();
    let places: HashMap<ProxyId, usize> = order.map(|(place, &id)| (id, place)).collect();
    let place = |id: ProxyId| places.get(&id);
    let mut rows = Vec::new();
    let mut backends = snapshot.backends.iter().peekable();
    for proxy in &snapshot.frontends {
        while let Some(backend) = backends.next_if(|backend| place(backend.id) < place(proxy.id)) {
            add_backend(&mut rows, backend, filter);
        }
        if filter.proxy.is_none_or(|id| id == proxy.id.0) {
            rows.push(frontend(proxy));
            rows.extend(proxy.listeners.iter().map(|it| listener(proxy, it, filter)));
        }
    }
    backends.for_each(|backend| add_backend(&mut rows, backend, filter));
    rows.retain(|row| filter.admits(row));
    rows
}

fn add_backend(rows: &mut Vec<Row>, it: &Backend, filter: &Filter) {
    if filter.proxy.is_none_or(|id| id == it.id.0) {
        let servers = it.servers.iter().filter(|server| filter.admits_server(server));
        rows.extend(servers.map(|server| self::server(it, server, filter)));
        rows.push(backend(it, filter));
    }
}

fn frontend(it: &Frontend) -> Row {
    let mut row = Row::new(Kind::Frontend, it.id.0, 0, (&it.name, "FRONTEND"));
    intake(&mut row, &it.intake);
    row.set(
        c::STATUS,
        match it.status {
            FrontendStatus::Open => "OPEN",
            FrontendStatus::Paused => "PAUSED",
            FrontendStatus::Stopped => "STOP",
        },
    );
    row.set(c::RATE, it.intake.sessions.rate);
    row.set(c::RATE_LIM, it.intake.sessions.rate_limit);
    row.set(c::RATE_MAX, it.intake.sessions.rate_max);
    let load = it.requests.unwrap_or_default().load;
    row.set(c::REQ_RATE, load.rate);
    row.set(c::REQ_RATE_MAX, load.rate_max);
    row.set(c::REQ_TOT, load.total);
    row.zero(&[c::COMP_IN, c::COMP_OUT, c::COMP_BYP, c::COMP_RSP]);
    if let Some(it) = &it.requests {
        requests(&mut row, it);
        row.set(c::INTERCEPTED, it.intercepted);
    }
    row.set(c::CONN_RATE, it.connections.rate);
    row.set(c::CONN_RATE_MAX, it.connections.rate_max);
    row.set(c::CONN_TOT, it.connections.total);
    row
}

/// What proxies in `mode http` count beside.
fn requests(row: &mut Row, it: &Requests) {
    row.set(c::MODE, "http");
    for (column, count) in (c::HRSP_1XX..=c::HRSP_OTHER).zip(it.statuses) {
        row.set(column, count);
    }
    row.zero(&[c::CACHE_LOOKUPS, c::CACHE_HITS]);
}

fn listener(proxy: &Frontend, it: &Listener, filter: &Filter) -> Row {
    let mut row = Row::new(Kind::Listener, proxy.id.0, it.id, (&proxy.name, &it.name));
    intake(&mut row, &it.intake);
    row.set(
        c::STATUS,
        match it.status {
            ListenerStatus::Open => "OPEN",
            ListenerStatus::Full => "FULL",
            ListenerStatus::Waiting => "WAITING",
        },
    );
    if filter.secrets {
        row.set(c::ADDR, it.address.as_str());
    }
    row
}

/// What frontends and listeners have in common.
fn intake(row: &mut Row, it: &Intake) {
    sessions(row, &it.sessions);
    row.set(c::SLIM, it.sessions.limit.unwrap_or_default());
    row.set(c::BIN, it.bytes.r#in);
    row.set(c::BOUT, it.bytes.out);
    row.set(c::DREQ, it.denied.requests);
    row.set(c::DRESP, it.denied.responses);
    row.set(c::EREQ, it.request_errors);
    row.set(c::DCON, it.denied.connections);
    row.set(c::DSES, it.denied.sessions);
    row.set(c::WREW, 0u64);
    row.set(c::EINT, it.internal_errors);
    handshakes(row, &it.handshakes);
}

fn handshakes(row: &mut Row, it: &Handshakes) {
    row.set(c::SSL_SESS, it.full);
    row.set(c::SSL_REUSED_SESS, it.resumed);
    row.set(c::SSL_FAILED_HANDSHAKE, it.failed);
}

fn sessions(row: &mut Row, load: &Load) {
    row.set(c::SCUR, load.current);
    row.set(c::SMAX, load.max);
    row.set(c::STOT, load.total);
}

/// What backends and servers have in common.
fn service(row: &mut Row, it: &Service) {
    row.set(c::QCUR, it.queue.current);
    row.set(c::QMAX, it.queue.max);
    sessions(row, &it.sessions);
    if let Some(limit) = it.sessions.limit {
        row.set(c::SLIM, limit);
    }
    row.set(c::BIN, it.bytes.r#in);
    row.set(c::BOUT, it.bytes.out);
    row.set(c::DRESP, it.denied.responses);
    row.set(c::ECON, it.connection_errors);
    row.set(c::ERESP, it.response_errors);
    row.set(c::WRETR, it.retries);
    row.set(c::WREDIS, it.redispatches);
    row.set(c::WEIGHT, it.weight);
    row.set(c::UWEIGHT, it.user_weight);
    row.set(c::LASTCHG, Value::seconds(it.last_change));
    row.set(c::LBTOT, it.loadbalanced);
    row.set(c::CLI_ABRT, it.client_aborts);
    row.set(c::SRV_ABRT, it.server_aborts);
    let ago = |since: std::time::Duration| i32::try_from(since.as_secs()).unwrap_or(i32::MAX);
    row.set(c::LASTSESS, Value::S32(it.last_session.map_or(-1, ago)));
    for (columns, times) in [
        ([c::QTIME, c::CTIME, c::RTIME, c::TTIME], &it.time_average),
        ([c::QTIME_MAX, c::CTIME_MAX, c::RTIME_MAX, c::TTIME_MAX], &it.time_max),
    ] {
        let times = [times.queue, times.connect, times.response, times.total];
        for (column, time) in columns.into_iter().zip(times) {
            row.set(column, Value::millis(time));
        }
    }
    row.set(c::CONNECT, it.connection_attempts);
    row.zero(&[c::WREW, c::REUSE]);
    row.set(c::EINT, it.internal_errors);
    handshakes(row, &it.handshakes);
}

fn server(backend: &Backend, it: &Server, filter: &Filter) -> Row {
    let mut row = Row::new(Kind::Server, backend.id.0, it.id.0, (&backend.name, &it.name));
    service(&mut row, &it.service);
    row.set(c::STATUS, it.status_text.as_str());
    row.set_tagged(c::ACT, "SGP", u32::from(!it.backup));
    row.set_tagged(c::BCK, "SGP", u32::from(it.backup));
    if let Some(limit) = it.service.queue.limit {
        row.set(c::QLIMIT, limit);
    }
    if let Some(percent) = it.throttle_percent {
        row.set(c::THROTTLE, u32::from(percent));
    }
    if let Some(tracked) = &it.tracked {
        row.set(c::TRACKED, tracked.as_str());
    }
    row.set(c::RATE, it.service.sessions.rate);
    row.set(c::RATE_MAX, it.service.sessions.rate_max);
    if let Some(check) = &it.check {
        row.set(c::CHKFAIL, check.failures);
        row.set(c::CHKDOWN, it.service.downs);
        row.set(c::DOWNTIME, Value::seconds(it.service.downtime));
        if it.status != ServerStatus::Maint {
            self::check(&mut row, check);
        }
    }
    if let Some(times) = it.detections {
        row.set(c::HANAFAIL, times);
    }
    if let Some(agent) = &it.agent {
        self::agent(&mut row, agent);
    }
    if filter.secrets {
        row.set(c::ADDR, it.address.as_str());
    }
    row.set(c::SRV_ICUR, 0u32);
    row.set(c::IDLE_CONN_CUR, 0u32);
    row.set(c::SAFE_CONN_CUR, 0u32);
    row.set(c::USED_CONN_CUR, 0u32);
    row.set(c::NEED_CONN_EST, u32::from(it.was_used));
    row
}

/// What the agent said last. One word of it is enough to move the server, either way.
fn agent(row: &mut Row, it: &Agent) {
    let status = it.status.unwrap_or("INI");
    let running = if it.running { "* " } else { "" };
    row.set(c::AGENT_STATUS, format!("{running}{status}"));
    if ANSWERED.contains(&status) {
        row.set(c::AGENT_CODE, 0u32);
    }
    let duration = it.duration.unwrap_or_default();
    row.set(c::AGENT_DURATION, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    row.set(c::LAST_AGT, it.info.as_str());
    row.set(c::AGENT_DESC, it.description);
    row.set(c::AGENT_RISE, 1u32);
    row.set(c::AGENT_FALL, 1u32);
    row.set(c::AGENT_HEALTH, u32::from(it.up));
}

/// Results that have a code.
const ANSWERED: [&str; 6] = ["L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK"];

/// The last check. Codes belong to answers of layer 7 and of programs, durations to all that ended.
fn check(row: &mut Row, it: &Check) {
    let status = it.status.unwrap_or("INI");
    let running = if it.running { "* " } else { "" };
    row.set(c::CHECK_STATUS, format!("{running}{status}"));
    if ANSWERED.contains(&status) {
        let code = it.code.unwrap_or_default();
        row.set(c::CHECK_CODE, u32::try_from(code).unwrap_or_default());
    }
    if let Some(duration) = it.duration {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        row.set(c::CHECK_DURATION, millis);
    }
    row.set(c::LAST_CHK, it.info.as_str());
    row.set(c::CHECK_DESC, it.description);
    row.set(c::CHECK_RISE, u32::from(it.rise));
    row.set(c::CHECK_FALL, u32::from(it.fall));
    row.set(c::CHECK_HEALTH, u32::from(it.health));
}

fn backend(it: &Backend, filter: &Filter) -> Row {
    let mut row = Row::new(Kind::Backend, it.id.0, 0, (&it.name, "BACKEND"));
    service(&mut row, &it.service);
    row.set(c::SLIM, it.service.sessions.limit.unwrap_or_default());
    row.set(c::DREQ, it.service.denied.requests);
    row.set(c::STATUS, backend_status(it, filter));
    row.set(c::ACT, it.active);
    row.set(c::BCK, it.backups);
    row.set(c::CHKDOWN, it.service.downs);
    if !it.servers.is_empty() {
        row.set(c::DOWNTIME, Value::seconds(it.service.downtime));
    }
    row.set_tagged(c::RATE, "MGP", it.service.sessions.rate);
    row.set_tagged(c::RATE_MAX, "MGP", it.service.sessions.rate_max);
    row.zero(&[c::COMP_IN, c::COMP_OUT, c::COMP_BYP, c::COMP_RSP]);
    if let Some(it) = &it.requests {
        requests(&mut row, it);
        row.set(c::REQ_TOT, it.load.total);
    }
    if filter.secrets {
        row.set(c::ALGO, it.algo);
    }
    for column in [c::AGG_SERVER_STATUS, c::AGG_SERVER_CHECK_STATUS, c::AGG_CHECK_STATUS] {
        row.set(column, 0u32);
    }
    row
}

/// Where rows of servers are left out, how many there are and serve.
fn backend_status(it: &Backend, filter: &Filter) -> String {
    let status = if it.up { "UP" } else { "DOWN" };
    if !filter.no_maint && !filter.only_up {
        return status.to_owned();
    }
    let serves =
        |server: &&Server| !matches!(server.status, ServerStatus::Down | ServerStatus::Maint);
    format!("{status} ({}/{})", it.servers.iter().filter(serves).count(), it.servers.len())
}
