//! Clusters, brokers, directories, and the page for people.

use super::*;
use crate::config::model::{Level, Sni};

#[test]
fn brokers_behind_tls() {
    let config = clean("artemis.cfg");
    let servers = &backend(&config, "amqps").servers;
    let tls = servers[1].tls.as_ref().expect("TLS");
    assert!(matches!(tls.sni, Sni::Fixed(_)) && servers[1].backup);
    assert!(servers[0].check.as_ref().expect("checked").is_tls);
}

#[test]
fn services_of_a_gitlab() {
    let config = clean("gitlab.cfg");
    assert_eq!(config.global.log.len(), 3);
    let (bouncer, praefect) = (backend(&config, "pgbouncer"), backend(&config, "praefect"));
    assert_eq!((bouncer.balance, praefect.balance), (Balance::LeastConn, Balance::LeastConn));
    assert!(praefect.keepalive.is_some() && bouncer.keepalive.is_none());
    assert!(frontend(&config, "internal-praefect-tcp-in").keepalive.is_some());
    assert_eq!(addresses(bouncer)[2], "10.18.0.33:6432");
}

#[test]
fn directories_with_and_without_tls() {
    let config = clean("ldaps.cfg");
    let tls = |name| {
        let servers = &backend(&config, name).servers;
        assert!(
            servers.iter().all(|server| *kind(server) == CheckKind::Ldap && server.tls.is_none())
        );
        servers
            .iter()
            .filter(|server| server.check.as_ref().is_some_and(|check| check.is_tls))
            .count()
    };
    assert_eq!((tls("ldap"), tls("ldaps")), (0, 2));
}

#[test]
fn a_cluster_s_front_door() {
    let (config, warned) = read("openshift.cfg");
    assert_eq!(warned, [""; 0]);
    assert_eq!(config.frontends.len(), 4);
    let api = backend(&config, "api-server-6443");
    assert_eq!(backups(api), [true, false, false, false]);
    let CheckKind::Http(check) = kind(&api.servers[1]) else { panic!("not HTTP") };
    let asked = check.request().expect("a request");
    assert_eq!((asked.uri.text(), asked.version.as_str()), (&b"/readyz"[..], "HTTP/1.0"));
    assert!(api.servers[1].check.as_ref().expect("checked").is_tls && api.servers[1].tls.is_none());
    assert!(matches!(backend(&config, "ingress-router-80").balance, Balance::Source(_)));
    assert_eq!(*kind(&backend(&config, "machine-config-server-22623").servers[3]), CheckKind::Tcp);
}

#[test]
fn a_page_for_people() {
    let config = clean("stats-page.cfg");
    let page = page(&config);
    assert_eq!((page.uri.as_str(), page.refresh), ("/stats", seconds(10)));
    assert!(page.hide_version && page.legends && page.admin.len() == 1 && !page.auth.is_empty());
    assert_eq!(config.global.life.node.as_deref(), Some("lb1"));
    let levels: Vec<_> = config.commands.sockets.iter().map(|socket| socket.level).collect();
    assert_eq!(levels, [Level::Admin, Level::Operator]);
    assert_eq!(config.commands.maxconn.get(), 20);
    assert!(frontend(&config, "db").socket_stats);
}

#[test]
fn lines_for_a_pipeline() {
    let config = clean("log-format.cfg");
    let log = &config.global.log[0];
    assert_eq!((log.framing, log.len), (LogFraming::Rfc5424, 4096));
    let LogFormat::Custom(format) = &frontend(&config, "db").log.format else {
        panic!("not its own")
    };
    assert!(format.text.starts_with("{\"client\":\"%ci\","), "{}", format.text);
    assert!(format.text.contains("%[var(sess.sni)]"));
}

#[test]
fn desktops_behind_a_broker() {
    let config = clean("rdp.cfg");
    let rdp = backend(&config, "rdp");
    assert_eq!(rdp.rdp_cookie.as_deref(), Some("msts"));
    assert_eq!(rdp.balance_key.as_ref().map(|key| key.text.as_str()), Some("rdp-cookie"));
    assert_eq!(frontend(&config, "rdp").rules.inspect_delay, seconds(5));
    assert!(rdp.servers.iter().all(|server| server.check.is_some()));
}

/// Standbys answer 429 and sealed ones 503: neither gets connections.
#[test]
fn the_active_vault() {
    let config = clean("vault.cfg");
    let servers = &backend(&config, "vault").servers;
    assert_eq!(servers.len(), 3);
    assert!(servers.iter().all(|server| server.tls.is_none()));
    let CheckKind::Http(check) = kind(&servers[0]) else { panic!("not HTTP") };
    let asked = check.request().expect("a request");
    assert_eq!((asked.method.as_str(), asked.uri.text()), ("GET", &b"/v1/sys/health"[..]));
    let expected = check.expects().next().expect("one").matcher.clone();
    assert_eq!(expected, HttpMatch::Status(vec![(200, 200)]));
}
