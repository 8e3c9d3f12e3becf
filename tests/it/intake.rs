//! What frontends and listeners count of connections that never become sessions.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End};
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    what_is_refused_early_is_a_connection_and_no_session,
    a_connection_that_is_rejected_is_reset,
}

/// A frontend's lines, and its and its listener's cells after one client.
struct Row<'a> {
    lines: &'a str,
    frontend: [&'a str; 7],
    listener: [&'a str; 6],
}

const COLUMNS: [&str; 7] = ["scur", "stot", "dreq", "dcon", "dses", "ereq", "conn_tot"];

fn cells(api: &Api, proxy: &str, name: &str) -> Vec<String> {
    let text = api.ask("show stat");
    let mut lines = text.lines().map(|line| line.trim_start_matches("# ").split(','));
    let header: Vec<&str> = lines.next().unwrap().collect();
    let mut rows = lines.map(Iterator::collect::<Vec<_>>);
    let row = rows.find(|cells| cells.starts_with(&[proxy, name])).expect("a row");
    let at = |name: &str| header.iter().position(|column| *column == name).expect("a column");
    COLUMNS.iter().map(|column| row[at(column)].to_owned()).collect()
}

fn what_is_refused_early_is_a_connection_and_no_session(kind: Kind) {
    let rows = [
        Row {
            lines: "tcp-request connection reject",
            frontend: ["0", "0", "0", "1", "0", "0", "1"],
            listener: ["0", "1", "0", "1", "0", "0"],
        },
        Row {
            lines: "tcp-request session reject",
            frontend: ["0", "0", "0", "0", "1", "0", "1"],
            listener: ["0", "1", "0", "0", "1", "0"],
        },
        Row {
            lines: "tcp-request content reject",
            frontend: ["0", "1", "1", "0", "0", "0", "1"],
            listener: ["0", "1", "1", "0", "0", "0"],
        },
        // Its header is none.
        Row {
            lines: "tcp-request connection expect-proxy layer4",
            frontend: ["0", "0", "0", "0", "0", "0", "1"],
            listener: ["0", "1", "0", "0", "0", "0"],
        },
        Row {
            lines: "",
            frontend: ["0", "1", "0", "0", "0", "0", "1"],
            listener: ["0", "1", "0", "0", "0", "0"],
        },
    ];
    let (server, api) = (Backend::echo(), Api::new());
    let mut scene =
        Scene::new(kind).global(&api.lines()).backend(&format!("server s1 {}\n", server.addr));
    let mut addrs = Vec::new();
    for (at, Row { lines, .. }) in rows.iter().enumerate() {
        let addr = free_addr();
        scene = scene.backend(&format!(
            "frontend f{at}\nbind {addr}\noption socket-stats\n{lines}\ndefault_backend be\n"
        ));
        addrs.push(addr);
    }
    let _proxy = scene.start();
    for addr in addrs {
        // It may be closed already.
        let Ok(mut client) = Client::try_connect(addr) else { continue };
        let _ = client.0.write_all(b"hello\r\n");
        let _ = client.0.shutdown(Shutdown::Write);
        client.drain();
    }
    for (at, Row { frontend, listener, .. }) in rows.iter().enumerate() {
        let name = format!("f{at}");
        eventually(&format!("{name} has ended"), || {
            (cells(&api, &name, "FRONTEND")[0] == "0").then_some(())
        });
        assert_eq!(cells(&api, &name, "FRONTEND"), frontend, "{name}");
        assert_eq!(cells(&api, &name, "sock-1")[..6], *listener, "{name}");
    }
    api.ask("clear counters all");
    for (at, _) in rows.iter().enumerate() {
        assert_eq!(cells(&api, &format!("f{at}"), "FRONTEND"), ["0"; 7], "f{at}");
        assert_eq!(cells(&api, &format!("f{at}"), "sock-1")[..6], ["0"; 6], "f{at}");
    }
    let info = api.ask("show info");
    assert!(info.contains("\nMaxSessRate: 0\n"), "{info}");
}

fn a_connection_that_is_rejected_is_reset(kind: Kind) {
    let server = format!("server s1 {}", free_addr());
    let reject = "tcp-request connection reject";
    let proxy = Scene::new(kind).frontend(reject).backend(&server).start();
    for _ in 0..10 {
        match Client::try_connect(proxy.addr) {
            Ok(mut client) => assert_eq!(client.drain(), (Vec::new(), End::Reset)),
            // It was faster than the rest of connecting.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}
