//! What HAProxy 2.6.12 wrote of such a session.

use std::sync::Arc;

use super::*;
use crate::config::model::{LogFormat, SessionLog};
use crate::pure::sample::testing::Nowhere;
use crate::pure::session::termination::Termination;
use crate::telemetry::record::Connections;

fn format(text: &str) -> Format {
    Format::parse(text, &mut Nowhere).expect("a format")
}

fn record() -> Record {
    let log = SessionLog {
        structured: None,
        to: Default::default(),
        format: LogFormat::Tcp,
        error_format: None,
        unique_id: None,
        dontlognull: false,
        dontlog_normal: false,
        separate_errors: false,
        logasap: false,
    };
    let addr = |text: &str| text.parse().expect("an address");
    Record {
        log: Arc::new(log),
        client: Client::Tcp(addr("127.0.0.1:42558")),
        destination: Some(addr("127.0.0.1:15516")),
        accepted: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_265_227_512),
        queue: Some(Duration::from_millis(1)),
        connect: Some(Duration::from_millis(2)),
        total: Duration::from_millis(10),
        frontend: "f".into(),
        backend: Some("f".into()),
        server: Some("s".into()),
        tls: false,
        exchange: None,
        bytes_in: 5,
        bytes_out: 6,
        termination: Termination::NORMAL,
        connections: Connections { process: 1, frontend: 1, backend: 0, server: 0 },
        retries: 1,
        redispatched: true,
        server_queue: 0,
        backend_queue: 2,
        moment: Moment::End,
        level: None,
        refusal: None,
        details: Some(Box::new(Details {
            samples: vec![None, None, Some(r"a\]x".to_owned())],
            captures: Vec::new(),
            unique_id: Some("id".into()),
            source: Some(addr("127.0.0.1:37788")),
            server: Some(addr("[::1]:15515")),
            ..Details::default()
        })),
    }
}

fn line(record: &Record, text: &str) -> String {
    let writer = Writer { pid: 0x7f4b, line: 3, absent: Absent::Dash };
    let mut out = String::new();
    let mut time = LocalTime::new(TimeZone::UTC);
    push(record, &format(text), writer, &mut time, &mut out).expect("strings take everything");
    out
}

/// As configuration.txt of 3.0 describes it.
#[test]
fn an_object_of_json_has_values_of_their_kinds() {
    let mut record = record();
    let text = "%{+json}o %(ip)ci %(port)cp %(bytes)B %(rc)rc %(ms)ms %(cipher)sslc %(how)ts \
                %(t:sint)b %(ac:bool)ac %(a)[str(x)] %(b:sint)[str(x)] %(c)[str(x)] %{+Q}[src]";
    assert_eq!(
        line(&record, text),
        r#"{"ip": "127.0.0.1", "port": 42558, "bytes": 6, "rc": 1, "ms": 512, "cipher": null, "#
            .to_owned()
            + r#""how": "--", "t": null, "ac": true, "a": null, "b": null, "c": "a\\]x"}"#
    );
    record.moment = Moment::Connected;
    assert_eq!(line(&record, "%{+json}B,%{+json,+Q}b"), "6,\"f\"");
}

#[test]
fn values_look_as_in_haproxy() {
    for (text, expected) in [
        ("  a   b=%b 100%% end   ", "a b=f 100% end "),
        ("%{+X}ci,%{+X}cp,%{+X}pid,%{+X}rt,%{+X}ms", "7F000001,A63E,7F4B,0000,200"),
        ("%{+X}si", "00000000000000000000000000000001"),
        ("%{+Q}o %b/%s %B %cp %ts %Tw", "\"f\"/\"s\" 6 42558 -- 1"),
        ("%hr|%hsl| ST=%ST tsc=%tsc lc=%lc", "|| ST=0 tsc=---- lc=3"),
        ("%sslc,%sslv,%{+Q}sslc", "-,-,\"\""),
        (
            "%T|%Tl|%t|%ms",
            "21/Nov/2026:12:47:07 +0000|21/Nov/2026:12:47:07 +0000|21/Nov/2026:12:47:07.512|512",
        ),
        ("%Tc/%Td/%Th/%Tt/%Tu/%U/%rc/%bq", "2/7/0/10/10/5/+1/2"),
        ("%fi:%fp %bi:%bp %si:%sp", "127.0.0.1:15516 127.0.0.1:37788 ::1:15515"),
        ("%[var(sess.no)] %{+Q}[var(sess.no)] %{+E}[str(x)]", r#"- "" a\\\]x"#),
        ("%ID %{+Q}ID", "id \"id\""),
    ] {
        assert_eq!(line(&record(), text), expected, "{text}");
    }
}

#[test]
fn what_is_absent_is_shown_in_lines_only() {
    let mut out = String::new();
    let writer = Writer { pid: 1, line: 0, absent: Absent::Nothing };
    let (mut time, format) = (LocalTime::new(TimeZone::UTC), format("<%[var(sess.no)]%sslc>"));
    push(&record(), &format, writer, &mut time, &mut out).expect("strings take everything");
    assert_eq!(out, "<>");
}
