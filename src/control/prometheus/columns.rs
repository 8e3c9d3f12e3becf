//! Which metric shows which field of a row.

use std::time::SystemTime;

use super::{Column, Value};
use crate::control::snapshot::{
    Backend, Check, Frontend, Intake, Process, QUESTIONS, Server, Service,
};
use crate::state::sessions::Share;
use crate::telemetry::names::{self as n, Metric};
use crate::telemetry::outbox::Count;

/// The process.
pub(super) const PROCESS: &[Column<Process>] = &[
    (n::NBTHREAD, |row| row.threads.into()),
    (n::NBPROC, |_| Value::Int(1)),
    (n::RELATIVE_PROCESS_ID, |_| Value::Int(1)),
    (n::UPTIME, |row| row.uptime.as_secs().into()),
    (n::START_TIME, |row| {
        let since = row.started.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs().into()
    }),
    (n::MAX_FDS, |row| row.max_fds.into()),
    (n::MAX_SOCKETS, |row| row.max_sockets.into()),
    (n::MAX_CONNECTIONS, |row| row.max_connections.into()),
    (n::HARD_MAX_CONNECTIONS, |row| row.hard_max_connections.into()),
    (n::CURRENT_CONNECTIONS, |row| row.connections.current.into()),
    (n::CONNECTIONS, |row| row.connections.total.into()),
    (n::REQUESTS, |row| row.sessions.total.into()),
    (n::MAX_PIPES, |row| row.pipes.max.into()),
    (n::PIPES_USED, |row| row.pipes.open.into()),
    (n::PIPES_FREE, |_| 0u32.into()),
    (n::CURRENT_CONNECTION_RATE, |row| row.connections.rate.into()),
    (n::LIMIT_CONNECTION_RATE, |row| row.connections.rate_limit.into()),
    (n::MAX_CONNECTION_RATE, |row| row.connections.rate_max.into()),
    (n::CURRENT_SESSION_RATE, |row| row.sessions.rate.into()),
    (n::LIMIT_SESSION_RATE, |row| row.sessions.rate_limit.into()),
    (n::MAX_SESSION_RATE, |row| row.sessions.rate_max.into()),
    (n::CURRENT_TASKS, |row| row.tasks.into()),
    (n::CURRENT_RUN_QUEUE, |row| row.run_queue.into()),
    (n::IDLE_TIME, |row| u32::from(row.idle_percent).into()),
    (n::STOPPING, |row| row.stopping.into()),
    (n::JOBS, |row| row.jobs.into()),
    (n::UNSTOPPABLE_JOBS, |row| row.unstoppable_jobs.into()),
    (n::LISTENERS, |row| row.listeners.into()),
    (n::DROPPED_LOGS, |row| row.dropped_logs.into()),
    (n::STATE_UNSAVED, |row| row.is_state_unsaved.into()),
    (n::BUSY_POLLING, |row| row.busy_polling.into()),
    (n::FAILED_RESOLUTIONS, |row| row.failed_resolutions.into()),
    (n::BYTES_OUT, |row| row.bytes_out.into()),
    (n::SPLICED_BYTES_OUT, |row| row.spliced_bytes_out.into()),
    (n::BYTES_OUT_RATE, |row| row.bytes_out_rate.into()),
    (n::POOL_FAILURES, |_| Value::Int(0)),
    (n::POOL_ALLOCATED, |_| Value::Int(0)),
    (n::POOL_USED, |_| Value::Int(0)),
    (n::MAX_MEMORY, |_| Value::Int(0)),
    (n::RECV_LOGS, |_| Value::Int(0)),
    (n::ACTIVE_PEERS, |_| Value::Int(0)),
    (n::CONNECTED_PEERS, |_| Value::Int(0)),
    (n::SSL_MAX_CONNECTIONS, |row| row.tls.connections.limit.unwrap_or_default().into()),
    (n::SSL_CONNECTIONS, |row| row.tls.connections.current.into()),
    (n::SSL_CONNECTIONS_TOTAL, |row| row.tls.connections.total.into()),
    (n::SSL_RATE, |row| row.tls.connections.rate.into()),
    (n::SSL_RATE_LIMIT, |row| row.tls.connections.rate_limit.into()),
    (n::SSL_RATE_MAX, |row| row.tls.connections.rate_max.into()),
    (n::SSL_FRONT_KEYS, |row| row.tls.client_keys.into()),
    (n::SSL_FRONT_KEYS_MAX, |row| row.tls.client_keys_max.into()),
    (n::SSL_REUSE, |row| row.tls.reuse_percent().into()),
    (n::SSL_BACK_KEYS, |row| row.tls.server_keys.into()),
    (n::SSL_BACK_KEYS_MAX, |row| row.tls.server_keys_max.into()),
    (n::SSL_LOOKUPS, |row| row.tls.lookups.into()),
    (n::SSL_MISSES, |row| row.tls.misses.into()),
    (n::HTTP_COMP_IN, |_| Value::Int(0)),
    (n::HTTP_COMP_OUT, |_| Value::Int(0)),
    (n::HTTP_COMP_LIMIT, |_| Value::Int(0)),
    (n::ZLIB_MEMORY, |_| Value::Float(f64::NAN)),
    (n::ZLIB_MEMORY_MAX, |_| Value::Float(f64::NAN)),
];

/// A worker.
pub(super) const WORKER: &[Column<Share>] = &[
    (n::WORKER_SESSIONS, |row| row.sessions.into()),
    (n::WORKER_ACCEPTED, |row| row.accepted.into()),
    (n::WORKER_TAKEN, |row| row.taken.into()),
];

/// A frontend or a listener.
pub(super) const INTAKE: &[Column<Intake>] = &[
    (n::CURRENT_SESSIONS, |row| row.sessions.current.into()),
    (n::MAX_SESSIONS, |row| row.sessions.max.into()),
    // 0 of a listener that has no limit of its own, as in HAProxy.
    (n::LIMIT_SESSIONS, |row| row.sessions.limit.unwrap_or_default().into()),
    (n::SESSIONS, |row| row.sessions.total.into()),
    (n::BYTES_IN, |row| row.bytes.r#in.into()),
    (n::BYTES_OUT, |row| row.bytes.out.into()),
    (n::REQUESTS_DENIED, |row| row.denied.requests.into()),
    (n::RESPONSES_DENIED, |row| row.denied.responses.into()),
    (n::DENIED_CONNECTIONS, |row| row.denied.connections.into()),
    (n::DENIED_SESSIONS, |row| row.denied.sessions.into()),
    (n::REQUEST_ERRORS, |row| row.request_errors.into()),
    (n::INTERNAL_ERRORS, |row| row.internal_errors.into()),
    (n::HEADER_REWRITING, |_| Value::Int(0)),
];

/// What only a frontend has.
pub(super) const FRONTEND: &[Column<Frontend>] = &[
    (n::CURRENT_SESSION_RATE, |row| row.intake.sessions.rate.into()),
    (n::LIMIT_SESSION_RATE, |row| row.intake.sessions.rate_limit.into()),
    (n::MAX_SESSION_RATE, |row| row.intake.sessions.rate_max.into()),
    (n::CONNECTIONS, |row| row.connections.total.into()),
    (n::CONNECTIONS_RATE_MAX, |row| row.connections.rate_max.into()),
];

/// A backend or a server.
pub(super) const SERVICE: &[Column<Service>] = &[
    (n::CURRENT_QUEUE, |row| row.queue.current.into()),
    (n::MAX_QUEUE, |row| row.queue.max.into()),
    (n::CURRENT_SESSIONS, |row| row.sessions.current.into()),
    (n::MAX_SESSIONS, |row| row.sessions.max.into()),
    (n::LIMIT_SESSIONS, |row| row.sessions.limit.into()),
    (n::SESSIONS, |row| row.sessions.total.into()),
    (n::CURRENT_SESSION_RATE, |row| row.sessions.rate.into()),
    (n::MAX_SESSION_RATE, |row| row.sessions.rate_max.into()),
    (n::BYTES_IN, |row| row.bytes.r#in.into()),
    (n::BYTES_OUT, |row| row.bytes.out.into()),
    (n::RESPONSES_DENIED, |row| row.denied.responses.into()),
    (n::CONNECTION_ERRORS, |row| row.connection_errors.into()),
    (n::RESPONSE_ERRORS, |row| row.response_errors.into()),
    (n::RETRY_WARNINGS, |row| row.retries.into()),
    (n::REDISPATCH_WARNINGS, |row| row.redispatches.into()),
    (n::CONNECTION_ATTEMPTS, |row| row.connection_attempts.into()),
    (n::CLIENT_ABORTS, |row| row.client_aborts.into()),
    (n::SERVER_ABORTS, |row| row.server_aborts.into()),
    (n::INTERNAL_ERRORS, |row| row.internal_errors.into()),
    (n::LOADBALANCED, |row| row.loadbalanced.into()),
    (n::WEIGHT, |row| row.weight.into()),
    (n::UWEIGHT, |row| row.user_weight.into()),
    (n::CHECK_UP_DOWN, |row| row.downs.into()),
    (n::CHECK_LAST_CHANGE, |row| row.last_change.as_secs().into()),
    (n::DOWNTIME, |row| row.downtime.as_secs().into()),
    (n::LAST_SESSION, |row| match row.last_session {
        Some(since) => since.as_secs().into(),
        None => Value::Float(-1.0),
    }),
    (n::QUEUE_TIME, |row| row.time_average.queue.into()),
    (n::CONNECT_TIME, |row| row.time_average.connect.into()),
    (n::RESPONSE_TIME, |row| row.time_average.response.into()),
    (n::TOTAL_TIME, |row| row.time_average.total.into()),
    (n::MAX_QUEUE_TIME, |row| row.time_max.queue.into()),
    (n::MAX_CONNECT_TIME, |row| row.time_max.connect.into()),
    (n::MAX_RESPONSE_TIME, |row| row.time_max.response.into()),
    (n::MAX_TOTAL_TIME, |row| row.time_max.total.into()),
    (n::HEADER_REWRITING, |_| Value::Int(0)),
    (n::CONNECTION_REUSES, |_| Value::Int(0)),
];

/// What only a backend has.
pub(super) const BACKEND: &[Column<Backend>] = &[
    (n::REQUESTS_DENIED, |row| row.service.denied.requests.into()),
    (n::ACTIVE_SERVERS, |row| row.active.into()),
    (n::BACKUP_SERVERS, |row| row.backups.into()),
];

/// What only a server has.
pub(super) const SERVER: &[Column<Server>] = &[
    (n::ACTIVE, |row| (!row.backup).into()),
    (n::BACKUP, |row| row.backup.into()),
    (n::QUEUE_LIMIT, |row| row.service.queue.limit.into()),
    (n::CURRENT_THROTTLE, |row| row.throttle_percent.map(u32::from).into()),
    (n::USED_CONNECTIONS, |_| Value::Int(0)),
    (n::IDLE_CONNECTIONS, |_| Value::Int(0)),
    (n::IDLE_CONNECTIONS_LIMIT, |_| Value::Float(f64::NAN)),
    (n::UNSAFE_CONNECTIONS, |_| Value::Int(0)),
    (n::SAFE_CONNECTIONS, |_| Value::Int(0)),
    (n::NEED_CONNECTIONS, |row| u32::from(row.was_used).into()),
];

/// A server's check.
pub(super) const CHECK: &[Column<Check>] = &[
    // Codes are small and not negative; a check without one shows 0, as in HAProxy.
    (n::CHECK_CODE, |row| u64::try_from(row.code.unwrap_or_default()).unwrap_or_default().into()),
    (n::CHECK_DURATION, |row| row.duration.unwrap_or_default().into()),
    (n::CHECK_FAILURES, |row| row.failures.into()),
];

/// A name server, in the order of [`QUESTIONS`].
pub(super) const RESOLVER: [Metric; QUESTIONS.len()] = [
    n::RESOLVER_SENT,
    n::RESOLVER_SEND_ERROR,
    n::RESOLVER_VALID,
    n::RESOLVER_UPDATE,
    n::RESOLVER_CNAME,
    n::RESOLVER_CNAME_ERROR,
    n::RESOLVER_ANY_ERR,
    n::RESOLVER_NX,
    n::RESOLVER_TIMEOUT,
    n::RESOLVER_REFUSED,
    n::RESOLVER_OTHER,
    n::RESOLVER_INVALID,
    n::RESOLVER_TOO_BIG,
    n::RESOLVER_TRUNCATED,
    n::RESOLVER_OUTDATED,
];

/// A webhook.
pub(super) const WEBHOOK: &[Column<Count>] = &[
    (n::WEBHOOK_SENT, |row| row.sent.into()),
    (n::WEBHOOK_DROPPED, |row| row.dropped.into()),
    (n::WEBHOOK_RETRIES, |row| row.retries.into()),
    (n::WEBHOOK_QUEUE, |row| row.waiting.into()),
];
