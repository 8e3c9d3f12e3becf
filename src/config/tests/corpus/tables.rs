//! Stick tables: who comes too often, and who stays with whom.

use super::*;
use crate::pure::rules::Action;

fn tables(config: &Config) -> Vec<(&str, Option<Duration>)> {
    config.tables.iter().map(|table| (table.name.as_str(), table.spec.expire)).collect()
}

#[test]
fn sensors_stay_with_their_broker() {
    let config = clean("mqtt.cfg");
    assert_eq!(tables(&config), [("mqtt", seconds(1800))]);
    let [reject, track] = &frontend(&config, "mqtt").rules.connection[..] else { panic!() };
    assert!(reject.action == Action::Reject && reject.condition.is_some());
    let Action::Track { counter: 0, table, .. } = &track.action else { panic!("{track:?}") };
    assert_eq!(table.as_deref(), Some("mqtt"));
    let mqtt = backend(&config, "mqtt");
    assert_eq!((mqtt.rules.sticking.len(), mqtt.balance), (1, Balance::LeastConn));
    assert_eq!(mqtt.servers[1].send_proxy, Some(ProxyHeader::V2));
}

#[test]
fn one_node_of_a_cluster_writes() {
    let config = clean("pxc.cfg");
    let names: Vec<_> = tables(&config).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["pxc-onenode"]);
    let one = backend(&config, "pxc-onenode");
    assert_eq!((backups(one), one.rules.sticking.len()), (vec![false, true, true], 1));
    let check = backend(&config, "pxc-all").servers[2].check.as_ref().expect("checked");
    assert_eq!((check.port.map(u16::from), check.inter), (Some(9200), Duration::from_secs(12)));
    let page = page(&config);
    assert_eq!((page.uri.as_str(), page.auth.is_empty()), ("/haproxy/stats", false));
}

#[test]
fn clients_that_come_too_often_are_refused() {
    let config = clean("rate-limit.cfg");
    assert_eq!(tables(&config), [("guarded", seconds(600))]);
    let guarded = frontend(&config, "guarded");
    assert_eq!(guarded.rate_limit_sessions.map(u32::from), Some(200));
    let actions: Vec<_> = guarded.rules.connection.iter().map(|rule| &rule.action).collect();
    let [Action::Accept, Action::Track { counter: 1, .. }, Action::Reject, Action::Reject] =
        actions[..]
    else {
        panic!("{actions:?}")
    };
    assert_eq!(guarded.rules.content.len(), 1);
    let pg = backend(&config, "pg");
    assert_eq!((pg.fullconn.map(u32::from), pg.timeouts.queue), (Some(400), seconds(2)));
    assert_eq!(pg.servers[1].minconn.map(u32::from), Some(10));
}

#[test]
fn tables_of_a_pair_stay_at_home() {
    let (config, warned) = read("peers.cfg");
    assert_eq!(warned, ["pair"]);
    assert_eq!(config.global.life.localpeer.as_deref(), Some("lb1"));
    assert_eq!(tables(&config), [("smtp", seconds(1800))]);
    let smtp = backend(&config, "smtp");
    let CheckKind::Smtp { hello } = kind(&smtp.servers[0]) else { panic!("not SMTP") };
    assert_eq!(hello, "EHLO lb.example.com");
    assert_eq!(smtp.rules.sticking.len(), 1);
}
