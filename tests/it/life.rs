//! Signals: stop at once, stop when the last session is gone, read the file again.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::{free_port, is_listening};
use crate::harness::process::is_root;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually, spawn};

both! {
    user_and_group_are_taken_on_after_binding,
    sigterm_ends_at_once,
    sigint_ends_at_once,
    sigusr1_waits_for_the_last_session,
    a_soft_stop_refuses_commands,
    hard_stop_after_ends_a_graceful_stop,
    grace_is_announced_and_its_end_told,
    reload_keeps_sessions_and_never_refuses,
    reload_with_sigusr2_too,
    bad_file_changes_nothing_and_says_why,
    reload_opens_and_closes_listeners,
}

fn echo(kind: Kind, global: &str) -> (Proxy, Backend) {
    let server = Backend::echo();
    let scene = Scene::new(kind).global(global).backend(&format!("server s1 {}", server.addr));
    (scene.start(), server)
}

/// What the file from the web asks for; without root it is an error that says so.
fn user_and_group_are_taken_on_after_binding(kind: Kind) {
    let server = Backend::greet("s1");
    // A file of `log /dev/log` starts whether that socket is there or not.
    let scene = Scene::new(kind)
        .global("user haproxy\ngroup haproxy\nlog /dev/log local0")
        .backend(&format!("server s1 {}", server.addr));
    if is_root() {
        let proxy = scene.start();
        assert_eq!(served_by(proxy.addr).unwrap(), "s1");
        let path = format!("/proc/{}/status", proxy.process.pid());
        let status = std::fs::read_to_string(path).unwrap();
        for ids in status.lines().filter(|line| line.starts_with(['U', 'G'])) {
            let (name, ids) = ids.split_once(':').unwrap();
            if name == "Uid" || name == "Gid" {
                assert!(ids.split_whitespace().all(|id| id != "0"), "{name} {ids}");
            }
        }
    } else {
        let dir = TempDir::new();
        let file = dir.write("haproxy.cfg", &scene.text());
        let (status, output) = kind.run(&["-db", "-f", file.to_str().unwrap()]);
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains("gid") || output.contains("group"), "{output}");
    }
}

fn sigterm_ends_at_once(kind: Kind) {
    let (mut proxy, _server) = echo(kind, "");
    let mut client = Client::connect(proxy.addr);
    client.ping("there");
    proxy.process.signal(Signal::TERM);
    let status = proxy.process.wait();
    // haproxy dies by the signal, a service manager counts both as an orderly stop.
    use std::os::unix::process::ExitStatusExt;
    assert!(status.success() || status.signal() == Some(15), "{status}");
    client.drain();
}

fn sigint_ends_at_once(kind: Kind) {
    let (mut proxy, _server) = echo(kind, "");
    let mut client = Client::connect(proxy.addr);
    client.ping("there");
    proxy.process.signal(Signal::INT);
    let status = proxy.process.wait();
    use std::os::unix::process::ExitStatusExt;
    let by_signal = status.signal() == Some(2) || status.code() == Some(130);
    assert!(status.success() || by_signal, "{status}");
    client.drain();
}

fn a_soft_stop_refuses_commands(kind: Kind) {
    let api = Api::new();
    let (mut proxy, _server) = echo(kind, &api.lines());
    let mut client = Client::connect(proxy.addr);
    client.ping("before");
    proxy.process.signal(Signal::USR1);
    let path = api.path("admin");
    eventually("no more commands", || UnixStream::connect(&path).is_err().then_some(()));
    client.ping("after");
    drop(client);
    assert!(proxy.process.wait().success());
}

fn sigusr1_waits_for_the_last_session(kind: Kind) {
    let (mut proxy, _server) = echo(kind, "");
    let mut client = Client::connect(proxy.addr);
    client.ping("before");
    proxy.process.signal(Signal::USR1);
    eventually("the listener is closed", || (!is_listening(proxy.addr.port())).then_some(()));
    assert!(Client::try_connect(proxy.addr).is_err());
    for round in 0..20 {
        client.ping(&format!("after {round}"));
        assert_eq!(proxy.process.ended(), None);
    }
    proxy.log.expect(&["Proxy fe stopped (cumulated conns: FE: 1, BE: 0)."]);
    drop(client);
    assert!(proxy.process.wait().success());
}

/// Whom the kernel has taken is let in, whatever comes first: the client or the signal.
#[test]
fn a_soft_stop_serves_who_waits_to_be_accepted() {
    let (mut proxy, _server) = echo(Kind::Evenkeel, "nbthread 16");
    proxy.process.signal(Signal::STOP);
    let mut clients: Vec<_> = (0..64).map(|_| Client::connect(proxy.addr)).collect();
    proxy.process.signal(Signal::USR1);
    proxy.process.cont();
    for client in &mut clients {
        client.ping("late");
    }
    drop(clients);
    assert!(proxy.process.wait().success());
}

fn hard_stop_after_ends_a_graceful_stop(kind: Kind) {
    let (mut proxy, _server) = echo(kind, "hard-stop-after 500ms");
    let mut client = Client::connect(proxy.addr);
    client.ping("before");
    let asked = Instant::now();
    proxy.process.signal(Signal::USR1);
    proxy.process.wait();
    assert!(asked.elapsed() >= Duration::from_millis(500));
    client.drain();
    proxy.log.expect(&["fe be/s1 ", " K- 1/1/0/0/0 0/0"]);
    proxy.log.expect(&["soft-stop running for too long, performing a hard-stop."]);
    proxy.log.expect(&["Proxy fe hard-stopped (1 remaining conns will be closed)."]);
}

fn grace_is_announced_and_its_end_told(kind: Kind) {
    let (mut proxy, _server) = echo(kind, "grace 2s");
    proxy.process.signal(Signal::USR1);
    proxy.log.expect(&["Scheduling a soft-stop in 2000 ms."]);
    // It goes on accepting until then.
    Client::connect(proxy.addr).ping("still served");
    proxy.log.expect(&["Grace period expired, proceeding with soft-stop now."]);
    assert!(proxy.process.wait().success());
    for (level, text) in [("<132>", "Scheduling a soft-stop"), ("<133>", "Grace period expired")] {
        let lines = proxy.log.raw();
        assert!(lines.iter().any(|line| line.starts_with(level) && line.contains(text)), "{text}");
    }
    let said = proxy.process.output();
    assert!(said.contains("Scheduling a soft-stop in 2000 ms."), "{said}");
    assert!(said.contains("Grace period expired, proceeding with soft-stop now."), "{said}");
}

/// Connections that never stop coming, and what failed among them.
struct Probe {
    over: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Probe {
    fn start(addr: std::net::SocketAddr) -> Self {
        let (over, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stop, counted) = (Arc::clone(&over), Arc::clone(&good));
        let task = spawn(async move {
            let mut failures = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let visit = tokio::task::spawn_blocking(move || {
                    let mut client = Client::try_connect(addr)?;
                    std::io::Write::write_all(&mut client.0, b"ping\n")?;
                    client.line()
                });
                match visit.await.unwrap() {
                    Ok(line) if line == "ping" => drop(counted.fetch_add(1, Ordering::Relaxed)),
                    Ok(line) => failures.push(format!("answered {line:?}")),
                    Err(error) => failures.push(error.to_string()),
                }
            }
            failures
        });
        Self { over, good, task }
    }

    /// Waits for `count` more good connections.
    fn wait_more(&self, count: u64) {
        let before = self.good.load(Ordering::Relaxed);
        eventually("connections go on", || {
            (self.good.load(Ordering::Relaxed) >= before + count).then_some(())
        });
    }

    fn finish(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        crate::harness::block_on(self.task).unwrap()
    }
}

fn reload_with(kind: Kind, signal: Signal) {
    let (one, two) = (Backend::echo(), Backend::echo());
    let scene = Scene::new(kind).reloadable().backend(&format!("server s1 {}", one.addr));
    let proxy = scene.start();
    let mut client = Client::connect(proxy.addr);
    client.ping("before");
    let probe = Probe::start(proxy.addr);
    probe.wait_more(20);
    let before = two.accepted();
    let changed = proxy.text().replace(&one.addr.to_string(), &two.addr.to_string());
    proxy.reload(&changed, signal);
    eventually("the new server is used", || (two.accepted() > before + 20).then_some(()));
    client.ping("after");
    if kind == Kind::Haproxy {
        // The master of 2.6 hangs at times in a reload while a former worker still drains.
        assert_eq!(probe.finish(), [""; 0]);
        return;
    }
    // Back again: a second reload is no different from the first.
    let before = one.accepted();
    proxy.reload(&changed.replace(&two.addr.to_string(), &one.addr.to_string()), signal);
    eventually("the old server is used", || (one.accepted() > before + 20).then_some(()));
    client.ping("after the second");
    let failures = probe.finish();
    assert!(failures.is_empty(), "{failures:?}");
}

fn reload_keeps_sessions_and_never_refuses(kind: Kind) {
    reload_with(kind, Signal::HUP);
}

fn reload_with_sigusr2_too(kind: Kind) {
    reload_with(kind, Signal::USR2);
}

fn bad_file_changes_nothing_and_says_why(kind: Kind) {
    let server = Backend::greet("s1");
    let scene = Scene::new(kind).reloadable().backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    let good = proxy.text();
    proxy.reload(&format!("{good}\nbackend other\n    balans roundrobin\n"), Signal::HUP);
    eventually("the mistake is named", || proxy.process.output().contains("balans").then_some(()));
    for _ in 0..10 {
        assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    }
}

fn reload_opens_and_closes_listeners(kind: Kind) {
    let (server, more) = (Backend::greet("s1"), free_port());
    let scene = Scene::new(kind).reloadable().backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    let before = proxy.text();
    let (kept, added) = (proxy.addr, (std::net::Ipv4Addr::LOCALHOST, more).into());
    let both = before.replace("frontend fe\n", &format!("frontend fe\n    bind {added}\n"));
    proxy.reload(&both, Signal::HUP);
    eventually("the new listener serves", || served_by(added).ok());
    assert_eq!(served_by(kept).unwrap(), "s1");
    if kind == Kind::Haproxy {
        // Its master hangs in a reload that overlaps the end of the last worker.
        eventually("the former worker has left", || {
            proxy.process.output().contains("Former worker").then_some(())
        });
    }
    proxy.reload(&before, Signal::HUP);
    eventually("it is closed again", || (!is_listening(more)).then_some(()));
    assert_eq!(served_by(kept).unwrap(), "s1");
}
