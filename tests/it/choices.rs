//! Who chooses a session's server, when another is chosen, and how waiting for it is told.

use std::time::Duration;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End, served_by};
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually, within};

both! {
    leastconn_leaves_a_dead_server_at_once,
    who_is_the_only_server_is_given_time_before_each_attempt,
    who_was_sent_to_a_server_stays_until_the_last_attempt,
    who_is_forced_to_a_server_never_leaves_it,
    a_rule_may_name_a_server_that_drains,
    forced_clients_reach_a_server_in_maintenance,
    a_full_queue_is_passed_over_with_redispatch,
    an_interval_of_0_moves_only_who_is_not_tied,
    a_waiter_for_one_server_is_told_of_with_it,
    a_place_counts_who_was_served_before,
    a_limit_that_follows_the_load_counts_who_leaves,
}

/// Fields of a row of `show stat`.
fn fields<const N: usize>(api: &Api, row: &str, names: [&str; N]) -> [u64; N] {
    let text = api.ask("show stat");
    let mut lines = text.lines();
    let heads: Vec<&str> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
    let row = lines.find(|line| line.starts_with(&format!("{row},"))).unwrap();
    let row: Vec<&str> = row.split(',').collect();
    names.map(|name| {
        let place = heads.iter().position(|head| *head == name).unwrap();
        row[place].parse().unwrap_or_default()
    })
}

#[track_caller]
fn counts<const N: usize>(api: &Api, row: &str, names: [&str; N], wanted: [u64; N]) {
    let met = within(Duration::from_secs(10), || (fields(api, row, names) == wanted).then_some(()));
    assert!(met.is_some(), "{row} {names:?}: {wanted:?}, seen {:?}", fields(api, row, names));
}

fn start(kind: Kind, backend: &str) -> (Proxy, Api) {
    let api = Api::new();
    let scene = Scene::new(kind).global(&format!("nbthread 1\n{}", api.lines()));
    (scene.backend(backend).start(), api)
}

fn two_dead(words: &str) -> String {
    let [one, two] = [free_addr(), free_addr()];
    format!(
        "timeout connect 200ms
  retries 3
  option redispatch
  {words}
  server s1 {one}
  server s2 {two}"
    )
}

fn leastconn_leaves_a_dead_server_at_once(kind: Kind) {
    let (proxy, api) = start(kind, &two_dead("balance leastconn"));
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    counts(&api, "be,BACKEND", ["wretr", "wredis", "lbtot"], [0, 3, 4]);
}

fn who_is_the_only_server_is_given_time_before_each_attempt(kind: Kind) {
    let [dead, other] = [free_addr(), free_addr()];
    let (proxy, _api) = start(
        kind,
        &format!(
            "timeout connect 200ms\nretries 2\noption redispatch
server s1 {dead}\nserver s2 {other} backup"
        ),
    );
    Client::connect(proxy.addr).drain();
    let line = proxy.log.expect(&["be/s1 ", " SC ", "/2 0/0"]);
    let times = line.split(' ').nth(4).unwrap();
    let times: Vec<i64> = times.split('/').map(|time| time.parse().unwrap()).collect();
    // The last retry is a choice, which all that came before it waited for.
    assert!(times[0] >= 400 && times[2] >= 400, "{line}");
}

fn who_was_sent_to_a_server_stays_until_the_last_attempt(kind: Kind) {
    let (proxy, api) = start(kind, &two_dead("use-server s1 if TRUE"));
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    counts(&api, "be,s1", ["wretr", "wredis", "stot", "lbtot"], [2, 1, 3, 0]);
    counts(&api, "be,s2", ["wretr", "wredis", "stot", "lbtot"], [0, 0, 1, 1]);
}

fn who_is_forced_to_a_server_never_leaves_it(kind: Kind) {
    let words = "use-server s1 if TRUE\n  force-persist if TRUE";
    let (proxy, api) = start(kind, &two_dead(words));
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    counts(&api, "be,s1", ["wretr", "wredis", "stot", "econ"], [3, 0, 4, 1]);
    counts(&api, "be,s2", ["stot"], [0]);
}

fn two_alive(words: &str, of_each: &str) -> (String, [Backend; 2]) {
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let [one, two] = [servers[0].addr, servers[1].addr];
    (format!("{words}\nserver s1 {one} {of_each}\nserver s2 {two} {of_each}"), servers)
}

fn a_rule_may_name_a_server_that_drains(kind: Kind) {
    let (text, _servers) = two_alive("use-server s2 if TRUE", "");
    let (proxy, api) = start(kind, &text);
    api.ask("set server be/s2 state drain");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    api.ask("set server be/s2 state maint");
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn forced_clients_reach_a_server_in_maintenance(kind: Kind) {
    let words = "use-server s2 if TRUE\nforce-persist if TRUE";
    let (text, _servers) = two_alive(words, "");
    let (proxy, api) = start(kind, &text);
    api.ask("set server be/s2 state maint");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
}

/// A client that holds a slot or waits, so many sessions being there with it.
fn joins(proxy: &Proxy, api: &Api, sessions: u64) -> Client {
    let client = Client::connect(proxy.addr);
    eventually("it is there", || (fields(api, "be,BACKEND", ["scur"]) == [sessions]).then_some(()));
    client
}

fn a_full_queue_is_passed_over_with_redispatch(kind: Kind) {
    let words = "timeout queue 30s
  balance roundrobin
  option redispatch
  stick-table type ip size 10
  stick on src";
    let (text, _servers) = two_alive(words, "maxconn 1 maxqueue 1");
    let (proxy, api) = start(kind, &text);
    let mut clients: Vec<Client> = (1..=6).map(|count| joins(&proxy, &api, count)).collect();
    assert_eq!(clients[0].line().unwrap(), "s1");
    assert_eq!(clients[2].line().unwrap(), "s2");
    counts(&api, "be,BACKEND", ["wredis", "qcur", "econ", "lbtot"], [3, 2, 0, 2]);
    counts(&api, "be,s1", ["wredis", "qcur", "scur"], [1, 1, 1]);
    counts(&api, "be,s2", ["wredis", "qcur", "scur"], [2, 1, 1]);
}

fn an_interval_of_0_moves_only_who_is_not_tied(kind: Kind) {
    let words = "balance roundrobin\n  timeout connect 200ms\n  option redispatch 0";
    let (dead, good) = (free_addr(), Backend::greet("good"));
    let servers = format!("server s1 {dead}\n  server good {}", good.addr);
    let (proxy, api) = start(kind, &format!("{words}\n  {servers}"));
    for _ in 0..2 {
        assert_eq!(served_by(proxy.addr).unwrap(), "good");
    }
    counts(&api, "be,BACKEND", ["wretr", "wredis"], [0, 2]);
    let (proxy, api) = start(kind, &format!("{words}\n  use-server s1 if TRUE\n  {servers}"));
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    counts(&api, "be,BACKEND", ["wretr", "wredis"], [3, 0]);
}

fn a_waiter_for_one_server_is_told_of_with_it(kind: Kind) {
    let words = "timeout queue 300ms\nuse-server s1 if TRUE";
    let (text, _servers) = two_alive(words, "maxconn 1");
    let (proxy, api) = start(kind, &text);
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "s1");
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["be/s1", " sQ 2/2/1/1/0 1/0"]);
    counts(&api, "be,s1", ["econ", "lbtot"], [1, 0]);
}

fn a_place_counts_who_was_served_before(kind: Kind) {
    let server = Backend::greet("s1");
    let text = format!("timeout queue 30s\nserver s1 {} maxconn 1", server.addr);
    let (proxy, api) = start(kind, &text);
    let first = joins(&proxy, &api, 1);
    let second = joins(&proxy, &api, 2);
    let mut third = joins(&proxy, &api, 3);
    // Nobody was served since it came.
    drop(second);
    proxy.log.expect(&[" CQ 3/3/2/0/0 0/1"]);
    let mut fourth = joins(&proxy, &api, 3);
    drop(first);
    assert_eq!(third.line().unwrap(), "s1");
    drop(third);
    proxy.log.expect(&["be/s1", " -- 2/2/1/0/0 0/1"]);
    assert_eq!(fourth.line().unwrap(), "s1");
    drop(fourth);
    proxy.log.expect(&["be/s1", " -- 1/1/0/0/0 0/2"]);
}

fn a_limit_that_follows_the_load_counts_who_leaves(kind: Kind) {
    let server = Backend::greet("s1");
    let limits = "minconn 1 maxconn 4";
    let text = format!("timeout queue 30s\nfullconn 4\nserver s1 {} {limits}", server.addr);
    let (proxy, api) = start(kind, &text);
    let mut clients: Vec<Client> = (1..=6).map(|count| joins(&proxy, &api, count)).collect();
    let mut seen = Vec::new();
    for left in (1..=5).rev() {
        drop(clients.remove(0));
        eventually("it left", || (fields(&api, "be,BACKEND", ["scur"]) == [left]).then_some(()));
        seen.push(fields(&api, "be,s1", ["scur"])[0]);
    }
    // The limit is 4 while four or more are there, the one that leaves included.
    assert_eq!(seen, [4, 4, 3, 2, 1]);
}
