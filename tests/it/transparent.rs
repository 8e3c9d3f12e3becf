//! Connections that do not show the proxy's address, and those that go where the client wanted.

use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::network::{alone, inside};
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    a_server_without_address_is_where_the_client_wanted_to_go,
    the_clients_address_is_seen_by_the_server,
    an_address_that_is_nobodys_is_seen_by_the_server,
    an_address_that_is_not_the_machines_is_listened_on,
    a_namespace_is_listened_in,
    a_server_in_a_namespace_is_connected_to,
}

/// Servers say whom they see.
fn mirror() -> Backend {
    Backend::new(|mut stream| async move {
        let peer = stream.peer_addr().unwrap();
        let _ =
            tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{peer}\n").as_bytes()).await;
    })
}

/// The next connection to `listener`, greeted by a name.
fn greet(listener: TcpListener, name: &'static str) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, format!("{name}\n").as_bytes());
        }
    });
}

fn a_server_without_address_is_where_the_client_wanted_to_go(kind: Kind) {
    // One server behind each of two addresses, on one port.
    let port = free_port();
    for (ip, name) in [("127.0.0.1", "one"), ("127.0.0.9", "nine")] {
        greet(TcpListener::bind((ip, port)).unwrap(), name);
    }
    let other = free_port();
    let bind = format!("bind 127.0.0.9:{other}");
    for address in [format!("0.0.0.0:{port}"), format!("*:{port}")] {
        let proxy =
            Scene::new(kind).frontend(&bind).backend(&format!("server s1 {address}")).start();
        assert_eq!(served_by(proxy.addr).unwrap(), "one", "{address}");
        let nine: SocketAddr = ([127, 0, 0, 9], other).into();
        let name = eventually("it listens", || served_by(nine).ok());
        assert_eq!(name, "nine", "{address}");
        proxy.log.expect(&[" be/s1 ", " -- "]);
    }
}

fn the_clients_address_is_seen_by_the_server(kind: Kind) {
    let test = concat!(module_path!(), "::the_clients_address_is_seen_by_the_server");
    alone(test, kind, || {
        let server = mirror();
        let proxy = Scene::new(kind)
            .bind("accept-proxy")
            .backend(&format!("source 0.0.0.0 usesrc clientip\nserver s1 {}", server.addr))
            .start();
        let mut client = Client::connect(proxy.addr);
        client.send("PROXY TCP4 10.9.9.9 10.9.9.1 4321 80\r\n");
        let seen = client.line().unwrap();
        assert!(seen.starts_with("10.9.9.9:") && !seen.ends_with(":4321"), "{seen}");
    });
}

fn an_address_that_is_nobodys_is_seen_by_the_server(kind: Kind) {
    let test = concat!(module_path!(), "::an_address_that_is_nobodys_is_seen_by_the_server");
    alone(test, kind, || {
        let server = mirror();
        let proxy = Scene::new(kind)
            .bind("accept-proxy")
            .backend(&format!(
                "server s1 {} source 0.0.0.0 usesrc 10.9.9.7\n\
                 server s2 {} source 0.0.0.0 usesrc client",
                server.addr, server.addr
            ))
            .start();
        let seen = || {
            let mut client = Client::connect(proxy.addr);
            client.send("PROXY TCP4 10.9.9.9 10.9.9.1 4321 80\r\n");
            client.line().unwrap()
        };
        let (first, second) = (seen(), seen());
        assert!(first.starts_with("10.9.9.7:"), "{first}");
        assert_eq!(second, "10.9.9.9:4321");
    });
}

fn an_address_that_is_not_the_machines_is_listened_on(kind: Kind) {
    let test = concat!(module_path!(), "::an_address_that_is_not_the_machines_is_listened_on");
    alone(test, kind, || {
        let (port, server) = (free_port(), free_port());
        greet(TcpListener::bind(("0.0.0.0", server)).unwrap(), "s1");
        let _proxy = Scene::new(kind)
            .frontend(&format!("bind 10.9.9.8:{port} transparent"))
            .backend(&format!("server s1 127.0.0.1:{server}"))
            .start();
        let foreign: SocketAddr = ([10, 9, 9, 8], port).into();
        let name = eventually("it listens", || {
            // From an address of the machine: the kernel would choose the foreign one.
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            socket.connect(&foreign.into()).ok()?;
            Client(socket.into()).line().ok()
        });
        assert_eq!(name, "s1");
    });
}

fn a_namespace_is_listened_in(kind: Kind) {
    alone(concat!(module_path!(), "::a_namespace_is_listened_in"), kind, || {
        let (server, port) = (Backend::greet("s1"), free_port());
        let _proxy = Scene::new(kind)
            .frontend(&format!("bind ipv4@127.0.0.1:{port} namespace inner"))
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let there: SocketAddr = ([127, 0, 0, 1], port).into();
        let name = eventually("it listens", || inside(|| served_by(there).ok()));
        assert_eq!(name, "s1");
        assert!(TcpStream::connect(there).is_err(), "it listens outside, too");
    });
}

fn a_server_in_a_namespace_is_connected_to(kind: Kind) {
    alone(concat!(module_path!(), "::a_server_in_a_namespace_is_connected_to"), kind, || {
        let listener = inside(|| TcpListener::bind("127.0.0.1:0").unwrap());
        let addr = listener.local_addr().unwrap();
        greet(listener, "inner");
        let proxy = Scene::new(kind).backend(&format!("server s1 {addr} namespace inner")).start();
        assert_eq!(served_by(proxy.addr).unwrap(), "inner");
    });
}
