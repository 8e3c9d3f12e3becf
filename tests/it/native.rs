//! Evenkeel's own commands and its own file format, the twin of the haproxy.cfg.

use std::fs;
use std::net::SocketAddr;

use crate::harness::backend::Backend;
use crate::harness::child::Child;
use crate::harness::dir::TempDir;
use crate::harness::load::Load;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::proxy::Kind;
use crate::harness::{eventually, metrics};

/// Kills the master under load and expects the slave to take over without an error.
fn expect_failover(addr: SocketAddr, master: &mut Child) {
    let load = Load::start(addr, 100);
    eventually("the master serves", || (load.so_far().served("master") > 20).then_some(()));
    master.process.kill9();
    eventually("the slave serves", || (load.so_far().served("slave") > 20).then_some(()));
    let errors = load.finish().errors();
    // One connection may have been the master's when it died.
    assert!(errors.values().sum::<usize>() <= 1, "{errors:?}");
}

#[test]
fn native_file_serves_and_fails_over() {
    let (mut master, slave) = (Child::start("master"), Child::start("slave"));
    let (dir, front) = (TempDir::new(), free_addr());
    let text = format!(
        "[frontend.mysql]\nbind = \"{front}\"\nbackend = \"mysql\"\n\n\
         [backend.mysql]\nbalance = \"roundrobin\"\n\
         check = {{ type = \"mysql\", user = \"haproxy_check\", inter = \"2s\", rise = 2, fall = 3 }}\n\
         server.master = \"{}\"\n\
         server.slave1 = {{ address = \"{}\", backup = true }}\n",
        master.addr, slave.addr
    );
    let _process = run(&dir, &text, front);
    expect_failover(front, &mut master);
}

#[test]
fn health_and_ready_answer_orchestrators() {
    let mut server = Backend::echo();
    let (dir, admin) = (TempDir::new(), free_addr());
    let text = format!(
        "[stats]\nbind = \"{admin}\"\n[frontend.f]\nbind = \"{}\"\nbackend = \"b\"\n\
         [backend.b]\ncheck = {{ inter = \"200ms\", fall = 1, rise = 1 }}\nserver.s = \"{}\"\n",
        free_addr(),
        server.addr
    );
    let _process = run(&dir, &text, admin);
    let status = |path: &str| metrics::get(admin, path).unwrap().0;
    let becomes = |path: &str, code: &str| {
        eventually(path, || status(path).contains(code).then_some(()));
    };
    becomes("/health", " 200 ");
    becomes("/ready", " 200 ");
    server.die();
    becomes("/ready", " 503 ");
    assert!(status("/health").contains(" 200 "));
    server.revive();
    becomes("/ready", " 200 ");
}

#[test]
fn converted_file_serves_and_fails_over() {
    let (mut master, slave) = (Child::start("master"), Child::start("slave"));
    let (dir, front) = (TempDir::new(), free_addr());
    let file = dir.write(
        "haproxy.cfg",
        &format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n\
             frontend mysql_frontend\n bind {front}\n default_backend mysql_backend\n\
             backend mysql_backend\n balance roundrobin\n option mysql-check user haproxy_check\n \
             server master {} check\n server slave1 {} check backup\n",
            master.addr, slave.addr
        ),
    );
    let (status, toml) = Kind::Evenkeel.run(&["convert", file.to_str().unwrap()]);
    assert!(status.success(), "{toml}");
    let _process = run(&dir, &toml, front);
    expect_failover(front, &mut master);
}

#[test]
fn check_command_names_every_mistake() {
    let dir = TempDir::new();
    let text = "[frontend.fe]\nbind = \"127.0.0.1:99999\"\nbackend = \"other\"\n\
                [backend.be]\nbalans = \"roundrobin\"\nserver.s1 = \"127.0.0.1:2\"\n";
    let file = dir.write("bad.toml", text);
    let (status, output) = Kind::Evenkeel.run(&["check", file.to_str().unwrap()]);
    assert!(!status.success(), "{output}");
    for part in ["99999", "other", "balans", "bad.toml:2", "bad.toml:5"] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let fixed =
        text.replace("99999", "1").replace("\"other\"", "\"be\"").replace("balans", "balance");
    fs::write(&file, fixed).unwrap();
    let (status, output) = Kind::Evenkeel.run(&["check", file.to_str().unwrap()]);
    assert!(status.success(), "{output}");
}

#[test]
fn demo_shows_a_failover_without_errors() {
    let (status, output) = Kind::Evenkeel.run(&["demo", "--once"]);
    assert!(status.success(), "{output}");
}
