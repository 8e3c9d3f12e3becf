//! Pure: the columns of `show stat`, in HAProxy 3.x's order. Each constant is a column's place.

/// A column, or a field of `show info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// HAProxy's name.
    pub name: &'static str,
    /// What kind of value it is: three letters for origin, nature and scope.
    pub tags: &'static str,
    /// What it tells.
    pub help: &'static str,
}

macro_rules! columns {
    ($($index:ident $name:literal $tags:literal $help:literal;)+) => {
        columns!(@ 0usize; $($index $help)+);
        /// All columns.
        pub const COLUMNS: &[Column] =
            &[$(Column { name: $name, tags: $tags, help: $help }),+];
    };
    (@ $at:expr; $index:ident $help:literal $($rest:tt)*) => {
        #[doc = $help]
        pub const $index: usize = $at;
        columns!(@ $index + 1; $($rest)*);
    };
    (@ $at:expr;) => {};
}

/// Columns from here on belong to modules: CSV has a mark before them.
pub const MODULES: usize = SSL_SESS;

columns! {
    PXNAME "pxname" "KNS" "Name of the proxy";
    SVNAME "svname" "KNS" "Name of the server or listener, FRONTEND or BACKEND";
    QCUR "qcur" "MGP" "Sessions in the queue";
    QMAX "qmax" "MMP" "Most sessions in the queue at once";
    SCUR "scur" "MGP" "Sessions";
    SMAX "smax" "MMP" "Most sessions at once";
    SLIM "slim" "CLP" "Limit of sessions";
    STOT "stot" "MCP" "Sessions since the start";
    BIN "bin" "MCP" "Bytes from clients";
    BOUT "bout" "MCP" "Bytes to clients";
    DREQ "dreq" "MCP" "Sessions that rules about requests rejected";
    DRESP "dresp" "MCP" "Sessions that rules about responses rejected";
    EREQ "ereq" "MCP" "Clients that left or broke the protocol before a backend was chosen";
    ECON "econ" "MCP" "Sessions that got no connection to a server";
    ERESP "eresp" "MCP" "Servers that ended before they answered";
    WRETR "wretr" "MCP" "Connection attempts repeated on the same server";
    WREDIS "wredis" "MCP" "Connection attempts that went to another server";
    STATUS "status" "SGP" "State: OPEN, PAUSED, STOP, WAITING, FULL, UP, DOWN, NOLB, DRAIN, MAINT, no check";
    WEIGHT "weight" "MaP" "Weight in force; of a backend the sum";
    ACT "act" "MGP" "Active servers that may serve";
    BCK "bck" "MGP" "Backup servers that may serve";
    CHKFAIL "chkfail" "MCP" "Checks that failed while the server was up";
    CHKDOWN "chkdown" "MCP" "Times it went down";
    LASTCHG "lastchg" "MAP" "Seconds since the state last changed";
    DOWNTIME "downtime" "MCP" "Seconds in the state DOWN";
    QLIMIT "qlimit" "CGS" "Limit of the queue";
    PID "pid" "KGP" "Number of the process, always 1";
    IID "iid" "KGS" "Number of the proxy";
    SID "sid" "KGS" "Number of the server or listener";
    THROTTLE "throttle" "MGP" "Percent of the weight while it starts slowly";
    LBTOT "lbtot" "MCP" "Times load balancing chose it";
    TRACKED "tracked" "CNS" "Server whose state it follows";
    TYPE "type" "CGS" "Kind of the row: 0 frontend, 1 backend, 2 server, 3 listener";
    RATE "rate" "MRP" "New sessions a second";
    RATE_LIM "rate_lim" "CLP" "Limit of new sessions a second";
    RATE_MAX "rate_max" "MMP" "Most new sessions in a second";
    CHECK_STATUS "check_status" "MOP" "Result of the last check";
    CHECK_CODE "check_code" "MOP" "Code the last check was answered";
    CHECK_DURATION "check_duration" "MDP" "Milliseconds the last check took";
    HRSP_1XX "hrsp_1xx" "MCP" "HTTP responses 1xx";
    HRSP_2XX "hrsp_2xx" "MCP" "HTTP responses 2xx";
    HRSP_3XX "hrsp_3xx" "MCP" "HTTP responses 3xx";
    HRSP_4XX "hrsp_4xx" "MCP" "HTTP responses 4xx";
    HRSP_5XX "hrsp_5xx" "MCP" "HTTP responses 5xx";
    HRSP_OTHER "hrsp_other" "MCP" "Other HTTP responses";
    HANAFAIL "hanafail" "MCP" "Failed observations";
    REQ_RATE "req_rate" "MRP" "HTTP requests a second";
    REQ_RATE_MAX "req_rate_max" "MMP" "Most HTTP requests in a second";
    REQ_TOT "req_tot" "MCP" "HTTP requests";
    CLI_ABRT "cli_abrt" "MCP" "Transfers the client aborted";
    SRV_ABRT "srv_abrt" "MCP" "Transfers the server aborted";
    COMP_IN "comp_in" "MCP" "Bytes given to compression";
    COMP_OUT "comp_out" "MCP" "Bytes compression made";
    COMP_BYP "comp_byp" "MCP" "Bytes compression left out";
    COMP_RSP "comp_rsp" "MCP" "Responses compressed";
    LASTSESS "lastsess" "MAP" "Seconds since the last session began, -1: there was none";
    LAST_CHK "last_chk" "MOP" "Text of the last check";
    LAST_AGT "last_agt" "MOP" "Text of the last agent check";
    QTIME "qtime" "MaP" "Milliseconds in the queue, averaged over 1024 sessions";
    CTIME "ctime" "MaP" "Milliseconds to connect, averaged over 1024 sessions";
    RTIME "rtime" "MaP" "Milliseconds until the response, averaged over 1024 sessions; 0 for TCP";
    TTIME "ttime" "MaP" "Milliseconds of a session, averaged over 1024 sessions";
    AGENT_STATUS "agent_status" "MOP" "Result of the last agent check";
    AGENT_CODE "agent_code" "MOP" "Code of the last agent check";
    AGENT_DURATION "agent_duration" "MDP" "Milliseconds the last agent check took";
    CHECK_DESC "check_desc" "MOP" "Result of the last check in words";
    AGENT_DESC "agent_desc" "MOP" "Result of the last agent check in words";
    CHECK_RISE "check_rise" "CGS" "Passing checks that bring the server up";
    CHECK_FALL "check_fall" "CGS" "Failing checks that take the server down";
    CHECK_HEALTH "check_health" "CGS" "Score of the checks, up from rise on";
    AGENT_RISE "agent_rise" "CGS" "Passing agent checks that bring the server up";
    AGENT_FALL "agent_fall" "CGS" "Failing agent checks that take the server down";
    AGENT_HEALTH "agent_health" "CGS" "Score of the agent checks, up from rise on";
    ADDR "addr" "CGS" "Address";
    COOKIE "cookie" "CNS" "Cookie of the server";
    MODE "mode" "CGS" "Mode of the proxy";
    ALGO "algo" "CGS" "Algorithm of load balancing";
    CONN_RATE "conn_rate" "MRP" "New connections a second";
    CONN_RATE_MAX "conn_rate_max" "MMP" "Most new connections in a second";
    CONN_TOT "conn_tot" "MCP" "Connections";
    INTERCEPTED "intercepted" "MCP" "Requests the proxy answered itself";
    DCON "dcon" "MCP" "Connections that rules rejected";
    DSES "dses" "MCP" "Sessions that rules rejected";
    WREW "wrew" "MCP" "HTTP headers that could not be rewritten";
    CONNECT "connect" "MCP" "Connection attempts";
    REUSE "reuse" "MCP" "Connections used again";
    CACHE_LOOKUPS "cache_lookups" "MCP" "Lookups in the HTTP cache";
    CACHE_HITS "cache_hits" "MCP" "Hits in the HTTP cache";
    SRV_ICUR "srv_icur" "MGP" "Idle connections kept to the server";
    SRC_ILIM "src_ilim" "CLP" "Limit of idle connections";
    QTIME_MAX "qtime_max" "MMP" "Longest time in the queue, in milliseconds";
    CTIME_MAX "ctime_max" "MMP" "Longest time to connect, in milliseconds";
    RTIME_MAX "rtime_max" "MMP" "Longest time until a response, in milliseconds";
    TTIME_MAX "ttime_max" "MMP" "Longest session, in milliseconds";
    EINT "eint" "MCP" "Sessions ended by the proxy's own failures";
    IDLE_CONN_CUR "idle_conn_cur" "MGP" "Idle connections that are not safe to share";
    SAFE_CONN_CUR "safe_conn_cur" "MGP" "Idle connections that are safe to share";
    USED_CONN_CUR "used_conn_cur" "MGP" "Connections in use";
    NEED_CONN_EST "need_conn_est" "MGP" "Connections that are needed, about";
    UWEIGHT "uweight" "MaP" "Weight as configured or set; of a backend the sum";
    AGG_SERVER_STATUS "agg_server_status" "MGP" "Servers by state";
    AGG_SERVER_CHECK_STATUS "agg_server_check_status" "MGP" "Servers by state, as old dashboards ask for it";
    AGG_CHECK_STATUS "agg_check_status" "MGP" "Servers by the result of the last check";
    SRID "srid" "MGP" "Revision of the server";
    SESS_OTHER "sess_other" "MCP" "Sessions of other protocols than HTTP";
    H1SESS "h1sess" "MCP" "Sessions of HTTP/1";
    H2SESS "h2sess" "MCP" "Sessions of HTTP/2";
    H3SESS "h3sess" "MCP" "Sessions of HTTP/3";
    REQ_OTHER "req_other" "MCP" "Requests of other protocols than HTTP";
    H1REQ "h1req" "MCP" "Requests of HTTP/1";
    H2REQ "h2req" "MCP" "Requests of HTTP/2";
    H3REQ "h3req" "MCP" "Requests of HTTP/3";
    PROTO "proto" "SOP" "Protocol of a listener";
    PRIV_IDLE_CUR "priv_idle_cur" "MGP" "Idle connections of one session only";
    REQBIN "reqbin" "MCP" "Bytes of requests received";
    REQBOUT "reqbout" "MCP" "Bytes of requests sent";
    RESBIN "resbin" "MCP" "Bytes of responses received";
    RESBOUT "resbout" "MCP" "Bytes of responses sent";
    CACHE_HINT_HITS "cache_hint_hits" "MCP" "Hits by hint in the HTTP cache";
    SSL_SESS "ssl_sess" "MCP" "TLS sessions begun with keys of their own";
    SSL_REUSED_SESS "ssl_reused_sess" "MCP" "TLS sessions resumed";
    SSL_FAILED_HANDSHAKE "ssl_failed_handshake" "MCP" "TLS handshakes that failed";
}
