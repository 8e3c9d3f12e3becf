//! Rules: who gets in, and where to.

use super::*;
use crate::config::model::Level;
use crate::pure::balance::{Function, Method};
use crate::pure::rules::Action;

#[test]
fn only_networks_of_a_file_get_in() {
    let config = clean("allow-list.cfg");
    let db = frontend(&config, "db");
    assert_eq!(db.rules.connection.len(), 1);
    assert_eq!(db.rules.connection[0].action, Action::SilentDrop(None));
    assert!(db.rules.connection[0].condition.is_some());
    let sources = config.patterns.iter().flat_map(|set| &set.sources);
    let counts: Vec<_> =
        sources.map(|source| (source.file.is_some(), source.entries.len())).collect();
    assert_eq!(counts, [(true, 3), (false, 0), (false, 1)]);
}

#[test]
fn a_range_of_data_ports() {
    let config = clean("ftp.cfg");
    let ftp = frontend(&config, "ftp");
    assert_eq!(ftp.binds.len(), 33);
    assert_eq!(ftp.rules.switching.len(), 1);
    assert_eq!(ftp.backend.as_ref().map(|name| name.as_str()), Some("control"));
    let data = backend(&config, "data");
    let ip = "10.19.0.2".parse().expect("an address");
    assert_eq!(data.servers[1].address, ServerAddr::TcpClientPort { ip, offset: 0 });
    let check = data.servers[1].check.as_ref().expect("checked");
    assert_eq!(check.port.map(u16::from), Some(21));
}

#[test]
fn a_map_names_the_backend() {
    let config = clean("map-routing.cfg");
    let tls = frontend(&config, "tls");
    assert_eq!(tls.rules.inspect_delay, seconds(3));
    let [set, accept] = &tls.rules.content[..] else { panic!("{:?}", tls.rules.content) };
    assert!(matches!(set.action, Action::SetVar(..)) && set.condition.is_none());
    assert!(accept.action == Action::Accept && accept.condition.is_some());
    let map = config.patterns.iter().flat_map(|set| &set.sources).find(|source| source.is_map);
    let map = map.expect("a map");
    assert_eq!((map.file.as_deref(), map.entries.len()), (Some("names.map"), 2));
}

#[test]
fn several_protocols_on_one_port() {
    let config = clean("port-share.cfg");
    let any = frontend(&config, "any");
    assert_eq!(any.rules.content.len(), 3);
    assert!(any.rules.content.iter().all(|rule| rule.action == Action::Accept));
    assert_eq!(any.rules.switching.len(), 3);
    assert_eq!(any.rules.statements.iter().filter(|text| text.starts_with("acl ")).count(), 3);
    assert_eq!(backend(&config, "ssh").timeouts.server, seconds(8 * 3600));
    assert_eq!(backend(&config, "https").timeouts.server, seconds(2 * 3600));
}

#[test]
fn tls_names_choose() {
    let config = clean("sni-passthrough.cfg");
    let tls = frontend(&config, "tls");
    assert_eq!(listens(tls), ["0.0.0.0:443", "[::]:443"]);
    assert_eq!(tls.binds[1].v6only, Some(true));
    let actions: Vec<_> = tls.rules.content.iter().map(|rule| &rule.action).collect();
    assert_eq!(actions, [&Action::Accept, &Action::Reject]);
    assert_eq!(tls.rules.switching.len(), 2);
    assert_eq!(backend(&config, "git").servers[1].send_proxy, Some(ProxyHeader::V2));
    assert_eq!(*kind(&backend(&config, "web").servers[0]), CheckKind::SslHello);
    let socket = &config.commands.sockets[0];
    assert!(socket.expose_listeners && socket.level == Level::Admin);
}

#[test]
fn keys_choose_servers() {
    let config = clean("hashing.cfg");
    let shards = backend(&config, "memcached");
    let Balance::Hash(kind) = shards.balance else { panic!("{:?}", shards.balance) };
    assert!(kind.avalanche);
    assert!(
        matches!(kind.method, Method::Consistent { factor: Some(factor) } if factor.get() == 150)
    );
    assert_eq!(shards.balance_key.as_ref().map(|key| key.text.as_str()), Some("hash src"));
    let Balance::Source(kind) = backend(&config, "by-address").balance else { panic!() };
    assert_eq!((kind.method, kind.function), (Method::MapBased, Function::Djb2));
}
