//! Options of sockets on either side, read back from the proxy's own descriptors.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::process::is_root;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    keepalive_and_user_timeout_of_clients,
    keepalive_and_user_timeout_of_servers,
    nothing_is_set_that_was_not_asked_for,
}

/// A duplicate of the proxy's connected socket with these two ends.
fn socket(proxy: &Proxy, local: Option<SocketAddr>, peer: SocketAddr) -> Socket {
    let pid = rustix::process::Pid::from_raw(proxy.process.pid().cast_signed()).unwrap();
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    eventually("the proxy's socket", || {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", proxy.process.pid())).unwrap();
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let sockets = numbers.filter_map(|number: i32| {
            pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok().map(Socket::from)
        });
        sockets.into_iter().find(|socket| {
            let end = |addr: std::io::Result<socket2::SockAddr>| addr.ok()?.as_socket();
            end(socket.peer_addr()) == Some(peer)
                && local.is_none_or(|local| end(socket.local_addr()) == Some(local))
        })
    })
}

fn client_side(proxy: &Proxy, client: &Client) -> Socket {
    socket(proxy, Some(proxy.addr), client.0.local_addr().unwrap())
}

fn keepalive_and_user_timeout_of_clients(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .bind("tcp-ut 33s")
        .frontend("option clitcpka\nclitcpka-idle 77s\nclitcpka-intvl 11s\nclitcpka-cnt 5")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("x");
    let socket = client_side(&proxy, &client);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(11));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(33)));
    assert!(socket.tcp_nodelay().unwrap());
}

fn keepalive_and_user_timeout_of_servers(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .backend(&format!(
            "option srvtcpka\nsrvtcpka-idle 66s\nsrvtcpka-intvl 22s\nsrvtcpka-cnt 4\n\
             server s1 {} tcp-ut 44s",
            server.addr
        ))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("x");
    let socket = socket(&proxy, None, server.addr);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(66));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(22));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(44)));
    assert!(socket.tcp_nodelay().unwrap());
}

/// HAProxy has had these words since 3.0.
#[test]
fn rules_mark_the_packets_to_servers() {
    const MARK: u32 = 0x10;
    const TOS: u32 = 0x20;
    let server = Backend::echo();
    let rules =
        format!("tcp-request content set-bc-mark {MARK}\ntcp-request content set-bc-tos {TOS}");
    let servers = format!("server s1 {}", server.addr);
    for (front, back) in [(rules.as_str(), ""), ("", rules.as_str())] {
        let backend = format!("{back}\n{servers}");
        let proxy = Scene::new(Kind::Evenkeel).frontend(front).backend(&backend).start();
        let mut client = Client::connect(proxy.addr);
        client.ping("x");
        let socket = socket(&proxy, None, server.addr);
        assert_eq!(socket.tos_v4().unwrap(), TOS);
        // Marks are root's.
        assert_eq!(socket.mark().unwrap(), if is_root() { MARK } else { 0 });
        assert_eq!(client_side(&proxy, &client).tos_v4().unwrap(), 0);
    }
}

fn nothing_is_set_that_was_not_asked_for(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.ping("x");
    for socket in [client_side(&proxy, &client), socket(&proxy, None, server.addr)] {
        assert!(!socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap().unwrap_or_default(), Duration::ZERO);
    }
}
