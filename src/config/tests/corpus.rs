//! Files of the kinds that people run, each with what it means, and each accepted by the real
//! `haproxy` too. Where no `haproxy` is installed, only our half is checked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::config::model::{
    Backend, Config, Expect, Facility, Frontend, HashType, HttpMatch, ListenAddr, LogFormat,
    LogFraming, LogLevel, LogSink, OnMarkedDown, OnMarkedUp, Page, Pattern, Payload, PortFrom,
    ProxyHeader, Redispatch, ScriptStep, Server,
};
use crate::config::world::{Account, World};

mod databases;
mod names;
mod older;
mod routing;
mod services;
mod tables;

const fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "haproxy-compat", "tests", "corpus"].iter().collect()
}

/// The corpus alone: its files, one host, no account.
struct Corpus;

impl World for Corpus {
    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        match host {
            "localhost" => Ok(vec![
                "::1".parse::<IpAddr>().expect("an address"),
                "127.0.0.1".parse().expect("an address"),
            ]),
            _ => Err("no such host".to_owned()),
        }
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(directory().join(path)).map_err(|error| error.to_string())
    }

    fn list(&mut self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Err("there are no directories".to_owned())
    }

    fn account(&mut self, _: Account, _: &str) -> Option<u32> {
        Some(0)
    }
}

/// Loads a text; yields what it means and the words that were warned of.
fn load_text(name: &str, text: String, language: Language) -> (Config, Vec<String>) {
    let mut sources = SourceMap::default();
    sources.add(name, text);
    let mut surroundings = Surroundings {
        world: &mut Corpus,
        environment: &mut Environment::new(),
        facts: &Facts { features: ["OPENSSL".to_owned()].into(), ..no_facts() },
    };
    let (config, report) = load(language, &sources, &mut surroundings);
    let shown = diag::render(&report, &sources, diag::Look::Plain);
    let warned = report.iter().filter(|found| found.severity > Severity::Notice);
    let quoted =
        |found: &Diagnostic| found.message.split('\'').nth(1).unwrap_or(&found.message).to_owned();
    (config.expect(&shown), warned.map(quoted).collect())
}

/// Loads a file of the corpus; yields what it means and the words that were warned of.
fn read(name: &str) -> (Config, Vec<String>) {
    let text = std::fs::read_to_string(directory().join(name)).expect("a file of the corpus");
    load_text(name, text, Language::Haproxy)
}

/// As [`read`], for a file without anything to warn of.
fn clean(name: &str) -> Config {
    let (config, warned) = read(name);
    assert!(warned.is_empty(), "{name}: {warned:?}");
    config
}

fn frontend<'a>(config: &'a Config, name: &str) -> &'a Frontend {
    config.frontends.iter().find(|front| front.name.as_str() == name).expect("a frontend")
}

/// The first page there is.
fn page(config: &Config) -> &Page {
    let fronts = config.frontends.iter().filter_map(|front| front.http.as_ref());
    let backs = config.backends.iter().filter_map(|back| back.http.as_ref());
    fronts.chain(backs).filter_map(|http| http.page.as_ref()).next().expect("a page")
}

fn backend<'a>(config: &'a Config, name: &str) -> &'a Backend {
    config.backends.iter().find(|back| back.name.as_str() == name).expect("a backend")
}

fn addresses(backend: &Backend) -> Vec<String> {
    let text = |server: &Server| match &server.address {
        ServerAddr::Tcp(address) => address.to_string(),
        other => format!("{other:?}"),
    };
    backend.servers.iter().map(text).collect()
}

fn listens(frontend: &Frontend) -> Vec<String> {
    frontend.binds.iter().map(|bind| validate::listen_text(&bind.address)).collect()
}

fn backups(backend: &Backend) -> Vec<bool> {
    backend.servers.iter().map(|server| server.backup).collect()
}

fn kind(server: &Server) -> &CheckKind {
    &server.check.as_ref().expect("a checked server").kind
}

fn script(backend: &Backend) -> &[ScriptStep] {
    match kind(&backend.servers[0]) {
        CheckKind::Script(steps) => steps,
        other => panic!("{other:?}"),
    }
}

/// The `.cfg` files of the corpus or of a part of it.
fn names(part: &str) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name")
    };
    let entries = std::fs::read_dir(directory().join(part)).expect("the corpus");
    let mut names: Vec<_> = entries
        .map(name)
        .filter(|name| name.ends_with(".cfg"))
        .map(|n| format!("{part}{n}"))
        .collect();
    names.sort();
    names
}

/// Files that the real one warns of as well: a state file and hosts that only others have.
const WARNED: [&str; 2] = ["state-file.cfg", "swarm.cfg"];

#[test]
fn haproxy_accepts_them_all() {
    for name in names("") {
        let mut haproxy = Command::new("haproxy");
        haproxy.args(["-c", "-q"]).args((!WARNED.contains(&name.as_str())).then_some("-dW"));
        haproxy.current_dir(directory()).arg("-f").arg(&name);
        match haproxy.stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) => assert!(status.success(), "haproxy refuses {name}"),
            Err(error) => {
                eprintln!("{name}: not compared with haproxy, which does not run: {error}")
            }
        }
    }
}

#[test]
fn they_all_survive_conversion() {
    let all = [names(""), names("old/"), names("newer/")].concat();
    assert!(all.len() >= 43, "{}: {all:?}", all.len());
    for name in all {
        let config = read(&name).0;
        let (mut converted, _) = load_text(&name, export::export(&config), Language::Toml);
        export::tests::forget_needed_ids(&mut converted, &config);
        assert_eq!(converted, config, "{name}");
    }
}

#[test]
fn a_mysql_pair() {
    let config = clean("mysql-pair.cfg");
    assert_eq!(config.global.user.as_deref(), Some("haproxy"));
    assert_eq!(config.global.log.len(), 2);
    assert_eq!(config.global.log[1].level, LogLevel::Notice);
    assert_eq!(frontend(&config, "mysql-in").maxconn.map(u32::from), Some(2000));
    assert!(frontend(&config, "mysql-in").log.dontlognull);
    let pair = backend(&config, "mysql-pair");
    assert_eq!(backups(pair), [false, true]);
    assert!(pair.keepalive.is_some());
    let user = Some(("haproxy_check".to_owned(), MysqlDialect::Post41));
    assert_eq!(*kind(&pair.servers[1]), CheckKind::Mysql { user });
    let check = pair.servers[0].check.as_ref().expect("checked");
    assert_eq!((check.timeout, check.fastinter), (seconds(2), Duration::from_millis(500)));
    assert_eq!(pair.servers[0].on_marked_down, OnMarkedDown::ShutdownSessions);
    assert_eq!(pair.servers[1].on_marked_up, OnMarkedUp::ShutdownBackupSessions);
}

#[test]
fn a_galera_cluster() {
    let config = clean("galera.cfg");
    let write = backend(&config, "galera-write");
    assert_eq!((write.balance, backups(write)), (Balance::First, vec![false, true, true]));
    assert_eq!(write.redispatch, Redispatch::Every(1.try_into().expect("not 0")));
    assert_eq!(write.timeouts.queue, seconds(10));
    let read = backend(&config, "galera-read");
    assert_eq!(read.balance, Balance::LeastConn);
    let server = &read.servers[1];
    assert_eq!((server.weight.value(), server.maxconn.map(u32::from)), (100, Some(500)));
    let check = server.check.as_ref().expect("checked");
    assert_eq!((check.port.map(u16::from), check.inter), (Some(9200), Duration::from_secs(12)));
    assert!(matches!(&check.kind, CheckKind::Http(http)
        if http.request().is_some_and(|asked| asked.uri.text() == b"/clustercheck")));
}

#[test]
fn postgres_under_patroni() {
    let (config, warned) = read("patroni.cfg");
    assert!(warned.is_empty(), "{warned:?}");
    assert_eq!(config.frontends.iter().filter(|front| front.http.is_some()).count(), 1);
    assert_eq!(config.global.log[0].framing, LogFraming::Raw);
    let http = |name: &str| match kind(&backend(&config, name).servers[2]) {
        CheckKind::Http(http) => http.clone(),
        other => panic!("{other:?}"),
    };
    let (primary, replica) = (http("primary"), http("replicas"));
    let asked = primary.request().expect("a request");
    assert_eq!((asked.method.as_str(), asked.uri.text()), ("OPTIONS", &b"/primary"[..]));
    let expected = primary.expects().next().expect("one").matcher.clone();
    assert_eq!(expected, HttpMatch::Status(vec![(200, 200)]));
    let asked = replica.request().expect("a request");
    assert_eq!((asked.method.as_str(), asked.version.as_str()), ("GET", "HTTP/1.1"));
    assert_eq!(asked.headers[0].value.text(), b"patroni");
    let expected = replica.expects().next().expect("one").matcher.clone();
    assert!(
        matches!(expected, HttpMatch::StatusRegex(Pattern::Regex(regex)) if regex.as_str() == "^2")
    );
}

#[test]
fn redis_under_sentinel() {
    let config = clean("redis-sentinel.cfg");
    let steps = script(backend(&config, "redis-master"));
    assert_eq!(steps.len(), 9);
    assert_eq!(steps[0], ScriptStep::Comment("greet it".to_owned()));
    let ScriptStep::Send { data, comment } = &steps[2] else { panic!("{steps:?}") };
    let login = Payload::Text(b"AUTH s3cret\r\n".to_vec());
    assert_eq!((data, comment.as_deref()), (&login, Some("log in")));
    let master = Pattern::Text(b"role:master".to_vec());
    assert!(matches!(&steps[6], ScriptStep::Expect(Expect { pattern, .. }) if *pattern == master));
    assert_eq!(frontend(&config, "redis").binds[0].name.as_deref(), Some("redis"));
}

#[test]
fn a_postgres_pair() {
    let config = clean("postgres.cfg");
    let front = frontend(&config, "pgsql");
    assert_eq!(listens(front), ["0.0.0.0:5432", "[::1]:5432"]);
    assert_eq!((front.timeouts.client, front.timeouts.client_fin), (seconds(3600), seconds(30)));
    let keepalive = front.keepalive.expect("on");
    assert_eq!((keepalive.idle, keepalive.intvl), (seconds(60), seconds(10)));
    let back = backend(&config, "pgsql");
    assert!(back.keepalive.is_none());
    assert_eq!((back.timeouts.tunnel, back.timeouts.queue), (seconds(28_800), seconds(30)));
    assert_eq!(*kind(&back.servers[1]), CheckKind::Pgsql { user: "haproxy".to_owned() });
    assert_eq!(back.servers[0].maxconn.map(u32::from), Some(80));
    assert_eq!(config.global.spread_checks_percent, 5);
}

#[test]
fn a_rabbitmq_cluster() {
    let config = clean("rabbitmq.cfg");
    assert_eq!(
        listens(frontend(&config, "amqp")),
        ["0.0.0.0:5670", "0.0.0.0:5671", "0.0.0.0:5672"]
    );
    let amqp = backend(&config, "amqp");
    assert_eq!(amqp.servers.iter().map(|s| s.disabled).collect::<Vec<_>>(), [false, false, true]);
    assert!(amqp.keepalive.is_some() && frontend(&config, "amqp").keepalive.is_some());
    assert_eq!(*kind(&amqp.servers[0]), CheckKind::Tcp);
    assert_eq!(backend(&config, "management").balance, Balance::Source(HashType::DEFAULT));
    assert_eq!(config.global.nbthread.map(u16::from), Some(2));
}

#[test]
fn mail_with_the_clients_address() {
    let config = clean("mail.cfg");
    assert_eq!(config.global.log[0].facility, Facility::from_name("mail").expect("known"));
    let smtp = frontend(&config, "smtp");
    assert!(smtp.nolinger);
    let limits: Vec<_> = smtp.binds.iter().map(|bind| bind.maxconn.map(u32::from)).collect();
    assert_eq!(limits, [None, Some(200)]);
    let postfix = backend(&config, "postfix");
    assert_eq!((postfix.balance, postfix.redispatch), (Balance::StaticRr, Redispatch::Never));
    assert_eq!(postfix.servers[0].send_proxy, Some(ProxyHeader::V1));
    let check = postfix.servers[0].check.as_ref().expect("checked");
    assert_eq!(check.send_proxy, Some(ProxyHeader::V1));
    let ScriptStep::Expect(expect) = &script(postfix)[0] else { panic!("no expect") };
    assert!(matches!(&expect.pattern, Pattern::Regex(regex) if regex.is_match(b"220-mx ESMTP")));
    let imap = script(backend(&config, "imaps"));
    assert!(
        matches!(&imap[0], ScriptStep::Connect { port: Some(port), .. } if *port == PortFrom::Fixed(143.try_into().expect("not 0")))
    );
}

#[test]
fn kubernetes_api_servers() {
    let (config, warned) = read("kube-apiserver.cfg");
    assert_eq!(warned, [""; 0]);
    let servers = backend(&config, "apiservers");
    assert!(servers.servers[0].slowstart.is_some());
    assert_eq!(*kind(&servers.servers[0]), CheckKind::Script(Vec::new()));
    let check = servers.servers[2].check.as_ref().expect("checked");
    assert_eq!((check.inter, check.downinter), (Duration::from_secs(10), Duration::from_secs(5)));
    assert_eq!((servers.retries, servers.timeouts.queue), (1, seconds(20)));
}

#[test]
fn ldap_directories() {
    let config = clean("ldap.cfg");
    let ldap = backend(&config, "ldap");
    assert_eq!(ldap.balance, Balance::Random { draws: 3.try_into().expect("not 0"), factor: None });
    assert!(ldap.log_health_checks);
    let steps = script(ldap);
    assert!(matches!(steps[0], ScriptStep::Connect { linger: true, .. }));
    let sent: Vec<u8> = steps[1..6]
        .iter()
        .flat_map(|step| match step {
            ScriptStep::Send { data: Payload::Binary(data), .. } => data.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sent, *b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00");
    let ScriptStep::Expect(expect) = &steps[6] else { panic!("{steps:?}") };
    assert_eq!(expect.pattern, Pattern::Binary(vec![0x0a, 1, 0]));
    assert_eq!((expect.min_recv, expect.comment.as_deref()), (Some(14), Some("bind refused")));
}

#[test]
fn proxies_in_a_chain() {
    let config = clean("proxy-chain.cfg");
    let headers: Vec<_> = backend(&config, "core").servers.iter().map(|s| s.send_proxy).collect();
    let (v1, v2) = (Some(ProxyHeader::V1), Some(ProxyHeader::V2));
    assert_eq!(headers, [v2, v2, v1]);
    let bind = &frontend(&config, "core-in").binds[0];
    assert!(bind.accept_proxy);
    assert_eq!(bind.interface.as_deref(), Some("lo"));
    let core = backend(&config, "core-in");
    let local = core.source.as_ref().and_then(|source| source.local());
    assert_eq!(local, Some("192.0.2.1:0".parse().expect("an address")));
    let app = &core.servers[0];
    let ip = "192.0.2.104".parse().expect("an address");
    assert_eq!(app.address, ServerAddr::TcpClientPort { ip, offset: 0 });
    let check = app.check.as_ref().expect("checked");
    assert_eq!((check.port.map(u16::from), check.send_proxy), (Some(7002), None));
    assert_eq!((app.send_proxy, app.tcp_ut), (v1, seconds(20)));
}

#[test]
fn unix_sockets() {
    let config = clean("unix-sockets.cfg");
    let binds = &frontend(&config, "local").binds;
    assert_eq!(binds[0].address, ListenAddr::Unix("/tmp/evenkeel-corpus.sock".into()));
    let modes: Vec<_> = binds.iter().map(|bind| bind.unix.mode).collect();
    assert_eq!(modes[..2], [Some(0o770), Some(0o600)]);
    assert_eq!(binds[2].address, ListenAddr::Abstract(b"evenkeel-corpus".to_vec()));
    let app = backend(&config, "app");
    assert_eq!(app.servers[1].address, ServerAddr::Unix("/run/app/b.sock".into()));
    assert_eq!(app.servers[2].address, ServerAddr::Abstract(b"app-c".to_vec()));
}

#[test]
fn names_and_variables() {
    let config = clean("names.cfg");
    let target = &config.global.log[0];
    assert_eq!(target.sink, LogSink::Udp("127.0.0.1:514".parse().expect("an address")));
    assert_eq!(target.facility, Facility::from_name("local3").expect("known"));
    assert_eq!(target.framing, LogFraming::Rfc3164);
    let db = backend(&config, "db");
    assert_eq!(addresses(db), ["[::1]:5432", "127.0.0.1:5433"]);
    assert_eq!(db.servers[1].hostname.as_deref(), Some("ipv4@localhost"));
    assert_eq!(db.timeouts.connect, seconds(3));
    assert_eq!(listens(frontend(&config, "db")), ["127.0.0.1:5432"]);
}

#[test]
fn defaults_that_inherit() {
    let config = clean("defaults.cfg");
    assert_eq!(frontend(&config, "reports").timeouts.client, seconds(86_400));
    let (slow, shop) = (backend(&config, "warehouse"), backend(&config, "shop"));
    assert_eq!((slow.balance, shop.balance), (Balance::LeastConn, Balance::RoundRobin));
    assert_eq!((slow.timeouts.connect, slow.timeouts.server), (seconds(1), seconds(86_400)));
    let checks: Vec<_> = slow.servers.iter().map(|s| s.check.as_ref().expect("checked")).collect();
    assert_eq!(checks.iter().map(|c| c.inter.as_secs()).collect::<Vec<_>>(), [30, 60]);
    assert!(checks.iter().all(|check| check.fall.get() == 5));
    assert!(shop.servers[0].check.is_some() && shop.servers[1].check.is_none());
}

#[test]
fn services_that_follow_the_check_of_another() {
    let kafka = clean("kafka.cfg");
    let tracked = |config: &Config, name: &str| {
        let servers = backend(config, name).servers.iter();
        let tracks = servers.map(|server| server.track.as_ref().map(ToString::to_string));
        tracks.collect::<Vec<_>>()
    };
    assert_eq!(tracked(&kafka, "brokers"), [None, None, None]);
    assert_eq!(tracked(&kafka, "broker2"), [Some("brokers/b2".to_owned())]);
    let supervisor = tracked(&clean("rke2.cfg"), "supervisor");
    assert_eq!(supervisor, ["n1", "n2", "n3"].map(|name| Some(format!("k8s-api/{name}"))));
}

#[test]
fn metrics_beside_a_service() {
    let config = clean("metrics.cfg");
    let global = &config.global;
    assert_eq!((global.hard_stop_after, global.max_spread_checks), (seconds(30), seconds(10)));
    assert_eq!(global.bufsize, 32_768);
    let exporters = config.frontends.iter().filter(|it| it.http.is_some());
    assert!(
        exporters.clone().count() == 1 && exporters.flat_map(|it| &it.rules.requests).count() == 1
    );
    let front = frontend(&config, "memcached");
    assert_eq!((front.binds[0].backlog.get(), front.maxconn.map(u32::from)), (256, Some(300)));
    assert!(backend(&config, "memcached").allbackups);
}
