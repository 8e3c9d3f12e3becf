//! A relay between two addresses, which counts what it passes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a relay passed on.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) connections: AtomicUsize,
    /// Reads of what the check said, and of what it was answered.
    pub(crate) asked: AtomicUsize,
    pub(crate) answered: AtomicUsize,
    pub(crate) bytes_max: AtomicUsize,
    /// Who ends without a word is not passed on, and hears nothing.
    pub(crate) is_deaf: AtomicBool,
    /// While it is locked, what comes is accepted and not passed on.
    pub(crate) gate: Mutex<()>,
}

/// Passes on to `server` what comes to `bind`, and counts.
pub(crate) fn relay(bind: SocketAddr, server: SocketAddr) -> (SocketAddr, Arc<Passed>) {
    let listener = TcpListener::bind(bind).unwrap();
    let (addr, passed) = (listener.local_addr().unwrap(), Arc::new(Passed::default()));
    let counts = Arc::clone(&passed);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            drop(counts.gate.lock().unwrap());
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { return };
            counts.connections.fetch_add(1, Ordering::SeqCst);
            for (from, to, is_asked) in [(&client, &server, true), (&server, &client, false)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let counts = Arc::clone(&counts);
                std::thread::spawn(move || pass(from, to, &counts, is_asked));
            }
        }
    });
    (addr, passed)
}

fn pass(mut from: TcpStream, mut to: TcpStream, counts: &Passed, is_asked: bool) {
    let mut chunk = [0; 1 << 16];
    let mut has_spoken = false;
    while let Ok(len @ 1..) = from.read(&mut chunk) {
        has_spoken = true;
        let count = if is_asked { &counts.asked } else { &counts.answered };
        count.fetch_add(1, Ordering::SeqCst);
        counts.bytes_max.fetch_max(len, Ordering::SeqCst);
        if to.write_all(&chunk[..len]).is_err() {
            break;
        }
    }
    if has_spoken || !is_asked || !counts.is_deaf.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
