//! Which lines are logged, when, where to and in which dress.

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, free_port};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::syslog::Syslog;
use crate::harness::{both, eventually};
use crate::log::Line;

both! {
    dontlognull_skips_silent_clients,
    dontlog_normal_skips_good_sessions,
    logasap_logs_at_connect,
    unix_socket_and_formats,
    connect_line_without_tcplog,
    state_changes_reach_standard_error,
}

/// The socket of a syslog daemon holds ten lines. HAProxy, which does not wait, loses some where the
/// machine is busy.
#[test]
fn a_stop_of_many_proxies_is_told_whole() {
    let dir = TempDir::new();
    let path = dir.join("log");
    let log = Syslog::unix(&path);
    let proxies: String =
        (0..200).map(|n| format!("backend b{n}\n server a 127.0.0.1:1\n")).collect();
    let text = format!(
        "global\n log {} local0\ndefaults\n log global\n timeout client 9s\n timeout server 9s\n \
         timeout connect 9s\nlisten l\n bind {{front}}\n server a 127.0.0.1:1\n{proxies}",
        path.display()
    );
    let mut proxy = Scene::new(Kind::Evenkeel).whole(&text).start();
    proxy.process.signal(Signal::USR1);
    assert!(proxy.process.wait().success());
    for n in 0..200 {
        log.expect(&[&format!("Proxy b{n} stopped (")]);
    }
}

fn dontlognull_skips_silent_clients(kind: Kind) {
    let (server, scene) = (Backend::echo(), Scene::new(kind).defaults("option dontlognull"));
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    for _ in 0..5 {
        drop(Client::connect(proxy.addr));
    }
    Client::connect(proxy.addr).ping("heard");
    assert_eq!(Line::of(&proxy).bytes, "5");
    assert_eq!(proxy.log.count("] fe be/"), 1);
}

fn dontlog_normal_skips_good_sessions(kind: Kind) {
    let (server, scene) = (Backend::echo(), Scene::new(kind).defaults("option dontlog-normal"));
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    for _ in 0..5 {
        let mut client = Client::connect(proxy.addr);
        client.ping("good");
        client.half_close();
        client.drain();
    }
    let mut client = Client::connect(proxy.addr);
    client.ping("bad");
    client.reset();
    assert_eq!(Line::of(&proxy).state, "CD");
    assert_eq!(proxy.log.count("] fe be/"), 1);
}

fn logasap_logs_at_connect(kind: Kind) {
    let (server, scene) = (Backend::echo(), Scene::new(kind).defaults("option logasap"));
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.ping("still here");
    let line = proxy.log.expect(&["] fe be/s1 ", " -- "]);
    let fields: Vec<&str> = line.split(' ').collect();
    assert!(fields[4].rsplit('/').next().unwrap().starts_with('+'), "{line}");
    assert!(fields[5].starts_with('+'), "{line}");
    client.ping("and here");
}

fn unix_socket_and_formats(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let path = dir.join("log");
    let unix = Syslog::unix(&path);
    let port = free_port();
    let proxy = Scene::new(kind)
        .whole(&format!(
            "global\n log {{log}} format rfc5424 local1\n log {} format raw local0\n\
             log stdout format short daemon\n\
             defaults\n log global\n mode tcp\n option tcplog\n timeout connect 5s\n\
             timeout client 5s\n timeout server 5s\n\
             frontend fe\n bind {{front}}\n bind 127.0.0.1:{port}\n default_backend be\n\
             backend be\n server s1 {}\n",
            path.display(),
            server.addr
        ))
        .start();
    served_by(proxy.addr).unwrap();
    let raw = unix.expect(&["] fe be/s1 "]);
    assert!(raw.starts_with("127.0.0.1:"), "{raw}");
    proxy.log.expect(&["] fe be/s1 "]);
    let line = proxy.log.raw().into_iter().find(|line| line.contains("] fe be/s1 ")).unwrap();
    // local1 is 17: 17 * 8 + 6 (info).
    assert!(line.starts_with("<142>1 20"), "{line}");
    assert!(line.contains(&format!(" {} - - ", proxy.process.pid())), "{line}");
    eventually("a line on standard output", || {
        let output = proxy.process.output();
        output.lines().any(|line| line.starts_with("<6>127.0.0.1:")).then_some(())
    });
}

fn connect_line_without_tcplog(kind: Kind) {
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .whole(&format!(
            "defaults\n mode tcp\n log {{log}} local0\n timeout connect 5s\n timeout client 5s\n\
             timeout server 5s\n\
             frontend fe\n bind {{front}}\n default_backend be\n\
             backend be\n server s1 {}\n",
            server.addr
        ))
        .start();
    served_by(proxy.addr).unwrap();
    let line = proxy.log.expect(&["Connect from 127.0.0.1:"]);
    assert!(line.ends_with(&format!(" to {} (fe/TCP)", proxy.addr)), "{line}");
}

fn state_changes_reach_standard_error(kind: Kind) {
    let scene =
        Scene::new(kind).backend(&format!("server s1 {} check inter 100ms fall 1", free_addr()));
    let proxy = scene.start();
    eventually("the change is told on standard error", || {
        let output = proxy.process.output();
        output.contains("Server be/s1 is DOWN, reason: Layer4 connection problem").then_some(())
    });
}
