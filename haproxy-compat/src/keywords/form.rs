//! What stands after words that are read and have no effect: HAProxy refuses them where their
//! arguments are wrong, and so a file that it refuses is refused here as well.
//!
//! Words that apply are not listed: whoever reads their arguments judges them.

/// What the arguments of a word look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// No argument.
    Alone,
    /// At least one argument.
    Text,
    /// A number in these bounds, which belong to it.
    Number(i64, i64),
    /// A number of digits alone in these bounds.
    Digits(i64, i64),
    /// This, or nothing.
    Maybe(&'static Form),
    /// A number in these bounds, or one of these words.
    NumberOr(i64, i64, &'static [&'static str]),
    /// A time of at most so many milliseconds.
    Time(u64),
    /// A time of at most so many seconds; a bare number counts them.
    Seconds(u64),
    /// A time, or `infinite`.
    TimeOrInfinite,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Some of these, at least one.
    SomeOf(&'static [&'static str]),
    /// A file that is there.
    File,
    /// A directory that is there.
    Directory,
    /// A status of HTTP that errors have, and a file with an answer.
    StatusFile,
    /// A status of HTTP that errors have, and any word.
    StatusText,
    /// The name of an `http-errors` section, and statuses of it.
    ErrorSection,
    /// A set of threads or processes: `all`, `odd`, `even`, numbers and ranges, groups before a `/`.
    Threads,
    /// These, one after the other.
    Words(&'static [Form]),
    /// One of these words, and what belongs to it.
    Picked(&'static [(&'static str, Form)]),
    /// Any of these words, each with what belongs to it, up to the line's end.
    Options(&'static [(&'static str, Form)]),
    /// Where `redirect` sends to, and [`Form::Options`].
    Redirect(&'static [(&'static str, Form)]),
    /// How `cookie` goes about it, and [`Form::Options`].
    Cookie(&'static [(&'static str, Form)]),
    /// The name of a header, and how to write it.
    HeaderCase,
    /// A condition, which takes the rest of the line.
    Condition,
}

const ANY_NUMBER: Form = Form::Number(0, i64::MAX);
/// Digits, and a sign that HAProxy does not mind.
const DIGITS: Form = Form::Digits(i64::MIN, i64::MAX);
/// Where HAProxy minds no sign.
const SIGNED: Form = Form::Number(i64::MIN, i64::MAX);
const ON_OFF: Form = Form::OneOf(&["on", "off"]);
const TIME: Form = Form::Time(u64::MAX);
const MUXES: Form = Form::OneOf(&["none", "h1", "h2", "fcgi", "spop", "quic"]);

/// Files that may stand beside a certificate.
const BESIDE: Form = Form::SomeOf(&["none", "all", "bundle", "sctl", "ocsp", "issuer", "key"]);

/// A time in seconds, at most as many as a timer of HAProxy holds.
const SECONDS: Form = Form::Seconds(i32::MAX as u64);

const ALGORITHMS: Form = Form::SomeOf(&["identity", "gzip", "deflate", "raw-deflate"]);
const COMPRESSION: Form = Form::Picked(&[
    ("algo", ALGORITHMS),
    ("algo-req", ALGORITHMS),
    ("algo-res", ALGORITHMS),
    ("type", Form::Text),
    ("type-req", Form::Text),
    ("type-res", Form::Text),
    ("minsize-req", Form::Text),
    ("minsize-res", Form::Text),
    ("direction", Form::OneOf(&["request", "response", "both"])),
    ("offload", Form::Any),
]);

const COOKIE: Form = Form::Words(&[
    Form::Text,
    Form::Cookie(&[
        ("rewrite", Form::Any),
        ("insert", Form::Any),
        ("prefix", Form::Any),
        ("indirect", Form::Any),
        ("nocache", Form::Any),
        ("postonly", Form::Any),
        ("preserve", Form::Any),
        ("httponly", Form::Any),
        ("secure", Form::Any),
        ("dynamic", Form::Any),
        ("domain", Form::Text),
        ("maxidle", SECONDS),
        ("maxlife", SECONDS),
        ("attr", Form::Text),
    ]),
]);

const CAPTURED: Form = Form::Words(&[Form::Text, Form::OneOf(&["len"]), Form::Text]);
const CAPTURED_HEADER: Form = Form::Picked(&[("header", CAPTURED)]);
const CAPTURE: Form = Form::Picked(&[
    ("cookie", CAPTURED),
    ("request", CAPTURED_HEADER),
    ("response", CAPTURED_HEADER),
]);

const DECLARED: Form = Form::Words(&[Form::OneOf(&["len"]), Form::Digits(1, i64::MAX)]);
const DECLARE: Form =
    Form::Picked(&[("capture", Form::Picked(&[("request", DECLARED), ("response", DECLARED)]))]);

const EMAIL_ALERT: Form = Form::Picked(&[
    ("from", Form::Any),
    ("to", Form::Any),
    ("mailers", Form::Any),
    ("myhostname", Form::Any),
    (
        "level",
        Form::OneOf(&["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]),
    ),
]);

const REDIRECT: Form = Form::Redirect(&[
    ("location", Form::Text),
    ("prefix", Form::Text),
    ("scheme", Form::Text),
    ("code", Form::OneOf(&["301", "302", "303", "307", "308"])),
    ("set-cookie", Form::Text),
    ("set-cookie-fmt", Form::Text),
    ("clear-cookie", Form::Text),
    ("drop-query", Form::Any),
    ("append-slash", Form::Any),
    ("ignore-empty", Form::Any),
    ("keep-query", Form::Any),
    ("if", Form::Condition),
    ("unless", Form::Condition),
]);

/// What HAProxy makes of a word about HTTP in a TCP proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTcp {
    /// It says nothing.
    Silent,
    /// It warns that the word has no effect.
    Warned,
    /// It refuses the file.
    Refused,
}

/// What HAProxy makes of `word`, which is about HTTP, in a TCP proxy.
#[must_use]
pub fn in_tcp(word: &str) -> InTcp {
    match word {
        "compression"
        | "dynamic-cookie-key"
        | "errorfile"
        | "errorfiles"
        | "errorloc"
        | "errorloc302"
        | "errorloc303"
        | "http-error"
        | "http-reuse"
        | "http-send-name-header"
        | "max-keep-alive-queue"
        | "max-session-srv-conns"
        | "monitor"
        | "unique-id-header"
        | "option h1-case-adjust-bogus-client"
        | "option h1-case-adjust-bogus-server"
        | "option http-keep-alive"
        | "option http-server-close"
        | "option httpclose"
        | "check-proto"
        | "max-reuse"
        | "pool-low-conn"
        | "pool-max-conn"
        | "pool-purge-delay"
        | "proto"
        | "ws" => InTcp::Silent,
        "redir" | "use-fcgi-app" => InTcp::Refused,
        word if word.starts_with("proto ") => InTcp::Refused,
        _ => InTcp::Warned,
    }
}

/// What stands after `word` in `global`.
#[must_use]
pub fn of_global(word: &str) -> Form {
    match word {
        "noepoll"
        | "noevports"
        | "nogetaddrinfo"
        | "nokqueue"
        | "nopoll"
        | "noreuseport"
        | "no-memory-trimming"
        | "set-dumpable"
        | "insecure-setuid-wanted" => Form::Alone,
        "profiling.tasks" => Form::OneOf(&["on", "auto", "off"]),
        "profiling.memory" => ON_OFF,
        "cluster-secret" => Form::Text,
        "h1-case-adjust" => Form::HeaderCase,
        "ssl-provider" => Form::OneOf(&["default", "base", "fips", "legacy", "null"]),
        "ssl-propquery" | "ssl-provider-path" => Form::Text,
        "lua-prepend-path" => {
            Form::Words(&[Form::Text, Form::Options(&[("path", Form::Any), ("cpath", Form::Any)])])
        }
        "httpclient.ssl.verify" => Form::OneOf(&["none", "required"]),
        "httpclient.resolvers.prefer" => Form::OneOf(&["ipv4", "ipv6"]),
        "h1-case-adjust-file" | "lua-load" | "lua-load-per-thread" | "ssl-dh-param-file" => {
            Form::File
        }
        "issuers-chain-path" => Form::Directory,
        "close-spread-time" => Form::TimeOrInfinite,
        "maxcompcpuusage" => Form::Number(0, 100),
        "ssl-load-extra-files" => BESIDE,
        "thread-group" | "thread-groups" => Form::Digits(1, i64::MAX),
        "maxcomprate" | "maxzlibmem" => SIGNED,
        "maxsslconn" | "maxsslrate" | "mworker-max-reloads" | "nbproc" => ANY_NUMBER,
        _ => of_tuning(word),
    }
}

fn of_tuning(word: &str) -> Form {
    match word {
        "tune.ssl.force-private-cache" => Form::Alone,
        "tune.listener.multi-queue" => Form::OneOf(&["on", "off", "fair"]),
        "tune.fd.edge-triggered"
        | "tune.idle-pool.shared"
        | "tune.sched.low-latency"
        | "tune.ssl.keylog" => ON_OFF,
        "tune.lua.session-timeout" | "tune.lua.service-timeout" | "tune.lua.task-timeout" => TIME,
        "tune.lua.maxmem" => DIGITS,
        "tune.lua.forced-yield"
        | "tune.vars.global-max-size"
        | "tune.vars.proc-max-size"
        | "tune.vars.reqres-max-size"
        | "tune.vars.sess-max-size"
        | "tune.vars.txn-max-size" => Form::Maybe(&DIGITS),
        "tune.ssl.lifetime" => SECONDS,
        "tune.pool-high-fd-ratio" | "tune.pool-low-fd-ratio" => Form::Number(0, 100),
        "tune.fail-alloc" => Form::Maybe(&Form::Number(0, 100)),
        "tune.peers.max-updates-at-once" => Form::Number(1, i64::MAX),
        "tune.http.maxhdr" => Form::Number(1, 32_767),
        "tune.h2.header-table-size" => Form::Number(4096, 65_536),
        "tune.h2.max-frame-size" => Form::Number(16_384, 16_777_215),
        "tune.idletimer" => Form::Time(65_535),
        "tune.ssl.default-dh-param" => Form::Number(1024, i64::MAX),
        "tune.buffers.limit"
        | "tune.buffers.reserve"
        | "tune.http.cookielen"
        | "tune.http.logurilen"
        | "tune.maxpollevents"
        | "tune.recv_enough"
        | "tune.runqueue-depth" => SIGNED,
        "tune.comp.maxlevel" => Form::Number(1, 9),
        "tune.maxrewrite"
        | "tune.pattern.cache-size"
        | "tune.ssl.cachesize"
        | "tune.ssl.capture-buffer-size"
        | "tune.ssl.capture-cipherlist-size"
        | "tune.ssl.hard-maxrecord"
        | "tune.ssl.maxrecord"
        | "tune.ssl.ssl-ctx-cache-size" => ANY_NUMBER,
        "tune.h2.initial-window-size" | "tune.h2.max-concurrent-streams" => {
            Form::Maybe(&ANY_NUMBER)
        }
        _ => Form::Any,
    }
}

/// What stands after `option WORD`.
#[must_use]
pub fn of_option(word: &str) -> Form {
    match word {
        "contstats" | "splice-auto" | "splice-request" | "splice-response" => Form::Alone,
        _ => Form::Any,
    }
}

/// What stands after `word` in a proxy.
#[must_use]
pub fn of_proxy(word: &str) -> Form {
    match word {
        "compression" => COMPRESSION,
        "cookie" => COOKIE,
        "capture" => CAPTURE,
        "declare" => DECLARE,
        "email-alert" => EMAIL_ALERT,
        "redirect" => REDIRECT,
        "description"
        | "dynamic-cookie-key"
        | "http-error"
        | "http-send-name-header"
        | "monitor"
        | "stats"
        | "unique-id-header" => Form::Text,
        "errorfile" => Form::StatusFile,
        "errorloc" | "errorloc302" | "errorloc303" => Form::StatusText,
        "errorfiles" => Form::ErrorSection,
        "http-reuse" => Form::OneOf(&["never", "safe", "aggressive", "always"]),
        "max-keep-alive-queue" => DIGITS,
        "max-session-srv-conns" => SIGNED,
        _ => Form::Any,
    }
}

/// What stands after `balance` and `word`, which is about HTTP.
#[must_use]
pub fn of_balance(word: &str) -> Form {
    const COUNT: Form = Form::Number(1, i64::MAX);
    match word {
        "uri" => Form::Options(&[
            ("len", COUNT),
            ("depth", COUNT),
            ("path-only", Form::Any),
            ("whole", Form::Any),
        ]),
        "url_param" => {
            Form::Words(&[Form::Text, Form::Options(&[("check_post", Form::Maybe(&ANY_NUMBER))])])
        }
        _ => Form::Options(&[("use_domain_only", Form::Any)]),
    }
}

/// The argument of `word` in a `bind` line.
#[must_use]
pub fn of_bind(word: &str) -> Form {
    match word {
        "nice" => Form::Number(-1024, 1024),
        "shards" => Form::NumberOr(1, 64, &["by-thread", "by-group"]),
        "expose-fd" => Form::OneOf(&["listeners"]),
        "level" => Form::OneOf(&["user", "operator", "admin"]),
        "severity-output" => Form::OneOf(&["none", "number", "string"]),
        "process" | "thread" => Form::Threads,
        "proto" => MUXES,
        "idle-ping" => TIME,
        "ktls" | "ocsp-update" => ON_OFF,
        "quic-socket" => Form::OneOf(&["connection", "listener"]),
        "tcp-ss" => Form::OneOf(&["0", "1", "2"]),
        _ => Form::Text,
    }
}

/// The argument of `word` in a `server` line.
#[must_use]
pub fn of_server(word: &str) -> Form {
    match word {
        "log-proto" => Form::OneOf(&["legacy", "octet-count"]),
        "check-proto" | "proto" => MUXES,
        "ws" => Form::OneOf(&["auto", "h1", "h2"]),
        "pool-max-conn" => Form::Number(-1, i64::MAX),
        "idle-ping" | "pool-purge-delay" => TIME,
        "ktls" => ON_OFF,
        _ => Form::Text,
    }
}
