use super::super::testing::{End, Row, dialogue, served};
use crate::pure::probe::kind::{CheckKind, MysqlDialect};
use crate::pure::probe::{Close, Input, Opening, Step};

fn greeting_only() -> CheckKind {
    CheckKind::Mysql { user: None }
}

fn with_user(dialect: MysqlDialect) -> CheckKind {
    CheckKind::Mysql { user: Some(("u".to_owned(), dialect)) }
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, ..] = payload.len().to_le_bytes();
    [&[low, middle, high, sequence], payload].concat()
}

fn greeting() -> Vec<u8> {
    packet(0, b"\x0a10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0\xff\xf7")
}

#[test]
fn logins_as_haproxy_sends_them() {
    let sent = |dialect| match &dialogue(&with_user(dialect), &[Input::Start, Input::Connected])[1]
    {
        Step::Send(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let quit = b"\x01\0\0\0\x01";
    let reserved = [0; 23];
    let pre41 = [b"\x08\0\0\x01\0\x80\0\0\x01u\0\0".as_slice(), quit].concat();
    assert_eq!(sent(MysqlDialect::Pre41), pre41);
    let head = b"\x23\0\0\x01\0\x82\0\0\0\x80\0\x01\x21";
    let post41 = [head.as_slice(), &reserved, b"u\0\0", quit].concat();
    assert_eq!(sent(MysqlDialect::Post41), post41);
    assert_eq!(post41.len(), 44, "the size strace shows for HAProxy 2.6");
    let head = b"\x39\0\0\x01\0\x82\x08\0\0\x80\0\x01\x21";
    let plugin = b"u\0\0mysql_native_password\0";
    assert_eq!(sent(MysqlDialect::Post80), [head.as_slice(), &reserved, plugin, quit].concat());
}

#[test]
fn ends_politely_and_listens_first_without_a_user() {
    let start = |kind| match &dialogue(&kind, &[Input::Start])[0] {
        Step::Connect(connect) => (connect.close, connect.opening),
        other => panic!("{other:?}"),
    };
    assert_eq!(start(greeting_only()), (Close::Polite, Opening::Theirs));
    assert_eq!(start(with_user(MysqlDialect::Post41)), (Close::Polite, Opening::Ours));
}

#[test]
fn greetings_as_haproxy_2_6_judges_them() {
    let blocked = packet(0, b"\xff\x69\x04Host 127.0.0.1 is blocked; unblock");
    let too_many = packet(0, b"\xff\x10\x04#08004Too many connections");
    let huge = packet(0, &[b"\x0a".as_slice(), &[b'8'; 3000]].concat());
    let never_ending = [b"\xff\xff\xff\0\x0a".as_slice(), &[b'8'; 20_000]].concat();
    let version = "10.11.6-MariaDB";
    let silence = "TCPCHK got an empty response at step 2";
    let rows: [Row<'_>; 12] = [
        (&greeting(), End::Hang, "L7OK", Some(0), version),
        (&greeting(), End::Close, "L7OK", Some(0), version),
        (&blocked, End::Close, "L7STS", Some(1129), "Host 127.0.0.1 is blocked; unblock"),
        (&too_many, End::Close, "L7STS", Some(1040), "#08004Too many connections"),
        (b"\x01\0", End::Close, "L7RSP", None, ""),
        (b"\x01\0", End::Hang, "L7TOUT", None, ""),
        (&greeting()[..20], End::Close, "L7RSP", None, ""),
        (b"HTTP/1.0 400 Bad\r\n\r\n", End::Close, "L7RSP", None, ""),
        (b"", End::Close, "L7RSP", None, silence),
        (b"", End::Reset, "SOCKERR", None, "Connection reset by peer"),
        (&huge, End::Hang, "L7OK", Some(0), &"8".repeat(127)),
        (&never_ending, End::Hang, "L7RSP", None, ""),
    ];
    for (answer, end, status, code, info) in rows {
        let verdict = served(&greeting_only(), &[answer], end);
        assert_eq!(verdict, (status, code, info.to_owned()));
    }
}

#[test]
fn logins_as_haproxy_2_6_judges_them() {
    let and = |payload: &[u8]| [greeting(), packet(2, payload)].concat();
    let denied = "#28000Access denied for user";
    let rows: [Row<'_>; 7] = [
        (&and(b"\0\0\0\x02\0\0\0"), End::Hang, "L7OK", Some(0), "10.11.6-MariaDB"),
        (&and(b"\xfemysql_native_password\0x\0"), End::Hang, "L7OK", Some(0), "10.11.6-MariaDB"),
        (&and(b"\xff\x15\x04#28000Access denied for user"), End::Hang, "L7STS", Some(1045), denied),
        (&greeting(), End::Hang, "L7TOUT", None, ""),
        (&greeting(), End::Close, "L7RSP", None, ""),
        (&greeting(), End::Reset, "L7RSP", None, ""),
        (&packet(0, b"\xff\x69"), End::Close, "L7STS", Some(105), ""),
    ];
    for (answer, end, status, code, info) in rows {
        let verdict = served(&with_user(MysqlDialect::Post41), &[answer], end);
        assert_eq!(verdict, (status, code, info.to_owned()));
    }
}

#[test]
fn an_empty_packet_is_no_answer() {
    let empty = packet(0, b"");
    assert_eq!(served(&greeting_only(), &[&empty], End::Hang).0, "L7RSP");
    let empty_login = [greeting(), packet(2, b"")].concat();
    let kind = with_user(MysqlDialect::Post41);
    assert_eq!(served(&kind, &[&empty_login], End::Hang).0, "L7RSP");
}
