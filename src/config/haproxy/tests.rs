use std::collections::BTreeSet;
use std::time::Duration;

use haproxy_compat::cond::{Facts, Version};
use haproxy_compat::diag::{Diagnostic, Severity};
use haproxy_compat::keywords::{BIND, GLOBAL, OPTIONS, PROXY, SERVER};
use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Spanned;
use proptest::prelude::*;

use super::*;
use crate::config::raw::{CheckKind, Config, Field, Log};

mod agreement;
mod checks;
mod logs;
mod messages;
mod people;

/// What a text lowers to and what was said about it.
pub(super) fn load(text: &str) -> (Config, Report) {
    let mut sources = SourceMap::default();
    sources.add("t.cfg", text);
    let mut env: Environment = [("DB", "10.0.0.9"), ("X", "a")].into_iter().collect();
    let facts = Facts {
        version: Version::parse("2.6"),
        features: BTreeSet::new(),
        enabled: BTreeSet::new(),
        ssl_library: None,
    };
    let mut report = Report::default();
    let file = haproxy_compat::parse(&sources, &mut env, &facts, &mut report);
    let config = lower(&file, &env, &mut report);
    (config, report)
}

/// As [`load`], for a text with nothing to complain about.
fn clean(text: &str) -> Config {
    let (config, report) = load(text);
    assert!(report.is_empty(), "{:?}", messages_of(&report));
    config
}

fn messages_of(report: &Report) -> Vec<&str> {
    report.iter().map(|d| d.message.as_str()).collect()
}

fn value<T: Clone>(field: &Field<T>) -> Option<T> {
    field.as_ref().map(|spanned| spanned.value.clone())
}

fn string(field: &Field<String>) -> Option<&str> {
    field.as_ref().map(|spanned| spanned.value.as_str())
}

const MYSQL: &str = "global
    log /dev/log local0
    maxconn 2000
    user haproxy
    group haproxy
defaults
    log global
    mode tcp
    option tcplog
    timeout connect 10s
    timeout client 1m
    timeout server 1m
frontend mysql_frontend
    bind *:3306
    default_backend mysql_backend
backend mysql_backend
    balance roundrobin
    option mysql-check user haproxy_check
    server master 192.168.1.100:3306 check
    server slave1 192.168.1.101:3306 check backup
";

#[test]
fn the_mysql_pair_that_people_copy() {
    let config = clean(MYSQL);
    let global = &config.global;
    assert_eq!(value(&global.maxconn), Some(2000));
    assert_eq!(string(&global.user), Some("haproxy"));
    assert_eq!(string(&global.group), Some("haproxy"));
    assert_eq!(global.log.len(), 1);
    assert_eq!(global.log[0].target.value, "/dev/log");
    assert_eq!(string(&global.log[0].facility), Some("local0"));

    assert_eq!(config.frontends.len(), 1);
    let frontend = &config.frontends[0];
    assert_eq!((frontend.section, frontend.name.value.as_str()), (0, "mysql_frontend"));
    assert_eq!(frontend.binds.len(), 1);
    assert_eq!(frontend.binds[0].address.value, "*:3306");
    assert_eq!(string(&frontend.default_backend), Some("mysql_backend"));
    assert_eq!(value(&frontend.timeouts.client), Some(Duration::from_secs(60)));
    assert_eq!(string(&frontend.log_format), Some("tcp"));
    assert!(matches!(frontend.log.as_slice(), [Log::Global(_)]));

    assert_eq!(config.backends.len(), 1);
    let backend = &config.backends[0];
    assert_eq!((backend.section, backend.name.value.as_str()), (1, "mysql_backend"));
    assert_eq!(string(&backend.balance), Some("roundrobin"));
    assert_eq!(value(&backend.timeouts.connect), Some(Duration::from_secs(10)));
    assert_eq!(value(&backend.timeouts.server), Some(Duration::from_secs(60)));
    match value(&backend.check) {
        Some(CheckKind::Mysql { user, dialect }) => {
            assert_eq!(string(&user), Some("haproxy_check"));
            assert_eq!(dialect, None);
        }
        other => panic!("{other:?}"),
    }
    let servers: Vec<_> = backend
        .servers
        .iter()
        .map(|s| {
            (s.name.value.as_str(), s.address.value.as_str(), value(&s.check), value(&s.backup))
        })
        .collect();
    assert_eq!(
        servers,
        [
            ("master", "192.168.1.100:3306", Some(true), None),
            ("slave1", "192.168.1.101:3306", Some(true), Some(true)),
        ]
    );
    assert!(config.stats.is_empty());
}

#[test]
fn defaults_are_inherited_from_the_last_or_the_named_one() {
    let config = clean(
        "defaults a\n retries 1\n timeout client 5\n option dontlognull\n log global\n\
         defaults b from a\n retries 2\n no option dontlognull\n\
         backend x from a\nbackend y\n retries 7\nfrontend f\n no log\n\
         defaults\nbackend z\n",
    );
    let retries: Vec<_> = config.backends.iter().map(|b| value(&b.retries)).collect();
    assert_eq!(retries, [Some(1), Some(7), None]);
    let frontend = &config.frontends[0];
    assert_eq!(value(&frontend.timeouts.client), Some(Duration::from_millis(5)));
    assert_eq!(value(&frontend.dontlognull), Some(false));
    assert!(frontend.log.is_empty());
    assert_eq!(frontend.section, 2);
}

#[test]
fn a_listen_section_is_both_halves() {
    let config = clean(
        "listen db\n bind :1\n bind abns@x name y maxconn 5 accept-proxy\n id 9\n\
         server a $DB:5\nlisten gone\n disabled\nlisten other\n default_backend db\n",
    );
    let (front, back) = (&config.frontends[0], &config.backends[0]);
    assert_eq!((front.section, back.section), (0, 0));
    assert_eq!((value(&front.id), value(&back.id)), (Some(9), Some(9)));
    assert_eq!(string(&front.default_backend), Some("db"));
    assert_eq!(front.binds[1].address.value, "abns@x");
    assert_eq!(value(&front.binds[1].maxconn), Some(5));
    assert_eq!(value(&front.binds[1].accept_proxy), Some(true));
    assert_eq!(back.servers[0].address.value, "10.0.0.9:5");
    assert_eq!(config.frontends.len(), 2);
    assert_eq!(config.frontends[1].section, 2);
    assert_eq!(string(&config.frontends[1].default_backend), Some("db"));
}

#[test]
fn a_disabled_backend_has_no_servers_for_those_who_name_it() {
    let config = clean(
        "frontend f\n bind :1\n default_backend b\nbackend b\n disabled\n server a 10.0.0.1:1\n\
         backend c\n disabled\n server a 10.0.0.1:1\nbackend d\n server a 10.0.0.1:1\n",
    );
    let backends: Vec<_> = config
        .backends
        .iter()
        .map(|back| (back.name.value.as_str(), back.section, back.servers.len()))
        .collect();
    assert_eq!(backends, [("b", 1, 0), ("d", 3, 1)]);
}

#[test]
fn default_server_reaches_the_servers_below_it() {
    let config = clean(
        "defaults\n default-server inter 1s on-marked-down shutdown-sessions\n\
         backend b\n server a 1.1.1.1:1\n default-server check fall 9 send-proxy backup\n\
         server b 1.1.1.1:2 inter 5s no-backup no-check\n server c 1.1.1.1:3 no-send-proxy\n",
    );
    let servers = &config.backends[0].servers;
    let of = |index: usize| {
        let server = &servers[index];
        (
            value(&server.check_settings.inter).map(|inter| inter.as_millis()),
            value(&server.check_settings.fall),
            value(&server.check),
            value(&server.backup),
            string(&server.send_proxy),
        )
    };
    assert_eq!(of(0), (Some(1_000), None, None, None, None));
    assert_eq!(of(1), (Some(5_000), Some(9), Some(false), Some(false), Some("v1")));
    assert_eq!(of(2), (Some(1_000), Some(9), Some(true), Some(true), None));
    assert!(servers.iter().all(|s| string(&s.on_marked_down) == Some("shutdown-sessions")));
}

#[test]
fn a_listener_for_statistics_serves_metrics() {
    let (config, report) = load(
        "defaults\n mode http\n option httplog\n errorfile 503 /x\n timeout client 5s\n\
         listen stats\n bind :8404\n stats enable\n stats uri /\n\
         frontend prom\n bind :8405\n no log\n\
         http-request use-service prometheus-exporter if { path /m }\n\
         frontend tcp\n mode tcp\n bind :1\n",
    );
    let fronts: Vec<_> = config
        .frontends
        .iter()
        .map(|it| (it.name.value.as_str(), string(&it.http.mode), string(&it.log_format)))
        .collect();
    let (http, lines) = (Some("http"), Some("http"));
    let want = [("stats", http, lines), ("prom", http, lines), ("tcp", None, Some("tcp"))];
    assert_eq!(fronts, want);
    let rules: Vec<_> = config.frontends[1].rules.iter().map(|rule| rule.keyword()).collect();
    assert_eq!(rules, ["errorfile", "http-request"]);
    let [message] = &messages_of(&report)[..] else { panic!("{:?}", messages_of(&report)) };
    assert!(message.starts_with("'option httplog' is ignored: 'tcp' is not in"), "{message}");
    let page = |front: usize| config.frontends[front].http.page.as_ref();
    let uri = page(0).and_then(|page| string(&page.uri));
    assert_eq!((uri, page(1).is_some()), (Some("/"), false));
}

#[test]
fn options_numbers_and_keepalive() {
    let config = clean(
        "listen l\n bind :1\n option tcpka\n no option clitcpka\n clitcpka-idle 7\n\
         srvtcpka-intvl 500ms\n srvtcpka-cnt 4\n option redispatch\n option allbackups\n\
         option nolinger\n backlog 3\n fullconn 4\n source 10.0.0.1\n maxconn 6\n\
         backend r\n option redispatch 5\nbackend n\n no option redispatch\n",
    );
    let (front, back) = (&config.frontends[0], &config.backends[0]);
    assert_eq!(value(&front.keepalive.enabled), Some(true));
    assert_eq!(value(&front.keepalive.idle), Some(Duration::from_secs(7)));
    assert_eq!(value(&back.keepalive.intvl), Some(Duration::from_millis(500)));
    assert_eq!(value(&back.keepalive.cnt), Some(4));
    assert_eq!((value(&front.nolinger), value(&back.allbackups)), (Some(true), Some(true)));
    assert_eq!((value(&front.backlog), value(&front.maxconn)), (Some(3), Some(6)));
    assert_eq!((value(&back.fullconn), string(&back.source)), (Some(4), Some("10.0.0.1")));
    let redispatch: Vec<_> = config.backends.iter().map(|b| value(&b.redispatch)).collect();
    assert_eq!(redispatch, [Some(Some(-1)), Some(Some(5)), Some(None)]);
}

#[test]
fn global_sections_add_up_and_unix_bind_completes_sockets() {
    let config = clean(
        "global\n log 127.0.0.1:514 len 900 format raw local1 info err\n spread-checks 5\n\
         unix-bind prefix /run/p mode 660 user u\nglobal\n log stdout local0\n daemon\n\
         log-send-hostname\n hard-stop-after 30s\n tune.bufsize 32768\n\
         frontend f\n bind /a mode 600\n bind unix@/b\n bind :1\n",
    );
    let global = &config.global;
    assert_eq!(global.log.len(), 2);
    let log = &global.log[0];
    assert_eq!((value(&log.len), string(&log.format)), (Some(900), Some("raw")));
    assert_eq!((string(&log.level), string(&log.minlevel)), (Some("info"), Some("err")));
    assert_eq!(value(&global.spread_checks), Some(5));
    assert_eq!(value(&global.daemon), Some(true));
    assert_eq!(string(&global.log_send_hostname), Some(""));
    assert_eq!(value(&global.hard_stop_after), Some(Duration::from_secs(30)));
    assert_eq!(value(&global.bufsize), Some(32_768));
    let binds: Vec<_> = config.frontends[0]
        .binds
        .iter()
        .map(|b| (b.address.value.as_str(), value(&b.mode), string(&b.user)))
        .collect();
    assert_eq!(
        binds,
        [
            ("unix@/run/p/a", Some(0o600), Some("u")),
            ("unix@/run/p/b", Some(0o660), Some("u")),
            (":1", None, None),
        ]
    );
}

/// Words and characters that reach every part of the lowering.
fn configuration() -> impl Strategy<Value = String> {
    let known = ["global", "defaults", "listen l", "backend b from d", "\n", "\n", "\n", " "];
    let tables = [&GLOBAL, &PROXY, &OPTIONS, &BIND, &SERVER];
    let mut words: Vec<String> = known.map(str::to_owned).to_vec();
    for table in tables {
        words.extend(table.names().map(|name| format!("{name} ")));
    }
    let word = prop_oneof![
        4 => prop::sample::select(words),
        1 => prop::sample::select(vec!["5s ", "1.1.1.1:1 ", "x ", "no ", "\"$X\" ", "!", "'' ", "1"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| format!("listen l\n{}", words.concat()))
}

proptest! {
    #[test]
    fn nothing_panics_and_messages_point_into_the_text(text in configuration()) {
        let (_, report) = load(&text);
        for span in report.iter().filter_map(|diagnostic| diagnostic.span) {
            prop_assert!(span.start <= span.end && span.end as usize <= text.len());
        }
    }
}
