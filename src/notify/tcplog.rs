//! Pure: a session's record as HAProxy's log line.
//!
//! ```text
//! 127.0.0.1:48548 [21/Nov/2026:07:49:09.194] fe be/s1 0/0/1 6 -- 1/1/0/0/0 0/0
//! client          [accepted]                 %ft %b/%s Tw/Tc/Tt bytes-out %ts
//!                                     connections: process/frontend/backend/server/retries
//!                                                           queued: server/backend
//! ```
//! Compared with HAProxy 2.6.12, whose `Tw` is one millisecond too high; ours is not.

use std::fmt::Write as _;
use std::time::Duration;

use super::framing::Identity;
use crate::config::model::{LogFormat, LogLevel};
use crate::pure::session::termination::Cause;
use crate::telemetry::digits;
use crate::telemetry::record::{Client, Moment, Record, Refused, Why};
use crate::telemetry::time::LocalTime;
use crate::telemetry::written::{self, Absent, Writer};

/// Severity of the record's line; `None`: the frontend's options say that it is not logged.
#[must_use]
pub fn severity(record: &Record) -> Option<LogLevel> {
    usual_severity(record).map(|usual| record.level.unwrap_or(usual))
}

/// The severity where no rule says another.
fn usual_severity(record: &Record) -> Option<LogLevel> {
    let log = &record.log;
    if let Some(Refused { why: Why::Tls(why), .. }) = record.refusal {
        return match (log.dontlognull && why.is_null(), log.separate_errors) {
            (true, _) => None,
            (_, true) => Some(LogLevel::Err),
            _ => Some(LogLevel::Info),
        };
    }
    if log.format == LogFormat::Connect {
        return Some(LogLevel::Info);
    }
    if log.dontlognull && record.bytes_in == 0 {
        return None;
    }
    // A retry alone makes a session worth a look, even when it ended well.
    let wrong = match &record.exchange {
        Some(it) if record.termination.cause == Cause::Local => it.status >= Some(500),
        _ => record.termination.is_error() || record.redispatched || record.retries > 0,
    };
    match (wrong, log.dontlog_normal, log.separate_errors) {
        (false, true, _) => None,
        (true, _, true) => Some(LogLevel::Err),
        _ => Some(LogLevel::Info),
    }
}

/// Who writes a line.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// The process.
    pub identity: &'a Identity,
    /// The frontend's lines before this one.
    pub line: u64,
}

/// Appends the line in the frontend's format, without its end.
pub fn push_line(record: &Record, speaker: Speaker<'_>, time: &mut LocalTime, out: &mut String) {
    let log = &record.log;
    let written = match &record.refusal {
        Some(_) => log.error_format.as_deref(),
        None => log.format.written(),
    };
    // Writing to a string cannot fail.
    let _ = match (&record.refusal, written, &log.format) {
        (_, Some(format), _) => {
            let pid = speaker.identity.pid;
            let writer = Writer { pid, line: speaker.line, absent: Absent::Dash };
            written::push(record, format, writer, time, out)
        }
        (Some(refused), None, _) => push_refused(record, refused, time, out),
        (None, None, LogFormat::Connect) => push_connect(record, out),
        (None, None, _) => {
            push_tcp(record, time, out);
            Ok(())
        }
    };
}

/// Appends the structured data of the line, where the frontend has a format for it.
pub fn push_structured(
    record: &Record,
    speaker: Speaker<'_>,
    time: &mut LocalTime,
    out: &mut String,
) {
    if let Some(format) = &record.log.structured {
        let pid = speaker.identity.pid;
        let writer = Writer { pid, line: speaker.line, absent: Absent::Dash };
        // Writing to a string cannot fail.
        let _ = written::push_structured(record, format, writer, time, out);
    }
}

/// The line of a frontend without `option tcplog`.
fn push_connect(record: &Record, out: &mut String) -> std::fmt::Result {
    let frontend = &record.frontend;
    let mode = if record.exchange.is_some() { "HTTP" } else { "TCP" };
    match (record.client, record.destination) {
        (client @ Client::Tcp(_), Some(to)) => {
            out.push_str("Connect from ");
            push_client(client, out);
            write!(out, " to {}:{} ({frontend}/{mode})", to.ip(), to.port())
        }
        (client, _) => {
            out.push_str("Connect to ");
            push_client(client, out);
            write!(out, " ({frontend}/{mode})")
        }
    }
}

/// The line of `option tcplog`.
fn push_tcp(record: &Record, time: &mut LocalTime, out: &mut String) {
    push_client(record.client, out);
    out.push_str(" [");
    time.push_accept(record.accepted, out);
    let tls = if record.tls { "~" } else { "" };
    let backend = record.backend.as_ref().unwrap_or(&record.frontend);
    let server = record.server.as_deref().unwrap_or("<NOSRV>");
    for piece in ["] ", &record.frontend, tls, " ", backend, "/", server, " "] {
        out.push_str(piece);
    }
    push_timer(record.queue, out);
    out.push('/');
    push_timer(record.connect, out);
    // Still growing: the session was logged once connected.
    let growing = if record.moment == Moment::Connected { "+" } else { "" };
    out.push('/');
    out.push_str(growing);
    digits::push_millis(out, record.total);
    out.push(' ');
    out.push_str(growing);
    digits::push(out, record.bytes_out);
    out.push(' ');
    out.extend(record.termination.letters());
    out.push(' ');
    let open = record.connections;
    for count in [open.process, open.frontend, open.backend, open.server] {
        digits::push(out, count);
        out.push('/');
    }
    if record.redispatched {
        out.push('+');
    }
    digits::push(out, record.retries);
    out.push(' ');
    digits::push(out, record.server_queue);
    out.push('/');
    digits::push(out, record.backend_queue);
}

/// The line of a connection whose PROXY header or handshake was refused.
fn push_refused(
    record: &Record,
    refused: &Refused,
    time: &mut LocalTime,
    out: &mut String,
) -> std::fmt::Result {
    push_client(record.client, out);
    out.push_str(" [");
    time.push_accept(record.accepted, out);
    write!(out, "] {}/{}: {}", record.frontend, refused.listener, refused.why)
}

/// Address and port, IPv6 without brackets; the listener's number for a Unix socket.
fn push_client(client: Client, out: &mut String) {
    match client {
        Client::Tcp(addr) => {
            digits::push_ip(out, addr.ip());
            out.push(':');
            digits::push(out, addr.port());
        }
        Client::Unix { listener } => {
            out.push_str("unix:");
            digits::push(out, listener);
        }
    }
}

/// Whole milliseconds, `-1` for what was never reached.
fn push_timer(timer: Option<Duration>, out: &mut String) {
    match timer {
        Some(timer) => digits::push_millis(out, timer),
        None => out.push_str("-1"),
    }
}

#[cfg(test)]
mod tests;
