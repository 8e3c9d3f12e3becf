//! Addresses that are neither IP nor a path: each scenario against both programs.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::free_addr;
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{PATIENCE, both, eventually};

both! {
    connections_are_handed_over_through_a_socket_pair,
    descriptors_that_are_no_sockets_are_refused,
    logs_go_to_abstract_names,
    tables_say_where_servers_are,
}

/// One proxy's servers are the other's clients, over the two ends of one pair.
fn connections_are_handed_over_through_a_socket_pair(kind: Kind) {
    let (dir, addr, server) = (TempDir::new(), free_addr(), Backend::greet("s1"));
    let file = dir.write(
        "haproxy.cfg",
        &format!(
            "global\n nbthread 2\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n \
             timeout server 30s\nlisten outer\n bind {addr}\n server pair sockpair@7 check \
             inter 100ms send-proxy-v2\nlisten inner\n bind sockpair@8 accept-proxy\n \
             server s1 {}\n",
            server.addr
        ),
    );
    let script = "import os, socket, sys\n\
                  one, other = socket.socketpair()\n\
                  os.dup2(one.fileno(), 7); os.dup2(other.fileno(), 8)\n\
                  os.execvp(sys.argv[1], sys.argv[1:])\n";
    let program = kind.program().display().to_string();
    let words = ["-c", script, &program, "-db", "-f", &file.display().to_string()];
    let process = Process::start(Spec {
        name: "heir",
        program: "python3".as_ref(),
        args: words.map(str::to_owned).to_vec(),
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    eventually("it serves", || served_by(addr).is_ok_and(|name| name == "s1").then_some(()));
    for _ in 0..20 {
        assert_eq!(served_by(addr).unwrap(), "s1", "{}", process.output());
    }
    assert!(!process.output().contains("DOWN"), "{}", process.output());
}

fn descriptors_that_are_no_sockets_are_refused(kind: Kind) {
    let files = [
        ("bind fd@19", false),
        ("bind sockpair@19", false),
        ("bind fd@1", false),
        ("bind 127.0.0.1:1\n server s sockpair@19", false),
        ("bind 127.0.0.1:1\n server s sockpair@1", false),
        ("bind 127.0.0.1:1\n server s fd@19", false),
        ("bind 127.0.0.1:1\n log sockpair@19 local0", false),
        ("bind 127.0.0.1:1\n log abns@name local0", true),
    ];
    let dir = TempDir::new();
    for (lines, is_accepted) in files {
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen l\n {lines}\n"
        );
        let file = dir.write("haproxy.cfg", &text).display().to_string();
        let (status, output) = kind.run(&["-c", "-f", &file]);
        assert_eq!(status.success(), is_accepted, "{lines}: {output}");
    }
}

/// HAProxy fills the address with NULs.
fn logs_go_to_abstract_names(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let mut name = dir.join("log").display().to_string().into_bytes();
    let written = String::from_utf8(name.clone()).unwrap();
    name.resize(107, 0);
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let scene = Scene::new(kind)
        .frontend(&format!("log abns@{written} local3"))
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    let mut line = [0; 2048];
    let text = loop {
        let length = socket.recv(&mut line).unwrap();
        let text = String::from_utf8_lossy(&line[..length]).into_owned();
        if text.contains("be/s1") {
            break text;
        }
    };
    assert!(text.starts_with("<158>"), "{text}");
}

fn tables_say_where_servers_are(kind: Kind) {
    let api = Api::new();
    let servers = "server a 127.0.0.1:1 check port 7 addr 127.0.0.9\n\
         server b 127.0.0.1:2 check port 7 agent-check agent-port 9 agent-addr 127.0.0.8\n\
         server c unix@/tmp/nobody\nserver d 127.0.0.1\nserver e 127.0.0.1:+5\n";
    let _proxy = Scene::new(kind).global(&api.lines()).backend(servers).start();
    assert_eq!(api.ask("set server be/a check-port 77").trim(), "");
    let text = api.ask("show servers state be");
    let rows = text.lines().skip(2).take_while(|line| !line.is_empty());
    let rows: Vec<_> = rows.map(|line| line.split(' ').skip(18).collect::<Vec<_>>()).collect();
    let expected = [
        "1 - 0 77 127.0.0.9 127.0.0.9 7",
        "2 - 0 7 - 127.0.0.8 9",
        "0 - 0 0 - - 0",
        "0 - 0 0 - - 0",
        "5 - 0 0 - - 0",
    ];
    assert_eq!(rows, expected.map(|row| row.split(' ').collect::<Vec<_>>()), "{text}");
    let text = api.ask("show stat be 4 -1");
    for shown in ["127.0.0.1:1", "127.0.0.1:2", "unix", "127.0.0.1:0", "127.0.0.1:5"] {
        assert!(text.contains(&format!(",{shown},")), "{shown}: {text}");
    }
}
