//! Databases and what stands before them.

use super::*;
use crate::config::model::{HttpExpect, Level, LoadState, OnError, Payload, PortFrom, UseSrc};
use crate::pure::probe::Place;

#[test]
fn replicas_with_agents() {
    let config = clean("agent.cfg");
    let replicas = backend(&config, "replicas");
    let agents: Vec<_> =
        replicas.servers.iter().map(|server| server.agent.as_ref().expect("an agent")).collect();
    assert_eq!(agents[0].inter, Duration::from_secs(5));
    assert_eq!(agents[1].send, b"lag?\n");
    assert_eq!(agents[2].addr, Some(Place::Inet("10.4.1.3:0".parse().expect("an address"))));
    assert!(agents.iter().all(|agent| agent.port.get() == 9300));
    assert!(replicas.servers.iter().all(|server| server.slowstart == seconds(60)));
    let checks: Vec<_> = replicas.servers.iter().map(kind).collect();
    assert!(matches!(checks[2], CheckKind::Mysql { user: Some((name, _)) } if name == "haproxy"));
}

#[test]
fn a_program_finds_the_primary() {
    let config = clean("external.cfg");
    let CheckKind::External(check) = kind(&backend(&config, "mysql-write").servers[0]) else {
        panic!("not external")
    };
    assert_eq!(
        (check.command.as_str(), check.path.as_deref()),
        ("/usr/bin/true", Some("/usr/bin:/bin"))
    );
    assert!(!check.preserve_env);
}

#[test]
fn a_mongodb_replica_set() {
    let config = clean("mongodb.cfg");
    let steps = script(backend(&config, "mongo"));
    let sent: Vec<u8> = steps
        .iter()
        .filter_map(|step| match step {
            ScriptStep::Send { data: Payload::Binary(data), .. } => Some(data.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    // The first word of a message is its length, and its last byte ends the document.
    assert_eq!(usize::from(sent[0]), sent.len());
    assert!(sent.windows(8).any(|window| window == b"isMaster"));
    let Some(ScriptStep::Expect(expect)) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(expect.pattern, Pattern::Binary(b"ismaster\0\x01".to_vec()));
}

#[test]
fn an_availability_group() {
    let config = clean("mssql.cfg");
    assert_eq!(listens(frontend(&config, "sql-in")), ["10.6.0.100:1433"]);
    let sql = backend(&config, "sql");
    let ports: Vec<_> = script(sql)
        .iter()
        .map(|step| match step {
            ScriptStep::Connect { port, .. } => port.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let probe = std::num::NonZeroU16::new(59_999).map(PortFrom::Fixed);
    assert_eq!(ports, [probe, None]);
    assert_eq!(sql.timeouts.server, seconds(8 * 3600));
    assert!(sql.servers.iter().all(|s| s.on_marked_down == OnMarkedDown::ShutdownSessions));
}

#[test]
fn bounded_poolers() {
    let config = clean("pgbouncer.cfg");
    let bouncers = backend(&config, "bouncers");
    assert!(bouncers.abortonclose);
    assert_eq!((bouncers.retries, bouncers.timeouts.queue), (2, seconds(5)));
    assert_eq!(bouncers.redispatch, Redispatch::Every(1.try_into().expect("not 0")));
    let first = &bouncers.servers[0];
    assert_eq!(
        (first.maxconn.map(u32::from), first.maxqueue.map(u32::from)),
        (Some(90), Some(200))
    );
    let observe = first.observe.expect("observed");
    assert_eq!((observe.error_limit.get(), observe.on_error), (5, OnError::MarkDown));
    assert!(bouncers.servers[2].disabled && !first.disabled);
}

#[test]
fn servers_see_the_clients() {
    let config = clean("tproxy.cfg");
    let db = backend(&config, "db");
    let source = db.source.as_ref().expect("a source");
    assert_eq!(source.usesrc, UseSrc::ClientIp);
    let own = db.servers[1].socket.source.as_ref().expect("its own source");
    assert_eq!((own.ports, &own.usesrc), (Some((10_000, 20_000)), &UseSrc::Local));
}

#[test]
fn etcd_members() {
    let config = clean("etcd.cfg");
    let etcd = backend(&config, "etcd");
    assert_eq!(etcd.timeouts.tunnel, seconds(3600));
    for server in &etcd.servers {
        let check = server.check.as_ref().expect("checked");
        assert_eq!((check.port.map(u16::from), check.fall.get()), (Some(2381), 2));
        let CheckKind::Http(http) = &check.kind else { panic!("{:?}", check.kind) };
        let asked = http.request().expect("a request");
        assert_eq!((asked.method.as_str(), asked.uri.text()), ("GET", &b"/health"[..]));
        assert!(http.expects().next().is_some_and(|expect| *expect != HttpExpect::usual()));
    }
}

#[test]
fn states_of_servers_survive() {
    let (config, warned) = read("state-file.cfg");
    assert_eq!(warned, ["/var/lib/haproxy/server-state"]);
    let db = backend(&config, "db");
    assert_eq!(db.servers.iter().map(|s| s.id.0).collect::<Vec<_>>(), [11, 12]);
    assert_eq!(db.load_state, LoadState::Global);
    assert!(config.commands.sockets[0].level == Level::Admin);
}
