//! Servers that commands add and delete, and what a reload makes of what commands did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::api_set::start;
use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    servers_are_added_in_maintenance,
    rules_that_name_servers_let_others_be_added,
    added_servers_are_checked_once_enabled,
    servers_that_cannot_be_added_are_refused,
    ansible_drains_disables_and_enables,
    a_weight_of_zero_and_back_fails_no_client,
    servers_come_and_go_under_load,
}

fn servers_are_added_in_maintenance(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("one"), Backend::greet("two"));
    let proxy = start(kind, &api, &format!("server s1 {}", one.addr));
    let add = format!("add server be/new {} weight 3", two.addr);
    assert_eq!(api.ask(&add).trim_end(), "New server registered.");
    let again = "Already exists a server with the same name in backend.";
    assert_eq!(api.ask(&add).trim_end(), again);
    assert_eq!(api.ask("get weight be/new").trim_end(), "3 (initial 3)");
    for _ in 0..4 {
        assert_eq!(served_by(proxy.addr).unwrap(), "one");
    }
    assert_eq!(api.ask("enable server be/new").trim_end(), "");
    proxy.log.expect(&["Server be/new is UP/READY (leaving forced maintenance)."]);
    assert_eq!(api.ask("disable server be/s1").trim_end(), "");
    for _ in 0..4 {
        assert_eq!(served_by(proxy.addr).unwrap(), "two");
    }
    eventually("its last session has ended", || {
        (api.ask("del server be/s1").trim() == "Server deleted.").then_some(())
    });
    let only = "Only servers in maintenance mode can be deleted.";
    assert_eq!(api.ask("del server be/new").trim_end(), only);
    assert_eq!(api.ask("disable server be/new").trim(), "");
    eventually("its last session has ended", || {
        (api.ask("del server be/new").trim() == "Server deleted.").then_some(())
    });
}

fn rules_that_name_servers_let_others_be_added(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("one"), Backend::greet("two"));
    let rules = "use-server s1 if { src 127.0.0.1 }\nuse-server s1 unless { src 127.0.0.1 }";
    let proxy = start(kind, &api, &format!("{rules}\nserver s1 {}", one.addr));
    let add = format!("add server be/new {}", two.addr);
    assert_eq!(api.ask(&add).trim_end(), "New server registered.");
    assert_eq!(api.ask("enable server be/new").trim(), "");
    assert_eq!(served_by(proxy.addr).unwrap(), "one");
    assert_eq!(api.ask("disable server be/s1").trim(), "");
    assert_eq!(served_by(proxy.addr).unwrap(), "two");
}

fn added_servers_are_checked_once_enabled(kind: Kind) {
    let (api, one) = (Api::new(), Backend::greet("one"));
    let proxy = start(kind, &api, &format!("server s1 {}", one.addr));
    let add = "add server be/new 127.0.0.1:1 check inter 50 fall 1";
    assert_eq!(api.ask(add).trim_end(), "New server registered.");
    assert_eq!(api.ask("enable server be/new;enable health be/new").trim(), "");
    proxy.log.expect(&["Server be/new is DOWN, reason: Layer4 connection problem"]);
    assert_eq!(api.ask("disable server be/new").trim(), "");
    proxy.log.expect(&["Server be/new was DOWN and now enters maintenance."]);
    let down = proxy.log.count("Server be/new is DOWN");
    assert_eq!(api.ask("del server be/new").trim_end(), "Server deleted.");
    assert_eq!(proxy.log.count("Server be/new is DOWN"), down);
}

fn servers_that_cannot_be_added_are_refused(kind: Kind) {
    let (api, one) = (Api::new(), Backend::greet("one"));
    let text = format!(
        "global\n{}defaults\n mode tcp\n log {{log}} local0\n timeout connect 5s\n \
         timeout client 5s\n timeout server 5s\n\
         frontend fe\n bind {{front}}\n default_backend be\n\
         backend be\n server s1 {}\nbackend st\n balance static-rr\n server s1 {}\n",
        api.lines(),
        one.addr,
        one.addr,
    );
    let _proxy = Scene::new(kind).whole(&text).start();
    for (command, answer) in [
        ("add server", "Require 'backend/server'."),
        ("add server be", "Require 'backend/server'."),
        ("add server be/new", "'server' expects <name> and <addr>[:<port>] as arguments."),
        ("add server x/new 127.0.0.1:80", "No such backend."),
        (
            "add server st/new 127.0.0.1:80",
            "Backend must use a dynamic load balancing to support dynamic servers.",
        ),
        (
            "add server be/new 127.0.0.1:80 wieght 3",
            "unknown keyword 'wieght'; did you mean 'weight' maybe ?",
        ),
        (
            "add server be/new 127.0.0.1:80 resolvers x",
            "'resolvers' option is not accepted for dynamic server",
        ),
        (
            "set weight st/s1 5",
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
        ),
    ] {
        assert_eq!(api.ask(command).trim_end(), answer, "{command}");
    }
    for words in ["127.0.0.1:80 weight 500", "127.0.0.1:80 rise 0", "127.0.0.1:80 id 1"] {
        let answer = api.ask(&format!("add server be/new {words}"));
        assert!(!answer.contains("registered"), "{words}: {answer}");
    }
    assert_eq!(api.ask("get weight be/new").trim_end(), "No such server.");
}

/// The dialogue of Ansible's module: every change is a line of its own, the state is read back.
fn ansible_drains_disables_and_enables(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let backend = format!("server s1 {}\nserver s2 {}", one.addr, two.addr);
    let proxy = start(kind, &api, &backend);
    for (command, status, served) in [
        ("set server be/s1 state drain", "DRAIN", "s2"),
        ("get weight be/s1; set server be/s1 state ready", "UP", ""),
        ("get weight be/s1; disable server be/s1", "MAINT", "s2"),
        ("shutdown sessions server be/s1", "MAINT", "s2"),
        ("get weight be/s1; enable server be/s1", "UP", ""),
    ] {
        let answer = api.ask(command);
        assert!(matches!(answer.trim(), "" | "1 (initial 1)"), "{command}: {answer}");
        proxy.wait_status("s1", status);
        for _ in 0..3 {
            let name = served_by(proxy.addr).unwrap();
            assert!(served.is_empty() || name == served, "{command}: {name}");
        }
    }
}

/// Clients that come one after the other, from two threads, until it is dropped.
struct Crowd {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<u32>>,
}

impl Crowd {
    fn start(proxy: &Proxy) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (addr, threads) = (proxy.addr, 0..2);
        let threads = threads.map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                let mut served = 0;
                while !over.load(Ordering::Relaxed) {
                    served_by(addr).unwrap();
                    served += 1;
                }
                served
            })
        });
        Self { threads: threads.collect(), over }
    }

    /// Each of them was served.
    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            assert!(thread.join().unwrap() > 0);
        }
    }
}

fn a_weight_of_zero_and_back_fails_no_client(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let backend = format!("server s1 {} weight 10\nserver s2 {} weight 10", one.addr, two.addr);
    let proxy = start(kind, &api, &backend);
    let crowd = Crowd::start(&proxy);
    for round in 0..30 {
        let server = if round % 2 == 0 { "s1" } else { "s2" };
        for weight in ["0", "50%", "100%"] {
            assert_eq!(api.ask(&format!("set weight be/{server} {weight}")), "\n");
        }
    }
    crowd.end();
}

fn servers_come_and_go_under_load(kind: Kind) {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("new"));
    let proxy = start(kind, &api, &format!("server s1 {}", one.addr));
    let crowd = Crowd::start(&proxy);
    for round in 0..20 {
        let add = format!("add server be/new {}", two.addr);
        assert_eq!(api.ask(&add).trim(), "New server registered.");
        assert_eq!(api.ask("enable server be/new"), "\n");
        let enough = u64::try_from(round).unwrap() + 1;
        eventually("it serves", || (two.accepted() >= enough).then_some(()));
        assert_eq!(api.ask("disable server be/new"), "\n");
        eventually("it is deleted", || {
            let answer = api.ask("del server be/new");
            (answer.trim() == "Server deleted.").then_some(())
        });
    }
    crowd.end();
}

/// HAProxy 2.6 has no `wait`.
#[test]
fn wait_ends_when_the_server_may_be_deleted() {
    let (api, one) = (Api::new(), Backend::echo());
    let proxy = start(Kind::Evenkeel, &api, &format!("server s1 {}", one.addr));
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    let not_yet = "Only servers in maintenance mode can be deleted.";
    assert_eq!(api.ask("wait 30s srv-removable be/s1").trim(), not_yet);
    assert_eq!(api.ask("disable server be/s1").trim(), "");
    let line = "wait 1 srv-removable be/s1;shutdown sessions server be/s1;wait 30s srv-removable \
                be/s1;del server be/s1";
    let answer = api.ask(line);
    let answers: Vec<_> = answer.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(answers, ["Wait delay expired.", "Done.", "Server deleted."]);
    assert_eq!(api.ask("wait 1").trim(), "Done.");
    assert!(api.ask("wait soon").starts_with("Invalid delay."));
}

fn reload(proxy: &Proxy, text: &str) {
    let before = proxy.process.output().matches("Reloaded").count();
    proxy.reload(text, Signal::USR2);
    eventually("the reload", || {
        (proxy.process.output().matches("Reloaded").count() > before).then_some(())
    });
}

/// HAProxy forgets all of it: its reload is a new process.
#[test]
fn a_reload_keeps_what_commands_changed_and_the_file_did_not() {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let backend = format!("server s1 {} weight 10\nserver s2 {} weight 20", one.addr, two.addr);
    let proxy = start(Kind::Evenkeel, &api, &backend);
    let weights = || ["s1", "s2"].map(|name| api.ask(&format!("get weight be/{name}")));
    let commands = "set weight be/s1 50%;set weight be/s2 50%;disable server be/s1;\
                    set maxconn frontend fe 7";
    assert_eq!(api.ask(commands).trim(), "");
    reload(&proxy, &proxy.text().replace("weight 20", "weight 30"));
    assert_eq!(weights(), ["5 (initial 10)\n\n", "30 (initial 30)\n\n"]);
    proxy.log.expect(&["Server be/s1: maintenance, weight 5 (file: 10) kept from a command."]);
    proxy.log.expect(&["Frontend fe: maxconn 7 (file: ", ") kept from a command."]);
    assert!(!proxy.process.output().contains("Server be/s2: "), "{}", proxy.process.output());
    for _ in 0..3 {
        assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    }
    // The file takes back what an operator asked for by changing its own word.
    reload(&proxy, &proxy.text().replace("weight 10", "weight 10 disabled"));
    reload(&proxy, &proxy.text().replace("weight 10 disabled", "weight 10"));
    let served = || (0..8).map(|_| served_by(proxy.addr).unwrap()).collect::<Vec<_>>();
    assert!(served().contains(&"s1".to_owned()));
}

/// The same.
#[test]
fn a_reload_removes_added_servers_that_the_file_does_not_have() {
    let api = Api::new();
    let (one, two) = (Backend::greet("s1"), Backend::greet("new"));
    let proxy = start(Kind::Evenkeel, &api, &format!("server s1 {}", one.addr));
    for name in ["kept", "gone"] {
        let add = format!("add server be/{name} {}", two.addr);
        assert_eq!(api.ask(&add).trim(), "New server registered.");
    }
    let kept = format!("server s1 {}\n    server kept {}", one.addr, two.addr);
    reload(&proxy, &proxy.text().replace(&format!("server s1 {}", one.addr), &kept));
    assert_eq!(api.ask("get weight be/gone").trim(), "No such server.");
    assert!(proxy.process.output().contains("be/gone was added by a command"));
    // As a new process would have it: it is not in maintenance.
    assert_eq!(api.ask("disable server be/s1").trim(), "");
    assert_eq!(served_by(proxy.addr).unwrap(), "new");
}

/// The same.
#[test]
fn a_reload_keeps_a_frontend_paused_and_opens_one_that_was_shut_down() {
    let (api, one) = (Api::new(), Backend::greet("s1"));
    let proxy = start(Kind::Evenkeel, &api, &format!("server s1 {}", one.addr));
    assert_eq!(api.ask("disable frontend fe").trim(), "");
    reload(&proxy, &proxy.text().replace("timeout client 30s", "timeout client 31s"));
    assert!(Client::try_connect(proxy.addr).is_err());
    assert_eq!(api.ask("shutdown frontend fe").trim(), "");
    reload(&proxy, &proxy.text());
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    assert_eq!(api.ask("enable frontend fe").trim(), "All sockets are already enabled.");
}
