//! Check rules as people write them.

use super::*;
use crate::config::raw::{HttpExpect, HttpMatch, HttpSend, Pattern, Payload, Step};

#[test]
fn tcp_check_rules_keep_their_order_and_comments() {
    let config = clean(
        "defaults\n option tcp-check\n tcp-check connect\nbackend inherits\nbackend b\n\
         tcp-check connect port 5 linger\n tcp-check comment ask\n tcp-check send PING\\r\\n\n\
         tcp-check send-binary 0d0A comment nl\n tcp-check expect min-recv 4 !string +PONG\n\
         tcp-check comment told\n tcp-check expect rstring ^x\n tcp-check expect string z\n",
    );
    let script = |index: usize| match value(&config.backends[index].check) {
        Some(CheckKind::Script(steps)) => steps,
        other => panic!("{other:?}"),
    };
    assert!(matches!(script(0).as_slice(), [Step::Connect { port: None, .. }]));
    let steps = script(1);
    assert_eq!(steps.len(), 8);
    assert!(
        matches!(&steps[0], Step::Connect { port: Some(port), linger: true, comment: None, .. } if port.value == "5")
    );
    match (&steps[1], &steps[2], &steps[3]) {
        (
            Step::Comment(ask),
            Step::Send { data: ping, comment: None },
            Step::Send { data: nl, comment: Some(own) },
        ) => {
            assert_eq!(ping.value, Payload::Text(b"PING\r\n".to_vec()));
            assert_eq!(nl.value, Payload::Binary(b"\r\n".to_vec()));
            assert_eq!((ask.value.as_str(), own.value.as_str()), ("ask", "nl"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(&steps[5], Step::Comment(told) if told.value == "told"));
    let expects: Vec<_> = [4, 6, 7]
        .into_iter()
        .map(|at| match &steps[at] {
            Step::Expect(expect) => expect,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(expects[0].pattern.value, Pattern::Text(b"+PONG".to_vec()));
    assert!(expects[0].negated && value(&expects[0].min_recv) == Some(4));
    assert_eq!(expects[1].pattern.value, Pattern::Regex("^x".to_owned()));
    assert!(expects.iter().all(|expect| expect.comment.is_none()));
}

#[test]
fn comments_may_stand_before_the_first_connect() {
    clean(
        "backend b\n option tcp-check\n tcp-check comment a\n tcp-check connect\n tcp-check connect\n",
    );
    let (_, report) = load(
        "backend b\n option tcp-check\n tcp-check comment a\n tcp-check send x\n tcp-check connect\n",
    );
    assert_eq!(messages_of(&report), ["'connect' after rules that already use a connection"]);
}

#[test]
fn servers_choose_checks_by_name() {
    let config = clean(
        "backend b\n server a :1 check healthcheck h\n server c :2 check\n\
         healthcheck h\n type tcp-check\n tcp-check connect\n tcp-check expect string x\n\
         healthcheck m\n type mysql-check user u\n",
    );
    let servers = &config.backends[0].servers;
    let Some(CheckKind::Script(steps)) = value(&servers[0].check_kind) else {
        panic!("{:?}", servers[0].check_kind)
    };
    assert_eq!(steps.len(), 2);
    assert_eq!((&servers[1].check_kind, &config.backends[0].check), (&None, &None));
    for (text, message) in [
        ("backend b\n server a :1 healthcheck n\n", "there is no 'healthcheck' section 'n'"),
        ("healthcheck h\n", "healthcheck 'h' has no type"),
        ("healthcheck h\n type spop-check\n", "'spop-check' is unknown after 'type'"),
        ("healthcheck h\n type httpchk\n foo\n", "'foo' is unknown in a 'healthcheck' section"),
    ] {
        let (_, report) = load(text);
        assert!(messages_of(&report)[0].starts_with(message), "{text}: {:?}", messages_of(&report));
    }
}

#[test]
fn httpchk_as_patroni_users_write_it() {
    let (config, report) = load(
        "backend b\n option httpchk OPTIONS /primary\n http-check expect status 200\n\
         default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions\n\
         server a 10.0.0.1:5432 maxconn 100 check port 8008\n\
         backend c\n option httpchk GET / \"HTTP/1.1\\r\\nHost: db\"\n\
         http-check send hdr X y body z\n http-check expect ! rstring ^bad\n",
    );
    let deprecated = "what follows the version of 'option httpchk' is deprecated there";
    assert_eq!(messages_of(&report), [deprecated]);
    let http = |index: usize| -> (HttpSend, HttpExpect) {
        let Some(CheckKind::Http(http)) = value(&config.backends[index].check) else {
            panic!("{:?}", config.backends[index].check)
        };
        match http.steps.as_slice() {
            [Step::HttpSend(send), Step::HttpExpect(expect)] => {
                ((**send).clone(), expect.value.clone())
            }
            other => panic!("{other:?}"),
        }
    };
    let (patroni, expect) = http(0);
    assert_eq!(string(&patroni.method), Some("OPTIONS"));
    assert_eq!(string(&patroni.uri), Some("/primary"));
    assert_eq!((expect.negated, expect.matcher), (false, HttpMatch::Status("200".to_owned())));
    assert_eq!(value(&config.backends[0].servers[0].check_settings.port), Some(8008));

    let (other, expect) = http(1);
    assert_eq!(string(&other.version), Some("HTTP/1.1"));
    let headers: Vec<_> = other
        .headers
        .iter()
        .map(|header| (header.name.value.as_str(), header.value.value.as_str()))
        .collect();
    assert_eq!(headers, [("X", "y")]);
    assert_eq!(value(&other.body), Some(b"z".to_vec()));
    assert_eq!((expect.negated, expect.matcher), (true, HttpMatch::Regex("^bad".to_owned())));
}
