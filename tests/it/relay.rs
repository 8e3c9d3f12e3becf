//! What goes through the relay: every byte, both FINs, resets, and no more memory than a bound.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::harness::backend::Backend;
use crate::harness::bulk::{self, Ending, Order};
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{block_on, both, eventually, within};

both! {
    every_byte_of_200_concurrent_sessions_arrives_once_and_in_order,
    sessions_that_die_in_the_middle_harm_no_other,
    half_close_is_kept_half_open,
    reset_by_the_server_reaches_the_client,
    reset_by_the_client_reaches_the_server,
    bytes_sent_before_a_close_are_delivered,
    slow_reader_costs_no_memory,
    idle_sessions_stay_open,
}

/// Concurrent sessions of the checksummed scenarios.
const SESSIONS: u64 = 200;

fn order(index: u64, ending: Ending) -> Order {
    let mut rng = fastrand::Rng::with_seed(index);
    Order { seed: index, up_bytes: rng.u64(0..600_000), down_bytes: rng.u64(0..600_000), ending }
}

fn run_all(addr: SocketAddr, orders: impl Iterator<Item = Order>) -> Vec<(Order, End)> {
    let ends: Vec<Result<(Order, End), String>> = block_on(async {
        let mut sessions = JoinSet::new();
        for order in orders {
            sessions.spawn(async move { Ok((order, bulk::session(addr, order).await?)) });
        }
        sessions.join_all().await
    });
    let (good, bad): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    assert!(bad.is_empty(), "{} sessions failed: {bad:#?}", bad.len());
    good.into_iter().flatten().collect()
}

fn every_byte_of_200_concurrent_sessions_arrives_once_and_in_order(kind: Kind) {
    let server = bulk::backend();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let endings = [Ending::Together, Ending::ClientFirst, Ending::ServerFirst];
    run_all(
        proxy.addr,
        (0..SESSIONS).map(|index| order(index, endings[usize::try_from(index).unwrap() % 3])),
    );
    assert_eq!(server.accepted(), SESSIONS);
}

fn sessions_that_die_in_the_middle_harm_no_other(kind: Kind) {
    let server = bulk::backend();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let ended = run_all(
        proxy.addr,
        (0..SESSIONS).map(|index| {
            let dies = index % 4 == 0;
            let mut order = order(index, if dies { Ending::Reset } else { Ending::Together });
            // Enough for the reset to fall among the data.
            order.down_bytes += 100_000;
            order
        }),
    );
    // haproxy turns the server's reset into a FIN; Evenkeel does not hide it.
    for (order, end) in ended.into_iter().filter(|(order, _)| order.ending == Ending::Reset) {
        assert!(kind == Kind::Haproxy || end == End::Reset, "{order:?} ended with a FIN");
    }
}

fn half_close_is_kept_half_open(kind: Kind) {
    let server = Backend::answer_after_fin();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.send("asked before the FIN");
    client.half_close();
    assert_eq!(client.drain(), (b"asked before the FIN".to_vec(), End::Fin));
    proxy.log.expect(&["fe be/s1 ", " -- "]);
}

fn reset_by_the_server_reaches_the_client(kind: Kind) {
    let server = Backend::reset_after(10);
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.send("go");
    let mut ten = [0; 10];
    std::io::Read::read_exact(&mut client.0, &mut ten).unwrap();
    client.send("now");
    let (rest, end) = client.drain();
    assert!(rest.is_empty());
    if kind == Kind::Evenkeel {
        assert_eq!(end, End::Reset);
    }
    proxy.log.expect(&["fe be/s1 ", " SD "]);
}

fn reset_by_the_client_reaches_the_server(kind: Kind) {
    let (seen, ends) = std::sync::mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut buf = [0; 64];
            let end = loop {
                match tokio::io::AsyncReadExt::read(&mut stream, &mut buf).await {
                    Ok(0) => break End::Fin,
                    Ok(_) => {
                        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"ok").await;
                    }
                    Err(_) => break End::Reset,
                }
            };
            let _ = seen.send(end);
        }
    });
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.send("hello");
    std::io::Read::read_exact(&mut client.0, &mut [0; 2]).unwrap();
    client.reset();
    let end = ends.recv_timeout(Duration::from_secs(30)).unwrap();
    if kind == Kind::Evenkeel {
        assert_eq!(end, End::Reset);
    }
    proxy.log.expect(&["fe be/s1 ", " CD "]);
}

fn bytes_sent_before_a_close_are_delivered(kind: Kind) {
    let server = Backend::new(|mut stream| async move {
        let block = vec![b'z'; 300_000];
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &block).await;
    });
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    for _ in 0..20 {
        let (bytes, end) = Client::connect(proxy.addr).drain();
        assert_eq!((bytes.len(), end), (300_000, End::Fin));
    }
}

fn slow_reader_costs_no_memory(kind: Kind) {
    let server = Backend::endless();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let before = proxy.process.resident_kib();
    let clients: Vec<Client> = (0..50).map(|_| Client::connect(proxy.addr)).collect();
    eventually("all are connected", || (server.accepted() >= 50).then_some(()));
    // Long enough for an unbounded relay to take hundreds of megabytes; one that is bounded
    // stays below from the first moment to the last.
    let grown = within(Duration::from_secs(4), || {
        let grown = proxy.process.resident_kib().saturating_sub(before);
        (grown > 50 * 512).then_some(grown)
    });
    assert_eq!(grown, None, "KiB more for 50 clients that do not read");
    drop(clients);
}

fn idle_sessions_stay_open(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind).backend(&format!("server s1 {}", server.addr)).start();
    let mut clients: Vec<Client> = (0..300).map(|_| Client::connect(proxy.addr)).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.ping(&format!("round {round}"));
        }
    }
    assert_eq!(server.accepted(), 300);
}
