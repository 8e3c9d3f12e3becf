//! Names that are found while the process runs, and files that the environment decides.

use super::*;
use crate::config::model::InitAddr;
use crate::pure::resolve::Kind;

#[test]
fn servers_found_by_dns() {
    let config = clean("dns-template.cfg");
    let cluster = &config.resolvers[0];
    assert_eq!(
        cluster.nameservers.iter().map(|server| server.tcp).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(cluster.payload_bytes, 8192);
    assert_eq!(cluster.schedule.retry, Duration::from_secs(1));
    let redis = backend(&config, "redis");
    assert_eq!(redis.balance, Balance::First);
    let named: Vec<_> = redis.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(named, ["redis1", "redis2", "redis3", "redis4", "redis5"]);
    let resolve = redis.servers[4].resolve.as_ref().expect("resolved");
    assert_eq!((resolve.kind, resolve.prefer), (Kind::A, Kind::A));
    assert!(redis.servers[0].address.is_unresolved());
    let broker = &backend(&config, "broker").servers;
    let resolve = broker[2].resolve.as_ref().expect("resolved");
    assert_eq!((broker.len(), resolve.kind), (3, Kind::Srv));
    assert!(resolve.allow_dup_ip && resolve.ignore_weight);
}

#[test]
fn services_of_a_swarm() {
    let (config, warned) = read("swarm.cfg");
    assert_eq!(warned, ["postgres/pg-0", "postgres/pg-1"]);
    let postgres = backend(&config, "postgres");
    assert_eq!(backups(postgres), [false, true]);
    let first = &postgres.servers[0];
    assert_eq!(first.init_addr, [InitAddr::Last, InitAddr::Libc, InitAddr::None]);
    assert_eq!(first.on_marked_down, OnMarkedDown::ShutdownSessions);
    assert_eq!(first.resolve.as_ref().map(|resolve| resolve.fqdn.as_str()), Some("pg-0"));
}

#[test]
fn the_environment_decides() {
    let config = clean("environment.cfg");
    assert_eq!(
        config.global.log[0].sink,
        LogSink::Udp("127.0.0.1:514".parse().expect("an address"))
    );
    assert_eq!(listens(frontend(&config, "db")), ["0.0.0.0:5432"]);
    let db = backend(&config, "db");
    assert_eq!(addresses(db), ["10.21.0.1:5432", "10.21.0.3:5432"]);
    assert_eq!(backups(db), [false, true]);
}
