//! Where a frontend listens and where a server may be: IPv4, IPv6, ranges, lists, Unix sockets.

use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_port, is_listening};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    ipv6_and_several_binds,
    port_range_opens_every_port,
    unix_socket_listener_and_server,
    taken_port_is_an_error_that_names_it,
}

fn ipv6_and_several_binds(kind: Kind) {
    let server = Backend::greet("s1");
    let (six, four, listed) = (free_port(), free_port(), free_port());
    let proxy = Scene::new(kind)
        .frontend(&format!("bind [::1]:{six}\nbind 127.0.0.2:{four},127.0.0.3:{listed}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let addrs: [SocketAddr; 4] = [
        proxy.addr,
        (Ipv6Addr::LOCALHOST, six).into(),
        ([127, 0, 0, 2], four).into(),
        ([127, 0, 0, 3], listed).into(),
    ];
    for addr in addrs {
        assert_eq!(served_by(addr).unwrap(), "s1", "{addr}");
    }
    proxy.log.expect(&["::1:", "fe be/s1 "]);
}

fn port_range_opens_every_port(kind: Kind) {
    let server = Backend::greet("s1");
    // Three neighbours that are all free.
    let first = eventually("a free range", || {
        let first = free_port();
        (first..first + 3).all(|port| !is_listening(port)).then_some(first)
    });
    let last = first + 2;
    let _proxy = Scene::new(kind)
        .frontend(&format!("bind 127.0.0.4:{first}-{last}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    for port in first..=last {
        assert_eq!(served_by(([127, 0, 0, 4], port).into()).unwrap(), "s1", "{port}");
    }
}

fn unix_socket_listener_and_server(kind: Kind) {
    let dir = TempDir::new();
    let (front, back) = (dir.join("front"), dir.join("back"));
    let listener = UnixListener::bind(&back).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"over a socket file\n").unwrap();
    });
    let _proxy = Scene::new(kind)
        .frontend(&format!("bind unix@{} mode 600", front.display()))
        .backend(&format!("server s1 {}", back.display()))
        .start();
    let mut text = String::new();
    UnixStream::connect(&front).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "over a socket file\n");
    answering.join().unwrap();
}

fn taken_port_is_an_error_that_names_it(kind: Kind) {
    let (taken, dir) = (Backend::close(), TempDir::new());
    let file = dir.write(
        "haproxy.cfg",
        &format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
             frontend fe\n bind {}\n default_backend be\nbackend be\n server s1 127.0.0.1:1\n",
            taken.addr
        ),
    );
    let (status, output) = kind.run(&["-db", "-f", file.to_str().unwrap()]);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains(&taken.addr.port().to_string()), "{output}");
}
