//! Agents: what their words do to a server, and what nonsense, silence and absence do not.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    words_of_health_take_a_server_down_and_bring_it_back,
    words_of_administration_are_an_operators,
    a_weight_of_none_lets_a_server_run_empty,
    it_needs_both_the_agent_and_the_check,
    what_is_no_word_changes_nothing,
    an_agent_is_asked_what_agent_send_says,
}

/// An agent that says whatever was put here last.
struct Agent {
    line: Arc<Mutex<Vec<u8>>>,
    server: Backend,
}

impl Agent {
    fn says(line: &[u8]) -> Self {
        let line = Arc::new(Mutex::new(line.to_vec()));
        let said = Arc::clone(&line);
        let server = Backend::new(move |mut stream| {
            let said = said.lock().unwrap().clone();
            async move {
                let _ = stream.write_all(&said).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { line, server }
    }

    fn now_says(&self, line: &[u8]) {
        *self.line.lock().unwrap() = line.to_vec();
    }
}

/// Server `s1` with an agent, and a backup.
fn with_agent(kind: Kind, agent: &Agent, words: &str) -> (Proxy, [Backend; 2]) {
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let port = agent.server.addr.port();
    let proxy = Scene::new(kind)
        .backend("option log-health-checks\n")
        .backend(&format!(
            "server s1 {} weight 10 agent-check agent-port {port} agent-inter 200ms {words}\n",
            servers[0].addr
        ))
        .backend(&format!("server s2 {} backup\n", servers[1].addr))
        .start();
    (proxy, servers)
}

fn words_of_health_take_a_server_down_and_bring_it_back(kind: Kind) {
    let agent = Agent::says(b"up\n");
    let (proxy, _servers) = with_agent(kind, &agent, "");
    proxy.log.expect(&[
        "Agent check for server be/s1 succeeded, reason: Layer7 check passed, code: 0, \
         info: \"via agent : up\", check duration: ",
        "ms, status: 1/1 UP.",
    ]);
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    agent.now_says(b"Stopped # disk is full\r\n");
    proxy.log.expect(&[
        "Agent check for server be/s1 failed, reason: Layer7 wrong status, code: 0, \
         info: \"via agent : Stopped (disk is full)\"",
        "status: 0/1 DOWN.",
    ]);
    proxy.log.expect(&["Server be/s1 is DOWN. 0 active and 1 backup servers left. Running on"]);
    proxy.wait_status("s1", "DOWN");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    agent.now_says(b"ready\n");
    proxy.wait_status("s1", "DOWN");
    agent.now_says(b"UP\n");
    proxy.log.expect(&["Server be/s1 is UP. 1 active and 1 backup servers online."]);
    proxy.wait_status("s1", "UP");
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn words_of_administration_are_an_operators(kind: Kind) {
    let agent = Agent::says(b"drain\n");
    let (proxy, _servers) = with_agent(kind, &agent, "");
    proxy.log.expect(&["Server be/s1 enters drain state. 0 active and 1 backup servers online."]);
    proxy.wait_status("s1", "DRAIN");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    agent.now_says(b"maint\n");
    proxy.log.expect(&["Server be/s1 is going DOWN for maintenance. 0 active and 1 backup"]);
    proxy.wait_status("s1", "MAINT");
    agent.now_says(b"drain, ready up\n");
    proxy.log.expect(&["Server be/s1 is UP/READY (leaving forced maintenance)."]);
    proxy.wait_status("s1", "UP");
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn a_weight_of_none_lets_a_server_run_empty(kind: Kind) {
    let agent = Agent::says(b"up 0%\n");
    let (proxy, _servers) = with_agent(kind, &agent, "");
    proxy.log.expect(&["info: \"via agent : up\"", "status: 1/1 DRAIN."]);
    let weight = |proxy: &Proxy| {
        let labels = [("proxy", "be"), ("server", "s1")];
        proxy.metrics().value("haproxy_server_weight", &labels)
    };
    crate::harness::eventually("it has no weight", || (weight(&proxy) == Some(0.0)).then_some(()));
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    agent.now_says(b"50%\n");
    crate::harness::eventually("it has half its weight", || {
        (weight(&proxy) == Some(5.0)).then_some(())
    });
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn it_needs_both_the_agent_and_the_check(kind: Kind) {
    let agent = Agent::says(b"down\n");
    let check_port = free_port();
    let (proxy, _servers) =
        with_agent(kind, &agent, &format!("check inter 200ms rise 1 fall 1 port {check_port}"));
    proxy.log.expect(&["Health check for server be/s1 failed"]);
    proxy.log.expect(&["Agent check for server be/s1 failed"]);
    agent.now_says(b"up\n");
    proxy.log.expect(&["Agent check for server be/s1 succeeded"]);
    proxy.wait_status("s1", "DOWN");
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    assert_eq!(proxy.log.count("Server be/s1 is UP"), 0);
}

fn what_is_no_word_changes_nothing(kind: Kind) {
    let agent = Agent::says(b"up\n");
    let (proxy, _servers) = with_agent(kind, &agent, "");
    proxy.log.expect(&["Agent check for server be/s1 succeeded"]);
    let asked = || agent.server.accepted();
    for line in [&b"down"[..], b"", b"\0down\n", b"\xff\xfe\n", b"nonsense 7\n", &[b'x'; 40_000]] {
        agent.now_says(line);
        let before = asked();
        crate::harness::eventually("it was asked twice", || (asked() > before + 2).then_some(()));
        assert_eq!(served_by(proxy.addr).unwrap(), "s1", "{line:?}");
    }
    assert_eq!(proxy.log.count("Server be/s1 is"), 0);
}

fn an_agent_is_asked_what_agent_send_says(kind: Kind) {
    let server = Backend::greet("s1");
    let agent = Backend::new(|mut stream| async move {
        use tokio::io::AsyncReadExt;
        let mut asked = [0; 64];
        let len = stream.read(&mut asked).await.unwrap_or(0);
        let answer: &[u8] =
            if &asked[..len] == b"state s1\n" { b"down # asked\n" } else { b"up\n" };
        let _ = stream.write_all(answer).await;
    });
    let proxy = Scene::new(kind)
        .backend(&format!(
            "server s1 {} agent-check agent-port {} agent-addr 127.0.0.1 agent-inter 200ms \
             agent-send state\\ s1\\n",
            server.addr,
            agent.addr.port()
        ))
        .start();
    proxy.log.expect(&[
        "Server be/s1 is DOWN, reason: Layer7 wrong status, code: 0, info: \"via agent : down (asked)\", \
         check duration: ",
    ]);
}
