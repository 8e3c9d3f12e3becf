//! Framed lines by themselves and beside those of a real HAProxy.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
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
        sample: None,
    }
}

fn framed(target: &LogTarget, hostname: Option<&str>, message: &str) -> String {
    let identity =
        Identity { tag: "haproxy".to_owned(), hostname: hostname.map(str::to_owned), pid: 10928 };
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
        Said { message, structured: "" },
    );
    out
}

#[test]
fn headers_are_haproxys() {
    let iso = "2026-11-21T07:50:21.815397+00:00";
    let table = [
        (LogFraming::Local, "<25>Nov 21 07:50:21 haproxy[10928]: m\n".to_owned()),
        (LogFraming::Rfc3164, "<25>Nov 21 07:50:21 localhost haproxy[10928]: m\n".to_owned()),
        (LogFraming::Rfc5424, format!("<25>1 {iso} - haproxy 10928 - - m\n")),
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
    assert_eq!(named(LogFraming::Local), "<25>Nov 21 07:50:21 haproxy[10928]: m\n");
    assert_eq!(named(LogFraming::Rfc3164), "<25>Nov 21 07:50:21 db1 haproxy[10928]: m\n");
    assert_eq!(named(LogFraming::Rfc5424), format!("<25>1 {iso} db1 haproxy 10928 - - m\n"));
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
    assert_eq!(framed(&raw, None, "a\n<0>b\r\n\u{7f}é"), "a<0A><0>b<0D><0A><7F>é\n");
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

/// Every framing, and cut lines of those with a header.
fn compared() -> Vec<LogTarget> {
    let framings = [
        LogFraming::Local,
        LogFraming::Rfc3164,
        LogFraming::Rfc5424,
        LogFraming::Priority,
        LogFraming::Short,
        LogFraming::Timed,
        LogFraming::Iso,
        LogFraming::Raw,
    ];
    let cut = |framing| LogTarget { len: 80, ..target(framing) };
    let raised = LogTarget { minlevel: LogLevel::Crit, ..target(LogFraming::Short) };
    framings.map(target).into_iter().chain(framings.map(cut)).chain([raised]).collect()
}

/// Digits and the month vary from run to run; the widths do not.
fn masked(line: &str) -> String {
    let months = crate::telemetry::time::MONTHS;
    let line = months.iter().fold(line.to_owned(), |line, month| line.replace(month, "Mon"));
    line.replace(|c: char| c.is_ascii_digit(), "0")
}

/// Starts HAProxy with a server that refuses its check, logging to `log` in all framings.
fn start_haproxy(log: SocketAddr, dead: SocketAddr) -> std::io::Result<Child> {
    let name = |framing| format!("{framing:?}").to_lowercase();
    let logs: String = compared()
        .iter()
        .map(|to| {
            let minlevel = to.minlevel.name();
            let (len, framing) = (to.len, name(to.framing));
            format!(" log {log} len {len} format {framing} daemon debug {minlevel}\n")
        })
        .collect();
    let config = format!(
        "global\n{logs}defaults\n mode tcp\n log global\n timeout connect 1s\n \
         timeout client 1s\n timeout server 1s\nlisten be\n bind abns@evenkeel-framing-{}\n \
         server s1 {dead} check\n",
        std::process::id()
    );
    let mut command = Command::new("haproxy");
    command.args(["-db", "-q", "-f", "/dev/stdin"]).stdin(Stdio::piped()).env("TZ", "UTC");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().expect("piped").write_all(config.as_bytes())?;
    Ok(child)
}

#[test]
fn lines_are_framed_and_cut_as_haproxy_does() {
    let log = UdpSocket::bind("127.0.0.1:0").expect("a port");
    log.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // No other test binds this address, so that nobody takes the port.
    let dead = TcpListener::bind("127.20.0.1:0").expect("a port");
    let dead_addr = dead.local_addr().expect("bound");
    drop(dead);
    let mut haproxy = match start_haproxy(log.local_addr().expect("bound"), dead_addr) {
        Ok(haproxy) => haproxy,
        Err(error) => {
            eprintln!("skipped: haproxy does not start here: {error}");
            return;
        }
    };
    let mut buf = [0; 2048];
    let theirs: Vec<_> = compared()
        .iter()
        .map(|_| log.recv(&mut buf).map(|len| String::from_utf8_lossy(&buf[..len]).into_owned()))
        .collect();
    let identity = Identity { tag: "haproxy".to_owned(), hostname: None, pid: haproxy.id() };
    haproxy.kill().expect("it runs");
    haproxy.wait().expect("it ends");
    let message = "Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection \
                   refused\", check duration: 0ms. 0 active and 0 backup servers left. 0 sessions \
                   active, 0 requeued, 0 remaining in queue.";
    let mut time = LocalTime::new(TimeZone::UTC);
    for (target, theirs) in compared().iter().zip(theirs) {
        let severity = severity(target, LogLevel::Alert).expect("wanted");
        let mut ours = String::new();
        let now = SystemTime::now();
        frame(
            &mut ours,
            target,
            severity,
            now,
            &identity,
            &mut time,
            Said { message, structured: "" },
        );
        assert_eq!(masked(&ours), masked(&theirs.expect("a line in time")), "{target:?}");
    }
}
