//! Lines as HAProxy 2.6.12 wrote them (its `Tw`, which is one too high, corrected).

use std::sync::Arc;
use std::time::SystemTime;

use jiff::tz::TimeZone;

use super::*;
use crate::config::model::SessionLog;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::telemetry::record::Connections;

mod real;

fn log(format: LogFormat) -> SessionLog {
    SessionLog {
        structured: None,
        to: Default::default(),
        format,
        error_format: None,
        unique_id: None,
        dontlognull: false,
        dontlog_normal: false,
        separate_errors: false,
        logasap: false,
    }
}

/// `echo hello | socat - TCP:127.0.0.1:15001` through an echo server.
fn hello() -> Record {
    Record {
        log: Arc::new(log(LogFormat::Tcp)),
        client: Client::Tcp("127.0.0.1:48548".parse().expect("address")),
        destination: Some("127.0.0.1:15001".parse().expect("address")),
        // 2026-11-21 07:49:09.194 UTC
        accepted: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_247_349_194),
        queue: Some(Duration::ZERO),
        connect: Some(Duration::from_micros(400)),
        total: Duration::from_micros(900),
        frontend: "fe".into(),
        backend: Some("be".into()),
        server: Some("s1".into()),
        tls: false,
        exchange: None,
        bytes_in: 6,
        bytes_out: 6,
        termination: Termination::NORMAL,
        connections: Connections { process: 1, frontend: 1, backend: 0, server: 0 },
        retries: 0,
        redispatched: false,
        server_queue: 0,
        backend_queue: 0,
        moment: Moment::End,
        level: None,
        refusal: None,
        details: None,
    }
}

fn line(record: &Record) -> String {
    let mut out = String::new();
    let identity = Identity { tag: String::new(), hostname: Some("lb".into()), pid: 7 };
    let speaker = Speaker { identity: &identity, line: 0 };
    push_line(record, speaker, &mut LocalTime::new(TimeZone::UTC), &mut out);
    out
}

const NORMAL: &str = "127.0.0.1:48548 [21/Nov/2026:07:49:09.194] fe be/s1 0/0/0 6 -- 1/1/0/0/0 0/0";

#[test]
fn a_normal_session() {
    assert_eq!(line(&hello()), NORMAL);
}

#[test]
fn clients_of_every_family() {
    let mut record = hello();
    record.client = Client::Tcp("[::1]:47718".parse().expect("address"));
    assert_eq!(line(&record), NORMAL.replace("127.0.0.1:48548", "::1:47718"));
    record.client = Client::Tcp("[::ffff:127.0.0.1]:45858".parse().expect("address"));
    assert_eq!(line(&record), NORMAL.replace("127.0.0.1:48548", "::ffff:127.0.0.1:45858"));
    record.client = Client::Unix { listener: 3 };
    record.destination = None;
    assert_eq!(line(&record), NORMAL.replace("127.0.0.1:48548", "unix:3"));
}

#[test]
fn a_frontend_without_backend() {
    let mut record = hello();
    record.frontend = "nobe".into();
    (record.backend, record.server) = (None, None);
    (record.queue, record.connect) = (None, None);
    record.bytes_out = 0;
    record.termination = Termination::new(Cause::ServerAbort, Phase::Connect);
    assert_eq!(
        line(&record),
        "127.0.0.1:48548 [21/Nov/2026:07:49:09.194] nobe nobe/<NOSRV> -1/-1/0 0 SC 1/1/0/0/0 0/0"
    );
}

#[test]
fn a_session_that_got_no_slot() {
    let mut record = hello();
    record.server = None;
    (record.queue, record.connect) = (Some(Duration::from_millis(200)), None);
    record.total = Duration::from_micros(200_700);
    record.bytes_out = 0;
    record.termination = Termination::new(Cause::ServerTimeout, Phase::Queue);
    record.connections = Connections { process: 5, frontend: 5, backend: 4, server: 0 };
    record.backend_queue = 1;
    assert_eq!(
        line(&record),
        "127.0.0.1:48548 [21/Nov/2026:07:49:09.194] fe be/<NOSRV> 200/-1/200 0 sQ 5/5/4/0/0 0/1"
    );
}

#[test]
fn retries_redispatch_tls_and_logasap() {
    let mut record = hello();
    (record.retries, record.redispatched) = (1, true);
    record.tls = true;
    record.moment = Moment::Connected;
    assert_eq!(
        line(&record),
        "127.0.0.1:48548 [21/Nov/2026:07:49:09.194] fe~ be/s1 0/0/+0 +6 -- 1/1/0/0/+1 0/0"
    );
}

#[test]
fn the_line_without_tcplog() {
    let mut record = hello();
    record.log = Arc::new(log(LogFormat::Connect));
    record.frontend = "term".into();
    assert_eq!(line(&record), "Connect from 127.0.0.1:48548 to 127.0.0.1:15001 (term/TCP)");
    record.client = Client::Tcp("[::1]:38878".parse().expect("address"));
    record.destination = Some("[::1]:15005".parse().expect("address"));
    assert_eq!(line(&record), "Connect from ::1:38878 to ::1:15005 (term/TCP)");
    record.client = Client::Unix { listener: 2 };
    record.destination = None;
    assert_eq!(line(&record), "Connect to unix:2 (term/TCP)");
}

#[test]
fn options_decide_what_is_logged_and_how_urgently() {
    let ended = |cause, retries, bytes_in| {
        let mut record = hello();
        record.termination = Termination::new(cause, Phase::Data);
        (record.retries, record.bytes_in) = (retries, bytes_in);
        record
    };
    let info = Some(LogLevel::Info);
    let err = Some(LogLevel::Err);
    // option                                    session                          level
    let table = [
        ((false, false, false), ended(Cause::Normal, 0, 0), info),
        ((true, false, false), ended(Cause::Normal, 0, 0), None),
        ((true, false, false), ended(Cause::Normal, 0, 1), info),
        ((false, true, false), ended(Cause::Normal, 0, 1), None),
        ((false, true, false), ended(Cause::Normal, 1, 1), info),
        ((false, true, false), ended(Cause::ServerAbort, 0, 1), info),
        ((false, false, true), ended(Cause::Normal, 0, 1), info),
        ((false, false, true), ended(Cause::ClientTimeout, 0, 1), err),
        ((false, true, true), ended(Cause::Normal, 1, 1), err),
        ((true, true, true), ended(Cause::ServerAbort, 0, 0), None),
    ];
    for ((dontlognull, dontlog_normal, separate_errors), mut record, level) in table {
        let options =
            SessionLog { dontlognull, dontlog_normal, separate_errors, ..log(LogFormat::Tcp) };
        record.log = Arc::new(options);
        assert_eq!(severity(&record), level, "{:?} {}", record.log, record.termination);
    }
}
