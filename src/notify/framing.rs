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
//! target's `len` bytes, and one more for the newline that ends it. Bytes below a space would let a
//! server or an operator forge lines; they are shown as `<0A>`, as HAProxy shows such bytes of its
//! servers. All of it was compared with HAProxy 2.6.12.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::time::LocalTime;
use crate::config::model::{LogFraming, LogLevel, LogTarget};

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
    message: &str,
) {
    out.clear();
    push_header(out, target, severity, now, identity, time);
    push_message(out, message);
    truncate(out, target.len);
    out.push('\n');
}

fn push_header(
    out: &mut String,
    target: &LogTarget,
    severity: LogLevel,
    now: SystemTime,
    identity: &Identity,
    time: &mut LocalTime,
) {
    let Identity { tag, hostname, pid } = identity;
    let hostname = hostname.as_deref();
    let priority = u16::from(target.facility.number()) * 8 + severity as u16;
    // Writing to a string cannot fail.
    match target.framing {
        LogFraming::Local => {
            let _ = write!(out, "<{priority}>");
            time.push_bsd(now, out);
            let _ = write!(out, " {tag}[{pid}]: ");
        }
        LogFraming::Rfc3164 => {
            let _ = write!(out, "<{priority}>");
            time.push_bsd(now, out);
            let _ = write!(out, " {} {tag}[{pid}]: ", hostname.unwrap_or("localhost"));
        }
        LogFraming::Rfc5424 => {
            let _ = write!(out, "<{priority}>1 ");
            time.push_iso(now, out);
            let _ = write!(out, " {} {tag} {pid} - - ", hostname.unwrap_or("-"));
        }
        LogFraming::Priority => {
            let _ = write!(out, "<{priority}>");
        }
        LogFraming::Short => {
            let _ = write!(out, "<{}>", severity as u16);
        }
        LogFraming::Timed => {
            let _ = write!(out, "<{}>", severity as u16);
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
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::model::{Facility, LogSink};

    fn target(framing: LogFraming) -> LogTarget {
        LogTarget {
            sink: LogSink::Stdout,
            framing,
            len: 1024,
            facility: Facility::from_name("daemon").expect("known"),
            level: LogLevel::Debug,
            minlevel: LogLevel::Emerg,
        }
    }

    fn framed(target: &LogTarget, hostname: Option<&str>, message: &str) -> String {
        let identity = Identity {
            tag: "haproxy".to_owned(),
            hostname: hostname.map(str::to_owned),
            pid: 10928,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_247_421_815_397);
        let mut time = LocalTime::new(TimeZone::UTC);
        let mut out = "left over".to_owned();
        frame(
            &mut out,
            target,
            LogLevel::Alert,
            now,
            &identity,
            &mut time,
            message,
        );
        out
    }

    #[test]
    fn headers_are_haproxys() {
        let iso = "2026-11-21T07:50:21.815397+00:00";
        let table = [
            (
                LogFraming::Local,
                "<25>Nov 21 07:50:21 haproxy[10928]: m\n".to_owned(),
            ),
            (
                LogFraming::Rfc3164,
                "<25>Nov 21 07:50:21 localhost haproxy[10928]: m\n".to_owned(),
            ),
            (
                LogFraming::Rfc5424,
                format!("<25>1 {iso} - haproxy 10928 - - m\n"),
            ),
            (LogFraming::Priority, "<25>m\n".to_owned()),
            (LogFraming::Short, "<1>m\n".to_owned()),
            (LogFraming::Timed, format!("<1>{iso} m\n")),
            (LogFraming::Iso, format!("{iso} m\n")),
            (LogFraming::Raw, "m\n".to_owned()),
        ];
        for (framing, line) in table {
            assert_eq!(framed(&target(framing), None, "m"), line, "{framing:?}");
        }
        let named = |framing| framed(&target(framing), Some("db1"), "m");
        assert_eq!(
            named(LogFraming::Local),
            "<25>Nov 21 07:50:21 haproxy[10928]: m\n"
        );
        assert_eq!(
            named(LogFraming::Rfc3164),
            "<25>Nov 21 07:50:21 db1 haproxy[10928]: m\n"
        );
        assert_eq!(
            named(LogFraming::Rfc5424),
            format!("<25>1 {iso} db1 haproxy 10928 - - m\n")
        );
    }

    #[test]
    fn a_line_is_cut_at_len_and_its_newline_is_kept() {
        let mut short = target(LogFraming::Local);
        short.len = 80;
        let line = framed(&short, None, &"x".repeat(5000));
        assert_eq!(line.len(), 81);
        assert!(line.ends_with("xx\n"));
        let accents = framed(&short, None, &"é".repeat(100));
        assert!(accents.len() <= 81 && accents.ends_with("é\n"), "{accents}");
        short.len = 3;
        assert_eq!(framed(&short, None, "message"), "<25\n");
    }

    #[test]
    fn control_characters_cannot_start_a_line() {
        let raw = target(LogFraming::Raw);
        assert_eq!(
            framed(&raw, None, "a\n<0>b\r\n\u{7f}é"),
            "a<0A><0>b<0D><0A><7F>é\n"
        );
    }

    #[test]
    fn levels_filter_and_are_limited() {
        let mut target = target(LogFraming::Short);
        (target.level, target.minlevel) = (LogLevel::Info, LogLevel::Warning);
        let table = [
            (LogLevel::Emerg, Some(LogLevel::Warning)),
            (LogLevel::Warning, Some(LogLevel::Warning)),
            (LogLevel::Notice, Some(LogLevel::Notice)),
            (LogLevel::Info, Some(LogLevel::Info)),
            (LogLevel::Debug, None),
        ];
        for (level, sent) in table {
            assert_eq!(severity(&target, level), sent, "{level:?}");
        }
    }
}
