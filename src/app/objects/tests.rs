//! Reloads of what runs, without sockets.

use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

use std::future::Future;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::app::features::facts;
use crate::check::Engine;
use crate::clock;
use crate::config::{Language, Surroundings, load};
use crate::pure::balance::Request;
use crate::state::{Assigned, Lease, Way};
use crate::telemetry::bus::bus;

fn config(servers: &str) -> Arc<Config> {
    let mut sources = SourceMap::default();
    sources.add(
        "test.cfg",
        format!("backend be\nmode tcp\ntimeout connect 1s\ntimeout server 1s\n{servers}"),
    );
    let surroundings = &mut Surroundings {
        world: &mut |_: &str| Err("no such host".to_owned()),
        environment: &mut Environment::new(),
        facts: &facts(),
    };
    let (config, _) = load(Language::Haproxy, &sources, surroundings);
    Arc::new(config.expect("a sound configuration"))
}

/// A process that runs `servers`, and its only backend.
fn running(servers: &str) -> (Process, Arc<Backend>) {
    let config = config(servers);
    let now = clock::now();
    let process = Process::new(now, 1, 100, Arc::clone(&config));
    apply(&process, config, now);
    let backend = Arc::clone(&process.objects().backends[0]);
    (process, backend)
}

fn assign(backend: &Arc<Backend>) -> Lease {
    match backend.assign(&Request::default(), Way::default()) {
        Assigned::Lease(lease) => lease,
        other => panic!("no slot but {other:?}"),
    }
}

fn places(backend: &Backend) -> Vec<u32> {
    backend.live().servers.iter().map(|server| server.index.0).collect()
}

#[test]
fn sessions_of_a_removed_server_take_no_slot_of_a_new_one() {
    let (process, backend) = running("server a 127.0.0.1:1 maxconn 1\n");
    let old = assign(&backend);
    apply(&process, config(""), clock::now());
    assert!(!backend.live().contains(old.server.index));
    apply(&process, config("server b 127.0.0.1:2 maxconn 1\n"), clock::now());
    let new = assign(&backend);
    assert_eq!(&*new.server.name, "b");
    // The old session asks whether its server left: the new one must not answer for it.
    assert!(!backend.live().contains(old.server.index));
}

#[test]
fn a_place_is_free_again_once_nobody_refers_to_its_server() {
    let (process, backend) = running("server a 127.0.0.1:1\nserver b 127.0.0.1:2\n");
    let old = assign(&backend);
    apply(&process, config("server c 127.0.0.1:3\n"), clock::now());
    assert_eq!(places(&backend), [2]);
    drop(old);
    apply(&process, config("server c 127.0.0.1:3\nserver d 127.0.0.1:4\n"), clock::now());
    assert_eq!(places(&backend), [2, 0]);
    let live = backend.live();
    for (place, name) in [(0, Some("d")), (1, None), (2, Some("c")), (3, None)] {
        let index = ServerIndex(place);
        assert_eq!(live.server(index).map(|server| &*server.name), name);
        assert_eq!(live.contains(index), name.is_some());
    }
}

/// What must happen within the patience of a loaded machine.
async fn soon<T>(what: impl Future<Output = std::io::Result<T>>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("in time").expect("no error")
}

/// A server that is asked for `word` once an hour.
fn asked_for(word: &str, port: u16) -> String {
    format!(
        "option tcp-check\ntcp-check expect string {word}\nserver a 127.0.0.1:{port} check inter 1h\n"
    )
}

#[tokio::test]
async fn what_a_check_found_that_asks_something_else_now_is_void() {
    let listener = soon(TcpListener::bind("127.0.0.1:0")).await;
    let port = listener.local_addr().expect("bound").port();
    let (process, backend) = running(&asked_for("old", port));
    let process = Arc::new(process);
    let (bus, _intake) = bus();
    let mut engine = Engine::new(Arc::clone(&process), bus);
    engine.follow(&process.objects());
    let (mut stream, _): (TcpStream, _) = soon(listener.accept()).await;
    apply(&process, config(&asked_for("new", port)), clock::now());
    engine.follow(&process.objects());
    soon(stream.write_all(b"old")).await;
    // The new question is asked at once, and nothing is known before its answer.
    let (mut stream, _) = soon(listener.accept()).await;
    let server = Arc::clone(&backend.live().servers[0]);
    assert_eq!(server.health().last_verdict(), None);
    soon(stream.write_all(b"new")).await;
    let passed = async { Ok(server.passes().wait_for(Option::is_some).await.map(|_| ())) };
    soon(passed).await.expect("somebody checks");
    assert!(server.health().last_verdict().is_some_and(|verdict| verdict.passed()));
}
