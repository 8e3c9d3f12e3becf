//! What the columns of `show stat` and `show info` say after sessions of all kinds.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    times_are_those_of_sessions_with_a_server,
    nobody_is_on_a_server_between_two_attempts,
    what_the_file_keeps_from_serving_did_not_fall,
    a_server_without_an_address_says_so,
    bytes_sent_are_those_to_both_sides,
    failed_sessions_with_consequences_are_counted,
    no_connection_is_kept_for_later,
}

fn start(scene: Scene) -> (Proxy, Api) {
    let api = Api::new();
    (scene.global(&format!("nbthread 1\n{}", api.lines())).start(), api)
}

/// A field of a row of `show stat`.
fn field(api: &Api, row: &str, name: &str) -> String {
    let text = api.ask("show stat");
    let mut lines = text.lines();
    let names = lines.next().unwrap().trim_start_matches("# ");
    let place = names.split(',').position(|of| of == name).unwrap();
    let row = lines.find(|line| line.starts_with(&format!("{row},"))).unwrap();
    row.split(',').nth(place).unwrap().to_owned()
}

#[track_caller]
fn shows(api: &Api, row: &str, name: &str, expected: &str) {
    let mut last = String::new();
    let seen = crate::harness::within(crate::harness::PATIENCE, || {
        last = field(api, row, name);
        (last == expected).then_some(())
    });
    assert!(seen.is_some(), "{name} of {row} is {last}, not {expected}");
}

fn times_are_those_of_sessions_with_a_server(kind: Kind) {
    let dead = format!("retries 1\ntimeout connect 200ms\nserver s1 {}", free_addr());
    let (proxy, api) = start(Scene::new(kind).backend(&dead));
    Client::connect(proxy.addr).drain();
    shows(&api, "be,s1", "econ", "1");
    for row in ["be,s1", "be,BACKEND"] {
        for name in ["qtime", "ctime", "ttime", "qtime_max", "ctime_max", "ttime_max"] {
            shows(&api, row, name, "0");
        }
    }
}

fn nobody_is_on_a_server_between_two_attempts(kind: Kind) {
    // An attempt that is refused is repeated after a second, or after `timeout connect`.
    let dead = format!("retries 3\nserver s1 {}", free_addr());
    let (proxy, api) = start(Scene::new(kind).backend(&dead));
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(proxy.addr)).collect();
    eventually("all wait for their second attempt", || {
        let count = |row: &str, name: &str| field(&api, row, name);
        (count("be,s1", "connect") == "5" && count("be,BACKEND", "scur") == "5").then_some(())
    });
    shows(&api, "be,s1", "scur", "0");
    clients.iter_mut().for_each(|client| drop(client.drain()));
    shows(&api, "be,s1", "connect", "20");
    shows(&api, "be,s1", "scur", "0");
}

fn what_the_file_keeps_from_serving_did_not_fall(kind: Kind) {
    let server = Backend::silent();
    let addr = server.addr;
    let more = format!(
        "server s1 {addr} disabled check inter 1h
backend weightless\nserver s1 {addr} weight 0
backend nameless\nserver s1 nowhere.invalid:80 init-addr none
backend following\nserver s1 {addr} track be/s1"
    );
    let (_proxy, api) = start(Scene::new(kind).backend(&more));
    shows(&api, "be,BACKEND", "chkdown", "0");
    shows(&api, "weightless,BACKEND", "chkdown", "0");
    shows(&api, "nameless,BACKEND", "chkdown", "1");
    shows(&api, "following,BACKEND", "chkdown", "1");
    api.ask("set server be/s1 state ready");
    shows(&api, "be,BACKEND", "status", "UP");
    api.ask("set server be/s1 state maint");
    shows(&api, "be,BACKEND", "chkdown", "1");
    shows(&api, "following,BACKEND", "chkdown", "2");
}

fn a_server_without_an_address_says_so(kind: Kind) {
    let servers = "server s1 nowhere.invalid:80 init-addr none
server s2 nowhere.invalid:80 init-addr none disabled";
    let (_proxy, api) = start(Scene::new(kind).backend(servers));
    shows(&api, "be,s1", "status", "MAINT (resolution)");
    shows(&api, "be,s2", "status", "MAINT (resolution)");
}

fn bytes_sent_are_those_to_both_sides(kind: Kind) {
    const BYTES: usize = 1_000_000;
    let server = Backend::echo();
    let (proxy, api) = start(Scene::new(kind).backend(&format!("server s1 {}", server.addr)));
    let mut client = Client::connect(proxy.addr);
    for _ in 0..BYTES / 1000 {
        client.ping(&"x".repeat(1000));
    }
    drop(client);
    shows(&api, "be,BACKEND", "bout", &BYTES.to_string());
    let info = api.ask("show info");
    let sent = info.lines().find_map(|line| line.strip_prefix("TotalBytesOut: ")).unwrap();
    let sent: usize = sent.parse().unwrap();
    // haproxy's are also those of the answers on its socket.
    assert!((2 * BYTES..3 * BYTES).contains(&sent), "{sent}");
}

fn failed_sessions_with_consequences_are_counted(kind: Kind) {
    let checked = Backend::silent();
    let servers = format!(
        "retries 0\nserver s1 {} check port {} inter 1h observe layer4 error-limit 1
server s2 {} check inter 1h",
        free_addr(),
        checked.addr.port(),
        checked.addr
    );
    let (proxy, api) = start(Scene::new(kind).backend(&format!("balance first\n{servers}")));
    shows(&api, "be,s1", "check_status", "L4OK");
    shows(&api, "be,s1", "hanafail", "0");
    shows(&api, "be,s2", "hanafail", "");
    Client::connect(proxy.addr).drain();
    shows(&api, "be,s1", "hanafail", "1");
    api.ask("clear counters all");
    shows(&api, "be,s1", "hanafail", "0");
}

fn no_connection_is_kept_for_later(kind: Kind) {
    let server = Backend::echo();
    let (proxy, api) = start(Scene::new(kind).backend(&format!("server s1 {}", server.addr)));
    shows(&api, "be,s1", "need_conn_est", "0");
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    shows(&api, "be,s1", "scur", "1");
    shows(&api, "be,s1", "used_conn_cur", "0");
    shows(&api, "be,s1", "need_conn_est", "1");
}
