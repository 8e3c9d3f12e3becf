//! Every metric: the end of its name, its type and its help text.
//!
//! A whole name is `haproxy_<scope>_<end>` with the scopes `process`, `frontend`, `listener`,
//! `backend` and `server`: HAProxy's own names, so that dashboards and alert rules made for it go
//! on working; what HAProxy does not have is `evenkeel_<end>`. Compared with the exporter of
//! HAProxy 2.6.12, types included, even where a type looks odd (`pipes_used_total` is a counter
//! there).

/// A metric's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name without `haproxy_` or `evenkeel_` and the scope.
    pub end: &'static str,
    /// HAProxy has no such metric.
    pub is_ours: bool,
    /// Its type.
    pub kind: Kind,
    /// One sentence for people.
    pub help: &'static str,
}

const fn counter(end: &'static str, help: &'static str) -> Metric {
    Metric { end, is_ours: false, kind: Kind::Counter, help }
}

const fn gauge(end: &'static str, help: &'static str) -> Metric {
    Metric { end, is_ours: false, kind: Kind::Gauge, help }
}

const fn own_counter(end: &'static str, help: &'static str) -> Metric {
    Metric { is_ours: true, ..counter(end, help) }
}

const fn own_gauge(end: &'static str, help: &'static str) -> Metric {
    Metric { is_ours: true, ..gauge(end, help) }
}

macro_rules! metrics {
    ($($name:ident = $kind:ident($end:literal, $help:literal);)*) => {
        $(
            #[doc = $help]
            pub const $name: Metric = $kind($end, $help);
        )*

        /// All metrics, each once.
        pub const ALL: &[Metric] = &[$($name),*];
    };
}

metrics! {
    // The process.
    NBTHREAD = gauge("nbthread", "Worker threads");
    NBPROC = gauge("nbproc", "Worker processes, always 1");
    RELATIVE_PROCESS_ID = gauge("relative_process_id", "Number of the worker process, always 1");
    UPTIME = gauge("uptime_seconds", "Time since the process started");
    START_TIME = gauge("start_time_seconds", "Unix time at which the process started");
    BUILD_INFO = gauge("build_info", "The version whose names it has, and its own, in a label");
    MAX_FDS = gauge("max_fds", "File descriptors the process may open");
    MAX_SOCKETS = gauge("max_sockets", "Sockets the process needs at most");
    MAX_CONNECTIONS = gauge("max_connections", "Client connections the process takes at most");
    HARD_MAX_CONNECTIONS =
        gauge("hard_max_connections", "Client connections the descriptor limit allows");
    CURRENT_CONNECTIONS = gauge("current_connections", "Client connections open now");
    REQUESTS = counter("requests_total", "Sessions begun by the process");
    MAX_PIPES = gauge("max_pipes", "Pipes for splicing at most as configured, 0 where nothing is");
    PIPES_USED = counter("pipes_used_total", "Pipes open now");
    PIPES_FREE = counter("pipes_free_total", "Pipes open and counted nowhere else");
    CURRENT_CONNECTION_RATE =
        gauge("current_connection_rate", "Client connections in the last second");
    LIMIT_CONNECTION_RATE =
        gauge("limit_connection_rate", "Client connections let in per second, 0 for no limit");
    MAX_CONNECTION_RATE = gauge("max_connection_rate", "Most client connections in one second");
    CURRENT_TASKS = gauge("current_tasks", "Tasks alive");
    CURRENT_RUN_QUEUE = gauge("current_run_queue", "Tasks from other threads that wait for a worker");
    IDLE_TIME = gauge("idle_time_percent", "Share of the time since the last look that the workers slept");
    STOPPING = gauge("stopping", "1 during a graceful stop");
    JOBS = gauge("jobs", "Connections and listeners that keep the process alive");
    UNSTOPPABLE_JOBS = gauge("unstoppable_jobs", "Jobs that a graceful stop does not end");
    LISTENERS = gauge("listeners", "Open listeners");
    DROPPED_LOGS = counter("dropped_logs_total", "Log lines lost because a target was too slow");
    BUSY_POLLING = gauge("busy_polling_enabled", "1 where workers spin instead of sleeping");
    WORKER_SESSIONS = own_gauge("worker_sessions", "Sessions a worker runs now");
    WORKER_ACCEPTED = own_counter("worker_accepted_total", "Connections accepted by a worker's sockets");
    WORKER_TAKEN =
        own_counter("worker_taken_total", "Connections a worker was given that another accepted");
    FAILED_RESOLUTIONS = counter("failed_resolutions", "Name lookups that failed");
    SPLICED_BYTES_OUT = counter("spliced_bytes_out_total", "Bytes sent through kernel pipes");
    BYTES_OUT_RATE = gauge("bytes_out_rate", "Bytes sent per second since the last look");

    // Sessions and connections.
    CURRENT_SESSIONS = gauge("current_sessions", "Sessions open now");
    MAX_SESSIONS = gauge("max_sessions", "Most sessions open at a time");
    LIMIT_SESSIONS = gauge("limit_sessions", "Sessions taken at most");
    SESSIONS = counter("sessions_total", "Sessions");
    CURRENT_SESSION_RATE = gauge("current_session_rate", "Sessions begun in the last second");
    LIMIT_SESSION_RATE =
        gauge("limit_session_rate", "Sessions let in per second, 0 for no limit");
    MAX_SESSION_RATE = gauge("max_session_rate", "Most sessions begun in one second");
    CONNECTIONS = counter("connections_total", "Client connections accepted");
    CONNECTIONS_RATE_MAX = gauge("connections_rate_max", "Most connections in one second");
    BYTES_IN = counter("bytes_in_total", "Bytes received from clients");
    BYTES_OUT = counter("bytes_out_total", "Bytes sent to clients");

    // What was refused or failed.
    REQUESTS_DENIED = counter("requests_denied_total", "Sessions refused by content rules");
    RESPONSES_DENIED = counter("responses_denied_total", "Sessions refused by response rules");
    DENIED_CONNECTIONS =
        counter("denied_connections_total", "Connections refused by connection rules");
    DENIED_SESSIONS = counter("denied_sessions_total", "Connections refused by session rules");
    HTTP_REQUESTS = counter("http_requests_total", "Requests of HTTP");
    HTTP_REQUESTS_RATE_MAX = gauge("http_requests_rate_max", "Most requests in one second");
    HTTP_RESPONSES = counter("http_responses_total", "Answers of HTTP, by status");
    INTERCEPTED_REQUESTS =
        counter("intercepted_requests_total", "Requests that the frontend answered itself");
    REQUEST_ERRORS =
        counter("request_errors_total", "Clients that failed before a backend was chosen");
    CONNECTION_ERRORS =
        counter("connection_errors_total", "Sessions that got no connection to a server");
    RESPONSE_ERRORS = counter("response_errors_total", "Transfers that a server broke off");
    INTERNAL_ERRORS = counter("internal_errors_total", "Sessions ended by failures of the proxy");
    RETRY_WARNINGS =
        counter("retry_warnings_total", "Connection attempts repeated on the same server");
    REDISPATCH_WARNINGS =
        counter("redispatch_warnings_total", "Connection attempts moved to another server");
    CLIENT_ABORTS = counter("client_aborts_total", "Transfers that clients broke off");
    SERVER_ABORTS = counter("server_aborts_total", "Transfers that servers broke off");

    // Queues and servers' connections.
    CURRENT_QUEUE = gauge("current_queue", "Sessions waiting for a slot now");
    MAX_QUEUE = gauge("max_queue", "Most sessions waiting at a time");
    QUEUE_LIMIT = gauge("queue_limit", "Sessions that may wait at most");
    CONNECTION_ATTEMPTS = counter("connection_attempts_total", "Connection attempts to servers");
    USED_CONNECTIONS =
        gauge("used_connections_current", "Connections to the server that carry sessions");
    LOADBALANCED = counter("loadbalanced_total", "Times chosen by load balancing");

    // What there is none of: dashboards ask for it all the same.
    POOL_FAILURES = counter("pool_failures_total", "Failed allocations, always 0");
    POOL_ALLOCATED = gauge("pool_allocated_bytes", "Memory in pools, always 0");
    POOL_USED = gauge("pool_used_bytes", "Memory of pools in use, always 0");
    MAX_MEMORY = gauge("max_memory_bytes", "Limit of memory, 0 for none");
    RECV_LOGS = counter("recv_logs_total", "Log lines received, always 0");
    ACTIVE_PEERS = gauge("active_peers", "Peers that are spoken to");
    CONNECTED_PEERS = gauge("connected_peers", "Peers that are connected");
    SSL_MAX_CONNECTIONS = gauge("max_ssl_connections", "Limit of TLS connections, 0 for none");
    SSL_CONNECTIONS = gauge("current_ssl_connections", "TLS connections");
    SSL_CONNECTIONS_TOTAL = counter("ssl_connections_total", "TLS connections");
    SSL_RATE = gauge("current_ssl_rate", "New TLS connections a second");
    SSL_RATE_LIMIT = gauge("limit_ssl_rate", "Limit of new TLS connections, 0 for none");
    SSL_RATE_MAX = gauge("max_ssl_rate", "Most new TLS connections in a second");
    SSL_FRONT_KEYS = gauge("current_frontend_ssl_key_rate", "Handshakes with new keys a second");
    SSL_FRONT_KEYS_MAX = gauge("max_frontend_ssl_key_rate", "Most handshakes with new keys in a second");
    SSL_REUSE = gauge("frontend_ssl_reuse", "Percent of TLS connections resumed");
    SSL_BACK_KEYS = gauge("current_backend_ssl_key_rate", "Handshakes with new keys a second");
    SSL_BACK_KEYS_MAX = gauge("max_backend_ssl_key_rate", "Most handshakes with new keys in a second");
    SSL_LOOKUPS = counter("ssl_cache_lookups_total", "Lookups of TLS sessions");
    SSL_MISSES = counter("ssl_cache_misses_total", "TLS sessions not found");
    HTTP_COMP_IN = counter("http_comp_bytes_in_total", "Bytes to compress, always 0");
    HTTP_COMP_OUT = counter("http_comp_bytes_out_total", "Compressed bytes, always 0");
    HTTP_COMP_LIMIT = gauge("limit_http_comp", "Limit of compressed bytes, 0 for none");
    ZLIB_MEMORY = gauge("current_zlib_memory", "Memory for compression: none");
    ZLIB_MEMORY_MAX = gauge("max_zlib_memory", "Limit of memory for compression: none");
    HEADER_REWRITING =
        counter("failed_header_rewriting_total", "Headers that were not rewritten, always 0");
    CONNECTION_REUSES =
        counter("connection_reuses_total", "Server connections used again, always 0");
    IDLE_CONNECTIONS = gauge("idle_connections_current", "Idle server connections, always 0");
    IDLE_CONNECTIONS_LIMIT = gauge("idle_connections_limit", "Limit of idle server connections");
    UNSAFE_CONNECTIONS =
        gauge("unsafe_idle_connections_current", "Idle connections not yet used again, always 0");
    SAFE_CONNECTIONS =
        gauge("safe_idle_connections_current", "Idle connections used again, always 0");
    NEED_CONNECTIONS = gauge("need_connections_current", "Server connections that are needed");

    // Stick tables.
    TABLE_SIZE = gauge("size", "Entries that the stick table may hold");
    TABLE_USED = gauge("used", "Entries that the stick table holds");

    // Questions to name servers.
    RESOLVER_SENT = gauge("sent", "Questions sent");
    RESOLVER_SEND_ERROR = gauge("send_error", "Questions not sent, because the system refused");
    RESOLVER_VALID = gauge("valid", "Answers with what was asked for");
    RESOLVER_UPDATE = gauge("update", "Answers that changed a server");
    RESOLVER_CNAME = gauge("cname", "Answers that are aliases");
    RESOLVER_CNAME_ERROR = gauge("cname_error", "Answers with an alias that leads nowhere");
    RESOLVER_ANY_ERR = gauge("any_err", "Answers without what was asked for");
    RESOLVER_NX = gauge("nx", "Answers that the name does not exist");
    RESOLVER_TIMEOUT = gauge("timeout", "Questions without an answer in time");
    RESOLVER_REFUSED = gauge("refused", "Questions that were refused");
    RESOLVER_OTHER = gauge("other", "Answers with another error");
    RESOLVER_INVALID = gauge("invalid", "Answers that could not be read");
    RESOLVER_TOO_BIG = gauge("too_big", "Answers too big for this program");
    RESOLVER_TRUNCATED = gauge("truncated", "Answers that did not fit");
    RESOLVER_OUTDATED = gauge("outdated", "Answers nobody waited for");

    // State.
    STATUS = gauge("status", "1 for the state in the label, 0 for the others");
    WEIGHT = gauge("weight", "Weight in force");
    UWEIGHT = gauge("uweight", "Weight as configured");
    ACTIVE_SERVERS = gauge("active_servers", "Active servers that may serve");
    BACKUP_SERVERS = gauge("backup_servers", "Backup servers that may serve");
    ACTIVE = gauge("active", "1 where the server is an active one");
    BACKUP = gauge("backup", "1 where the server is a backup");
    CHECK_UP_DOWN = counter("check_up_down_total", "Times it went down");
    CHECK_LAST_CHANGE = gauge("check_last_change_seconds", "Time since its state changed");
    DOWNTIME = counter("downtime_seconds_total", "All time it was down");
    LAST_SESSION = gauge("last_session_seconds", "Time since the last session, -1 for none");
    CURRENT_THROTTLE = gauge("current_throttle", "Percent of weight in force in a slow start");
    AGG_SERVER_STATUS = gauge("agg_server_status", "Servers in the state in the label");
    AGG_SERVER_CHECK_STATUS =
        gauge("agg_server_check_status", "Servers in the state in the label (old name)");
    AGG_CHECK_STATUS = gauge("agg_check_status", "Servers whose last check ended so");

    // Checks.
    CHECK_STATUS = gauge("check_status", "1 for the result of the last check");
    CHECK_CODE = gauge("check_code", "Protocol status of the last check");
    CHECK_DURATION = gauge("check_duration_seconds", "How long the last check took");
    CHECK_FAILURES = counter("check_failures_total", "Checks that failed");

    // Roles.
    ROLE = own_gauge("server_role", "1 for what the server is to the others of its backend");
    WITNESS = own_gauge("server_witness", "1 for what a check beside the first one says");
    LOGIN_REFUSED = own_gauge("server_login_refused", "Whether a server lives and refuses the login of its check");
    LAG_SECONDS = own_gauge("server_lag_seconds", "How long a replica has lacked what the primary has");
    LAG_AMOUNT = own_gauge("server_lag", "Bytes of WAL or transactions that a replica lacks");

    // Clients that wait for a server to come.
    HELD = own_gauge("held_clients", "Clients that wait for a server to come, also in the queue");
    HOLD_REFUSED = own_counter("hold_refused_total", "Clients refused as too many waited already");
    HOLD_EXPIRED = own_counter("hold_expired_total", "Clients that waited in vain");

    // Failovers.
    FAILOVERS = own_counter("failover_total", "Failovers that are on record");
    FAILOVER_SECONDS = own_gauge("failover_seconds", "How long the parts of the last one took");
    RPO = own_gauge("rpo_bytes", "What the last new primary lacked: bytes of WAL, or transactions with MySQL");
    STATE_UNSAVED = own_gauge("state_unsaved", "Whether what has to outlive the process cannot be written to state_dir");

    // Webhooks.
    WEBHOOK_SENT = own_counter("webhook_sent_total", "Events that a webhook took");
    WEBHOOK_DROPPED =
        own_counter("webhook_dropped_total", "Events a webhook was not told of: too many, too old or refused");
    WEBHOOK_RETRIES = own_counter("webhook_retries_total", "Attempts after the first of an event");
    WEBHOOK_QUEUE = own_gauge("webhook_queue", "Events that wait to be sent");

    // Times.
    QUEUE_TIME = gauge("queue_time_average_seconds", "Queue time of the last 1024 sessions");
    CONNECT_TIME = gauge("connect_time_average_seconds", "Connect time of the last 1024 sessions");
    RESPONSE_TIME = gauge("response_time_average_seconds", "Response time, zero for TCP");
    TOTAL_TIME = gauge("total_time_average_seconds", "Duration of the last 1024 sessions");
    MAX_QUEUE_TIME = gauge("max_queue_time_seconds", "Longest queue time");
    MAX_CONNECT_TIME = gauge("max_connect_time_seconds", "Longest connect time");
    MAX_RESPONSE_TIME = gauge("max_response_time_seconds", "Longest response time, zero for TCP");
    MAX_TOTAL_TIME = gauge("max_total_time_seconds", "Longest session");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ends_are_unique_and_valid_and_helped() {
        let ends: HashSet<&str> = ALL.iter().map(|metric| metric.end).collect();
        assert_eq!(ends.len(), ALL.len());
        for metric in ALL {
            assert!(metric.end.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{metric:?}");
            assert!(metric.help.len() > 5 && !metric.help.ends_with('.'), "{metric:?}");
        }
    }
}
