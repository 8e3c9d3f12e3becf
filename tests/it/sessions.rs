//! What is seen of sessions while they run, and the paces at which they are let in.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    bytes_of_a_running_session_are_counted,
    a_frontends_rate_limit_paces_its_sessions,
    maxconnrate_paces_all_connections,
    a_queued_client_that_closes_is_let_go_with_abortonclose,
    what_is_sent_to_an_independent_client_does_not_keep_it,
}

/// HAProxy adds them every five seconds, and only with the option; Evenkeel whenever it is asked.
fn bytes_of_a_running_session_are_counted(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .frontend("option contstats")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    eventually("the bytes are counted", || {
        // haproxy may count the bytes of one side a moment before those of the other.
        client.ping("hello");
        let metrics = proxy.metrics();
        let seen = [
            metrics.value("haproxy_frontend_bytes_in_total", &[("proxy", "fe")]),
            metrics.value("haproxy_backend_bytes_out_total", &[("proxy", "be")]),
            metrics.value("haproxy_server_bytes_in_total", &[("proxy", "be"), ("server", "s1")]),
        ];
        seen.iter().all(|seen| seen.is_some_and(|bytes| bytes > 0.0)).then_some(())
    });
}

/// Twenty sessions at five a second are never done before three seconds have passed: a burst of
/// five, and five in each second after it.
fn takes_its_time(scene: Scene, server: &Backend) {
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let begun = Instant::now();
    let clients: Vec<Client> = (0..20).map(|_| Client::connect(proxy.addr)).collect();
    for mut client in clients {
        client.ping("x");
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2_500), "{took:?}");
}

fn a_frontends_rate_limit_paces_its_sessions(kind: Kind) {
    let server = Backend::echo();
    takes_its_time(Scene::new(kind).frontend("rate-limit sessions 5"), &server);
}

fn maxconnrate_paces_all_connections(kind: Kind) {
    let server = Backend::echo();
    takes_its_time(Scene::new(kind).global("maxconnrate 5"), &server);
}

fn a_queued_client_that_closes_is_let_go_with_abortonclose(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .backend(&format!("option abortonclose\nserver s1 {} maxconn 1", server.addr))
        .start();
    let mut first = Client::connect(proxy.addr);
    first.ping("x");
    let mut queued = Client::connect(proxy.addr);
    queued.send("bytes that would keep it waiting\n");
    queued.half_close();
    proxy.log.expect(&[" be/<NOSRV> ", " CQ "]);
}

/// The server speaks all the time and the client says nothing.
fn what_is_sent_to_an_independent_client_does_not_keep_it(kind: Kind) {
    let server = Backend::new(|mut stream| async move {
        let mut sink = [0; 16];
        loop {
            tokio::select! {
                _ = stream.read(&mut sink) => return,
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            if stream.write_all(b"news").await.is_err() {
                return;
            }
        }
    });
    let proxy = Scene::new(kind)
        .defaults("timeout client 700ms\ntimeout server 10s")
        .frontend("option independent-streams")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    let (said, _) = client.drain();
    assert!(!said.is_empty(), "the server spoke");
    proxy.log.expect(&[" be/s1 ", " cD "]);
}
