//! Stick tables: each scenario against both programs.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{PATIENCE, both, eventually};

both! {
    too_many_connections_of_a_source_are_refused,
    too_fast_a_source_is_refused,
    a_tag_outlives_its_connection,
    what_is_open_counts_nobody,
    counters_are_asked_in_many_ways,
    a_client_stays_with_its_server,
    what_a_server_says_may_be_a_key,
    a_server_may_go_unnoted,
    full_tables_purge_or_refuse,
    bytes_are_counted,
    an_end_is_a_use_where_it_changes_the_entry,
    persistence_may_lead_to_a_dead_server,
    tables_of_peers_are_shared,
}

/// A client from `127.0.0.<host>`.
pub(crate) fn client_from(host: u8, addr: SocketAddr) -> Client {
    try_client_from(host, addr).unwrap()
}

/// The same where the end may come before the client knows that it is connected.
pub(crate) fn try_client_from(host: u8, addr: SocketAddr) -> Result<Client> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0);
    socket.bind(&SocketAddr::V4(source).into())?;
    socket.connect_timeout(&addr.into(), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(Client(socket.into()))
}

/// Who serves a client of `127.0.0.<host>`; empty where it is refused.
pub(crate) fn served_from(host: u8, addr: SocketAddr) -> String {
    try_client_from(host, addr).and_then(|mut client| client.line()).unwrap_or_default()
}

pub(crate) fn start(kind: Kind, api: &Api, frontend: &str, backend: &str) -> Proxy {
    Scene::new(kind).global(&api.lines()).frontend(frontend).backend(backend).start()
}

/// An answer without what differs from run to run: places in memory and times.
pub(crate) fn normal(answer: &str) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some(("exp", rest)) if rest != "0" => "exp=T".to_owned(),
        _ if word.starts_with("0x") => "PLACE:".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    answer.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Asks until the answer, without what differs, holds `part`.
pub(crate) fn shows(api: &Api, command: &str, part: &str) {
    eventually(&format!("{command}: {part}"), || {
        normal(&api.ask(command)).contains(part).then_some(())
    });
}

fn too_many_connections_of_a_source_are_refused(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let rules = "stick-table type ip size 100 expire 30s store conn_cur
  tcp-request connection track-sc0 src
  tcp-request connection reject if { sc0_conn_cur gt 2 }";
    let proxy = start(kind, &api, rules, &format!("server s1 {}", server.addr));
    let mut held: Vec<Client> = (0..2).map(|_| client_from(2, proxy.addr)).collect();
    for client in &mut held {
        assert_eq!(client.line().unwrap(), "s1");
    }
    assert_eq!(served_from(2, proxy.addr), "");
    assert_eq!(served_from(3, proxy.addr), "s1");
    held.pop();
    eventually("there is room again", || (served_from(2, proxy.addr) == "s1").then_some(()));
    drop(held);
    shows(&api, "show table fe key 127.0.0.2", "key=127.0.0.2 use=0 exp=T conn_cur=0");
}

fn too_fast_a_source_is_refused(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let rules = "stick-table type ip size 100 expire 300s store conn_rate(300s)
  tcp-request content track-sc1 src table other
  tcp-request connection track-sc0 src
  tcp-request connection reject if { src_conn_rate gt 3 }";
    let other = "server s1 ADDR\nbackend other\n  stick-table type ip size 9 store conn_rate(300s)";
    let other = other.replace("ADDR", &server.addr.to_string());
    let proxy = start(kind, &api, rules, &other);
    for _ in 0..3 {
        assert_eq!(served_from(2, proxy.addr), "s1");
    }
    assert_eq!(served_from(2, proxy.addr), "");
    assert_eq!(served_from(3, proxy.addr), "s1");
    shows(&api, "show table fe", "key=127.0.0.2 use=0 exp=T conn_rate(300000)=4");
    shows(&api, "show table other", "key=127.0.0.2 use=0 exp=0 conn_rate(300000)=3");
}

fn a_tag_outlives_its_connection(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let rules = "stick-table type ip size 100 store gpc0,gpc1,gpt0
  tcp-request inspect-delay 10s
  tcp-request connection track-sc0 src
  tcp-request connection reject if { sc0_get_gpc0 gt 0 }
  tcp-request content sc-set-gpt0(0) 7 if { req.payload(0,4) -m str evil }
  tcp-request content sc-inc-gpc1(0) if { req.payload(0,4) -m found }
  tcp-request content reject if { req.payload(0,4) -m str evil } { sc0_inc_gpc0 gt 0 }
  tcp-request content accept if { req.len gt 3 }";
    let proxy = start(kind, &api, rules, &format!("server s1 {}", server.addr));
    client_from(2, proxy.addr).ping("good");
    let mut evil = client_from(2, proxy.addr);
    evil.send("evil");
    assert_eq!(evil.line().unwrap_or_default(), "");
    assert_eq!(served_from(2, proxy.addr), "");
    client_from(3, proxy.addr).ping("good");
    shows(&api, "show table fe", "key=127.0.0.2 use=0 exp=0 gpt0=7 gpc0=1 gpc1=2");
    shows(&api, "show table fe", "key=127.0.0.3 use=0 exp=0 gpt0=0 gpc0=0 gpc1=1");
}

/// A sample that counts, behind one that more bytes will decide.
fn what_is_open_counts_nobody(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let rules = "stick-table type ip size 100 store gpc0,gpc1
  tcp-request inspect-delay 10s
  tcp-request connection track-sc0 src
  tcp-request content sc-inc-gpc1(0) if { req.payload(0,2) -m found }
  tcp-request content reject if !{ req.payload(0,4) -m str good } { sc0_inc_gpc0 gt 0 }
  tcp-request content accept if { req.len gt 3 }";
    let proxy = start(kind, &api, rules, &format!("server s1 {}", server.addr));
    let mut slow = client_from(2, proxy.addr);
    slow.send("go");
    shows(&api, "show table fe", "gpc0=0 gpc1=1");
    slow.send("od\n");
    assert_eq!(slow.line().unwrap(), "good");
    // Rules are walked again from the first.
    shows(&api, "show table fe", "gpc0=0 gpc1=2");
}

/// How long entries of 127.0.0.1 are still kept in each of `tables`.
fn rests<const N: usize>(api: &Api, tables: [&str; N]) -> [u64; N] {
    let shown = api.ask(&tables.map(|table| format!("show table {table}")).join(";"));
    let mut rests = shown.lines().filter_map(|line| {
        let (_, rest) = line.split_once(" exp=")?;
        rest.split(' ').next()?.parse().ok()
    });
    tables.map(|table| rests.next().unwrap_or_else(|| panic!("{table}: {shown}")))
}

fn an_end_is_a_use_where_it_changes_the_entry(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let rules = "tcp-request connection track-sc0 src table tagged
  tcp-request connection track-sc1 src table running
  tcp-request connection track-sc2 src table moved";
    let tables = ["tagged gpc0,conn_cnt", "running conn_cur", "moved bytes_out_cnt"].map(|table| {
        let (name, stored) = table.split_once(' ').unwrap();
        format!("backend {name}\n  stick-table type ip size 9 expire 300s store {stored}\n")
    });
    let backend = format!("server s1 {}\n{}", server.addr, tables.concat());
    let proxy = start(kind, &api, rules, &backend);
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    let tables = ["tagged", "running", "moved"];
    eventually("time has passed", || (rests(&api, tables)[0] < 299_000).then_some(()));
    drop(client);
    shows(&api, "show table running", "key=127.0.0.1 use=0 exp=T conn_cur=0");
    eventually("the end was a use", || {
        let [tagged, running, moved] = rests(&api, tables);
        (running > tagged + 500 && moved > tagged + 500).then_some(())
    });
}

fn counters_are_asked_in_many_ways(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    // Each rule names the backend that its sample leads to.
    let rules = "tcp-request connection track-sc0 src table t
  tcp-request connection sc-inc-gpc(1,0)
  tcp-request session track-sc1 dst table u
  acl all sc_conn_cnt(0) 1
  acl all2 sc0_conn_cnt(t) 1
  acl sess sc0_sess_cnt 1
  acl trackers sc0_trackers 1
  acl tracked sc1_tracked
  acl untracked sc2_tracked
  acl absent sc2_conn_cnt 0
  acl known src,in_table(t)
  acl unknown int(9),in_table(t)
  acl count table_cnt(t) 1
  acl room table_avl(t) 99
  acl array sc_get_gpc(1,0) 1
  acl array0 sc_get_gpc(0,0) 0
  acl beyond sc_get_gpc(9,0) 0
  acl unstored sc0_get_gpt0 0
  acl conv src,table_conn_cnt(t) 1
  acl conv0 dst,table_conn_cnt(t) 0
  acl other src_conn_cnt(u) 0
  acl cleared sc0_clr_gpc0 0
  tcp-request content reject unless all all2 sess trackers tracked known count room
  tcp-request content reject unless array array0 conv conv0 other cleared
  tcp-request content reject if untracked or absent or unknown or beyond or unstored";
    let rest = "server s1 ADDR
backend t
  stick-table type ip size 100 store conn_cnt,sess_cnt,gpc(2)
backend u
  stick-table type ip size 100 store conn_cnt,sess_cnt";
    let proxy = start(kind, &api, rules, &rest.replace("ADDR", &server.addr.to_string()));
    assert_eq!(served_from(2, proxy.addr), "s1");
    shows(&api, "show table t", "key=127.0.0.2 use=0 exp=0 conn_cnt=1 sess_cnt=1 gpc0=0 gpc1=1");
    shows(&api, "show table u", "key=127.0.0.1 use=0 exp=0 conn_cnt=1 sess_cnt=1");
}

/// Backends `s1`, `s2`, `s3` and their lines.
fn three() -> ([Backend; 3], String) {
    let servers = ["s1", "s2", "s3"].map(Backend::greet);
    let lines = servers.iter().zip(1..).map(|(server, number)| {
        format!("server s{number} {} check inter 50 fall 1 rise 1\n", server.addr)
    });
    let lines = lines.collect();
    (servers, lines)
}

fn a_client_stays_with_its_server(kind: Kind) {
    let (api, (mut servers, lines)) = (Api::new(), three());
    let sticky = "stick-table type ip size 100 expire 300s\n  stick on src\n";
    let proxy = start(kind, &api, "", &format!("{sticky}{lines}"));
    let homes: Vec<String> = (2..5).map(|host| served_from(host, proxy.addr)).collect();
    assert_eq!(homes, ["s1", "s2", "s3"]);
    for _ in 0..3 {
        assert_eq!(served_from(3, proxy.addr), "s2");
    }
    shows(&api, "show table be", "key=127.0.0.3 use=0 exp=T server_id=2 server_key=s2");
    // A weight of zero and draining keep those away that are new.
    api.ask("set weight be/s2 0");
    assert_eq!(served_from(3, proxy.addr), "s2");
    api.ask("set weight be/s2 100%;set server be/s2 state drain");
    assert_eq!(served_from(3, proxy.addr), "s2");
    api.ask("set server be/s2 state ready");
    // Maintenance sends it away, and it stays there.
    api.ask("disable server be/s2");
    let other = served_from(3, proxy.addr);
    assert_ne!(other, "s2");
    api.ask("enable server be/s2");
    for _ in 0..3 {
        assert_eq!(served_from(3, proxy.addr), other);
    }
    // A server that goes down loses its clients to others for good.
    servers[0].die();
    proxy.log.expect(&["Server be/s1 is DOWN"]);
    let refuge = served_from(2, proxy.addr);
    assert!(!refuge.is_empty() && refuge != "s1");
    servers[0].revive();
    proxy.log.expect(&["Server be/s1 is UP"]);
    assert_eq!(served_from(2, proxy.addr), refuge);
    // What the table says is what counts.
    api.ask("clear table be key 127.0.0.4;set table be key 127.0.0.9 data.server_id 3");
    assert_eq!(served_from(9, proxy.addr), "s3");
}

fn what_a_server_says_may_be_a_key(kind: Kind) {
    let api = Api::new();
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let rules = "tcp-request inspect-delay 10s
  stick-table type string len 2 size 100
  tcp-request content accept if { req.len ge 2 }
  tcp-response inspect-delay 10s
  tcp-response content accept if { res.len ge 2 }
  stick match req.payload(0,2)
  stick store-response res.payload(0,2)";
    let [one, two] = servers.each_ref().map(|server| server.addr);
    let lines = format!("{rules}\n  server s1 {one}\n  server s2 {two}");
    let proxy = start(kind, &api, "", &lines);
    let named = |name: &str| {
        let mut client = Client::connect(proxy.addr);
        client.send(name);
        client.line().unwrap()
    };
    assert_eq!((named("xx").as_str(), named("xx").as_str()), ("s1", "s2"));
    shows(&api, "show table be", "key=s2 use=0 exp=0 server_id=2 server_key=s2");
    for name in ["s2", "s2", "s1", "s1", "s2"] {
        assert_eq!(named(name), name);
    }
}

fn a_server_may_go_unnoted(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let lines = format!(
        "stick-table type ip size 9\n  stick on src\n  server s1 {} non-stick",
        server.addr
    );
    let proxy = start(kind, &api, "", &lines);
    assert_eq!(served_from(2, proxy.addr), "s1");
    assert_eq!(api.ask("show table be").trim_end(), "# table: be, type: ip, size:9, used:0");
}

fn full_tables_purge_or_refuse(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let rules = "tcp-request connection track-sc0 src table small
  tcp-request connection track-sc1 src table strict
  tcp-request session reject unless { sc1_tracked }";
    let rest = format!(
        "server s1 {}
backend small
  stick-table type ip size 2 store conn_cnt
backend strict
  stick-table type ip size 3 nopurge expire 300s store conn_cnt",
        server.addr
    );
    let proxy = start(kind, &api, rules, &rest);
    for host in [2, 3, 4] {
        assert_eq!(served_from(host, proxy.addr), "s1");
    }
    eventually("all have left", || (!api.ask("show table strict").contains("use=1")).then_some(()));
    assert_eq!(served_from(5, proxy.addr), "");
    assert_eq!(served_from(3, proxy.addr), "s1");
    let strict = normal(&api.ask("show table strict"));
    assert!(strict.contains("used:3") && !strict.contains("127.0.0.5"), "{strict}");
    let small = normal(&api.ask("show table small"));
    assert!(small.contains("used:2") && !small.contains("127.0.0.2"), "{small}");
}

fn bytes_are_counted(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let rules = "stick-table type ip size 9 store bytes_in_cnt,bytes_in_rate(300s),bytes_out_cnt
  tcp-request content track-sc0 src";
    let proxy = start(kind, &api, rules, &format!("server s1 {}", server.addr));
    let mut client = client_from(2, proxy.addr);
    client.ping("four");
    client.ping("sixsix");
    drop(client);
    let counted = "bytes_in_cnt=10 bytes_in_rate(300000)=10 bytes_out_cnt=10";
    shows(&api, "show table fe", &format!("key=127.0.0.2 use=0 exp=0 {counted}"));
}

fn persistence_may_lead_to_a_dead_server(kind: Kind) {
    let (api, (mut servers, lines)) = (Api::new(), three());
    let rest = format!(
        "stick-table type ip size 100
  stick on src
  ignore-persist if {{ src 127.0.0.4 }}
  force-persist if {{ src 127.0.0.3 }}
  retries 0
  no option redispatch
{lines}"
    );
    let proxy = start(kind, &api, "", &rest);
    for (host, server) in [(2, "s1"), (3, "s2"), (4, "s3")] {
        assert_eq!(served_from(host, proxy.addr), server);
    }
    // Only cookies would be ignored.
    assert_eq!(served_from(4, proxy.addr), "s3");
    servers[1].die();
    proxy.log.expect(&["Server be/s2 is DOWN"]);
    assert_eq!(served_from(3, proxy.addr), "");
    assert_eq!(served_from(2, proxy.addr), "s1");
    servers[0].die();
    proxy.log.expect(&["Server be/s1 is DOWN"]);
    assert_eq!(served_from(2, proxy.addr), "s3");
}

fn tables_of_peers_are_shared(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let rest = format!(
        "tcp-request content track-sc0 src table all/users
  server s1 {}
backend other
  stick-table type ip size 9 peers all
peers all
  peer host 127.0.0.1:{}
  table users type ip size 9 store conn_cnt",
        server.addr,
        free_port()
    );
    let scene = Scene::new(kind).global(&format!("{}localpeer host\n", api.lines())).backend(&rest);
    let proxy = scene.start();
    assert_eq!(served_from(2, proxy.addr), "s1");
    shows(&api, "show table all/users", "key=127.0.0.2 use=0 exp=0 conn_cnt=1");
}

/// HAProxy keeps tables only where a peer does; here they stay in any case.
#[test]
fn tables_outlive_a_reload() {
    let (api, (_servers, lines)) = (Api::new(), three());
    let rest = format!("stick-table type ip size 100\n  stick on src\n{lines}");
    let scene = Scene::new(Kind::Evenkeel).global(&api.lines()).backend(&rest).reloadable();
    let text = scene.text();
    let proxy = scene.start();
    let homes: Vec<String> = (2..5).map(|host| served_from(host, proxy.addr)).collect();
    assert_eq!(homes, ["s1", "s2", "s3"]);
    let follow = |from: &str, to: &str, shown: &str| {
        proxy.reload(&text.replace(from, to), Signal::USR2);
        shows(&api, "show table be", shown);
    };
    follow("size 100", "size 100 expire 300s", "key=127.0.0.2 use=0 exp=T server_id=1");
    for host in [4, 3, 2] {
        assert_eq!(served_from(host, proxy.addr), homes[usize::from(host) - 2]);
    }
    // Entries of another form are not kept.
    follow("size 100", "size 100 store gpc0", "used:0");
}
