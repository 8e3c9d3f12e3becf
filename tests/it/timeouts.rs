//! Timers of a session: who is cut, how, and who is not.

use std::time::{Duration, Instant};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Scene};

both! {
    traffic_keeps_a_session_beyond_its_timeouts,
    either_direction_counts_as_activity_of_both_sides,
    tunnel_timeout_replaces_the_others,
    tunnel_timeout_ends_both_sides,
    a_half_closed_tunnel_keeps_its_timeout,
    server_fin_counts_from_the_fin,
    server_fin_bounds_the_wait_for_the_servers_fin,
    client_fin_bounds_the_wait_for_the_clients_fin,
    idle_client_is_told_with_a_fin_to_the_server,
    retries_go_on_until_the_server_returns,
}

fn traffic_keeps_a_session_beyond_its_timeouts(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .defaults("timeout client 2s\ntimeout server 2s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(5) {
        client.ping(&format!("round {rounds}"));
        rounds += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    client.ping("still there after twice the timeout");
}

fn either_direction_counts_as_activity_of_both_sides(kind: Kind) {
    // The server talks, the client never does: its timeout must not fire.
    let server = Backend::new(|mut stream| async move {
        for _ in 0..40 {
            if tokio::io::AsyncWriteExt::write_all(&mut stream, b".").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 1500ms\ntimeout server 10s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let (dots, end) = Client::connect(proxy.addr).drain();
    assert_eq!((dots.len(), end), (40, End::Fin));
}

fn tunnel_timeout_replaces_the_others(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .defaults("timeout client 500ms\ntimeout server 500ms\ntimeout tunnel 20s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("first");
    std::thread::sleep(Duration::from_millis(1500));
    client.ping("after three times the client timeout");
}

/// A server that says nothing and keeps its side open.
fn mute() -> Backend {
    Backend::new(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
}

fn tunnel_timeout_ends_both_sides(kind: Kind) {
    let server = mute();
    let proxy = Scene::new(kind)
        .defaults("timeout client 60s\ntimeout server 60s\ntimeout tunnel 300ms")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    // Reading gives up after 30 s: that the session ends before is the bound.
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["fe be/s1 ", " cD "]);
}

fn a_half_closed_tunnel_keeps_its_timeout(kind: Kind) {
    // Answers long after the timeouts that the tunnel's replaces, and closes.
    let server = Backend::new(|mut stream| async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"late").await;
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 300ms\ntimeout server 300ms\ntimeout tunnel 20s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.half_close();
    assert_eq!(client.drain(), (b"late".to_vec(), End::Fin));
}

fn server_fin_counts_from_the_fin(kind: Kind) {
    // Answers in time for a wait that begins with the FIN, too late for one from the start.
    let server = Backend::new(|mut stream| async move {
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"late").await;
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 2s\ntimeout server 60s\ntimeout server-fin 2s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    assert_eq!(Client::connect(proxy.addr).drain(), (b"late".to_vec(), End::Fin));
}

fn server_fin_bounds_the_wait_for_the_servers_fin(kind: Kind) {
    // Never answers, never closes.
    let server = Backend::new(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 60s\ntimeout server 60s\ntimeout server-fin 500ms")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("bye");
    client.half_close();
    // Reading gives up after 30 s: that the session ends before is the bound.
    client.drain();
    proxy.log.expect(&["fe be/s1 "]);
}

fn client_fin_bounds_the_wait_for_the_clients_fin(kind: Kind) {
    let server = Backend::reply(b"bye");
    let proxy = Scene::new(kind)
        .defaults("timeout client 60s\ntimeout server 60s\ntimeout client-fin 500ms")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("hello");
    assert_eq!(client.drain(), (b"bye".to_vec(), End::Fin));
    // The client keeps its side open, yet the session ends.
    proxy.log.expect(&["fe be/s1 "]);
}

fn idle_client_is_told_with_a_fin_to_the_server(kind: Kind) {
    let (seen, ends) = std::sync::mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let end = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
            let _ = seen.send(end.map_err(|error| error.kind()));
        }
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 300ms\ntimeout server 20s")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    assert_eq!(ends.recv_timeout(Duration::from_secs(15)), Ok(Ok(0)));
    client.drain();
    proxy.log.expect(&["fe be/s1 ", " cD "]);
}

fn retries_go_on_until_the_server_returns(kind: Kind) {
    let mut server = Backend::greet("late");
    let proxy = Scene::new(kind).backend(&format!("retries 20\nserver s1 {}", server.addr)).start();
    server.die();
    let mut client = Client::connect(proxy.addr);
    client.0.set_nonblocking(true).unwrap();
    let early = client.line().unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    client.0.set_nonblocking(false).unwrap();
    server.revive();
    assert_eq!(client.line().unwrap(), "late");
}
