//! Spinning instead of sleeping: a worker that just had something to do looks at its sockets again and
//! again for a while, since to be woken takes a thread longer than a message takes.
//!
//! ```text
//! asleep ── a socket or a timer wakes it ──> looks ── there was activity ──> spins
//!    ^                                         │                               │
//!    └──────────── there was none ─────────────┴──── the window has passed ────┘
//! ```
//! Whoever spins yields after each look: tasks run as they would. Nothing is spent where the setting is
//! absent but the note of one bit a message.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::clock;

thread_local! {
    /// Something happened on this worker since it was looked at last.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
}

/// Something happened on this worker that more may follow soon.
pub fn note() {
    ACTIVE.set(true);
}

/// Keeps the worker that it runs on from sleeping until nothing has happened for `window`; `woken` says
/// that it slept.
///
/// # Cancel safety
/// Safe: it sleeps as without it.
pub async fn spin(window: Duration, woken: Arc<Notify>) {
    loop {
        woken.notified().await;
        // What was woken together runs first.
        yield_now().await;
        if !ACTIVE.take() {
            continue;
        }
        let mut last = clock::now();
        loop {
            yield_now().await;
            let now = clock::now();
            if ACTIVE.take() {
                last = now;
            } else if now.saturating_duration_since(last) >= window {
                break;
            }
        }
    }
}
