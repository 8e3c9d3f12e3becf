//! What is seen of sessions while they run.

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    bytes_of_a_running_session_are_counted,
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
