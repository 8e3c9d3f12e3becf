//! Servers that start as an earlier process left them: `show servers state` and what reads it.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    weights_and_maintenance_survive_a_restart,
    a_server_that_was_down_starts_down,
    who_was_said_to_be_down_is_down_without_checks,
    a_server_that_ran_has_all_its_lives,
    the_checks_port_stands_in_for_that_of_no_agent,
    a_weight_that_the_file_changed_is_the_files,
    a_file_that_is_not_there_is_warned_of,
    nothing_of_a_corrupt_file_is_used,
    lines_that_cannot_be_used_are_told,
    what_commands_said_of_places_survives_a_restart,
    the_ways_to_a_first_address_are_tried_in_turn,
    a_drain_that_is_inherited_ends_with_the_one_it_came_from,
    a_server_that_was_stopping_stops_on,
}

struct Pair {
    api: Api,
    dir: TempDir,
    servers: [Backend; 2],
}

impl Pair {
    fn new() -> Self {
        let servers = [Backend::greet("s1"), Backend::greet("s2")];
        Self { api: Api::new(), dir: TempDir::new(), servers }
    }

    fn start(&self, kind: Kind, words: &str) -> Proxy {
        self.start_from(kind, "global", words)
    }

    /// The state is in the common file and in the backend's.
    fn start_from(&self, kind: Kind, place: &str, words: &str) -> Proxy {
        let [one, two] = &self.servers;
        let global = format!(
            "{}server-state-base {}\nserver-state-file state",
            self.api.lines(),
            self.dir.join("").display()
        );
        Scene::new(kind)
            .global(&global)
            .backend(&format!(
                "load-server-state-from-file {place}\nserver-state-file-name state\n\
                 server s1 {} {words}\nserver s2 {}",
                one.addr, two.addr
            ))
            .start()
    }

    /// What is known of `server`: state, flags, weight.
    fn state(&self, server: &str) -> [String; 3] {
        let answer = self.api.ask("show servers state be");
        let line = answer.lines().find(|line| line.split(' ').nth(3) == Some(server));
        let fields: Vec<_> = line.unwrap().split(' ').map(str::to_owned).collect();
        [fields[5].clone(), fields[6].clone(), fields[7].clone()]
    }

    fn save(&self) {
        self.dir.write("state", &self.api.ask("show servers state"));
    }
}

fn weights_and_maintenance_survive_a_restart(kind: Kind) {
    let pair = Pair::new();
    let proxy = pair.start(kind, "weight 10");
    pair.api.ask("set server be/s1 weight 7");
    pair.api.ask("set server be/s2 state maint");
    pair.save();
    drop(proxy);
    let proxy = pair.start(kind, "weight 10");
    assert_eq!(pair.state("s1"), ["2", "0", "7"]);
    assert_eq!(pair.state("s2"), ["0", "1", "1"]);
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    pair.api.ask("set server be/s2 state drain");
    pair.save();
    drop(proxy);
    let _proxy = pair.start(kind, "weight 10");
    assert_eq!(pair.state("s2"), ["2", "8", "1"]);
}

/// The fields of `s1` from its port on: port, record, TLS, and where check and agent go.
fn places(api: &Api) -> String {
    let answer = api.ask("show servers state be");
    let line = answer.lines().find(|line| line.split(' ').nth(3) == Some("s1")).unwrap();
    line.split(' ').skip(18).collect::<Vec<_>>().join(" ")
}

fn what_commands_said_of_places_survives_a_restart(kind: Kind) {
    let pair = Pair::new();
    let words = "check port 9 addr 127.0.0.3 agent-check agent-port 9 inter 1h agent-inter 1h";
    let port = pair.servers[0].addr.port();
    let proxy = pair.start(kind, words);
    // `addr` is the agent's, too.
    assert_eq!(places(&pair.api), format!("{port} - 0 9 127.0.0.3 127.0.0.3 9"));
    let to = pair.servers[1].addr.port();
    for command in [
        &format!("addr 127.0.0.1 port {to}"),
        "check-addr 127.0.0.4",
        "check-port 10",
        "agent-addr 127.0.0.5",
        "agent-port 11",
    ] {
        pair.api.ask(&format!("set server be/s1 {command}"));
    }
    let wanted = format!("{to} - 0 10 127.0.0.4 127.0.0.5 11");
    assert_eq!(places(&pair.api), wanted);
    pair.save();
    drop(proxy);
    let _proxy = pair.start(kind, words);
    assert_eq!(places(&pair.api), wanted);
}

fn a_server_that_was_down_starts_down(kind: Kind) {
    let mut pair = Pair::new();
    pair.servers[0].die();
    let words = "check inter 100ms fastinter 100ms";
    let proxy = pair.start(kind, words);
    proxy.wait_status("s1", "DOWN");
    pair.save();
    drop(proxy);
    // It is there again, but only its check may say so.
    pair.servers[0].revive();
    let proxy = pair.start(kind, "check inter 1h");
    assert_eq!(pair.state("s1")[0], "0");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    let said = "Server be/s1 is DOWN, changed from server-state after a reload. 1 active and 0 \
                backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.";
    assert!(proxy.process.output().contains(said), "{}", proxy.process.output());
    drop(proxy);
    let proxy = pair.start(kind, words);
    proxy.wait_status("s1", "UP");
    eventually("s1 serves", || (served_by(proxy.addr).unwrap() == "s1").then_some(()));
}

fn who_was_said_to_be_down_is_down_without_checks(kind: Kind) {
    let pair = Pair::new();
    let proxy = pair.start(kind, "");
    pair.api.ask("set server be/s1 health down");
    pair.save();
    drop(proxy);
    let proxy = pair.start(kind, "");
    assert_eq!(pair.state("s1")[0], "0");
    for _ in 0..3 {
        assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    }
    pair.api.ask("set server be/s1 health up");
    eventually("s1 serves", || (served_by(proxy.addr).unwrap() == "s1").then_some(()));
}

fn a_server_that_ran_has_all_its_lives(kind: Kind) {
    let mut pair = Pair::new();
    let words = "check inter 100ms rise 2 fall 3\noption log-health-checks";
    let proxy = pair.start(kind, words);
    proxy.log.expect(&["be/s1 succeeded", "status: 3/3 UP"]);
    pair.save();
    drop(proxy);
    pair.servers[0].die();
    let proxy = pair.start(kind, words);
    for lives in ["2/3 UP", "1/3 UP", "0/2 DOWN"] {
        proxy.log.expect(&["be/s1 failed", &format!("status: {lives}.")]);
    }
}

fn the_checks_port_stands_in_for_that_of_no_agent(kind: Kind) {
    let pair = Pair::new();
    let port = pair.servers[0].addr.port();
    let _proxy = pair.start(kind, "check inter 1h port 9");
    assert_eq!(places(&pair.api), format!("{port} - 0 9 - - 9"));
}

fn a_weight_that_the_file_changed_is_the_files(kind: Kind) {
    let pair = Pair::new();
    let proxy = pair.start(kind, "weight 10");
    pair.api.ask("set server be/s1 weight 7");
    pair.save();
    drop(proxy);
    let _proxy = pair.start(kind, "weight 20");
    assert_eq!(pair.state("s1")[2], "20");
}

fn a_file_that_is_not_there_is_warned_of(kind: Kind) {
    let pair = Pair::new();
    let proxy = pair.start(kind, "");
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    let output = proxy.process.output();
    assert!(output.contains("server state file"), "{output}");
}

fn nothing_of_a_corrupt_file_is_used(kind: Kind) {
    let s1 = "3 be 1 s1 127.0.0.1 2 0 7 1 5 1 0 2 0 0 0 0 - 9 - 0 0 - - 0";
    let s2 = "3 be 2 s2 127.0.0.1 2 0 8 1 5 1 0 2 0 0 0 0 - 9 -";
    let cut = s2.trim_end_matches(" -");
    let long = |bytes: usize| format!("1\n#{}\n{s1}\n{s2}\n", "x".repeat(bytes - 2));
    // What is said of the file, and the weights that it gave.
    for (text, said, weights) in [
        (format!("1\n# Remark\n\n  {s1} more\n{s2}\n"), "", ["7", "8"]),
        (format!(" +01\n{s1}\n{s2}\n"), "", ["7", "8"]),
        (long(1999), "", ["7", "8"]),
        (long(2000), "at line 1", ["1", "1"]),
        ("1\njunk\n".to_owned(), "at line 1", ["1", "1"]),
        (format!("1\n# Remark\n{s1}\n{s2}"), "at line 3", ["1", "1"]),
        (format!("1\n\n{s1}\n{cut}\n"), "at line 3", ["1", "1"]),
        (format!("1\n{s1}\njunk\n{s2}\n"), "at line 2", ["1", "1"]),
        (format!("1\n{s1}\na\0b\n{s2}\n"), "at line 2", ["1", "1"]),
        (format!("2\n{s1}\n{s2}\n"), "version", ["1", "1"]),
        (format!("1 \n{s1}\n{s2}\n"), "version", ["1", "1"]),
        (format!("\n1\n{s1}\n{s2}\n"), "version", ["1", "1"]),
        ("1".to_owned(), "version", ["1", "1"]),
    ] {
        for place in ["global", "local"] {
            let pair = Pair::new();
            pair.dir.write("state", &text);
            let proxy = pair.start_from(kind, place, "");
            let output = proxy.process.output();
            let warned = output.lines().find(|line| line.contains("server state file"));
            assert_eq!(warned.is_some(), !said.is_empty(), "{text:?}: {output}");
            assert!(warned.unwrap_or_default().contains(said), "{text:?}: {output}");
            let found = ["s1", "s2"].map(|server| pair.state(server)[2].clone());
            assert_eq!(found, weights, "{text:?}, {place}");
        }
    }
}

/// Where a server starts whose name nobody knows, and which was at 127.0.0.77 before; `None`: it
/// does not start.
fn first_address(kind: Kind, ways: &str, was_known: bool) -> Option<String> {
    let (api, dir) = (Api::new(), TempDir::new());
    let header = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state \
        srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result \
        srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn \
        srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";
    let line = "3 be 1 s1 127.0.0.77 2 0 1 1 9 1 0 2 0 0 0 0 name.invalid 80 - 0 0 - - 0";
    let state =
        dir.write("state", &format!("1\n{header}\n{}\n", if was_known { line } else { "" }));
    let scene = Scene::new(kind)
        .global(&format!("{}server-state-file {}", api.lines(), state.display()))
        .backend(&format!("load-server-state-from-file global\nserver s1 name.invalid:80 {ways}"));
    // What `-c` says, haproxy finds out before it reads the file of states.
    if !was_known && scene.check().0 != 0 {
        return None;
    }
    let _proxy = scene.start();
    let answer = api.ask("show servers state be");
    let line = answer.lines().find(|line| line.split(' ').nth(3) == Some("s1"));
    line.unwrap().split(' ').nth(4).map(str::to_owned)
}

fn the_ways_to_a_first_address_are_tried_in_turn(kind: Kind) {
    for (ways, was_known, expected) in [
        ("", true, Some("127.0.0.77")),
        ("", false, None),
        ("init-addr last", true, Some("127.0.0.77")),
        ("init-addr last", false, None),
        ("init-addr libc,last", true, Some("127.0.0.77")),
        ("init-addr none,last", true, Some("-")),
        ("init-addr last,libc,none", false, Some("-")),
        ("init-addr 127.0.0.8,last", true, Some("127.0.0.8")),
        ("init-addr last,libc,127.0.0.8", false, Some("127.0.0.8")),
        ("init-addr last,libc,127.0.0.8", true, Some("127.0.0.77")),
    ] {
        let address = first_address(kind, ways, was_known);
        assert_eq!(address.as_deref(), expected, "{ways:?}, known: {was_known}");
    }
}

fn lines_that_cannot_be_used_are_told(kind: Kind) {
    const LINE: &str = "7 be 1 s1 127.0.0.1 2 0 5 1 9 6 3 4 6 0 0 0 - 9 - 0 0 - - 0";
    let with = |changes: &[(usize, &'static str)]| {
        let mut fields: Vec<&str> = LINE.split(' ').collect();
        changes.iter().for_each(|(at, text)| fields[*at] = text);
        fields.join(" ")
    };
    let failed = "server-state application failed for server 'be/s1', invalid ";
    let mismatch = "mismatch: from server state file: ";
    // What is said of the line, and the weight it gave.
    for (place, line, said, weight) in [
        ("local", with(&[]), String::new(), "5"),
        ("local", with(&[(0, "8")]), format!("'be': backend ID {mismatch}'8', from running"), "5"),
        ("local", with(&[(1, "it")]), format!("backend name {mismatch}'it', from running"), "1"),
        ("global", with(&[(0, "8")]), String::new(), "5"),
        ("global", with(&[(1, "it")]), String::new(), "1"),
        ("global", with(&[(2, "x")]), String::new(), "5"),
        ("global", with(&[(9, "-1")]), String::new(), "5"),
        ("global", with(&[(18, "x")]), String::new(), "5"),
        (
            "global",
            with(&[(5, "9"), (7, "300"), (18, "70000")]),
            format!("{failed}srv_op_state value '9', invalid srv_uweight value '300'"),
            "1",
        ),
        ("global", with(&[(12, "x")]), format!("{failed}srv_check_health value 'x'"), "1"),
        ("global", with(&[(16, "2")]), format!("{failed}srv_f_forced_id value '2'"), "1"),
        ("global", with(&[(1, "it"), (5, "9")]), String::new(), "1"),
    ] {
        let pair = Pair::new();
        pair.dir.write("state", &format!("1\n{line}\n"));
        let (file, server) = (pair.dir.join("state"), pair.servers[0].addr);
        let file = file.display();
        let proxy = Scene::new(kind)
            .global(&format!("{}server-state-file {file}", pair.api.lines()))
            .backend(&format!(
                "id 7\nload-server-state-from-file {place}\nserver-state-file-name {file}\n\
                 server s1 {server} weight 1"
            ))
            .start();
        let output = proxy.process.output();
        assert_eq!(pair.state("s1")[2], weight, "{line}: {output}");
        let told = ["mismatch", "application failed"].iter().any(|word| output.contains(word));
        assert_eq!(told, !said.is_empty(), "{line}: {output}");
        assert!(output.contains(&said), "{line}: {output}");
    }
}

fn a_drain_that_is_inherited_ends_with_the_one_it_came_from(kind: Kind) {
    let (pair, words) = (Pair::new(), "check\nserver s3 127.0.0.1:9 track be/s1");
    let proxy = pair.start(kind, words);
    pair.api.ask("set server be/s1 state drain");
    assert_eq!(pair.state("s3"), ["2", "16", "1"]);
    pair.save();
    drop(proxy);
    let _proxy = pair.start(kind, words);
    assert_eq!(pair.state("s3"), ["2", "16", "1"]);
    pair.api.ask("set server be/s1 state ready");
    assert_eq!(pair.state("s3"), ["2", "0", "1"]);
}

fn a_server_that_was_stopping_stops_on(kind: Kind) {
    // Its check does not end.
    let never = "check inter 1h\noption tcp-check\ntcp-check expect string never";
    let pair = Pair { servers: [Backend::silent(), Backend::greet("s2")], ..Pair::new() };
    let proxy = pair.start(kind, never);
    pair.api.ask("set server be/s1 health stopping");
    assert_eq!(pair.state("s1"), ["3", "0", "1"]);
    pair.save();
    drop(proxy);
    let _proxy = pair.start(kind, never);
    assert_eq!(pair.state("s1"), ["3", "0", "1"]);
}
