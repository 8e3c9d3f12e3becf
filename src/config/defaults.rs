//! Every default of the configuration, with its unit, its source and, where it is ours, its reason.
//!
//! HAProxy's value is taken wherever it has one; "HAProxy" below means version 2.6. What is not
//! here has no default: it is off, empty or infinite until written.

use std::num::NonZeroU32;
use std::time::Duration;

use super::model::{Facility, InitAddr, LogLevel, Redispatch, Topic};
use crate::pure::resolve::{Hold, Schedule};
use crate::pure::role::hold::{AttachRate, Per};

/// `inter`: time between checks (HAProxy).
pub const INTER: Duration = Duration::from_secs(2);
/// The same where a database is asked what it is: a small round trip on a session that is held.
pub const ROLE_INTER: Duration = Duration::from_millis(100);
/// `timeout` of a check that asks a database what it is: a busy one may take longer than its `inter`.
pub const ROLE_TIMEOUT: Duration = Duration::from_secs(1);
/// `rise`: passing checks in a row that bring a server up (HAProxy).
pub const RISE: u16 = 2;
/// `fall`: failing checks in a row that take a server down (HAProxy).
pub const FALL: u16 = 3;

/// `busy-polling`: HAProxy never sleeps with it. Who has been silent for a second is no latency's concern.
pub const BUSY_POLLING: Duration = Duration::from_secs(1);
/// `retries`: connection attempts after the first (HAProxy).
pub const RETRIES: u32 = 3;
/// `option redispatch`: off (HAProxy).
pub const REDISPATCH: Redispatch = Redispatch::Never;
/// Draws of `balance random` (HAProxy).
pub const RANDOM_DRAWS: u32 = 2;

/// `init-addr` (HAProxy).
pub const INIT_ADDR: [InitAddr; 2] = [InitAddr::Last, InitAddr::Libc];
/// When a `resolvers` section asks, and how long what was known is kept (HAProxy).
pub const RESOLVE: Schedule = Schedule {
    retries: 3,
    resolve: Duration::from_secs(1),
    retry: Duration::from_secs(1),
    hold: Hold {
        valid: Duration::from_secs(10),
        obsolete: Duration::ZERO,
        nx: Duration::from_secs(30),
        refused: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        other: Duration::from_secs(30),
    },
};

/// `timeout.connect` in TOML. HAProxy has none and warns; a connection that takes longer than a
/// lost SYN's two retransmissions (1 s and 2 s later, RFC 6298) will not succeed, and without a
/// bound one dead server holds its clients for the kernel's two minutes.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `backlog` where neither the bind nor its frontend nor the process names a number. HAProxy uses
/// the connection limit it derives from the descriptor limit, which the kernel then caps at
/// `net.core.somaxconn`: 4096 since Linux 5.4.
pub const BACKLOG: u32 = 4096;

/// `tune.bufsize`, in bytes (HAProxy).
pub const BUFSIZE_BYTES: usize = 16384;
/// `spread-checks`, in percent (HAProxy).
pub const SPREAD_CHECKS_PERCENT: u8 = 0;

/// `len` of a log target, in bytes (HAProxy).
pub const LOG_LEN_BYTES: usize = 1024;
/// Port of a UDP log target without one (HAProxy, RFC 5426 §3.3).
pub const LOG_PORT: u16 = 514;
/// Facility of a log target in TOML. HAProxy has none: there it is mandatory.
pub const LOG_FACILITY: Facility = Facility::LOCAL0;
/// Least urgent level that is sent: all (HAProxy).
pub const LOG_LEVEL: LogLevel = LogLevel::Debug;
/// Level that more urgent messages are lowered to: none is (HAProxy).
pub const LOG_MINLEVEL: LogLevel = LogLevel::Emerg;

/// Time between questions to an agent (HAProxy).
pub const AGENT_INTER: Duration = Duration::from_secs(2);
/// Failed connections in a row that have a consequence with `observe` (HAProxy).
pub const ERROR_LIMIT: u32 = 10;

/// Method of `option httpchk` (HAProxy).
pub const HTTP_CHECK_METHOD: &str = "OPTIONS";
/// URI of `option httpchk` (HAProxy).
pub const HTTP_CHECK_URI: &str = "/";
/// Version of `option httpchk` (HAProxy).
pub const HTTP_CHECK_VERSION: &str = "HTTP/1.0";

/// How `option smtpchk` introduces itself (HAProxy).
pub const SMTP_CHECK_HELLO: &str = "HELO localhost";

/// Path of the Prometheus exporter (the convention of HAProxy's documentation and of Prometheus).
pub const METRICS_PATH: &str = "/metrics";
/// What requests for the statistics page begin with (HAProxy).
pub const PAGE_URI: &str = "/haproxy?stats";
/// What a browser is told that the account is for (HAProxy).
pub const PAGE_REALM: &str = "HAProxy Statistics";
/// Name of the `[stats]` table's listener in logs and metrics.
pub const STATS_NAME: &str = "stats";

/// `stats timeout` (HAProxy).
pub const COMMANDS_TIMEOUT: Duration = Duration::from_secs(10);
/// `stats maxconn` (HAProxy).
pub const COMMANDS_MAX: u32 = 10;

/// Longest duration that can be written (HAProxy): 2^31 - 1 ms, nearly 25 days.
pub const DURATION_MAX: Duration = Duration::from_millis(i32::MAX as u64);
/// Most listening sockets of one configuration, port ranges expanded: one TCP port space.
pub const LISTENERS_MAX: usize = 65535;
/// Smallest `len` of a log target, in bytes (HAProxy).
pub const LOG_LEN_MIN_BYTES: u64 = 80;
/// `size` of a ring, in bytes, and the smallest one (HAProxy).
pub const RING_SIZE_BYTES: u64 = 16_384;
/// Largest `size` of a ring, in bytes: it stays in memory.
pub const RING_SIZE_MAX_BYTES: u64 = 1 << 30;
/// Largest `len` of a log target, in bytes (HAProxy).
pub const LOG_LEN_MAX_BYTES: u64 = 65535;
/// Largest `spread-checks`, in percent (HAProxy).
pub const SPREAD_CHECKS_MAX_PERCENT: u64 = 50;
/// Most worker threads: HAProxy's limit for one group of threads on 64-bit machines.
pub const THREADS_MAX: u64 = 64;
/// Smallest `bufsize`, in bytes: the longest PROXY v2 header without options and a banner fit.
pub const BUFSIZE_MIN_BYTES: u64 = 1024;
/// Largest `bufsize`, in bytes: each worker and each connection that writes slowly holds one.
pub const BUFSIZE_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Longest path of a Unix socket, in bytes: `sun_path` less its NUL.
pub const UNIX_PATH_MAX_BYTES: usize = 107;
/// `hold` of routes by role: as long as a failover takes that is done by others (Patroni's is some
/// ten seconds), and shorter than most clients wait.
pub const HOLD: Duration = Duration::from_secs(15);
/// `hold_max`: with the default rate they are all served within two seconds of a new primary; who
/// came later would wait longer for the others than for the failover. Each costs a descriptor and
/// some kilobytes.
pub const HOLD_MAX: NonZeroU32 = NonZeroU32::new(4096).expect("4096 is not 0");
/// `attach_rate` of routes by role: about what the largest database servers can log in at all (a
/// process or thread and a SCRAM proof each), so that a route whose clients come as fast as its
/// database can take them is never slower than they come.
pub const ATTACH_RATE: AttachRate =
    AttachRate { count: NonZeroU32::new(2000).expect("2000 is not 0"), per: Per::Second };
/// Largest `mss` of a bind, in bytes (HAProxy): what an IPv4 packet holds.
pub const MSS_MAX_BYTES: u32 = 65535;
/// Connections accepted per wake-up of a listener before other tasks get their turn. HAProxy's 4 are
/// for a loop that serves many listeners at once; batches of 1 to 32 measured the same here.
pub const MAXACCEPT: NonZeroU32 = NonZeroU32::new(32).expect("32 is not 0");
/// Capacity of a pipe for bulk, in bytes: 0.21 s of CPU a gigabyte against 0.30 s with 64 KiB.
pub const PIPESIZE_BYTES: NonZeroU32 = NonZeroU32::new(1024 * 1024).expect("a mebibyte is not 0");

/// Reloads that a worker may survive which was replaced; `mworker-max-reloads`.
pub const RELOADS_MAX: u32 = 50;

/// `events` of a webhook: what changes where writes go, and what says why. Reloads and the like are
/// for logs.
pub const WEBHOOK_EVENTS: [Topic; 5] =
    [Topic::Server, Topic::Role, Topic::Fence, Topic::Failover, Topic::Switchover];
/// `timeout` of a webhook: Slack and PagerDuty answer within a second.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// `keep` of a webhook: what happened an hour ago is read in logs.
pub const WEBHOOK_KEEP: Duration = Duration::from_hours(1);
/// `queue` of a webhook: every server of a large configuration going down at once.
pub const WEBHOOK_QUEUE: usize = 1000;
/// Where PagerDuty takes events (its Events API v2).
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// `timeout` of a switchover: below the hold of routes by role, so that no client is refused.
pub const SWITCHOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// `--max-lag` of a switchover: a replica in order is behind by milliseconds, and what is lacking in the
/// end is waited for by every writer.
pub const SWITCHOVER_MAX_LAG: Duration = Duration::from_secs(5);

/// `timeout` of a drill: longer than any failover that is worth the name.
pub const DRILL_TIMEOUT: Duration = Duration::from_mins(1);
