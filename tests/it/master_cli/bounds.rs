//! Clients of the master's sockets who mean it badly: nothing grows, and nobody else waits.

use std::io::{ErrorKind, Write};

use super::{Desk, say, until};
use crate::harness::proxy::Kind;

#[test]
fn a_client_that_sends_without_end_is_sent_away() {
    let desk = Desk::start(Kind::Evenkeel, "");
    for start in ["", "@1 add map x <<\n"] {
        let mut stream = desk.connect();
        stream.write_all(start.as_bytes()).unwrap();
        let block = [b"x".repeat(1023), vec![if start.is_empty() { b'x' } else { b'\n' }]].concat();
        let refused = (0..1 << 20).find_map(|_| stream.write_all(&block).err()).unwrap();
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(gone.contains(&refused.kind()), "{refused}");
    }
    assert!(desk.ask("show proc").contains("# workers"));
}

#[test]
fn clients_that_never_read_cost_no_memory_and_block_nobody() {
    let desk = Desk::start(Kind::Evenkeel, "");
    let before = desk.master.process.resident_kib();
    let lines = "@1 show info\n".repeat(100);
    let mut greedy = Vec::new();
    for _ in 0..5 {
        let mut stream = desk.connect();
        stream.set_nonblocking(true).unwrap();
        let refused = (0..1 << 20).find_map(|_| stream.write_all(lines.as_bytes()).err()).unwrap();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        greedy.push(stream);
    }
    assert!(desk.ask("@1 show info;show proc").contains("# workers"));
    let grown = desk.master.process.resident_kib().saturating_sub(before);
    assert!(grown < 20_000, "{grown} KiB");
}

/// The eleventh waits in the kernel and is served when another leaves.
#[test]
fn there_are_at_most_ten_clients() {
    let desk = Desk::start(Kind::Evenkeel, "");
    let mut inside: Vec<_> = (0..10).map(|_| desk.connect()).collect();
    for stream in &mut inside {
        assert_eq!(say(stream, "prompt", "> "), "master> ");
    }
    let mut waits = desk.connect();
    waits.write_all(b"prompt\n").unwrap();
    inside.pop();
    assert_eq!(until(&mut waits, "> "), "master> ");
}
