//! Pure: the fields of `show info`, in HAProxy 3.x's order.

use std::time::{Duration, SystemTime};

use super::columns::Column;
use super::value::Value;
use crate::control::snapshot::Process;

/// A field with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its number in typed lines.
    pub at: usize,
    /// What it is.
    pub column: Column,
    /// Its value.
    pub value: Value,
}

/// The fields. `float`: times as fractions.
#[must_use]
pub fn fields(process: &Process, float: bool) -> Vec<Field> {
    let field = |&(at, name, tags, help, value): &Entry| Field {
        at,
        column: Column { name, tags, help },
        value: value(process, float),
    };
    let is_said = |&&(at, ..): &&Entry| at != DESCRIPTION || process.description.is_some();
    FIELDS.iter().filter(is_said).map(field).collect()
}

/// The only field that is left out where there is nothing to show.
const DESCRIPTION: usize = 51;

/// Number, name, tags, explanation, value. Numbers of fields that a TCP proxy never shows are left
/// out.
type Entry = (usize, &'static str, &'static str, &'static str, fn(&Process, bool) -> Value);

const ZERO: Value = Value::U32(0);
const ONE: Value = Value::U32(1);

#[rustfmt::skip]
const FIELDS: &[Entry] = &[
    (0, "Name", "POS", "The program these figures are of", |_, _| "HAProxy".into()),
    (1, "Version", "POS", "The version whose language and commands it speaks", |p, _| p.claimed_version.into()),
    (2, "Release_date", "POS", "The day that version was released", |p, _| p.claimed_date.into()),
    (3, "Nbthread", "CGS", "Worker threads", |p, _| p.threads.into()),
    (4, "Nbproc", "CGS", "Worker processes, always 1", |_, _| ONE),
    (5, "Process_num", "KGP", "Number of the process, always 1", |_, _| ONE),
    (6, "Pid", "SGP", "Number of the process for the system", |p, _| p.pid.into()),
    (7, "Uptime", "MDP", "How long ago it started", |p, _| days(p.uptime).into()),
    (8, "Uptime_sec", "MDP", "How long ago it started, in seconds", |p, float| seconds(p.uptime, float)),
    (9, "Memmax_MB", "CLP", "Limit of memory in MB, 0: none", |_, _| ZERO),
    (10, "PoolAlloc_MB", "MGP", "Memory in pools in MB; there are none", |_, _| ZERO),
    (11, "PoolUsed_MB", "MGP", "Memory of pools in use in MB", |_, _| ZERO),
    (12, "PoolFailed", "MCP", "Times a pool got no memory", |_, _| ZERO),
    (13, "Ulimit-n", "CLP", "Descriptors the process may open", |p, _| small(p.max_fds)),
    (14, "Maxsock", "CLP", "Sockets the process may open", |p, _| small(p.max_sockets)),
    (15, "Maxconn", "CLP", "Limit of client connections", |p, _| p.max_connections.into()),
    (16, "Hard_maxconn", "CLP", "Limit of client connections at the start", |p, _| p.hard_max_connections.into()),
    (17, "CurrConns", "MGP", "Client connections", |p, _| p.connections.current.into()),
    (18, "CumConns", "MCP", "Client connections since the start", |p, _| p.connections.total.into()),
    (19, "CumReq", "MCP", "Sessions since the start", |p, _| p.sessions.total.into()),
    (20, "MaxSslConns", "MMP", "Limit of TLS connections, 0: none", |p, _| p.tls.connections.limit.unwrap_or_default().into()),
    (21, "CurrSslConns", "MGP", "TLS connections", |p, _| p.tls.connections.current.into()),
    (22, "CumSslConns", "MCP", "TLS connections since the start", |p, _| small(p.tls.connections.total)),
    (23, "Maxpipes", "CLP", "Limit of pipes that the configuration sets, 0: none", |p, _| p.pipes.max.into()),
    (24, "PipesUsed", "MGP", "Pipes open, in use or about to be", |p, _| p.pipes.open.into()),
    (25, "PipesFree", "MGP", "Pipes open and counted nowhere else", |_, _| ZERO),
    (26, "ConnRate", "MRP", "New connections a second", |p, _| p.connections.rate.into()),
    (27, "ConnRateLimit", "CLP", "Limit of new connections a second", |p, _| p.connections.rate_limit.into()),
    (28, "MaxConnRate", "MMP", "Most new connections in a second", |p, _| p.connections.rate_max.into()),
    (29, "SessRate", "MRP", "New sessions a second", |p, _| p.sessions.rate.into()),
    (30, "SessRateLimit", "CLP", "Limit of new sessions a second", |p, _| p.sessions.rate_limit.into()),
    (31, "MaxSessRate", "MMP", "Most new sessions in a second", |p, _| p.sessions.rate_max.into()),
    (32, "SslRate", "MRP", "New TLS connections a second", |p, _| p.tls.connections.rate.into()),
    (33, "SslRateLimit", "CLP", "Limit of new TLS connections a second", |p, _| p.tls.connections.rate_limit.into()),
    (34, "MaxSslRate", "MMP", "Most new TLS connections in a second", |p, _| p.tls.connections.rate_max.into()),
    (35, "SslFrontendKeyRate", "MGP", "New TLS keys with clients a second", |p, _| p.tls.client_keys.into()),
    (36, "SslFrontendMaxKeyRate", "MMP", "Most new TLS keys with clients in a second", |p, _| p.tls.client_keys_max.into()),
    (37, "SslFrontendSessionReuse_pct", "MGP", "Percent of TLS connections of clients without a new key", |p, _| p.tls.reuse_percent().into()),
    (38, "SslBackendKeyRate", "MRP", "New TLS keys with servers a second", |p, _| p.tls.server_keys.into()),
    (39, "SslBackendMaxKeyRate", "MMP", "Most new TLS keys with servers in a second", |p, _| p.tls.server_keys_max.into()),
    (40, "SslCacheLookups", "MCP", "Lookups of TLS sessions", |p, _| small(p.tls.lookups)),
    (41, "SslCacheMisses", "MCP", "Lookups of TLS sessions that found nothing", |p, _| small(p.tls.misses)),
    (42, "CompressBpsIn", "MRP", "Bytes given to compression a second", |_, _| ZERO),
    (43, "CompressBpsOut", "MRP", "Bytes compression makes a second", |_, _| ZERO),
    (44, "CompressBpsRateLim", "CLP", "Limit of bytes compression makes a second", |_, _| ZERO),
    (47, "Tasks", "MGP", "Tasks", |p, _| small(p.tasks)),
    (48, "Run_queue", "MGP", "Tasks that wait to run", |p, _| small(p.run_queue)),
    (49, "Idle_pct", "MaP", "Percent of the time since the last look that the workers slept", |p, _| u32::from(p.idle_percent).into()),
    (50, "node", "COS", "Name of the process, or of its machine", |p, _| p.node.as_str().into()),
    (DESCRIPTION, "description", "COS", "What the configuration says of the process", |p, _| p.description.as_deref().unwrap_or_default().into()),
    (52, "Stopping", "MGP", "1 while the process stops", |p, _| u32::from(p.stopping).into()),
    (53, "Jobs", "MGP", "Connections and listeners that keep the process alive", |p, _| small(p.jobs)),
    (54, "Unstoppable Jobs", "MGP", "Those of them that stopping does not end", |p, _| small(p.unstoppable_jobs)),
    (55, "Listeners", "MGP", "Listeners", |p, _| p.listeners.into()),
    (56, "ActivePeers", "MGP", "Peers in contact", |_, _| ZERO),
    (57, "ConnectedPeers", "MGP", "Peers connected", |_, _| ZERO),
    (58, "DroppedLogs", "MGP", "Log lines lost", |p, _| small(p.dropped_logs)),
    (59, "BusyPolling", "MGP", "1 where workers spin instead of sleeping", |p, _| u32::from(p.busy_polling).into()),
    (60, "FailedResolutions", "MGP", "Name lookups that failed", |p, _| small(p.failed_resolutions)),
    (61, "TotalBytesOut", "MGP", "Bytes sent since the start", |p, _| p.bytes_out.into()),
    (62, "TotalSplicedBytesOut", "MGP", "Bytes sent through a pipe since the start", |p, _| p.spliced_bytes_out.into()),
    (63, "BytesOutRate", "MRP", "Bytes sent a second since the last look", |p, _| p.bytes_out_rate.into()),
    (64, "DebugCommandsIssued", "MGP", "Commands for debugging given", |_, _| ZERO),
    (65, "CumRecvLogs", "MCP", "Log lines received", |_, _| ZERO),
    (66, "Build info", "POS", "The program and its version", |p, _| format!("Evenkeel {}", p.version).into()),
    (67, "Memmax_bytes", "CLP", "Limit of memory in bytes, 0: none", |_, _| ZERO),
    (68, "PoolAlloc_bytes", "MGP", "Memory in pools in bytes; there are none", |_, _| 0u64.into()),
    (69, "PoolUsed_bytes", "MGP", "Memory of pools in use in bytes", |_, _| 0u64.into()),
    (70, "Start_time_sec", "MDP", "When it started, in seconds since 1970", |p, float| seconds(started(p), float)),
    (71, "Tainted", "SGP", "What of the state is not supported", |_, _| "0".into()),
    (72, "TotalWarnings", "MCP", "Warnings since the start", |p, _| small(p.warnings)),
    (73, "MaxconnReached", "MCP", "Times the limit of connections was reached", |p, _| small(p.maxconn_reached)),
    (74, "BootTime_ms", "MCP", "Milliseconds the start took", |_, _| ZERO),
    (75, "Niced_tasks", "MGP", "Tasks with a priority", |_, _| ZERO),
    (76, "CurrStreams", "MGP", "Sessions", |p, _| p.sessions.current.into()),
    (77, "CumStreams", "MCP", "Sessions since the start", |p, _| p.sessions.total.into()),
    (78, "BlockedTrafficWarnings", "MCP", "Times a session held a worker for long", |_, _| ZERO),
    (79, "PatternsAdded", "MCP", "Patterns added to lists", |_, _| ZERO),
    (80, "PatternsFreed", "MCP", "Patterns taken from lists", |_, _| ZERO),
    (81, "NbThreadGroups", "CGS", "Groups of threads", |_, _| ONE),
];

fn small(value: u64) -> Value {
    Value::U32(u32::try_from(value).unwrap_or(u32::MAX))
}

fn started(process: &Process) -> Duration {
    process.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn seconds(duration: Duration, float: bool) -> Value {
    if float { Value::Float(duration.as_secs_f64()) } else { Value::seconds(duration) }
}

/// `1d 2h03m04s`
fn days(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    format!("{days}d {hours}h{:02}m{:02}s", seconds / 60 % 60, seconds % 60)
}
