//! Pure: what stands before a log message, and how much of it is sent.
//!
//! ```text
//! local     <134>Nov 21 03:48:43 haproxy[1928]: msg
//! rfc3164   <134>Nov 21 03:48:43 localhost haproxy[1928]: msg
//! rfc5424   <134>1 2026-11-21T03:48:43.939654+00:00 - haproxy 1928 - - msg
//! priority  <134>msg
//! short     <6>msg
//! timed     <6>2026-11-21T03:48:43.939654+00:00 msg
//! iso       2026-11-21T03:48:43.939654+00:00 msg
//! raw       msg
//! ```
//! `localhost` and `-` stand for a host name that was not asked for. Bound: a line is at most the
//! target's `len` bytes, and one more for the newline that ends it; where it goes to a ring, that many
//! after the header. Bytes below a space would let a
//! server or an operator forge lines; they are shown as `<0A>`, as HAProxy shows such bytes of its
//! servers. All of it was compared with HAProxy 2.6.12.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

use crate::config::model::{Log, LogFraming, LogLevel, LogSink, LogTarget};
use crate::telemetry::digits;
use crate::telemetry::time::LocalTime;

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `log-tag`, or the program's name.
    pub tag: String,
    /// `log-send-hostname`, already looked up; `None`: not sent.
    pub hostname: Option<String>,
    /// The process.
    pub pid: u32,
}

impl Identity {
    /// It, as lines of `log` name it.
    #[must_use]
    pub fn of(&self, log: &Log) -> Cow<'_, Self> {
        match log.tag.as_deref() {
            Some(tag) => Cow::Owned(Self { tag: tag.into(), ..self.clone() }),
            None => Cow::Borrowed(self),
        }
    }
}

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The message.
    pub message: &'a str,
    /// RFC 5424's structured data; empty: none.
    pub structured: &'a str,
}

/// The severity a message of `level` is sent to `target` with; `None`: the target does not want it.
#[must_use]
pub fn severity(target: &LogTarget, level: LogLevel) -> Option<LogLevel> {
    (level <= target.level).then(|| level.max(target.minlevel))
}

/// Replaces `out` by the whole line for `target`, newline included.
pub fn frame(
    out: &mut String,
    target: &LogTarget,
    severity: LogLevel,
    now: SystemTime,
    identity: &Identity,
    time: &mut LocalTime,
    said: Said<'_>,
) {
    out.clear();
    let structured = if said.structured.is_empty() { "-" } else { said.structured };
    push_header(out, target, severity, now, identity, time, structured);
    // Rings cut the whole line at lengths of their own.
    let header = match target.sink {
        LogSink::Ring(_) | LogSink::Stream(_) => out.len(),
        _ => 0,
    };
    push_message(out, said.message);
    truncate(out, header + target.len);
    out.push('\n');
}

fn push_header(
    out: &mut String,
    target: &LogTarget,
    severity: LogLevel,
    now: SystemTime,
    identity: &Identity,
    time: &mut LocalTime,
    structured: &str,
) {
    let Identity { tag, hostname, pid } = identity;
    let hostname = hostname.as_deref();
    let bracketed = |out: &mut String, number: u16| {
        out.push('<');
        digits::push(out, number);
        out.push('>');
    };
    let named = |out: &mut String| {
        for piece in [" ", tag, "["] {
            out.push_str(piece);
        }
        digits::push(out, *pid);
        out.push_str("]: ");
    };
    let priority = u16::from(target.facility.number()) * 8 + severity as u16;
    match target.framing {
        LogFraming::Local => {
            bracketed(out, priority);
            time.push_bsd(now, out);
            named(out);
        }
        LogFraming::Rfc3164 => {
            bracketed(out, priority);
            time.push_bsd(now, out);
            out.push(' ');
            out.push_str(hostname.unwrap_or("localhost"));
            named(out);
        }
        LogFraming::Rfc5424 => {
            bracketed(out, priority);
            out.push_str("1 ");
            time.push_iso(now, out);
            // Writing to a string cannot fail.
            let _ = write!(out, " {} {tag} {pid} - {structured} ", hostname.unwrap_or("-"));
        }
        LogFraming::Priority => bracketed(out, priority),
        LogFraming::Short => bracketed(out, severity as u16),
        LogFraming::Timed => {
            bracketed(out, severity as u16);
            time.push_iso(now, out);
            out.push(' ');
        }
        LogFraming::Iso => {
            time.push_iso(now, out);
            out.push(' ');
        }
        LogFraming::Raw => {}
    }
}

/// Appends the message; control characters become `<0A>`.
fn push_message(out: &mut String, message: &str) {
    // Looks at all of them: many at once.
    if !message.bytes().fold(false, |found, byte| found | byte.is_ascii_control()) {
        out.push_str(message);
        return;
    }
    for piece in message.split_inclusive(|c: char| c.is_ascii_control()) {
        let Some(last) = piece.bytes().last().filter(u8::is_ascii_control) else {
            out.push_str(piece);
            continue;
        };
        out.push_str(&piece[..piece.len() - 1]);
        // Writing to a string cannot fail.
        let _ = write!(out, "<{last:02X}>");
    }
}

/// Cuts at `len` bytes, or before the character that stands there.
fn truncate(out: &mut String, len: usize) {
    out.truncate(out.floor_char_boundary(len));
}

#[cfg(test)]
mod tests;
