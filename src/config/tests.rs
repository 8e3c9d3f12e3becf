//! Whole loads: the twin of the well-known MySQL file, and many mistakes at once.

use haproxy_compat::diag::{Diagnostic, Severity};

use super::*;
use crate::config::model::{Balance, CheckKind, MysqlDialect, ServerAddr};

mod corpus;

/// Loads TOML.
pub(in crate::config) fn load_toml(texts: &[&str]) -> (Option<model::Config>, Report, SourceMap) {
    load_texts(Language::Toml, texts)
}

/// Loads texts; every name that ends in `.test` has the address 192.0.2.7.
fn load_texts(language: Language, texts: &[&str]) -> (Option<model::Config>, Report, SourceMap) {
    let mut sources = SourceMap::default();
    let extension = match language {
        Language::Toml => "toml",
        Language::Haproxy => "cfg",
    };
    for (number, text) in texts.iter().enumerate() {
        sources.add(format!("{number}.{extension}"), *text);
    }
    let mut resolve = |name: &str| match name.ends_with(".test") {
        true => Ok(vec!["192.0.2.7".parse().expect("an address")]),
        false => Err("no such host".to_owned()),
    };
    let mut surroundings = Surroundings {
        world: &mut resolve,
        environment: &mut Environment::new(),
        facts: &no_facts(),
    };
    let (config, report) = load(language, &sources, &mut surroundings);
    (config, report, sources)
}

pub(super) fn no_facts() -> Facts {
    Facts {
        version: haproxy_compat::cond::Version::parse("2.6.12"),
        features: std::collections::BTreeSet::new(),
        enabled: std::collections::BTreeSet::new(),
        ssl_library: None,
    }
}

/// Loads TOML that has nothing to complain about.
pub(in crate::config) fn load_clean(text: &str) -> model::Config {
    let (config, report, sources) = load_toml(&[text]);
    let shown = diag::render(&report, &sources, diag::Look::Plain);
    assert_eq!(shown, "", "{text}");
    config.expect("nothing was refused")
}

/// The lines of a report, as `line: message`.
pub(in crate::config) fn messages(texts: &[&str]) -> Vec<String> {
    let (config, report, sources) = load_toml(texts);
    assert_eq!(config.is_none(), report.is_refused());
    report
        .iter()
        .map(|found| match found.span {
            Some(span) => format!("{}: {}", sources.line(span), found.message),
            None => found.message.clone(),
        })
        .collect()
}

pub(in crate::config) const MYSQL: &str = r#"
[frontend.mysql]
bind = "0.0.0.0:3306"
backend = "mysql"

[backend.mysql]
balance = "roundrobin"
check = { type = "mysql", user = "haproxy_check", inter = "2s", rise = 2, fall = 3 }
server.master = "192.168.1.100:3306"
server.slave1 = { address = "192.168.1.101:3306", backup = true }
"#;

#[test]
fn the_example_loads_as_it_is_written() {
    let config = load_clean(MYSQL);
    let frontend = &config.frontends[0];
    assert_eq!(frontend.backend.as_ref().map(|name| name.as_str()), Some("mysql"));
    assert_eq!(frontend.binds.len(), 1);
    let backend = &config.backends[0];
    assert_eq!(backend.balance, Balance::RoundRobin);
    let names: Vec<_> = backend.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["master", "slave1"]);
    assert!(backend.servers[1].backup && !backend.servers[0].backup);
    let address = "192.168.1.101:3306".parse().unwrap();
    assert_eq!(backend.servers[1].address, ServerAddr::Tcp(address));
    for server in &backend.servers {
        let check = server.check.as_ref().expect("a backend's check is all its servers'");
        let user = Some(("haproxy_check".to_owned(), MysqlDialect::Post41));
        assert_eq!(check.kind, CheckKind::Mysql { user });
        assert_eq!((check.rise.get(), check.fall.get(), check.inter.as_secs()), (2, 3, 2));
    }
}

const REFERENCE: &str = include_str!("../../conf/reference.toml");

#[test]
fn the_files_that_are_shipped_load() {
    let mysql = include_str!("../../conf/mysql.toml");
    let postgres = include_str!("../../conf/postgres.toml");
    let patroni = include_str!("../../conf/patroni.toml");
    let galera = include_str!("../../conf/galera.toml");
    for text in [include_str!("../../conf/minimal.toml"), mysql, postgres, patroni, galera] {
        // There are no files here.
        let text = text.replace("password_file = \"my.pass\"", "database = \"app\"");
        let files = ["pg.pass", "pg-admin.pass", "my-admin.pass"];
        let text = files
            .iter()
            .fold(text, |text, file| text.replace(&format!("password_file = \"{file}\", "), ""));
        let config = load_clean(&text);
        assert!(config.backends[0].servers.iter().all(|server| server.check.is_some()));
        assert_eq!(load_clean(&export::export(&config)), config);
    }
}

/// What `reference.toml` says is a default changes nothing when it is left out.
#[test]
fn the_reference_shows_the_defaults() {
    let kept = [
        "bind",
        "backend =",
        "server.",
        "server_template.",
        "nameserver.",
        "    ",
        "]",
        "[",
        "check = { type = \"http\"",
        "check = { type = \"tcp-check\"",
        "check = { type = \"external\"",
        "check = [{ type = \"postgres\"",
        "agree_deadline =",
        "role =",
        "max_lag =",
        "fallback =",
        "mode =",
        "monitor_uri =",
        "timeout = { client = \"30s\", http_request",
        "log_format = \"http\"",
        "rules = [",
        "page =",
    ];
    let skeleton: String = REFERENCE
        .lines()
        .filter(|line| kept.iter().any(|start| line.starts_with(start)))
        .map(|line| format!("{line}\n"))
        .collect();
    let skeleton = skeleton
        .replace("server.one = \"10.0.0.1:3306\"", "check = true\nserver.one = \"10.0.0.1:3306\"")
        .replace("method = \"OPTIONS\", uri = \"/\", version = \"HTTP/1.0\", ", "")
        .replace(
            "body = \"\", expect = { status = 200, not = false }, disable_on_404 = false",
            "expect = { status = 200 }",
        );
    assert!(!skeleton.contains("retries") && !skeleton.contains("OPTIONS"));
    assert_eq!(load_clean(REFERENCE), load_clean(&skeleton));
}

#[test]
fn the_examples_of_the_reference_load() {
    let text: String = REFERENCE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.starts_with(' ') => format!("{example}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = load_clean(&text);
    assert_eq!(config.global.log.len(), 2);
    assert_eq!(load_clean(&export::export(&config)), config);
}

/// Every key that is known anywhere stands in the reference: an unknown one makes the decoder list
/// those that it knows.
#[test]
fn the_reference_knows_every_key() {
    const X: &str = "zzzzzzzzzzzz = 1";
    let table = |key: &str| format!("{key} = {{ {X} }}");
    let backend = |line: &str| format!("[backend.b]\n{line}\n");
    let check = |rest: &str| backend(&format!("check = {{ {rest} }}"));
    let texts = [
        format!("[global]\n{X}"),
        format!("[global]\n{}", table("log")),
        format!("[stats]\n{X}"),
        format!("[frontend.f]\n{}", table("page")),
        format!("[userlist.u]\n{X}"),
        format!("[defaults]\n{X}"),
        format!("[frontend.f]\n{X}"),
        format!("[frontend.f]\n{}", table("bind")),
        format!("[frontend.f]\nbind = {{ address = \"*:1\", {} }}", table("tls")),
        backend(&format!("server.s = {{ address = \"10.0.0.1:1\", {} }}", table("tls"))),
        format!("[frontend.f]\n{}", table("timeout")),
        format!("[frontend.f]\n{}", table("tcpka")),
        backend(X),
        backend(&table("timeout")),
        backend(&table("server.s")),
        backend(&table("server_template.s")),
        format!("[webhook.w]\n{X}"),
        format!("[resolvers.r]\n{X}"),
        format!("[resolvers.r]\n{}", table("timeout")),
        format!("[resolvers.r]\n{}", table("hold")),
        check(X),
        check(&format!("type = \"mysql\", {X}")),
        check(&format!("type = \"pgsql\", {X}")),
        check(&format!("type = \"http\", {X}")),
        check(&format!("type = \"http\", {}", table("expect"))),
        check(&format!("type = \"http\", {}", table("body"))),
        check(&format!("type = \"tcp-check\", steps = [{{ {X} }}]")),
        check(&format!("type = \"tcp-check\", steps = [{{ {} }}]", table("connect"))),
        check(&format!("type = \"tcp-check\", steps = [{{ {} }}]", table("expect"))),
    ];
    let words: std::collections::HashSet<&str> =
        REFERENCE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for text in texts {
        let (_, report, _) = load_toml(&[&text]);
        let known =
            report.iter().find_map(|found| found.help.as_ref()?.strip_prefix("known keys: "));
        let known = known.unwrap_or_else(|| panic!("{text}: {report:?}"));
        for key in known.split(", ") {
            assert!(words.contains(key), "'{key}' is not in conf/reference.toml");
        }
    }
}

const MYSQL_CFG: &str = "\
global
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

const MYSQL_CONVERTED: &str = r#"[global]
maxconn = 2000
log = "/dev/log"
user = "haproxy"
group = "haproxy"

[frontend.mysql_frontend]
bind = "0.0.0.0:3306"
backend = "mysql_backend"
timeout = { client = "1m" }
log = "global"
log_format = "tcp"

[backend.mysql_backend]
balance = "roundrobin"
check = { type = "mysql", user = "haproxy_check", inter = "2s", rise = 2, fall = 3 }
server.master = "192.168.1.100:3306"
server.slave1 = { address = "192.168.1.101:3306", backup = true }
timeout = { connect = "10s", server = "1m" }
log = "global"
"#;

/// Loads `haproxy.cfg` that has nothing to complain about.
fn load_cfg(text: &str) -> model::Config {
    let (config, report, sources) = load_texts(Language::Haproxy, &[text]);
    assert_eq!(diag::render(&report, &sources, diag::Look::Plain), "");
    config.expect("nothing was refused")
}

#[test]
fn the_file_that_people_copy_converts_to_its_twin() {
    let config = load_cfg(MYSQL_CFG);
    assert_eq!(export::export(&config), MYSQL_CONVERTED);
    assert_eq!(load_clean(MYSQL_CONVERTED), config);
}

#[test]
fn files_of_either_language_mean_the_same() {
    let text = "\
defaults
    timeout connect 5s
    timeout client 30m
    timeout server 30m
    retries 2
    option redispatch
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
backend late
    timeout queue 1s
    source 10.0.0.9
    option tcp-check
    tcp-check connect port 6379
    tcp-check send PING\\r\\n comment ping
    tcp-check expect string +PONG
    tcp-check send-binary 494e464f
    tcp-check expect ! rstring role:slave$
    server r1 10.0.0.5:6379 check send-proxy-v2 weight 7
    server r2 db.test:6379 check maxconn 9 disabled
listen postgres
    bind *:5000,[::]:5000 v6only
    bind /run/pg.sock mode 660 user postgres
    maxconn 100
    option httpchk OPTIONS /primary
    http-check expect status 200
    option tcpka
    server pg1 10.0.0.1:5432 check port 8008
    server pg2 10.0.0.2:5432 check port 8008 inter 500ms backup
    server pg3 10.0.0.3:5432
frontend ranges
    bind *:7000-7003
    default_backend late
    option clitcpka
    clitcpka-idle 60s
";
    let config = load_cfg(text);
    let exported = export::export(&config);
    assert_eq!(load_clean(&exported), config, "{exported}");
    assert!(!exported.contains("id ="), "{exported}");
}

#[test]
fn a_page_reads_no_proxy_header() {
    let text = "[stats]\nbind = { address = \"127.0.0.1:1\", accept_proxy = true }\n";
    assert_eq!(messages(&[text]), ["2: stats listener 'stats' reads no PROXY header"]);
}

#[test]
fn a_mistake_of_both_halves_is_told_once() {
    let text = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n\
                listen l\n bind :1\n tcp-request content rejct\n acl a src 1.2.3.4.5\n\
                \x20server s 192.0.2.1:1\n";
    let (_, report, _) = load_texts(Language::Haproxy, &[text]);
    let alerts: Vec<_> =
        report.iter().filter(|it| it.severity == Severity::Alert).map(|it| &it.message).collect();
    assert_eq!(alerts.len(), 2, "{alerts:?}");
}
