//! Files that only older versions loaded, and words that only newer ones know.

use super::*;
use crate::config::model::{HashKey, InitState};
use crate::pure::balance::Affinity;
use crate::pure::log_format::Part;

#[test]
fn addresses_on_the_line_of_the_section() {
    let (config, warned) = read("old/listen-1.5.cfg");
    for word in ["nbproc", "contimeout", "clitimeout", "srvtimeout", "0.0.0.0:3306"] {
        assert!(warned.iter().any(|warned| warned == word), "{word}: {warned:?}");
    }
    assert_eq!(listens(frontend(&config, "mysql-cluster")), ["0.0.0.0:3306"]);
    assert_eq!(frontend(&config, "mysql-cluster").timeouts.client, seconds(50));
    let cluster = backend(&config, "mysql-cluster");
    assert_eq!((cluster.timeouts.connect, cluster.timeouts.server), (seconds(5), seconds(50)));
    let page = page(&config);
    assert_eq!((page.uri.as_str(), page.realm.as_str()), ("/", "Strictly Private"));
    assert_eq!(page.auth, ["admin:secret"]);
}

#[test]
fn a_frontend_and_a_backend_of_one_name() {
    let (config, warned) = read("old/same-names-1.8.cfg");
    for word in ["nbproc", "grace", "the last line does not end with a line feed"] {
        assert!(warned.iter().any(|warned| warned == word), "{word}: {warned:?}");
    }
    let redis = frontend(&config, "redis");
    assert_eq!(redis.backend.as_ref().map(|name| name.as_str()), Some("redis"));
    assert_eq!(redis.timeouts.client, seconds(60));
    assert_eq!(*kind(&backend(&config, "redis").servers[0]), CheckKind::Redis);
}

#[test]
fn words_that_came_later() {
    let (config, warned) = read("newer/three.cfg");
    assert_eq!(warned, [""; 0]);
    let db = backend(&config, "db");
    let Some(HashType { affinity, .. }) = hash_type(db) else { panic!("{:?}", db.balance) };
    assert_eq!(affinity, Affinity::Maxqueue);
    let states: Vec<_> =
        db.servers.iter().map(|s| s.check.as_ref().expect("checked").init_state).collect();
    assert_eq!(states, [InitState::FullyDown, InitState::Down]);
    assert_eq!(db.servers[0].hash_key, HashKey::AddrPort);
    assert_eq!(db.servers[1].maxconn.map(u32::from), Some(50));
}

#[test]
fn proxies_without_servers() {
    let (config, warned) = read("old/dispatch-1.4.cfg");
    for word in ["dispatch", "transparent"] {
        assert!(warned.iter().any(|warned| warned == word), "{word}: {warned:?}");
    }
    let place = |name| backend(&config, name).direct.as_ref().expect("a place");
    let farm = "192.0.2.10:3306".parse().expect("an address");
    assert_eq!(place("farm").address, ServerAddr::Tcp(farm));
    assert!(place("way").address.follows_client());
    assert_eq!(backend(&config, "farm").retries, 5);
}

const fn hash_type(backend: &Backend) -> Option<HashType> {
    match backend.balance {
        Balance::Source(kind) | Balance::Hash(kind) => Some(kind),
        _ => None,
    }
}

#[test]
fn headers_behind_the_version_of_a_check() {
    let (config, warned) = read("old/patroni-1.8.cfg");
    for word in ["nbproc", "process", "option httplog", "monitor-net", "option httpchk"] {
        assert!(warned.iter().any(|warned| warned == word), "{word}: {warned:?}");
    }
    let CheckKind::Http(check) = kind(&backend(&config, "primary").servers[1]) else {
        panic!("not HTTP")
    };
    let asked = check.request().expect("a request");
    assert_eq!((asked.uri.text(), asked.version.as_str()), (&b"/primary"[..], "HTTP/1.1"));
    assert_eq!(asked.headers[0].value.text(), b"patroni.example.org");
}

#[test]
fn a_log_of_objects() {
    let (config, warned) = read("newer/json-log.cfg");
    assert_eq!(warned, ["stats-file"]);
    let LogFormat::Custom(format) = &frontend(&config, "db").log.format else {
        panic!("not its own")
    };
    let parts = format.parts();
    assert_eq!(parts.first(), Some(&Part::Text("{\"client\": ".to_owned())));
    assert_eq!(parts.last(), Some(&Part::Text("}".to_owned())));
    assert_eq!(parts.len(), 2 * 7 + 1);
}
